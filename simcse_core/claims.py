"""The report's claims, each held against measured differences by a criterion stated beforehand.

Effects are differences in Spearman on the test split, with the two intervals of
:mod:`simcse_core.comparison`. What is compared is chosen by the criterion or on dev, never on test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from typing import NamedTuple

import pandas as pd

from simcse_core.comparison import MEAN_OF_ENCODERS
from simcse_core.config import Kind, Pooling

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


class Differences(NamedTuple):
    """What claims are judged on: differences as :mod:`simcse_core.comparison` gives them."""

    baselines: pd.DataFrame
    small: pd.DataFrame
    large: pd.DataFrame
    epochs: pd.DataFrame
    overview: pd.DataFrame

    def under(self, second: bool) -> Differences:
        """Those of [CLS], or of the pooling of each encoder that stands beside it, if any does."""
        return Differences(*(table[_of_protocol(table, second)] for table in self))


class Check(NamedTuple):
    """A criterion in words, the difference it is held against, and the criterion."""

    words: str
    difference: pd.DataFrame
    criterion: Criterion


def _untrained_poor(found: Differences, encoder: str) -> Check:
    dev, test = (_on(found.baselines, split) for split in ("dev", "test"))
    best = _best(dev, "encoder")
    words = "untrained minus TF-IDF, the best of each on dev, at most 0"
    return Check(words, test[test["encoder"] == best], at_most(0.0))


def _steep_rise(found: Differences, encoder: str) -> Check:
    small, middle = _of(_on(found.small, "test"), encoder), _turn(found)
    rise = small[(small["after_at"] == middle) & (small["before_kind"] == Kind.UNTRAINED)]
    words = f"{middle:,.0f} sentences minus untrained at least {LARGE}"
    return Check(words, _studied(rise), at_least(LARGE))


def _flat_after(found: Differences, encoder: str) -> Check:
    small, middle = _studied(_of(_on(found.small, "test"), encoder)), _turn(found)
    rest = small[(small["before"] == small["after"]) & (small["before_at"] == middle)]
    last = _places(found.small)[-1]
    return Check(f"{last:,.0f} minus {middle:,.0f} sentences within ±{SMALL}", rest, within(SMALL))


def _more_data(found: Differences, encoder: str) -> Check:
    return _first_to_last(_of(_on(found.large, "test"), encoder), "sentences")


def _more_epochs(found: Differences, encoder: str) -> Check:
    return _first_to_last(_of(_on(found.epochs, "test"), encoder), "epochs")


def _large_gain(found: Differences, encoder: str) -> Check:
    test = _of(_on(found.overview, "test"), encoder)
    gain = test[(test["after_kind"] == Kind.TRAINED) & (test["before_kind"] == Kind.UNTRAINED)]
    return Check(f"after minus before at least {LARGE}", gain, at_least(LARGE))


def _as_supervised(found: Differences, encoder: str) -> Check:
    test = _of(_on(found.overview, "test"), encoder)
    words = f"unsupervised minus supervised at least -{SMALL}"
    return Check(words, test[test["before_kind"] == Kind.LABELLED], at_least(-SMALL))


def _beats_fitting(found: Differences, encoder: str) -> Check:
    """Our own question: does training give more than fitting on the same sentences?"""
    overview = _of(found.overview, encoder)
    fitted = overview[overview["before_kind"] == Kind.FITTED]
    # What training beats by least on dev is the best there.
    best = _best(_on(fitted, "dev").assign(value=lambda t: -t["value"]), "before")
    words = f"SimCSE minus {best}, the best fitted method on dev, at least 0"
    test = _on(fitted, "test")
    return Check(words, test[test["before"] == best], at_least(0.0))


class Claim(NamedTuple):
    """A claim: what it is held against, and whether it is judged on the mean of encoders too."""

    rule: Callable[[Differences, str], Check]
    on_mean: bool = False


# To add a claim: a row here, with a function that says what it is held against. What the report
# says of its one encoder is also judged on the mean of all, where there are several.
CLAIMS: dict[str, Claim] = {
    "Untrained encoders are poor": Claim(_untrained_poor),
    f"A steep rise below {TURN} sentences": Claim(_steep_rise, on_mean=True),
    f"Flat after {TURN} sentences": Claim(_flat_after, on_mean=True),
    "More data adds little": Claim(_more_data),
    "More epochs add little": Claim(_more_epochs),
    "SimCSE brings a large gain": Claim(_large_gain, on_mean=True),
    "Comparable to supervised training": Claim(_as_supervised),
    "(ours) SimCSE beats fitting on the same sentences": Claim(_beats_fitting),
}

# What is told of a claim under a protocol; the columns of the second one begin with SECOND.
JUDGED = ("encoder", "pooling", "effect", "over_seeds", "over_pairs", "verdict")
SECOND = "second_"


def judge(found: Differences) -> pd.DataFrame:
    """The report's claims, and one question of ours, with effect, intervals and verdict.

    Each is judged under [CLS] and, by the same criterion, under the pooling that stands beside it;
    on the encoder that the report used, which is the last one of the overview, and some on the mean
    of encoders. A verdict needs both intervals: the criterion must hold, or fail, over seeds and
    over pairs. Without any seed in it, an effect is judged over pairs alone; with a single one it
    is undecided.

    Returns:
        A row for each claim and encoder: ``claim``, ``criterion``, and :data:`JUDGED` twice, those
        of the second protocol behind :data:`SECOND`; these are empty where there is one alone.
    """
    last = str(found.overview["encoder"].iloc[-1])
    poolings = set(found.overview["pooling"])
    both = Pooling.CLS in poolings and len(poolings) > 1
    parts = [found.under(second) for second in ([False, True] if both else [True])]
    rows = []
    for name, claim in CLAIMS.items():
        for encoder in [last, MEAN_OF_ENCODERS] if claim.on_mean else [last]:
            checks = [claim.rule(part, encoder) for part in parts]
            if encoder == MEAN_OF_ENCODERS and all(check.difference.empty for check in checks):
                continue  # a single encoder
            nothing: dict[str, object] = dict.fromkeys(JUDGED, "")
            one, other = [*(_judged(check) for check in checks), nothing][:2]
            rows.append(
                {"claim": name, "criterion": " / ".join(dict.fromkeys(c.words for c in checks))}
                | {**one, "encoder": one["encoder"] or encoder}
                | {f"{SECOND}{key}": value for key, value in other.items()}
            )
    return pd.DataFrame(rows)


def _judged(check: Check) -> dict[str, object]:
    if check.difference.empty or isnan(check.difference["value"].iloc[0]):
        return {**dict.fromkeys(JUDGED, ""), "effect": "not measured", "verdict": UNDECIDED}
    row = check.difference.iloc[0]
    seeds = Interval(row["seed_low"], row["seed_high"])
    pairs = Interval(row["pair_low"], row["pair_high"])
    deciding = [pairs] if row["n_seeds"] == 0 else [pairs, seeds]
    verdicts = {check.criterion(interval) for interval in deciding}
    verdict = verdicts.pop() if len(verdicts) == 1 else UNDECIDED
    told = (f"{row['value']:+.3f}", str(seeds), str(pairs), verdict)
    return dict(zip(JUDGED, (row["encoder"], row["pooling"], *told), strict=True))


def _of_protocol(table: pd.DataFrame, second: bool) -> pd.Series:
    """Which rows are of [CLS]; or of their encoder's first other pooling, [CLS] if it has none."""
    others = table[table["pooling"] != Pooling.CLS].groupby("encoder")["pooling"].first()
    wanted = [others.get(e, Pooling.CLS.value) if second else Pooling.CLS for e in table["encoder"]]
    return table["pooling"] == wanted


def _of(table: pd.DataFrame, encoder: str) -> pd.DataFrame:
    """The rows of an encoder; of the last one of the table where it lacks that one."""
    single = [name for name in dict.fromkeys(table["encoder"]) if name != MEAN_OF_ENCODERS]
    known = encoder == MEAN_OF_ENCODERS or encoder in single or not single
    return table[table["encoder"] == (encoder if known else single[-1])]


def _on(table: pd.DataFrame, split: str) -> pd.DataFrame:
    return table[table["split"] == split]


def _studied(table: pd.DataFrame) -> pd.DataFrame:
    """The differences of the objective that is studied, which is the first one there."""
    trained = table[table["after_kind"] == Kind.TRAINED]
    return trained[trained["after"] == trained["after"].iloc[0]] if len(trained) else trained


def _turn(found: Differences) -> float:
    """The last measured size up to where the report's curve turns; the first if none is."""
    sizes = _places(found.small)
    return max((size for size in sizes if size <= TURN), default=sizes[0])


def _best(rows: pd.DataFrame, column: str) -> str:
    """What stands in ``column`` where the value is highest; empty where there is no value."""
    best = rows.nlargest(1, "value")[column]
    return str(best.item()) if len(best) else ""


def _places(table: pd.DataFrame) -> list[float]:
    """Where training was measured along a curve, ascending; NaN where it broke down at once."""
    return sorted(set(_studied(table)["after_at"])) or [nan]


def _first_to_last(table: pd.DataFrame, unit: str) -> Check:
    """The last minus the first point of a curve; no row where there is only one."""
    mine, places = _studied(table), _places(table)
    words = f"{places[-1]:,.0f} minus {places[0]:,.0f} {unit} within ±{SMALL}"
    ends = mine[(mine["before"] == mine["after"]) & (mine["before_at"] == places[0])]
    return Check(words, ends, within(SMALL))


def _verdict(supported: bool, refuted: bool) -> str:
    return SUPPORTED if supported else REFUTED if refuted else UNDECIDED
