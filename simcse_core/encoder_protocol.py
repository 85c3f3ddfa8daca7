"""What everything here that reads sentence vectors asks of an encoder, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Encoder(Protocol):
    """Anything that turns sentences into vectors: ours, or one of sentence-transformers."""

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """A float32 array of shape (n, d), a row for each sentence in the order given."""
        ...
