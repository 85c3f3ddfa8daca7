"""train_simcse as a competitor of the benchmark, whole and with one lever off at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import cycle
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from bench.task import MAX_LENGTH, Task, device
from simcse_core import SentenceEncoder, StsPairs, TrainConfig, packing, train_simcse
from simcse_core.evaluation import pair_cosines, spearman

# The setting that runs the forward in bfloat16, where simcse_core has one.
BF16 = {"precision": "bfloat16"}
HAS_BF16 = set(BF16) <= {field.name for field in fields(TrainConfig)}
PADDED_GROUPS = packing.PADDED_GROUPS
TOKENIZED_EACH_STEP = "tokenized in every step"
# The first has nothing off; the others are timed against it.
LEVERS = (
    "all on",
    "padded groups, not packed",
    "padded to the batch's longest",
    "a forward for each view",
    TOKENIZED_EACH_STEP,
    "AdamW not fused",
)


class Ours:
    """train_simcse on a packed SentenceEncoder."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.encoder = SentenceEncoder.from_pretrained(task.model, "cls", MAX_LENGTH, device())
        self.config = TrainConfig.from_mapping(
            {"batch_size": task.batch_size, **task.settings, **(BF16 if task.bf16 else {})}
        )
        # Every sentence is tokenized once, ahead of the first step; each measurement is charged its
        # part of that.
        started = time.perf_counter()
        self.encoder.tokenize(task.sentences)
        self.overhead = (time.perf_counter() - started) / len(set(task.sentences))

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


class OursByLevers(Ours):
    """Ours with one lever off at a time: after the warm-up, a block of points for each lever.

    One process and one trajectory for all of them; the blocks of a round hold the same sentences.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.optimizers: list[torch.optim.Optimizer] = []
        self.embed_rows = self.encoder.embed
        rows = self.encoder.tokenize(task.sentences)
        self.texts = {id(row): text for row, text in zip(rows, task.sentences, strict=True)}

    def train(self, pace: Callable[[], None]) -> None:
        """Points go round and round the levers, each measured with its lever off."""
        turns = cycle(LEVERS)
        adamw = torch.optim.AdamW

        def remembered(*args: Any, **settings: Any) -> torch.optim.Optimizer:
            self.optimizers.append(adamw(*args, **settings))
            return self.optimizers[-1]

        def pace_and_switch() -> None:
            pace()
            self.turn_off(next(turns))

        with patch.object(torch.optim, "AdamW", remembered):
            super().train(pace_and_switch)

    def turn_off(self, lever: str) -> None:
        """Turns one lever off, by its name in LEVERS, and all others on."""
        padded, longest, two_forwards, tokenized, unfused = (lever == name for name in LEVERS[1:])
        self.encoder.packing = packing.can_pack(self.encoder.model) and not (padded or longest)
        packing.PADDED_GROUPS = 1 if longest else PADDED_GROUPS
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["fused"] = not unfused
        embed = self._two_forwards if two_forwards else self.embed_rows
        self.encoder.embed = self._tokenize_first if tokenized else embed

    def _two_forwards(self, rows: Sequence[list[int]]) -> Tensor:
        half = len(rows) // 2
        return torch.cat([self.embed_rows(rows[:half]), self.embed_rows(rows[half:])])

    def _tokenize_first(self, rows: Sequence[list[int]]) -> Tensor:
        texts = [self.texts[id(row)] for row in rows]
        return self.embed_rows(
            self.encoder.tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        )
