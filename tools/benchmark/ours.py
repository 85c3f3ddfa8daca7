"""train_simcse as a competitor of the benchmark, whole and with one lever off at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, count
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simcse_core import SentenceEncoder, StsPairs, TrainConfig, packing, train_simcse
from simcse_core import dropout as dropout_module
from simcse_core.dropout import dropout as cheap_dropout
from simcse_core.evaluation import pair_cosines
from simcse_core.statistics import spearman
from tools.benchmark.task import MAX_LENGTH, Task, clock, device

Embed = Callable[[Sequence[list[int]]], Tensor]
PADDED_GROUPS = packing.PADDED_GROUPS
ALL_ON = "all on"
PADDED = "padded groups, not packed"
LONGEST = "padded to the batch's longest"
TORCH_DROPOUT = "torch's dropout"
TWO_FORWARDS = "a forward for each view"
TOKENIZED_EACH_STEP = "tokenized in every step"
UNFUSED = "AdamW not fused"
# The first has nothing off; the others are timed against it.
LEVERS = (ALL_ON, PADDED, LONGEST, TORCH_DROPOUT, TWO_FORWARDS, TOKENIZED_EACH_STEP, UNFUSED)


def lever_order(i: int) -> tuple[str, ...]:
    """LEVERS as round ``i`` takes them: the first to see a round's sentences finds nothing warm."""
    start = i % len(LEVERS)
    return LEVERS[start:] + LEVERS[:start]


class Ours:
    """train_simcse on a packed SentenceEncoder."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.encoder = SentenceEncoder.from_pretrained(task.model, "cls", MAX_LENGTH, device())
        self.config = TrainConfig.from_mapping(
            {
                "batch_size": task.batch_size,
                **task.settings,
                "precision": "bfloat16" if task.bf16 else "float32",
            }
        )
        # Every sentence is tokenized once, ahead of the first step; each measurement is charged its
        # part of that.
        now = clock(task.threads)
        started = now()
        self.encoder.tokenize(task.sentences)
        self.overhead = (now() - started) / len(set(task.sentences))

    def train(self, pace: Callable[[], None]) -> None:
        """One trajectory over the sentences."""

        def measure(_: SentenceEncoder) -> dict[str, Any]:
            pace()
            return {}

        train_simcse(self.encoder, self.task.sentences, self.config, self.task.points, measure)

    def embed(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors without dropout, (n, hidden)."""
        return self.encoder.encode(sentences)

    def evaluate(self) -> float:
        """Spearman of cosine and label."""
        first, second, labels = self.task.pairs
        pairs = StsPairs(list(first), list(second), np.array(labels))
        return spearman(pair_cosines(self.encoder.encode, pairs), pairs.scores)


class Levers:
    """What makes a step of ours cheap; each can be turned off by its name in LEVERS."""

    def __init__(self, encoder: SentenceEncoder, sentences: Sequence[str]) -> None:
        self.encoder = encoder
        self.fused = True
        self.optimizers: list[torch.optim.Optimizer] = []
        self.embed_rows = encoder.embed
        rows = encoder.tokenize(sentences)
        self.texts = {tuple(row): text for row, text in zip(rows, sentences, strict=True)}

    def turn_off(self, *names: str) -> None:
        """Turns these off and all others on."""
        longest = LONGEST in names
        packed = not {PADDED, LONGEST} & set(names)
        self.encoder.packing = packed and packing.can_pack(self.encoder.model)
        packing.PADDED_GROUPS = 1 if longest else PADDED_GROUPS
        drop: Any = F.dropout if TORCH_DROPOUT in names else cheap_dropout
        packing.dropout = dropout_module.dropout = drop  # type: ignore[attr-defined]
        self.fused = UNFUSED not in names
        self._set_fused()
        embed: Embed = self._two_forwards if TWO_FORWARDS in names else self.embed_rows
        if TOKENIZED_EACH_STEP in names:
            embed = partial(self._tokenize_first, embed)
        self.encoder.embed = embed  # type: ignore[method-assign, assignment]

    @contextmanager
    def training(self) -> Iterator[None]:
        """Where the optimizer is made that follows the levers; at the end all are on again."""
        adamw = torch.optim.AdamW

        def remembered(*args: Any, **settings: Any) -> torch.optim.Optimizer:
            self.optimizers.append(adamw(*args, **settings))
            self._set_fused()
            return self.optimizers[-1]

        try:
            with patch.object(torch.optim, "AdamW", remembered):
                yield
        finally:
            self.turn_off()

    def _set_fused(self) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["fused"] = self.fused

    def _two_forwards(self, rows: Sequence[list[int]]) -> Tensor:
        half = len(rows) // 2
        return torch.cat([self.embed_rows(rows[:half]), self.embed_rows(rows[half:])])

    def _tokenize_first(self, embed: Embed, rows: Sequence[list[int]]) -> Tensor:
        texts = [self.texts[tuple(row)] for row in rows]
        return embed(
            self.encoder.tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        )


class OursByLevers(Ours):
    """Ours with one lever off at a time: after the warm-up, a block of points for each lever.

    One process and one trajectory for all of them; the blocks of a round hold the same sentences.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.levers = Levers(self.encoder, task.sentences)

    def train(self, pace: Callable[[], None]) -> None:
        """Points go round and round the levers, each measured with its lever off."""
        turns = chain.from_iterable(map(lever_order, count()))

        def pace_and_switch() -> None:
            pace()
            self.levers.turn_off(next(turns))

        with self.levers.training():
            super().train(pace_and_switch)
