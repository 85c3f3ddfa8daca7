"""How fast question recall is: faiss against exact search, latency, and a cross-encoder's price.

    python -m tools.search_speed [--sizes 10000,100000,1000000] [--encoder mini-bert] [--out FOLDER]

Tables, the chart and the machine go to ``figures/search``; with ``--markdown``, ``docs/search.md``
is filled. One thread is measured if ``OMP_NUM_THREADS=1`` is set; ``--cpu-time`` then gives what a
free core would take, however busy the machine is. A million vectors take 4 GB.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from simcse_core import SentenceEncoder, load_sentences, sample_sentences
from simcse_core.applications import search
from simcse_core.applications.approximate_measures import measure_speed
from simcse_core.applications.search_measures import (
    BATCH_SIZES,
    Clock,
    cross_encoder_cost,
    joined,
    measure_cross_encoder,
    measure_latency,
)
from simcse_core.config import PROJECT_ROOT
from simcse_core.files import write_json, write_text
from simcse_core.report.markers import fill_file
from simcse_core.report.plotting import save_chart
from simcse_core.report.style import set_style
from simcse_core.report.tables import to_markdown
from tools.machine import describe_machine

SIZES = "10000,100000,1000000"
OUT = PROJECT_ROOT / "figures" / "search"
PAGE = PROJECT_ROOT / "docs" / "search.md"
N_QUESTIONS = 10_000  # of the index that latency is measured on
N_PAIRED = 1_000  # questions that a cross-encoder scores for each query
N_QUERIES = 5  # timed against all of those, the first to warm up
REPEATS = 50
SEED = 0
_COLOURS = dict(
    zip(("exact", "flat", "hnsw", "ivf"), sns.color_palette("colorblind"), strict=False)
)
_MARKERS = {"exact": "s", "flat": "D", "hnsw": "o", "ivf": "^"}


def latency(encoder: SentenceEncoder, texts: Sequence[str], clock: Clock) -> pd.DataFrame:
    """Milliseconds from queries to their nearest of 10,000 questions, by batch and step."""
    index = search.build(texts[:N_QUESTIONS], encoder.encode, _stamp(encoder))
    queries = texts[N_QUESTIONS : N_QUESTIONS + max(BATCH_SIZES) * REPEATS + 1]
    rows = measure_latency(encoder.encode, index, queries, repeats=REPEATS, clock=clock)
    return rows.assign(encoder=encoder.name, questions=len(index))


def cross_encoder(encoder: SentenceEncoder, texts: Sequence[str], clock: Clock) -> pd.DataFrame:
    """A query's price by vectors and by a cross-encoder of the same size: seconds, multiplications.

    Returns:
        Rows ``encoder, questions, system, median, p95, multiplications``.
    """
    index = search.build(texts[:N_PAIRED], encoder.encode, _stamp(encoder))
    queries = texts[N_PAIRED : N_PAIRED + N_QUERIES]
    rows = measure_cross_encoder(encoder.encode, joined(encoder.encode), index, queries, clock)
    tokens = [
        np.mean([len(ids) for ids in encoder.tokenize(t)]) for t in (queries, index.questions)
    ]
    config = encoder.model.config
    shape = (config.num_hidden_layers, config.hidden_size)
    costs = cross_encoder_cost(len(index), round(tokens[0]), round(tokens[1]), *shape)
    rows["multiplications"] = rows["system"].map(costs)
    return rows.assign(encoder=encoder.name, questions=len(index))


def _stamp(encoder: SentenceEncoder) -> search.EncoderStamp:
    return search.EncoderStamp(encoder.name, encoder.fingerprint)


def plot_speed(speed: pd.DataFrame) -> Figure:
    """Queries a second against recall, a panel a size: up and to the right is better."""
    sizes = list(dict.fromkeys(speed["n"]))
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(4.6 * len(sizes), 4.2), squeeze=False, layout="constrained"
    )
    for ax, size in zip(axes[0], sizes, strict=True):
        here = speed[speed["n"] == size]
        for kind, mine in here.groupby("kind", sort=False):
            look = {"color": _COLOURS[str(kind)], "marker": _MARKERS[str(kind)]}
            ax.plot(mine["recall"], mine["queries_per_second"], label=str(kind), **look)
        ax.set(title=f"{size:,} vectors", xlabel="Recall of the 10 nearest", yscale="log")
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes[0][0].set_ylabel("Queries a second (batches of 32, log scale)")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=len(labels),
        frameon=False,
        title="Speed of the index against its recall",
        title_fontproperties={"weight": "bold", "size": "large"},
    )
    plt.close(figure)
    return figure


def speed_table(speed: pd.DataFrame) -> pd.DataFrame:
    """Of each size and kind the setting of least effort that finds 99 %, or the best there is."""
    lines = []
    for _, mine in speed.groupby(["n", "kind"], sort=False):
        enough = mine[mine["recall"] >= 0.99]
        row = (enough if len(enough) else mine.nlargest(1, "recall")).iloc[0]
        lines.append(
            {
                "vectors": f"{row['n']:,}",
                "index": row["kind"],
                "effort": f"{row['effort']}",
                "recall": f"{row['recall']:.4f}",
                "queries a second": f"{row['queries_per_second']:,.0f}",
                "built in (s)": f"{row['build_seconds']:,.1f}",
                "memory (MB)": f"{row['bytes'] / 1e6:,.0f}",
            }
        )
    return pd.DataFrame(lines).set_index("vectors")


def latency_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds a batch, median and 95th percentile, by batch size and step."""
    told = (1000 * rows["median"]).map("{:.2f}".format) + (1000 * rows["p95"]).map(
        " ({:.2f})".format
    )
    table = rows.assign(told=told).pivot(index="batch", columns="step", values="told")
    return table[["encode", "search", "both"]].rename(columns=lambda step: f"{step}, ms (95 %)")


def cross_encoder_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds and multiplications a query, and both as ratios of those by vectors."""
    base = rows.set_index("system").loc["vectors"]
    table = {
        "questions": rows["questions"].map("{:,}".format),
        "ms a query": (1000 * rows["median"]).map("{:,.1f}".format),
        "times": (rows["median"] / base["median"]).map("{:,.0f}".format),
        "multiplications": rows["multiplications"].map("{:.2e}".format),
        "times by arithmetic": (rows["multiplications"] / base["multiplications"]).map(
            "{:,.0f}".format
        ),
    }
    return pd.DataFrame(table).set_axis(rows["system"], axis=0)


TABLES = {"speed": speed_table, "latency": latency_table, "cross_encoder": cross_encoder_table}


def measure(
    sizes: Sequence[int], encoder: SentenceEncoder, clock: Clock
) -> dict[str, pd.DataFrame]:
    """All tables by name; the bundled sample's sentences stand in for questions."""
    texts = sample_sentences(load_sentences("sample"), N_QUESTIONS + 33 * REPEATS, SEED)
    return {
        "latency": latency(encoder, texts, clock),
        "cross_encoder": cross_encoder(encoder, texts, clock),
        "speed": measure_speed(sizes, clock=clock, progress=True),
    }


def fill_page(folder: Path, page: Path = PAGE) -> None:
    """Puts the tables of a folder into the page."""
    told = {
        name: to_markdown(table(pd.read_csv(folder / f"{name}.csv")))
        for name, table in TABLES.items()
    }
    fill_file(page, {name: partial(_as_told, text) for name, text in told.items()})


def _as_told(text: str, words: Sequence[str]) -> str:
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.search_speed", description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="numbers of synthetic vectors")
    parser.add_argument("--encoder", default="mini-bert-wwm-ext")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--markdown", action="store_true", help="fill docs/search.md")
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds, not those of a clock")
    given = parser.parse_args(arguments)
    mpl.use("agg")
    set_style("en")
    encoder = SentenceEncoder.from_pretrained(given.encoder)
    clock = time.process_time if given.cpu_time else time.perf_counter
    tables = measure([int(size) for size in given.sizes.split(",")], encoder, clock)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        write_text(given.out / f"{name}.csv", rows.to_csv(index=False, lineterminator="\n"))
        print(to_markdown(TABLES[name](rows)), end="\n\n")
    machine = {"clock": clock.__name__, **describe_machine(encoder.device)}
    write_json(given.out / "machine.json", machine)
    save_chart(plot_speed(tables["speed"]), given.out, "speed")
    if given.markdown:
        fill_page(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
