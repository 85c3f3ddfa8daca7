"""Labelled pairs cut into parts of which no two share a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from simcse_core.errors import DataError
from simcse_core.reading.content import Pair


def cut(pairs: Sequence[Pair], parts: Sequence[str]) -> dict[str, list[Pair]]:
    """The pairs in parts of about equal size, in their order; always the same for the same pairs.

    Pairs that share a sentence, directly or through others, stay together. Such groups go to the
    part that has the fewest pairs so far, in an order that a hash of their sentences decides, so
    that neither the order of the file nor its labels matter.

    Raises:
        DataError: the pairs hang together so closely that a part would be empty.
    """
    groups = _groups(pairs)
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(int(group), []).append(i)
    taken: dict[str, list[int]] = {part: [] for part in parts}
    for rows in sorted(members.values(), key=lambda rows: _key(pairs, rows)):
        part = min(parts, key=lambda name: len(taken[name]))
        taken[part] += rows
    if empty := [part for part, rows in taken.items() if not rows]:
        raise DataError(
            f"{pairs[0][0]}: {len(pairs):,} pairs share their sentences so widely that they cannot "
            f"be cut into {', '.join(parts)}; give {empty[0]} as a file of its own"
        )
    return {part: [pairs[i] for i in sorted(rows)] for part, rows in taken.items()}


def _groups(pairs: Sequence[Pair]) -> np.ndarray:
    """For each pair, the number of the connected component that its sentences are in; (n,)."""
    number: dict[str, int] = {}
    for _, pair in pairs:
        for sentence in pair[:2]:
            number.setdefault(sentence, len(number))
    first = np.array([number[pair[0]] for _, pair in pairs])
    second = np.array([number[pair[1]] for _, pair in pairs])
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(len(number), len(number)))
    return connected_components(graph, directed=False)[1][first]


def _key(pairs: Sequence[Pair], rows: Sequence[int]) -> str:
    least = min(min(pairs[i][1][:2]) for i in rows)
    return hashlib.sha256(least.encode("utf-8")).hexdigest()
