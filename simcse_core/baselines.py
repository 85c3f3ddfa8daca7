"""Sentence vectors that need no training, one row of :data:`BASELINES` each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from sklearn.covariance import ledoit_wolf

from simcse_core.arguments import as_sentences
from simcse_core.config import Kind
from simcse_core.evaluation import Encode, normalize
from simcse_core.tfidf_encoder import TfidfEncoder, Unit


@dataclass(frozen=True)
class EncodedText:
    """What an encoder, as it is, makes of sentences: all that a baseline may take from it.

    Attributes:
        vectors: sentence vectors under the pooling that is studied, (n, hidden).
        token_ids: ids of each sentence's tokens, special tokens included.
        token_vectors: the last layer's vectors of the same tokens, (length, hidden) each.
    """

    vectors: Encode
    token_ids: Callable[[Sequence[str]], Sequence[Sequence[int]]]
    token_vectors: Callable[[Sequence[str]], Sequence[np.ndarray]]


# From unlabelled sentences, and what an encoder makes of text, to a way of encoding.
Fit = Callable[[Sequence[str], EncodedText], Encode]


class Reads(StrEnum):
    """What a baseline takes from the encoder, which decides how often it is worth measuring.

    ``text``: nothing, so it is fitted once for all encoders, on the whole pool where no size is
    asked for. ``tokens``: its tokens and their vectors, whatever the pooling. ``vectors``: sentence
    vectors under each pooling; every sentence it is fitted on has to be encoded.
    """

    TEXT = "text"
    TOKENS = "tokens"
    VECTORS = "vectors"


@dataclass(frozen=True)
class Baseline:
    """A method without gradient steps.

    Attributes:
        kind: ``untrained`` or ``fitted``.
        reads: what of the encoder it builds on.
        fit: from unlabelled sentences to an encode function.
        on_curves: whether it stands beside training on the curves over the number of sentences.
    """

    kind: Kind
    reads: Reads
    fit: Fit
    on_curves: bool = True


def fit_tfidf(sentences: Sequence[str], text: EncodedText | None, unit: Unit) -> Encode:
    """TF-IDF vectors whose document frequencies are counted on ``sentences`` (Salton and Buckley,
    1988).

    Args:
        sentences: unlabelled; a unit that occurs in none of them is the rarest.
        text: not used.
        unit: what is counted.

    Returns:
        An encode function. Its columns are the units that occur in the sentences of that one call,
        which leaves cosines as they are and vectors small.
    """
    encoder = TfidfEncoder.fit(sentences, unit)

    def encode(batch: Sequence[str]) -> np.ndarray:
        matrix = encoder.transform(batch).tocsc()
        return matrix[:, np.diff(matrix.indptr) > 0].toarray().astype(np.float32)

    return encode


def fit_idf_mean(sentences: Sequence[str], text: EncodedText) -> Encode:
    """Averages of an encoder's token vectors, rare tokens weighing more.

    A token in df of n unlabelled sentences weighs log((n + 1) / (df + 1)), as in BERTScore (Zhang
    et al., 2020, section 3); down-weighting frequent words in an average goes back to SIF (Arora et
    al., 2017). [CLS] and [SEP] stand in every sentence and so weigh exactly 0, as does any token
    that does; a sentence of such tokens alone gets their plain average.
    """
    idf = token_idf(text.token_ids(sentences))

    def average(ids: Sequence[int], vectors: np.ndarray) -> np.ndarray:
        weights = idf(ids)
        vectors = np.asarray(vectors, dtype=np.float64)
        return np.average(vectors, axis=0, weights=weights if weights.any() else None)

    def encode(batch: Sequence[str]) -> np.ndarray:
        rows = zip(text.token_ids(batch), text.token_vectors(batch), strict=True)
        return np.stack([average(ids, vectors) for ids, vectors in rows])

    return encode


def token_idf(rows: Sequence[Sequence[int]]) -> Callable[[Sequence[int]], np.ndarray]:
    """From the tokens of n sentences to what any tokens weigh: log((n + 1) / (df + 1))."""
    n, frequency = len(rows), Counter(token for row in rows for token in set(row))

    def idf(tokens: Sequence[int]) -> np.ndarray:
        df = np.array([frequency[token] for token in tokens])
        return np.log((n + 1) / (df + 1))

    return idf


def fit_whitening(sentences: Sequence[str], text: EncodedText) -> Encode:
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
    mean, turn = whitening_of(text.vectors(sentences))
    return lambda batch: normalize((np.asarray(text.vectors(batch), np.float64) - mean) @ turn)


def whitening_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of sentence vectors and what turns them, centred, into white ones.

    Args:
        vectors: of unlabelled sentences, (n, hidden).

    Returns:
        float64 of shape (hidden,) and (hidden, kept).

    Raises:
        ValueError: fewer than two vectors, or all the same.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if len(vectors) < 2:
        raise ValueError(f"sentences: whitening needs at least 2, got {len(vectors)}")
    mean = vectors.mean(axis=0)
    if np.allclose(vectors, vectors[0]):
        raise ValueError("sentences: all their vectors are the same, so whitening is undefined")
    variances, directions = np.linalg.eigh(ledoit_wolf(vectors)[0])
    kept = variances > 1e-8 * variances.max()  # two sentences alone are not shrunk at all
    return mean, directions[:, kept] / np.sqrt(variances[kept])


def as_it_is(sentences: Sequence[str], text: EncodedText) -> Encode:
    """The encoder's own vectors; nothing is learnt from ``sentences``."""
    return text.vectors


# To add a method: a row here, and one in report.methods that says how it looks. Order is that of
# the results.
BASELINES: dict[str, Baseline] = {
    "tfidf-char": Baseline(Kind.FITTED, Reads.TEXT, partial(fit_tfidf, unit=Unit.CHARACTER)),
    "tfidf-char-bigram": Baseline(
        Kind.FITTED, Reads.TEXT, partial(fit_tfidf, unit=Unit.CHARACTER_BIGRAM), on_curves=False
    ),
    "tfidf-word": Baseline(
        Kind.FITTED, Reads.TEXT, partial(fit_tfidf, unit=Unit.WORD), on_curves=False
    ),
    "untrained": Baseline(Kind.UNTRAINED, Reads.VECTORS, as_it_is, on_curves=False),
    "idf-mean": Baseline(Kind.FITTED, Reads.TOKENS, fit_idf_mean),
    "whitening": Baseline(Kind.FITTED, Reads.VECTORS, fit_whitening),
}


def fit_on_text(method: str, sentences: Sequence[str]) -> Encode:
    """What needs no encoder, fitted on unlabelled sentences.

    Raises:
        ValueError: there is no such method, it reads what an encoder makes of the sentences, or
            they are none.
    """
    sentences = as_sentences(sentences, "sentences")
    if not sentences:
        raise ValueError("sentences: there is none; give at least one")
    known = [name for name, row in BASELINES.items() if row.reads is Reads.TEXT]
    if method not in known:
        raise ValueError(f"method: {method!r} needs an encoder; without one: {', '.join(known)}")
    return BASELINES[method].fit(sentences, _NO_ENCODER)


_NO_ENCODER = EncodedText(
    lambda batch: np.empty((len(batch), 0)), lambda batch: [[]] * len(batch), lambda batch: []
)
