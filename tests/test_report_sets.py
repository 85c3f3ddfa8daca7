"""Charts, tables and prose of several sources: every number they cite is worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.figure import Figure
from set_frames import (
    SET_TABLES,
    answer_frame,
    gains_frame,
    indicators_frame,
    labels_frame,
    rule_frame,
)

from simcse_core.labels import label
from simcse_core.report import set_plots, set_prose, set_tables
from simcse_core.report.set_rows import named, places, policies, policy_name, recipes, rule_name
from simcse_core.report.style import set_style

LANGUAGES = ("en", "zh")
CHARTS: dict[str, Callable[[], Figure]] = {
    "gains": lambda: set_plots.plot_gains(gains_frame(), title="t", caption="c"),
    "recipes": lambda: set_plots.plot_recipes(gains_frame(), title="t", caption="c"),
    "rule": lambda: set_plots.plot_rule(rule_frame(), title="t", caption="c"),
    "labels": lambda: set_plots.plot_labels(labels_frame(), title="t", caption="c"),
}


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


# --- rows ------------------------------------------------------------------------------------


def test_cls_comes_first_within_a_source_and_encoder() -> None:
    rows = gains_frame().assign(pooling="mean")
    both = pd.concat([rows, gains_frame()])
    assert places(both) == [
        ("sample", "tiny", "cls"),
        ("sample", "tiny", "mean"),
        ("bank", "tiny", "cls"),
        ("bank", "tiny", "mean"),
    ]


def test_the_rule_comes_before_the_habits_which_are_in_order_of_what_they_lose() -> None:
    found = [policy for policy, _ in policies(rule_frame())]
    assert found == ["rule +halves", "always tfidf-char", "always unsup-simcse tiny"]
    assert recipes(gains_frame()) == ["esimcse", "simcse-early"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("gone", ["sample", "bank", "both"])
def test_no_table_of_several_sources_prints_nan(language: str, gone: str) -> None:
    frames = {
        "indicators": indicators_frame().assign(lost="correlation"),
        "gains": gains_frame().assign(lost="value"),
        "elsewhere": SET_TABLES["09_elsewhere"].assign(lost="value"),
    }
    for name, frame in frames.items():
        here = (frame["dataset"] == gone) | (gone == "both")
        frame.loc[here, frame["lost"].iloc[0]] = math.nan
        told = set_tables.TABLES[name](frame.drop(columns="lost"), language=language)
        assert "nan" not in told.to_csv()


def test_the_best_of_a_source_is_bold_though_another_has_no_value() -> None:
    for lost in ("tfidf-char", "esimcse"):  # the first and the last
        rows = SET_TABLES["09_elsewhere"].copy()
        rows.loc[(rows["method"] == lost) & (rows["dataset"] == "bank"), "value"] = math.nan
        told = set_tables.methods_table(rows)
        assert told["bank"].str.startswith("**").sum() == (2 if lost == "tfidf-char" else 1)


def test_prose_leaves_out_what_has_no_value_anywhere() -> None:
    rows = gains_frame()
    rows.loc[rows["before"] == "tfidf-char", "value"] = math.nan
    told = set_prose.tell_gains(rows)
    assert told.startswith("Against the untrained encoder")
    assert "TF-IDF" not in told
    rows.loc[rows["after"] == "esimcse", "value"] = math.nan
    assert "SimCSE, stopped" in set_prose.tell_recipes(rows) or "nan" not in (
        set_prose.tell_recipes(rows)
    )
    rows.loc[rows["before"] == "unsup-simcse", "value"] = math.nan
    assert set_prose.tell_recipes(rows) == ""


@pytest.mark.parametrize(("language", "name"), [("en", "mean"), ("zh", "平均"), ("en", "(mean)")])
def test_a_source_called_as_the_mean_keeps_its_column(language: str, name: str) -> None:
    rows = rule_frame().replace({"dataset": {"bank": name}})
    told = set_tables.rule_table(rows, language=language)
    assert told.shape[1] == 3
    assert told.iloc[0][name] == "0.050"
    assert told.iloc[0].iloc[-1] == "0.025"


@pytest.mark.parametrize("n", [1, 2, 9, 17])
def test_every_size_is_drawn(n: int) -> None:
    one = gains_frame()[lambda rows: rows["after_at"] == 50]
    rows = pd.concat([one.assign(after_at=10.0 * i) for i in range(1, n + 1)])
    figure = set_plots.plot_gains(rows, title="t", caption="c")
    # Of two sources, and the legend's sample of an interval.
    assert [len(ax.containers) for ax in figure.axes] == [2 * n + 1] * 2


def test_policies_are_told_in_words() -> None:
    assert policy_name("always unsup-simcse tiny", "") == "always unsupervised SimCSE (tiny)"
    assert policy_name("always tfidf-char", "", "zh") == "始终用 TF-IDF（字）"
    assert rule_name("-spectrum") == "the lowest effective rank"
    assert rule_name("+spectrum", "zh") == "有效秩最高者"


# --- tables ----------------------------------------------------------------------------------


def test_gains_stand_with_their_interval_against_both() -> None:
    table = set_tables.gains_table(gains_frame())
    assert list(table.index) == ["sample", "sample", "bank", "bank"]
    line = table.iloc[1]
    assert line["sentences"] == "200"
    assert line["− untrained"] == "+0.030 [+0.025, +0.035]"
    assert line["− TF-IDF (characters)"] == "-0.030 [-0.035, -0.025]"


def test_gains_size_by_size_stand_at_the_sizes_that_all_sources_have() -> None:
    rows = gains_frame()
    only_bank = (rows["dataset"] == "sample") & (rows["after_at"] == 50)
    table = set_tables.by_size_table(rows[~only_bank])
    assert list(table.columns) == ["encoder", "pooling", "200 sentences"]
    assert dict(table["200 sentences"]) == {
        "sample": "**+0.030 [+0.025, +0.035]**",
        "bank": "**-0.020 [-0.025, -0.015]**",
    }
    unclear = rows.assign(pair_low=-1.0)
    cells = set_tables.by_size_table(unclear).loc["sample"]
    assert cells["50 sentences"] == "+0.020 [-1.000, +0.025]"


def test_a_recipe_is_told_over_sources_with_where_it_is_above_and_below() -> None:
    table = set_tables.recipes_table(gains_frame())
    assert table.loc["ESimCSE", "50 sentences"] == "+0.0100 [+0.010, +0.010], 2 ↑ 0 ↓"
    early = table.loc["SimCSE, stopped by the rule", "200 sentences"]
    assert early == "+0.0050 [-0.010, +0.020], 1 ↑ 1 ↓"


def test_what_a_policy_loses_is_told_for_each_source_and_over_them() -> None:
    table = set_tables.rule_table(rule_frame())
    first = "the rule: the highest reciprocal rank of a sentence's second half"
    assert list(table.loc[first, ["sample", "bank", "mean"]]) == ["0.000", "0.050", "0.025"]


def test_an_indicator_is_told_with_its_direction_and_beside_always_saying_yes() -> None:
    table = set_tables.indicators_table(indicators_frame())
    assert list(table.loc["− loss"]) == ["100% (+0.80)", "50% (-0.20)"]
    assert list(table.loc["SimCSE helps"]) == ["75%", "25%"]


def test_labels_are_told_by_number_of_pairs() -> None:
    table = set_tables.labels_table(labels_frame())
    assert table.loc["sample", "50"] == "92% (0.008)"


# --- prose -----------------------------------------------------------------------------------


def test_gains_in_words_count_what_is_above_and_below() -> None:
    told = set_prose.tell_gains(gains_frame())
    assert "clearly above in 2 and clearly below in 2 of 4 cases" in told
    assert "from -0.030 (bank, tiny, 50 sentences)" in told
    assert "+0.030 (sample, tiny, 200 sentences)" in told
    assert "it is clearly above in 0 and clearly below in 4 cases, from -0.080" in told


def test_a_recipe_that_is_nowhere_below_is_named() -> None:
    told = set_prose.tell_recipes(gains_frame())
    assert "ESimCSE has the highest mean against plain SimCSE: +0.0100 (clearly" in told
    assert "above it in 4 cases and clearly below it in 0" in told
    assert "and nowhere clearly below it: ESimCSE." in told
    worse = gains_frame()
    worse.loc[worse["after"] == "esimcse", ["value", "pair_low", "pair_high"]] -= 0.02
    assert "plain SimCSE stays the default" in set_prose.tell_recipes(worse)


def test_the_rule_is_told_by_what_it_loses_where_it_was_not_fixed() -> None:
    told = set_prose.tell_rule(rule_frame())
    assert "it was fixed on sample. On bank" in told
    assert "it stays 0.050 of Spearman below" in told
    assert "always TF-IDF (characters), stays 0.000 below" in told
    assert "no rule is needed" in told
    better = rule_frame()
    better.loc[better["policy"] != "rule +halves", "regret"] += 0.1
    assert "it pays to follow the rule" in set_prose.tell_rule(better)


def test_a_rule_that_nothing_judges_says_so() -> None:
    rows = rule_frame()
    told = set_prose.tell_rule(rows[rows["fixed"]])
    assert "no other source here to judge it on" in told


def test_labels_in_words_say_from_how_many_on_or_that_there_were_too_few() -> None:
    told = set_prose.tell_labels(labels_frame())
    assert "50 on sample and more than 100 on bank (80% there)" in told


def test_the_answer_has_a_line_for_each_number_of_sentences_and_what_is_at_hand() -> None:
    table = set_tables.answer_table(answer_frame())
    assert list(table.index) == ["50", "50"]
    assert list(table["at hand"]) == ["tiny", "e5-small-zh (ready-made)"]
    assert list(table["take"]) == ["**TF-IDF (characters)**", "**untrained**"]
    assert list(table["below the best"]) == ["0.012", "0.012"]
    assert list(table["TF-IDF below it"]) == ["0.015", "0.100"]
    assert list(table["SimCSE changes"]) == ["-0.005 [-0.030, +0.020]"] * 2
    assert list(table["clear gain"]) == ["bank and news"] * 2
    assert list(table["clear loss"]) == ["–"] * 2


def test_a_name_in_bold_has_no_space_inside_its_marks_in_chinese() -> None:
    rows = answer_frame().assign(encoder="tiny")
    table = set_tables.answer_table(rows, language="zh")
    assert list(table["选用"]) == ["**TF-IDF（字）**", "**未训练（e5-small-zh）**"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lost", [["change", "change_low", "change_high"], ["counted_regret"]])
def test_an_answer_says_nothing_of_what_has_no_value(language: str, lost: list[str]) -> None:
    rows = answer_frame()
    rows.loc[rows["at_hand"] == "own", lost] = math.nan
    first, second = set_tables.answer_table(rows, language=language).to_numpy().tolist()
    assert (first.count(""), second.count("")) == (1, 0)
    assert "nan" not in str(first)


def test_a_source_whose_name_begins_with_an_underscore_is_in_the_legend(
    english_again: None,
) -> None:
    rows = labels_frame().replace({"dataset": {"bank": label("_bank")}})
    assert "-bank" in legend(set_plots.plot_labels(rows, title="t", caption="c"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_part_leaves_a_gap_or_a_name_of_the_results(language: str) -> None:
    frames = {"gains": gains_frame(), "rule": rule_frame(), "labels": labels_frame()}
    frames["answer"] = answer_frame()
    for name, tell in set_prose.TELL.items():
        told = tell(frames[name], language=language)
        assert not {"{", "nan", "unsup-simcse", "tfidf-char"} & set(told.split())
        assert "{" not in told
        assert "nan" not in told
    assert "simcse-early" not in set_prose.tell_recipes(gains_frame(), language=language)


def test_the_bundled_sample_has_its_chinese_name() -> None:
    rows = labels_frame().replace({"dataset": {"sample": "bundled sample (not CNSD)"}})
    assert set(named(rows, "zh")["dataset"]) == {"随附样本（非 CNSD）", "bank"}
    assert set(named(rows, "en")["dataset"]) == {"bundled sample (not CNSD)", "bank"}


# --- charts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn_in_both_languages(
    name: str, language: str, english_again: None
) -> None:
    set_style(language)
    figure = CHARTS[name]()
    figure.draw_without_rendering()
    chinese = any("\u4e00" <= c <= "\u9fff" for text in legend(figure) for c in text)
    assert chinese == (language == "zh")


def test_gains_are_drawn_at_their_values(english_again: None) -> None:
    figure = CHARTS["gains"]()
    left, right = figure.axes
    # The last one is the legend's entry of an interval.
    drawn = [container.lines[0].get_xdata()[0] for container in left.containers[:-1]]
    assert drawn == pytest.approx([0.02, 0.03, -0.03, -0.02])
    assert "95 % interval over pairs" in legend(figure)
    drawn = [container.lines[0].get_xdata()[0] for container in right.containers[:-1]]
    assert drawn == pytest.approx([-0.03, -0.03, -0.08, -0.08])
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "sample\ntiny, [CLS]",
        "bank\ntiny, [CLS]",
    ]


def test_a_source_that_the_rule_was_fixed_on_has_a_hollow_mark(english_again: None) -> None:
    figure = CHARTS["rule"]()
    faces = {line.get_label(): line.get_markerfacecolor() for line in figure.axes[0].lines}
    assert faces["sample (rule fixed here)"] == "none"
    assert faces["bank"] != "none"
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx(
        [0.025, 0.015, 0.035]
    )


def test_recipes_have_a_panel_for_each_number_of_sentences(english_again: None) -> None:
    figure = CHARTS["recipes"]()
    assert [ax.get_title() for ax in figure.axes] == ["50 sentences", "200 sentences"]
    means = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert means == pytest.approx([0.01, 0.005])
