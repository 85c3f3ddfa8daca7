"""Character vectors from co-occurrence counts: a start for pretraining that costs seconds."""

import numpy as np
import scipy.sparse as sparse
from sklearn.utils.extmath import randomized_svd


def cooccurrence(
    tokens: np.ndarray, offsets: np.ndarray, vocab_size: int, window: int = 5
) -> sparse.csr_matrix:
    """Symmetric counts (vocab, vocab) of tokens within `window`, weighted by 1 / distance.

    tokens: (total,) ids; offsets: (lines + 1,), where each sentence begins.
    """
    line = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    counts = sparse.csr_matrix((vocab_size, vocab_size))
    for distance in range(1, window + 1):
        together = line[distance:] == line[:-distance]
        left, right = tokens[:-distance][together], tokens[distance:][together]
        weight = np.full(len(left), 1 / distance)
        pairs = sparse.coo_matrix((weight, (left, right)), shape=(vocab_size, vocab_size)).tocsr()
        counts = counts + pairs + pairs.T
    return counts


def character_vectors(counts: sparse.csr_matrix, hidden: int, std: float, seed: int) -> np.ndarray:
    """Singular vectors of the positive pointwise mutual information, float32 (vocab, hidden).

    Context counts are smoothed with the exponent 0.75 (Levy et al. 2015). Rows are brought to one
    length, so that rare characters do not start at zero; `std` is the spread of the entries.
    """
    counts = counts.tocoo()
    rows = np.maximum(np.bincount(counts.row, counts.data, counts.shape[0]), 1e-9)
    contexts = rows**0.75 / (rows**0.75).sum()
    pmi = np.log(counts.data / (rows[counts.row] * contexts[counts.col]))
    positive = pmi > 0
    matrix = sparse.csr_matrix(
        (pmi[positive], (counts.row[positive], counts.col[positive])), shape=counts.shape
    )
    left, values, _ = randomized_svd(matrix, hidden, n_iter=4, random_state=seed)
    left = left * values**0.25
    noise = (
        np.random.default_rng(seed).normal(size=left.shape) * 1e-6
    )  # a token never seen keeps a direction
    left = left + noise
    return (left / np.linalg.norm(left, axis=1, keepdims=True) * std * hidden**0.5).astype(
        np.float32
    )
