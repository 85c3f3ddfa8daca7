"""Measures train_simcse side by side with the plain loop and with sentence-transformers.

    python tools/benchmark.py                      # on the bundled sample, under ten minutes
    python tools/benchmark.py --source DIRECTORY   # on the text of a CNSD directory

All competitors have the same weights, sentences and batch size, each a process of its own; they
take turns, and each round gives a ratio. tools/BENCHMARK.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from bench.arithmetic import grid_cost, linear_parameters
from bench.measure import SETTINGS, Benchmark, BenchmarkError, Model, competitors, n_turns, working
from bench.quality import compare_quality
from bench.report import fill_markdown, markdown, save_charts
from bench.task import MAX_LENGTH, Task, device
from tqdm.auto import tqdm
from transformers import BertConfig, BertModel
from transformers.utils import logging as transformers_logging

from simcse_core import SentenceEncoder
from simcse_core.config import PROJECT_ROOT
from simcse_core.data import load_study_data
from simcse_core.encoder import has_bf16
from simcse_core.results import output_directory, run_provenance, write_json

PAGE = Path(__file__).with_name("BENCHMARK.md")
MINI = "mini-bert-wwm-ext"
BERT_BASE = "bert-base"  # randomly initialised: what a step costs does not depend on its weights
LIBRARY = "sentence-transformers"
QUALITY_SENTENCES = 800  # the end of the report's small samples


def make_model(name: str, folder: Path) -> Model:
    """Writes an encoder to a folder, with the dropout that all competitors train with."""
    if name == BERT_BASE:
        torch.manual_seed(0)
        tokenizer = SentenceEncoder.from_pretrained(MINI, "cls").tokenizer
        random = BertModel(BertConfig(vocab_size=21128))
        encoder = SentenceEncoder(random, tokenizer, "cls", MAX_LENGTH, "BERT-base, random")
    else:
        encoder = SentenceEncoder.from_pretrained(name, "cls", MAX_LENGTH, "cpu")
    encoder.set_dropout(SETTINGS["dropout"])
    encoder.save(folder)
    return Model(encoder.name, folder, encoder)


def machine(threads: int) -> dict[str, Any]:
    """What the numbers depend on."""
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name") or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16 in hardware": has_bf16(torch.device(device())),
        **gpu,
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures everything asked for.

    Raises:
        BenchmarkError: a process broke off, or the competitors' weights differ.
        ValueError: data, an encoder or a size that cannot be used.
    """
    data = load_study_data(options.source, options.extra_sentences)
    needed = [options.batch_sizes[-1] * (1 + options.rounds), *options.scaling]
    if max(needed) > (n := len(data.pool.sentences)):
        raise BenchmarkError(
            f"{max(needed):,} sentences are needed, {data.name} has {n:,}; name more files in "
            "--extra-sentences, or lower --scaling, --batch-sizes or --rounds"
        )
    rounds, batch_sizes, seeds = options.rounds, options.batch_sizes, range(options.quality)
    bf16 = has_bf16(torch.device(device()))
    turns = len(options.models) * n_turns(rounds, len(batch_sizes), bf16)
    turns += len(options.scaling) + 2 * len(seeds)
    precisions = {"float32": False} | ({"bfloat16": True} if bf16 else {})
    products = [Task("matrix product", options.threads, bf16=on) for on in precisions.values()]
    with (
        tempfile.TemporaryDirectory() as folder,
        working(products) as workers,
        tqdm(total=turns, unit="turn", bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar,
    ):
        for worker in workers:
            worker.answer()
        bench = Benchmark(
            data,
            rounds,
            options.seconds,
            options.threads,
            dict(zip(precisions, workers, strict=True)),
            bar,
        )
        scaling: dict[str, Any] = {}
        linear = {}
        for name in options.models:
            bar.set_description(f"making {name}")
            model = make_model(name, Path(folder, str(len(linear))))
            linear[model.name] = linear_parameters(model.encoder.model.config)
            for batch_size in batch_sizes:
                bench.compare(model, batch_size, alone=batch_size != batch_sizes[0])
            if options.scaling and not scaling:
                scaling = bench.scale(model, batch_sizes[-1], options.scaling)
        bench.finish()
        quality = compare_quality(options.models[0], data, QUALITY_SENTENCES, seeds, bar)
    return {
        "machine": machine(options.threads),
        "settings": {
            "text": data.name,
            "data": data.fingerprint,
            "rounds": rounds,
            "seconds": options.seconds,
            "max_seq_length": MAX_LENGTH,
            "quality sentences": QUALITY_SENTENCES,
            "linear parameters": linear,
        },
        "versions": run_provenance()["versions"] | _library_version(),
        "peak": {name: max(peaks) for name, peaks in bench.peaks.items()},
        "training": bench.training,
        "evaluation": bench.evaluation,
        "levers": bench.levers,
        "grid": grid_cost(),
        "scaling": scaling,
        "quality": quality,
    }


def _library_version() -> dict[str, str]:
    measured = (LIBRARY, False) in competitors(bf16=False)
    return {LIBRARY: importlib.metadata.version(LIBRARY)} if measured else {}


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",") if part})


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
        help="fill the results part of a page, tools/BENCHMARK.md if none is named",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = _parse(arguments)
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    if (LIBRARY, False) not in competitors(bf16=False):
        print(f"{LIBRARY} is not installed and left out; pip install -e '.[bench]' brings it")
    try:
        directory = output_directory(options.out)
        result = run(options)
        write_json(directory / "benchmark.json", result)
        save_charts(result, directory)
        if options.markdown:
            fill_markdown(options.markdown, result, directory)
    except (BenchmarkError, ValueError, OSError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    print(markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
