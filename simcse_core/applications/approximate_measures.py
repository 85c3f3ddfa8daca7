"""What faiss gives up and gains against exact search: recall, queries a second, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from simcse_core.applications.approximate import (
    KINDS,
    ApproximateIndex,
    build,
    check_installed,
    found,
    n_bytes,
    set_effort,
)
from simcse_core.applications.search import nearest
from simcse_core.translation import translated

MADE_AT_ONCE = 10_000  # vectors, so that no second copy of all is held
# Gives seconds: time.perf_counter, or time.process_time, which a busy machine does not disturb.
Clock = Callable[[], float]


def synthetic_vectors(n: int, hidden: int = 256, seed: int = 0) -> np.ndarray:
    """Unit vectors that lie as those of sentences do: in groups, in fewer directions than columns.

    Uniform vectors have no near neighbours, which no index could find faster than by looking at
    all. Here groups of about 50 stand around centres whose spread falls as 1 / sqrt(direction).

    Returns:
        float32 of shape (n, hidden).
    """
    rng = np.random.default_rng(seed)
    spread = (1 / np.sqrt(np.arange(1, hidden + 1))).astype(np.float32)
    centres = rng.standard_normal((max(1, n // 50), hidden), dtype=np.float32)
    vectors = rng.standard_normal((n, hidden), dtype=np.float32)
    vectors *= 0.5
    for start in range(0, n, MADE_AT_ONCE):
        part = vectors[start : start + MADE_AT_ONCE]
        part += centres[rng.integers(0, len(centres), len(part))]
        part *= spread
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def measure_speed(
    sizes: Sequence[int] = (10_000, 100_000, 1_000_000),
    hidden: int = 256,
    kinds: Sequence[str] = tuple(KINDS),
    n_queries: int = 500,
    k: int = 10,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    progress: bool = False,
) -> pd.DataFrame:
    """Recall against exact search and queries a second, on synthetic vectors of growing number.

    Args:
        sizes: numbers of vectors.
        hidden: columns.
        kinds: keys of :data:`KINDS`.
        n_queries: vectors of the same make that are not in the index; they come in batches of 32.
        k: neighbours that are looked for.
        seed: of the vectors.
        clock: what times are taken with.
        progress: whether to draw bars.

    Returns:
        A row for each size, kind and effort, and a row ``exact`` (one matrix product of NumPy) for
        each size: ``n, kind, effort, recall`` (share of the exact k nearest that were found),
        ``queries_per_second, build_seconds, bytes`` (vectors and links as faiss stores them).

    Raises:
        InputError: an unknown kind, or the extra ``search`` is not installed.
    """
    check_installed()
    rows = [
        row
        for n in tqdm(sizes, desc=translated("sizes"), disable=not progress)
        for row in _speed_rows(n, hidden, kinds, n_queries, k, seed, clock, progress)
    ]
    return pd.DataFrame(rows)


def _speed_rows(
    n: int,
    hidden: int,
    kinds: Sequence[str],
    n_queries: int,
    k: int,
    seed: int,
    clock: Clock,
    progress: bool,
) -> Iterator[dict[str, object]]:
    drawn = synthetic_vectors(n + n_queries, hidden, seed)
    vectors, queries = drawn[:n], drawn[n:]
    exact, seconds = _timed(lambda batch: nearest(vectors, batch, k).rows, queries, clock)
    common = {"n": n, "hidden": hidden, "k": k}
    yield common | {
        "kind": "exact",
        "effort": 1,
        "recall": 1.0,
        "queries_per_second": n_queries / seconds,
        "build_seconds": 0.0,
        "bytes": vectors.nbytes,
    }
    for kind in kinds:
        started = clock()
        index = build(vectors, kind, progress=progress)
        built = clock() - started
        size = n_bytes(index)
        for effort in KINDS[kind].efforts:
            set_effort(index, effort)
            rows, seconds = _timed(partial(_rows, index, k), queries, clock)
            yield common | {
                "kind": kind,
                "effort": effort,
                "recall": share_found(rows, exact),
                "queries_per_second": n_queries / seconds,
                "build_seconds": built,
                "bytes": size,
            }


def _rows(index: ApproximateIndex, k: int, queries: np.ndarray) -> np.ndarray:
    return found(index, queries, k).rows


def _timed(
    search: Callable[[np.ndarray], np.ndarray], queries: np.ndarray, clock: Clock, batch: int = 32
) -> tuple[np.ndarray, float]:
    """What a search finds, and its seconds; a first batch warms it up."""
    search(queries[:batch])
    started = clock()
    rows = [search(queries[i : i + batch]) for i in range(0, len(queries), batch)]
    return np.concatenate(rows), clock() - started


def share_found(rows: np.ndarray, exact: np.ndarray) -> float:
    """Recall against exact search: the share of ``exact`` (queries, k) that is in ``rows``."""
    hits = [len(np.intersect1d(a, b)) for a, b in zip(rows, exact, strict=True)]
    return float(np.mean(hits) / exact.shape[1])
