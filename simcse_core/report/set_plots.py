"""Charts of several sources at once, one function each: a frame in, a figure out."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simcse_core.report.marks import label_bars, marker_style
from simcse_core.report.methods import method
from simcse_core.report.plotting import finish
from simcse_core.report.set_rows import (
    COUNTED,
    PLAIN,
    at_place,
    gains_of,
    places,
    policies,
    policy_name,
    protocol_name,
    recipes,
)
from simcse_core.report.style import label, language
from simcse_core.report.wording import COLON, in_brackets, quantity

_MARKERS = "osD^vP*X"


def plot_gains(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """What SimCSE changes on every source: against the untrained encoder, and against TF-IDF.

    A line for each source, encoder and pooling; a point a number of sentences, with the interval
    over pairs.
    """
    lines = places(gains_of(rows, PLAIN, "untrained"))
    sizes = sorted(gains_of(rows, PLAIN, "untrained")["after_at"].unique())
    figure, axes = plt.subplots(
        1, 2, figsize=(13, 1.8 + 0.24 * len(sizes) * len(lines)), sharey=True, layout="constrained"
    )
    for ax, before in zip(axes, ("untrained", COUNTED), strict=True):
        shown = gains_of(rows, PLAIN, before)
        for y, place in enumerate(lines):
            _draw_sizes(ax, at_place(shown, place), sizes, y)
        ax.axvline(0, color="0.3", linewidth=1)
        label_bars(ax, "xerr")
        minus = method(before).name(language())
        difference = f"{method(PLAIN).name(language())} − {minus}"
        ax.set(xlabel=f"{label('Spearman')}{COLON[language()]}{difference}")
        ax.grid(visible=False, axis="y")
    names = [f"{dataset}\n{protocol_name(encoder, p, language())}" for dataset, encoder, p in lines]
    axes[0].set(yticks=range(len(lines)), yticklabels=names, ylim=(len(lines) - 0.5, -0.5))
    for y in range(1, len(lines)):
        if lines[y][0] != lines[y - 1][0]:
            for ax in axes:
                ax.axhline(y - 0.5, color="0.85", linewidth=1)
    return finish(figure, title, caption)


def _draw_sizes(ax: Axes, rows: pd.DataFrame, sizes: Sequence[float], y: float) -> None:
    colours = sns.color_palette("crest", len(sizes))
    shifts = np.linspace(-0.3, 0.3, len(sizes)) if len(sizes) > 1 else [0.0]
    markers = _MARKERS * len(sizes)
    for size, colour, shift, marker in zip(sizes, colours, shifts, markers, strict=False):
        here = rows[rows["after_at"] == size]
        if len(here):
            row = here.iloc[0]
            ends = [[row["value"] - row["pair_low"]], [row["pair_high"] - row["value"]]]
            ax.errorbar(
                row["value"],
                y + shift,
                xerr=np.maximum(ends, 0),
                color=colour,
                marker=marker,
                markersize=6,
                linestyle="none",
                label=quantity(size, "n_train", language()),
            )


def plot_recipes(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Each recipe minus plain SimCSE: a dot a source, encoder and pooling, and their mean."""
    names = recipes(rows)
    sizes = sorted(rows.loc[rows["before"] == PLAIN, "after_at"].unique())
    figure, axes = plt.subplots(
        1,
        len(sizes),
        figsize=(3.4 * len(sizes) + 3, 0.5 * len(names) + 1.8),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, size in zip(axes[0], sizes, strict=True):
        for y, name in enumerate(names):
            here = gains_of(rows, name, PLAIN)
            values = here.loc[here["after_at"] == size, "value"].dropna()
            ax.plot(
                values,
                [y + 0.18] * len(values),
                "|",
                color="0.5",
                label=label("one source, encoder and pooling"),
            )
            look = method(name)
            style = {**marker_style(look), "color": look.colour, "markersize": 8}
            ax.plot([values.mean()], [y - 0.08], linestyle="none", **style)
        ax.plot([], [], "o", color="0.4", label=label("mean of them"))
        ax.axvline(0, color="0.3", linewidth=1)
        ax.set_title(quantity(size, "n_train", language()), fontsize="medium")
        ax.set(xlabel=label("Spearman, minus plain SimCSE"))
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.grid(visible=False, axis="y")
    axes[0][0].set(
        yticks=range(len(names)),
        yticklabels=[method(name).name(language()) for name in names],
        ylim=(len(names) - 0.5, -0.5),
    )
    return finish(figure, title, caption)


def plot_rule(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """What each policy loses to the best at hand: a mark a source, and the mean over sources."""
    found = list(policies(rows))
    figure, ax = plt.subplots(figsize=(10, 0.42 * len(found) + 1.8), layout="constrained")
    sources = list(dict.fromkeys(rows["dataset"]))
    fixed = set(rows.loc[rows["fixed"], "dataset"])
    for y, (_, mine) in enumerate(found):
        lost = mine.groupby("dataset", sort=False)["regret"].mean()
        ax.barh(y, lost.mean(), color="0.85", height=0.7, label=label("mean over sources"))
        for source, marker in zip(sources, _MARKERS * len(sources), strict=False):
            if source in lost:
                colour = "0.35" if source in fixed else sns.color_palette("colorblind")[0]
                face = "none" if source in fixed else colour
                ax.plot(
                    lost[source],
                    y,
                    marker,
                    color=colour,
                    markerfacecolor=face,
                    linestyle="none",
                    clip_on=False,
                    label=_with_its_part(source, source in fixed),
                )
    rule = str(rows["rule"].iloc[0])
    ax.set(
        yticks=range(len(found)),
        yticklabels=[policy_name(policy, rule, language()) for policy, _ in found],
        ylim=(len(found) - 0.5, -0.5),
        xlabel=label("Spearman below the best at hand"),
    )
    ax.grid(visible=False, axis="y")
    return finish(figure, title, caption)


def _with_its_part(source: str, fixed: bool) -> str:
    """A source by its name, and whether the rule was fixed on it."""
    return in_brackets(source, label("rule fixed here"), language()) if fixed else source


def plot_labels(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """How often so many labelled pairs choose right, a line a source."""
    figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
    sources = list(dict.fromkeys(rows["dataset"]))
    colours = sns.color_palette("colorblind", len(sources))
    for source, colour, marker in zip(sources, colours, _MARKERS * len(sources), strict=False):
        mine = rows[rows["dataset"] == source]
        ax.plot(mine["pairs"], mine["right"], marker=marker, color=colour, label=source)
    ax.axhline(0.9, color="0.3", linestyle="--", linewidth=1, label=label("nine times out of ten"))
    ax.set(
        xscale="log",
        ylim=(0, 1.02),
        xlabel=label("Labelled pairs to choose on (log scale)"),
        ylabel=label("Draws that choose right"),
    )
    ticks = sorted(rows["pairs"].unique())
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    return finish(figure, title, caption)
