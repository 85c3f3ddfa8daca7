"""Labelled pairs in the plane, at each point of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simcse_core.report.methods import METHODS
from simcse_core.report.plotting import finish, panels_of
from simcse_core.report.style import label, language
from simcse_core.report.wording import quantity, say

# Shapes and lines tell kinds of pairs apart in grey too.
LOOKS: Mapping[str, dict[str, Any]] = {
    "same meaning": {
        "color": METHODS["unsup-simcse"].colour,
        "marker": "o",
        "linestyle": "-",
        "markersize": 5,
        "zorder": 3,
    },
    "unrelated": {
        "color": METHODS["whitening"].colour,
        "marker": "^",
        "linestyle": "--",
        "markersize": 5,
    },
    "no label": {"color": "0.4", "marker": "s", "linestyle": ":", "markersize": 4},
}
_MARGIN = 1.08  # of the largest distance from the middle


def plot_projection(
    points: pd.DataFrame, at: int | None = None, *, title: str = "", caption: str = ""
) -> Figure:
    """Pairs of sentences as lines between two points, a panel for each point of training.

    All panels have one frame of axes, whichever are drawn.

    Args:
        points: columns ``n_train, pair, side, label, x, y``.
        at: the one point of training to draw; all if None.
    """
    drawn = sorted(set(points["n_train"])) if at is None else [at]
    reach = _MARGIN * float(np.abs(points[["x", "y"]].to_numpy()).max())
    # As high as square panels need: a single one has neither title nor caption of its own.
    width, height = (3.4, 2.9) if at is None else (5.0, 4.0)
    figure, axes = panels_of(len(drawn), width, height)
    for ax, n in zip(axes, drawn, strict=True):
        _draw_pairs(ax, points[points["n_train"] == n])
        name = quantity(n, "n_train", language()) if n else say("untrained", language())
        ax.set_title(name, fontsize="medium")
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        ax.set(xlabel=label("First component"), ylabel=label("Second component"))
    return finish(figure, title, caption)


def _draw_pairs(ax: Axes, points: pd.DataFrame) -> None:
    for name, rows in points.groupby("label", sort=False):
        look = LOOKS[str(name)]
        ends = rows.pivot_table(index="pair", columns="side", values=["x", "y"])
        xs, ys = ends["x"].to_numpy().T, ends["y"].to_numpy().T  # (2, pairs)
        lines = ax.plot(xs, ys, linewidth=1, alpha=0.8, **look)
        lines[0].set_label(label(str(name)))
