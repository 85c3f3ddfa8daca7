"""What pseudo-labels gain a classifier, unchecked and checked, and their precision by coverage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score
from tqdm.auto import tqdm

from simcse_core.applications.draws import Draw, draw_with_pool
from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_share,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.intents import fit_logistic
from simcse_core.applications.pseudo_labels import (
    PER_CLASS,
    PRECISION,
    Labels,
    label,
    select,
    threshold_from_examples,
)
from simcse_core.translation import translated


def precision_coverage(scores: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Precision of the labels at or above each score, against the share of texts that get one.

    Returns:
        Rows from the surest label on: ``threshold, coverage, precision``; a row a distinct score.
    """
    order = np.argsort(-scores, kind="stable")
    scored, n = scores[order], np.arange(1, len(scores) + 1)
    last = np.append(scored[1:] != scored[:-1], True)  # of those that share a score
    precision = np.cumsum(right[order]) / n
    return pd.DataFrame(
        {"threshold": scored[last], "coverage": n[last] / len(n), "precision": precision[last]}
    )


def measure_gain(
    encode: Encode,
    texts: Iterable[str],
    labels: Iterable[str],
    n_examples: int = 5,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    precision: float = PRECISION,
    per_class: int | None = PER_CLASS,
    progress: bool = False,
) -> pd.DataFrame:
    """What proposals gain a classifier, with the true labels standing in for a person.

    For each seed examples are drawn; one half of the other texts is the test, the other half's
    labels are hidden and proposed. Four classifiers (logistic regression) are tested: ``few``
    (examples alone), ``as they are`` (proposals unchecked), ``confirmed`` (those that are right),
    ``corrected`` (all, with their true labels).

    Args:
        encode: any encoder; called once.
        texts: labelled texts, all different.
        labels: their classes.
        n_examples: examples a class.
        seeds: of the draws.
        precision: as in :func:`propose`.
        per_class: as in :func:`propose`.
        progress: whether to draw a bar.

    Returns:
        Rows ``training, examples, seed, metric, value``. Metrics: ``accuracy`` and ``macro-f1`` on
        the test, ``n`` (training texts); and for ``as they are``, ``precision`` and ``coverage`` of
        the proposals and of ``all above the threshold``.

    Raises:
        InputError: unusable texts or labels, or fewer than two examples a class.
    """
    check_share("precision", precision)
    if n_examples < 2:
        raise InputError(f"n_examples: leaving one out needs at least 2 a class, got {n_examples}")
    texts, labels, classes = check_labelled(texts, labels, n_examples)
    codes, vectors = codes_of(labels, classes), unit_vectors(encode, texts, "texts")
    rows: list[dict[str, object]] = []
    for seed in tqdm(seeds, desc=translated("draws"), disable=not progress):
        draw = draw_with_pool(codes, n_examples, seed)
        found = _gain(vectors, codes, draw, precision, per_class)
        rows += [{"examples": n_examples, "seed": seed, **row} for row in found]
    return pd.DataFrame(rows)


def coverage_curve(
    encode: Encode,
    texts: Iterable[str],
    labels: Iterable[str],
    n_examples: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Precision against coverage on texts whose labels were hidden (see :func:`measure_gain`).

    Returns:
        As :func:`precision_coverage`.

    Raises:
        InputError: unusable texts or labels.
    """
    texts, labels, classes = check_labelled(texts, labels, n_examples)
    codes, vectors = codes_of(labels, classes), unit_vectors(encode, texts, "texts")
    draw = draw_with_pool(codes, n_examples, seed)
    given = label(vectors[draw.examples], codes[draw.examples], vectors[draw.pool])
    return precision_coverage(given.scores, given.codes == codes[draw.pool])


def _gain(
    vectors: np.ndarray, codes: np.ndarray, draw: Draw, precision: float, per_class: int | None
) -> Iterator[dict[str, object]]:
    """The rows of :func:`measure_gain` for one draw."""
    known, pool = draw.examples, draw.pool
    threshold = threshold_from_examples(vectors[known], codes[known], precision)
    given = label(vectors[known], codes[known], vectors[pool])
    chosen = select(given, threshold, per_class)
    for name, (more, their) in _trainings(given, codes[pool], chosen).items():
        fitted = fit_logistic(
            np.concatenate([vectors[known], vectors[pool[more]]]),
            np.concatenate([codes[known], their]),
        )
        answers = fitted.predict(vectors[draw.test])
        yield {"training": name, "metric": "n", "value": float(len(known) + len(more))}
        for metric, measure in _TESTS.items():
            value = measure(codes[draw.test], answers)
            yield {"training": name, "metric": metric, "value": value}
    above = np.flatnonzero(given.scores >= threshold)
    for name, places in {"as they are": chosen, "all above the threshold": above}.items():
        right = (given.codes == codes[pool])[places]
        share = float(right.mean()) if len(places) else math.nan
        yield {"training": name, "metric": "precision", "value": share}
        yield {"training": name, "metric": "coverage", "value": len(places) / len(pool)}


def _trainings(
    given: Labels, truth: np.ndarray, chosen: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What each classifier is given beside the examples: places in the pool, and their labels."""
    confirmed = chosen[given.codes[chosen] == truth[chosen]]
    return {
        "few": (chosen[:0], truth[:0]),
        "as they are": (chosen, given.codes[chosen]),
        "confirmed": (confirmed, truth[confirmed]),
        "corrected": (chosen, truth[chosen]),
    }


def _accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    return float(accuracy_score(truth, answers))


def _macro_f1(truth: np.ndarray, answers: np.ndarray) -> float:
    return float(f1_score(truth, answers, average="macro", zero_division=0))


_TESTS = {"accuracy": _accuracy, "macro-f1": _macro_f1}
