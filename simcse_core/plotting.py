"""One function for each chart family: a tidy frame in, a figure out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

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
from matplotlib.ticker import FuncFormatter, MaxNLocator

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

# One colour a method or encoder throughout, from seaborn's colour-blind safe palette.
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
    "dev": _SKY,
    "test": _BLUE,
    "report": _RED,
}

_CHINESE = {
    "Human label (0 unrelated – 5 same meaning)": "人工标注（0 无关 – 5 同义）",
    "Cosine similarity": "余弦相似度",
    "Spearman": "Spearman 相关系数",
    "Unlabelled training sentences": "无标注训练句数",
    "Epochs": "训练轮数",
    "dev": "验证集",
    "test": "测试集",
    "all seeds, mean": "各种子均值",
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
        ax.scatter(rows["label"] + jitter, rows["cosine"], color=_BLUE, alpha=0.25, s=9, lw=0)
        sns.boxplot(
            rows,
            x="label",
            y="cosine",
            native_scale=True,
            ax=ax,
            width=0.45,
            showfliers=False,
            fill=False,
            linecolor="black",
        )
        ax.set(
            title=label(panel),
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
    figure, axes = _panels(_splits(rows), width=6, height=0.34 * len(names) + 1.8)
    for split, ax in axes.items():
        for method in methods:
            here = rows[(rows["split"] == split) & (rows["method"] == method)]
            means = here.groupby("name")[["value", "ci_low", "ci_high"]].mean()
            nudge = 0.3 if method == "whitening" else 0.0
            ax.errorbar(
                means["value"],
                [names.index(str(name)) + nudge for name in means.index],
                xerr=[means["value"] - means["ci_low"], means["ci_high"] - means["value"]],
                fmt="o",
                color=COLOURS[method],
                markersize=6,
                elinewidth=1.5,
            )
        for value in (report or {}).get(split, {}).values():
            ax.axvline(value, color=COLOURS["report"], linestyle="--", linewidth=1.2)
        _name_rows(ax, names)
        ax.set(title=label(split), xlabel=label("Spearman"), xlim=(0, None))
    line = Line2D([], [], color=COLOURS["report"], linestyle="--", label=label(REPORT_LABEL))
    _legend(figure, methods, line if report else None)
    return _finish(figure, caption)


def plot_curve(results: pd.DataFrame, x: str, caption: str = "") -> Figure:
    """Spearman along training: mean over seeds, their range, and every seed faintly behind.

    Args:
        results: tidy rows; a row with epoch 0 is the untrained encoder, drawn as a dashed line.
        x: ``n_train`` or ``epoch``.
    """
    rows = results[results["metric"] == "spearman"]
    figure, axes = _panels(_splits(rows), width=5.6, height=4.3)
    for split, ax in axes.items():
        _draw_curve(ax, rows[rows["split"] == split], x)
        ax.set(
            title=label(split),
            ylabel=label("Spearman"),
            xlabel=label("Epochs" if x == "epoch" else "Unlabelled training sentences"),
        )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    handles, texts = ax.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=4, frameon=False)
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
    _legend(figure, methods, diamond if report else None)
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


def _legend(figure: Figure, methods: Sequence[str], report: Artist | None) -> None:
    handles: list[Artist] = [
        Line2D([], [], color=COLOURS[m], marker="o", linestyle="", markersize=8, label=label(m))
        for m in methods
    ]
    handles += [report] if report else []
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)


def _draw_curve(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    trained = rows[rows["epoch"] > 0]
    before = rows.loc[rows["epoch"] == 0, "value"]
    colour = COLOURS["unsup-simcse"]
    if len(before):
        ax.axhline(
            before.mean(),
            color=COLOURS["untrained"],
            linestyle="--",
            linewidth=1.5,
            label=label("untrained"),
        )
    runs = trained.groupby("seed")
    for i, (_, run) in enumerate(runs):
        text = label("one seed") if i == 0 else None
        ax.plot(run[x], run["value"], color=colour, alpha=0.35, linewidth=1, label=text)
    points = trained.groupby(x)["value"].agg(["mean", "min", "max"])
    if runs.ngroups > 1:
        ax.fill_between(
            points.index,
            points["min"],
            points["max"],
            color=colour,
            alpha=0.15,
            linewidth=0,
            label=label("range over seeds"),
        )
    ax.plot(
        points.index,
        points["mean"],
        "o-",
        color=colour,
        linewidth=2,
        markersize=5,
        label=label("all seeds, mean"),
    )


def _draw_dumbbell(ax: Axes, rows: pd.DataFrame, y: int) -> None:
    means = rows.groupby("method", sort=False)["value"].mean()
    ax.plot(means, [y] * len(means), color="0.75", linewidth=3, zorder=1)
    for method, mean in means.items():
        values = rows.loc[rows["method"] == method, "value"]
        ax.plot(mean, y, "o", color=COLOURS[str(method)], markersize=9)
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
