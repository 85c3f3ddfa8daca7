from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from simcse_core import plotting
from simcse_core.plotting import (
    CJK_FONTS,
    label,
    plot_baselines,
    plot_before_after,
    plot_curve,
    plot_geometry,
    plot_sample,
    plot_scores_by_label,
    save_chart,
    set_style,
)

REPORT = {"dev": {"BERT": 0.42}, "test": {"BERT": 0.34}}


def rows(**columns: object) -> pd.DataFrame:
    """Two splits of one tidy row a seed; Spearman unless said otherwise."""
    fixed = {"metric": "spearman", "encoder": "tiny", "pooling": "cls", "seed": [0, 1]}
    both = [
        pd.DataFrame({**fixed, "n_train": 0, "epoch": 0.0, "split": split, **columns})
        for split in ("dev", "test")
    ]
    frame = pd.concat(both, ignore_index=True)
    return frame.assign(ci_low=frame["value"] - 0.05, ci_high=frame["value"] + 0.05)


def cosines() -> pd.DataFrame:
    n = 36
    rng = np.random.default_rng(0)
    panels = ["tfidf-char: Spearman 0.5"] * (n // 2) + ["untrained: 0.3"] * (n // 2)
    columns = {"label": np.arange(n) % 6.0, "cosine": rng.uniform(size=n), "panel": panels}
    return pd.DataFrame(columns)


def baselines() -> pd.DataFrame:
    return pd.concat(
        [
            rows(encoder="none", pooling=np.nan, method="tfidf-char", value=0.5),
            rows(method="untrained", value=[0.3, 0.3]),
            rows(method="idf-mean", value=[0.35, 0.35]),
            rows(method="whitening", value=[0.4, 0.45]),
            rows(method="whitening", value=-7.0, metric="uniformity"),
        ],
        ignore_index=True,
    )


def curve(x: str = "n_train") -> pd.DataFrame:
    learnt = [
        rows(method=method, value=value, **{"epoch": 1.0, x: point})
        for method, value in (("unsup-simcse", [0.4, 0.5]), ("whitening", [0.2, 0.22]))
        for point in (1, 20, 800)
    ]
    return pd.concat([rows(method="untrained", value=[0.3, 0.3]), *learnt], ignore_index=True)


def geometry() -> pd.DataFrame:
    """Alignment and uniformity, of which both fall along training."""
    frames = [
        table.assign(metric=metric, value=start - table["n_train"] / 1000 + table["seed"] / 10)
        for metric, start in (("alignment", 1.0), ("uniformity", -1.0))
        for table in [curve()]
    ]
    return pd.concat([curve(), *frames], ignore_index=True)


def sample() -> pd.DataFrame:
    methods = ("untrained", "tfidf-char", "unsup-simcse", "sup-simcse")
    table = pd.DataFrame(
        [
            {"method": method, "n_sentences": n, "split": split, "mean": 0.4 + i / 20}
            for split in ("dev", "test")
            for i, method in enumerate(methods)
            for n in (50, 10000)
        ]
    )
    return table.assign(pair_low=table["mean"] - 0.04, pair_high=table["mean"] + 0.03)


def comparison() -> pd.DataFrame:
    return pd.concat(
        [
            rows(method="untrained", value=[0.3, 0.3]),
            rows(method="unsup-simcse", value=[0.5, 0.52]),
            rows(method="sup-simcse", value=[0.1, 0.11], n_train=16),
            rows(method="sup-simcse", value=[0.6, 0.61], n_train=300),
        ],
        ignore_index=True,
    )


CHARTS: dict[str, Callable[[], Figure]] = {
    "scores by label": lambda: plot_scores_by_label(cosines(), "bundled sample"),
    "baselines": lambda: plot_baselines(baselines(), None, "bundled sample"),
    "baselines and report": lambda: plot_baselines(baselines(), REPORT, "bundled sample"),
    "curve over sentences": lambda: plot_curve(curve(), "n_train", "bundled sample"),
    "curve over epochs": lambda: plot_curve(curve("epoch"), "epoch", "bundled sample"),
    "what a sample buys": lambda: plot_sample(sample(), "bundled sample"),
    "alignment and uniformity": lambda: plot_geometry(geometry(), "bundled sample"),
    "before and after": lambda: plot_before_after(comparison(), None, "bundled sample"),
    "before, after, report": lambda: plot_before_after(comparison(), REPORT, "bundled sample"),
}
EVERY_CHART = pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS.keys())


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """Every test starts and ends with matplotlib's own style and English labels."""
    with mpl.rc_context():
        yield
        set_style("en")
        plt.close("all")


def texts(figure: Figure) -> list[str]:
    """Titles, axis labels and legend entries of a figure."""
    said = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        said += [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
    return [text for text in said if text]


def render(figure: Figure) -> None:
    """Draws every glyph of a figure; once it is closed, its own canvas draws nothing."""
    figure.savefig(io.BytesIO(), format="png", dpi=60)


def install_fonts(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes matplotlib believe that these CJK fonts are there, and no other."""
    fonts = [font for font in font_manager.fontManager.ttflist if font.name not in CJK_FONTS]
    fonts += [font_manager.FontEntry(fname=f"{name}.ttf", name=name) for name in names]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)


# --- every chart -----------------------------------------------------------------------------


@EVERY_CHART
def test_a_chart_is_drawn_without_a_warning_or_a_missing_glyph(draw: Callable[[], Figure]) -> None:
    set_style("en")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # what a missing glyph is to matplotlib
        render(draw())


@EVERY_CHART
def test_every_axis_says_what_it_shows(draw: Callable[[], Figure]) -> None:
    set_style("en")
    panels = draw().axes
    for panel in panels:
        assert panel.get_xlabel()
        assert panel.get_title()
    names = " ".join(tick.get_text() for tick in panels[0].get_yticklabels())
    assert panels[0].get_ylabel() or "tiny" in names  # a name for each row says enough


@EVERY_CHART
def test_every_chart_carries_its_caption(draw: Callable[[], Figure]) -> None:
    assert "bundled sample" in draw().get_supxlabel()


@EVERY_CHART
def test_a_chart_is_shown_once_by_a_notebook(draw: Callable[[], Figure]) -> None:
    # A figure that stays open is shown a second time when the cell ends.
    draw()
    assert not plt.get_fignums()


@EVERY_CHART
def test_every_label_of_a_chart_has_a_chinese_form(
    draw: Callable[[], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fonts(monkeypatch, "Noto Sans CJK SC")
    set_style("en")
    english = texts(draw())
    set_style("zh")
    chinese = texts(draw())
    assert not set(english) & set(chinese)


@EVERY_CHART
def test_a_chinese_chart_has_every_glyph(draw: Callable[[], Figure]) -> None:
    if set_style("zh") == "en":
        pytest.skip("no CJK font is installed")
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


def test_a_method_has_the_same_colour_and_marker_in_every_chart() -> None:
    charts = [plot_curve(curve(), "n_train"), plot_sample(sample()), plot_geometry(geometry())]
    charts += [plot_before_after(comparison()), plot_baselines(baselines())]
    looks: dict[str, set[tuple[str, str]]] = {}
    for figure in charts:
        for handle in figure.legends[0].legend_handles:
            name = handle.get_label()
            if name in plotting.MARKERS and handle.get_linestyle() != "--":
                looks.setdefault(name, set()).add((handle.get_color(), handle.get_marker()))
    assert len(looks) >= 5
    for name, seen in looks.items():
        assert seen == {(plotting.COLOURS[name], plotting.MARKERS[name])}


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


def test_the_reports_numbers_are_drawn_only_where_given() -> None:
    assert "the report, untrained" in texts(plot_before_after(comparison(), REPORT))
    assert "the report, untrained" not in texts(plot_before_after(comparison()))
    assert ([0.42, 0.42], [0.0, 1.0]) in drawn(plot_baselines(baselines(), REPORT), "dev")
    assert ([0.42, 0.42], [0.0, 1.0]) not in drawn(plot_baselines(baselines()), "dev")


def test_a_value_that_is_missing_does_not_stop_a_chart() -> None:
    set_style("en")
    table = baselines()
    missing = table["method"] == "untrained"
    table.loc[missing, ["value", "ci_low", "ci_high"]] = np.nan
    render(plot_baselines(table))


# --- language --------------------------------------------------------------------------------


def test_chinese_without_a_cjk_font_says_so_and_falls_back_to_english(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_fonts(monkeypatch)
    assert set_style("zh") == "en"
    said = capsys.readouterr().out
    assert "no CJK font" in said
    assert "labelled in English" in said
    assert label("Epochs") == "Epochs"


@pytest.mark.parametrize("font", ["Noto Sans CJK SC", "WenQuanYi Zen Hei", "SimHei"])
def test_chinese_with_a_cjk_font_uses_it_after_the_theme(
    font: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert font in CJK_FONTS
    install_fonts(monkeypatch, font)
    assert set_style("zh") == "zh"
    assert mpl.rcParams["font.family"][0] == font
    assert label("Epochs") == "训练轮数"
    assert not capsys.readouterr().out


def test_english_comes_back_after_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fonts(monkeypatch, "SimHei")
    set_style("zh")
    assert set_style("en") == "en"
    assert label("Epochs") == "Epochs"
    assert "SimHei" not in mpl.rcParams["font.family"]


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        set_style("fr")


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", ["scores by label", "before, after, report"])
def test_a_saved_chart_is_the_same_png_each_time(chart: str, tmp_path: Path) -> None:
    set_style("en")
    for name in ("one", "two"):
        save_chart(CHARTS[chart](), tmp_path, name)
    one, two = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "two"))
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


def test_every_method_has_a_colour_of_its_own() -> None:
    assert len(set(plotting.COLOURS.values())) == len(plotting.COLOURS)
    assert plotting.COLOURS.keys() == plotting.MARKERS.keys()
