"""An encoder in the form in which ``mteb.evaluate`` takes one; mteb itself is not needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simcse_core.encoder_protocol import Encoder


class MtebEncoder:
    """What mteb 2 calls an EncoderProtocol: ``mteb.evaluate(MtebEncoder(encoder), tasks)``.

    What mteb says of a task beside its texts, such as a prompt for it, counts for nothing: every
    sentence is encoded as the encoder encodes it anywhere, with its own prefix.
    """

    mteb_model_meta = None  # it is none of mteb's list

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def encode(self, inputs: Iterable[Mapping[str, list[str]]], **_: Any) -> np.ndarray:
        """Embeds the texts of batches, each a mapping with ``text``; float32 of shape (n, d)."""
        return self.encoder.encode([text for batch in inputs for text in batch["text"]])

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines of all with all: (n, d) and (m, d) to (n, m)."""
        first, second = (_unit_rows(e) for e in (embeddings1, embeddings2))
        return first @ second.T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines row by row: (n, d) and (n, d) to (n,)."""
        first, second = (_unit_rows(e) for e in (embeddings1, embeddings2))
        return (first * second).sum(dim=-1)


def _unit_rows(embeddings: Any) -> Tensor:
    return F.normalize(torch.atleast_2d(torch.as_tensor(embeddings)), dim=-1)
