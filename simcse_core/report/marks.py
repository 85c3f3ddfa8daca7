"""The marks of charts. What draws a mark labels it: legends are collected from what was drawn.

Rows given to a mark are those of one panel, of one method unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from simcse_core.config import Kind
from simcse_core.report.methods import PUBLISHED, Method, in_order, method
from simcse_core.report.rows import of_kind, trained_methods
from simcse_core.report.style import label, language
from simcse_core.report.wording import COLON, COMMA

# The columns of a point in the plane of Wang and Isola (2020), x first.
PLANE = ["uniformity", "alignment"]
_FAINT: dict[str, Any] = {"alpha": 0.35, "linewidth": 0.8}
# What the report's claims are judged by (simcse_core.claims): hardly any change, and a steep rise.
HARDLY_ANY, STEEP = 0.02, 0.10
# Single seeds below a mean, by how many lines.
_SMALL: dict[str, Any] = {"markersize": 4, "markeredgewidth": 0, "linestyle": "none"}
BELOW = 0.28
# How a number stands beside a point.
_BESIDE: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small", "ha": "center"}


def draw_mark(ax: Axes, x: float, y: float, look: Method) -> None:
    """A single point."""
    name = look.name(language())
    style: dict[str, Any] = {
        "color": look.colour,
        "markersize": 9,
        "linestyle": "none",
        "zorder": 3,
    }
    ax.plot([x], [y], label=name, **style, **marker_style(look))


def draw_levels(ax: Axes, rows: pd.DataFrame) -> None:
    """A broken line across at the mean of each method: what no number of sentences changes."""
    for name in in_order(rows["method"]):
        level = rows.loc[rows["method"] == name, "value"].mean()
        ax.axhline(level, linestyle=method(name).dash, linewidth=1.5, **_named(name))


def draw_seeds(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    """The mean over seeds along a curve, the range of seeds, and every seed faintly."""
    look = _named(rows["method"].iloc[0])
    for _, run in rows.groupby("seed"):
        ax.plot(run[x], run["value"], color=look["color"], **_FAINT)
    points = rows.groupby(x)["value"].agg(["mean", "min", "max"])
    if rows["seed"].nunique() > 1:
        ends = (points.index, points["min"], points["max"])
        ax.fill_between(*ends, color=look["color"], alpha=0.15, linewidth=0)
    # What is trained is what the chart is about: it lies on top.
    look["zorder"] = 2.5 if (rows["kind"] == Kind.FITTED).all() else 3
    look |= marker_style(method(rows["method"].iloc[0]))
    ax.plot(points.index, points["mean"], linewidth=2, markersize=5, **look)


def draw_claimed(ax: Axes, rows: pd.DataFrame, x: str, flat_from: float) -> None:
    """What the report claims of the studied method's curve, by the criteria of its claims.

    A band of hardly any change about the last mean up to ``flat_from``, or about the first; if
    that is not the first place, an arrow there of the least rise above the untrained encoder.
    """
    for name in trained_methods(rows)[:1]:
        means = rows[rows["method"] == name].groupby(x)["value"].mean()
        turn = max((place for place in means.index if place <= flat_from), default=means.index[0])
        claimed, colour = f"{label('the report')}{COLON[language()]}", PUBLISHED.colour
        text = f"{claimed}{label('flat')}{COMMA[language()]}±{HARDLY_ANY:.2f}"
        low, high = means[turn] - HARDLY_ANY, means[turn] + HARDLY_ANY
        band: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "alpha": 0.6}
        ax.fill_between(
            [turn, means.index[-1]], low, high, hatch="//", linewidth=1, label=text, **band
        )
        if turn > means.index[0]:
            start = of_kind(rows, Kind.UNTRAINED)["value"].mean()
            text = f"{claimed}{label('rise')}{COMMA[language()]}+{STEEP:.2f}"
            line: dict[str, Any] = {"color": colour, "marker": "^", "markevery": [1], "label": text}
            ax.plot([turn] * 2, [start, start + STEEP], linewidth=1.5, linestyle=":", **line)


def label_seeds(ax: Axes, rows: pd.DataFrame) -> None:
    """Entries for single seeds and their range, in grey since every method has them."""
    if rows["seed"].nunique() > 1:
        label_path(ax)
        grey: dict[str, Any] = {"color": "0.5", "alpha": 0.25, "linewidth": 0}
        ax.fill_between([], [], [], label=label("range over seeds"), **grey)


def label_path(ax: Axes) -> None:
    """The entry of a single seed's line, in grey."""
    ax.plot([], [], color="0.5", label=label("one seed"), **_FAINT)


def label_numbers(ax: Axes) -> None:
    """The entry of the numbers that stand beside a path."""
    look: dict[str, Any] = {"marker": "$n$", "color": "0.3", "markeredgewidth": 0.3}
    ax.plot([], [], linestyle="none", label=label("sentences trained on"), **look)


def draw_bar(ax: Axes, rows: pd.DataFrame, y: float) -> None:
    """A mean over seeds and the mean ends of its interval over pairs, lying at ``y``."""
    name = rows["method"].iloc[0]
    mean, low, high = rows[["value", "ci_low", "ci_high"]].mean()
    # A percentile interval may leave out the value itself: the bar then ends at the point.
    ends = np.maximum([[mean - low], [high - mean]], 0)
    bar = ax.errorbar([mean], [y], xerr=ends, **_bar_style(name))
    bar.lines[0].set(**_named(name))


def draw_bars(ax: Axes, rows: pd.DataFrame, shift: float) -> None:
    """Means with intervals over pairs along ``n_sentences``, moved aside by a factor ``shift``."""
    name = rows["method"].iloc[0]
    style = _bar_style(name)
    still = len(of_kind(rows, Kind.UNTRAINED, Kind.READY_MADE)) == len(rows)
    style["linestyle"] = method(name).dash if still else "-"
    ends = np.maximum([rows["mean"] - rows["pair_low"], rows["pair_high"] - rows["mean"]], 0)
    bars = ax.errorbar(rows["n_sentences"] * shift, rows["mean"], yerr=ends, **style)
    bars.lines[0].set(**_named(name))


def label_bars(ax: Axes, direction: Literal["xerr", "yerr"]) -> None:
    """The entry of an interval over pairs, in grey since every method has one."""
    bar: dict[str, Any] = {direction: [], "color": "0.5", "linestyle": "none"}
    ax.errorbar([], [], label=label("95 % interval over pairs"), **bar)


def draw_published_lines(ax: Axes, values: Mapping[str, float]) -> None:
    """A line down for each encoder that somebody published a number of, told apart by dashes."""
    for (encoder, value), style in zip(values.items(), cycle(("--", ":", "-.")), strict=False):
        text = f"{label('the report')}{COLON[language()]}{encoder}"
        ax.axvline(value, color=PUBLISHED.colour, linestyle=style, linewidth=1.4, label=text)


def draw_boxes(ax: Axes, rows: pd.DataFrame) -> None:
    """A box for each human label, from quantiles of the cosines; the number of pairs below."""
    columns = {"whislo": "q05", "q1": "q25", "med": "q50", "q3": "q75", "whishi": "q95"}
    boxes = [{key: row[name] for key, name in columns.items()} for _, row in rows.iterrows()]
    drawn = ax.bxp(
        boxes,
        positions=range(len(rows)),
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for box in drawn["boxes"]:
        box.set(facecolor=method(rows["method"].iloc[0]).colour, alpha=0.75)
    drawn["boxes"][0].set_label(label("box: quartiles; whiskers: 5 % to 95 %"))
    names = [f"{row['label']:g}\n(n={row['n']:,.0f})" for _, row in rows.iterrows()]
    ax.set_xticks(range(len(rows)), names)


def draw_path(ax: Axes, points: pd.DataFrame, name: str, numbered: bool) -> None:
    """The way of training through the plane: the mean over seeds, an arrow, every seed faintly.

    Args:
        points: columns ``n_train``, ``seed`` and :data:`PLANE`; the untrained encoder at 0.
        numbered: whether the first and the last size stand beside it.
    """
    look = method(name)
    for _, run in points.sort_values("n_train").groupby("seed"):
        ax.plot(*run[PLANE].to_numpy().T, color=look.colour, **_FAINT)
    mean = points.groupby("n_train")[PLANE].mean().dropna()
    if len(mean) < 2:
        return
    way = mean.to_numpy()
    ax.plot(*way.T, "-", marker=look.marker, color=look.colour, linewidth=2, markersize=4)
    draw_mark(ax, way[-1, 0], way[-1, 1], look)
    longest = int(np.argmax(np.linalg.norm(np.diff(way, axis=0), axis=1)))
    arrow = {"arrowstyle": "-|>", "color": look.colour, "mutation_scale": 18}
    middle = way[longest : longest + 2].mean(axis=0)
    ax.annotate("", tuple(middle), tuple(way[longest]), arrowprops=arrow)
    for n, spot in mean.iloc[sorted({1, len(mean) - 1})].iterrows() if numbered else ():
        ax.annotate(f"{n:,.0f}", tuple(spot), (0, -16), **_BESIDE)


def draw_dumbbell(ax: Axes, rows: pd.DataFrame, y: float) -> None:
    """Every method of one encoder at ``y``: means, single seeds below where they differ, the gain.

    A seed is its method's marker, smaller. The gain is that of the studied method, the first that
    is trained.
    """
    means = rows.groupby("method", sort=False)["value"].mean()
    ax.plot(means, [y] * len(means), color="0.75", linewidth=3, zorder=1)
    for name in in_order(means.index):
        values = rows.loc[rows["method"] == name, "value"]
        draw_mark(ax, means[name], y, method(name))
        if values.nunique() > 1:
            look = method(name)
            ax.plot(values, [y + BELOW] * len(values), look.marker, color=look.colour, **_SMALL)
    before = of_kind(rows, Kind.UNTRAINED)["value"].mean()
    for name in trained_methods(rows)[:1]:
        text, middle = f"{means[name] - before:+.3f}", ((before + means[name]) / 2, y)
        ax.annotate(text, middle, (0, 9), **_BESIDE)


def label_small(ax: Axes) -> None:
    """The entry of single seeds below a mean, in grey since every method may have them."""
    ax.plot([], [], "o", color="0.5", label=label("one seed"), **_SMALL)


def marker_style(look: Method) -> dict[str, Any]:
    """matplotlib's settings of a method's marker."""
    face = "white" if look.hollow else look.colour
    return {"marker": look.marker, "markerfacecolor": face, "markeredgewidth": 1.5}


def _named(name: str) -> dict[str, Any]:
    """Colour and label of a method's mark."""
    look = method(name)
    return {"color": look.colour, "label": look.name(language())}


def _bar_style(name: str) -> dict[str, Any]:
    look = method(name)
    return {
        "color": look.colour,
        **marker_style(look),
        "markersize": 6,
        "linewidth": 1.5,
        "elinewidth": 1.2,
        "linestyle": "none",
    }
