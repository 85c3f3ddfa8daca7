"""Sentence vectors that need no training: TF-IDF and whitening."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence

import jieba
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from simcse_core.evaluation import Encode, normalize

jieba.setLogLevel(logging.WARNING)  # its dictionary messages would land in every notebook


def _characters(sentence: str) -> list[str]:
    return [character for character in sentence if not character.isspace()]


def _character_bigrams(sentence: str) -> list[str]:
    characters = _characters(sentence)
    return characters + [a + b for a, b in itertools.pairwise(characters)]


def _words(sentence: str) -> list[str]:
    return [word for word in jieba.lcut(sentence) if not word.isspace()]


# What TF-IDF counts, by method name.
TFIDF_UNITS: dict[str, Callable[[str], list[str]]] = {
    "tfidf-char": _characters,
    "tfidf-char-bigram": _character_bigrams,
    "tfidf-word": _words,
}


def tfidf_encode(method: str, sentences: Sequence[str]) -> Encode:
    """A TF-IDF encoder fitted on unlabelled sentences alone (Salton and Buckley, 1988).

    Args:
        method: a key of :data:`TFIDF_UNITS`: single characters, characters and their bigrams, or
            words as jieba cuts them.
        sentences: what document frequencies are counted on; units not in them are ignored.

    Returns:
        An encode function. Its columns are the units that occur in the sentences of that one call,
        which leaves cosines as they are and vectors small.
    """
    vectorizer = TfidfVectorizer(analyzer=TFIDF_UNITS[method]).fit(sentences)

    def encode(batch: Sequence[str]) -> np.ndarray:
        matrix = vectorizer.transform(batch).tocsc()
        return matrix[:, np.diff(matrix.indptr) > 0].toarray().astype(np.float32)

    return encode


def whitened_encode(encode: Encode, sentences: Sequence[str]) -> Encode:
    """Whitening of an encoder's vectors, fitted on unlabelled sentences (Su et al., 2021).

    Vectors are centred and turned so that their covariance over ``sentences`` is the identity.
    Directions in which the fitted vectors do not vary (at most n - 1 do) are left out.

    Raises:
        ValueError: fewer than two distinct sentences.
    """
    vectors = np.asarray(encode(sentences), dtype=np.float64)  # (n, hidden)
    if len(vectors) < 2:
        raise ValueError(f"sentences: whitening needs at least 2, got {len(vectors)}")
    mean = vectors.mean(axis=0)
    _, spread, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    deviation = spread / np.sqrt(len(vectors) - 1)
    kept = deviation > 1e-4 * deviation.max(initial=0.0)
    if not kept.any():
        raise ValueError("sentences: all their vectors are the same, so whitening is undefined")
    turn = directions[kept].T / deviation[kept]  # (hidden, kept)
    return lambda batch: normalize((np.asarray(encode(batch), dtype=np.float64) - mean) @ turn)
