"""Spearman on sentence pairs with intervals, alignment and uniformity."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from simcse_core.arguments import as_integer
from simcse_core.data import StsPairs
from simcse_core.errors import ParameterError
from simcse_core.statistics import (
    COSINE_DECIMALS,
    N_RESAMPLES,
    bootstrap_interval,
    pack_cosines,
    roc_auc,
    spearman,
)

# Encodes n sentences to a float array of shape (n, hidden).
Encode = Callable[[Sequence[str]], np.ndarray]
# Why a metric has no value.
WHY_MISSING = {
    "spearman": "the cosines are constant or not finite, so they have no ranks",
    "alignment": "all pairs have one label, or the vectors are zero or not finite",
    "uniformity": "fewer than two sentences, or the vectors are zero or not finite",
    "roc_auc": "the cosines are not finite",
}
# Rows of a block of the potential, of which n for n would be too many; a split has fewer.
UNIFORMITY_ROWS = 4096
# Where on the range of the labels a pair counts as one of the same meaning: above 4 of 0 to 5, as
# Gao et al. (2021, section 6) have it, and 1 of 0 and 1.
POSITIVE_FROM = 0.8


def metrics(pairs: StsPairs) -> list[str]:
    """What is measured on some pairs: the area under the curve where there are two labels alone."""
    return [name for name in WHY_MISSING if name != "roc_auc" or pairs.two_valued]


def evaluate_sts(
    encode: Encode, pairs: StsPairs, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """Scores an encoder on labelled pairs.

    Args:
        encode: maps a list of sentences to an array of shape (n, hidden); called once.
        pairs: sentence pairs with labels on any scale.
        n_resamples: bootstrap resamples of the pairs for the interval.
        seed: of the bootstrap, so that two evaluations share their resamples.

    Returns:
        ``spearman`` of cosine and label in [-1, 1] with ``ci_low`` and ``ci_high`` (95 %,
        percentile bootstrap over pairs), ``alignment`` and ``uniformity``; and ``roc_auc`` in
        [0, 1] where there are two labels, since Spearman then has ties and cannot reach 1. What
        does not exist is NaN, as a rank correlation of constant cosines, or anything where every
        vector is zero. Cosines are ranked by :data:`COSINE_DECIMALS` decimals.

    Raises:
        ParameterError: no pairs, an array of another shape from ``encode``, or numbers of resamples
            or a seed that are none.
    """
    n_resamples = as_integer(n_resamples, "n_resamples", at_least=1)
    seed = as_integer(seed, "seed", at_least=0)
    return _evaluate(encode, pairs, n_resamples, seed)[0]


def pair_cosines(encode: Encode, pairs: StsPairs) -> np.ndarray:
    """Cosine similarity of each pair to :data:`COSINE_DECIMALS` decimals, shape (n,)."""
    return _cosines(*_unit_vectors(encode, pairs)[1:])


def _evaluate(
    encode: Encode, pairs: StsPairs, n_resamples: int, seed: int = 0
) -> tuple[dict[str, float], np.ndarray]:
    """The scores of :func:`evaluate_sts` and the cosines they come from."""
    vectors, first, second = _unit_vectors(encode, pairs)
    cosines = _cosines(first, second)
    low, high = bootstrap_interval(cosines, pairs.scores, n_resamples, seed)
    scores = {
        "spearman": spearman(cosines, pairs.scores),
        "ci_low": low,
        "ci_high": high,
        "alignment": alignment(first, second, pairs.scores),
        "uniformity": uniformity(vectors),
    }
    if pairs.two_valued:
        scores["roc_auc"] = roc_auc(cosines, pairs.scores == pairs.scores.max())
    return scores, cosines


def _unit_vectors(encode: Encode, pairs: StsPairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every unique sentence, and of the first and the second sentence of each pair."""
    sentences = pairs.sentences()
    if not sentences:
        raise ParameterError("pairs: there is none; give at least two")
    vectors = normalize(_encoded(encode, sentences))
    row = {sentence: i for i, sentence in enumerate(sentences)}
    return (
        vectors,
        vectors[[row[s] for s in pairs.first]],  # (n, hidden)
        vectors[[row[s] for s in pairs.second]],
    )


def _encoded(encode: Encode, sentences: Sequence[str]) -> np.ndarray:
    """What ``encode`` gives; a ParameterError unless it is a row of numbers for each sentence."""
    if not callable(encode):
        raise ParameterError(
            f"encode: a function is needed, such as encoder.encode, got {type(encode).__name__}"
        )
    try:
        vectors = np.asarray(encode(sentences))
    except RuntimeError as error:  # a tensor that needs gradients, or is on a GPU
        raise ParameterError(f"encode: an array is needed ({error})") from error
    shape = vectors.shape
    if len(shape) != 2 or shape[0] != len(sentences) or not shape[1]:
        raise ParameterError(
            f"encode: an array of shape ({len(sentences)}, hidden) is needed for "
            f"{len(sentences)} sentences, got {shape}"
        )
    if vectors.dtype.kind not in "fiu":
        raise ParameterError(f"encode: an array of real numbers is needed, got {vectors.dtype}")
    return vectors


def _cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    # Adding 0.0 makes a rounded -0.0 an ordinary zero.
    return np.round(np.einsum("nh,nh->n", first, second), COSINE_DECIMALS) + 0.0


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length, in float64; a zero row stays zero."""
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def alignment(first: np.ndarray, second: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared distance of unit vectors of pairs of the same meaning (Wang and Isola, 2020).

    They are those whose label is above :data:`POSITIVE_FROM` of the range of the labels. Lower is
    better; NaN if all labels are one, and where all their vectors are zero, which have no
    direction.
    """
    if not len(scores) or scores.min() == scores.max():
        return math.nan
    positive = scores > scores.min() + POSITIVE_FROM * np.ptp(scores)
    if not (first[positive].any() or second[positive].any()):
        return math.nan
    return float(np.mean(np.sum((first[positive] - second[positive]) ** 2, axis=1)))


def uniformity(vectors: np.ndarray) -> float:
    """Log of the mean Gaussian potential exp(-2 d^2) over distinct rows (Wang and Isola, 2020).

    Args:
        vectors: unit vectors of shape (n, hidden). Lower is better, at least -8 on the sphere; NaN
            for fewer than two, and where all are zero.
    """
    n = len(vectors)
    if n < 2 or not np.isfinite(vectors).all() or not vectors.any():
        return math.nan
    # In place and in float32, since n squared is large: its rounding is a millionth of a sum.
    vectors = vectors.astype(np.float32)
    starts = range(0, n, UNIFORMITY_ROWS)
    total = sum(_potential(vectors, start, start + UNIFORMITY_ROWS) for start in starts)
    return float(np.log(total / (n * (n - 1))))


def _potential(vectors: np.ndarray, start: int, end: int) -> float:
    """The sum of exp(-2 d^2) between these rows and all others."""
    potential = vectors[start:end] @ vectors.T  # (end - start, n)
    potential -= 1.0
    potential *= 4.0  # -2 d^2 is 4 cos - 4 on the unit sphere
    np.minimum(potential, 0.0, out=potential)
    np.exp(potential, out=potential)
    np.fill_diagonal(potential[:, start:], 0.0)
    return potential.sum(dtype=np.float64)


def measure_spearman(
    splits: Mapping[str, StsPairs], n_resamples: int = N_RESAMPLES
) -> Callable[[Encode], list[dict[str, object]]]:
    """A function of ``encode`` that scores every split, one tidy row for each metric.

    Rows hold ``split, metric, value, ci_low, ci_high`` (the interval for Spearman alone),
    ``missing`` (if there is no value, why) and, for Spearman, ``cosines`` as :func:`pack_cosines`
    gives them: methods can be compared pair by pair later, and no encoder need run again.
    """

    def measure(encode: Encode) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for split, pairs in splits.items():
            scores, cosines = _evaluate(encode, pairs, n_resamples)
            interval = {"ci_low": scores.pop("ci_low"), "ci_high": scores.pop("ci_high")}
            own = {**interval, "cosines": pack_cosines(cosines)}
            for metric, value in scores.items():
                missing = WHY_MISSING[metric] if math.isnan(value) else None
                row = {"split": split, "metric": metric, "value": value, "missing": missing}
                rows.append(row | (own if metric == "spearman" else dict.fromkeys(own)))
        return rows

    return measure


def look_up(sentences: Sequence[str], vectors: np.ndarray) -> Encode:
    """An encode function for what has been encoded: ``vectors`` is (n, hidden)."""
    row = {sentence: i for i, sentence in enumerate(sentences)}
    return lambda batch: vectors[[row[sentence] for sentence in batch]]
