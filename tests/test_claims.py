from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest

from simcse_core.claims import Differences, Interval, at_least, at_most, judge, within
from simcse_core.comparison import MEAN_OF_ENCODERS

NAN = math.nan
CLAIMS = (
    "Untrained encoders are poor",
    "A steep rise below 400 sentences",
    "Flat after 400 sentences",
    "More data adds little",
    "More epochs add little",
    "SimCSE brings a large gain",
    "Comparable to supervised training",
    "(ours) SimCSE beats fitting on the same sentences",
)


KINDS = {
    "untrained": "untrained",
    "unsup-simcse": "trained",
    "sup-simcse": "labelled",
} | dict.fromkeys(("tfidf-char", "idf-mean", "whitening"), "fitted")


def difference(
    after: tuple[str, float],
    before: tuple[str, float],
    value: float,
    seeds: float | None = 0.005,
    pairs: float = 0.005,
    **columns: object,
) -> dict[str, object]:
    """A row with intervals of these half widths; without seeds where that is None."""
    half = NAN if seeds is None else seeds
    row = {"encoder": "tiny", "after": after[0], "after_at": after[1], "split": "test"}
    row |= {"after_kind": KINDS[after[0]], "before_kind": KINDS[before[0]]}
    row |= {"before": before[0], "before_at": before[1], "n_seeds": 0 if seeds is None else 3}
    row |= {"value": value, "seed_low": value - half, "seed_high": value + half}
    return row | {"pair_low": value - pairs, "pair_high": value + pairs} | columns


def on_both(*rows: dict[str, object]) -> pd.DataFrame:
    """The rows on test, and the same on dev but for what they say themselves."""
    return pd.DataFrame([*rows, *({**row, "split": "dev"} for row in rows)])


UNTRAINED = ("untrained", 0.0)


def simcse(at: float) -> tuple[str, float]:
    return "unsup-simcse", at


def baselines(value: float = -0.2, **columns: object) -> pd.DataFrame:
    return on_both(difference(UNTRAINED, ("tfidf-char", 0.0), value, None, **columns))


def small(rise: float = 0.2, rest: float = 0.0, **columns: object) -> pd.DataFrame:
    return on_both(
        difference(simcse(50), UNTRAINED, 0.01),
        difference(simcse(350), UNTRAINED, rise, **columns),
        difference(simcse(450), UNTRAINED, 0.9),
        difference(simcse(800), UNTRAINED, 0.9),
        difference(("whitening", 350), UNTRAINED, 0.9),
        difference(simcse(350), ("whitening", 350), -0.9),
        difference(simcse(800), simcse(50), 0.9),
        difference(simcse(800), simcse(350), rest, **columns),
    )


def large(value: float = 0.01, **columns: object) -> pd.DataFrame:
    return on_both(
        difference(simcse(5000), UNTRAINED, 0.9),
        difference(simcse(50000), UNTRAINED, 0.9),
        difference(simcse(50000), simcse(5000), value, **columns),
    )


def epochs(value: float = 0.01, **columns: object) -> pd.DataFrame:
    return on_both(
        difference(simcse(1), UNTRAINED, 0.9),
        difference(simcse(20), UNTRAINED, 0.9),
        difference(simcse(20), simcse(1), value, **columns),
    )


def overview(
    gain: float = 0.2, labels: float = 0.0, counting: float = 0.1, **columns: object
) -> pd.DataFrame:
    at = simcse(1000)
    return on_both(
        difference(at, UNTRAINED, gain, encoder=MEAN_OF_ENCODERS, **columns),
        difference(at, UNTRAINED, -0.9),
        difference(at, ("sup-simcse", 1000), labels, **columns),
        difference(at, ("tfidf-char", 1000), counting, **columns),
        difference(at, ("whitening", 1000), 0.5),
    )


def verdicts(**changed: pd.DataFrame) -> dict[str, str]:
    tables = {"baselines": baselines(), "small": small(), "large": large()}
    tables |= {"epochs": epochs(), "overview": overview()}
    table = judge(Differences(**{**tables, **changed}))
    return dict(zip(table["claim"], table["verdict"], strict=True))


# --- criteria --------------------------------------------------------------------------------


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
    assert at_least(0.1)(Interval(low, high)) == verdict


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
    assert at_most(0.0)(Interval(low, high)) == verdict


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
    assert within(0.02)(Interval(low, high)) == verdict


# --- verdicts --------------------------------------------------------------------------------


def test_what_fulfils_every_criterion_is_supported_in_the_order_of_the_report() -> None:
    assert list(verdicts()) == list(CLAIMS)
    assert set(verdicts().values()) == {"supported"}


REFUTING = {
    "Untrained encoders are poor": {"baselines": baselines(0.2)},
    "A steep rise below 400 sentences": {"small": small(rise=0.05)},
    "Flat after 400 sentences": {"small": small(rest=0.1)},
    "More data adds little": {"large": large(-0.1)},
    "More epochs add little": {"epochs": epochs(0.1)},
    "SimCSE brings a large gain": {"overview": overview(gain=0.05)},
    "Comparable to supervised training": {"overview": overview(labels=-0.1)},
    "(ours) SimCSE beats fitting on the same sentences": {"overview": overview(counting=-0.1)},
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_falls_by_its_own_difference_alone(claim: str) -> None:
    found = verdicts(**REFUTING[claim])
    assert {name for name, verdict in found.items() if verdict == "not supported"} == {claim}


SEEDED = {
    "A steep rise below 400 sentences": ("small", small),
    "Flat after 400 sentences": ("small", small),
    "More data adds little": ("large", large),
    "More epochs add little": ("epochs", epochs),
    "SimCSE brings a large gain": ("overview", overview),
    "Comparable to supervised training": ("overview", overview),
    "(ours) SimCSE beats fitting on the same sentences": ("overview", overview),
}
# One seed, seeds that disagree, and pairs that leave it open.
DOUBTS = {
    "one seed": {"n_seeds": 1, "seed_low": NAN, "seed_high": NAN},
    "seeds": {"seed_low": -1.0, "seed_high": 1.0},
    "pairs": {"pair_low": -1.0, "pair_high": 1.0},
}


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("claim", SEEDED)
def test_both_intervals_must_speak(claim: str, doubt: str) -> None:
    table, make = SEEDED[claim]
    assert verdicts(**{table: make(**DOUBTS[doubt])})[claim] == "undecided"


def test_what_has_no_seed_is_judged_over_pairs() -> None:
    claim = "Untrained encoders are poor"
    assert verdicts(baselines=baselines(-0.001, pair_high=0.1))[claim] == "undecided"
    assert verdicts(baselines=baselines(-0.2))[claim] == "supported"


def test_the_cls_that_counts_is_the_best_on_dev() -> None:
    tfidf = ("tfidf-char", 0.0)
    rows = [
        difference(UNTRAINED, tfidf, 0.2, None, encoder="best on test"),
        difference(UNTRAINED, tfidf, -0.2, None, encoder="best on dev"),
        difference(UNTRAINED, tfidf, -0.4, None, encoder="best on test", split="dev"),
        difference(UNTRAINED, tfidf, -0.1, None, encoder="best on dev", split="dev"),
    ]
    assert verdicts(baselines=pd.DataFrame(rows))["Untrained encoders are poor"] == "supported"


def test_the_fitted_method_that_counts_is_the_best_on_dev() -> None:
    rows = overview(counting=-0.1)
    dev = rows["split"] == "dev"
    rows.loc[dev & (rows["before"] == "whitening"), "value"] = -0.3
    table = judge(Differences(baselines(), small(), large(), epochs(), rows)).set_index("claim")
    ours = table.loc[CLAIMS[-1]]
    assert ours["criterion"] == "SimCSE minus whitening, the best fitted method on dev, at least 0"
    assert (ours["effect"], ours["verdict"]) == ("+0.500", "supported")


@pytest.mark.parametrize(
    ("claim", "table", "gone"),
    [
        ("Flat after 400 sentences", "small", lambda t: t["before_at"] == 350),
        ("More data adds little", "large", lambda t: t["before"] == "unsup-simcse"),
        ("More epochs add little", "epochs", lambda t: t["before"] == "unsup-simcse"),
        ("Comparable to supervised training", "overview", lambda t: t["before"] == "sup-simcse"),
    ],
)
def test_what_was_not_measured_is_undecided(
    claim: str, table: str, gone: Callable[[pd.DataFrame], pd.Series]
) -> None:
    whole = {"small": small, "large": large, "epochs": epochs, "overview": overview}[table]()
    assert verdicts(**{table: whole[~gone(whole)]})[claim] == "undecided"


def test_a_difference_without_a_value_is_not_measured() -> None:
    broken = large(value=NAN)
    table = judge(Differences(baselines(), small(), broken, epochs(), overview())).set_index(
        "claim"
    )
    found = table.loc["More data adds little"]
    assert (found["effect"], found["verdict"]) == ("not measured", "undecided")


def test_effects_and_criteria_are_told_with_both_intervals() -> None:
    table = judge(Differences(baselines(), small(), large(), epochs(), overview())).set_index(
        "claim"
    )
    rise = table.loc["A steep rise below 400 sentences"]
    assert rise["criterion"] == "350 sentences minus untrained at least 0.1"
    assert rise["effect"] == "+0.200"
    assert (rise["over seeds"], rise["over pairs"]) == ("[+0.195, +0.205]",) * 2
    assert table.loc["Untrained encoders are poor", "over seeds"] == ""
    assert table.loc["More data adds little", "criterion"] == (
        "50,000 minus 5,000 sentences within ±0.02"
    )
    assert table.loc["More epochs add little", "criterion"] == "20 minus 1 epochs within ±0.02"


def test_dev_decides_no_verdict() -> None:
    def with_other_dev(table: pd.DataFrame) -> pd.DataFrame:
        ends = ["value", "seed_low", "seed_high", "pair_low", "pair_high"]
        table.loc[table["split"] == "dev", ends] = -9.0
        return table

    tables = {"small": small(), "large": large(), "epochs": epochs()}
    assert verdicts(**{k: with_other_dev(t) for k, t in tables.items()}) == verdicts()


def test_a_curve_without_any_trained_point_leaves_its_claims_undecided() -> None:
    broken = [table[table["after"] != "unsup-simcse"] for table in (small(), large(), epochs())]
    verdicts = judge(Differences(baselines(), *broken, overview())).set_index("claim")
    for claim in CLAIMS[1:5]:
        assert verdicts.loc[claim, ["effect", "verdict"]].tolist() == ["not measured", "undecided"]
