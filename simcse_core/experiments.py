"""The experiments behind the notebooks: each is one call that returns tidy rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import pandas as pd
from tqdm.auto import tqdm

from simcse_core import fitted_cells, trained_cells
from simcse_core.config import Kind
from simcse_core.experiment import STUDIED, Experiment
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan


def untrained(run: Experiment, whitening_sentences: int) -> pd.DataFrame:
    """Every baseline: without an encoder, and every pooling of every encoder, on dev and test.

    What counts text or tokens is fitted on the whole unlabelled pool; what needs the vectors of
    what it is fitted on, on ``whitening_sentences`` of it, drawn anew for each seed.
    """
    run.check_sizes([whitening_sentences], "whitening_sentences")
    frames = [run.kept("text", fitted_cells.of_text, run.data)]
    for plan in tqdm(run.plans, desc="untrained", unit="encoder", leave=False):
        args = (run.data, plan, whitening_sentences, run.seeds)
        own = {"n_sample": whitening_sentences, "seeds": list(run.seeds)}
        name = f"{plan.stamp['encoder']}-{plan.stamp['fingerprint']}"
        frames.append(run.kept(name, fitted_cells.of_encoder, *args, **plan.stamp, **own))
    return pd.concat(frames, ignore_index=True)


def sample_curves(
    run: Experiment, sizes: Sequence[int], objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """What n unlabelled sentences buy: trained on, and fitted on, for every encoder of the run."""
    trained, fitted = train_sizes(run, sizes, objectives), fit_sizes(run, run.plans, sizes)
    return pd.concat([trained, fitted], ignore_index=True)


def fit_sizes(run: Experiment, plans: Sequence[Plan], sizes: Sequence[int]) -> pd.DataFrame:
    """The baselines that stand on curves, fitted on each number of sentences.

    The samples are those that :func:`train_sizes` trains on.

    Returns:
        Tidy rows. What needs no encoder is there once.
    """
    run.check_sizes(sizes)
    frames = []
    for plan in plans:
        args = (run.data, plan, sizes, run.seeds)
        own = {"sizes": sorted(sizes), "seeds": list(run.seeds)}
        name = f"{plan.stamp['encoder']}-{plan.stamp['fingerprint']}-fitted"
        frames.append(run.kept(name, fitted_cells.of_samples, *args, **plan.stamp, **own))
    rows = pd.concat(frames, ignore_index=True)
    keys = ["encoder", "method", "pooling", "n_train", "seed", "split", "metric"]
    return rows.drop_duplicates(keys, ignore_index=True)


def train_sizes(
    run: Experiment, sizes: Sequence[int], objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """One epoch on each number of sentences: one trajectory an encoder, objective and seed.

    Returns:
        Tidy rows, with ``n_train`` 0 for the untrained encoder.
    """
    run.check_sizes(sizes)
    return _trajectories(run, run.plans, max(sizes), [0, *sizes], objectives)


def train_epochs(
    run: Experiment, n_train: int, num_epochs: int, objectives: Sequence[str] = STUDIED
) -> pd.DataFrame:
    """One to ``num_epochs`` epochs on ``n_train`` sentences: one trajectory a seed.

    Returns:
        Tidy rows, with ``epoch`` 0 for the untrained encoder.
    """
    run.check_sizes([n_train], "n_train")
    plans = [replace(p, train=replace(p.train, num_epochs=num_epochs)) for p in run.plans]
    points = [epoch * n_train for epoch in range(num_epochs + 1)]
    return _trajectories(run, plans, n_train, points, objectives)


def compare_encoders(run: Experiment, n_train: int, sizes: Sequence[int] = ()) -> pd.DataFrame:
    """Each encoder before and after one epoch, and the last of them trained with labels too.

    A labelled example holds several sentences, so there are fewer of them: both see the same number
    of sentences. It is left out where the source has too few, and measured on the way at those of
    ``sizes`` (in sentences) that make up enough examples.

    Returns:
        Tidy rows; ``n_train`` counts examples.
    """
    run.check_sizes([n_train], "n_train")
    frames = [_trajectories(run, run.plans, n_train, [0, n_train], STUDIED)]
    for method, objective in OBJECTIVES.items():
        if objective.kind is Kind.LABELLED:
            n_examples = n_train // objective.sentences_per_example
            points = {n // objective.sentences_per_example for n in [*sizes, n_train]}
            points = {n for n in points if 2 <= n <= n_examples}
            if points and n_examples <= objective.available(run.data):
                last = run.plans[-1:]
                frames.append(_trajectories(run, last, n_examples, sorted(points), [method]))
    return pd.concat(frames, ignore_index=True)


def _trajectories(
    run: Experiment,
    plans: Sequence[Plan],
    n_train: int,
    points: Sequence[int],
    methods: Sequence[str],
) -> pd.DataFrame:
    """Rows of every plan, objective and seed; those of the untrained encoder once a seed."""
    frames = []
    for plan in plans:
        for method in methods:
            for seed in run.seeds:
                mine = replace(plan, train=replace(plan.train, seed=seed))
                name = "-".join((plan.stamp["encoder"], plan.stamp["fingerprint"], method))
                frames.append(
                    run.kept_run(
                        f"{name}-seed{seed}",
                        trained_cells.trajectory,
                        *(run.data, mine, method, n_train, points),
                        **plan.stamp,
                        method=method,
                        train=asdict(mine.train),
                        n_train=n_train,
                        points=list(points),
                        device=plan.device,
                    )
                )
    rows = pd.concat(frames, ignore_index=True)
    keys = ["encoder", "method", "pooling", "n_train", "epoch", "seed", "split", "metric"]
    return rows.drop_duplicates(keys, ignore_index=True)
