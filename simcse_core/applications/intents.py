"""Intent pre-recall: from few labelled examples, the intents that an utterance may have.

What follows, such as one model an intent, then runs for the likeliest ones alone.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_texts,
    check_width,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.ranking import best

# Inverse strength of the L2 penalty. On vectors of length 1, 10 to 1,000 rank alike and 1 worse (91
# intents of SMP2020-ECDT, 1 to 10 examples each, TF-IDF and mini-bert).
LOGISTIC_C = 10.0
# A draw of examples is fitted with each of MAX_ROUNDS left out, and as it is, by several scores.
FITS_KEPT = 16

# Maps example vectors (m, hidden), their classes (m,), 0 to c - 1 and each there, and vectors
# (n, hidden), all rows of length 1, to scores (n, c), higher being likelier.
Recall = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_nearest_example(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The cosine with the nearest example of each intent."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    return np.maximum.reduceat(vectors @ examples[order].T, starts, axis=1)


def by_class_mean(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The cosine with the mean of each intent's examples (nearest class mean)."""
    return vectors @ class_means(examples, codes).T


def by_logistic_regression(
    examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
    """The probability of each intent by multinomial logistic regression."""
    return fit_logistic(examples, codes).predict_proba(vectors)


METHODS: dict[str, Recall] = {
    "nearest": by_nearest_example,
    "mean": by_class_mean,
    "logistic": by_logistic_regression,
}


def class_means(examples: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The mean of each class's vectors, scaled to length 1: (c, hidden)."""
    sums = np.zeros((codes.max() + 1, examples.shape[1]))
    np.add.at(sums, codes, examples)
    return normalize(sums / np.bincount(codes)[:, None])


def fit_logistic(examples: np.ndarray, codes: np.ndarray) -> LogisticRegression:
    """Multinomial logistic regression on unit vectors, fitted to the end.

    The last :data:`FITS_KEPT` are given again for the same examples, so they are not to be changed.
    """
    key = _digest(examples, codes)
    if key not in _FITTED:
        while len(_FITTED) >= FITS_KEPT:
            del _FITTED[next(iter(_FITTED))]
        with warnings.catch_warnings():
            # Few examples of many classes are what this is for.
            warnings.filterwarnings("ignore", message="The number of unique classes")
            _FITTED[key] = LogisticRegression(C=LOGISTIC_C, max_iter=1000).fit(examples, codes)
    return _FITTED[key]


# By digest of what it was fitted on, the oldest first.
_FITTED: dict[str, LogisticRegression] = {}


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype} ".encode() + array.tobytes())
    return digest.hexdigest()


def likeliest(
    texts: Iterable[str],
    labels: Iterable[str],
    utterances: Iterable[str],
    encode: Encode,
    n: int = 5,
    method: str = "logistic",
) -> pd.DataFrame:
    """The n likeliest intents of each utterance.

    Args:
        texts: labelled examples, at least one an intent.
        labels: the intent of each.
        utterances: what intents are wanted for.
        encode: any encoder.
        n: intents for each utterance.
        method: a key of :data:`METHODS`.

    Returns:
        A row for each utterance and rank: ``utterance, rank, intent, score``.

    Raises:
        InputError: unusable examples (see ``check_labelled``), an empty utterance, an unknown
            method, or n above the number of intents.
    """
    recall = method_named(method)
    texts, labels, classes = check_labelled(texts, labels)
    if not 1 <= n <= len(classes):
        raise InputError(f"n: must be between 1 and the {len(classes)} intents, got {n}")
    examples = unit_vectors(encode, texts, "texts")
    utterances = check_texts(utterances, "utterances")
    vectors = unit_vectors(encode, utterances, "utterances")
    check_width(vectors, examples.shape[1], "utterances")
    scores = recall(examples, codes_of(labels, classes), vectors)
    columns = best(scores, n)
    return pd.DataFrame(
        {
            "utterance": np.repeat(np.array(utterances, dtype=object), n),
            "rank": np.tile(np.arange(1, n + 1), len(utterances)),
            "intent": [classes[column] for column in columns.ravel()],
            "score": np.take_along_axis(scores, columns, axis=1).ravel(),
        }
    )


def method_named(name: str) -> Recall:
    """The function of a method.

    Raises:
        InputError: an unknown name.
    """
    if name not in METHODS:
        raise InputError(f"method: unknown value {name!r}; use one of: {', '.join(METHODS)}")
    return METHODS[name]
