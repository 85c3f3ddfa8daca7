"""What 08_explore measures: one training run, and the pairs that are looked at along its way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simcse_core.config import Kind
from simcse_core.data import StsPairs, StudyData
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import (
    Encode,
    look_up,
    measure_spearman,
    normalize,
    pair_cosines,
    uniformity,
)
from simcse_core.explorer.plane import OTHER, SAME, project, shown_pairs
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.results import tidy
from simcse_core.trained_cells import UNTRAINED
from simcse_core.training import train


def along_training(
    data: StudyData,
    plan: Plan,
    method: str,
    drawn: Sequence[str],
    points: Sequence[int],
    reference: StsPairs,
) -> tuple[SentenceEncoder, pd.DataFrame, pd.DataFrame]:
    """Trains on sentences, and looks at pairs at each point.

    Args:
        method: a key of :data:`simcse_core.objectives.OBJECTIVES` that learns from sentences.
        points: numbers of sentences seen; 0 is the untrained encoder.
        reference: the pairs; their labels count where the data has labelled ones.

    Returns:
        The encoder after the last point, tidy rows along the way, and the projection of
        :func:`simcse_core.explorer.plane.project`.

    Raises:
        TrainingError: the loss is not finite.
    """
    encoder, objective = plan.load(), OBJECTIVES[method]
    sentences, labelled = reference.sentences(), bool(len(data.dev))
    shown = shown_pairs(reference, labelled)
    sides = [reference.first[i] for i in shown["pair"]] + [
        reference.second[i] for i in shown["pair"]
    ]
    vectors: list[np.ndarray] = []

    def measure(trained: SentenceEncoder) -> list[dict[str, object]]:
        encode = look_up(sentences, trained.encode(sentences))
        vectors.append(encode(sides))
        return _measure(encode, reference, labelled)

    frame = train(encoder, objective, list(drawn), plan.train, points, measure, progress=True)
    seen = frame["sentences_seen"]
    rows = tidy(
        frame.assign(
            n_train=seen,
            method=seen.map(lambda n: method if n else UNTRAINED),
            kind=seen.map(lambda n: objective.kind if n else Kind.UNTRAINED),
            epoch=(seen > 0).astype(float),
        ),
        encoder=encoder.name,
        pooling=plan.pooling,
        seed=plan.train.seed,
        dataset=data.name,
    )
    found = dict(zip(dict.fromkeys(seen), vectors, strict=True))
    return encoder, rows, project(found, shown)


def _measure(encode: Encode, pairs: StsPairs, labelled: bool) -> list[dict[str, object]]:
    """Spearman and the mean cosines of pairs of one label; without labels, uniformity alone."""
    if not labelled:
        value = uniformity(normalize(encode(pairs.sentences())))
        return [{"split": "pool", "metric": "uniformity", "value": value}]
    rows = measure_spearman({"dev": pairs})(encode)
    cosines = pair_cosines(encode, pairs)
    for name, end in ((SAME, pairs.scores.max()), (OTHER, pairs.scores.min())):
        mean = float(cosines[pairs.scores == end].mean())
        rows.append({"split": "dev", "metric": f"cosine, {name}", "value": mean})
    return rows
