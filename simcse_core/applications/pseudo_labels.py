"""Pseudo-labels: labels proposed from few examples, for a person to check, and what they gain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

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
from simcse_core.applications.ranking import best

PRECISION = 0.9
PER_CLASS = 20
N_REASONS = 3
COLUMNS = ("text", "label", "decision", "score", "proposed", "reason")


class Labels(NamedTuple):
    """A label for each of n texts, int64 (n,), and how sure it is, float64 (n,) in [0, 1]."""

    codes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Proposals:
    """What :func:`propose` gives: the table for review, and the threshold it was cut at."""

    table: pd.DataFrame
    threshold: float


def label(examples: np.ndarray, codes: np.ndarray, vectors: np.ndarray) -> Labels:
    """Labels by logistic regression; the score is the margin of the two highest probabilities.

    The margin puts right labels first better than the highest probability, and both better than
    cosines (SMP2020-ECDT, 3 to 10 examples an intent; the margin as in Scheffer et al., 2001).

    Args:
        examples: (m, hidden), rows of length 1.
        codes: (m,), their classes, 0 to c - 1.
        vectors: (n, hidden), rows of length 1.
    """
    return labels_from(fit_logistic(examples, codes).predict_proba(vectors))


def labels_from(probabilities: np.ndarray) -> Labels:
    """The likeliest class of each row and its margin over the next: (n, c) to n labels."""
    columns = best(probabilities, 2)
    top = np.take_along_axis(probabilities, columns, axis=1)
    return Labels(columns[:, 0], top[:, 0] - top[:, 1])


def threshold_for(scores: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The lowest score from which on labels have a precision.

    Args:
        scores: (n,), of labels whose truth is known.
        right: (n,), whether each label is right.
        precision: share of right labels among those that score the threshold or more.

    Returns:
        A score, or infinity if no threshold reaches the precision.
    """
    cuts = np.unique(scores)[::-1]
    reached = [right[scores >= cut].mean() >= precision for cut in cuts]
    return float(cuts[np.flatnonzero(reached)[-1]]) if any(reached) else math.inf


def threshold_from_examples(
    examples: np.ndarray, codes: np.ndarray, precision: float = PRECISION, progress: bool = False
) -> float:
    """A threshold for :func:`label` from labelled examples alone, by leaving one out.

    Args:
        examples: (m, hidden), at least two a class.
        codes: (m,).
        precision: wanted, in (0, 1].
        progress: whether to draw a bar.
    """

    def probabilities(known: np.ndarray, of: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        return fit_logistic(known, of).predict_proba(left_out)

    given = labels_from(leave_one_out(probabilities, examples, codes, progress))
    return threshold_for(given.scores, given.codes == codes, precision)


def select(labels: Labels, threshold: float, per_class: int | None = PER_CLASS) -> np.ndarray:
    """The labels to propose: at or above a threshold, and of each class the surest ones.

    Without a limit the classes that are easy would crowd out the others (Zou et al., 2018).

    Returns:
        Places in ``labels``, by class and from the surest on.
    """
    order = np.lexsort((-labels.scores, labels.codes))
    order = order[labels.scores[order] >= threshold]
    codes = labels.codes[order]
    place = np.arange(len(order)) - np.searchsorted(codes, codes)  # within its class
    return order if per_class is None else order[place < per_class]


def propose(
    texts: Iterable[str],
    labels: Iterable[str],
    unlabelled: Iterable[str],
    encode: Encode,
    precision: float = PRECISION,
    per_class: int | None = PER_CLASS,
    progress: bool = False,
) -> Proposals:
    """Proposes labels for a person to check.

    Args:
        texts: labelled examples, at least two a class.
        labels: their classes.
        unlabelled: texts to label; those that stand twice or are examples are labelled once or not.
        encode: any encoder.
        precision: share of proposals that should be right, as measured on the examples.
        per_class: proposals of a class at most; None for all.
        progress: whether to draw a bar.

    Returns:
        A table sorted for review, class by class and the surest first: ``text, label`` (to be
        corrected), ``decision`` (empty), ``score``, ``proposed`` (the label again), ``reason`` (the
        nearest examples with their labels and cosines). It is empty and the threshold infinite if
        no score is high enough.

    Raises:
        InputError: unusable examples or texts, a class with one example, or no number of proposals.
    """
    check_share("precision", precision)
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class: a number from 1 up is needed, got {per_class}")
    texts, labels, classes = check_labelled(texts, labels, minimum=2)
    known = set(texts)
    wanted = dict.fromkeys(check_texts(unlabelled, "unlabelled"))
    new = [text for text in wanted if text not in known]
    if not new:
        raise InputError("unlabelled: all of them are examples already; give other texts")
    examples = unit_vectors(encode, texts, "texts")
    vectors = unit_vectors(encode, new, "unlabelled")
    check_width(vectors, examples.shape[1], "unlabelled")
    codes = codes_of(labels, classes)
    threshold = threshold_from_examples(examples, codes, precision, progress)
    given = label(examples, codes, vectors)
    chosen = select(given, threshold, per_class)
    names = [classes[code] for code in given.codes[chosen]]
    table = {
        "text": [new[i] for i in chosen],
        "label": names,
        "decision": [""] * len(chosen),
        "score": np.round(given.scores[chosen], 4),
        "proposed": names,
        "reason": _reasons(vectors[chosen] @ examples.T, texts, labels),
    }
    return Proposals(pd.DataFrame(table, columns=list(COLUMNS)), threshold)


def _reasons(cosines: np.ndarray, texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The nearest examples of each proposal in words: text, label, cosine."""
    nearest = best(cosines, min(N_REASONS, len(texts)))
    return [
        "; ".join(f"{texts[i]} [{labels[i]}, {row[i]:.2f}]" for i in places)
        for places, row in zip(nearest, cosines, strict=True)
    ]
