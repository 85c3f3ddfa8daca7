"""Tables, prose and charts of the four uses: every number they cite is worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pandas as pd
import pytest
from application_frames import use_frame
from matplotlib.figure import Figure

from simcse_core.report import use_plots, use_prose, use_tables
from simcse_core.report.style import set_style
from simcse_core.report.use_rows import best_line, changes, line_name, lines, only, unknown_name
from simcse_core.uses.comparison import application_differences

LANGUAGES = ("en", "zh")


def of(use: str) -> pd.DataFrame:
    return only(use_frame(), use=use)


# --- rows ------------------------------------------------------------------------------------


def test_what_needs_no_encoder_comes_first_and_then_cls() -> None:
    rows = of("search")
    mean = rows[rows["pooling"] == "cls"].assign(pooling="mean")
    names = [key for key, _ in lines(pd.concat([mean, rows]))]
    assert names[0] == ("none", "", "tfidf-char")
    assert [pooling for _, pooling, _ in names[1:]] == ["cls"] * 3 + ["mean"] * 3
    assert [name for *_, name in names[1:4]] == ["untrained", "whitening", "unsup-simcse"]
    assert line_name(names[1], "en") == "untrained, tiny, [CLS]"


def test_the_best_line_has_the_highest_mean() -> None:
    rows = only(of("search"), way="vectors", metric="recall@5")
    assert best_line(rows)[0][2] == "tfidf-char"
    assert best_line(rows[rows["pooling"].notna()])[0][2] == "whitening"


def test_changes_are_trained_minus_untrained_seed_by_seed() -> None:
    rows = only(of("search"), way="vectors", metric="recall@5")
    found = changes(rows)
    assert list(found) == [("tiny", "cls")]
    assert found["tiny", "cls"].to_list() == pytest.approx([0.05, 0.03])


def test_a_share_is_told_beside_what_is_unknown() -> None:
    assert unknown_name("held-out intents", 0.25, "en") == "held-out intents, 25 %"
    assert unknown_name("out of scope", float("nan"), "en") == "out of scope"
    assert unknown_name("out of scope", float("nan"), "zh") == "范围外话语"


# --- tables ----------------------------------------------------------------------------------


def test_a_line_of_search_has_means_ranges_and_the_interval_over_queries() -> None:
    table = use_tables.search_table(of("search")).reset_index()
    row = table[table["method"] == "unsupervised SimCSE"].iloc[0]
    assert row["Recall@1"] == "0.460 [0.450, 0.470]"
    assert row["Recall@5, fused"] == "0.510 [0.500, 0.520]"
    assert row["Recall@5 over queries"] == "[0.440, 0.480]"
    assert len(table) == 4


def test_intents_have_a_line_for_each_number_of_examples() -> None:
    table = use_tables.intents_table(of("intents")).reset_index()
    assert table["examples"].to_list() == ["1", "3"] * 4
    assert table["Recall@5"].iloc[0] == "0.610 [0.600, 0.620]"


def test_the_curve_of_other_examples_adds_no_line() -> None:
    rows = of("intents")
    rows.loc[rows["metric"] == "recall", "examples"] = 7
    assert len(use_tables.intents_table(rows)) == 8
    assert "With 3 examples of each intent" in use_prose.tell_intents(rows)


def test_proposals_are_counted_and_what_they_gain_is_told() -> None:
    table = use_tables.pseudo_labels_table(of("pseudo-labels")).reset_index()
    row = table[table["method"] == "whitening"].iloc[0]
    told = [row[head] for head in ("accuracy, few", "as they are", "confirmed", "corrected")]
    assert told == ["0.500", "0.520", "0.540", "0.560"]
    assert row["right"] == "0.520"


def test_out_of_scope_has_a_line_for_each_kind_of_unknown_text() -> None:
    table = use_tables.out_of_scope_table(of("out-of-scope")).reset_index()
    assert table["unknown"].to_list()[:2] == ["held-out intents, 25 %", "out of scope"]
    assert len(table) == 8


def test_effects_are_against_the_untrained_encoder_alone() -> None:
    found = application_differences(use_frame())
    table = use_tables.effects_table(found).reset_index()
    assert len(table) == (found["before"] == "untrained").sum()
    assert set(table["mean"]) == {"+0.0400"}
    assert "Recall@5 · logistic regression · examples 3" in set(table["measured"])


TABLES = {
    "search": use_tables.search_table,
    "intents": use_tables.intents_table,
    "pseudo-labels": use_tables.pseudo_labels_table,
    "out-of-scope": use_tables.out_of_scope_table,
}


@pytest.mark.parametrize("use", TABLES)
def test_a_chinese_table_has_the_same_numbers_under_chinese_heads(use: str) -> None:
    english, chinese = (TABLES[use](of(use), language=each).reset_index() for each in LANGUAGES)
    assert english.shape == chinese.shape
    assert "方法" in chinese.columns
    assert english.iloc[:, -1].to_list() == chinese.iloc[:, -1].to_list()


# --- prose -----------------------------------------------------------------------------------

PROSE: dict[str, Callable[..., str]] = {
    "search": use_prose.tell_search,
    "intents": use_prose.tell_intents,
    "pseudo-labels": use_prose.tell_pseudo_labels,
    "out-of-scope": use_prose.tell_out_of_scope,
}
SAID = {
    # TF-IDF is best, 0.05 more when fused.
    "search": ("0.610 [0.600, 0.620]", "0.660 [0.650, 0.670]", "+0.040 [+0.030, +0.050]"),
    "intents": ("0.610 [0.600, 0.620]", "61 %", "+0.040 [+0.030, +0.050]"),
    "pseudo-labels": ("0.630 [0.620, 0.640]", "0.650 [0.640, 0.660]", "0.670 [0.660, 0.680]"),
    "out-of-scope": ("0.610 [0.600, 0.620]", "61 %", "+0.040 [+0.030, +0.050]"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("use", PROSE)
def test_prose_cites_the_numbers_of_the_rows(use: str, language: str) -> None:
    said = PROSE[use](of(use), language=language)
    for number in SAID[use]:
        assert number in said
    assert ("In practice" in said) == (language == "en")
    assert ("实践建议" in said) == (language == "zh")
    assert "{" not in said
    assert "nan" not in said


def test_fusing_is_advised_only_where_it_gains() -> None:
    rows = of("search")
    assert "fuse the ranks" in use_prose.tell_search(rows)
    fused = rows["way"] == "fused"
    rows.loc[fused, "value"] -= 0.2
    assert "fusing the ranks gained nothing" in use_prose.tell_search(rows)


def test_unchecked_proposals_are_advised_only_where_they_gain() -> None:
    rows = of("pseudo-labels")
    assert "help even unchecked" in use_prose.tell_pseudo_labels(rows)
    rows.loc[rows["way"] == "as they are", "value"] -= 0.05
    assert "have a person check" in use_prose.tell_pseudo_labels(rows)


def test_as_many_examples_are_advised_as_still_gain() -> None:
    rows = only(of("intents"), way="logistic", metric="recall@5")
    assert use_prose._worth(rows) == 1
    rows = pd.concat([rows, rows[rows["examples"] == 3].assign(examples=5.0)])
    rows.loc[rows["examples"] == 3, "value"] += 0.1
    rows.loc[rows["examples"] == 5, "value"] += 0.11
    assert use_prose._worth(rows) == 3


def test_a_list_of_intents_is_as_long_as_recall_asks() -> None:
    rows = of("intents")
    curve = rows["metric"] == "recall"
    assert "keep 3 intents" in use_prose.tell_intents(rows)  # none reaches 95 %
    rows.loc[curve & (rows["at"] >= 2), "value"] = 0.96
    assert "keep 2 intents: with 3 examples, recall is 0.960" in use_prose.tell_intents(rows)


# --- charts ----------------------------------------------------------------------------------

PLOTS: dict[str, tuple[Callable[..., Figure], int]] = {
    "search": (use_plots.plot_search, 4),
    "intents": (use_plots.plot_intents, 3),
    "pseudo-labels": (use_plots.plot_pseudo_labels, 2),
    "out-of-scope": (use_plots.plot_out_of_scope, 2),
}


@pytest.mark.parametrize("use", PLOTS)
def test_a_chart_has_its_panels_with_every_method_in_the_legend(use: str) -> None:
    set_style("en")
    plot, panels = PLOTS[use]
    figure = plot(of(use), title="A title")
    assert len(figure.axes) == panels
    texts = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"untrained", "whitening", "TF-IDF (characters)", "unsupervised SimCSE"} <= texts
    assert figure.legends[0].get_title().get_text() == "A title"


def test_two_poolings_have_a_row_of_panels_each() -> None:
    set_style("en")
    rows = of("intents")
    both = pd.concat([rows, rows[rows["pooling"] == "cls"].assign(pooling="mean")])
    figure = use_plots.plot_intents(both)
    assert len(figure.axes) == 6
    assert {ax.get_title() for ax in figure.axes} == {"[CLS]", "mean"}


def test_what_is_out_of_scope_is_named_without_touching_the_next_name() -> None:
    set_style("en")
    rows = of("out-of-scope")
    shares = [rows.assign(unknown="held-out intents", at=share) for share in (0.25, 0.5, 0.75)]
    figure = use_plots.plot_out_of_scope(
        pd.concat([*shares, rows.assign(unknown="other services")])
    )
    figure.canvas.draw()
    for ax in figure.axes:
        boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
        assert len(boxes) >= 4
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_points_lie_at_their_means_from_the_lowest_to_the_highest_seed() -> None:
    set_style("en")
    ax = use_plots.plot_out_of_scope(of("out-of-scope")).axes[0]
    drawn = {bar.get_label(): bar for bar in ax.containers}
    points = drawn["unsupervised SimCSE"].lines[0].get_ydata()
    assert list(points) == pytest.approx([0.46, 0.46])
    low, high = drawn["unsupervised SimCSE"].lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.45, 0.47))
