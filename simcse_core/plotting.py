"""One function for each chart family: a tidy frame in, a figure out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

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
POOLINGS = ("cls", "pooler", "mean", "first-last-mean")

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
    "whitening": "白化",
    "the report, untrained": "原报告（未训练）",
    "after SimCSE": "SimCSE 之后",
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
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(5.2 * len(panels), 4.4),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        rows = cosines[cosines["panel"] == panel].astype({"label": int})
        sns.stripplot(
            rows,
            x="label",
            y="cosine",
            color=_BLUE,
            alpha=0.25,
            size=3,
            jitter=0.28,
            ax=ax,
            rasterized=True,
        )
        sns.boxplot(
            rows,
            x="label",
            y="cosine",
            color="white",
            width=0.45,
            showfliers=False,
            linecolor="black",
            fill=False,
            ax=ax,
        )
        ax.set(
            title=panel,
            xlabel=label("Human label (0 unrelated – 5 same meaning)"),
            ylabel=label("Cosine similarity"),
        )
    return _finish(figure, caption)


def plot_baselines(
    results: pd.DataFrame,
    report: Mapping[str, Mapping[str, float]] | None = None,
    caption: str = "",
) -> Figure:
    """Spearman of every untrained method, with the interval over pairs; one panel a split.

    Args:
        results: tidy rows with metric ``spearman``.
        report: split to encoder to Spearman, drawn as lines for comparison.
    """
    rows = results[results["metric"] == "spearman"].copy()
    rows["name"] = [_baseline_name(row) for row in rows.itertuples()]
    order = list(dict.fromkeys(rows["name"]))
    splits = [split for split in ("dev", "test") if split in set(rows["split"])]
    figure, axes = plt.subplots(
        1,
        len(splits),
        figsize=(6 * len(splits), 0.29 * len(order) + 1.7),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, split in zip(axes[0], splits, strict=True):
        here = rows[rows["split"] == split].set_index("name").loc[order]
        ax.barh(order, here["value"], color=[COLOURS[m] for m in here["method"]], height=0.72)
        ax.errorbar(
            here["value"],
            order,
            fmt="none",
            ecolor="black",
            elinewidth=1,
            xerr=[here["value"] - here["ci_low"], here["ci_high"] - here["value"]],
        )
        for value in (report or {}).get(split, {}).values():
            ax.axvline(value, color=COLOURS["report"], linestyle="--", linewidth=1.2)
        ax.set(title=label(split), xlabel=label("Spearman"), ylabel="")
        ax.grid(axis="y", visible=False)
    axes[0][0].invert_yaxis()
    if report:
        axes[0][-1].plot(
            [], [], color=COLOURS["report"], linestyle="--", label=label("the report, untrained")
        )
    for method in dict.fromkeys(rows["method"]):
        axes[0][-1].barh([], [], color=COLOURS[method], label=label(method))
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return _finish(figure, caption)


def plot_curve(results: pd.DataFrame, x: str, caption: str = "", log: bool = False) -> Figure:
    """Spearman along training: mean over seeds, their range, and every seed faintly behind.

    Args:
        results: tidy rows; a row with epoch 0 is the untrained encoder, drawn as a dashed line.
        x: ``n_train`` or ``epoch``.
        log: logarithmic x axis.
    """
    rows = results[results["metric"] == "spearman"]
    splits = [split for split in ("dev", "test") if split in set(rows["split"])]
    figure, axes = plt.subplots(
        1,
        len(splits),
        figsize=(5.6 * len(splits), 4.3),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, split in zip(axes[0], splits, strict=True):
        here = rows[rows["split"] == split]
        _draw_curve(ax, here, x)
        ax.set(
            title=label(split),
            ylabel=label("Spearman"),
            xlabel=label("Epochs" if x == "epoch" else "Unlabelled training sentences"),
        )
        if log:
            ax.set_xscale("log")
        if x == "n_train":
            ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    handles, labels = axes[0][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return _finish(figure, caption)


def plot_before_after(
    results: pd.DataFrame,
    report: Mapping[str, Mapping[str, float]] | None = None,
    caption: str = "",
) -> Figure:
    """Each encoder before and after training: mean over seeds, single seeds, and the gain.

    Args:
        results: tidy rows with methods ``untrained`` and ``unsup-simcse``.
        report: split to encoder to Spearman of the report's untrained encoders, drawn beside.
    """
    rows = results[results["metric"] == "spearman"]
    encoders = list(dict.fromkeys(rows["encoder"]))
    splits = [split for split in ("dev", "test") if split in set(rows["split"])]
    lines = encoders + list((report or {}).get(splits[0], {}))
    figure, axes = plt.subplots(
        1,
        len(splits),
        figsize=(5.8 * len(splits), 0.55 * len(lines) + 1.9),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, split in zip(axes[0], splits, strict=True):
        for y, encoder in enumerate(encoders):
            _draw_dumbbell(ax, rows[(rows["split"] == split) & (rows["encoder"] == encoder)], y)
        for y, value in enumerate((report or {}).get(split, {}).values(), start=len(encoders)):
            ax.plot(value, y, "D", color=COLOURS["report"], markersize=7)
        ax.set(
            title=label(split),
            xlabel=label("Spearman"),
            yticks=range(len(lines)),
            yticklabels=lines,
        )
    axes[0][0].invert_yaxis()
    legend = [("o", "untrained", "untrained"), ("o", "unsup-simcse", "after SimCSE")]
    if report:
        legend.append(("D", "report", "the report, untrained"))
    for marker, colour, text in legend:
        axes[0][0].plot([], [], marker, color=COLOURS[colour], markersize=8, label=label(text))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return _finish(figure, caption)


def save_chart(figure: Figure, directory: Path, name: str) -> Figure:
    """Writes a chart as ``<name>.png``, whole or not at all, and returns it to be shown."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    write_bytes(directory / f"{name}.png", buffer.getvalue())
    return figure


def _draw_curve(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    trained = rows[rows["epoch"] > 0]
    before = rows.loc[rows["epoch"] == 0, "value"]
    if len(before):
        ax.axhline(
            before.mean(),
            color=COLOURS["untrained"],
            linestyle="--",
            linewidth=1.5,
            label=label("untrained"),
        )
    for i, (_, run) in enumerate(trained.groupby("seed")):
        ax.plot(
            run[x],
            run["value"],
            color=COLOURS["unsup-simcse"],
            alpha=0.3,
            linewidth=1,
            label=label("one seed") if i == 0 else None,
        )
    seeds = trained.groupby(x)["value"]
    ax.fill_between(
        seeds.mean().index,
        seeds.min(),
        seeds.max(),
        color=COLOURS["unsup-simcse"],
        alpha=0.15,
        linewidth=0,
        label=label("range over seeds"),
    )
    ax.plot(
        seeds.mean().index,
        seeds.mean(),
        "o-",
        color=COLOURS["unsup-simcse"],
        linewidth=2,
        markersize=5,
        label=label("all seeds, mean"),
    )


def _draw_dumbbell(ax: Axes, rows: pd.DataFrame, y: int) -> None:
    before = rows.loc[rows["method"] == "untrained", "value"].mean()
    after = rows.loc[rows["method"] == "unsup-simcse", "value"]
    ax.plot([before, after.mean()], [y, y], color="0.7", linewidth=3, zorder=1)
    ax.plot(before, y, "o", color=COLOURS["untrained"], markersize=9)
    ax.plot(after.mean(), y, "o", color=COLOURS["unsup-simcse"], markersize=9)
    ax.plot(after, [y] * len(after), "|", color="black", markersize=11)
    ax.annotate(
        f"{after.mean() - before:+.3f}",
        ((before + after.mean()) / 2, y),
        ha="center",
        xytext=(0, 7),
        textcoords="offset points",
        fontsize="small",
    )


def _baseline_name(row) -> str:  # type: ignore[no-untyped-def]
    if row.encoder == "none":
        return label(row.method)
    suffix = "" if row.method == "untrained" else f", {label(row.method)}"
    return f"{row.encoder} {row.pooling}{suffix}"


def _finish(figure: Figure, caption: str) -> Figure:
    if caption:
        figure.supxlabel(caption, fontsize=8, color="0.35", x=0.01, ha="left")
    plt.close(figure)  # a notebook shows the returned figure once, not twice
    return figure
