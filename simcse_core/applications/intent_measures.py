"""What intent pre-recall is worth: recall at n, and the share of models that need not run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from simcse_core.applications.draws import draw_examples
from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_labelled,
    codes_of,
    unit_vectors,
)
from simcse_core.applications.intents import METHODS, method_named
from simcse_core.applications.ranking import ranking_rows, ranks
from simcse_core.translation import translated

EXAMPLES = (1, 3, 5, 10)  # a class
CUTOFFS = (1, 3, 5, 10)
TARGETS = (0.95, 0.99)  # recall at which the share of models that need not run is told


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
    texts: Iterable[str],
    labels: Iterable[str],
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
    texts, labels, classes = check_labelled(texts, labels, max(examples))
    codes = codes_of(labels, classes)
    vectors = unit_vectors(encode, texts, "texts")
    rows: list[dict[str, object]] = []
    for seed in tqdm(seeds, desc=translated("draws"), disable=not progress):
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
    texts: Iterable[str],
    labels: Iterable[str],
    n_examples: int = 5,
    seed: int = 0,
    method: str = "logistic",
) -> pd.DataFrame:
    """Recall at every n, from one intent to all of them: ``n, recall, models_run`` (a share).

    Raises:
        InputError: as :func:`measure_intents`.
    """
    recall = method_named(method)
    texts, labels, classes = check_labelled(texts, labels, n_examples)
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
