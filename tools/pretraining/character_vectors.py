"""Character vectors from co-occurrence counts: a start for pretraining that costs seconds."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd

WINDOW = 5
CONTEXT_EXPONENT = 0.75  # smooths context counts (Levy et al., 2015, section 3.2)
# Of the singular values; Levy et al. (2015, section 3.3) find 0 and 0.5 better than 1.
SINGULAR_VALUE_EXPONENT = 0.25


def cooccurrence(
    tokens: np.ndarray, offsets: np.ndarray, vocab_size: int, window: int = WINDOW
) -> csr_matrix:
    """Symmetric counts of tokens within ``window`` in a sentence, weighted by 1 / distance.

    Args:
        tokens: (total,), ids of all sentences.
        offsets: (sentences + 1,), where each sentence begins.

    Returns:
        float64 of shape (vocab_size, vocab_size).
    """
    sentence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    shape = (vocab_size, vocab_size)
    counts = csr_matrix(shape)
    for distance in range(1, window + 1):
        together = sentence[distance:] == sentence[:-distance]
        left, right = tokens[:-distance][together], tokens[distance:][together]
        weight = np.full(len(left), 1 / distance)
        pairs = coo_matrix((weight, (left, right)), shape=shape).tocsr()
        counts = counts + pairs + pairs.T
    return counts


def character_vectors(counts: csr_matrix, hidden: int, std: float, seed: int) -> np.ndarray:
    """Singular vectors of the positive pointwise mutual information (Levy et al., 2015).

    Rows are brought to one length, so that rare characters do not start at zero.

    Args:
        counts: as :func:`cooccurrence` gives them.
        std: the spread of the entries.

    Returns:
        float32 of shape (vocabulary, hidden).
    """
    entries = counts.tocoo()
    rows = np.maximum(np.bincount(entries.row, entries.data, entries.shape[0]), 1e-9)
    contexts = rows**CONTEXT_EXPONENT / (rows**CONTEXT_EXPONENT).sum()
    pmi = np.log(entries.data / (rows[entries.row] * contexts[entries.col]))
    positive = pmi > 0
    matrix = csr_matrix(
        (pmi[positive], (entries.row[positive], entries.col[positive])), shape=entries.shape
    )
    left, values, _ = randomized_svd(matrix, hidden, n_iter=4, random_state=seed)
    left = left * values**SINGULAR_VALUE_EXPONENT
    # A token never seen keeps a direction.
    left = left + np.random.default_rng(seed).normal(size=left.shape) * 1e-6
    unit = left / np.linalg.norm(left, axis=1, keepdims=True)
    return (unit * std * hidden**0.5).astype(np.float32)
