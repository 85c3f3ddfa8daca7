"""One function for each chart family: a frame in, a figure out.

A frame that holds several poolings of the studied encoder, or several encoders, gets a row of
panels for each, [CLS] first.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from simcse_core.config import BEST, Kind, Pooling
from simcse_core.files import write_bytes
from simcse_core.protocols import Protocol, protocols
from simcse_core.report.marks import (
    BELOW,
    HARDLY_ANY,
    PLANE,
    draw_bar,
    draw_bars,
    draw_boxes,
    draw_claimed,
    draw_dumbbell,
    draw_levels,
    draw_mark,
    draw_path,
    draw_published_lines,
    draw_seeds,
    label_bars,
    label_numbers,
    label_path,
    label_seeds,
    label_small,
)
from simcse_core.report.methods import METHODS, PUBLISHED, in_order, method
from simcse_core.report.own_text import along, kept_place, place_column
from simcse_core.report.phrases import in_words
from simcse_core.report.rows import (
    Facet,
    at_last,
    cls_first,
    facet_titles,
    facets,
    of_kind,
    on,
    report_encoder,
    spearman,
    splits,
    trained_methods,
)
from simcse_core.report.style import label, language
from simcse_core.report.wording import COLON, COMMA, pooling_name, quantity

# Split to encoder to Spearman: numbers of others, drawn for comparison.
Published = Mapping[str, Mapping[str, float]]

# A Spearman axis is at least this wide: on a narrower one, noise looks like a trend.
NARROWEST = 5 * HARDLY_ANY
# Inches of a chart of two panels.
USUAL_WIDTH = 11.6
LOWEST = 2.6  # inches of a panel where there are many
# Sizes whose last is more than so many times the first stand on a log scale, ticks a factor apart.
WIDE, APART = 30, 1.7
LINE = 0.56  # inches of a line with a name
BETWEEN = 0.09  # inches above and below a panel: its title stands nearer to it than to others


def plot_scores_by_label(
    quantiles: pd.DataFrame, *, own_scales: bool = False, title: str = "", caption: str = ""
) -> Figure:
    """Cosine against human label, a box for each label: what Spearman summarises.

    Args:
        quantiles: columns ``encoder, pooling, method, n_train, split, seed, spearman``, which name
            a panel, and in each of its rows a ``label`` with ``n`` pairs and the quantiles of their
            cosines ``q05, q25, q50, q75, q95``.
        own_scales: a scale for each panel, where cosines of an untrained encoder lie near 1.
    """
    keys = ["encoder", "pooling", "method", "n_train", "split", "seed", "spearman"]
    poolings = cls_first(quantiles["pooling"].dropna())
    lines: list[list[pd.DataFrame]] = [[] for _ in poolings or [""]]
    for _, rows in quantiles.groupby(keys, sort=False, dropna=False):
        pooling = rows["pooling"].iloc[0]
        lines[poolings.index(pooling) if pooling in poolings else 0].append(rows)
    if len(poolings) == sum(map(len, lines)) - int(quantiles["pooling"].isna().any()):
        lines = [[panel for line in lines for panel in line]]  # one of each: side by side
    for line in lines:  # what has no encoder stands beside what has one
        line.sort(key=lambda rows: bool(rows["pooling"].isna().all()))
    share_y: Literal["all", "none"] = "none" if own_scales else "all"
    figure, axes = _axes(
        [4.2] * len(lines), max(map(len, lines)), width=5.2, share_x="none", share_y=share_y
    )
    for line, panels in zip(axes, lines, strict=True):
        for ax, panel in zip_longest(line, panels):
            if panel is None:
                ax.remove()
                continue
            draw_boxes(ax, panel)
            ax.set(xlabel=label("Human label"), ylabel=label("Cosine similarity"))
            ax.set_title(_panel_title(panel.iloc[0]), fontsize="medium")
    return finish(figure, title, caption)


def plot_baselines(
    results: pd.DataFrame,
    published: Published | None = None,
    *,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Spearman of every method with its interval over pairs; one panel a split.

    What depends on a seed is drawn as the mean over seeds, of the interval's ends too.

    Args:
        results: tidy rows with metric ``spearman``.
        published: numbers of the report, each on the line of the encoder that stands in the place
            of the report's; as a line down where none does.
    """
    rows = spearman(results).copy()
    rows["line"] = [_line_name(row) for _, row in rows.iterrows()]
    # The report's protocol first, then the other poolings, what has no encoder, what others made.
    cls, without = rows["pooling"] == Pooling.CLS, rows["pooling"].isna()
    order = np.select([rows["kind"] == Kind.READY_MADE, without, cls], [3, 2, 0], default=1)
    rows = rows.iloc[np.argsort(order, kind="stable")]
    names = list(dict.fromkeys(rows["line"]))
    of_cls = rows[(rows["pooling"] == Pooling.CLS) & (rows["kind"] != Kind.READY_MADE)]
    of_cls = of_cls.drop_duplicates("line")
    theirs = dict(zip(of_cls["line"], of_cls["encoder"].map(report_encoder), strict=True))
    figure, panels = _panels({Facet("", ""): rows}, width=6, lines=[names])
    for ax, here in panels:
        for place, line in enumerate(names):
            mine = here[here["line"] == line]
            methods = in_order(mine["method"])
            offsets = np.linspace(-0.27, 0.27, len(methods)) if len(methods) > 1 else [0.0]
            for name, offset in zip(methods, offsets, strict=True):
                draw_bar(ax, mine[mine["method"] == name], place + offset)
        label_bars(ax, "xerr")
        numbers = dict((published or {}).get(str(here["split"].iloc[0]), {}))
        for line, encoder in theirs.items():
            if encoder in numbers:
                draw_mark(ax, numbers.pop(encoder), names.index(line), PUBLISHED)
        draw_published_lines(ax, numbers)
        ax.set(xlabel=label("Spearman"))
    # Once all is drawn: a limit that is set keeps the axes from growing.
    first = panels[0][0]
    first.set_xlim(left=min(0.0, first.get_xlim()[0]))
    return finish(figure, title, caption)


def plot_curve(
    results: pd.DataFrame,
    x: str,
    *,
    flat_from: float | None = None,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Spearman of each method along a curve: mean over seeds, their range, and every seed behind.

    Args:
        results: tidy rows; what is not learnt from the sentences is a dashed line.
        x: ``n_train`` or ``epoch``.
        flat_from: from where on the report claims hardly any change, after a steep rise if that is
            not the first place; nothing is drawn of its claims if None.
    """
    figure, panels = _panels(facets(spearman(results)), width=5.8)
    for ax, here in panels:
        if flat_from is not None:
            draw_claimed(ax, here, x, flat_from)
        draw_levels(ax, of_kind(here, Kind.UNTRAINED, Kind.READY_MADE))
        learnt = of_kind(here, Kind.FITTED, Kind.TRAINED, Kind.LABELLED)
        for name in in_order(learnt["method"]):
            draw_seeds(ax, learnt[learnt["method"] == name], x)
        label_seeds(ax, learnt)
        ax.set(ylabel=label("Spearman"))
        _set_places(ax, x, np.unique(learnt[x]))
    widen([ax for ax, _ in panels], "y")
    return finish(figure, title, caption)


def _set_places(ax: Axes, x: str, places: np.ndarray) -> None:
    """The axis of epochs or sizes; sizes that span much stand on a log scale, all told apart."""
    words = "Epochs" if x == "epoch" else "Unlabelled training sentences"
    if x == "n_train" and len(places) and places[-1] > WIDE * places[0]:
        ticks: list[int] = []
        for place in places:
            if not ticks or place >= APART * ticks[-1]:
                ticks.append(place)
        ax.set(xscale="log", xticks=ticks, xlabel=label(f"{words} (log scale)"))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.set(xlabel=label(words))
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.xaxis.set_major_formatter(_COUNT)


def plot_sample(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Every method at the same sizes: means over seeds with their interval over pairs.

    Args:
        rows: columns ``n_sentences, method, kind, split, mean, pair_low, pair_high``, and maybe
            ``encoder`` and ``pooling``.
    """
    sizes = np.unique(rows["n_sentences"])
    apart = np.log(sizes[1:] / sizes[:-1]).min() if len(sizes) > 1 else 1.0
    parts = facets(rows)
    methods = in_order(name for part in parts.values() for name in part["method"])
    # Side by side, so that no bar hides another, in less than half of the way to the next size.
    shifts = np.exp(np.linspace(-0.22, 0.22, len(methods)) * apart)
    figure, panels = _panels(parts, width=6.2)
    for ax, here in panels:
        for name, shift in zip(methods, shifts, strict=True):
            if name in set(here["method"]):
                draw_bars(ax, here[here["method"] == name], float(shift))
        label_bars(ax, "yerr")
        ax.set(
            xscale="log",
            xticks=sizes,
            xlabel=label("Sentences (log scale)"),
            ylabel=label("Spearman"),
        )
        ax.xaxis.set_major_formatter(_COUNT)
        ax.xaxis.set_minor_locator(NullLocator())
    widen([ax for ax, _ in panels], "y")
    return finish(figure, title, caption)


def plot_geometry(results: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Alignment against uniformity along training, the view of Wang and Isola (2020).

    A path starts at the untrained encoder, with an arrow in the direction of training and the first
    and last size of the studied method beside it; what is only fitted stands at its last size.

    Args:
        results: tidy rows over ``n_train`` with metrics ``alignment`` and ``uniformity``.
    """
    points = _in_the_plane(results)
    figure, panels = _panels(facets(points), width=5.8)
    for ax, here in panels:
        paths = trained_methods(here)
        start = of_kind(here, Kind.UNTRAINED)
        for name in paths:
            way = pd.concat([start, here[here["method"] == name]])
            draw_path(ax, way, name, numbered=name == paths[0])
        for name in in_order(here.loc[~here["method"].isin(paths), "method"]):
            mine = here[here["method"] == name]
            spot = mine[mine["n_train"] == mine["n_train"].max()][PLANE].mean()
            draw_mark(ax, spot["uniformity"], spot["alignment"], method(name))
        label_path(ax)
        label_numbers(ax)
        ax.set(
            xlabel=label("Uniformity (lower is better)"),
            ylabel=label("Alignment (lower is better)"),
        )
        ax.margins(0.12)
    return finish(figure, title, caption)


def plot_before_after(
    results: pd.DataFrame,
    published: Published | None = None,
    *,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Each encoder before and after training: mean over seeds, single seeds, and the gain.

    Args:
        results: tidy rows; the largest ``n_train`` of each method is drawn.
        published: numbers of the report for untrained encoders under [CLS], each on the line of
            the encoder that stands in the place of the report's; on a line below where none does.
    """
    rows = at_last(spearman(results))
    found, ready_made = protocols(rows), of_kind(rows, Kind.READY_MADE)
    studied = rows[rows["kind"] != Kind.READY_MADE]
    parts = {
        Facet("", protocol.name): pd.concat([protocol.rows(studied), ready_made])
        for protocol in found
    }
    ours = [list(dict.fromkeys(part["encoder"])) for part in parts.values()]
    theirs = list(dict.fromkeys(name for split in (published or {}).values() for name in split))
    beside = _in_place_of_theirs(found[0], ours[0]) if found else {}
    alone = [name for name in theirs if name not in beside]
    place_of = beside | {name: len(ours[0]) + i for i, name in enumerate(alone)}
    # Where each encoder has a best pooling of its own, its line says which.
    named = [
        [_of_protocol(protocol, e) for e in names]
        for protocol, names in zip(found, ours, strict=True)
    ]
    lines = [names + alone * (i == 0) for i, names in enumerate(named)]
    figure, panels = _panels(parts, width=5.8, lines=lines)
    for i, (ax, here) in enumerate(panels):
        names = ours[i // len(splits(rows))]
        for place, encoder in enumerate(names):
            draw_dumbbell(ax, here[here["encoder"] == encoder], place)
        if names is ours[0]:
            for name, value in (published or {}).get(str(here["split"].iloc[0]), {}).items():
                draw_mark(ax, value, place_of[name], PUBLISHED)
        if (here.groupby(["encoder", "method"])["value"].nunique() > 1).any():
            label_small(ax)
        ax.set(xlabel=label("Spearman"))
    widen([ax for ax, _ in panels], "x")
    return finish(figure, title, caption)


def _in_place_of_theirs(protocol: Protocol, names: Sequence[str]) -> dict[str, float]:
    """From an encoder of the report to a place on the line of ours, below its mark."""
    if protocol.name != Pooling.CLS:
        return {}
    places = {report_encoder(e): i + BELOW for i, e in enumerate(names) if e in protocol.pooling}
    return {name: place for name, place in places.items() if name}


def _of_protocol(protocol: Protocol, encoder: str) -> str:
    if protocol.name != BEST or encoder not in protocol.pooling:
        return encoder
    name = pooling_name(protocol.pooling[encoder], language())
    return f"{encoder}{COMMA[language()]}{name}"


def plot_lengths(lengths: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """How many sentences have how many tokens, those that are cut apart.

    Args:
        lengths: columns ``n_tokens``, ``n_sentences``, ``is_cut``.
    """
    figure, axes = _axes([3.2], 1, width=6.5)
    ax = axes[0, 0]
    looks = {
        "read whole": {"color": METHODS["unsup-simcse"].colour},
        "cut at the encoder's limit": {"color": METHODS["whitening"].colour, "hatch": "//"},
    }
    for is_cut, (name, look) in zip((False, True), looks.items(), strict=True):
        mine = lengths[lengths["is_cut"].astype(bool) == is_cut]
        if len(mine):
            bars = (mine["n_tokens"], mine["n_sentences"])
            ax.bar(*bars, width=1.0, label=label(name), **look)
    ax.set(xlabel=label("Tokens"), ylabel=label("Sentences"))
    return finish(figure, title, caption)


def plot_training(results: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """What was measured along one training run, a panel each, and where the encoder was kept.

    Args:
        results: tidy rows as of :mod:`simcse_core.report.own_text`.
    """
    x, kept, panels = place_column(results), kept_place(results), list(along(results))
    figure, axes = _axes([3.2], len(panels), width=3.6, share_y="none")
    for ax, (name, rows) in zip(axes[0], panels, strict=True):
        draw_levels(ax, of_kind(rows, Kind.UNTRAINED))
        draw_seeds(ax, of_kind(rows, Kind.TRAINED), x)
        ax.axvline(kept, linestyle=":", color="0.4", label=label("kept"))
        ax.set_title(label(name))
        ax.set_xlabel(label("Epochs" if x == "epoch" else "Unlabelled training sentences"))
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return finish(figure, title, caption)


def save_chart(figure: Figure, directory: Path, name: str) -> Figure:
    """Writes a chart as ``<name>.png``, whole or not at all, and returns it to be shown."""
    write_bytes(directory / f"{name}.png", as_png(figure))
    figure.set_layout_engine("none")  # all has its place now, and showing need not find it anew
    return figure


def as_png(figure: Figure) -> bytes:
    """A chart as PNG: the same figure gives the same bytes on one machine."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


_COUNT = FuncFormatter(lambda n, _: f"{n:,.0f}")


# --- panels ----------------------------------------------------------------------------------


def _axes(
    heights: Sequence[float],
    n_columns: int,
    width: float,
    share_x: Literal["all", "none"] = "all",
    share_y: Literal["all", "row", "none"] = "all",
) -> tuple[Figure, np.ndarray]:
    """A grid of axes with ticks told on each: a row for each height, in inches."""
    figure, axes = plt.subplots(
        len(heights),
        n_columns,
        figsize=(width * n_columns, sum(heights) + 0.75 * len(heights) + 1.0),
        height_ratios=heights,
        sharex=share_x,
        sharey=share_y,
        squeeze=False,
        layout="constrained",
    )
    keep_apart(figure)
    for ax in axes.flat:
        ax.tick_params(labelleft=True, labelbottom=True)
    return figure, axes


def keep_apart(figure: Figure) -> None:
    """Sets rows of panels so far apart that a title is not taken for the panel's above."""
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(h_pad=BETWEEN)


def panels_of(n: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Panels beside each other, of so many inches each with the names of their axes."""
    figure, axes = _axes([height], n, width)
    return figure, list(axes[0])


def _panels(
    parts: Mapping[Facet, pd.DataFrame], width: float, lines: Sequence[Sequence[str]] = ()
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel with its rows for each facet, from top to bottom, and split, side by side.

    Args:
        lines: for each facet the names of its lines, where the y axis is no scale.
    """
    names = splits(pd.concat(parts.values()))
    if not names:
        raise ValueError("nothing to draw: no row of split dev or test has this metric")
    titles = facet_titles(parts, language())
    heights = [LINE * len(of_facet) for of_facet in lines]
    heights = heights or [3.5 if len(parts) <= 2 else LOWEST] * len(parts)
    figure, axes = _axes(heights, len(names), width, share_y="row" if lines else "all")
    panels = []
    for i, (facet, rows) in enumerate(parts.items()):
        for ax, split in zip(axes[i], names, strict=True):
            ax.set_title(" · ".join(filter(None, (label(split), titles[facet]))))
            if lines:
                _name_lines(ax, lines[i])
            here = on(rows, split)
            _say_why_empty(ax, here)
            panels.append((ax, here))
    return figure, panels


def _say_why_empty(ax: Axes, rows: pd.DataFrame) -> None:
    if "value" in rows and rows["value"].isna().all():
        why = next(iter(rows["missing"].dropna()), "") if "missing" in rows else ""
        parts = (label("no value"), in_words(why, language()))
        text = COLON[language()].join(filter(None, parts))
        ax.text(0.5, 0.5, textwrap.fill(text, 40), ha="center", transform=ax.transAxes)


def _name_lines(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left of a chart whose lines are numbered from the top; every other shaded."""
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.7))
    ax.grid(visible=False, axis="y")
    spec = ax.get_subplotspec()
    ax.tick_params(labelleft=spec is None or spec.is_first_col())
    for place in range(0, len(names), 2):
        ax.axhspan(
            place - 0.5 - 0.2 * (place == 0), place + 0.5, color="0.96", zorder=0, linewidth=0
        )


def widen(axes: Iterable[Axes], axis: str) -> None:
    """A Spearman axis no narrower than :data:`NARROWEST`.

    Args:
        axes: those that share a scale, at least one.
        axis: ``x`` or ``y``.
    """
    ax = next(iter(axes))
    low, high = ax.get_ylim() if axis == "y" else ax.get_xlim()
    if (lacking := NARROWEST - (high - low)) > 0:
        set_limits: Callable[[float, float], object] = ax.set_ylim if axis == "y" else ax.set_xlim
        set_limits(low - lacking / 2, high + lacking / 2)


def finish(figure: Figure, title: str, caption: str) -> Figure:
    """Title, legend and caption, all outside the panels."""
    _legend(figure, title)
    if caption:
        # A wide chart is shown smaller, and its caption is to be read too.
        larger = max(1.0, figure.get_figwidth() / USUAL_WIDTH)
        lines = [_wrapped(line, figure.get_figwidth() / larger) for line in caption.split("\n")]
        figure.supxlabel(
            "\n".join(lines), fontsize=8 * larger, color="0.35", x=0.01, ha="left", linespacing=1.4
        )
    plt.close(figure)  # a notebook shows the returned figure once, not twice
    return figure


def _wrapped(line: str, inches: float) -> str:
    """A line of a caption in lines that fit; an inch holds 16 letters or 8.6 Chinese characters."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
    needed = (len(line) - wide) / 16 + wide / 8.6
    return textwrap.fill(line, int(len(line) * inches / needed)) if needed > inches else line


def _legend(figure: Figure, title: str) -> None:
    """The chart's title, and an entry for each label drawn: methods in order, then the rest."""
    found: dict[str, Artist] = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        for handle, text in zip(handles, labels, strict=True):
            found.setdefault(text, handle)
    order = [row.name(language()) for row in METHODS.values()]
    texts = sorted(found, key=lambda text: order.index(text) if text in order else len(order))
    widest = 0.6 + 0.1 * max(map(len, texts))  # inches of the longest entry
    columns = min(len(texts), max(1, int(figure.get_figwidth() / widest)))
    lines = -(-len(texts) // columns)
    figure.legend(
        [found[text] for text in texts],
        texts,
        loc="outside upper center",
        ncols=-(-len(texts) // lines),
        frameon=False,
        title=title,
        title_fontproperties={"weight": "bold", "size": "large"},
    )


def _line_name(row: pd.Series) -> str:
    """What stands at the left of a line: encoder and pooling, or the method that has neither."""
    if pd.isna(row["pooling"]):
        return method(row["method"]).name(language())
    return f"{row['encoder']}{COMMA[language()]}{pooling_name(row['pooling'], language())}"


def _panel_title(row: pd.Series) -> str:
    """Method and size, the split and whose vectors they are, Spearman: a line each."""
    size = (
        f"{COMMA[language()]}{quantity(row['n_train'], 'n_train', language())}"
        if row["n_train"]
        else ""
    )
    parts = [label(row["split"])]
    if not pd.isna(row["pooling"]):
        parts.append(
            f"{row['encoder']}{COMMA[language()]}{pooling_name(row['pooling'], language())}"
        )
    lines = [method(row["method"]).name(language()) + size, " · ".join(parts)]
    return "\n".join([*lines, f"Spearman {row['spearman']:.3f}"])


def _in_the_plane(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each point with alignment and uniformity; ``value`` is a gap where one is missing.

    Why, is in ``missing``.
    """
    keys = ["encoder", "pooling", "method", "kind", "n_train", "split", "seed"]
    rows = results[results["metric"].isin(PLANE)]
    groups = rows.groupby([*keys, "metric"], sort=False, dropna=False)
    points = groups["value"].mean().unstack("metric").reindex(columns=PLANE)
    points["value"] = points[PLANE].sum(axis=1, skipna=False)
    if "missing" in rows:
        points["missing"] = rows.groupby(keys, sort=False, dropna=False)["missing"].first()
    return points.reset_index()
