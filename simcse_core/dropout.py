"""Dropout whose random numbers cost less than torch's on a CPU.

Torch draws one number for each element there, in a loop that takes longer than the matrix product
before it. Here one draw of 64 bits decides on four elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LANES = 4  # elements that share a draw of 64 bits, 16 bits each
_LEVELS = 1 << 16


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zeroes elements with probability ``p`` and scales the others by 1 / (1 - p).

    On a CPU ``p`` is rounded to a multiple of 2**-16, in the scale as well, so that the mean stays;
    elsewhere it is :func:`torch.nn.functional.dropout`. The mask follows from torch's global
    generator alone.

    Args:
        x: of any shape and floating type.
        p: in [0, 1).
        training: if False, ``x`` comes back as it is.
    """
    if not training or p == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    return x * _keep_mask(x, p)


def _keep_mask(x: Tensor, p: float) -> Tensor:
    """0 where an element is dropped, 1 / (1 - p) elsewhere; the shape and type of ``x``."""
    dropped = min(round(p * _LEVELS), _LEVELS - 1)  # of the 65,536 values of a lane
    draws = torch.empty(-(-x.numel() // _LANES), dtype=torch.int64).random_(-(2**63), None)
    lanes = draws.view(torch.int16)[: x.numel()].view(x.shape)
    keep = lanes.float().ge_(dropped - _LEVELS // 2).mul_(_LEVELS / (_LEVELS - dropped))
    return keep.to(x.dtype)


class Dropout(nn.Dropout):
    """:class:`torch.nn.Dropout` by :func:`dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def replace_dropout(model: nn.Module) -> None:
    """Replaces every :class:`torch.nn.Dropout` inside a model, in place."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p).train(child.training))


# The two dropouts of BERT's configuration: of hidden states, of attention weights.
CONFIG_KEYS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def set_dropout(model: Any, probability: float) -> None:
    """Sets the dropout of every layer of a transformers model, and in its configuration."""
    for place, name in _places(model):
        setattr(place, name, probability)


@contextmanager
def with_dropout(model: Any, probability: float) -> Iterator[None]:
    """:func:`set_dropout` for a while; every probability is what it was afterwards."""
    before = [(place, name, getattr(place, name)) for place, name in _places(model)]
    set_dropout(model, probability)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)


def _places(model: Any) -> list[tuple[Any, str]]:
    """Where a model holds its dropout probabilities: objects, and the names they have there."""
    places = [(model.config, key) for key in CONFIG_KEYS if hasattr(model.config, key)]
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            places.append((module, "p"))
        elif hasattr(module, "dropout_prob"):
            places.append((module, "dropout_prob"))
    return places
