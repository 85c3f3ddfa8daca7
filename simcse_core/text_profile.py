"""What sentences look like to an encoder, and which of them are nearly the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from simcse_core.encoder import SentenceEncoder
from simcse_core.encoding.vocabulary import unknown_share

QUANTILES = (0.05, 0.5, 0.95)
# Cosine of TF-IDF vectors of character pairs from which two sentences count as nearly the same.
NEARLY_THE_SAME = 0.9
_ROWS_AT_ONCE = 512


def token_lengths(sentences: Sequence[str], encoder: SentenceEncoder) -> pd.DataFrame:
    """How many sentences have how many tokens, before they are cut.

    Returns:
        Columns ``n_tokens`` (special tokens included), ``n_sentences``, ``is_cut``.
    """
    lengths, counts = np.unique(
        [len(row) for row in _uncut(sentences, encoder)], return_counts=True
    )
    frame = pd.DataFrame({"n_tokens": lengths, "n_sentences": counts})
    return frame.assign(is_cut=frame["n_tokens"] > encoder.max_seq_length)


def describe_tokens(sentences: Sequence[str], encoder: SentenceEncoder) -> str:
    """One line for people: lengths in tokens, how many sentences are cut, the share of [UNK]."""
    rows = _uncut(sentences, encoder)
    if not rows:
        return f"{encoder.name}: no sentence"
    lengths = np.array([len(row) for row in rows])
    low, middle, high = np.quantile(lengths, QUANTILES)
    unknown = unknown_share(rows, encoder.tokenizer)
    n_cut = int((lengths > encoder.max_seq_length).sum())
    return (
        f"{encoder.name}: {middle:.0f} tokens a sentence ({low:.0f} to {high:.0f} for nine of ten, "
        f"at most {lengths.max()}), {n_cut:,} of {len(rows):,} sentences cut at "
        f"{encoder.max_seq_length}; {unknown:.2%} of the tokens are [UNK]"
    )


def _uncut(sentences: Sequence[str], encoder: SentenceEncoder) -> list[list[int]]:
    if not sentences:
        return []
    texts = [encoder.prefix + sentence for sentence in sentences]
    return encoder.tokenizer(texts, truncation=False, verbose=False)["input_ids"]


class NearDuplicate(NamedTuple):
    """A sentence, the other one that is most like it, and their cosine."""

    sentence: str
    other: str
    cosine: float


def near_duplicates(sentences: Sequence[str]) -> list[NearDuplicate]:
    """Sentences with another one of almost the same characters, the most alike first.

    Alike are those whose TF-IDF vectors over pairs of neighbouring characters have a cosine of
    :data:`NEARLY_THE_SAME` or more; each pair is there once.
    """
    if len(sentences) < 2:
        return []
    vectors = TfidfVectorizer(analyzer=_character_pairs).fit_transform(sentences)
    found: dict[tuple[int, int], float] = {}
    for start in range(0, vectors.shape[0], _ROWS_AT_ONCE):
        cosines = (vectors[start : start + _ROWS_AT_ONCE] @ vectors.T).toarray()
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -1.0  # itself
        nearest = cosines.argmax(axis=1)
        for row in rows[cosines[rows, nearest] >= NEARLY_THE_SAME]:
            pair = sorted((start + int(row), int(nearest[row])))
            found[pair[0], pair[1]] = float(cosines[row, nearest[row]])
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [NearDuplicate(sentences[i], sentences[j], cosine) for (i, j), cosine in ordered]


def _character_pairs(sentence: str) -> list[str]:
    characters = [c for c in sentence.lower() if not c.isspace()]
    return [a + b for a, b in itertools.pairwise(["", *characters, ""])]
