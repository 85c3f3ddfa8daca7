"""The command line of the benchmark.

    python -m tools.benchmark                      # on the bundled sample, under ten minutes
    python -m tools.benchmark --source DIRECTORY   # on the text of a CNSD directory

All competitors have the same weights, sentences and batch size, each a process of its own; they
take turns, and each round gives a ratio. docs/benchmark.md says what the columns mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from simcse_core.config import PROJECT_ROOT
from simcse_core.exit_code import exit_code
from simcse_core.files import write_json
from simcse_core.folders import output_directory
from tools.benchmark.measure import LIBRARY, competitors
from tools.benchmark.report import fill_markdown, markdown, save_charts
from tools.benchmark.run import BERT_BASE, MINI, run

PAGE = PROJECT_ROOT / "docs" / "benchmark.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = _parse(arguments)
    return exit_code("benchmark", lambda: benchmark(options), also=(ValueError,))


def benchmark(options: argparse.Namespace) -> None:
    """Measures, writes JSON and charts, prints the tables."""
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    if (LIBRARY, False) not in competitors(bf16=False):
        print(f"{LIBRARY} is not installed and left out; pip install -e '.[bench]' brings it")
    directory = output_directory(options.out)
    result = run(options)
    write_json(directory / "benchmark.json", result)
    save_charts(result, directory)
    if options.markdown:
        fill_markdown(options.markdown, result, directory)
    print(markdown(result))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--source", default="sample", help="sample, or a directory of CNSD files")
    add("--extra-sentences", type=_names, default=[], help="more files of it, comma-separated")
    add("--models", type=_names, default=[MINI, BERT_BASE], help=f"encoders, or {BERT_BASE}")
    add("--batch-sizes", type=_numbers, default=[16, 64], help="comma-separated")
    add("--rounds", type=int, default=3, help="turns each competitor takes")
    add("--seconds", type=float, default=4.0, help="what a turn of the plain loop should take")
    add("--scaling", type=_numbers, default=[1000, 2000, 4000], help="sentences; empty for none")
    add("--quality", type=int, default=0, metavar="SEEDS", help="also compare Spearman over seeds")
    add("--threads", type=int, default=torch.get_num_threads(), help="of every competitor")
    add("--out", default=str(PROJECT_ROOT / "figures" / "benchmark"), help="for JSON and charts")
    add(
        "--markdown",
        nargs="?",
        type=Path,
        const=PAGE,
        metavar="PAGE",
        help="fill the results part of a page, docs/benchmark.md if none is named",
    )
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",") if part})


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]
