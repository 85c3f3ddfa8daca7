"""One training trajectory, measured where asked; it knows no objective."""

from __future__ import annotations

import copy
import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from simcse_core.arguments import as_integers, as_sentences
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Precision, TrainConfig
from simcse_core.encoder import SentenceEncoder
from simcse_core.errors import ParameterError, PlainError
from simcse_core.objectives import OBJECTIVES, BatchLoss, Objective
from simcse_core.precision import clock, faster_precision, has_bf16
from simcse_core.translation import translated

logger = logging.getLogger(__name__)

# A loss that close to that of guessing, as a share of it, in each of so many last steps, is one of
# guessing; a trained encoder is far below it, and a collapsed one exactly there.
AT_CHANCE = 0.01
STEPS_AT_CHANCE = 10
# In what torch says where memory ends; the second is oneDNN's way of saying it.
_NO_ROOM = re.compile("memory|could not create a primitive")
# Receives the encoder in evaluation mode; returns one row or several.
Measure = Callable[[SentenceEncoder], "dict[str, Any] | list[dict[str, Any]]"]


class TrainingError(PlainError, RuntimeError):
    """Training cannot go on; the message says why and what to change.

    Attributes:
        measured: the rows of the points that were measured before.
    """

    measured: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class _Batch:
    """Rows of one step, and how many sentences were seen when it ends."""

    rows: tuple[int, ...]
    end: int


def train_simcse(
    encoder: SentenceEncoder,
    sentences: Sequence[str],
    config: TrainConfig = TrainConfig(),
    measure_at: Sequence[int] = (),
    measure: Measure | None = None,
    progress: bool = False,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Trains an encoder in place by unsupervised SimCSE (Gao et al., 2021); see :func:`train`.

    Args:
        sentences: training order; :func:`simcse_core.sample_sentences` gives nested samples.

    Returns:
        The rows of ``measure`` with ``sentences_seen``, ``epoch`` and the training ``loss`` of the
        last step, in order of ``measure_at``; without it, ``step``, ``sentences_seen``, ``epoch``
        and ``loss`` of every step.

    Raises:
        ValueError: no list of texts, fewer than two of them or in a batch, a point beyond the run.
        TrainingError: the loss is not finite.
    """
    objective = OBJECTIVES["unsup-simcse"]
    sentences = as_sentences(sentences, "sentences")
    return train(encoder, objective, sentences, config, measure_at, measure, progress, checkpoint)


def train(
    encoder: SentenceEncoder,
    objective: Objective,
    examples: Sized,
    config: TrainConfig = TrainConfig(),
    measure_at: Sequence[int] = (),
    measure: Measure | None = None,
    progress: bool = False,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Trains an encoder in place for an objective.

    One trajectory serves a whole sweep. With a constant learning rate the state after the first n
    examples is, to the last bit, where a separate run on the first n ends, since the first epoch
    takes the examples in the order given, later epochs are shuffled by (seed, epoch), and the
    dropout of a step depends on (seed, step) alone. A point inside a batch is measured on a branch:
    state saved, the short last batch stepped, measured, state restored. A schedule that depends on
    the total length makes prefixes unequal; the points are then trained separately, and a warning
    says so.

    Args:
        encoder: trained in place; its two dropout probabilities are set to ``config.dropout``.
        objective: a row of :data:`simcse_core.objectives.OBJECTIVES`.
        examples: what it draws, in training order.
        config: settings of the run.
        measure_at: numbers of examples seen, counted over epochs: 0 is the untrained encoder, n a
            point in the first epoch, ``k * len(examples)`` the end of epoch k.
        measure: called with the encoder at each point; returns a row or a list of rows.
        progress: shows a progress bar.
        checkpoint: keeps points and state on the way. A run that was broken off goes on from there
            and ends with the same bits as one that was not; the caller removes it.

    Returns:
        The rows of ``measure`` with ``sentences_seen`` (examples, for other objectives), ``epoch``
        and the training ``loss`` of the last step, in order of ``measure_at``; without it, a row
        for every step.

    Raises:
        ValueError: fewer examples than the objective needs, at all or in a batch, a point beyond
            the run, settings that are no :class:`TrainConfig`, or frozen weights.
        EncoderError: an encoder that can encode alone.
        TrainingError: the loss is not finite.
    """
    if not isinstance(config, TrainConfig):
        raise ParameterError(
            f"config: a TrainConfig is needed, got {type(config).__name__}; write "
            "TrainConfig(batch_size=..., learning_rate=...)"
        )
    _check_trainable(encoder)
    objective.check(examples, config)
    measure_at = as_integers(measure_at, "measure_at")
    loss = objective.prepare(encoder, examples, config)
    run = _Trajectory(
        encoder, len(examples), objective.smallest, loss, config, measure, progress, checkpoint
    )
    # A caller may have switched gradients off for what is around.
    with torch.inference_mode(False), torch.enable_grad():
        return _run(run, measure_at)


def _check_trainable(encoder: SentenceEncoder) -> None:
    encoder.check_trainable()
    weights = list(encoder.model.parameters())
    if not any(weight.requires_grad for weight in weights):
        raise ParameterError(
            f"encoder: all weights of {encoder.name} are frozen; call "
            "encoder.model.requires_grad_(True) first"
        )
    if any(weight.is_inference() for weight in weights):
        raise ParameterError(
            f"encoder: {encoder.name} was loaded in torch's inference mode, in which nothing can "
            "be trained; load it outside"
        )


def _run(run: _Trajectory, measure_at: Sequence[int]) -> pd.DataFrame:
    config, total = run.config, run.n * run.config.num_epochs
    points = sorted(set(measure_at))
    if points and not 0 <= points[0] <= points[-1] <= total:
        raise ValueError(
            f"measure_at: points must lie between 0 and the {total:,} sentences of "
            f"{config.num_epochs} epoch(s), got {points[0]:,} to {points[-1]:,}"
        )
    run.encoder.set_dropout(config.dropout)
    run.encoder.precision = Precision(config.precision)
    # Measuring must not disturb the caller's random numbers, nor they the training.
    with torch.random.fork_rng(devices=_cuda_devices(run.encoder)):
        try:
            if config.schedule == "constant" or not [p for p in points if 0 < p < total]:
                run.to_end(points, total)
            else:
                logger.warning(
                    "a %s schedule makes shared prefixes unequal: %d points are trained separately",
                    config.schedule,
                    len(points),
                )
                run.separately(points, total)
        except TrainingError as error:
            error.measured = run.rows()
            raise
        finally:
            run.encoder.rows_at_once = None
    run.encoder.model.eval()
    run.tell_chance()
    return pd.DataFrame(run.rows() if points else run.losses)


class _Trajectory:
    """One encoder with its optimizer, moving along the batches of a run."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        n: int,
        smallest: int,
        batch_loss: BatchLoss,
        config: TrainConfig,
        measure: Measure | None,
        progress: bool,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.encoder, self.n, self.config = encoder, n, config
        self.smallest, self.batch_loss = smallest, batch_loss
        self.measure, self.progress, self.checkpoint = measure, progress, checkpoint
        self.optimizer = torch.optim.AdamW(
            [*encoder.model.parameters(), *batch_loss.parameters()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.loss = float("nan")
        # Of the last steps, how far the loss was from that of guessing, as a share of it.
        self.from_chance: deque[float] = deque(maxlen=STEPS_AT_CHANCE)
        self.measured: dict[int, list[dict[str, Any]]] = {}
        self.losses: list[dict[str, Any]] = []  # of every step since this run was started

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all measured points, in their order."""
        return [row for point in sorted(self.measured) for row in self.measured[point]]

    def to_end(self, points: Sequence[int], total: int) -> None:
        """Trains to ``total`` sentences, measuring at the points on the way."""
        pending = [point for point in points if not self._measured_before(point)]
        done, start = self._resume(pending, total)
        if self.encoder.precision is Precision.AUTO:
            self.encoder.precision = self._faster_precision(total)
        if pending and pending[0] == 0:
            self._measure(pending.pop(0))
        with tqdm(
            initial=start,
            total=total,
            desc=translated(f"SimCSE on {self.encoder.name}"),
            unit=translated("sentence"),
            disable=not self.progress,
        ) as bar:
            for step, batch in islice(enumerate(self._batches(total)), done, None):
                while pending and pending[0] < batch.end:
                    self._measure_on_branch(step, batch, start, pending.pop(0), total)
                self._step(step, batch, total)
                if pending and pending[0] == batch.end:
                    self._measure(pending.pop(0))
                bar.update(batch.end - start)
                start = batch.end
                self._save(step + 1, start, total)

    def separately(self, points: Sequence[int], total: int) -> None:
        """Trains each point from the start as a run of its own, the full run last."""
        start = self._state()
        for end in [point for point in points if point < total] + [total]:
            if end == total or not self._measured_before(end):
                self._restore(start)
                self.to_end([end] if end in points else [], end)

    def _faster_precision(self, total: int) -> Precision:
        """What "auto" means in this run; no weight is changed."""
        if not has_bf16(self.encoder.device):
            return Precision.FLOAT32
        batches = [batch.rows for batch in self._batches(total)]
        remembered = copy.deepcopy(self.batch_loss.state_dict())

        def step(precision: Precision, i: int) -> None:
            self.encoder.precision = precision
            self._loss_with_gradients(i, batches[i])
            self.optimizer.zero_grad(set_to_none=True)

        self.encoder.model.train()
        found = faster_precision(step, len(batches), clock(self.encoder.device))
        self.batch_loss.load_state_dict(remembered)
        return found

    def _measured_before(self, point: int) -> bool:
        """Takes over the rows of a point that a run broken off has measured."""
        rows = self.checkpoint.measured(point) if self.checkpoint else None
        if rows is not None:
            self.measured[point] = rows
        return rows is not None

    def _resume(self, pending: Sequence[int], total: int) -> tuple[int, int]:
        """Goes back to the saved state if it leads to the pending points.

        Returns:
            The number of steps and of sentences that are behind it; 0 and 0 without a state.
        """
        start = self._state() if self.checkpoint else {}

        def go_back(saved: dict[str, Any]) -> tuple[int, int]:
            if saved["total"] != total or (pending and pending[0] <= saved["seen"]):
                return 0, 0
            try:
                self._restore(saved)
                return int(saved["step"]), int(saved["seen"])
            except Exception:
                self._restore(start)  # what was taken over of it goes
                raise

        return (self.checkpoint.resume(go_back) if self.checkpoint else None) or (0, 0)

    def _save(self, step: int, seen: int, total: int) -> None:
        if self.checkpoint:
            place = {"step": step, "seen": seen, "total": total}
            self.checkpoint.save(lambda: place | self._references())

    def _batches(self, total: int) -> Iterator[_Batch]:
        """Batches in training order; an epoch ends with a short batch, and so does the run."""
        for epoch in range(-(-total // self.n)):
            order = (
                np.arange(self.n)
                if epoch == 0
                else np.random.default_rng([self.config.seed, epoch]).permutation(self.n)
            )
            last = min(self.n, total - epoch * self.n)
            for start in range(0, last, self.config.batch_size):
                end = min(start + self.config.batch_size, last)
                yield _Batch(tuple(order[start:end]), epoch * self.n + end)

    def _step(self, step: int, batch: _Batch, total: int) -> None:
        if len(batch.rows) < self.smallest:
            return
        self.encoder.model.train()
        if self.config.schedule == "linear":
            left = 1 - (batch.end - len(batch.rows)) / total
            self.optimizer.param_groups[0]["lr"] = self.config.learning_rate * left
        loss = self._loss_with_gradients(step, batch.rows)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss.item()} at step {step + 1} ({batch.end:,} sentences seen, "
                f"{self.encoder.name}); lower learning_rate (now {self.config.learning_rate}) or "
                f"raise temperature (now {self.config.temperature})"
            )
        self.optimizer.step()
        self.loss = loss.item()
        seen = {"sentences_seen": batch.end, "epoch": batch.end / self.n}
        self.losses.append({"step": step + 1, **seen, "loss": self.loss})
        chance = self.batch_loss.chance(len(batch.rows))
        self.from_chance.append(abs(self.loss - chance) / chance if chance else math.inf)

    def _loss_with_gradients(self, step: int, rows: Sequence[int]) -> Tensor:
        """The loss of a batch; from the first one on that memory has no room for, in chunks."""
        while (loss := self._tried(step, rows)) is None:
            self.encoder.rows_at_once = max(1, (self.encoder.rows_at_once or 2 * len(rows)) // 4)
            logger.warning(
                "a batch of %d does not fit into memory: %s takes %d rows at a time from here on, "
                "which takes a third longer; the loss is the same, dropout falls otherwise",
                len(rows),
                self.encoder.name,
                self.encoder.rows_at_once,
            )
        return loss

    def _tried(self, step: int, rows: Sequence[int]) -> Tensor | None:
        """The loss of a batch, its gradients where it is finite; None if smaller chunks may do."""
        torch.manual_seed(_step_seed(self.config.seed, step))
        self.optimizer.zero_grad(set_to_none=True)
        try:
            loss = self.batch_loss(rows)
            if torch.isfinite(loss):
                loss.backward()
            return loss
        except (RuntimeError, MemoryError) as error:
            # A loss that remembers batches has perhaps remembered half of this one.
            again = self.encoder.rows_at_once != 1 and not self.batch_loss.state_dict()
            if again and (isinstance(error, MemoryError) or _NO_ROOM.search(str(error))):
                return None
            raise

    def tell_chance(self) -> None:
        """Says so, if the loss of the last steps was that of guessing."""
        if self.from_chance and max(self.from_chance) < AT_CHANCE:
            chance = self.batch_loss.chance(min(self.config.batch_size, self.n))
            logger.warning(
                "the loss of %s stays at chance (%.3f, guessing gives %.3f): it tells no sentence "
                "from another, so nothing was learnt; raise learning_rate (now %g), or try another "
                "encoder or pooling",
                self.encoder.name,
                self.loss,
                chance,
                self.config.learning_rate,
            )

    def _measure_on_branch(
        self, step: int, batch: _Batch, start: int, point: int, total: int
    ) -> None:
        state = self._state()
        self._step(step, replace(batch, rows=batch.rows[: point - start], end=point), total)
        self._measure(point)
        self._restore(state)

    def _measure(self, point: int) -> None:
        self.encoder.model.eval()
        rows = self.measure(self.encoder) if self.measure else {}
        fixed = {"sentences_seen": point, "epoch": point / self.n, "loss": self.loss}
        found = [fixed | row for row in (rows if isinstance(rows, list) else [rows])]
        self.measured[point] = found
        if self.checkpoint:
            self.checkpoint.record(point, found)

    def _state(self) -> dict[str, Any]:
        return copy.deepcopy(self._references())

    def _references(self) -> dict[str, Any]:
        return {
            "model": self.encoder.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batch_loss": self.batch_loss.state_dict(),
            "loss": self.loss,
            "precision": self.encoder.precision.value,
            "rows_at_once": self.encoder.rows_at_once,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.encoder.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.batch_loss.load_state_dict(copy.deepcopy(state["batch_loss"]))
        self.loss = state["loss"]
        self.encoder.precision = state["precision"]
        self.encoder.rows_at_once = state["rows_at_once"]


def _step_seed(seed: int, step: int) -> int:
    """A random seed for each step, so that a step's dropout needs no history."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)


def _cuda_devices(encoder: SentenceEncoder) -> list[int]:
    return [encoder.device.index or 0] if encoder.device.type == "cuda" else []
