"""A run of the benchmark: every model and batch size asked for, and what they depend on."""

from __future__ import annotations

import argparse
import importlib.metadata
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm
from transformers import BertConfig, BertModel

from simcse_core import SentenceEncoder
from simcse_core.data import StudyData, load_study_data
from simcse_core.precision import has_bf16
from simcse_core.results import library_versions
from tools.benchmark.arithmetic import grid_cost, linear_parameters
from tools.benchmark.measure import LIBRARY, SETTINGS, Benchmark, Model, competitors, n_turns
from tools.benchmark.processes import BenchmarkError, working
from tools.benchmark.quality import compare_quality
from tools.benchmark.task import MATRIX, MAX_LENGTH, Task, clock_name, device
from tools.machine import describe_machine

MINI = "mini-bert-wwm-ext"
BERT_BASE = "bert-base"  # randomly initialised: what a step costs does not depend on its weights
QUALITY_SENTENCES = 800  # the end of the report's small samples


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures everything asked for.

    Raises:
        BenchmarkError: a process broke off, or the competitors' weights differ.
        ValueError: data, an encoder or a size that cannot be used.
    """
    data = load_study_data(options.source, options.extra_sentences)
    _check_size(options, data)
    with _benchmark(options, data) as bench:
        linear, scaling = _measure_models(bench, options)
        bench.finish()
        seeds = range(options.quality)
        quality = compare_quality(options.models[0], data, QUALITY_SENTENCES, seeds, bench.bar)
    return {
        "machine": describe_machine(torch.device(device())),
        "settings": {
            "text": data.name,
            "data": data.fingerprint,
            "clock": clock_name(options.threads),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "max_seq_length": MAX_LENGTH,
            "quality sentences": QUALITY_SENTENCES,
            "linear parameters": linear,
        },
        "versions": library_versions() | _library_version(),
        "peak": {name: max(peaks) for name, peaks in bench.peaks.items()},
        "training": bench.training,
        "evaluation": bench.evaluation,
        "levers": bench.levers,
        "grid": grid_cost(),
        "scaling": scaling,
        "quality": quality,
    }


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


@contextmanager
def _benchmark(options: argparse.Namespace, data: StudyData) -> Iterator[Benchmark]:
    """A benchmark with its matrix products running and a bar over all turns to come."""
    bf16 = has_bf16(torch.device(device()))
    precisions = {"float32": False} | ({"bfloat16": True} if bf16 else {})
    products = [
        Task("matrix product", options.threads, bf16=on, matrix=MATRIX)
        for on in precisions.values()
    ]
    turns = len(options.models) * n_turns(options.rounds, len(options.batch_sizes), bf16)
    turns += len(options.scaling) + 2 * options.quality
    with (
        working(products) as workers,
        tqdm(total=turns, unit="turn", bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar,
    ):
        for worker in workers:
            worker.answer()
        named = dict(zip(precisions, workers, strict=True))
        yield Benchmark(data, options.rounds, options.seconds, options.threads, named, bar)


def _measure_models(
    bench: Benchmark, options: argparse.Namespace
) -> tuple[dict[str, int], dict[str, Any]]:
    """Has every model measured, the first at growing sizes, too.

    Returns:
        The linear parameters of each model, and the seconds at growing sizes.
    """
    linear: dict[str, int] = {}
    scaling: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            bench.bar.set_description(f"making {name}")
            model = make_model(name, Path(folder, str(len(linear))))
            linear[model.name] = linear_parameters(model.encoder.model.config)
            for batch_size in options.batch_sizes:
                bench.compare(model, batch_size, alone=batch_size != options.batch_sizes[0])
            if options.scaling and not scaling:
                scaling = bench.scale(model, options.batch_sizes[-1], options.scaling)
    return linear, scaling


def _check_size(options: argparse.Namespace, data: StudyData) -> None:
    for name in ("models", "batch_sizes"):
        if not getattr(options, name):
            raise BenchmarkError(f"--{name.replace('_', '-')}: at least one is needed, got none")
    needed = max(options.batch_sizes[-1] * (1 + options.rounds), *options.scaling, 0)
    if needed > (n := len(data.pool.sentences)):
        raise BenchmarkError(
            f"{needed:,} sentences are needed, {data.name} has {n:,}; name more files in "
            "--extra-sentences, or lower --scaling, --batch-sizes or --rounds"
        )


def _library_version() -> dict[str, str]:
    measured = (LIBRARY, False) in competitors(bf16=False)
    return {LIBRARY: importlib.metadata.version(LIBRARY)} if measured else {}
