from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

from simcse_core.claims import Effect, at_least, at_most, effect, judge, within

NAN = math.nan


def rows(**columns: object) -> pd.DataFrame:
    fixed = {"metric": "spearman", "split": "test", "encoder": "e", "pooling": "cls"}
    return pd.DataFrame({**fixed, **columns})


def curve(x: str, values: Mapping[float, Sequence[float]]) -> pd.DataFrame:
    """Test Spearman by point and seed; a point of 0 is the untrained encoder."""
    frames = [
        rows(**{"epoch": float(point > 0), x: point}, seed=range(len(v)), value=v, method="m")
        for point, v in values.items()
    ]
    return pd.concat(frames, ignore_index=True)


BASELINES = pd.concat(
    [
        rows(encoder="none", method=["tfidf-char"], value=0.5, ci_low=0.4, ci_high=0.6),
        rows(method=["untrained"], value=0.3, ci_low=0.2, ci_high=0.4),
        rows(method=["untrained"], pooling="mean", value=0.9, ci_low=0.8, ci_high=1.0),
        rows(method=["untrained"], split="dev", value=0.9, ci_low=0.8, ci_high=1.0),
    ],
    ignore_index=True,
)
SMALL = curve("n_train", {0: [0.3] * 3, 50: [0.4] * 3, 350: [0.5, 0.51, 0.52], 800: [0.51] * 3})
LARGE = curve("n_train", {0: [0.3] * 3, 5000: [0.6] * 3, 50000: [0.61, 0.612, 0.608]})
EPOCHS = curve("epoch", {0: [0.3] * 3, 1: [0.6] * 3, 20: [0.7, 0.71, 0.72]})
OVERVIEW = pd.concat(
    [
        rows(method="untrained", seed=range(3), value=0.3),
        rows(method="unsup-simcse", seed=range(3), value=[0.5, 0.51, 0.52]),
        rows(method="sup-simcse", seed=range(3), value=[0.6, 0.61, 0.62]),
    ],
    ignore_index=True,
)


def verdicts(
    baselines: pd.DataFrame = BASELINES,
    small: pd.DataFrame = SMALL,
    large: pd.DataFrame = LARGE,
    epochs: pd.DataFrame = EPOCHS,
    overview: pd.DataFrame = OVERVIEW,
) -> dict[str, str]:
    table = judge(baselines, small, large, epochs, overview)
    return dict(zip(table["claim"], table["verdict"], strict=True))


def one_seed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["seed"] == 0]


# --- effects ---------------------------------------------------------------------------------


def test_an_effect_is_the_mean_with_students_interval() -> None:
    # Mean 0.2, standard deviation 0.1, 3 seeds: t(0.975; 2) = 4.302653.
    half = 4.302653 * 0.1 / math.sqrt(3)
    found = effect(pd.Series([0.1, 0.2, 0.3]))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))


def test_one_seed_has_no_interval() -> None:
    found = effect(pd.Series([0.25]))
    assert found.value == 0.25
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (Effect(0.1234, 0.1, 0.15), "+0.123 [+0.100, +0.150]"),
        (Effect(-0.01, NAN, NAN), "-0.010"),
    ],
)
def test_an_effect_is_told_with_its_interval_if_there_is_one(measured: Effect, said: str) -> None:
    assert str(measured) == said


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.3, "supported"),
        (0.0, 0.09, "not supported"),
        (0.05, 0.2, "undecided"),
        (NAN, NAN, "undecided"),
    ],
)
def test_at_least(low: float, high: float, verdict: str) -> None:
    assert at_least(Effect((low + high) / 2, low, high), 0.1) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.3, 0.0, "supported"),
        (0.1, 0.3, "not supported"),
        (-0.1, 0.1, "undecided"),
        (NAN, NAN, "undecided"),
    ],
)
def test_at_most(low: float, high: float, verdict: str) -> None:
    assert at_most(Effect((low + high) / 2, low, high), 0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.02, "supported"),
        (0.03, 0.05, "not supported"),
        (-0.05, -0.03, "not supported"),
        (0.01, 0.03, "undecided"),
        (-0.1, 0.1, "undecided"),
        (NAN, NAN, "undecided"),
    ],
)
def test_within(low: float, high: float, verdict: str) -> None:
    assert within(Effect((low + high) / 2, low, high), 0.02) == verdict


# --- verdicts --------------------------------------------------------------------------------


def test_every_claim_of_the_report_has_a_verdict() -> None:
    assert verdicts() == {
        "Untrained encoders are poor": "supported",  # 0.3 [0.2, 0.4] against TF-IDF's 0.5
        "A steep rise below 400 sentences": "supported",  # from 0.30 to about 0.51
        "Flat after 400 sentences": "undecided",  # 0.00 with ends beyond 0.02
        "More data adds little": "supported",  # 0.610 - 0.600
        "More epochs add little": "not supported",  # 0.71 - 0.60
        "SimCSE brings a large gain": "supported",  # 0.51 - 0.30
        "Comparable to supervised training": "not supported",  # 0.1 below, for each seed
    }


def test_effects_and_criteria_are_told() -> None:
    table = judge(BASELINES, SMALL, LARGE, EPOCHS, OVERVIEW).set_index("claim")
    assert table.loc["Untrained encoders are poor", "effect"] == "-0.200 [-0.300, -0.100]"
    assert table.loc["A steep rise below 400 sentences", "criterion"] == (
        "350 sentences minus untrained at least 0.1"
    )
    assert table.loc["More epochs add little", "effect"].startswith("+0.110 [")
    assert table.loc["Comparable to supervised training", "effect"].startswith("-0.100 [")


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.7, 0.6, 0.8, "not supported"),
        (0.52, 0.45, 0.6, "undecided"),
        (0.3, 0.2, 0.4, "supported"),
    ],
)
def test_untrained_encoders_are_held_against_the_best_tfidf(
    value: float, low: float, high: float, verdict: str
) -> None:
    cls = rows(method=["untrained"], value=value, ci_low=low, ci_high=high)
    baselines = pd.concat([BASELINES.iloc[:1], cls], ignore_index=True)
    assert verdicts(baselines=baselines)["Untrained encoders are poor"] == verdict


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        ([0.51, 0.52, 0.53], "supported"),  # each seed rises by 0.01
        ([0.6, 0.61, 0.62], "not supported"),
    ],
)
def test_flat_after_400_compares_the_last_size_with_the_last_below_400(
    last: list[float], verdict: str
) -> None:
    small = curve("n_train", {0: [0.3] * 3, 350: [0.5, 0.51, 0.52], 450: [0.9] * 3, 800: last})
    assert verdicts(small=small)["Flat after 400 sentences"] == verdict


@pytest.mark.parametrize(
    ("claim", "table"),
    [
        ("A steep rise below 400 sentences", {"small": one_seed(SMALL)}),
        ("Flat after 400 sentences", {"small": one_seed(SMALL)}),
        ("More data adds little", {"large": one_seed(LARGE)}),
        ("More epochs add little", {"epochs": one_seed(EPOCHS)}),
        ("SimCSE brings a large gain", {"overview": one_seed(OVERVIEW)}),
        ("Comparable to supervised training", {"overview": one_seed(OVERVIEW)}),
    ],
)
def test_one_seed_proves_nothing(claim: str, table: dict[str, pd.DataFrame]) -> None:
    assert verdicts(**table)[claim] == "undecided"


@pytest.mark.parametrize(
    ("claim", "table"),
    [
        (
            "Flat after 400 sentences",
            {"small": curve("n_train", {0: [0.3] * 3, 50: [0.4] * 3, 150: [0.5] * 3})},
        ),
        ("More data adds little", {"large": curve("n_train", {0: [0.3] * 3, 5000: [0.6] * 3})}),
        ("More epochs add little", {"epochs": curve("epoch", {0: [0.3] * 3, 1: [0.6] * 3})}),
        (
            "Comparable to supervised training",
            {"overview": OVERVIEW[OVERVIEW["method"] != "sup-simcse"]},
        ),
    ],
)
def test_what_was_not_measured_is_undecided(claim: str, table: dict[str, pd.DataFrame]) -> None:
    # A point held against itself differs by nothing, which says nothing.
    assert verdicts(**table)[claim] == "undecided"


def test_the_gain_is_a_mean_over_encoders() -> None:
    # One gains 0.3 and one loses 0.2: 0.05 on average, for every seed.
    both = pd.concat(
        [
            rows(encoder=name, method=method, seed=range(3), value=value)
            for name, method, value in (
                ("a", "untrained", 0.3),
                ("a", "unsup-simcse", 0.6),
                ("b", "untrained", 0.5),
                ("b", "unsup-simcse", 0.3),
            )
        ],
        ignore_index=True,
    )
    assert verdicts(overview=both)["SimCSE brings a large gain"] == "not supported"


def test_dev_and_other_metrics_decide_nothing() -> None:
    def with_noise(frame: pd.DataFrame) -> pd.DataFrame:
        noise = [frame.assign(split="dev", value=9.0), frame.assign(metric="alignment", value=9.0)]
        return pd.concat([frame, *noise], ignore_index=True)

    tables = [with_noise(t) for t in (BASELINES, SMALL, LARGE, EPOCHS, OVERVIEW)]
    assert verdicts(*tables) == verdicts()
