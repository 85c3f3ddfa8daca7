"""Scores of labelled examples by the others, for thresholds that need no further labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm.auto import tqdm

from simcse_core.translation import translated

MAX_ROUNDS = 10


def leave_one_out(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    vectors: np.ndarray,
    codes: np.ndarray,
    progress: bool = False,
) -> np.ndarray:
    """Scores each example by what is learnt from others.

    A round leaves one example of every class out, so that as many fits do as a class has examples
    instead of one for each example. Classes of more than :data:`MAX_ROUNDS` leave as many out in a
    round that all have had their turn after that many.

    Args:
        score: maps vectors (m, hidden), their classes (m,) and vectors to score (n, hidden) to an
            array whose first axis is n.
        vectors: (n, hidden).
        codes: (n,), a class for each; each class has at least two examples.
        progress: whether to draw a bar.

    Returns:
        What ``score`` gives for each example, in the order given.
    """
    rounds = _rounds(codes)
    scored: np.ndarray | None = None
    for number in tqdm(
        range(rounds.max() + 1), desc=translated("leave one out"), disable=not progress
    ):
        out = rounds == number
        part = score(vectors[~out], codes[~out], vectors[out])
        if scored is None:
            scored = np.empty((len(codes), *part.shape[1:]), dtype=part.dtype)
        scored[out] = part
    assert scored is not None
    return scored


def _rounds(codes: np.ndarray) -> np.ndarray:
    """The round in which each example is left out: its place among those of its class."""
    rounds = np.empty(len(codes), dtype=np.int64)
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        rounds[mine] = np.arange(len(mine)) % MAX_ROUNDS
    return rounds
