"""Rank correlation, its bootstrap over pairs, and cosines as text: numpy alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

N_RESAMPLES = 1000
CONFIDENCE = 0.95
# Decimals of a cosine that are ranked. float32 leaves about seven: without rounding, two pairs of
# equal sentences would be ranked by the noise in their last bit.
COSINE_DECIMALS = 6
# A block of resamples at a time: as fast as all at once, in a tenth of the memory.
_RESAMPLES_AT_ONCE = 100
# Resamples of up to so many pairs in all are drawn once a process, 32 MB a set: CNSD's dev pairs
# take 1.5 million.
_MOST_KEPT = 4_000_000
_SETS_KEPT = 2  # dev's and test's


def spearman(similarities: np.ndarray, labels: np.ndarray) -> float:
    """Spearman's rank correlation in [-1, 1], ties ranked by their mean; NaN if undefined."""
    once = np.ones((1, len(labels)), dtype=np.int64)
    return float(_spearman_of_resamples(similarities, labels, once)[0])


def roc_auc(similarities: np.ndarray, same: np.ndarray) -> float:
    """Area under the ROC curve (Hanley and McNeil, 1982): how often a pair of the same meaning is
    more similar than one of another, ties counting half.

    Args:
        similarities: (n,).
        same: bool, (n,).

    Returns:
        In [0, 1]; NaN if one of the two kinds is not there, or a similarity is not finite.
    """
    n_same, n_other = int(same.sum()), int((~same).sum())
    if not n_same or not n_other or not np.isfinite(similarities).all():
        return math.nan
    ordered = np.sort(similarities[~same])
    below = np.searchsorted(ordered, similarities[same], side="left")
    up_to = np.searchsorted(ordered, similarities[same], side="right")
    return float((below + up_to).sum() / 2 / (n_same * n_other))


def spearman_ceiling(labels: np.ndarray) -> float:
    """The highest Spearman of these n labels with values that have no ties.

    That is sqrt(1 - sum(t^3 - t) / (n^3 - n)) over groups of t equal labels (Kendall, 1948, Rank
    Correlation Methods, ch. 3): 0.866 for as many zeros as ones. NaN where all labels are equal.
    """
    n = len(labels)
    _, ties = np.unique(labels, return_counts=True)
    if len(ties) < 2:
        return math.nan
    tied = np.sum(ties.astype(np.float64) ** 3 - ties)
    return math.sqrt(1 - tied / (float(n) ** 3 - n))


def bootstrap_interval(
    similarities: np.ndarray, labels: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of Spearman over pairs (Efron and Tibshirani, 1993, ch. 13).

    Returns:
        The 2.5th and 97.5th percentile over ``n_resamples`` resamples of the n pairs; NaN twice if
        the correlation is undefined.
    """
    if not np.isfinite(spearman(similarities, labels)):
        return math.nan, math.nan
    return percentiles(resampled_spearman(similarities, labels, n_resamples, seed))


def resampled_spearman(
    similarities: np.ndarray, labels: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Spearman in each of ``n_resamples`` bootstrap resamples of the n pairs.

    The resamples depend on n and ``seed`` alone, so two methods on the same pairs share them, and
    the difference of their arrays is a paired bootstrap.
    """
    n = len(labels)
    resamples = _kept if n * n_resamples <= _MOST_KEPT else _drawn
    return np.concatenate(
        [
            _spearman_of_resamples(similarities, labels, counts)
            for counts in resamples(n, n_resamples, seed)
        ]
    )


def _drawn(n: int, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of n pairs is in a resample, (block, n) for a block of resamples at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, n_resamples, _RESAMPLES_AT_ONCE):
        drawn = rng.integers(0, n, size=(min(_RESAMPLES_AT_ONCE, n_resamples - start), n))
        yield np.stack([np.bincount(row, minlength=n) for row in drawn])


@lru_cache(maxsize=_SETS_KEPT)
def _kept(n: int, n_resamples: int, seed: int) -> tuple[np.ndarray, ...]:
    return tuple(_drawn(n, n_resamples, seed))


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of resampled values; NaN twice if none is finite."""
    if np.isnan(values).all():
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def pack_cosines(cosines: np.ndarray) -> str:
    """Cosines as text: whole multiples of the last decimal kept, separated by spaces.

    Cosines that are not finite have no such form: the text is empty.
    """
    if not np.isfinite(cosines).all():
        return ""
    return " ".join(map(str, np.rint(cosines * 10**COSINE_DECIMALS).astype(int)))


def unpack_cosines(text: str) -> np.ndarray:
    """The cosines that :func:`pack_cosines` wrote, to the last bit."""
    return np.round(np.array(text.split(), dtype=np.float64) / 10**COSINE_DECIMALS, COSINE_DECIMALS)


def _spearman_of_resamples(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman of n pairs in resamples that hold pair i ``counts[:, i]`` times.

    Ranks come from counts, so each variable is sorted once for all resamples.

    Args:
        x, y: (n,).
        counts: (resamples, n).
    """
    if not np.isfinite(x).all():
        return np.full(len(counts), math.nan)
    middle = (counts.shape[1] + 1) / 2  # the mean rank
    rank_x, rank_y = (_mid_ranks(values, counts) - middle for values in (x, y))
    weighted = counts * rank_x
    covariance = np.einsum("bn,bn->b", weighted, rank_y)
    variances = (
        np.einsum("bn,bn->b", weighted, rank_x),
        np.einsum("bn,bn,bn->b", counts, rank_y, rank_y),
    )
    scale = np.sqrt(variances[0] * variances[1])
    return covariance / np.where(scale > 0, scale, math.nan)


def _mid_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rank of each of n values within each resample, ties by their mean: (resamples, n)."""
    order = np.argsort(values, kind="stable")
    _, starts, group = np.unique(values[order], return_index=True, return_inverse=True)
    of_value = np.add.reduceat(counts[:, order], starts, axis=1)  # (resamples, distinct values)
    ranks = of_value.cumsum(axis=1) - (of_value - 1) / 2
    back = np.empty(len(values), dtype=np.int64)
    back[order] = group
    return ranks[:, back]
