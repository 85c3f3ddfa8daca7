"""Tables and charts of the benchmark, from its results alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from simcse_core.config import PROJECT_ROOT
from simcse_core.report.plotting import save_chart, widen
from simcse_core.report.style import set_style
from simcse_core.report.tables import to_markdown
from tools.benchmark.task import CPU_TIME
from tools.pages import fill_part

_PALETTE = sns.color_palette("colorblind").as_hex()
COLOURS = {
    "ours": _PALETTE[0],
    "ours, bf16": _PALETTE[9],
    "plain loop": _PALETTE[3],
    "sentence-transformers": _PALETTE[1],
    "sentence-transformers, bf16": _PALETTE[8],
}
_TITLES = {
    "training": "Training",
    "evaluation": "Evaluation",
    "levers": "Training with one lever off",
}
_CHART_TITLES = {
    "training": "How fast each one trains",
    "evaluation": "How fast each one encodes and scores pairs",
    "levers": "What a step takes with one lever off",
    "scaling": "What one trajectory saves against separate runs",
    "quality": "Spearman with every lever on and with all off",
}
_UNITS = {"training": "sentences", "evaluation": "pairs", "levers": "sentences"}


def table(result: Mapping[str, Any], part: str) -> pd.DataFrame:
    """``training``, ``evaluation`` or ``levers`` as people read it."""
    rows = _with_times(result[part])
    who, against = ("lever off", "all on") if part == "levers" else ("competitor", "ours")
    columns = {
        "model": rows["model"],
        "batch": rows["batch_size"],
        who: rows["competitor"],
        _rate(result, part): rows["per_second"].map("{:,.1f}".format),
        f"time against {against}": rows["times_ours"].map("{:.2f}x".format),
        "in rounds": rows["times"].map(lambda times: f"{min(times):.2f}x to {max(times):.2f}x"),
    }
    if part == "levers":  # what a lever gains is a ratio; the rate is in the first table
        del columns[_rate(result, part)]
    else:
        in_bf16 = rows["competitor"] == "ours, bf16"
        if in_bf16.any():
            columns["against ours, bf16"] = pd.Series(_against(rows, in_bf16), rows.index)
        columns["share of the peak"] = rows["share_of_peak"].map("{:.1%}".format)
    for name in ("peak_memory", "peak_device_memory"):
        if name in rows:
            columns[name.replace("_", " ")] = rows[name].map(_mebibytes)
    return pd.DataFrame(columns).set_index("model")


def _rate(result: Mapping[str, Any], part: str) -> str:
    second = "CPU-second" if result["settings"]["clock"] == CPU_TIME else "second"
    return f"{_UNITS[part]} a {second}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _against(rows: pd.DataFrame, base: pd.Series[bool]) -> list[str]:
    """Median over rounds of each row's time against that of its panel's row in ``base``."""
    panels = rows["model"] + rows["batch_size"].astype(str)
    by_panel = dict(zip(panels[base], rows["rounds"][base], strict=True))
    return [
        f"{np.median(np.divide(by_panel[panel], rates)):.2f}x" if panel in by_panel else ""
        for panel, rates in zip(panels, rows["rounds"], strict=True)
    ]


def _with_times(part: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows, with ``times``: in each round, the time against that of the panel's first row."""
    rows = pd.DataFrame(part)
    base = rows.groupby(["model", "batch_size"], sort=False)["rounds"].transform("first")
    pairs = zip(base, rows["rounds"], strict=True)
    return rows.assign(times=[np.divide(ours, its).tolist() for ours, its in pairs])


def quality_table(result: Mapping[str, Any]) -> pd.DataFrame:
    """Spearman by seed, and its mean and standard deviation over seeds, in a row for each side."""
    rows = pd.DataFrame(result["quality"])
    by_seed = rows.pivot(index="levers", columns="seed", values="spearman").iloc[::-1]
    spread = by_seed.agg(["mean", "std"], axis=1)
    return by_seed.add_prefix("seed ").join(spread).rename_axis(columns=None)


def markdown(result: Mapping[str, Any], charts: str | None = None) -> str:
    """All results as Markdown.

    Args:
        charts: where the charts lie, relative to the page; None leaves them out.
    """
    machine, settings = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    peaks = [f"{peak / 1e9:,.0f} GFLOP/s in {name}" for name, peak in result["peak"].items()]
    where = _where(result)
    parts = [
        f"{where}, {machine['cores']} cores; {versions}. Matrix products reach "
        f"{', '.join(peaks)}. Text: {settings['text']}; medians over {settings['rounds']} rounds."
    ]
    for part, title in _TITLES.items():
        if result[part]:
            parts += [f"### {title}", f"*{where}*"]
            if charts:
                parts.append(f"![{title}]({charts}/benchmark_{part}.png)")
            parts.append(to_markdown(table(result, part)))
    grid = pd.DataFrame(result["grid"]).T.rename_axis("sentences trained")
    counts = grid.drop(columns="ratio").map("{:,.0f}".format)
    parts += [
        "### The report's grid",
        to_markdown(counts.assign(ratio=grid["ratio"].map("{:.3f}".format))),
    ]
    if result["scaling"]:
        scaling = pd.DataFrame(result["scaling"]["points"]).set_index("sentences")
        said = f"*{where}; {_scaling_title(result)}*"
        parts += ["### One trajectory at growing numbers of sentences", said]
        if charts:
            parts.append(f"![Seconds against sentences]({charts}/benchmark_scaling.png)")
        parts.append(to_markdown(scaling.map("{:,.1f} s".format)))
    if result["quality"]:
        said = f"*{where}; {_quality_title(result)}*"
        parts += ["### Spearman with every lever on, and with all off", said]
        if charts:
            parts.append(f"![Spearman of each seed]({charts}/benchmark_quality.png)")
        parts.append(to_markdown(quality_table(result).map("{:.4f}".format)))
    return "\n\n".join(parts)


def fill_markdown(page: Path, result: Mapping[str, Any], directory: Path) -> None:
    """Puts the results between ``<!-- benchmark -->`` and ``<!-- end -->`` of a page.

    Raises:
        ValueError: the page has no such markers.
    """
    inside = directory.resolve().is_relative_to(PROJECT_ROOT)
    charts = Path(os.path.relpath(directory.resolve(), page.resolve().parent)).as_posix()
    fill_part(page, "benchmark", markdown(result, charts if inside else None))


def save_charts(result: Mapping[str, Any], directory: Path) -> None:
    """Writes a PNG for each part: training, evaluation, levers, scaling and quality."""
    set_style()
    for part in ("training", "evaluation"):
        if result[part]:
            save_chart(plot_rates(result, part), directory, f"benchmark_{part}")
    if result["levers"]:
        save_chart(plot_levers(result), directory, "benchmark_levers")
    if result["scaling"]:
        save_chart(plot_scaling(result), directory, "benchmark_scaling")
    if result["quality"]:
        save_chart(plot_quality(result), directory, "benchmark_quality")


def plot_rates(result: Mapping[str, Any], part: str) -> Figure:
    """Bars of a table, a panel for each model: rates with their time against ours."""
    rows = _with_times(result[part])
    batch = " (batch " + rows["batch_size"].astype(str) + ")" if part == "training" else ""
    rows = rows.assign(
        bar=rows["competitor"] + batch,
        length=rows["per_second"],
        low=rows["rounds"].map(min),
        high=rows["rounds"].map(max),
        said=rows["per_second"].map("{:,.1f}".format)
        + np.where(
            rows["competitor"] == rows["competitor"].iloc[0],
            "",
            rows["times_ours"].map("  ({:.1f}x the time)".format),
        ),
    )
    return _draw_bars(result, rows, part, _capital(_rate(result, part)))


def plot_levers(result: Mapping[str, Any]) -> Figure:
    """What a step takes with one lever off, a panel for each model; 1 is the step with all on."""
    rows = _with_times(result["levers"])
    rows = rows[rows["competitor"] != rows["competitor"].iloc[0]]
    rows = rows.assign(
        bar=rows["competitor"],
        length=rows["times_ours"],
        low=rows["times"].map(min),
        high=rows["times"].map(max),
        said=rows["times_ours"].map("{:.2f}x".format),
    )
    batch_size = rows["batch_size"].iloc[0]
    xlabel = f"Time of a step, batch {batch_size} (all levers on: 1)"
    return _draw_bars(result, rows, "levers", xlabel, at=1)


def _draw_bars(
    result: Mapping[str, Any], rows: pd.DataFrame, part: str, xlabel: str, at: float | None = None
) -> Figure:
    """Bars of ``length`` with whiskers from ``low`` to ``high``, and what is ``said`` beside."""
    panels = list(rows.groupby("model", sort=False))
    height = 1.1 + 0.42 * max(len(panel) for _, panel in panels)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(6.4 * len(panels), height), squeeze=False, layout="constrained"
    )
    for ax, (model, panel) in zip(axes.flat, panels, strict=True):
        ax.barh(panel["bar"], panel["length"], color=panel["competitor"].map(_colour))
        ax.hlines(panel["bar"], panel["low"], panel["high"], color="0.3")
        for y, (said, end) in enumerate(zip(panel["said"], panel["high"], strict=True)):
            ax.annotate(
                said, (end, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
            )
        if at is not None:
            ax.axvline(at, color="0.3", linestyle="--", linewidth=1)
        ax.invert_yaxis()
        ax.set(title=model, xlabel=xlabel, xlim=(0, 1.6 * panel["high"].max()))
        ax.grid(visible=False)
    return _captioned(figure, result, part, "median over rounds, whiskers from lowest to highest")


def _colour(competitor: str) -> str:
    return COLOURS.get(competitor, COLOURS["ours"])


def plot_scaling(result: Mapping[str, Any]) -> Figure:
    """Seconds against the number of sentences: one trajectory, and the same points separately."""
    points = pd.DataFrame(result["scaling"]["points"])
    figure, ax = plt.subplots(figsize=(6.4, 4.3), layout="constrained")
    palette = sns.color_palette("colorblind")
    ax.plot(points["sentences"], points["one trajectory"], "o-", color=palette[0])
    ax.plot(points["sentences"], points["separate runs so far"], "s--", color=palette[1])
    for name, y in points.drop(columns="sentences").iloc[-1].items():
        ax.annotate(
            str(name),
            (points["sentences"].iloc[-1], y),
            xytext=(-12, 6),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    ax.set(xlabel="Sentences", ylabel="Seconds of training", xlim=(0, None), ylim=(0, None))
    ax.margins(y=0.12)
    return _captioned(figure, result, "scaling", _scaling_title(result))


def plot_quality(result: Mapping[str, Any]) -> Figure:
    """A dot for each seed's Spearman, lines joining the same seed, and the mean of each side."""
    by_seed = quality_table(result)
    means = by_seed.pop("mean")
    by_seed = by_seed.drop(columns="std")
    figure, ax = plt.subplots(figsize=(6.4, 3.1), layout="constrained")
    ax.plot(by_seed, range(len(by_seed)), "o-", color="0.75", mfc=_PALETTE[0], mec="white")
    ax.plot(means, range(len(means)), "|", color=_PALETTE[3], ms=26, mew=2)
    ax.annotate(
        "mean", (means.iloc[-1], 1), xytext=(0, -26), textcoords="offset points", ha="center"
    )
    ax.set_yticks(range(len(by_seed)), by_seed.index)
    ax.set(xlabel="Spearman on dev", ylim=(len(by_seed) - 0.5, -0.5))
    ax.grid(visible=False, axis="y")
    widen([ax], "x")
    return _captioned(figure, result, "quality", _quality_title(result).replace("; ", ";\n"))


def _quality_title(result: Mapping[str, Any]) -> str:
    n, seeds = result["settings"]["quality sentences"], len({r["seed"] for r in result["quality"]})
    table = quality_table(result)
    difference = table["mean"].iloc[0] - table["mean"].iloc[1]
    return (
        f"{n:,} sentences, {seeds} seeds: on average {difference:+.4f} with every lever on; "
        f"one seed differs from another by {table['std'].max():.4f} (standard deviation)"
    )


def _scaling_title(result: Mapping[str, Any]) -> str:
    scaling = result["scaling"]
    return f"{scaling['model']}, batch {scaling['batch_size']}, a point at each number of sentences"


def _captioned(figure: Figure, result: Mapping[str, Any], part: str, said: str) -> Figure:
    figure.suptitle(_CHART_TITLES[part], weight="bold", size="large")
    caption = f"{_where(result)} · {result['settings']['text']}\n{said}"
    figure.supxlabel(caption, fontsize=7, color="0.35", x=0.01, ha="left")
    plt.close(figure)
    return figure


def _where(result: Mapping[str, Any]) -> str:
    """On what was measured, and in what."""
    machine = result["machine"]
    processor = machine.get("gpu") or ", ".join(
        [machine["processor"], machine["vector instructions"], *machine["bfloat16 instructions"]]
    )
    return f"{processor}; threads: {machine['threads']}; {result['settings']['clock']}"


def _mebibytes(n: float) -> str:
    return f"{n / 2**20:,.0f} MiB"
