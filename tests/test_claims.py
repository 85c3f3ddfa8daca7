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
    row = {
        "encoder": "tiny",
        "pooling": "cls",
        "after": after[0],
        "after_at": after[1],
        "split": "test",
    }
    row |= {"after_kind": KINDS[after[0]], "before_kind": KINDS[before[0]]}
    row |= {"before": before[0], "before_at": before[1], "n_seeds": 0 if seeds is None else 3}
    row |= {"value": value, "seed_low": value - half, "seed_high": value + half}
    return row | {"pair_low": value - pairs, "pair_high": value + pairs} | columns


def on_both(*rows: dict[str, object]) -> pd.DataFrame:
    """The rows on test, and the same on dev but for what they say themselves."""
    return pd.DataFrame([*rows, *({**row, "split": "dev"} for row in rows)])


def and_mean(table: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """The table with the same rows for the mean of encoders before it, but for ``columns``."""
    return pd.concat([table.assign(encoder=MEAN_OF_ENCODERS, **columns), table])


def and_pooled(table: pd.DataFrame, pooling: str = "mean", **columns: object) -> pd.DataFrame:
    """The table with the same rows under another pooling before it, but for ``columns``."""
    return pd.concat([table.assign(pooling=pooling, **columns), table])


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
        difference(at, UNTRAINED, gain, **columns),
        difference(at, ("sup-simcse", 1000), labels, **columns),
        difference(at, ("tfidf-char", 1000), counting, **columns),
        difference(at, ("whitening", 1000), 0.5),
    )


def judged(**changed: pd.DataFrame) -> pd.DataFrame:
    tables = {"baselines": baselines(), "small": small(), "large": large()}
    tables |= {"epochs": epochs(), "overview": overview()}
    return judge(Differences(**{**tables, **changed}))


def verdicts(**changed: pd.DataFrame) -> dict[str, str]:
    table = judged(**changed)
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
    assert (rise["over_seeds"], rise["over_pairs"]) == ("[+0.195, +0.205]",) * 2
    assert table.loc["Untrained encoders are poor", "over_seeds"] == ""
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


# --- encoders and protocols ------------------------------------------------------------------

ON_MEAN = (
    "A steep rise below 400 sentences",
    "Flat after 400 sentences",
    "SimCSE brings a large gain",
)


def test_what_the_report_says_of_its_encoder_is_judged_on_the_mean_of_encoders_too() -> None:
    table = judged(small=and_mean(small(), value=0.3), overview=and_mean(overview(), value=0.3))
    by_claim = table.groupby("claim", sort=False)["encoder"].agg(list).to_dict()
    assert by_claim == {
        claim: ["tiny", MEAN_OF_ENCODERS] if claim in ON_MEAN else ["tiny"] for claim in CLAIMS
    }
    rows = table.set_index(["claim", "encoder"])["effect"]
    assert rows["SimCSE brings a large gain", "tiny"] == "+0.200"
    assert rows["SimCSE brings a large gain", MEAN_OF_ENCODERS] == "+0.300"


def test_of_several_encoders_the_last_one_counts() -> None:
    others = small(rise=0.9, rest=0.9).assign(encoder="another")
    gains = overview(gain=-0.9).assign(encoder="another")
    table = judged(small=pd.concat([others, small()]), overview=pd.concat([gains, overview()]))
    assert set(table["encoder"]) == {"tiny"}
    assert set(table["verdict"]) == {"supported"}


def test_a_curve_that_lacks_the_last_encoder_is_judged_on_the_one_it_has_and_says_so() -> None:
    table = judged(large=large().assign(encoder="another")).set_index("claim")
    assert table.loc["More data adds little", ["encoder", "effect"]].tolist() == [
        "another",
        "+0.010",
    ]


def test_each_claim_is_judged_by_the_same_criterion_under_the_second_protocol() -> None:
    table = judged(
        baselines=and_pooled(baselines(-0.2), value=0.2, pair_low=0.1, pair_high=0.3),
        small=and_pooled(
            small(rise=0.2),
            value=0.05,
            seed_low=0.04,
            seed_high=0.06,
            pair_low=0.04,
            pair_high=0.06,
        ),
        large=and_pooled(large()),
        epochs=and_pooled(epochs()),
        overview=and_pooled(
            overview(gain=0.2),
            value=0.05,
            seed_low=0.04,
            seed_high=0.06,
            pair_low=0.04,
            pair_high=0.06,
        ),
    ).set_index("claim")
    assert set(table["pooling"]) == {"cls"}
    assert set(table["second_pooling"]) == {"mean"}
    assert set(table["verdict"]) == {"supported"}
    second = table["second_verdict"]
    assert second.to_dict() == {
        "Untrained encoders are poor": "not supported",
        "A steep rise below 400 sentences": "not supported",
        "Flat after 400 sentences": "not supported",
        "More data adds little": "supported",
        "More epochs add little": "supported",
        "SimCSE brings a large gain": "not supported",
        "Comparable to supervised training": "supported",
        "(ours) SimCSE beats fitting on the same sentences": "supported",
    }
    rise = table.loc["A steep rise below 400 sentences"]
    assert (rise["effect"], rise["second_effect"]) == ("+0.200", "+0.050")
    assert rise["second_over_seeds"] == "[+0.040, +0.060]"


def test_where_cls_is_the_best_pooling_nothing_stands_beside_it() -> None:
    table = judged()
    assert set(table["pooling"]) == {"cls"}
    for column in ("second_pooling", "second_effect", "second_over_seeds", "second_verdict"):
        assert set(table[column]) == {""}, column


def test_a_run_without_cls_is_judged_under_what_it_has() -> None:
    tables = {"baselines": baselines(), "small": small(), "large": large()}
    tables |= {"epochs": epochs(), "overview": overview()}
    table = judge(Differences(**{k: t.assign(pooling="mean") for k, t in tables.items()}))
    assert set(table["pooling"]) == {"mean"}
    assert set(table["verdict"]) == {"supported"}
    assert set(table["second_verdict"]) == {""}


def test_an_encoder_whose_best_pooling_is_cls_has_it_twice_where_another_has_not() -> None:
    other = and_pooled(overview().assign(encoder="another"))
    table = judged(overview=pd.concat([other, overview()])).set_index("claim")
    gain = table.loc["SimCSE brings a large gain"]
    assert (gain["encoder"], gain["pooling"], gain["second_pooling"]) == ("tiny", "cls", "cls")
    assert gain["second_effect"] == gain["effect"] == "+0.200"


def test_a_criterion_that_names_another_method_under_each_protocol_names_both() -> None:
    second = overview(counting=-0.1)
    dev = second["split"] == "dev"
    second.loc[dev & (second["before"] == "whitening"), "value"] = -0.3
    table = judged(overview=pd.concat([overview(), second.assign(pooling="mean")]))
    assert table["criterion"].iloc[-1] == (
        "SimCSE minus tfidf-char, the best fitted method on dev, at least 0 / "
        "SimCSE minus whitening, the best fitted method on dev, at least 0"
    )
