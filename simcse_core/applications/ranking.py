"""Rankings: the best of many scores, the rank of the right one, recall, MRR and their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simcse_core.statistics import COSINE_DECIMALS, N_RESAMPLES, percentiles

SCORES_AT_ONCE = 32_000_000  # 128 MB in float32
_RESAMPLES_AT_ONCE = 100


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """The columns of the k highest scores of each row, from the highest on; ties in column order.

    Args:
        scores: (queries, candidates).
        k: at most the number of candidates.

    Returns:
        int64 of shape (queries, k).
    """
    if k < scores.shape[1]:
        columns = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
        last = np.take_along_axis(scores, columns, axis=1).min(axis=1, keepdims=True)
        # A partition keeps any of those that tie for the last places.
        for row in np.flatnonzero((scores >= last).sum(axis=1) > k):
            columns[row] = np.sort(np.argsort(-scores[row], kind="stable")[:k])
    else:
        columns = np.broadcast_to(np.arange(k), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Cuts rows so that a block's scores against all columns stay within a fixed memory."""
    step = max(1, SCORES_AT_ONCE // max(n_columns, 1))
    return (slice(start, start + step) for start in range(0, n_rows, step))


def ranks(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The rank of the right candidate of each query, 1 being the best.

    What ties with the right candidate counts as before it, so a constant score earns nothing.

    Args:
        scores: (queries, candidates), higher is better.
        right: (queries,), the column of the right candidate.

    Returns:
        int64 of shape (queries,).
    """
    scores = np.round(np.asarray(scores, dtype=np.float64), COSINE_DECIMALS)
    own = np.take_along_axis(scores, np.asarray(right)[:, None], axis=1)
    return (scores >= own).sum(axis=1)


def ranks_in_lists(lists: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The rank of the right candidate in a list of candidates, infinite where it is not in it.

    Args:
        lists: (queries, depth), candidates from the best on; -1 fills up short lists.
        right: (queries,).

    Returns:
        float64 of shape (queries,).
    """
    found = lists == np.asarray(right)[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)


def reciprocal_ranks(ranked: np.ndarray, cutoff: int = 10) -> np.ndarray:
    """1 / rank, and 0 beyond ``cutoff``; its mean is MRR at ``cutoff`` (Voorhees, 1999)."""
    return np.where(ranked <= cutoff, 1 / ranked, 0.0)


def means_with_intervals(
    values: Sequence[np.ndarray], n_resamples: int = N_RESAMPLES, seed: int = 0
) -> list[dict[str, float]]:
    """Means and their percentile bootstrap intervals (Efron and Tibshirani, 1993, ch. 13).

    Args:
        values: of each measure (n,), one number a query.
        n_resamples: resamples of the n queries, which all measures share.
        seed: of the resamples, which depend on it and n alone, so two methods share them.

    Returns:
        ``value``, ``ci_low`` and ``ci_high`` (95 %) of each measure.
    """
    measures = [np.asarray(numbers, dtype=np.float64) for numbers in values]
    n = len(measures[0])
    rng = np.random.default_rng(seed)
    means = np.empty((len(measures), n_resamples))
    for start in range(0, n_resamples, _RESAMPLES_AT_ONCE):
        block = slice(start, min(start + _RESAMPLES_AT_ONCE, n_resamples))
        drawn = rng.integers(0, n, (block.stop - start, n))
        means[:, block] = [numbers[drawn].mean(axis=1) for numbers in measures]
    ends = [percentiles(row) for row in means]
    return [
        {"value": float(numbers.mean()), "ci_low": low, "ci_high": high}
        for numbers, (low, high) in zip(measures, ends, strict=True)
    ]


def ranking_rows(ranked: np.ndarray, cutoffs: tuple[int, ...]) -> list[dict[str, object]]:
    """Recall at each cutoff and MRR@10 of ranks, a row each: ``metric`` and its interval."""
    measured = {f"recall@{n}": ranked <= n for n in cutoffs}
    measured["mrr@10"] = reciprocal_ranks(ranked)
    intervals = means_with_intervals(list(measured.values()))
    return [
        {"metric": name, **interval} for name, interval in zip(measured, intervals, strict=True)
    ]
