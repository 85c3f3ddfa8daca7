"""Cells of the notebook on several sources: each method scored on pairs and on probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from simcse_core.config import Kind, Pooling, TrainConfig
from simcse_core.data import load_sentences, sample_sentences
from simcse_core.duplicates import written_form
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, look_up, measure_spearman
from simcse_core.fitted_cells import READY_MADE, Score, of_samples, of_text_samples
from simcse_core.label_free import HELD_OUT, measure_label_free
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.probes import Probes
from simcse_core.ready_plans import ReadyPlan
from simcse_core.recipes import PLAIN, RECIPES, Moment
from simcse_core.results import tidy
from simcse_core.sets.data import SetData
from simcse_core.trained_cells import UNTRAINED, untrained_vectors
from simcse_core.training import TrainingError, train
from simcse_core.translation import tell

Rows = list[dict[str, Any]]
VIEWS, LOSS = "views", "loss"  # metrics that training alone has
GENERAL = "sample"  # the source of general text


def measure_set(data: SetData) -> tuple[list[str], Score]:
    """All texts that a method has to encode, and what scores it on pairs and on probes."""
    score, probes = measure_spearman(data.splits()), Probes.of(data.unlabelled)
    texts = list(dict.fromkeys([*data.held_out(), *probes.texts]))
    return texts, lambda encode: [*score(encode), *probes.measure(encode)]


def of_text(data: SetData, sizes: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
    """What stands on curves and needs no encoder, fitted on the sentences that are trained on."""
    return of_text_samples(data, sizes, seeds, measure_set(data))


def of_encoder(
    data: SetData,
    plan: Plan,
    poolings: Sequence[Pooling],
    sizes: Sequence[int],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """What stands on curves and builds on an encoder, fitted on the same, under each pooling."""
    return of_samples(data, plan, poolings, sizes, seeds, measure_set(data))


def of_ready_made(data: SetData, plan: ReadyPlan) -> pd.DataFrame:
    """A ready-made encoder as it is."""
    encoder, (texts, measure) = plan.load(), measure_set(data)
    rows = measure(look_up(texts, encoder.encode(texts)))
    fixed: dict[str, Any] = {"method": READY_MADE, "kind": Kind.READY_MADE, "seed": 0}
    fixed |= {"encoder": encoder.name, "pooling": encoder.pooling, "dataset": data.name}
    return tidy(pd.DataFrame(rows), n_train=0, epoch=0, **fixed)


def trajectory(data: SetData, plan: Plan, name: str, sizes: Sequence[int]) -> pd.DataFrame:
    """One run of a recipe, scored at each size; the plain one begins with the untrained encoder.

    Where a recipe trains for several epochs, every size is a run of its own.

    Args:
        plan: encoder, pooling and settings, the seed included.
        name: a key of :data:`simcse_core.recipes.RECIPES`.

    Returns:
        Tidy rows of every reading of the recipe. Points that a loss that is not finite kept from
        being reached are not there.
    """
    frames = []
    for mine in RECIPES[name].runs(sizes):
        encoder = plan.load()
        frames.append(_run(data, encoder, plan.train, name, mine))
    return tidy(
        pd.concat(frames, ignore_index=True),
        encoder=encoder.name,
        pooling=plan.pooling,
        seed=plan.train.seed,
        dataset=data.name,
        epoch=1,
    )


def _run(
    data: SetData, encoder: SentenceEncoder, own: TrainConfig, name: str, sizes: Sequence[int]
) -> pd.DataFrame:
    recipe, (texts, measure) = RECIPES[name], measure_set(data)
    start = encoder.copy_for_inference()
    recipe.hold(encoder)
    objective = OBJECTIVES[recipe.objective]
    drawn = objective.draw(data, sizes[-1], own.seed)
    examples = _with_general(drawn, data, recipe.general, own.seed)
    config, every = recipe.config(own), 1 + recipe.general
    seen = iter([*([0] if name == PLAIN else []), *sizes])

    def measure_here(trained: SentenceEncoder) -> Rows:
        n = next(seen)
        moment = Moment(trained, start, drawn[:n], texts)
        readings = recipe.read(name) if n else {UNTRAINED: _untrained}
        at = {"kind": Kind.TRAINED if n else Kind.UNTRAINED, "n_train": n}
        rows: Rows = []
        for method, read in readings.items():
            rows += [row | at | {"method": method} for row in measure(read(moment))]
        views = measure_label_free(trained, data.unlabelled)["alignment"]
        own_row = {"method": name if n else UNTRAINED, "split": HELD_OUT, "metric": VIEWS}
        return [*rows, {**at, **own_row, "value": views}]

    points = [n * every * config.num_epochs for n in sizes]
    points = [0, *points] if name == PLAIN else points
    try:
        frame = train(encoder, objective, examples, config, points, measure_here, True)
    except TrainingError as error:
        tell(str(error))
        frame = pd.DataFrame([*error.measured])
    return pd.concat([frame, _losses(frame)], ignore_index=True)


def _untrained(moment: Moment) -> Encode:
    return untrained_vectors(moment.start, moment.texts)


def _losses(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for the training loss at each point after the start; none where none was reached."""
    if frame.empty:
        return frame
    at = frame[(frame["metric"] == VIEWS) & (frame["n_train"] > 0)]
    return at.assign(metric=LOSS, value=at["loss"])


def _with_general(own: list[str], data: SetData, n: int, seed: int) -> list[str]:
    """Each sentence followed by ``n`` general ones."""
    if not n:
        return own
    drawn = iter(sample_sentences(general_text(data), n * len(own), seed))
    return [s for sentence in own for s in (sentence, *(next(drawn) for _ in range(n)))]


def general_text(data: SetData) -> list[str]:
    """The sentences of the bundled sample that stand in no part of the data."""
    known = {written_form(s) for s in (*data.held_out(), *data.pool.sentences, *data.unlabelled)}
    return [s for s in load_sentences(GENERAL) if written_form(s) not in known]
