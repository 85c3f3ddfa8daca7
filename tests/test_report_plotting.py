from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from report_frames import baselines, comparison, curve, geometry, quantiles, sample
from test_report_style import install_fonts

from simcse_core import claims
from simcse_core.report.marks import BELOW, HARDLY_ANY, STEEP
from simcse_core.report.methods import METHODS
from simcse_core.report.plotting import (
    NARROWEST,
    as_png,
    plot_baselines,
    plot_before_after,
    plot_curve,
    plot_geometry,
    plot_sample,
    plot_scores_by_label,
    save_chart,
)
from simcse_core.report.style import set_style
from simcse_core.report.topics import TURN

pytestmark = pytest.mark.usefixtures("english_again")

PUBLISHED = {"dev": {"BERT": 0.42}, "test": {"BERT": 0.34}}
TOLD = {"title": "What it shows", "caption": "bundled sample"}


def higher(table: pd.DataFrame, pooling: str) -> pd.DataFrame:
    """The same rows under another pooling, 0.1 higher."""
    return table.assign(pooling=pooling, value=table["value"] + 0.1)


def protocols(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows under [CLS], and 0.1 higher under the mean of tokens, which comes first."""
    return pd.concat([higher(table, "mean"), table], ignore_index=True)


def with_esimcse(table: pd.DataFrame) -> pd.DataFrame:
    """A second method that learns without labels, 0.02 above the first."""
    mine = table[table["method"] == "unsup-simcse"]
    again = mine.assign(method="esimcse", value=mine["value"] + 0.02)
    return pd.concat([table, again], ignore_index=True)


CHARTS: dict[str, Callable[[], Figure]] = {
    "scores by label": lambda: plot_scores_by_label(quantiles(), **TOLD),
    "baselines": lambda: plot_baselines(baselines(), None, **TOLD),
    "baselines and report": lambda: plot_baselines(baselines(), PUBLISHED, **TOLD),
    "curve over sentences": lambda: plot_curve(curve(), "n_train", **TOLD),
    "curve over epochs": lambda: plot_curve(curve("epoch"), "epoch", **TOLD),
    "curve and claims": lambda: plot_curve(curve(), "n_train", flat_from=400, **TOLD),
    "curve of two poolings": lambda: plot_curve(protocols(curve()), "n_train", **TOLD),
    "what a sample buys": lambda: plot_sample(sample(), **TOLD),
    "alignment and uniformity": lambda: plot_geometry(geometry(), **TOLD),
    "before and after": lambda: plot_before_after(comparison(), None, **TOLD),
    "before, after, report": lambda: plot_before_after(comparison(), PUBLISHED, **TOLD),
    "before, after, two poolings": lambda: plot_before_after(protocols(comparison()), **TOLD),
}
EVERY_CHART = pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS.keys())
EVERY_ENGLISH_CHART = pytest.mark.parametrize("name", CHARTS)


@dataclass(frozen=True)
class Drawn:
    """A chart, and the figures that were open when it was drawn."""

    figure: Figure
    left_open: list[int]


@cache
def _drawn(name: str) -> Drawn:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # what a missing glyph is to matplotlib
        figure = CHARTS[name]()
    return Drawn(figure, plt.get_fignums())


def english(name: str) -> Drawn:
    """A chart in English, to look at: drawn once for all tests, without a warning."""
    set_style("en")
    return _drawn(name)


def texts(figure: Figure) -> list[str]:
    """Titles, axis labels and legend entries of a figure."""
    said = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    said = [text for text in said if text != "ESimCSE"]  # called so in both languages
    for ax in figure.axes:
        said += [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
    return [text for text in said if text]


def render(figure: Figure) -> None:
    """Draws every glyph of a figure; once it is closed, its own canvas draws nothing."""
    figure.savefig(io.BytesIO(), format="png", dpi=60)


# --- every chart -----------------------------------------------------------------------------


@EVERY_ENGLISH_CHART
def test_a_chart_is_drawn_without_a_warning_or_a_missing_glyph(name: str) -> None:
    figure = english(name).figure
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        render(figure)


@EVERY_ENGLISH_CHART
def test_every_axis_says_what_it_shows(name: str) -> None:
    panels = english(name).figure.axes
    for panel in panels:
        assert panel.get_xlabel()
        assert panel.get_title()
    names = " ".join(tick.get_text() for tick in panels[0].get_yticklabels())
    assert panels[0].get_ylabel() or "tiny" in names  # a name for each line says enough


@EVERY_ENGLISH_CHART
def test_every_chart_carries_its_title_and_its_caption(name: str) -> None:
    figure = english(name).figure
    assert figure.legends[0].get_title().get_text() == "What it shows"
    assert "bundled sample" in figure.get_supxlabel()


@EVERY_ENGLISH_CHART
def test_dev_and_test_have_one_range_with_ticks_on_each(name: str) -> None:
    figure = english(name).figure
    figure.draw_without_rendering()
    assert len({ax.get_ylim() for ax in figure.axes if ax.get_ylabel()}) <= 1
    lines_named_once = [ax for ax in figure.axes if not ax.get_ylabel()]
    for ax in figure.axes:
        assert any(tick.get_text() for tick in ax.get_xticklabels())
        if ax not in lines_named_once:
            assert any(tick.label1.get_visible() for tick in ax.yaxis.get_major_ticks())
    assert len({ax.get_xlim() for ax in lines_named_once}) <= 1


@EVERY_ENGLISH_CHART
def test_the_legend_lies_outside_of_every_panel(name: str) -> None:
    figure = english(name).figure
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert not [ax for ax in figure.axes if legend.overlaps(ax.get_window_extent())]


@EVERY_ENGLISH_CHART
def test_whatever_is_labelled_in_a_panel_is_in_the_legend_once(name: str) -> None:
    figure = english(name).figure
    labelled = {text for ax in figure.axes for text in ax.get_legend_handles_labels()[1]}
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(entries) == sorted(labelled)


@EVERY_ENGLISH_CHART
def test_a_chart_is_shown_once_by_a_notebook(name: str) -> None:
    # A figure that stays open is shown a second time when the cell ends.
    assert not english(name).left_open


@EVERY_ENGLISH_CHART
def test_every_label_of_a_chart_has_a_chinese_form(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = texts(english(name).figure)
    install_fonts(monkeypatch, "Noto Sans CJK SC")
    set_style("zh")
    chinese = texts(CHARTS[name]())
    assert not set(said) & set(chinese)


@EVERY_CHART
def test_a_chinese_chart_has_every_glyph(draw: Callable[[], Figure]) -> None:
    set_style("zh")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        render(draw())


@EVERY_CHART
def test_a_missing_glyph_is_a_warning(
    draw: Callable[[], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the tests above rely on: Chinese labels in a font without Chinese do not go unnoticed.
    install_fonts(monkeypatch, "SimHei")
    set_style("zh")
    mpl.rcParams["font.family"] = ["DejaVu Sans"]
    with pytest.warns(UserWarning, match="missing from font"):
        render(draw())


# --- what is drawn ---------------------------------------------------------------------------


def drawn(figure: Figure, split: str) -> list[tuple[list[float], list[float]]]:
    """The points of every line in the panel of a split."""
    panel = next(ax for ax in figure.axes if ax.get_title() == split)
    return [
        (np.asarray(line.get_xdata(), float).tolist(), np.asarray(line.get_ydata(), float).tolist())
        for line in panel.lines
    ]


def test_a_curve_shows_the_untrained_encoder_and_of_each_method_every_seed_and_the_mean() -> None:
    lines = drawn(plot_curve(curve(), "n_train"), "test")
    x = [1.0, 20.0, 800.0]
    assert ([0.0, 1.0], [0.3, 0.3]) in lines
    for one, other in ((0.4, 0.5), (0.2, 0.22)):
        assert (x, [one] * 3) in lines
        assert (x, [other] * 3) in lines
        mean = pytest.approx([(one + other) / 2] * 3)
        assert any(xs == x and ys == mean for xs, ys in lines)


def test_a_curve_of_one_seed_has_no_range() -> None:
    one = curve()[lambda table: table["seed"] == 0]
    assert "range over seeds" in texts(plot_curve(curve(), "n_train"))
    assert "range over seeds" not in texts(plot_curve(one, "n_train"))


def test_sizes_that_span_much_stand_on_a_log_scale_and_others_and_epochs_do_not() -> None:
    wide = plot_curve(curve(), "n_train").axes[0]  # 1, 20 and 800 sentences
    assert wide.get_xscale() == "log"
    assert wide.get_xticks().tolist() == [1, 20, 800]
    assert "(log scale)" in wide.get_xlabel()
    narrow = curve()[lambda table: table["n_train"] != 1]
    narrow["n_train"] = narrow["n_train"].replace(20, 50)
    for rows, x in ((narrow, "n_train"), (curve("epoch"), "epoch")):
        axes = plot_curve(rows, x).axes[0]
        assert axes.get_xscale() == "linear"
        assert "log" not in axes.get_xlabel()


def test_ticks_of_a_log_scale_do_not_run_into_each_other() -> None:
    rows = curve()[lambda table: table["n_train"] != 20]
    near = [rows[rows["n_train"] == 800].assign(n_train=n) for n in (650, 750)]
    axes = plot_curve(pd.concat([rows, *near]), "n_train").axes[0]
    assert axes.get_xticks().tolist() == [1, 650]


def test_a_method_has_the_same_colour_and_marker_in_every_chart() -> None:
    charts = [plot_curve(curve(), "n_train"), plot_sample(sample()), plot_geometry(geometry())]
    charts += [plot_before_after(comparison()), plot_baselines(baselines())]
    names = {look.en: look for look in METHODS.values()}
    seen: dict[str, set[tuple[str, str]]] = {}
    for figure in charts:
        for ax in figure.axes:
            for mark, text in zip(*ax.get_legend_handles_labels(), strict=True):
                if text in names and mark.get_marker() != "None":  # a dashed level has no marker
                    seen.setdefault(text, set()).add((mark.get_color(), mark.get_marker()))
    assert len(seen) >= 6
    for name, looks in seen.items():
        assert looks == {(names[name].colour, names[name].marker)}


def test_methods_stand_in_the_legend_in_their_order_and_other_marks_after_them() -> None:
    legend = plot_curve(with_esimcse(curve()), "n_train").legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        "untrained",
        "whitening",
        "unsupervised SimCSE",
        "ESimCSE",
        "one seed",
        "range over seeds",
    ]


def test_a_method_without_a_look_is_named_with_the_table_to_add_it_to() -> None:
    table = curve().replace({"method": {"whitening": "a new one"}})
    with pytest.raises(ValueError, match=r"'a new one': no row in METHODS of .*methods\.py"):
        plot_curve(table, "n_train")


# --- several poolings, encoders and trained methods --------------------------------------------


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes]


def test_one_pooling_is_one_row_of_panels() -> None:
    assert titles(plot_curve(curve(), "n_train")) == ["dev", "test"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_curve(protocols(curve()), "n_train"),
        lambda: plot_geometry(protocols(geometry())),
        lambda: plot_before_after(protocols(comparison())),
    ],
)
def test_each_pooling_has_a_row_of_panels_of_which_cls_is_the_first(
    draw: Callable[[], Figure],
) -> None:
    assert titles(draw()) == ["dev · [CLS]", "test · [CLS]", "dev · mean", "test · mean"]


def test_each_pooling_is_drawn_in_its_own_panels() -> None:
    figure = plot_curve(protocols(curve()), "n_train")
    assert ([0.0, 1.0], [0.3, 0.3]) in drawn(figure, "test · [CLS]")
    assert ([0.0, 1.0], [0.4, 0.4]) in drawn(figure, "test · mean")
    assert ([0.0, 1.0], [0.4, 0.4]) not in drawn(figure, "test · [CLS]")


def test_each_encoder_has_a_row_of_panels() -> None:
    table = pd.concat([curve(), curve(encoder="other")], ignore_index=True)
    names = titles(plot_curve(table, "n_train"))
    assert names == ["dev · tiny", "test · tiny", "dev · other", "test · other"]


def test_every_trained_method_has_its_line_and_its_path() -> None:
    lines = drawn(plot_curve(with_esimcse(curve()), "n_train"), "test")
    assert ([1.0, 20.0, 800.0], pytest.approx([0.47] * 3)) in lines  # mean of 0.42 and 0.52
    arrows = [ax.texts for ax in plot_geometry(with_esimcse(geometry())).axes]
    # An arrow for each path; numbers, the first and last size, beside that of the first alone.
    assert [[text.get_text() for text in panel] for panel in arrows] == [["", "1", "800", ""]] * 2


def test_the_gain_is_that_of_the_first_trained_method() -> None:
    figure = plot_before_after(with_esimcse(comparison()))
    gains = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert gains == ["+0.210", "+0.210"]
    assert "ESimCSE" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_sample_of_two_poolings_has_a_row_for_each_and_tfidf_in_both() -> None:
    table = sample().assign(encoder="tiny", pooling="cls")
    counted = table["method"] == "tfidf-char"
    other = table[~counted].assign(pooling="mean", mean=lambda rows: rows["mean"] + 0.02)
    table.loc[counted, ["encoder", "pooling"]] = "none", None
    figure = plot_sample(pd.concat([table, other], ignore_index=True))
    assert titles(figure) == ["dev · [CLS]", "test · [CLS]", "dev · mean", "test · mean"]
    for panel, trained in (("test · [CLS]", 0.5), ("test · mean", 0.52)):
        heights = [ys for _, ys in drawn(figure, panel)]
        assert pytest.approx([0.45, 0.45]) in heights  # TF-IDF
        assert pytest.approx([trained] * 2) in heights


# --- single charts -----------------------------------------------------------------------------


def test_the_path_through_the_plane_starts_untrained_and_ends_at_the_last_size() -> None:
    lines = drawn(plot_geometry(geometry()), "test")
    path = next(line for line in lines if len(line[0]) == 4 and line[0][0] == pytest.approx(-0.95))
    assert path[0] == pytest.approx([-0.95, -0.951, -0.97, -1.75])  # mean of seeds 0 and 1
    assert path[1] == pytest.approx([1.05, 1.049, 1.03, 0.25])


def test_intervals_over_pairs_are_bars_of_a_sample() -> None:
    figure = plot_sample(sample())
    panel = next(ax for ax in figure.axes if ax.get_title() == "test")
    bars = [segment for lines in panel.collections for segment in lines.get_segments()]
    spans = sorted({(round(bar[0][1], 3), round(bar[1][1], 3)) for bar in bars})
    assert spans == [(0.36, 0.43), (0.41, 0.48), (0.46, 0.53), (0.51, 0.58)]


def test_before_and_after_tells_the_gain() -> None:
    figure = plot_before_after(comparison())
    gains = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert gains == ["+0.210", "+0.210"]  # 0.51 - 0.30 on either split


def test_methods_on_one_line_of_the_baselines_lie_within_it_in_their_order() -> None:
    panel = plot_baselines(baselines()).axes[0]
    bars = [
        bar
        for bar in panel.containers
        if isinstance(bar, ErrorbarContainer) and len(bar[0].get_ydata())
    ]
    names = [tick.get_text() for tick in panel.get_yticklabels()]
    mean = names.index("tiny, mean")
    placed = {
        bar[0].get_label(): bar[0].get_ydata()[0]
        for bar in bars
        if abs(bar[0].get_ydata()[0] - mean) < 0.5
    }
    assert list(placed) == ["untrained", "IDF-weighted mean", "whitening"]
    assert list(placed.values()) == pytest.approx([mean - 0.27, mean, mean + 0.27])


def test_published_numbers_are_drawn_only_where_given() -> None:
    assert "the report, untrained [CLS]" in texts(plot_before_after(comparison(), PUBLISHED))
    assert "the report, untrained [CLS]" not in texts(plot_before_after(comparison()))
    assert ([0.42, 0.42], [0.0, 1.0]) in drawn(plot_baselines(baselines(), PUBLISHED), "dev")
    assert ([0.42, 0.42], [0.0, 1.0]) not in drawn(plot_baselines(baselines()), "dev")


def test_a_number_of_the_report_stands_on_the_line_of_the_encoder_in_its_place() -> None:
    table = baselines().replace({"encoder": {"tiny": "mini-bert"}})
    panel = plot_baselines(table, {"dev": {"BERT-BASE": 0.42, "other": 0.2}}).axes[0]
    names = [tick.get_text() for tick in panel.get_yticklabels()]
    points = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in panel.lines
        if line.get_label() == "the report, untrained [CLS]"
    ]
    assert points == [(0.42, names.index("mini-bert, [CLS]"))]
    lines = [list(line.get_xdata()) for line in panel.lines if len(line.get_xdata()) == 2]
    assert [0.2, 0.2] in lines  # stands in nobody's place
    assert [0.42, 0.42] not in lines


def test_cls_comes_first_and_what_has_no_encoder_last() -> None:
    panel = plot_baselines(baselines()).axes[0]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == [
        "tiny, [CLS]",
        "other, [CLS]",
        "tiny, mean",
        "TF-IDF (characters)",
        "TF-IDF (words)",
    ]


def test_encoders_of_other_best_poolings_share_a_panel_and_their_lines_say_which() -> None:
    other = comparison().assign(encoder="other")
    table = pd.concat([comparison(), other, higher(comparison(), "mean"), higher(other, "pooler")])
    figure = plot_before_after(table)
    lines = {ax.get_title(): [t.get_text() for t in ax.get_yticklabels()] for ax in figure.axes}
    assert lines["dev · [CLS]"] == ["tiny", "other"]
    assert lines["dev · best pooling of each"] == ["tiny, mean", "other, pooler"]


def test_published_numbers_stand_beside_cls_alone() -> None:
    figure = plot_before_after(protocols(comparison()), PUBLISHED)
    lines = {ax.get_title(): [t.get_text() for t in ax.get_yticklabels()] for ax in figure.axes}
    assert lines["dev · [CLS]"] == ["tiny", "BERT"]
    assert lines["dev · mean"] == ["tiny"]


def test_a_box_is_drawn_from_the_quantiles_of_its_label() -> None:
    panel = plot_scores_by_label(quantiles()).axes[0]
    corners = panel.patches[2].get_path().vertices[:, 1]  # label 2: quartiles 0.4 and 0.6
    assert (min(corners), max(corners)) == (pytest.approx(0.4), pytest.approx(0.6))
    names = [tick.get_text() for tick in panel.get_xticklabels()]
    assert names == [f"{n}\n(n={10 + n})" for n in range(6)]


def test_boxes_near_1_are_seen_where_each_panel_has_a_scale_of_its_own() -> None:
    near = quantiles()
    columns = ["q05", "q25", "q50", "q75", "q95"]
    untrained = near["method"] == "untrained"
    near.loc[untrained, columns] = 0.99 + near.loc[untrained, columns] / 100
    heights = {}
    for own in (True, False):
        first, second = plot_scores_by_label(near, own_scales=own).axes
        heights[own] = [high - low for low, high in (first.get_ylim(), second.get_ylim())]
    assert heights[False][0] == heights[False][1]
    assert heights[True][0] < 0.02 < heights[True][1]


def test_a_panel_of_boxes_says_method_split_encoder_and_spearman() -> None:
    assert titles(plot_scores_by_label(quantiles())) == [
        "untrained\ndev · tiny, [CLS]\nSpearman 0.300",
        "unsupervised SimCSE, 800 sentences\ndev · tiny, [CLS]\nSpearman 0.450",
    ]


def test_boxes_of_what_has_no_encoder_stand_beside_cls() -> None:
    counting = quantiles(pooling=np.nan, encoder="none")
    counting = counting[counting["method"] == "untrained"].assign(method="tfidf-char")
    table = pd.concat([counting, quantiles(pooling="mean"), quantiles()], ignore_index=True)
    assert [title.split("\n")[0] for title in titles(plot_scores_by_label(table))] == [
        *("untrained", "unsupervised SimCSE, 800 sentences", "TF-IDF (characters)"),
        *("untrained", "unsupervised SimCSE, 800 sentences"),
    ]


def test_one_panel_of_each_pooling_stands_beside_the_others() -> None:
    before = quantiles()[lambda table: table["method"] == "untrained"]
    counting = before.assign(method="tfidf-char", encoder="none", pooling=np.nan)
    table = pd.concat([counting, before.assign(pooling="mean"), before], ignore_index=True)
    figure = plot_scores_by_label(table)
    assert [title.split("\n")[1] for title in titles(figure)] == [
        "dev · tiny, [CLS]",
        "dev · tiny, mean",
        "dev",
    ]
    assert len({ax.get_position().y0 for ax in figure.axes}) == 1  # in a row


def test_boxes_of_each_pooling_are_a_row_of_panels() -> None:
    table = pd.concat([quantiles(pooling="mean"), quantiles()], ignore_index=True)
    seconds = [title.split("\n")[1] for title in titles(plot_scores_by_label(table))]
    assert seconds == ["dev · tiny, [CLS]"] * 2 + ["dev · tiny, mean"] * 2


def test_a_small_change_is_not_spread_over_the_whole_axis() -> None:
    table = curve()
    table["value"] = 0.6 + table["value"] / 1000
    low, high = plot_curve(table, "n_train").axes[0].get_ylim()
    assert high - low == pytest.approx(NARROWEST)
    assert low < 0.6 < high


def test_a_mean_beyond_the_end_of_its_interval_is_drawn() -> None:
    # A percentile interval of a biased statistic may leave out the value itself.
    table = sample().assign(pair_low=0.1, pair_high=0.42)
    render(plot_sample(table))
    render(plot_baselines(baselines().assign(ci_low=0.9)))


# --- what is missing -------------------------------------------------------------------------


def test_a_value_that_is_missing_does_not_stop_a_chart() -> None:
    set_style("en")
    table = baselines()
    missing = table["method"] == "untrained"
    table.loc[missing, ["value", "ci_low", "ci_high"]] = np.nan
    render(plot_baselines(table))


def test_a_plane_without_a_point_says_why() -> None:
    set_style("en")
    table = geometry()
    table.loc[table["metric"] == "alignment", "value"] = np.nan
    figure = plot_geometry(table.assign(missing="no pair has label 5"))
    render(figure)
    assert "no pair has label 5" in figure.axes[0].texts[0].get_text()


def test_a_metric_that_is_not_there_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_curve(curve().assign(metric="accuracy"), "n_train")


# --- files -----------------------------------------------------------------------------------


@EVERY_CHART
def test_a_saved_chart_is_the_same_png_each_time(draw: Callable[[], Figure]) -> None:
    set_style("en")
    one, two = as_png(draw()), as_png(draw())
    assert one.startswith(b"\x89PNG\r\n\x1a\n")
    assert one == two


def test_a_chart_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    (tmp_path / "chart.png").write_bytes(b"old")
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        save_chart(plot_curve(curve(), "n_train"), tmp_path, "chart")
    assert (tmp_path / "chart.png").read_bytes() == b"old"


def test_saving_gives_the_figure_back_for_the_notebook_to_show(tmp_path: Path) -> None:
    figure = plot_curve(curve(), "n_train")
    assert save_chart(figure, tmp_path, "chart") is figure
    assert (tmp_path / "chart.png").read_bytes() == as_png(figure)


def test_a_number_of_the_report_stands_below_the_encoder_in_its_place_under_cls() -> None:
    table = comparison().replace({"encoder": {"tiny": "mini-bert"}})
    numbers = {"test": {"BERT-BASE": 0.34, "BERT-wwm": 0.2}}
    named, panel = plot_before_after(table, numbers).axes
    assert [text.get_text() for text in named.get_yticklabels()] == ["mini-bert", "BERT-wwm"]
    marks = [x for x in panel.lines if x.get_label() == "the report, untrained [CLS]"]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks]
    assert points == [(0.34, BELOW), (0.2, 1)]
    assert 0 < BELOW < 0.5  # still on the line of its encoder


def test_without_cls_the_numbers_of_the_report_have_lines_of_their_own() -> None:
    table = higher(comparison(), "mean").replace({"encoder": {"tiny": "mini-bert"}})
    panel = plot_before_after(table, {"test": {"BERT-BASE": 0.34}}).axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["mini-bert", "BERT-BASE"]


def test_single_seeds_look_as_their_method_and_untrained_encoders_have_none() -> None:
    panel = plot_before_after(comparison()).axes[1]
    small = [x for x in panel.lines if len(x.get_xdata()) and x.get_markersize() < 6]
    looks = {(x.get_color(), x.get_marker()): list(x.get_xdata()) for x in small}
    names = ("unsup-simcse", "sup-simcse")
    styles = [(METHODS[name].colour, METHODS[name].marker) for name in names]
    assert looks == {styles[0]: [0.5, 0.52], styles[1]: [0.6, 0.61]}
    assert all(set(x.get_ydata()) == {BELOW} for x in small)


def test_one_seed_is_no_entry_where_there_is_but_one() -> None:
    one = comparison()[lambda table: table["seed"] == 0]
    assert "one seed" in texts(plot_before_after(comparison()))
    assert "one seed" not in texts(plot_before_after(one))


def test_no_interval_of_the_baselines_reaches_out_of_its_panel() -> None:
    table = baselines()
    table.loc[table["split"] == "test", "ci_high"] += 0.4  # dev is drawn first
    for ax in plot_baselines(table).axes:
        ends = [x for c in ax.collections for bar in c.get_segments() for x in bar[:, 0]]
        assert ends
        assert max(ends) < ax.get_xlim()[1]
        assert ax.get_xlim()[0] == 0


def test_methods_that_share_a_marker_are_told_apart_by_its_filling() -> None:
    looks = [(look.marker, look.hollow) for look in METHODS.values()]
    assert len(set(looks)) == len(looks)
    marks = {
        text: mark
        for ax in plot_before_after(comparison()).axes
        for mark, text in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    assert marks["untrained"].get_markerfacecolor() == "white"
    assert marks["unsupervised SimCSE"].get_markerfacecolor() != "white"


# --- what the report claims --------------------------------------------------------------------


def claimed(figure: Figure, panel: int = 1) -> dict[str, tuple[list[float], list[float]]]:
    """From entries that begin with the report to the x and y between which each is drawn."""
    ax = figure.axes[panel]
    found = {}
    for mark, text in zip(*ax.get_legend_handles_labels(), strict=True):
        if text.startswith("the report"):
            box = mark.get_datalim(ax.transData) if hasattr(mark, "get_datalim") else None
            ends = box.get_points().T.tolist() if box else [*map(list, mark.get_data())]
            found[text] = tuple(ends)
    return found


def test_a_steep_rise_and_what_is_flat_after_it_are_drawn_where_they_are_claimed() -> None:
    # SimCSE: 0.4 and 0.5 at each of 1, 20, 800 sentences; untrained 0.3.
    found = claimed(plot_curve(curve(), "n_train", flat_from=400))
    assert found == {
        "the report: flat, ±0.02": ([20, 800], pytest.approx([0.43, 0.47])),
        "the report: rise, +0.10": ([20, 20], pytest.approx([0.3, 0.4])),
    }


def test_a_curve_that_is_claimed_to_be_flat_all_along_has_no_rise() -> None:
    found = claimed(plot_curve(curve("epoch"), "epoch", flat_from=0))
    assert list(found) == ["the report: flat, ±0.02"]
    assert claimed(plot_curve(curve(), "n_train")) == {}


def test_what_is_drawn_as_claimed_is_what_claims_are_judged_by() -> None:
    assert (HARDLY_ANY, STEEP, TURN) == (claims.SMALL, claims.LARGE, claims.TURN)
    assert pytest.approx(5 * claims.SMALL) == NARROWEST


# --- captions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a word " * 60, "一句话，" * 80, "批大小 64，mini-bert、" * 20])
def test_a_caption_is_no_wider_than_its_chart(text: str) -> None:
    set_style("zh")
    figure = plot_baselines(baselines(), caption=text.strip())
    figure.draw_without_rendering()
    drawn_text = figure._supxlabel
    assert drawn_text.get_window_extent().width < figure.bbox.width
    assert "\n" in drawn_text.get_text()
    assert drawn_text.get_text().replace("\n", "").replace(" ", "") == text.replace(" ", "")
