"""One function for each chart family: a tidy frame in, a figure out."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from simcse_core.config import check_language
from simcse_core.results import write_bytes

CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Arial Unicode MS",
    "Droid Sans Fallback",
)

# Split to encoder to Spearman: numbers of others, drawn for comparison.
Report = Mapping[str, Mapping[str, float]]

REPORT_LABEL = "the report, untrained"
# How a number stands beside a point.
_BESIDE: dict[str, Any] = {"xytext": (7, 5), "textcoords": "offset points", "fontsize": "small"}

# One colour and marker a method throughout, colours from seaborn's colour-blind safe palette.
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, _PINK, _GREY, _YELLOW, _SKY = sns.color_palette(
    "colorblind"
).as_hex()
COLOURS = {
    "untrained": _GREY,
    "unsup-simcse": _BLUE,
    "sup-simcse": _GREEN,
    "whitening": _ORANGE,
    "tfidf-char": _PURPLE,
    "tfidf-char-bigram": _BROWN,
    "tfidf-word": _PINK,
    "idf-mean": _SKY,
    "report": _RED,
}
MARKERS = {
    "untrained": "o",
    "unsup-simcse": "o",
    "sup-simcse": "^",
    "whitening": "s",
    "tfidf-char": "D",
    "tfidf-char-bigram": "d",
    "tfidf-word": "P",
    "idf-mean": "v",
    "report": "D",
}

_CHINESE = {
    "Human label (0 unrelated – 5 same meaning)": "人工标注（0 无关 – 5 同义）",
    "Cosine similarity": "余弦相似度",
    "Spearman": "Spearman 相关系数",
    "Unlabelled training sentences": "无标注训练句数",
    "Epochs": "训练轮数",
    "dev": "验证集",
    "test": "测试集",
    "one seed": "单个种子",
    "range over seeds": "种子间范围",
    "untrained": "未训练",
    "unsup-simcse": "无监督 SimCSE",
    "sup-simcse": "有监督 SimCSE",
    "whitening": "白化",
    "the report, untrained": "原报告（未训练）",
    "tfidf-char": "TF-IDF（字）",
    "tfidf-char-bigram": "TF-IDF（字与二元组）",
    "tfidf-word": "TF-IDF（词）",
    "idf-mean": "IDF 加权平均",
    "Sentences (log scale)": "句数（对数刻度）",
    "interval over pairs": "句对抽样区间",
    "Uniformity (lower is better)": "均匀性（越低越好）",
    "Alignment (lower is better)": "对齐性（越低越好）",
    "Method": "方法",
    "Encoder": "编码器",
}


def set_style(language: str = "en") -> str:
    """Sets the theme of all charts; returns the language they will be labelled in.

    Chinese needs a CJK font; where none of :data:`CJK_FONTS` is there, says so and uses English.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        rc={"axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110},
    )
    if language == "zh":
        installed = {font.name for font in font_manager.fontManager.ttflist}
        found = next((name for name in CJK_FONTS if name in installed), None)
        if found is None:
            print(
                f"language: no CJK font found (looked for {', '.join(CJK_FONTS)}); charts are "
                "labelled in English. Debian: apt install fonts-noto-cjk"
            )
            language = "en"
        else:
            # After set_theme, which resets the font family.
            mpl.rcParams["font.family"] = [found, "DejaVu Sans"]
    _Labels.language = language
    return language


class _Labels:
    """The language that set_style chose."""

    language = "en"


def label(text: str) -> str:
    """A chart label in the language that :func:`set_style` chose."""
    return _CHINESE.get(text, text) if _Labels.language == "zh" else text


def plot_scores_by_label(cosines: pd.DataFrame, caption: str = "") -> Figure:
    """Cosine against human label for single pairs: what Spearman summarises.

    Args:
        cosines: columns ``label`` (0 to 5), ``cosine``, ``panel`` (one panel each, in order).
    """
    panels = list(dict.fromkeys(cosines["panel"]))
    figure, axes = _panels(panels, width=5.2, height=4.4, share_x=False)
    for panel, ax in axes.items():
        rows = cosines[cosines["panel"] == panel]
        # A jitter of its own random numbers, so that the same rows give the same picture.
        jitter = np.random.default_rng(0).uniform(-0.28, 0.28, len(rows))
        colour = COLOURS.get(_method(panel), COLOURS["untrained"])
        ax.scatter(rows["label"] + jitter, rows["cosine"], color=colour, alpha=0.3, s=9, lw=0)
        labels = np.unique(rows["label"])
        ax.boxplot(
            [rows.loc[rows["label"] == value, "cosine"] for value in labels],
            positions=labels,
            widths=0.45,
            showfliers=False,
            medianprops={"color": "black"},
            manage_ticks=False,
        )
        ax.set(
            title=_panel_title(panel),
            xlabel=label("Human label (0 unrelated – 5 same meaning)"),
            ylabel=label("Cosine similarity"),
        )
    return _finish(figure, caption)


def plot_baselines(
    results: pd.DataFrame, report: Report | None = None, caption: str = ""
) -> Figure:
    """Spearman of every untrained method with its interval over pairs; one panel a split.

    What depends on a seed is drawn as the mean over seeds, of the interval's ends too.

    Args:
        results: tidy rows with metric ``spearman``.
        report: split to encoder to Spearman, drawn as lines for comparison.
    """
    rows = results[results["metric"] == "spearman"].copy()
    rows["name"] = [_baseline_name(row) for row in rows.itertuples()]
    names, methods = (list(dict.fromkeys(rows[column])) for column in ("name", "method"))
    figure, axes = _panels(_splits(rows), width=6, height=0.4 * len(names) + 1.8)
    for split, ax in axes.items():
        for method in methods:
            here = rows[(rows["split"] == split) & (rows["method"] == method)]
            means = here.groupby("name")[["value", "ci_low", "ci_high"]].mean()
            nudge = {"idf-mean": -0.3, "whitening": 0.3}.get(method, 0.0)
            ax.errorbar(
                means["value"],
                [names.index(str(name)) + nudge for name in means.index],
                xerr=[means["value"] - means["ci_low"], means["ci_high"] - means["value"]],
                fmt=MARKERS[method],
                color=COLOURS[method],
                markersize=6,
                elinewidth=1.5,
            )
        for value in (report or {}).get(split, {}).values():
            ax.axvline(value, color=COLOURS["report"], linestyle="--", linewidth=1.2)
        _name_rows(ax, names)
        ax.set(title=label(split), xlabel=label("Spearman"), xlim=(0, None))
    line = Line2D([], [], color=COLOURS["report"], linestyle="--", label=label(REPORT_LABEL))
    _legend(figure, methods, [line] if report else [])
    return _finish(figure, caption)


def plot_curve(results: pd.DataFrame, x: str, caption: str = "") -> Figure:
    """Spearman of each method along a curve: mean over seeds, their range, and every seed behind.

    Args:
        results: tidy rows; those of method ``untrained`` are drawn as a dashed line.
        x: ``n_train`` or ``epoch``.
    """
    rows = results[results["metric"] == "spearman"]
    methods = [method for method in dict.fromkeys(rows["method"]) if method != "untrained"]
    figure, axes = _panels(_splits(rows), width=5.8, height=4.6)
    for split, ax in axes.items():
        here = rows[rows["split"] == split]
        before = here.loc[here["method"] == "untrained", "value"].mean()
        ax.axhline(before, color=COLOURS["untrained"], linestyle="--", linewidth=1.5)
        for method in reversed(methods):  # what is trained comes first and is drawn on top
            _draw_seeds(ax, here[here["method"] == method], x, method)
        ax.set(
            title=label(split),
            ylabel=label("Spearman"),
            xlabel=label("Epochs" if x == "epoch" else "Unlabelled training sentences"),
        )
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    dashed = Line2D([], [], color=COLOURS["untrained"], ls="--", label=label("untrained"))
    _legend(figure, methods, [dashed, *_seed_handles(rows)], line="-")
    return _finish(figure, caption)


def plot_sample(rows: pd.DataFrame, caption: str = "") -> Figure:
    """What n sentences buy by each method: means over seeds with their interval over pairs.

    Args:
        rows: columns ``n_sentences, method, split, mean, pair_low, pair_high``.
    """
    methods = list(dict.fromkeys(rows["method"]))
    figure, axes = _panels(_splits(rows), width=5.8, height=4.6)
    for split, ax in axes.items():
        for i, method in enumerate(methods):
            mine = rows[(rows["split"] == split) & (rows["method"] == method)]
            shift = 1 + 0.05 * (i - len(methods) / 2)  # side by side, so that no bar hides another
            ax.errorbar(
                mine["n_sentences"] * shift,
                mine["mean"],
                yerr=[mine["mean"] - mine["pair_low"], mine["pair_high"] - mine["mean"]],
                color=COLOURS[method],
                marker=MARKERS[method],
                linestyle="--" if method == "untrained" else "-",
                linewidth=1.5,
                elinewidth=1,
            )
        ax.set(
            title=label(split),
            xscale="log",
            xticks=sorted(set(rows["n_sentences"])),
            xlabel=label("Sentences (log scale)"),
            ylabel=label("Spearman"),
        )
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        ax.xaxis.set_minor_locator(NullLocator())
    bar = Line2D([], [], color="0.5", marker="|", ls="", ms=14, label=label("interval over pairs"))
    _legend(figure, methods, [bar], line="-")
    return _finish(figure, caption)


def plot_geometry(results: pd.DataFrame, caption: str = "") -> Figure:
    """Alignment against uniformity along training, the view of Wang and Isola (2020).

    SimCSE's path starts at the untrained encoder, with its first and last size beside it; what is
    only fitted is drawn at the last size.

    Args:
        results: tidy rows over ``n_train`` with metrics ``alignment`` and ``uniformity``.
    """
    kept = results[results["metric"].isin(["alignment", "uniformity"])]
    keys = ["split", "method", "n_train", "seed"]
    points = kept.pivot_table(index=keys, columns="metric", values="value").reset_index()
    methods = list(dict.fromkeys(results["method"]))
    last = points["n_train"].max()
    figure, axes = _panels(_splits(points), width=5.8, height=4.6)
    for split, ax in axes.items():
        here = points[points["split"] == split]
        _draw_path(ax, here[here["method"].isin(["untrained", "unsup-simcse"])])
        for method in methods:
            place = 0 if method == "untrained" else last
            mine = here[(here["method"] == method) & (here["n_train"] == place)]
            spot = tuple(mine[["uniformity", "alignment"]].mean())
            ax.plot(*spot, MARKERS[method], color=COLOURS[method], markersize=9)
            if method == "unsup-simcse":
                ax.annotate(f"{place:,.0f}", spot, **_BESIDE)
        ax.set(
            title=label(split),
            xlabel=label("Uniformity (lower is better)"),
            ylabel=label("Alignment (lower is better)"),
        )
        ax.margins(0.12)
    _legend(figure, methods, [_thin_line("one seed")])
    return _finish(figure, caption)


def plot_before_after(
    results: pd.DataFrame, report: Report | None = None, caption: str = ""
) -> Figure:
    """Each encoder before and after training: mean over seeds, single seeds, and the gain.

    Args:
        results: tidy rows with methods ``untrained``, ``unsup-simcse`` and maybe ``sup-simcse``.
        report: split to encoder to Spearman of the report's untrained encoders, drawn beside.
    """
    rows = results[results["metric"] == "spearman"]
    last = rows.groupby(["encoder", "method"])["n_train"].transform("max")
    rows = rows[rows["n_train"] == last]
    encoders = list(dict.fromkeys(rows["encoder"]))
    names = encoders + list(next(iter((report or {"": {}}).values())))
    methods = list(dict.fromkeys(rows["method"]))
    figure, axes = _panels(_splits(rows), width=5.8, height=0.6 * len(names) + 2.0)
    for split, ax in axes.items():
        for y, encoder in enumerate(encoders):
            mine = rows[(rows["split"] == split) & (rows["encoder"] == encoder)]
            _draw_dumbbell(ax, mine, y)
        marks = list((report or {}).get(split, {}).values())
        ax.plot(marks, range(len(encoders), len(names)), "D", color=COLOURS["report"])
        _name_rows(ax, names)
        ax.set(title=label(split), xlabel=label("Spearman"))
    diamond = Line2D([], [], color=COLOURS["report"], marker="D", ls="", label=label(REPORT_LABEL))
    tick = Line2D([], [], color="black", marker="|", ls="", ms=11, label=label("one seed"))
    _legend(figure, methods, [tick, diamond] if report else [tick])
    return _finish(figure, caption)


def save_chart(figure: Figure, directory: Path, name: str) -> Figure:
    """Writes a chart as ``<name>.png``, whole or not at all, and returns it to be shown."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    write_bytes(directory / f"{name}.png", buffer.getvalue())
    return figure


def _panels(
    titles: Sequence[str], width: float, height: float, share_x: bool = True
) -> tuple[Figure, dict[str, Axes]]:
    """One panel for each title, side by side, on a common y axis."""
    figure, axes = plt.subplots(
        1,
        len(titles),
        figsize=(width * len(titles), height),
        sharey=True,
        sharex=share_x,
        squeeze=False,
        layout="constrained",
    )
    return figure, dict(zip(titles, axes[0], strict=True))


def _splits(rows: pd.DataFrame) -> list[str]:
    return [split for split in ("dev", "test") if split in set(rows["split"])]


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left of a chart whose rows are numbered from the top."""
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.7))


def _legend(
    figure: Figure, methods: Sequence[str], others: Sequence[Artist], line: str = ""
) -> None:
    """One entry a method, with its colour and marker, and what else is drawn."""
    handles: list[Artist] = [
        Line2D([], [], color=COLOURS[m], marker=MARKERS[m], ls=line, ms=7, label=label(m))
        for m in methods
    ]
    handles += others
    columns = len(handles) if len(handles) <= 6 else -(-len(handles) // 2)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False)


def _thin_line(text: str) -> Artist:
    return Line2D([], [], color="0.5", alpha=0.6, linewidth=1, label=label(text))


def _seed_handles(rows: pd.DataFrame) -> list[Artist]:
    """What a legend says of single seeds and their range, where there are several."""
    if rows["seed"].nunique() == 1:
        return []
    band = Patch(color="0.5", alpha=0.25, linewidth=0, label=label("range over seeds"))
    return [_thin_line("one seed"), band]


def _draw_seeds(ax: Axes, rows: pd.DataFrame, x: str, method: str) -> None:
    colour = COLOURS[method]
    for _, run in rows.groupby("seed"):
        ax.plot(run[x], run["value"], color=colour, alpha=0.35, linewidth=0.8)
    points = rows.groupby(x)["value"].agg(["mean", "min", "max"])
    if rows["seed"].nunique() > 1:
        ends = (points.index, points["min"], points["max"])
        ax.fill_between(*ends, color=colour, alpha=0.15, linewidth=0)
    ax.plot(
        points.index,
        points["mean"],
        marker=MARKERS[method],
        color=colour,
        linewidth=2,
        markersize=5,
    )


def _draw_path(ax: Axes, points: pd.DataFrame) -> None:
    """Every seed's way through the plane faintly, and the mean over seeds."""
    colour, columns = COLOURS["unsup-simcse"], ["uniformity", "alignment"]
    for _, run in points.sort_values("n_train").groupby("seed"):
        ax.plot(*run[columns].to_numpy().T, color=colour, alpha=0.35, linewidth=0.8)
    mean = points.groupby("n_train")[columns].mean()
    ax.plot(*mean.to_numpy().T, "o-", color=colour, linewidth=2, markersize=4)
    first = mean[mean.index > 0].head(1)
    for n, spot in zip(first.index, first.to_numpy(), strict=True):
        ax.annotate(f"{n:,.0f}", tuple(spot), **_BESIDE)


def _method(panel: str) -> str:
    """The method that a panel's name begins with."""
    return re.split("[,:]", panel, maxsplit=1)[0]


def _panel_title(panel: str) -> str:
    """A panel's name with its method in the language chosen."""
    return label(_method(panel)) + panel.removeprefix(_method(panel))


def _draw_dumbbell(ax: Axes, rows: pd.DataFrame, y: int) -> None:
    means = rows.groupby("method", sort=False)["value"].mean()
    ax.plot(means, [y] * len(means), color="0.75", linewidth=3, zorder=1)
    for method, mean in means.items():
        values = rows.loc[rows["method"] == method, "value"]
        ax.plot(mean, y, MARKERS[str(method)], color=COLOURS[str(method)], markersize=9)
        ax.plot(values, [y] * len(values), "|", color="black", markersize=11)
    if {"untrained", "unsup-simcse"} <= set(means.index):
        before, after = means["untrained"], means["unsup-simcse"]
        ax.annotate(
            f"{after - before:+.3f}",
            ((before + after) / 2, y),
            ha="center",
            xytext=(0, 8),
            textcoords="offset points",
            fontsize="small",
        )


def _baseline_name(row) -> str:  # type: ignore[no-untyped-def]
    return label(row.method) if row.encoder == "none" else f"{row.encoder} {row.pooling}"


def _finish(figure: Figure, caption: str) -> Figure:
    if caption:
        figure.supxlabel(caption, fontsize=8, color="0.35", x=0.01, ha="left")
    plt.close(figure)  # a notebook shows the returned figure once, not twice
    return figure
