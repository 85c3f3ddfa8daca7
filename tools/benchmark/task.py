"""What a process of the benchmark is asked to do, and what all competitors share.

A competitor has ``train(pace)``, which calls ``pace`` where the number of sentences seen is one of
``task.points``; ``embed(sentences)``; and ``evaluate()``, which gives Spearman on ``task.pairs``.
Nothing here knows simcse_core, so that only its own process holds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

MAX_LENGTH = 64
EVALUATION_BATCH = 64
MATRIX = 2048  # rows of the square matrices whose product shows what the machine can do


@dataclass(frozen=True)
class Task:
    """What one process does.

    Attributes:
        competitor: a key of ``worker.COMPETITORS``, or ``matrix product``.
        model: folder with config, weights and tokenizer; its config has the dropout set.
        settings: ``learning_rate``, ``dropout`` and ``temperature`` of training.
        sentences: training text, in order.
        points: numbers of sentences seen at which a measurement ends.
        pairs: first sentences, second sentences and labels; empty where nothing is evaluated.
        evaluations: how often to evaluate.
        bf16: forward in bfloat16.
        matrix: rows of the square matrices that a ``matrix product`` multiplies.
    """

    competitor: str
    threads: int
    model: str = ""
    batch_size: int = 16
    settings: Mapping[str, float] = field(default_factory=dict)
    sentences: Sequence[str] = ()
    points: Sequence[int] = ()
    pairs: Sequence[Sequence[Any]] = ()
    evaluations: int = 0
    bf16: bool = False
    matrix: int = MATRIX

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return self.competitor + (", bf16" if self.bf16 else "")


def device() -> str:
    """Where everything runs."""
    return "cuda" if torch.cuda.is_available() else "cpu"


CPU_TIME, WALL_TIME = "CPU time", "wall time"


def clock_name(threads: int) -> str:
    """What is measured: on one thread CPU time, which a busy machine hardly stretches."""
    return CPU_TIME if threads == 1 and device() == "cpu" else WALL_TIME


def clock(threads: int) -> Callable[[], float]:
    """Seconds by that name, of this process."""
    return {CPU_TIME: time.process_time, WALL_TIME: time.perf_counter}[clock_name(threads)]
