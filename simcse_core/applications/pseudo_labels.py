"""Pseudo-labels: labels proposed from few examples, for a person to check, and what they gain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score
from tqdm.auto import tqdm

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_share,
    check_width,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.intents import draw_examples, fit_logistic
from simcse_core.applications.leave_one_out import leave_one_out
from simcse_core.applications.ranking import best
from simcse_core.applications.tables import read_table, write_table

PRECISION = 0.9
PER_CLASS = 20
N_REASONS = 3
DECISIONS = ("yes", "no", "")
REVIEW_COLUMNS = ("text", "label", "decision", "score", "proposed", "reason")


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
    texts: Sequence[str],
    labels: Sequence[str],
    unlabelled: Sequence[str],
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
        InputError: unusable examples or texts, or a class with one example.
    """
    check_share("precision", precision)
    classes = check_labelled(texts, labels, minimum=2)
    known = set(texts)
    new = [text for text in dict.fromkeys(unlabelled) if text not in known]
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
    return Proposals(pd.DataFrame(table, columns=list(REVIEW_COLUMNS)), threshold)


def write_review(proposals: pd.DataFrame, path: Path) -> None:
    """Writes proposals as CSV for a person, who corrects ``label`` and fills ``decision``.

    Raises:
        InputError: the file is there already; it may hold a person's work.
    """
    check_review_target(path)
    write_table(path, proposals)


def check_review_target(path: Path) -> None:
    """Refuses to write proposals over a file.

    Raises:
        InputError: the file is there already; it may hold a person's work.
    """
    if Path(path).exists():
        raise InputError(
            f"{path}: is there already and may hold a person's work; name another file"
        )


def read_review(
    path: Path, classes: Sequence[str], encoding: str = "utf-8"
) -> tuple[list[str], list[str]]:
    """Reads the proposals that a person has confirmed or corrected.

    A row counts if its ``decision`` is ``yes``, or if its label is another than the one proposed
    and the decision is not ``no``. Rows that nobody looked at are left out.

    Args:
        path: what :func:`write_review` wrote, edited since.
        classes: the class names there are.
        encoding: of the file, such as ``gb18030`` if a spreadsheet changed it.

    Returns:
        Texts and their labels.

    Raises:
        InputError: a column is missing, or a decision or a label is unknown; file and line named.
    """
    rows = read_table(path, ("text", "label", "decision", "proposed"), encoding, may_be_empty=True)
    kept: dict[str, str] = {}
    for line, row in rows:
        decision, name = row["decision"].strip().casefold(), row["label"].strip()
        where = f"{path}, line {line}"
        if decision not in DECISIONS:
            raise InputError(f"{where}: decision: yes, no or nothing, got {row['decision']!r}")
        if decision == "no" or (not decision and name == row["proposed"].strip()):
            continue
        if name not in classes:
            near = get_close_matches(name, classes, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(classes)}"
            raise InputError(f"{where}: label: {name!r} is no class{hint}")
        if not row["text"].strip():
            raise InputError(f"{where}: text: is empty")
        if kept.get(row["text"], name) != name:
            raise InputError(f"{where}: {row['text']!r} has two labels; keep one row of it")
        kept[row["text"]] = name
    return list(kept), list(kept.values())


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
    texts: Sequence[str],
    labels: Sequence[str],
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
    classes = check_labelled(texts, labels, n_examples)
    codes, vectors = codes_of(labels, classes), unit_vectors(encode, texts, "texts")
    rows: list[dict[str, object]] = []
    for seed in tqdm(seeds, desc="draws", disable=not progress):
        draw = draw_with_pool(codes, n_examples, seed)
        found = _gain(vectors, codes, draw, precision, per_class)
        rows += [{"examples": n_examples, "seed": seed, **row} for row in found]
    return pd.DataFrame(rows)


def coverage_curve(
    encode: Encode,
    texts: Sequence[str],
    labels: Sequence[str],
    n_examples: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Precision against coverage on texts whose labels were hidden (see :func:`measure_gain`).

    Returns:
        As :func:`precision_coverage`.

    Raises:
        InputError: unusable texts or labels.
    """
    classes = check_labelled(texts, labels, n_examples)
    codes, vectors = codes_of(labels, classes), unit_vectors(encode, texts, "texts")
    draw = draw_with_pool(codes, n_examples, seed)
    given = label(vectors[draw.examples], codes[draw.examples], vectors[draw.pool])
    return precision_coverage(given.scores, given.codes == codes[draw.pool])


class Draw(NamedTuple):
    """Places of labelled examples, of texts whose labels are hidden, and of the test."""

    examples: np.ndarray
    pool: np.ndarray
    test: np.ndarray


def draw_with_pool(codes: np.ndarray, n_examples: int, seed: int) -> Draw:
    """Draws examples of every class, and halves the rest at random into pool and test.

    Raises:
        InputError: a class has too few examples, or hardly any text is left.
    """
    examples = draw_examples(codes, n_examples, seed)
    rest = np.setdiff1d(np.arange(len(codes)), examples)
    if len(rest) < 2:
        raise InputError(f"texts: {n_examples} examples a class leave none to label and to test")
    rest = np.random.default_rng(seed).permutation(rest)
    return Draw(examples, rest[: len(rest) // 2], rest[len(rest) // 2 :])


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


def _reasons(cosines: np.ndarray, texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The nearest examples of each proposal in words: text, label, cosine."""
    nearest = best(cosines, min(N_REASONS, len(texts)))
    return [
        "; ".join(f"{texts[i]} [{labels[i]}, {row[i]:.2f}]" for i in places)
        for places, row in zip(nearest, cosines, strict=True)
    ]
