"""The experiments behind the notebooks: each is one call that returns tidy rows.

What has to be computed is listed as cells, which :meth:`Experiment.compute` computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial

import pandas as pd

from simcse_core import fitted_cells, trained_cells
from simcse_core.cells import Cell, named, of_plan
from simcse_core.config import Kind
from simcse_core.experiment import STUDIED, Experiment
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan

# What tells tidy rows apart. Some cells measure the same, such as the untrained encoder.
_KEYS = ["encoder", "method", "pooling", "n_train", "epoch", "seed", "split", "metric"]


def untrained(run: Experiment, whitening_sentences: int) -> pd.DataFrame:
    """Every baseline: without an encoder, and every pooling of every encoder, on dev and test.

    Ready-made encoders that stand beside come last.

    What counts text or tokens is fitted on the whole unlabelled pool; what needs the vectors of
    what it is fitted on, on ``whitening_sentences`` of it, drawn anew for each seed.
    """
    cells = untrained_cells(run, whitening_sentences)
    return pd.concat(run.compute(cells), ignore_index=True)


def untrained_cells(run: Experiment, whitening_sentences: int) -> list[Cell]:
    """What :func:`untrained` computes."""
    run.check_sizes([whitening_sentences], "whitening_sentences")
    own = {"n_sample": whitening_sentences, "seeds": list(run.seeds)}
    cells = [Cell("text", fitted_cells.of_text, (run.data,))]
    for plan, *_ in run.encoder_plans():
        args = (run.data, plan, whitening_sentences, run.seeds)
        cost = plan.cost(encoded=_n_fitted(run, whitening_sentences))
        cells.append(of_plan(plan, [], fitted_cells.of_encoder, args, own, cost))
    return [*cells, *ready_made_cells(run)]


def sample_curves(
    run: Experiment, sizes: Sequence[int], objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """What n unlabelled sentences buy: trained on, and fitted on, for every plan of the run.

    Returns:
        The rows of :func:`train_sizes`, and those of the baselines that stand on curves, fitted on
        the very samples. What needs no encoder is there once.
    """
    return _rows(run, sample_curve_cells(run, sizes, objectives))


def sample_curve_cells(
    run: Experiment, sizes: Sequence[int], objectives: Sequence[str] = STUDIED
) -> list[Cell]:
    """What :func:`sample_curves` computes."""
    run.check_sizes(sizes)
    trained = trajectory_cells(run, run.plans, max(sizes), [0, *sizes], objectives)
    fitted = fitted_curve_cells(run, run.encoder_plans(), sizes)
    return [*trained, *fitted, *ready_made_cells(run)]


def train_sizes(
    run: Experiment, sizes: Sequence[int], objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """One epoch on each number of sentences: one trajectory a plan, objective and seed.

    Returns:
        Tidy rows, with ``n_train`` 0 for the untrained encoder.
    """
    run.check_sizes(sizes)
    return _rows(run, trajectory_cells(run, run.plans, max(sizes), [0, *sizes], objectives))


def train_epochs(
    run: Experiment, n_train: int, num_epochs: int, objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """One to ``num_epochs`` epochs on ``n_train`` sentences: one trajectory a plan and seed.

    Returns:
        Tidy rows, with ``epoch`` 0 for the untrained encoder.
    """
    return _rows(run, epoch_cells(run, n_train, num_epochs, objectives))


def epoch_cells(
    run: Experiment, n_train: int, num_epochs: int, objectives: Sequence[str] = STUDIED
) -> list[Cell]:
    """What :func:`train_epochs` computes."""
    run.check_sizes([n_train], "n_train")
    plans = [replace(p, train=replace(p.train, num_epochs=num_epochs)) for p in run.plans]
    points = [epoch * n_train for epoch in range(num_epochs + 1)]
    return trajectory_cells(run, plans, n_train, points, objectives)


def compare_encoders(
    run: Experiment, n_train: int, sizes: Sequence[int] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each plan before and after one epoch, and the last encoder trained with labels too.

    A labelled example holds several sentences, so there are fewer of them: both see the same number
    of sentences. It is left out where the source has too few, and measured on the way at those of
    ``sizes`` (in sentences) that make up enough examples.

    Returns:
        Tidy rows, in which ``n_train`` counts examples; and those of the baselines that stand on
        curves, fitted on ``n_train`` sentences with the last encoder.
    """
    rows = _rows(run, encoder_cells(run, n_train, sizes))
    fitted = rows["kind"] == Kind.FITTED
    return rows[~fitted].reset_index(drop=True), rows[fitted].reset_index(drop=True)


def encoder_cells(run: Experiment, n_train: int, sizes: Sequence[int] = ()) -> list[Cell]:
    """What :func:`compare_encoders` computes."""
    run.check_sizes([n_train], "n_train")
    last = run.encoder_plans()[-1]
    trained = trajectory_cells(run, run.plans, n_train, [0, n_train], STUDIED)
    for method, objective in OBJECTIVES.items():
        if objective.kind is Kind.LABELLED:
            n_examples = n_train // objective.sentences_per_example
            points = {n // objective.sentences_per_example for n in [*sizes, n_train]}
            points = {n for n in points if 2 <= n <= n_examples}
            if points and n_examples <= objective.available(run.data):
                trained += trajectory_cells(run, last, n_examples, sorted(points), [method])
    return [*trained, *fitted_curve_cells(run, [last], [n_train]), *ready_made_cells(run)]


def trajectory_cells(
    run: Experiment,
    plans: Sequence[Plan],
    n_train: int,
    points: Sequence[int],
    methods: Sequence[str],
) -> list[Cell]:
    """A training run for every plan, objective and seed.

    Raises:
        EncoderError: an encoder that can encode alone, before anything is computed.
    """
    cells = []
    held_out = len(run.data.held_out()) * len(points)
    for plan in plans:
        plan.check_trainable()
        for method in methods:
            for seed in run.seeds:
                mine = replace(plan, train=replace(plan.train, seed=seed))
                own = {
                    "method": method,
                    "train": asdict(mine.train),
                    "n_train": n_train,
                    "points": list(points),
                    "device": plan.device,
                }
                cells.append(
                    of_plan(
                        plan,
                        [plan.pooling, method, f"seed{seed}"],
                        trained_cells.trajectory,
                        (run.data, mine, method, n_train, points),
                        own,
                        plan.cost(held_out, plan.train.num_epochs * n_train),
                        resumes=True,
                        among=partial(trained_cells.at_points, n_train=n_train, points=points),
                    )
                )
    return cells


def fitted_curve_cells(
    run: Experiment, encoders: Sequence[Sequence[Plan]], sizes: Sequence[int]
) -> list[Cell]:
    """The baselines that stand on curves: of text alone, and of each encoder under its poolings."""
    own = {"sizes": sorted(sizes), "seeds": list(run.seeds)}
    cells = [Cell("text-fitted", fitted_cells.of_text_samples, (run.data, sizes, run.seeds), own)]
    for plans in encoders:
        plan, poolings = plans[0], [plan.pooling for plan in plans]
        args, parts = (run.data, plan, poolings, sizes, run.seeds), {**own, "poolings": poolings}
        cost = plan.cost(encoded=_n_fitted(run, max(sizes)))
        cells.append(of_plan(plan, ["fitted"], fitted_cells.of_samples, args, parts, cost))
    return cells


def _n_fitted(run: Experiment, n_sample: int) -> int:
    """Sentences that are encoded to fit and to score: samples, and dev and test with tokens."""
    return len(run.seeds) * n_sample + 2 * len(run.data.held_out())


def ready_made_cells(run: Experiment) -> list[Cell]:
    """The encoders of others that stand beside those that are studied."""
    compute = fitted_cells.of_ready_made
    return [
        Cell(named(plan.stamp, fitted_cells.READY_MADE), compute, (run.data, plan), plan.stamp)
        for plan in run.ready_made
    ]


def _rows(run: Experiment, cells: Sequence[Cell]) -> pd.DataFrame:
    """The rows of all cells; what several measured, such as the untrained encoder, once."""
    rows = pd.concat(run.compute(cells), ignore_index=True)
    return rows.drop_duplicates(_KEYS, ignore_index=True)
