"""Intent pre-recall: from few labelled examples, the intents that an utterance may have.

What follows, such as one model an intent, then runs for the likeliest ones alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from tqdm.auto import tqdm

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_width,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.ranking import best, ranking_rows, ranks

# Inverse strength of the L2 penalty. On vectors of length 1, 10 to 1,000 rank alike and 1 worse (91
# intents of SMP2020-ECDT, 1 to 10 examples each, TF-IDF and mini-bert).
LOGISTIC_C = 10.0
EXAMPLES = (1, 3, 5, 10)  # a class, in measuring
CUTOFFS = (1, 3, 5, 10)
TARGETS = (0.95, 0.99)  # recall at which the share of models that need not run is told

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
    """Multinomial logistic regression on unit vectors, fitted to the end."""
    with warnings.catch_warnings():
        # Few examples of many classes are what this is for.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        return LogisticRegression(C=LOGISTIC_C, max_iter=1000).fit(examples, codes)


def likeliest(
    texts: Sequence[str],
    labels: Sequence[str],
    utterances: Sequence[str],
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
    classes = check_labelled(texts, labels)
    if not 1 <= n <= len(classes):
        raise InputError(f"n: must be between 1 and the {len(classes)} intents, got {n}")
    examples = unit_vectors(encode, texts, "texts")
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


def draw_examples(codes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draws n examples of every class; a smaller draw is part of a larger one of the same seed.

    Returns:
        Places in ``codes``, int64 of shape (n * classes,).

    Raises:
        InputError: a class has fewer than n.
    """
    counts = np.bincount(codes)
    if counts.min() < n:
        raise InputError(
            f"n: {n} examples of each class are wanted, class {counts.argmin()} has "
            f"{counts.min()}; lower n or leave small classes out"
        )
    order = np.random.default_rng(seed).permutation(len(codes))
    return np.concatenate([order[codes[order] == code][:n] for code in range(len(counts))])


def models_saved(ranked: np.ndarray, n_intents: int, recall: float) -> float:
    """The share of intent models that need not run if recall is to reach a target.

    Only the models of the n likeliest intents run, n being the smallest at which the right intent
    is among them for that share of utterances: 1 - n / number of intents.

    Args:
        ranked: (utterances,), rank of the right intent.
        n_intents: intents, each with its model.
        recall: the target in (0, 1].
    """
    enough = math.ceil(recall * len(ranked) - 1e-9)
    return float(1 - np.sort(ranked)[enough - 1] / n_intents)


def measure_intents(
    encode: Encode,
    texts: Sequence[str],
    labels: Sequence[str],
    examples: Sequence[int] = EXAMPLES,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    methods: Sequence[str] = tuple(METHODS),
    progress: bool = False,
) -> pd.DataFrame:
    """Recall at n and the share of models saved, by method and number of examples.

    For each seed, as many examples an intent as the largest of ``examples`` are drawn; utterances
    that were not drawn are the test, so that every number of examples has the same one.

    Args:
        encode: any encoder; called once.
        texts: labelled utterances, all different.
        labels: their intents, none of which has fewer than the largest of ``examples``.
        examples: examples an intent.
        seeds: of the draws.
        methods: keys of :data:`METHODS`.
        progress: whether to draw a bar.

    Returns:
        Rows ``method, examples, seed, metric, value, ci_low, ci_high``: ``recall@n`` for n in
        :data:`CUTOFFS` and ``mrr@10`` with bootstrap intervals over utterances, ``saved@95`` and
        ``saved@99``.

    Raises:
        InputError: unusable texts or labels, or an unknown method.
    """
    recalls = {name: method_named(name) for name in methods}
    classes = check_labelled(texts, labels, max(examples))
    codes = codes_of(labels, classes)
    vectors = unit_vectors(encode, texts, "texts")
    rows: list[dict[str, object]] = []
    for seed in tqdm(seeds, desc="draws", disable=not progress):
        test = np.setdiff1d(np.arange(len(codes)), draw_examples(codes, max(examples), seed))
        if not len(test):
            raise InputError(f"texts: with {max(examples)} examples an intent none is left to test")
        for n in examples:
            drawn = draw_examples(codes, n, seed)
            for name, recall in recalls.items():
                scores = recall(vectors[drawn], codes[drawn], vectors[test])
                found = _recall_rows(ranks(scores, codes[test]), len(classes))
                rows += [{"method": name, "examples": n, "seed": seed, **row} for row in found]
    return pd.DataFrame(rows)


def recall_curve(
    encode: Encode,
    texts: Sequence[str],
    labels: Sequence[str],
    n_examples: int = 5,
    seed: int = 0,
    method: str = "logistic",
) -> pd.DataFrame:
    """Recall at every n, from one intent to all of them: ``n, recall, models_run`` (a share).

    Raises:
        InputError: as :func:`measure_intents`.
    """
    recall = method_named(method)
    classes = check_labelled(texts, labels, n_examples)
    codes = codes_of(labels, classes)
    vectors = unit_vectors(encode, texts, "texts")
    drawn = draw_examples(codes, n_examples, seed)
    test = np.setdiff1d(np.arange(len(codes)), drawn)
    ranked = ranks(recall(vectors[drawn], codes[drawn], vectors[test]), codes[test])
    cutoffs = np.arange(1, len(classes) + 1)
    reached = (ranked[:, None] <= cutoffs).mean(axis=0)
    return pd.DataFrame({"n": cutoffs, "recall": reached, "models_run": cutoffs / len(classes)})


def _recall_rows(ranked: np.ndarray, n_intents: int) -> list[dict[str, object]]:
    saved = [
        {"metric": f"saved@{100 * t:.0f}", "value": models_saved(ranked, n_intents, t)}
        for t in TARGETS
    ]
    return [*ranking_rows(ranked, CUTOFFS), *saved]
