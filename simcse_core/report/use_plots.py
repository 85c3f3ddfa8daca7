"""Charts of the four uses, one function each: a frame in, a figure out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from simcse_core.report.marks import draw_bar, draw_seeds, label_seeds, marker_style
from simcse_core.report.methods import in_order, method
from simcse_core.report.plotting import finish, keep_apart
from simcse_core.report.rows import facet_titles, facets
from simcse_core.report.style import label, language
from simcse_core.report.use_rows import line_name, lines, only, unknown_name, unknowns

# From a panel and its rows to what is drawn in it.
Panel = Callable[[Axes, pd.DataFrame], None]

_METRICS = {
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
    "mrr@10": "MRR@10",
}
_RECALL = {"en": "Recall ({} examples)", "zh": "召回率（{} 条示例）"}
_TRAININGS = ("few", "as they are", "confirmed", "corrected")


def plot_search(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Recall and MRR of every method, a panel a metric: vectors alone, and fused with TF-IDF."""
    names = [line_name(key, language()) for key, _ in lines(rows)]
    figure, axes = plt.subplots(
        1,
        len(_METRICS),
        figsize=(2.4 * len(_METRICS) + 3.2, 0.45 * len(names) + 2),
        sharey=True,
        layout="constrained",
    )
    for ax, (metric, head) in zip(axes, _METRICS.items(), strict=True):
        for place, (_, mine) in enumerate(lines(only(rows, metric=metric))):
            draw_bar(ax, only(mine, way="vectors"), place - 0.12)
            if len(fused := only(mine, way="fused")):
                _draw_fused(ax, fused, place + 0.18)
        ax.errorbar(
            [],
            [],
            xerr=[],
            color="0.5",
            linestyle="none",
            label=label("95 % interval over queries"),
        )
        ax.set(title=head, yticks=range(len(names)), yticklabels=names)
        # The last number of a panel would touch the first one of the next.
        ax.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
    axes[0].invert_yaxis()
    return finish(figure, title, caption)


def _draw_fused(ax: Axes, rows: pd.DataFrame, y: float) -> None:
    look = method(rows["method"].iloc[0])
    ax.plot(rows["value"].mean(), y, "x", color=look.colour, markersize=6)
    ax.plot([], [], "x", color="0.4", label=label("fused with TF-IDF"))


def plot_intents(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Recall@5 and models that need not run by number of examples, and recall by intents kept."""
    logistic = only(rows, way="logistic")
    curve = only(logistic, metric="recall")
    n = f"{curve['examples'].iloc[0]:.0f}"

    def by_examples(metric: str, head: str) -> Panel:
        def draw(ax: Axes, here: pd.DataFrame) -> None:
            mine = only(here, metric=metric)
            _draw_methods(ax, mine, "examples")
            ax.set(xlabel=label("Examples of each intent"), ylabel=label(head))
            ax.set_xticks(sorted(mine["examples"].unique()))

        return draw

    def by_list(ax: Axes, here: pd.DataFrame) -> None:
        _draw_methods(ax, only(here, metric="recall"), "at")
        ax.set(xlabel=label("Intents kept"), ylabel=_RECALL[language()].format(n))

    panels = [
        by_examples("recall@5", "Recall@5"),
        by_examples("saved@95", "Models not run at 95 % recall"),
        by_list,
    ]
    return _grid(logistic, panels, title, caption)


def plot_pseudo_labels(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Precision against coverage of the surest labels, and accuracy by what is learnt from."""

    def precision(ax: Axes, here: pd.DataFrame) -> None:
        _draw_methods(ax, only(here, way="curve", metric="precision"), "at")
        ax.set(
            xlabel=label("Texts labelled, the surest first"), ylabel=label("Labels that are right")
        )
        ax.xaxis.set_major_formatter(PercentFormatter(1))

    def accuracy(ax: Axes, here: pd.DataFrame) -> None:
        parts = [only(here, metric="accuracy", way=way) for way in _TRAININGS]
        _draw_places(ax, parts, [label(way) for way in _TRAININGS])
        ax.set(ylabel=label("Accuracy of the classifier"))

    return _grid(rows, [precision, accuracy], title, caption)


def plot_out_of_scope(rows: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """AUROC and FPR@95 for each kind of unknown text, by the highest probability."""

    def by_unknown(metric: str, head: str) -> Panel:
        def draw(ax: Axes, here: pd.DataFrame) -> None:
            found = list(unknowns(only(here, metric=metric)))
            names = [
                unknown_name(_narrow(name), share, language(), between="\n")
                for name, share, _ in found
            ]
            _draw_places(ax, [part for _, _, part in found], names)
            ax.set(ylabel=label(head))

        return draw

    panels = [by_unknown("auroc", "AUROC"), by_unknown("fpr@95", "FPR@95 (lower is better)")]
    return _grid(only(rows, way="softmax"), panels, title, caption)


def _grid(rows: pd.DataFrame, panels: Sequence[Panel], title: str, caption: str) -> Figure:
    """A row of panels for each encoder and pooling, [CLS] first."""
    parts = facets(rows)
    titles = facet_titles(parts, language())
    figure, axes = plt.subplots(
        len(parts),
        len(panels),
        figsize=(4.6 * len(panels), 3.7 * len(parts) + 1.1),
        squeeze=False,
        layout="constrained",
        sharey="col",
    )
    keep_apart(figure)
    for line, (facet, here) in zip(axes, parts.items(), strict=True):
        for ax, draw in zip(line, panels, strict=True):
            draw(ax, here)
            ax.set_title(titles[facet], fontsize="medium")
            ax.tick_params(labelleft=True)
    return finish(figure, title, caption)


def _draw_methods(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    for name in in_order(rows["method"]):
        draw_seeds(ax, rows[rows["method"] == name], x)
    label_seeds(ax, rows)


def _narrow(name: str) -> str:
    """A name as it stands below an axis beside others: a word or two a line."""
    return fill(label(name), 10, break_long_words=False, break_on_hyphens=False)


def _draw_places(ax: Axes, parts: Sequence[pd.DataFrame], names: Sequence[str]) -> None:
    """Means over seeds with the range of seeds, side by side at each place."""
    methods = in_order(pd.concat(parts)["method"])
    shifts = np.linspace(-0.25, 0.25, len(methods)) if len(methods) > 1 else [0.0]
    for name, shift in zip(methods, shifts, strict=True):
        look = method(name)
        values = [part.loc[part["method"] == name, "value"] for part in parts]
        means = np.array([v.mean() for v in values])
        ends = np.array([[v.mean() - v.min(), v.max() - v.mean()] for v in values]).T
        ax.errorbar(
            np.arange(len(parts)) + shift,
            means,
            yerr=np.maximum(ends, 0),
            color=look.colour,
            **marker_style(look),
            linestyle="none",
            label=look.name(language()),
        )
    ax.errorbar([], [], yerr=[], color="0.5", linestyle="none", label=label("range over seeds"))
    ax.set_xticks(range(len(parts)), names)
    ax.grid(visible=False, axis="x")
