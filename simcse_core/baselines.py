"""Sentence vectors that need no training: TF-IDF, IDF-weighted averages and whitening."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import jieba
import numpy as np
from sklearn.covariance import ledoit_wolf
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


def idf_mean_encode(
    token_ids: Mapping[str, Sequence[int]],
    token_vectors: Mapping[str, np.ndarray],
    fitted: Sequence[Sequence[int]],
) -> Encode:
    """Averages of an encoder's token vectors, rare tokens weighing more.

    A token in df of n unlabelled sentences weighs log((n + 1) / (df + 1)), as in BERTScore (Zhang
    et al., 2020, section 3); down-weighting frequent words in an average goes back to SIF (Arora et
    al., 2017). [CLS] and [SEP] stand in every sentence and so weigh exactly 0, as does any token
    that does; a sentence of such tokens alone gets their plain average.

    Args:
        token_ids: of every sentence that will be encoded.
        token_vectors: of the same sentences, (length, hidden) each.
        fitted: token ids of the sentences that document frequencies are counted on.
    """
    frequency = Counter(token for row in fitted for token in set(row))

    def average(sentence: str) -> np.ndarray:
        df = np.array([frequency[token] for token in token_ids[sentence]])
        weights = np.log((len(fitted) + 1) / (df + 1))
        vectors = np.asarray(token_vectors[sentence], dtype=np.float64)
        return np.average(vectors, axis=0, weights=weights if weights.any() else None)

    return lambda batch: np.stack([average(sentence) for sentence in batch])


def whitened_encode(encode: Encode, sentences: Sequence[str]) -> Encode:
    """Whitening of an encoder's vectors, fitted on unlabelled sentences (Su et al., 2021).

    Vectors are centred and turned so that their covariance is the identity. The covariance is
    shrunk towards a multiple of the identity by the amount of Ledoit and Wolf (2004, A
    well-conditioned estimator for large-dimensional covariance matrices): with few sentences the
    plain one is singular, and near n = hidden dividing by its smallest, mostly accidental spreads
    ruins the vectors. With thousands of sentences the shrinkage is next to nothing. Directions
    without any variance are left out.

    Raises:
        ValueError: fewer than two distinct sentences.
    """
    vectors = np.asarray(encode(sentences), dtype=np.float64)  # (n, hidden)
    if len(vectors) < 2:
        raise ValueError(f"sentences: whitening needs at least 2, got {len(vectors)}")
    mean = vectors.mean(axis=0)
    if np.allclose(vectors, vectors[0]):
        raise ValueError("sentences: all their vectors are the same, so whitening is undefined")
    variances, directions = np.linalg.eigh(ledoit_wolf(vectors)[0])
    kept = variances > 1e-8 * variances.max()  # two sentences alone are not shrunk at all
    turn = directions[:, kept] / np.sqrt(variances[kept])  # (hidden, kept)
    return lambda batch: normalize((np.asarray(encode(batch), dtype=np.float64) - mean) @ turn)
