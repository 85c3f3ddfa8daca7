"""A short trial of an encoder: whether it does what training and measuring take for granted.

Families differ: in some the dropout is out of reach, in some a vector depends on the padding beside
it. Such an encoder gives numbers like any other, and they mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from simcse_core.dropout import with_dropout
from simcse_core.errors import one_line

DROPOUT = 0.3  # that views are tried with
# Of the largest number in the vectors: rounding is some 1e-6 of it, padding that counts above 1e-3.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Trial:
    """An encoder under trial.

    Attributes:
        model: whose dropout is set for a while.
        forward: rows of token ids to their vectors under each pooling, (poolings, rows, hidden).
        chosen: which of the poolings is in use.
        rows: token ids of texts of several lengths; the first two differ in their last word alone.
        longest: a row as long as rows may be.
    """

    model: Any
    forward: Callable[[Sequence[list[int]]], Tensor]
    chosen: int
    rows: Sequence[list[int]]
    longest: list[int]

    def views(self) -> Tensor:
        """Vectors of one row twice in a batch, (2, hidden)."""
        return self.forward([self.rows[0], self.rows[0]])[self.chosen]


def find_fault(trial: Trial, checks: Mapping[str, Callable[[Trial], str]]) -> str:
    """What an encoder does wrong, in words; empty if nothing.

    The model's mode, dropout and the caller's random numbers are left as they were.

    Args:
        checks: :data:`ENCODING` or :data:`TRAINING`.
    """
    devices = [trial.model.device.index or 0] if trial.model.device.type == "cuda" else []
    training = trial.model.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            for tried, check in checks.items():
                try:
                    said = check(trial)
                except MemoryError:
                    raise
                except Exception as error:
                    said = f"{tried} fails ({one_line(error)})"
                if said:
                    return said
    finally:
        trial.model.train(training)
    return ""


def _longest(trial: Trial) -> str:
    trial.model.eval()
    finite = torch.isfinite(trial.forward([trial.longest])).all()
    return "" if finite else f"a row of {len(trial.longest)} tokens has no finite vector"


def _company(trial: Trial) -> str:
    trial.model.eval()
    together = trial.forward(trial.rows)
    alone = torch.cat([trial.forward([row]) for row in trial.rows], dim=1)
    if _differ(together, alone):
        return (
            "a sentence has another vector in a batch than alone, so its family does not leave "
            "padding out"
        )
    return ""


def _whole_sentence(trial: Trial) -> str:
    """A causal model's first token sees nothing of what follows."""
    trial.model.eval()
    first, second = trial.forward(trial.rows[:2]).unbind(dim=1)  # (poolings, hidden) each
    moved = (first - second).abs().amax(dim=1)
    if moved.max() > 0 and moved[trial.chosen] == 0:
        return (
            "its vector does not depend on the last word of a sentence, as in causal models; use "
            "another pooling, such as mean"
        )
    return ""


def _views(trial: Trial) -> str:
    trial.model.eval()
    calm, together = trial.views(), trial.forward(trial.rows)
    trial.model.train()
    with with_dropout(trial.model, DROPOUT), _DropoutSeen() as seen:
        first, second = trial.views()
    if fixed := sorted({p for p in seen.probabilities if p != DROPOUT}):
        return (
            f"a dropout of {fixed[0]:g} in its layers is none that can be set, so that training "
            "would have another than it is given"
        )
    with with_dropout(trial.model, 0.0):
        if _differ(trial.views(), calm):
            return "in training its vectors are not those of measuring, without any dropout"
    # An encoder that gives the same for all is a bad one, but has its dropout.
    constant = not _differ(together[:, :1], together[:, 1:])
    if not constant and not _differ(first, second):
        return "two views of a sentence are the same, since it has no dropout that can be set"
    return ""


# What is tried, in this order, and the words for it where it fails altogether. Whoever fails of the
# first is of no use; of the second, can encode all the same.
ENCODING: dict[str, Callable[[Trial], str]] = {
    "a row of full length": _longest,
    "a batch of several lengths": _company,
    "a batch of two": _whole_sentence,
}
TRAINING: dict[str, Callable[[Trial], str]] = {"a training forward": _views}


def _differ(one: Tensor, other: Tensor) -> bool:
    scale = max(one.abs().max().item(), other.abs().max().item())
    return bool((one - other).abs().max() > TOLERANCE * scale)


class _DropoutSeen(TorchFunctionMode):
    """Notes the probability of every dropout that torch itself is asked for.

    Dropout modules are not asked torch for on a CPU; what they are set to is known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.probabilities: list[float] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if func is F.dropout and given.get("training", True):
            self.probabilities.append(args[1] if len(args) > 1 else given.get("p", 0.5))
        elif func is F.scaled_dot_product_attention:
            self.probabilities.append(args[4] if len(args) > 4 else given.get("dropout_p", 0.0))
        return func(*args, **given)
