"""An encoder in the form in which ``mteb.evaluate`` takes one; mteb itself is not needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simcse_core.arguments import as_sentences
from simcse_core.encoder_protocol import Encoder
from simcse_core.errors import ParameterError


class MtebEncoder:
    """What mteb 2 calls an EncoderProtocol: ``mteb.evaluate(MtebEncoder(encoder), tasks)``.

    What mteb says of a task beside its texts, such as a prompt for it, counts for nothing: every
    sentence is encoded as the encoder encodes it anywhere, with its own prefix.

    Raises:
        ParameterError: what is given does not encode.
    """

    mteb_model_meta = None  # it is none of mteb's list

    def __init__(self, encoder: Encoder) -> None:
        # A text has an ``encode`` too.
        if isinstance(encoder, str) or not callable(getattr(encoder, "encode", None)):
            raise ParameterError(
                "encoder: an encoder is needed, such as SentenceEncoder.from_pretrained(name), got "
                f"{encoder!r:.40}"
            )
        self.encoder = encoder

    def encode(self, inputs: Iterable[Mapping[str, list[str]]], **_: Any) -> np.ndarray:
        """Embeds the texts of batches, each a mapping with ``text``; float32 of shape (n, d).

        Raises:
            ParameterError: a batch of another form, or texts that are no list of texts.
        """
        return self.encoder.encode([text for batch in inputs for text in _texts(batch)])

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines of all with all: (n, d) and (m, d) to (n, m)."""
        first, second = (_unit_rows(e) for e in (embeddings1, embeddings2))
        return first @ second.T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines row by row: (n, d) and (n, d) to (n,)."""
        first, second = (_unit_rows(e) for e in (embeddings1, embeddings2))
        return (first * second).sum(dim=-1)


def _texts(batch: Mapping[str, list[str]]) -> list[str]:
    if not isinstance(batch, Mapping) or "text" not in batch:
        raise ParameterError(
            "inputs: batches with a list under 'text' are needed, as mteb has them, got "
            f"{batch!r:.40}; the encoder itself takes a list of texts"
        )
    return as_sentences(batch["text"], "inputs, text")


def _unit_rows(embeddings: Any) -> Tensor:
    return F.normalize(torch.atleast_2d(torch.as_tensor(embeddings)), dim=-1)
