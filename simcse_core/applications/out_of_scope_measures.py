"""What out-of-scope scores are worth: AUROC, AUPR, FPR@95, and what a threshold lets through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve
from tqdm.auto import tqdm

from simcse_core.applications.draws import draw_examples, hold_out
from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    check_width,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.intents import fit_logistic
from simcse_core.applications.out_of_scope import (
    ACCEPT,
    SCORES,
    threshold_from_examples,
)
from simcse_core.translation import translated


def separation(known: np.ndarray, unknown: np.ndarray) -> dict[str, float]:
    """How well scores tell unknown utterances from known ones, at all thresholds.

    Args:
        known: (n,), scores of in-scope utterances.
        unknown: (m,), scores of out-of-scope utterances, the positives.

    Returns:
        ``auroc``; ``aupr``, as average precision, which depends on the share of positives; and
        ``fpr@95``, the share of unknown utterances that are accepted by the threshold that accepts
        95 % of the known ones (Hendrycks and Gimpel, 2017; Liu et al., 2020).
    """
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    scores = np.concatenate([known, unknown])
    accepted, true, _ = roc_curve(1 - truth, -scores, drop_intermediate=False)  # known as positive
    return {
        "auroc": float(roc_auc_score(truth, scores)),
        "aupr": float(average_precision_score(truth, scores)),
        "fpr@95": float(accepted[np.flatnonzero(true >= 0.95)[0]]),
    }


def at_threshold(
    known: np.ndarray, unknown: np.ndarray, right: np.ndarray, threshold: float
) -> dict[str, float]:
    """What becomes of utterances at one threshold.

    Args:
        known: (n,), scores of in-scope utterances.
        unknown: (m,), scores of out-of-scope utterances.
        right: (n,), whether the intent of each in-scope utterance was found.
        threshold: scores up to it are accepted.

    Returns:
        ``accepted``, the share of in-scope utterances accepted; ``in-scope accuracy``, the share of
        them that are accepted and given the right intent, and ``out-of-scope recall``, the share of
        unknown utterances that are refused (both as in Larson et al., 2019).
    """
    return {
        "accepted": float((known <= threshold).mean()),
        "in-scope accuracy": float(((known <= threshold) & right).mean()),
        "out-of-scope recall": float((unknown > threshold).mean()),
    }


def measure_unknown(
    encode: Encode,
    texts: Iterable[str],
    labels: Iterable[str],
    foreign: Mapping[str, Iterable[str]] | None = None,
    shares: Sequence[float] = (0.25, 0.5, 0.75),
    n_examples: int = 10,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    scores: Sequence[str] = tuple(SCORES),
    accept: float = ACCEPT,
    progress: bool = False,
) -> pd.DataFrame:
    """How each score tells unknown utterances apart: held-out intents, and text of other services.

    For each seed and share, that share of the intents is drawn as unknown; of each other intent,
    ``n_examples`` utterances are examples and the rest are the in-scope test. (The protocol of
    Zhang et al., 2021, Deep open intent classification with adaptive decision boundary, who name
    the share that is known, and train on all its utterances.) Foreign text is unknown beside all
    intents.

    Args:
        encode: any encoder; called once for the texts and once for each foreign set.
        texts: labelled utterances, all different.
        labels: their intents, none of which has fewer than ``n_examples``.
        foreign: sets of texts that no intent is of, by name.
        shares: of the intents that are unknown, above 0 and below 1.
        n_examples: examples an intent, at least 2.
        seeds: of the draws.
        scores: keys of :data:`SCORES`.
        accept: as in :func:`detect`.
        progress: whether to draw a bar.

    Returns:
        Rows ``score, unknown, share, seed, metric, value``: the measures of :func:`separation` and
        :func:`at_threshold`, and ``open f1``, macro-F1 over the known intents and the unknown as
        one more. ``unknown`` is ``held-out intents`` or the name of a foreign set (share 0).

    Raises:
        InputError: unusable texts or labels, fewer than two examples, or a share that leaves fewer
            than two intents known or none unknown.
    """
    if n_examples < 2:
        raise InputError(f"n_examples: leaving one out needs at least 2 a class, got {n_examples}")
    texts, labels, classes = check_labelled(texts, labels, n_examples)
    codes, vectors = codes_of(labels, classes), unit_vectors(encode, texts, "texts")
    others = {name: unit_vectors(encode, those, name) for name, those in (foreign or {}).items()}
    for name, those in others.items():
        check_width(those, vectors.shape[1], name)
    rows: list[dict[str, object]] = []
    for seed in tqdm(seeds, desc=translated("draws"), disable=not progress):
        for share in [*shares, 0.0] if others else shares:
            held_out = hold_out(len(classes), share, seed)
            is_out = np.isin(codes, held_out)
            unknown = others if not len(held_out) else {"held-out intents": vectors[is_out]}
            known, their = vectors[~is_out], np.unique(codes[~is_out], return_inverse=True)[1]
            drawn = draw_examples(their, n_examples, seed)
            found = _told_apart(known, their, drawn, unknown, scores, accept)
            rows += [{"share": share, "seed": seed, **row} for row in found]
    return pd.DataFrame(rows)


def _told_apart(
    vectors: np.ndarray,
    codes: np.ndarray,
    drawn: np.ndarray,
    unknown: Mapping[str, np.ndarray],
    scores: Sequence[str],
    accept: float,
) -> Iterator[dict[str, object]]:
    """The rows of :func:`measure_unknown` for one draw of known intents and examples."""
    test = np.setdiff1d(np.arange(len(codes)), drawn)
    if not len(test):
        raise InputError("texts: no utterance is left to test; lower n_examples")
    examples, their = vectors[drawn], codes[drawn]
    classifier = fit_logistic(examples, their)
    answers = classifier.predict(vectors[test])
    for score in scores:
        threshold = threshold_from_examples(examples, their, score, accept)
        of_known = SCORES[score](examples, their, vectors[test])
        for name, others in unknown.items():
            of_unknown = SCORES[score](examples, their, others)
            found = separation(of_known, of_unknown)
            found |= at_threshold(of_known, of_unknown, answers == codes[test], threshold)
            found["open f1"] = open_f1(
                np.append(codes[test], np.full(len(others), -1)),
                np.append(answers, classifier.predict(others)),
                np.append(of_known, of_unknown) <= threshold,
            )
            for metric, value in found.items():
                yield {"score": score, "unknown": name, "metric": metric, "value": value}


def open_f1(truth: np.ndarray, answers: np.ndarray, accepted: np.ndarray) -> float:
    """Macro-F1 over the known classes and the unknown (-1) as one more; refused is unknown."""
    given = np.where(accepted, answers, -1)
    return float(f1_score(truth, given, average="macro", zero_division=0))
