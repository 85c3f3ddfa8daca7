"""What question recall is worth and costs: recall, MRR, latency, and a cross-encoder's price."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from simcse_core.applications.data import Faq
from simcse_core.applications.inputs import Encode, InputError, check_texts, unit_vectors
from simcse_core.applications.ranking import ranking_rows, ranks_in_lists
from simcse_core.applications.search import (
    FUSION_DEPTH,
    EncoderStamp,
    QuestionIndex,
    build,
    fuse,
    nearest,
    query,
)
from simcse_core.applications.tfidf import LexicalIndex

CUTOFFS = (1, 5, 10)
BATCH_SIZES = (1, 32)
PairScores = Callable[[Sequence[tuple[str, str]]], np.ndarray]
# Gives seconds: time.perf_counter, or time.process_time, which a busy machine does not disturb.
Clock = Callable[[], float]
_UNSTAMPED = EncoderStamp("measured", "")


def measure_recall(encode: Encode, faq: Faq) -> pd.DataFrame:
    """Recall@1, 5, 10 and MRR@10 of vectors, of TF-IDF, and of both fused by reciprocal ranks.

    Args:
        encode: any encoder; called once for the questions and once for the queries.
        faq: questions and queries.

    Returns:
        Rows ``search, metric, value, ci_low, ci_high``; ``search`` is ``vectors``, ``tfidf`` or
        ``fused``; 95 % bootstrap intervals over queries.

    Raises:
        InputError: unusable texts or vectors.
    """
    index = build(faq.questions, encode, _UNSTAMPED)
    queries = check_texts(faq.queries, "queries")
    depth = min(FUSION_DEPTH, len(index))
    by_vectors = query(index, queries, encode, depth).rows
    by_words = LexicalIndex(index.questions).rankings(queries, depth)
    lists = {
        "vectors": by_vectors,
        "tfidf": by_words,
        "fused": fuse([by_vectors, by_words], min(depth, max(CUTOFFS))).rows,
    }
    return pd.DataFrame(
        [
            {"search": name, **row}
            for name, found in lists.items()
            for row in ranking_rows(ranks_in_lists(found, faq.answers), CUTOFFS)
        ]
    )


def measure_latency(
    encode: Encode,
    index: QuestionIndex,
    queries: Iterable[str],
    batch_sizes: Sequence[int] = BATCH_SIZES,
    repeats: int = 50,
    k: int = 10,
    clock: Clock = time.perf_counter,
) -> pd.DataFrame:
    """Seconds from a batch of queries to its k nearest questions, each batch another one.

    Args:
        encode: the encoder that the index was built with.
        index: what is searched, exactly.
        queries: at least one full batch of the largest size, and one to warm up.
        batch_sizes: queries that come together.
        repeats: batches of each size at most.
        k: neighbours.
        clock: what times are taken with.

    Returns:
        Rows ``batch, step, batches, median, p95`` in seconds a batch; ``step`` is ``encode``,
        ``search`` or ``both``.

    Raises:
        InputError: too few queries for a batch.
    """
    queries = check_texts(queries, "queries")
    if len(queries) <= max(batch_sizes):
        raise InputError(
            f"queries: batches of {max(batch_sizes)} need more than as many queries, there are "
            f"{len(queries)}; lower batch_sizes"
        )
    nearest(index.vectors, unit_vectors(encode, queries[-1:], "queries"), k)
    rows = []
    for size in batch_sizes:
        starts = range(0, len(queries) - size, size)[:repeats]
        batches = [queries[s : s + size] for s in starts]
        times = np.array([_step_times(encode, index, batch, k, clock) for batch in batches])
        steps = {"encode": times[:, 0], "search": times[:, 1], "both": times.sum(axis=1)}
        for step, seconds in steps.items():
            median, late = np.quantile(seconds, [0.5, 0.95])
            common = {"batch": size, "step": step, "batches": len(seconds)}
            rows.append(common | {"median": float(median), "p95": float(late)})
    return pd.DataFrame(rows)


def _step_times(
    encode: Encode, index: QuestionIndex, batch: Sequence[str], k: int, clock: Clock
) -> tuple[float, float]:
    started = clock()
    vectors = unit_vectors(encode, batch, "queries")
    encoded = clock()
    nearest(index.vectors, vectors, k)
    return encoded - started, clock() - encoded


def cross_encoder_cost(
    n_questions: int, query_tokens: int, question_tokens: int, layers: int, hidden: int
) -> dict[str, float]:
    """Multiplications for one query, by vectors and by a cross-encoder of the same shape.

    A transformer layer with a feed-forward part four times as wide multiplies 12 hidden^2 times a
    token, and 2 hidden times more for each pair of tokens in attention (Kaplan et al., 2020, table
    1, halved: there an addition counts too). Vectors need one pass over the query and one product
    a question; a cross-encoder needs one pass over query and question for every question.

    Returns:
        ``vectors``, ``cross-encoder`` and ``ratio``.
    """

    def forward(tokens: int) -> int:
        return layers * (12 * hidden**2 * tokens + 2 * hidden * tokens**2)

    by_vectors = forward(query_tokens) + n_questions * hidden
    by_pairs = n_questions * forward(query_tokens + question_tokens)
    return {
        "vectors": float(by_vectors),
        "cross-encoder": float(by_pairs),
        "ratio": by_pairs / by_vectors,
    }


def joined(encode: Encode) -> PairScores:
    """A cross-encoder's work with an encoder of the same size: a pass over both texts joined.

    Its scores mean nothing: only the time counts, and no trained cross-encoder is needed for it.
    """
    return lambda pairs: np.asarray(encode([a + b for a, b in pairs]))[:, 0]


def measure_cross_encoder(
    encode: Encode,
    score_pairs: PairScores,
    index: QuestionIndex,
    queries: Iterable[str],
    clock: Clock = time.perf_counter,
) -> pd.DataFrame:
    """Seconds a query, by vectors and by scoring every question with a cross-encoder.

    Args:
        encode: the encoder that the index was built with.
        score_pairs: maps (query, question) pairs to scores; :func:`joined` where there is none.
        index: the questions.
        queries: a few; each is timed against all questions, and the first warms up.
        clock: what times are taken with.

    Returns:
        Rows ``system, median, p95`` in seconds a query; ``system`` is ``vectors`` or
        ``cross-encoder``.

    Raises:
        InputError: fewer than two queries.
    """
    queries = check_texts(queries, "queries")
    if len(queries) < 2:
        raise InputError("queries: at least two are needed, the first of which warms up")
    systems: dict[str, Callable[[str], object]] = {
        "vectors": lambda text: nearest(index.vectors, unit_vectors(encode, [text], "queries"), 1),
        "cross-encoder": lambda text: score_pairs([(text, q) for q in index.questions]),
    }
    rows = [{"system": name, **_timed(run, queries, clock)} for name, run in systems.items()]
    return pd.DataFrame(rows)


def _timed(run: Callable[[str], object], queries: Sequence[str], clock: Clock) -> dict[str, float]:
    seconds = list(_seconds(run, queries, clock))[1:]
    median, late = np.quantile(seconds, [0.5, 0.95])
    return {"median": float(median), "p95": float(late)}


def _seconds(run: Callable[[str], object], queries: Sequence[str], clock: Clock) -> Iterator[float]:
    for text in queries:
        started = clock()
        run(text)
        yield clock() - started
