"""Cells of a study in which an encoder is trained: one trajectory, scored along its way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Kind, Pooling
from simcse_core.data import StudyData
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, look_up, measure_spearman, metrics
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.results import tidy
from simcse_core.training import TrainingError, train
from simcse_core.translation import tell

UNTRAINED = "untrained"


def trajectory(
    data: StudyData,
    plan: Plan,
    method: str,
    n_train: int,
    points: Sequence[int],
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """One run of an objective on ``n_train`` examples, scored on dev and test at each point.

    Args:
        plan: encoder, pooling and settings, the seed included.
        method: a key of :data:`simcse_core.objectives.OBJECTIVES`.
        points: numbers of examples seen, one above 0 at least; 0 is the untrained encoder.

    Returns:
        Tidy rows. Points that a loss that is not finite kept from being reached are missing, with
        the reason.
    """
    encoder, objective = plan.load(), OBJECTIVES[method]
    score, held_out = measure_spearman(data.splits()), data.held_out()

    def measure(trained: SentenceEncoder) -> list[dict[str, object]]:
        return score(look_up(held_out, trained.encode(held_out)))

    start = _untrained(encoder, data) if 0 in points else pd.DataFrame()
    later = [point for point in points if point]
    examples = objective.draw(data, n_train, plan.train.seed)
    try:
        frame = train(encoder, objective, examples, plan.train, later, measure, True, checkpoint)
    except TrainingError as error:
        tell(str(error))
        frame = _with_missing(error, later, n_train, data)
    frame = pd.concat([start, frame], ignore_index=True)
    seen = frame["sentences_seen"]
    return tidy(
        frame.assign(
            n_train=seen.clip(upper=n_train),
            method=seen.map(lambda n: method if n else UNTRAINED),
            kind=seen.map(lambda n: objective.kind if n else Kind.UNTRAINED),
            epoch=frame["epoch"].where(seen >= n_train, (seen > 0).astype(float)),
        ),
        experiment="",
        encoder=encoder.name,
        pooling=plan.pooling,
        seed=plan.train.seed,
        dataset=data.name,
    )


def at_points(frame: pd.DataFrame, n_train: int, points: Sequence[int]) -> pd.DataFrame:
    """The rows of a :func:`trajectory` on ``n_train`` examples at these of its points."""
    epochs = (frame["epoch"] * n_train).round()
    seen = frame["n_train"].where(frame["n_train"] < n_train, epochs)
    return frame[seen.isin(points)].reset_index(drop=True)


def _untrained(encoder: SentenceEncoder, data: StudyData) -> pd.DataFrame:
    """The rows of the untrained encoder under its pooling."""
    score = measure_spearman(data.splits())
    rows = score(untrained_vectors(encoder, data.held_out()))
    return pd.DataFrame(rows).assign(sentences_seen=0, epoch=0.0)


def untrained_vectors(encoder: SentenceEncoder, texts: Sequence[str]) -> Encode:
    """What an encoder that was not trained yet gives for texts, encoded once under all poolings.

    Runs differ by seed and pooling, and begin alike.
    """
    alike = encoder.under_first_pooling()
    key = (alike.fingerprint, tuple(texts), torch.get_num_threads())
    if key not in _UNTRAINED:
        _UNTRAINED.clear()  # cells of one encoder follow each other
        _UNTRAINED[key] = alike.encode_poolings(texts, alike.poolings())
    return look_up(texts, _UNTRAINED[key][encoder.pooling])


# By encoder, texts and threads, which decide the last bits.
_UNTRAINED: dict[tuple[str, tuple[str, ...], int], dict[Pooling, np.ndarray]] = {}


def _with_missing(
    error: TrainingError, points: Sequence[int], n_train: int, data: StudyData
) -> pd.DataFrame:
    """What was measured before training broke down; every point after it is missing."""
    reached = {row["sentences_seen"] for row in error.measured}
    lost = [
        {"sentences_seen": point, "epoch": point / n_train, "split": split, "metric": metric}
        for point in sorted(set(points) - reached)
        for split, pairs in data.splits().items()
        for metric in metrics(pairs)
    ]
    return pd.DataFrame([*error.measured, *(row | {"missing": str(error)} for row in lost)])
