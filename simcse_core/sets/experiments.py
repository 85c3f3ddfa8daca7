"""The experiment behind the notebook on several sources: every method and recipe on each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd

from simcse_core.cells import Cell, named, of_plan
from simcse_core.data import StudyData
from simcse_core.encoder_names import encoder_name
from simcse_core.errors import DataError, ParameterError
from simcse_core.experiment import Experiment
from simcse_core.fitted_cells import READY_MADE
from simcse_core.folders import owner_of
from simcse_core.parameters import checked
from simcse_core.plans import Plan
from simcse_core.reading.columns import Columns
from simcse_core.recipes import PLAIN, RECIPES
from simcse_core.sets import cells as set_cells
from simcse_core.sets.data import SetData, Sets, load_sets
from simcse_core.sources import SAMPLE_NAME
from simcse_core.untrained_encoder import UntrainedEncoder, untrained_encoders
from simcse_core.workers import n_threads


@dataclass(frozen=True)
class SetsExperiment(Experiment):
    """An experiment on several sources.

    Attributes:
        runs: one for each source, with the poolings that are best there.
        whole: the encoders that every recipe is tried on, by the names of their plans; the others
            get plain SimCSE alone.
    """

    data: Sets
    modules: Sequence[str] = tuple(
        f"simcse_core.sets.{name}" for name in ("cells", "choice", "indicators")
    )
    runs: Sequence[Experiment] = ()
    whole: Collection[str] = ()

    @classmethod
    def open_sets(
        cls,
        name: str,
        *,
        source: str,
        sources: Sequence[str],
        extra_sentences: Sequence[str],
        hub: Mapping[str, object],
        columns: Columns,
        output_dir: str,
        sizes: Sequence[int],
        max_pairs: int,
        n_unlabelled: int,
        recipe_encoders: Sequence[str],
        **given: Any,
    ) -> Self:
        """Reads the sources, finds the encoders, and prints what is going to be run on what.

        Args:
            source: as elsewhere; it says whose the folder is.
            sources: further ones, whose files tell by themselves what their columns are.
            extra_sentences, columns: of ``source``.
            max_pairs: of each part of a source, 0 for all.
            n_unlabelled: sentences of each source that are probed and never trained on.
            recipe_encoders: of the encoders those that every recipe is tried on, all if empty.
            given: the other parameters of ``Experiment.open``, and what the notebook has beside.

        Raises:
            ParameterError, FolderError: see ``Experiment.open``.
            DataError: a source that cannot be used, or has too little.
        """
        own: dict[str, object] = {"sizes": sizes, "max_pairs": max_pairs}
        own |= {"n_unlabelled": n_unlabelled, "recipe_encoders": recipe_encoders}
        asked = {"source": source, "sources": sources, "extra_sentences": extra_sentences}
        named = checked({**asked, "hub": hub, **own})
        every = [named["source"], *named["sources"]]
        first = {"extra": named["extra_sentences"], "columns": columns}
        load = partial(load_sets, every, named["hub"], max_pairs, n_unlabelled, **first)
        owner = owner_of(named["source"], named["hub"])
        return cls.opened(name, load, owner, output_dir, {**given, **own})

    @classmethod
    def on(
        cls,
        data: StudyData,
        name: str,
        *,
        encoders: Sequence[str | UntrainedEncoder],
        seeds: Sequence[int],
        output_dir: Path,
        **parameters: Any,
    ) -> Self:
        """An experiment on sources that were read; nothing is printed or written.

        Raises:
            ParameterError: an encoder for recipes is none of ``encoders``.
        """
        assert isinstance(data, Sets)
        shared = untrained_encoders(encoders, parameters.get("max_seq_length"))
        given = {"encoders": shared, "seeds": seeds, "output_dir": output_dir, **parameters}
        names, asked = [one.name for one in shared], parameters["recipe_encoders"]
        if unknown := [one for one in asked if encoder_name(one) not in names]:
            raise ParameterError(
                f"recipe_encoders: {unknown[0]!r} is none of encoders, which are {', '.join(names)}"
            )
        whole = [encoder_name(one) for one in asked] or names
        runs = [Experiment.on(one, name, **given) for one in data.every]
        first = runs[0]
        plans = list(dict.fromkeys(plan for run in runs for plan in run.plans))
        run = cls(
            name,
            data,
            plans,
            seeds,
            output_dir,
            first.parameters,
            first.language,
            first.settings,
            runs=runs,
            whole=whole,
        )
        run.check_every_size()
        return run

    def _shared(self) -> dict[str, object]:
        return {**super()._shared(), "datasets": [one.data.name for one in self.runs]}

    def of_every_cell(self) -> dict[str, object]:
        """The same whatever other sources stand beside: each cell names its own."""
        return {"experiment": self.name, "threads": n_threads()}

    def check_every_size(self) -> None:
        """Raises a DataError that names the source unless every size can be drawn from each."""
        for run in self.runs:
            try:
                run.check_sizes(self.parameters["sizes"])
            except DataError as error:
                raise DataError(f"{run.data.name}: {error}") from error

    def describe(self) -> str:
        """Each source with the encoders on it."""
        return "\n\n".join(run.describe() for run in self.runs)


def measure_sets(run: SetsExperiment, recipes: Sequence[str]) -> pd.DataFrame:
    """Every method and recipe on every source, at each size, for each seed.

    Returns:
        Tidy rows: ``dev`` and ``test`` with labels, ``held-out`` for what was asked of sentences
        without any (see :mod:`simcse_core.probes`).
    """
    return pd.concat(run.compute(sets_cells(run, recipes)), ignore_index=True)


def sets_cells(run: SetsExperiment, recipes: Sequence[str]) -> list[Cell]:
    """What :func:`measure_sets` computes.

    Raises:
        ParameterError: more general text is to be mixed in than there is.
    """
    for one in run.runs:
        _check_general(one.data, run.parameters["sizes"], recipes)
    return [_of_set(cell, one.data) for one in run.runs for cell in _cells(run, one, recipes)]


def _cells(run: SetsExperiment, one: Experiment, recipes: Sequence[str]) -> list[Cell]:
    data, sizes, seeds = one.data, run.parameters["sizes"], list(one.seeds)
    own = {"sizes": sorted(sizes), "seeds": seeds}
    cells = [Cell("text", set_cells.of_text, (data, sizes, seeds), own)]
    for plans in one.encoder_plans():
        plan, poolings = plans[0], [plan.pooling for plan in plans]
        args, parts = (data, plan, poolings, sizes, seeds), {**own, "poolings": poolings}
        cost = plan.cost(len(seeds) * max(sizes) + 2 * _n_measured(data))
        cells.append(of_plan(plan, ["fitted"], set_cells.of_encoder, args, parts, cost))
        tried = recipes if plan.encoder in run.whole else [PLAIN]
        cells += [
            _trajectory(data, plan, name, sizes, seed)
            for plan in plans
            for name in tried
            if not _mixes_with_itself(name, data)
            for seed in seeds
        ]
    for ready in run.ready_made:
        label = named(ready.stamp, READY_MADE)
        cells.append(Cell(label, set_cells.of_ready_made, (data, ready), ready.stamp))
    return cells


def _mixes_with_itself(recipe: str, data: StudyData) -> bool:
    """Whether a recipe mixes general text in and the data is itself that text."""
    return bool(RECIPES[recipe].general) and data.name == SAMPLE_NAME


def _check_general(data: StudyData, sizes: Sequence[int], recipes: Sequence[str]) -> None:
    for name in recipes:
        if (n := RECIPES[name].general) and not _mixes_with_itself(name, data):
            assert isinstance(data, SetData)
            wanted, there = n * max(sizes), len(set_cells.general_text(data))
            if wanted > there:
                raise ParameterError(
                    f"recipes: {name} takes {wanted:,} sentences of the bundled sample, which has "
                    f"{there:,} that are not in {data.name}; lower sizes or leave it out"
                )


def _trajectory(data: StudyData, plan: Plan, name: str, sizes: Sequence[int], seed: int) -> Cell:
    plan.check_trainable()
    mine = replace(plan, train=replace(plan.train, seed=seed))
    own = {"method": name, "train": asdict(mine.train), "sizes": sorted(sizes)}
    own |= {"device": plan.device}
    what = [plan.pooling, name, f"seed{seed}"]
    cost = plan.cost(*RECIPES[name].sentences(sizes, _n_measured(data)))
    return of_plan(plan, what, set_cells.trajectory, (data, mine, name, sizes), own, cost)


def _n_measured(data: StudyData) -> int:
    """Texts that are encoded to score once: of pairs, and of probes each whole, halved, cut."""
    assert isinstance(data, SetData)
    return len(data.held_out()) + 4 * len(data.unlabelled)


def _of_set(cell: Cell, data: StudyData) -> Cell:
    """The cell under a name of its own among those of other sources."""
    parts = {**cell.parts, "dataset": data.name, "data": data.fingerprint}
    return replace(cell, name=f"{data.fingerprint}-{cell.name}", parts=parts)
