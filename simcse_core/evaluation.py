"""Spearman on sentence pairs with intervals, alignment and uniformity."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from simcse_core.data import StsPairs

# Encodes n sentences to a float array of shape (n, hidden).
Encode = Callable[[Sequence[str]], np.ndarray]
N_RESAMPLES = 1000
CONFIDENCE = 0.95


def evaluate_sts(
    encode: Encode, pairs: StsPairs, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """Scores an encoder on graded pairs.

    Args:
        encode: maps a list of sentences to an array of shape (n, hidden); called once.
        pairs: sentence pairs with labels 0 to 5.
        n_resamples: bootstrap resamples of the pairs for the interval.
        seed: of the bootstrap, so that two evaluations share their resamples.

    Returns:
        ``spearman`` of cosine and label in [-1, 1] with ``ci_low`` and ``ci_high`` (95 %,
        percentile bootstrap over pairs), ``alignment`` and ``uniformity``. All are NaN where the
        cosines are constant or not finite: a rank correlation does not exist there.
    """
    sentences = pairs.sentences()
    vectors = normalize(encode(sentences))
    row = {sentence: i for i, sentence in enumerate(sentences)}
    first = vectors[[row[s] for s in pairs.first]]  # (n, hidden)
    second = vectors[[row[s] for s in pairs.second]]
    cosines = np.einsum("nh,nh->n", first, second)
    low, high = bootstrap_interval(cosines, pairs.scores, n_resamples, seed)
    return {
        "spearman": spearman(cosines, pairs.scores),
        "ci_low": low,
        "ci_high": high,
        "alignment": alignment(first, second, pairs.scores),
        "uniformity": uniformity(vectors),
    }


def pair_cosines(encode: Encode, pairs: StsPairs) -> np.ndarray:
    """Cosine similarity of each pair, shape (n,)."""
    sentences = pairs.sentences()
    vectors = normalize(encode(sentences))
    row = {sentence: i for i, sentence in enumerate(sentences)}
    return np.einsum(
        "nh,nh->n", vectors[[row[s] for s in pairs.first]], vectors[[row[s] for s in pairs.second]]
    )


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length, in float64; a zero row stays zero."""
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def spearman(similarities: np.ndarray, labels: np.ndarray) -> float:
    """Spearman's rank correlation in [-1, 1], ties ranked by their mean; NaN if undefined."""
    return float(_spearman_rows(similarities[None, :], labels[None, :])[0])


def bootstrap_interval(
    similarities: np.ndarray, labels: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of Spearman over pairs (Efron and Tibshirani, 1993, ch. 13).

    Returns:
        The 2.5th and 97.5th percentile over ``n_resamples`` resamples of the n pairs; NaN twice if
        the correlation is undefined.
    """
    values = _resampled(similarities, labels, n_resamples, seed)
    return _percentiles(values) if np.isfinite(spearman(similarities, labels)) else (math.nan,) * 2


def paired_bootstrap(
    before: np.ndarray,
    after: np.ndarray,
    labels: np.ndarray,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Difference in Spearman of two methods on the same pairs, with its bootstrap interval.

    Both methods are resampled with the same pairs, so what makes a pair hard for both cancels.

    Returns:
        ``after - before``, and the ends of its 95 % interval.
    """
    change = spearman(after, labels) - spearman(before, labels)
    differences = _resampled(after, labels, n_resamples, seed) - _resampled(
        before, labels, n_resamples, seed
    )
    return change, *_percentiles(differences)


def alignment(first: np.ndarray, second: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared distance of unit vectors of pairs scored above 4 (Wang and Isola, 2020).

    The threshold is that of Gao et al. (2021, section 6). Lower is better; NaN without such pairs.
    """
    positive = scores > 4
    if not positive.any():
        return math.nan
    return float(np.mean(np.sum((first[positive] - second[positive]) ** 2, axis=1)))


def uniformity(vectors: np.ndarray) -> float:
    """Log of the mean Gaussian potential exp(-2 d^2) over distinct rows (Wang and Isola, 2020).

    Args:
        vectors: unit vectors of shape (n, hidden). Lower is better, at least -8 on the sphere.
    """
    n = len(vectors)
    if n < 2 or not np.isfinite(vectors).all():
        return math.nan
    squared = np.clip(2.0 - 2.0 * (vectors @ vectors.T), 0.0, None)  # (n, n)
    potential = np.exp(-2.0 * squared)
    return float(np.log((potential.sum() - np.trace(potential)) / (n * (n - 1))))


def measure_spearman(
    splits: Mapping[str, StsPairs], n_resamples: int = N_RESAMPLES
) -> Callable[[Encode], list[dict[str, object]]]:
    """A function of ``encode`` that scores every split, one tidy row for each metric.

    Rows hold ``split, metric, value, ci_low, ci_high`` (the interval for Spearman alone).
    """

    def measure(encode: Encode) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for split, pairs in splits.items():
            scores = evaluate_sts(encode, pairs, n_resamples)
            interval = {key: scores.pop(key) for key in ("ci_low", "ci_high")}
            for metric, value in scores.items():
                ends = interval if metric == "spearman" else dict.fromkeys(interval, math.nan)
                rows.append({"split": split, "metric": metric, "value": value, **ends})
        return rows

    return measure


def _resampled(
    similarities: np.ndarray, labels: np.ndarray, n_resamples: int, seed: int
) -> np.ndarray:
    n = len(labels)
    rng = np.random.default_rng(seed)
    values = np.empty(n_resamples)
    # A block of resamples at a time: as fast as all at once, in a tenth of the memory.
    for start in range(0, n_resamples, 100):
        rows = rng.integers(0, n, size=(min(100, n_resamples - start), n))
        values[start : start + 100] = _spearman_rows(similarities[rows], labels[rows])
    return values


def _spearman_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman of each row of two (rows, n) arrays."""
    if not np.isfinite(x).all():
        return np.full(len(x), math.nan)
    rank_x, rank_y = rankdata(x, axis=1), rankdata(y, axis=1)
    rank_x -= rank_x.mean(axis=1, keepdims=True)
    rank_y -= rank_y.mean(axis=1, keepdims=True)
    scale = np.sqrt((rank_x**2).sum(axis=1) * (rank_y**2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        return (rank_x * rank_y).sum(axis=1) / np.where(scale > 0, scale, math.nan)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    if np.isnan(values).all():
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
