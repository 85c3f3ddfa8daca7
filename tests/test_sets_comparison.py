"""Several sources: what is derived from kept cosines, worked out by hand on eight pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from set_frames import FAIR, GOOD, LABELS, PERFECT, SETS, scored, study, two_sets

from simcse_core.errors import DataError
from simcse_core.recipes import PLAIN
from simcse_core.report import set_rows
from simcse_core.sets import choice as set_choice
from simcse_core.sets import comparison as set_comparison
from simcse_core.sets import indicators as set_indicators
from simcse_core.sets.choice import answer, best_poolings, choices, judge, labels_needed, rule_of
from simcse_core.sets.comparison import gains, with_early, with_fused
from simcse_core.sets.indicators import indicators
from simcse_core.statistics import spearman

STUDIES = [study(name) for name in SETS]


def value(frame: pd.DataFrame, **wanted: object) -> float:
    for column, is_ in wanted.items():
        frame = frame[frame[column] == is_]
    (found,) = frame["value"]
    return float(found)


def test_the_orders_have_the_spearman_that_their_names_promise() -> None:
    found = [spearman(order, LABELS) for order in (PERFECT, GOOD, FAIR)]
    assert found == pytest.approx([1.0, 1 - 6 * 4 / 504, 1 - 6 * 6 / 504])


def test_the_mean_of_ranks_is_that_of_two_orders_with_no_weight() -> None:
    counted = np.array([7, 6, 5, 4, 3, 2, 1, 0]) / 10  # the opposite order
    rows = pd.concat(
        [
            scored("sample", "tfidf-char", "fitted", counted, 20, "none", None),
            scored("sample", "untrained", "untrained", PERFECT),
            scored("sample", "unsup-simcse", "trained", counted, 20),
        ]
    )
    fused = with_fused(rows, STUDIES)
    test = fused[fused["split"] == "test"]
    # Ranks and their opposites are all 4.5 in the mean: constant, and so without a value.
    assert np.isnan(value(test, method="untrained-fused"))
    assert value(test, method="simcse-fused") == pytest.approx(-1.0)
    assert set(test.loc[test["method"].str.endswith("fused"), "n_train"]) == {20}
    kinds = dict(zip(test["method"], test["kind"], strict=True))
    assert (kinds["untrained-fused"], kinds["simcse-fused"]) == ("fitted", "trained")


def test_gains_are_differences_from_untrained_counted_and_plain_on_test() -> None:
    found = gains(with_fused(two_sets(), STUDIES), STUDIES)
    assert set(found["split"]) == {"test"}
    assert set(found["dataset"]) == set(SETS)
    against = {"after": "unsup-simcse", "before": "untrained"}
    assert value(found, dataset="sample", **against) == pytest.approx(24 / 504)
    assert value(found, dataset="bank", **against) == pytest.approx(-12 / 504)
    counted = {"after": "unsup-simcse", "before": "tfidf-char"}
    assert value(found, dataset="sample", **counted) == pytest.approx(36 / 504)
    plain = {"after": "esimcse", "before": "unsup-simcse"}
    assert value(found, dataset="bank", **plain) == pytest.approx(12 / 504)
    start = {"after": "untrained", "before": "tfidf-char", "before_at": 20}
    assert value(found, dataset="bank", **start) == pytest.approx(12 / 504)


def test_the_rule_is_fixed_on_some_sources_and_judged_on_the_others_as_it_stands() -> None:
    judged = judge(two_sets(), ["sample"])
    # On the sample the highest halves (or the lowest deletion) finds SimCSE, which is best there.
    assert rule_of(judged) == ("halves", 1)
    rules = judged[judged["policy"] == "rule +halves"].set_index("dataset")
    assert list(rules.loc[list(SETS), "method"]) == ["unsup-simcse"] * 2
    assert list(rules.loc[list(SETS), "regret"]) == pytest.approx([0.0, 12 / 504])
    assert list(rules.loc[list(SETS), "fixed"]) == [True, False]
    assert not judged["policy"].str.contains("deletion").any()


def test_fixed_on_the_other_source_another_rule_is_taken() -> None:
    # There the untrained encoder is best: neither highest nor lowest by halves, and in the middle
    # by deletion too, so that TF-IDF and SimCSE lose as much; the first of equal ones is taken.
    judged = judge(two_sets(), ["bank"])
    mine = judged[(judged["policy"] == f"rule {judged['rule'].iloc[0]}")]
    assert value(mine.assign(value=mine["regret"]), dataset="bank") == pytest.approx(12 / 504)


def test_habits_take_one_method_everywhere() -> None:
    judged = judge(two_sets(), ["sample"])
    habits = judged[judged["policy"].str.startswith("always")]
    assert set(habits["policy"]) == {
        "always tfidf-char",
        "always untrained tiny",
        "always unsup-simcse tiny",
    }
    lost = habits.set_index(["policy", "dataset"])["regret"]
    assert lost["always untrained tiny", "bank"] == pytest.approx(0.0)
    assert lost["always untrained tiny", "sample"] == pytest.approx(24 / 504)


def test_a_habit_has_the_pooling_that_is_best_on_dev_untrained() -> None:
    better = pd.concat(
        [
            scored("sample", "untrained", "untrained", PERFECT, pooling="mean", halves=0.1),
            scored("sample", "unsup-simcse", "trained", FAIR, 20, pooling="mean", halves=0.1),
        ]
    )
    judged = judge(pd.concat([two_sets(), better]), ["sample"])
    mine = judged[judged["policy"].str.startswith("always") & (judged["dataset"] == "sample")]
    assert set(mine.loc[mine["encoder"] == "tiny", "pooling"]) == {"mean"}


def test_what_averages_tokens_is_a_habit_whatever_the_pooling() -> None:
    rare = [scored(n, "idf-mean", "fitted", PERFECT, 20, pooling="mean", halves=0.1) for n in SETS]
    judged = judge(pd.concat([two_sets(), *rare]), ["sample"])
    mine = judged[judged["policy"] == "always idf-mean tiny"].set_index("dataset")
    assert mine.loc["bank", "value"] == mine.loc["bank", "best"] == pytest.approx(1.0)


def test_a_ready_made_encoder_is_at_hand_for_every_seed() -> None:
    ready = scored("sample", "ready-made", "ready-made", PERFECT, encoder="other", halves=0.9)
    rows = two_sets()
    judged = judge(pd.concat([rows, rows.assign(seed=1), ready]), ["sample"])
    mine = judged[judged["policy"] == "always ready-made other"]
    assert sorted(mine["seed"]) == [0, 1]
    assert set(mine["dataset"]) == {"sample"}


def test_stopping_takes_the_point_where_the_probe_is_best_the_start_included() -> None:
    later = scored("sample", "unsup-simcse", "trained", FAIR, 40, halves=0.2)
    rows = pd.concat([two_sets(), later])
    stopped = with_early(rows, "halves", 1)
    mine = stopped[(stopped["method"] == "simcse-early") & (stopped["split"] == "test")]
    # At 40 the point at 20 is still the best; downwards, the latest point reached.
    assert value(mine, dataset="sample", n_train=20) == pytest.approx(1.0)
    assert value(mine, dataset="sample", n_train=40) == pytest.approx(1.0)
    lowest = with_early(rows, "halves", -1)
    mine = lowest[(lowest["method"] == "simcse-early") & (lowest["split"] == "test")]
    assert value(mine, dataset="sample", n_train=20) == pytest.approx(1 - 24 / 504)  # the start
    assert value(mine, dataset="sample", n_train=40) == pytest.approx(1 - 36 / 504)


def test_an_indicator_is_judged_by_the_sign_that_agrees_where_it_is_fixed() -> None:
    found = indicators(two_sets(), ["sample"]).set_index(["indicator", "dataset"])
    # Halves rise on both sources, and SimCSE gains on the sample alone.
    assert found.loc[("halves", "sample"), ["sign", "agree", "helped"]].tolist() == [1, 1.0, 1.0]
    assert found.loc[("halves", "bank"), ["sign", "agree", "helped"]].tolist() == [1, 0.0, 0.0]
    assert found.loc[("deletion", "bank"), "sign"] == -1
    assert found.loc[("with start", "bank"), "n"] == 1


def test_agreements_are_rank_correlations_of_the_kept_pairs() -> None:
    rows = two_sets()
    here = (rows["metric"] == "pairs") & (rows["dataset"] == "sample")
    rows.loc[here & (rows["method"] == "unsup-simcse"), "cosines"] = "300000 200000 100000"
    points = pd.DataFrame(list(set_indicators._points(rows)))
    mine = points[points["dataset"] == "sample"].set_index("indicator")["change"]
    assert mine["with start"] == pytest.approx(-2.0)  # from 1, with itself, to -1
    assert mine["with TF-IDF"] == pytest.approx(-2.0)
    assert "between seeds" not in mine.index  # there is one


def test_seeds_agree_as_the_cosines_of_the_kept_pairs_do() -> None:
    rows = two_sets()
    others = [rows.assign(seed=1), rows.assign(seed=2)]
    trained = (rows["metric"] == "pairs") & (rows["method"] == "unsup-simcse")
    others[0].loc[trained, "cosines"] = "300000 200000 100000"  # against 0 and 2: -1
    others[1].loc[trained, "cosines"] = "100000 300000 200000"  # against 0: 0.5; against 1: -0.5
    points = pd.DataFrame(list(set_indicators._points(pd.concat([rows, *others]))))
    mine = points[(points["dataset"] == "sample") & (points["indicator"] == "between seeds")]
    # The mean over the two others, less the 1 of untrained encoders.
    assert mine.set_index("seed")["change"].to_dict() == pytest.approx(
        {0: -0.25 - 1, 1: -0.75 - 1, 2: 0.0 - 1}
    )


def without_value(method: str, dataset: str = "bank", *splits: str) -> pd.DataFrame:
    """Rows in which a method has no Spearman on some splits of a source, both if none is named."""
    rows = two_sets()
    here = (rows["method"] == method) & (rows["dataset"] == dataset)
    here &= (rows["metric"] == "spearman") & rows["split"].isin(splits or ("dev", "test"))
    rows.loc[here, "value"] = np.nan
    return rows


@pytest.mark.parametrize("method", ["tfidf-char", "untrained", "unsup-simcse", "esimcse"])
@pytest.mark.parametrize("splits", [(), ("dev",), ("test",)])
def test_what_has_no_value_is_never_chosen_and_takes_no_other_value_along(
    method: str, splits: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_choice, "LABELLED", (8,))
    rows = without_value(method, "bank", *splits)
    fused = with_fused(rows, STUDIES)
    judged = judge(fused, ["sample"])
    gone = {"dev", "test"} if not splits else set(splits)
    assert judged["regret"].notna().all()
    on_bank = judged[judged["dataset"] == "bank"]
    assert not len(on_bank[(on_bank["method"] == method) & ("test" in gone)])
    labels = labels_needed(fused, STUDIES).set_index("dataset")
    assert labels.loc["sample", ["right", "regret"]].tolist() == [1.0, 0.0]
    assert labels["regret"].notna().all()
    sides = gains(fused, STUDIES)
    there = sides[sides["dataset"] == "sample"]
    assert there["value"].notna().all()
    assert set(answer(judged, sides)["policy"]) <= set(judged["policy"])


def test_a_pooling_without_a_value_on_dev_is_not_the_best() -> None:
    better = scored("sample", "untrained", "untrained", PERFECT, pooling="mean", halves=0.1)
    rows = pd.concat([without_value("untrained", "sample", "dev"), better])
    best = best_poolings(choices(rows[rows["dataset"] == "sample"], 20))
    assert best == {"tiny": "mean"}
    alone = without_value("untrained", "sample", "dev")
    assert best_poolings(choices(alone[alone["dataset"] == "sample"], 20)) == {"tiny": ""}


@pytest.mark.parametrize(
    ("method", "split"),
    [("unsup-simcse", "test"), ("untrained", "dev"), ("untrained", "test")],
)
def test_where_what_is_compared_has_no_value_at_all_that_is_said(method: str, split: str) -> None:
    rows = two_sets()
    here = (rows["method"] == method) & (rows["split"] == split) & (rows["metric"] == "spearman")
    for frame in (rows[~here], rows.assign(value=rows["value"].mask(here))):
        said = f"{method} has a Spearman on {split} of no source.*lower learning_rate"
        with pytest.raises(DataError, match=said):
            judge(frame, ["sample"])


def test_too_few_pairs_of_dev_for_any_draw_give_an_empty_table() -> None:
    found = labels_needed(two_sets(), STUDIES)  # eight pairs, and draws begin at ten
    assert list(found) == ["dataset", "n_train", "pairs", "right", "regret"]
    assert found.empty


def test_all_labels_of_dev_choose_what_is_best_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_choice, "LABELLED", (8, 9))
    found = labels_needed(with_fused(two_sets(), STUDIES), STUDIES).set_index("dataset")
    assert list(found["pairs"]) == [8, 8]  # there are no nine pairs
    assert list(found["right"]) == [1.0, 1.0]
    assert list(found["regret"]) == [0.0, 0.0]


def test_two_labels_decide_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_choice, "LABELLED", (2,))
    found = labels_needed(two_sets(), STUDIES).set_index("dataset")
    # Two pairs are in order under all methods most of the time; then the first of them is taken,
    # which is TF-IDF.
    assert found.loc["sample", "right"] < 0.5
    assert found.loc["sample", "regret"] == pytest.approx(36 / 504, rel=0.4)


def test_the_answer_is_the_habit_that_loses_least_with_and_without_a_ready_made_encoder() -> None:
    e5 = pd.concat(
        [
            scored(name, method, kind, order, n, "e5-small-zh", halves=0.1)
            for name in SETS
            for method, kind, order, n in (
                ("untrained", "untrained", PERFECT, 0),
                ("unsup-simcse", "trained", GOOD, 20),
            )
        ]
    )
    rows = pd.concat([two_sets(), e5], ignore_index=True)
    judged, differences = judge(rows, ["sample"]), gains(rows, STUDIES)
    own, ready = answer(judged, differences).to_dict(orient="records")
    assert (own["at_hand"], ready["at_hand"]) == ("own", "ready-made")
    # SimCSE loses 0 and 12/504 to the best on each, the untrained encoder 24/504 and 0.
    assert own["policy"] == "always unsup-simcse tiny"
    assert own["sets"] == 2
    assert own["regret"] == pytest.approx(6 / 504)
    assert own["change"] == pytest.approx(6 / 504)
    assert (own["change_low"], own["change_high"]) == pytest.approx((-12 / 504, 24 / 504))
    assert ready["policy"] == "always untrained e5-small-zh"
    assert ready["regret"] == pytest.approx(0.0)
    assert ready["counted_regret"] == pytest.approx(36 / 504)
    assert ready["change"] == pytest.approx(-24 / 504)


@pytest.mark.parametrize(
    ("lows", "highs", "helped", "harmed"),
    [
        ({"sample": 0.01, "bank": -0.2}, {"sample": 0.1, "bank": -0.1}, "sample", "bank"),
        ({"sample": 0.01, "bank": 0.02}, {"sample": 0.1, "bank": 0.1}, "sample; bank", ""),
        ({"sample": 0.0, "bank": -0.1}, {"sample": 0.1, "bank": 0.0}, "", ""),
    ],
)
def test_the_answer_names_the_sources_whose_interval_leaves_out_0(
    lows: dict[str, float], highs: dict[str, float], helped: str, harmed: str
) -> None:
    changes = gains(two_sets(), STUDIES)
    changes["pair_low"] = changes["dataset"].map(lows)
    changes["pair_high"] = changes["dataset"].map(highs)
    own = answer(judge(two_sets(), ["sample"]), changes).iloc[0]
    assert (own["helped"], own["harmed"]) == (helped, harmed)


def test_charts_and_prose_mean_what_the_comparison_means() -> None:
    told = set_rows.PLAIN, set_rows.COUNTED, set_rows.BETWEEN
    assert told == (PLAIN, set_comparison.COUNTED, set_choice.BETWEEN)


def test_where_nothing_was_trained_of_the_best_the_change_is_told_of_what_was() -> None:
    ready = [
        scored(name, "ready-made", "ready-made", PERFECT, encoder="use-multilingual-3", halves=0.1)
        for name in SETS
    ]
    judged = judge(pd.concat([two_sets(), *ready], ignore_index=True), ["sample"])
    found = answer(judged, gains(two_sets(), STUDIES)).set_index("at_hand").loc["ready-made"]
    assert found["policy"] == "always ready-made use-multilingual-3"
    assert found["encoder"] == "tiny"
    assert found["change"] == pytest.approx(6 / 504)


def test_with_ready_made_encoders_alone_there_is_nothing_of_ones_own_to_tell() -> None:
    rows = two_sets().replace({"encoder": {"tiny": "e5-small-zh"}})
    found = answer(judge(rows, ["sample"]), gains(rows, STUDIES))
    assert list(found["at_hand"]) == ["ready-made"]


def test_an_encoder_that_is_given_as_ready_made_is_none_of_ones_own() -> None:
    ready = scored("sample", "ready-made", "ready-made", PERFECT, encoder="folder", halves=0.1)
    judged = judge(pd.concat([two_sets(), ready], ignore_index=True), ["sample"])
    found = answer(judged, gains(two_sets(), STUDIES)).set_index("at_hand")
    assert found.loc["own", "policy"] == "always unsup-simcse tiny"
    assert found.loc["ready-made", "policy"] == "always ready-made folder"
