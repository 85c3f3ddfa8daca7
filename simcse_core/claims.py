"""The report's claims, each held against measured differences by a criterion stated beforehand.

Effects are differences in Spearman on the test split, with the two intervals of
:mod:`simcse_core.comparison`. What is compared is chosen by the criterion or on dev, never on test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

import pandas as pd

from simcse_core.comparison import MEAN_OF_ENCODERS, SIMCSE, SUPERVISED, UNTRAINED

SUPPORTED, REFUTED, UNDECIDED = "supported", "not supported", "undecided"
# Differences below this count as "hardly any": they are a fraction of a test-set interval's width.
SMALL = 0.02
# What the report calls a large gain; its own before-after difference on BERT is near 0.3.
LARGE = 0.10
# Where the report's curve turns from steep to flat, in sentences.
TURN = 400


@dataclass(frozen=True)
class Interval:
    """The ends of a 95 % interval of an effect; NaN where there is none."""

    low: float
    high: float

    def __str__(self) -> str:
        return "" if isnan(self.low) else f"[{self.low:+.3f}, {self.high:+.3f}]"


# From an interval to a verdict.
Criterion = Callable[[Interval], str]


def at_least(bound: float) -> Criterion:
    """Supported if the whole interval is at or above the bound, not if all of it is below."""
    return lambda found: _verdict(found.low >= bound, found.high < bound)


def at_most(bound: float) -> Criterion:
    """Supported if the whole interval is at or below the bound, not if all of it is above."""
    return lambda found: _verdict(found.high <= bound, found.low > bound)


def within(bound: float) -> Criterion:
    """Supported if the whole interval lies in [-bound, bound], not if all of it lies outside."""
    return lambda found: _verdict(
        -bound <= found.low and found.high <= bound, found.low > bound or found.high < -bound
    )


def judge(
    baselines: pd.DataFrame,
    small: pd.DataFrame,
    large: pd.DataFrame,
    epochs: pd.DataFrame,
    overview: pd.DataFrame,
) -> pd.DataFrame:
    """The report's claims, and one question of ours, with effect, intervals and verdict.

    A verdict needs both intervals: the criterion must hold, or fail, over seeds and over pairs.
    Without any seed in it, an effect is judged over pairs alone; with a single one it is undecided.

    Args:
        baselines, small, large, epochs, overview: differences of the five notebooks, as the
            functions of :mod:`simcse_core.comparison` give them.
    """
    dev, small, large, epochs, test = (
        baselines[baselines["split"] == "dev"],
        *(table[table["split"] == "test"] for table in (small, large, epochs, overview)),
    )
    best = _best(dev, "encoder")
    gain = test[(test["encoder"] == MEAN_OF_ENCODERS) & (test["before"] == UNTRAINED)]
    rows = [
        _claim(
            "Untrained encoders are poor",
            "untrained [CLS] minus TF-IDF, the best of each on dev, at most 0",
            baselines[(baselines["split"] == "test") & (baselines["encoder"] == best)],
            at_most(0.0),
        ),
        *_small_sample(small),
        _claim(
            "More data adds little",
            f"{_ends(large, 'sentences')} within ±{SMALL}",
            _first_to_last(large),
            within(SMALL),
        ),
        _claim(
            "More epochs add little",
            f"{_ends(epochs, 'epochs')} within ±{SMALL}",
            _first_to_last(epochs),
            within(SMALL),
        ),
        _claim(
            "SimCSE brings a large gain",
            f"after minus before, mean over encoders, at least {LARGE}",
            gain,
            at_least(LARGE),
        ),
        _claim(
            "Comparable to supervised training",
            f"unsupervised minus supervised at least -{SMALL}",
            test[test["before"] == SUPERVISED],
            at_least(-SMALL),
        ),
        _beats_fitting(overview),
    ]
    return pd.DataFrame(rows)


def _small_sample(small: pd.DataFrame) -> list[dict[str, object]]:
    sizes = _places(small)
    middle = max((size for size in sizes if size <= TURN), default=sizes[0])
    rise = small[(small["after_at"] == middle) & (small["before"] == UNTRAINED)]
    rest = small[(small["before"] == SIMCSE) & (small["before_at"] == middle)]
    return [
        _claim(
            f"A steep rise below {TURN} sentences",
            f"{middle:,.0f} sentences minus untrained at least {LARGE}",
            rise[rise["after"] == SIMCSE],
            at_least(LARGE),
        ),
        _claim(
            f"Flat after {TURN} sentences",
            f"{sizes[-1]:,.0f} minus {middle:,.0f} sentences within ±{SMALL}",
            rest,
            within(SMALL),
        ),
    ]


def _beats_fitting(overview: pd.DataFrame) -> dict[str, object]:
    """Our own question: does training give more than fitting on the same sentences?"""
    fitted = overview[~overview["before"].isin([UNTRAINED, SUPERVISED])]
    # What SimCSE beats by least on dev is the best there.
    best = _best(fitted[fitted["split"] == "dev"].assign(value=lambda t: -t["value"]), "before")
    return _claim(
        "(ours) SimCSE beats fitting on the same sentences",
        f"SimCSE minus {best}, the best fitted method on dev, at least 0",
        fitted[(fitted["split"] == "test") & (fitted["before"] == best)],
        at_least(0.0),
    )


def _claim(
    claim: str, criterion: str, difference: pd.DataFrame, judged: Criterion
) -> dict[str, object]:
    measured = {"claim": claim, "criterion": criterion}
    if difference.empty or isnan(difference["value"].iloc[0]):
        nothing = {"effect": "not measured", "over seeds": "", "over pairs": ""}
        return {**measured, **nothing, "verdict": UNDECIDED}
    row = difference.iloc[0]
    seeds = Interval(row["seed_low"], row["seed_high"])
    pairs = Interval(row["pair_low"], row["pair_high"])
    verdicts = {judged(pairs)} if row["n_seeds"] == 0 else {judged(pairs), judged(seeds)}
    return {
        **measured,
        "effect": f"{row['value']:+.3f}",
        "over seeds": str(seeds),
        "over pairs": str(pairs),
        "verdict": verdicts.pop() if len(verdicts) == 1 else UNDECIDED,
    }


def _best(rows: pd.DataFrame, column: str) -> str:
    """What stands in ``column`` where the value is highest; empty where there is no value."""
    best = rows.nlargest(1, "value")[column]
    return str(best.item()) if len(best) else ""


def _places(table: pd.DataFrame) -> list[float]:
    """Where SimCSE was measured along a curve, ascending; NaN where training broke down at once."""
    return sorted(set(table.loc[table["after"] == SIMCSE, "after_at"])) or [nan]


def _ends(table: pd.DataFrame, unit: str) -> str:
    places = _places(table)
    return f"{places[-1]:,.0f} minus {places[0]:,.0f} {unit}"


def _first_to_last(table: pd.DataFrame) -> pd.DataFrame:
    """SimCSE's last minus its first point; no row where there is only one."""
    return table[(table["before"] == SIMCSE) & (table["before_at"] == _places(table)[0])]


def _verdict(supported: bool, refuted: bool) -> str:
    return SUPPORTED if supported else REFUTED if refuted else UNDECIDED
