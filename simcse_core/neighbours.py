"""Which sentences lie next to each other, for several sets of vectors side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simcse_core.evaluation import normalize


def nearest(
    vectors: np.ndarray, queries: Sequence[int], n: int = 1
) -> list[list[tuple[int, float]]]:
    """The ``n`` nearest other rows of each query row, by cosine, the nearest first.

    Args:
        vectors: (n_sentences, hidden).
        queries: row numbers.
    """
    unit = normalize(vectors)
    cosines = unit[list(queries)] @ unit.T  # (queries, n_sentences)
    cosines[np.arange(len(queries)), list(queries)] = -np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :n]
    return [[(int(i), float(cosines[row, i])) for i in places] for row, places in enumerate(order)]


def neighbour_table(
    sentences: Sequence[str], queries: Sequence[int], encoders: dict[str, np.ndarray]
) -> pd.DataFrame:
    """The nearest other sentence of each query, a column for each set of vectors.

    Args:
        encoders: a name to its vectors of the sentences, (n_sentences, hidden).
    """
    columns: dict[str, list[str]] = {"sentence": [sentences[i] for i in queries]}
    for name, vectors in encoders.items():
        found = nearest(vectors, queries)
        columns[name] = [f"{sentences[i]} ({cosine:.2f})" for ((i, cosine),) in found]
    return pd.DataFrame(columns)
