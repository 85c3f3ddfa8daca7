"""Runs the competitors of the benchmark in turns and gathers what they say."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from simcse_core import SentenceEncoder, TrainConfig, sample_sentences
from simcse_core.data import StudyData
from tools.benchmark.arithmetic import forward_flops, training_flops
from tools.benchmark.ours import LEVERS, TOKENIZED_EACH_STEP, lever_order
from tools.benchmark.processes import BenchmarkError, Row, Worker, working
from tools.benchmark.task import EVALUATION_BATCH, MAX_LENGTH, Task

OURS = "ours"
LIBRARY = "sentence-transformers"
# The plain loop is taken to reach half of the peak when the length of a measurement is chosen.
GUESSED_SHARE = 0.5
SAME_VECTORS = 1e-3
# The report's: learning rate 1e-5, dropout 0.3, temperature 0.05.
SETTINGS = {
    name: getattr(TrainConfig(), name) for name in ("learning_rate", "dropout", "temperature")
}


@dataclass(frozen=True)
class Model:
    """A folder of weights that all competitors load."""

    name: str
    folder: Path
    encoder: SentenceEncoder

    def training_flops(self, sentences: Sequence[str]) -> int:
        """Useful operations of training on the sentences once."""
        return training_flops(self.encoder.model.config, self._lengths(sentences))

    def evaluation_flops(self, pairs: Sequence[Sequence[Any]]) -> int:
        """Useful operations of encoding both sides of all pairs."""
        return forward_flops(self.encoder.model.config, self._lengths([*pairs[0], *pairs[1]]))

    def _lengths(self, sentences: Sequence[str]) -> list[int]:
        return [len(row) for row in self.encoder.tokenize(sentences)]


@dataclass
class Benchmark:
    """Measures; what it has found stands in its lists of rows.

    Attributes:
        products: processes that multiply matrices, by the name of their precision.
        peaks: what they reached in each of their turns, in operations a second.
    """

    data: StudyData
    rounds: int
    seconds: float
    threads: int
    products: dict[str, Worker]
    bar: tqdm[Any]
    peaks: dict[str, list[float]] = field(default_factory=dict)
    training: list[Row] = field(default_factory=list)
    evaluation: list[Row] = field(default_factory=list)
    levers: list[Row] = field(default_factory=list)

    def compare(self, model: Model, batch_size: int, alone: bool = False) -> None:
        """One model and batch size: all competitors in training and evaluation, and the levers.

        Args:
            alone: training of ours and nothing else.
        """
        self.measure_peaks()
        points = self._points(model, batch_size)
        sentences = sample_sentences(self.data.pool.sentences, points[-1], seed=0)
        blocks = [sentences[start:end] for start, end in pairwise(points)]
        shared = self._shared(model, batch_size)
        pairs = [] if alone else self._pairs(model)
        # Evaluation is the same in all precisions of training.
        evaluated: Row = {"pairs": pairs, "evaluations": 0 if alone else 1 + self.rounds}
        tasks = [
            Task(name, **shared, sentences=sentences, points=points, bf16=bf16)
            if bf16
            else Task(name, **shared, sentences=sentences, points=points, **evaluated)
            for name, bf16 in competitors("bfloat16" in self.products)
            if not alone or name == OURS
        ]
        if not alone:
            text = [*sentences[:batch_size], *(s for b in blocks for s in b * len(LEVERS))]
            ends = range(batch_size, len(text) + 1, len(blocks[0]))
            tasks.append(Task("levers", **shared, sentences=text, points=list(ends)))
        place = f"{model.name}, batch {batch_size}"
        self.bar.set_description(f"{place}: starting")
        with working(tasks) as workers:
            self._train(place, model, batch_size, workers, blocks)
            if not alone:
                self._evaluate(place, model, [w for w in workers if w.task.evaluations], pairs)

    def scale(self, model: Model, batch_size: int, points: Sequence[int]) -> Row:
        """One trajectory of ours, timed at growing numbers of sentences."""
        self.bar.set_description(f"{model.name}, batch {batch_size}: one trajectory")
        sentences = sample_sentences(self.data.pool.sentences, max(points), seed=0)
        shared = self._shared(model, batch_size)
        task = Task(OURS, **shared, sentences=sentences, points=points)
        with working([task]) as (worker,):
            overhead = worker.answer()["seconds_a_sentence"]
            seconds = []
            for _ in points:
                seconds.append(worker.turn()["seconds"])
                self.bar.update()
        totals = [t + overhead * n for t, n in zip(accumulate(seconds), points, strict=True)]
        rows = [
            {"sentences": n, "one trajectory": total, "separate runs so far": separate}
            for n, total, separate in zip(points, totals, accumulate(totals), strict=True)
        ]
        return {"model": model.name, "batch_size": batch_size, "points": rows}

    def measure_peaks(self) -> None:
        """Has the matrix products take a turn."""
        for name, worker in self.products.items():
            self.peaks.setdefault(name, []).append(worker.turn()["flops"])

    def finish(self) -> None:
        """Puts every row's useful operations against the best matrix product of the run."""
        for row in (*self.training, *self.evaluation, *self.levers):
            precision = "bfloat16" if row["competitor"].endswith("bf16") else "float32"
            row["share_of_peak"] = row["useful_flops"] / max(self.peaks[precision])

    def _train(
        self,
        place: str,
        model: Model,
        batch_size: int,
        workers: Sequence[Worker],
        blocks: Sequence[Sequence[str]],
    ) -> None:
        seconds, memory = self._time_training(place, workers, blocks)
        amounts = [len(block) for block in blocks]
        flops = [model.training_flops(block) for block in blocks]
        where = {"model": model.name, "batch_size": batch_size}
        for name, took in seconds.items():
            if name in LEVERS:
                self.levers.append(_row(name, took, seconds[LEVERS[0]], amounts, flops) | where)
            else:
                row = _row(name, took, seconds[OURS], amounts, flops)
                self.training.append(row | where | memory[name])

    def _time_training(
        self, place: str, workers: Sequence[Worker], blocks: Sequence[Sequence[str]]
    ) -> tuple[dict[str, list[float]], dict[str, Row]]:
        """Seconds of each round, and peak memory after the last, of competitors and levers."""
        ready = {worker.task.name: worker.answer() for worker in workers}
        _check_weights(ready)
        seconds: dict[str, list[float]] = {}
        memory: dict[str, Row] = {}
        for worker in workers:
            self.bar.set_description(f"{place}: {worker.task.name}, warming up")
            worker.turn()
            self.bar.update()
        for i, block in enumerate(blocks):
            for worker in _in_turn(workers, i):
                mine = worker.task.name
                self.bar.set_description(f"{place}: {mine}, training")
                for name in lever_order(i) if mine == "levers" else [mine]:
                    memory[name] = worker.turn()
                    took = memory[name].pop("seconds")
                    # Tokenizing ahead is charged by the sentence; in every step, it is timed there.
                    if name != TOKENIZED_EACH_STEP:
                        took += ready[mine]["seconds_a_sentence"] * len(block)
                    seconds.setdefault(name, []).append(took)
                self.bar.update()
            self.measure_peaks()
        return seconds, memory

    def _evaluate(
        self, place: str, model: Model, workers: Sequence[Worker], pairs: Sequence[Sequence[Any]]
    ) -> None:
        seconds: dict[str, list[float]] = {}
        for i in range(1 + self.rounds):
            for worker in _in_turn(workers, i):
                self.bar.set_description(f"{place}: {worker.task.name}, evaluating")
                took = worker.turn()["seconds"]
                if i > 0:  # the first is a warm-up
                    seconds.setdefault(worker.task.name, []).append(took)
                self.bar.update()
            self.measure_peaks()
        amounts = [len(pairs[0])] * self.rounds
        flops = [model.evaluation_flops(pairs)] * self.rounds
        for worker in workers:
            name = worker.task.name
            row = _row(name, seconds[name], seconds[OURS], amounts, flops)
            self.evaluation.append({"model": model.name, "batch_size": EVALUATION_BATCH, **row})

    def _shared(self, model: Model, batch_size: int) -> Row:
        """What the tasks on one model and batch size have in common."""
        return {
            "threads": self.threads,
            "model": str(model.folder),
            "batch_size": batch_size,
            "settings": SETTINGS,
        }

    def _batches(self, flops: int) -> int:
        """How many padded batches of so many operations fit a measurement of the plain loop."""
        return max(1, int(self.seconds * GUESSED_SHARE * max(self.peaks["float32"]) / flops))

    def _points(self, model: Model, batch_size: int) -> list[int]:
        """Where measurements end: after a step to warm up, and after each round's steps."""
        config, n = model.encoder.model.config, len(self.data.pool.sentences)
        steps = self._batches(training_flops(config, [MAX_LENGTH] * batch_size))
        steps = min(steps, (n // batch_size - 1) // self.rounds)
        return [batch_size * (1 + steps * i) for i in range(self.rounds + 1)]

    def _pairs(self, model: Model) -> list[list[Any]]:
        """As many dev pairs as fit a measurement, in file order, by whole batches."""
        dev = self.data.dev
        padded = 2 * forward_flops(model.encoder.model.config, [MAX_LENGTH] * EVALUATION_BATCH)
        n = self._batches(padded) * EVALUATION_BATCH
        return [dev.first[:n], dev.second[:n], dev.scores[:n].tolist()]


def competitors(bf16: bool) -> list[tuple[str, bool]]:
    """Names, and whether in bfloat16; ours first."""
    chosen = [OURS, "plain loop"]
    if importlib.util.find_spec("sentence_transformers"):
        chosen.append(LIBRARY)
    in_bf16 = [name for name in chosen if name != "plain loop"] if bf16 else []
    return [(name, False) for name in chosen] + [(name, True) for name in in_bf16]


def n_turns(rounds: int, batch_sizes: int, bf16: bool) -> int:
    """Steps of the progress bar for one model."""
    chosen = competitors(bf16)
    evaluated = sum(not in_bf16 for _, in_bf16 in chosen)
    ours = sum(name == OURS for name, _ in chosen)
    return (1 + rounds) * (len(chosen) + 1 + evaluated + ours * (batch_sizes - 1))


def _in_turn(workers: Sequence[Worker], i: int) -> Sequence[Worker]:
    """Forth in even rounds, back in odd ones."""
    return workers if i % 2 == 0 else workers[::-1]


def _row(
    name: str,
    seconds: Sequence[float],
    base: Sequence[float],
    amounts: Sequence[int],
    flops: Sequence[int],
) -> Row:
    rates = [n / s for n, s in zip(amounts, seconds, strict=True)]
    return {
        "competitor": name,
        "per_second": median(rates),
        "rounds": rates,
        "a_round": amounts[0],
        "times_ours": median(s / b for s, b in zip(seconds, base, strict=True)),
        "useful_flops": median(f / s for f, s in zip(flops, seconds, strict=True)),
    }


def _check_weights(ready: dict[str, Row]) -> None:
    """Raises a BenchmarkError unless all competitors embed the same sentences alike."""
    ours = np.array(ready[OURS]["vectors"])
    for name, answer in ready.items():
        difference = float(np.abs(np.array(answer["vectors"]) - ours).max())
        if not difference < SAME_VECTORS and not name.endswith("bf16"):
            raise BenchmarkError(f"{name} embeds differently from ours, by up to {difference:.2g}")
