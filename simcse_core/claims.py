"""The report's claims, each held against measured rows by a criterion stated beforehand.

Effects are on the test split. Their intervals are over seeds (Student's t, 95 %): they say how far
another random order and dropout could move the effect, not how far another test set could.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

SUPPORTED, REFUTED, UNDECIDED = "supported", "not supported", "undecided"
# Differences below this count as "hardly any": they are a fraction of a test-set interval's width.
SMALL = 0.02
# What the report calls a large gain; its own before-after difference on BERT is near 0.3.
LARGE = 0.10


@dataclass(frozen=True)
class Effect:
    """A difference in Spearman: mean over seeds and the ends of its interval over seeds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        interval = "" if np.isnan(self.low) else f" [{self.low:+.3f}, {self.high:+.3f}]"
        return f"{self.value:+.3f}{interval}"


def effect(differences: pd.Series[float]) -> Effect:
    """Mean over seeds with its t interval; the interval is NaN for a single seed."""
    values = differences.to_numpy(dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return Effect(mean, float("nan"), float("nan"))
    half = float(student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Effect(mean, mean - half, mean + half)


def at_least(measured: Effect, bound: float) -> str:
    """Supported if the whole interval is at or above the bound, not if all of it is below."""
    return _verdict(measured.low >= bound, measured.high < bound)


def within(measured: Effect, bound: float) -> str:
    """Supported if the whole interval lies in [-bound, bound], not if all of it lies outside."""
    return _verdict(
        -bound <= measured.low and measured.high <= bound,
        measured.low > bound or measured.high < -bound,
    )


def at_most(measured: Effect, bound: float) -> str:
    """Supported if the whole interval is at or below the bound, not if all of it is above."""
    return _verdict(measured.high <= bound, measured.low > bound)


def judge(
    baselines: pd.DataFrame,
    small: pd.DataFrame,
    large: pd.DataFrame,
    epochs: pd.DataFrame,
    overview: pd.DataFrame,
) -> pd.DataFrame:
    """The report's six claims with criterion, measured effect and verdict, one row each.

    Args:
        baselines, small, large, epochs, overview: tidy rows of the five experiments.
    """
    rows = [
        _untrained_is_poor(baselines),
        *_small_sample(small),
        _claim(
            "More data adds little",
            f"largest minus smallest size within ±{SMALL}",
            _difference(large, "n_train"),
            lambda e: within(e, SMALL),
        ),
        _claim(
            "More epochs add little",
            f"last minus first epoch within ±{SMALL}",
            _difference(epochs, "epoch"),
            lambda e: within(e, SMALL),
        ),
        _claim(
            "SimCSE brings a large gain",
            f"after minus before, mean over encoders, at least {LARGE}",
            effect(_gains(overview)),
            lambda e: at_least(e, LARGE),
        ),
        _supervised(overview),
    ]
    return pd.DataFrame(rows)


def _on_test(rows: pd.DataFrame) -> pd.DataFrame:
    """The Spearman rows of the test split."""
    return rows[(rows["metric"] == "spearman") & (rows["split"] == "test")]


def _claim(
    claim: str, criterion: str, measured: Effect | None, verdict: Callable[[Effect], str]
) -> dict[str, object]:
    if measured is None:
        return {"claim": claim, "criterion": "not measured", "effect": "", "verdict": UNDECIDED}
    return {
        "claim": claim,
        "criterion": criterion,
        "effect": str(measured),
        "verdict": verdict(measured),
    }


def _untrained_is_poor(baselines: pd.DataFrame) -> dict[str, object]:
    rows = _on_test(baselines)
    cls = rows[(rows["method"] == "untrained") & (rows["pooling"] == "cls")]
    words = rows[rows["encoder"] == "none"]
    best, reference = cls.nlargest(1, "value").iloc[0], words["value"].max()
    measured = Effect(*(float(best[end]) - reference for end in ("value", "ci_low", "ci_high")))
    return _claim(
        "Untrained encoders are poor",
        "best untrained [CLS] minus best TF-IDF at most 0 (interval over pairs)",
        measured,
        lambda e: at_most(e, 0.0),
    )


def _small_sample(small: pd.DataFrame) -> list[dict[str, object]]:
    curve = _by_seed(small, "n_train")
    sizes = [int(size) for size in curve.columns if int(size) > 0]
    middle = max((size for size in sizes if size <= 400), default=sizes[0])
    rest = effect(curve[sizes[-1]] - curve[middle]) if middle < sizes[-1] else None
    return [
        _claim(
            "A steep rise below 400 sentences",
            f"{middle} sentences minus untrained at least {LARGE}",
            effect(curve[middle] - curve[0]),
            lambda e: at_least(e, LARGE),
        ),
        _claim(
            "Flat after 400 sentences",
            f"{sizes[-1]} minus {middle} sentences within ±{SMALL}",
            rest,
            lambda e: within(e, SMALL),
        ),
    ]


def _supervised(overview: pd.DataFrame) -> dict[str, object]:
    rows = _on_test(overview)
    supervised = rows[rows["method"] == "sup-simcse"]
    unsupervised = rows[rows["method"] == "unsup-simcse"]
    pairs = unsupervised.merge(supervised, on=["encoder", "seed"], suffixes=("_unsup", "_sup"))
    return _claim(
        "Comparable to supervised training",
        f"unsupervised minus supervised at least -{SMALL}",
        effect(pairs["value_unsup"] - pairs["value_sup"]) if len(pairs) else None,
        lambda e: at_least(e, -SMALL),
    )


def _gains(overview: pd.DataFrame) -> pd.Series[float]:
    rows = _on_test(overview)
    before = rows[rows["method"] == "untrained"].groupby(["encoder", "seed"])["value"].mean()
    after = rows[rows["method"] == "unsup-simcse"].groupby(["encoder", "seed"])["value"].mean()
    return (after - before).groupby("seed").mean()


def _difference(rows: pd.DataFrame, x: str) -> Effect | None:
    """Last minus first point of a curve; None where there is only one."""
    curve = _by_seed(rows[rows["epoch"] > 0], x)
    if len(curve.columns) < 2:
        return None
    return effect(curve[curve.columns[-1]] - curve[curve.columns[0]])


def _by_seed(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Test Spearman with a row for each seed and a column for each value of ``x``, ascending."""
    return _on_test(rows).pivot_table(index="seed", columns=x, values="value").sort_index(axis=1)


def _verdict(supported: bool, refuted: bool) -> str:
    return SUPPORTED if supported else REFUTED if refuted else UNDECIDED
