"""Out-of-scope utterances: scores that tell them from the intents that examples are of.

Every score is the higher the stranger an utterance is, and every threshold comes from labelled
examples alone: no out-of-scope utterance is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from sklearn.covariance import ledoit_wolf_shrinkage

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_share,
    check_texts,
    check_width,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.intents import fit_logistic
from simcse_core.applications.leave_one_out import leave_one_out

# Ahead of the others or level with them on SMP2020-ECDT, for held-out intents and foreign text,
# with TF-IDF, mini-bert, whitening and SimCSE.
SCORE = "softmax"
ACCEPT = 0.95
NEIGHBOUR = 5
LEAST_SHRINKAGE = 1e-6  # of a covariance, towards a multiple of the identity

# Maps example vectors (m, hidden), their classes (m,), 0 to c - 1 and each there, and vectors
# (n, hidden), all rows of length 1, to scores (n,), higher being stranger.
Strangeness = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def nearest_distance(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Cosine distance to the nearest example, in [0, 2]."""
    return 1 - (vectors @ examples.T).max(axis=1)


def neighbour_distance(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Euclidean distance to the k-th nearest example, a density of examples (Sun et al., 2022).

    k is :data:`NEIGHBOUR`, or the number of examples if there are fewer.
    """
    k = min(NEIGHBOUR, len(examples))
    cosines = vectors @ examples.T
    return np.sqrt(np.maximum(2 - 2 * np.partition(cosines, -k, axis=1)[:, -k], 0))


def mahalanobis_distance(
    examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
    """Squared Mahalanobis distance to the nearest class mean (Podolskiy et al., 2021).

    The covariance is that of examples around their class means, one for all classes, shrunk by
    Ledoit and Wolf (2004): with fewer examples than columns the plain one has no inverse.

    Raises:
        InputError: every class has one example, so none differs from its mean.
    """
    means = np.stack([examples[codes == code].mean(axis=0) for code in range(codes.max() + 1)])
    around = (examples - means[codes]).astype(np.float64)
    if not around.any():
        raise InputError("labels: a covariance needs two different examples of some class")
    shrinkage = max(ledoit_wolf_shrinkage(around, assume_centered=True), LEAST_SHRINKAGE)
    # Of many columns the covariance has an axis for each example, and is the same in all others.
    _, spreads, axes = np.linalg.svd(around, full_matrices=False)  # (axes,), (axes, hidden)
    elsewhere = shrinkage * (around**2).mean()
    variances = (1 - shrinkage) * spreads**2 / len(around) + elsewhere
    along, centres = vectors @ axes.T, means @ axes.T
    scale = np.sqrt(variances)
    squares = _squared_distances(along / scale, centres / scale)
    if len(axes) < vectors.shape[1]:
        rest = _squared_distances(vectors, means) - _squared_distances(along, centres)
        squares += np.maximum(rest, 0) / elsewhere
    return squares.min(axis=1)


def _squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n, width) and (c, width) to (n, c), in float64."""
    points, centres = points.astype(np.float64), centres.astype(np.float64)
    return (points**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * points @ centres.T


def energy(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Energy of the logits of a logistic regression, at temperature 1 (Liu et al., 2020)."""
    return -logsumexp(_logits(examples, codes, vectors), axis=1)


def improbability(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """1 - the highest probability of a logistic regression (Hendrycks and Gimpel, 2017)."""
    return 1 - fit_logistic(examples, codes).predict_proba(vectors).max(axis=1)


SCORES: dict[str, Strangeness] = {
    "nearest": nearest_distance,
    "knn": neighbour_distance,
    "mahalanobis": mahalanobis_distance,
    "energy": energy,
    "softmax": improbability,
}


def _logits(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Logits of shape (n, c); of two classes scikit-learn gives one column, for the second."""
    logits = fit_logistic(examples, codes).decision_function(vectors)
    return np.stack([-logits / 2, logits / 2], axis=1) if logits.ndim == 1 else logits


def threshold_from_examples(
    examples: np.ndarray,
    codes: np.ndarray,
    score: str,
    accept: float = ACCEPT,
    progress: bool = False,
) -> float:
    """The score that a share of the examples do not exceed when each is scored by others.

    Args:
        examples: (m, hidden), rows of length 1, at least two a class.
        codes: (m,), their classes.
        score: a key of :data:`SCORES`.
        accept: the share, a quantile of the scores.
        progress: whether to draw a bar.

    Raises:
        InputError: an unknown score, or a share that is none.
    """
    check_share("accept", accept)
    scored = leave_one_out(score_named(score), examples, codes, progress)
    return float(np.quantile(scored, accept))


def detect(
    texts: Iterable[str],
    labels: Iterable[str],
    utterances: Iterable[str],
    encode: Encode,
    score: str = SCORE,
    accept: float = ACCEPT,
    progress: bool = False,
) -> pd.DataFrame:
    """Tells which utterances belong to no intent that examples are of.

    Args:
        texts: labelled examples, at least two an intent.
        labels: the intent of each.
        utterances: what is to be told apart.
        encode: any encoder.
        score: a key of :data:`SCORES`.
        accept: share of in-scope utterances that should be accepted; more accepts more of both.
        progress: whether to draw a bar.

    Returns:
        A row for each utterance: ``utterance, known`` (whether it is taken to be in scope),
        ``intent`` (the likeliest by logistic regression, whatever ``known`` says), ``score``,
        ``threshold``.

    Raises:
        InputError: unusable examples, an intent with one example, an empty utterance, an unknown
            score, or a share that is none.
    """
    strangeness = score_named(score)
    texts, labels, classes = check_labelled(texts, labels, minimum=2)
    codes = codes_of(labels, classes)
    examples = unit_vectors(encode, texts, "texts")
    utterances = check_texts(utterances, "utterances")
    vectors = unit_vectors(encode, utterances, "utterances")
    check_width(vectors, examples.shape[1], "utterances")
    threshold = threshold_from_examples(examples, codes, score, accept, progress)
    scores = strangeness(examples, codes, vectors)
    likeliest = fit_logistic(examples, codes).predict(vectors)
    return pd.DataFrame(
        {
            "utterance": utterances,
            "known": scores <= threshold,
            "intent": [classes[code] for code in likeliest],
            "score": scores,
            "threshold": threshold,
        }
    )


def score_named(name: str) -> Strangeness:
    """The function of a score.

    Raises:
        InputError: an unknown name.
    """
    if name not in SCORES:
        raise InputError(f"score: unknown value {name!r}; use one of: {', '.join(SCORES)}")
    return SCORES[name]
