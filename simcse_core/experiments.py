"""The experiments behind the notebooks: each is one call that returns tidy rows.

Every cell, a run or a fit, is kept in the output folder and used again while nothing that decides
it changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from simcse_core import fitted_cells, trained_cells
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import HubData, Kind
from simcse_core.data import StudyData, load_study_data
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan, make_plan
from simcse_core.report.facts import facts
from simcse_core.report.pages import told, write_chart
from simcse_core.report.style import set_style
from simcse_core.results import (
    Stamp,
    output_directory,
    read_table,
    stamp,
    stored,
    write_table,
)
from simcse_core.sources import DataError

# Whose code decides the numbers of a table.
_TABLE_MODULES = [
    f"simcse_core.{name}" for name in ("trained_cells", "fitted_cells", "comparison", "claims")
]
# What the study is about; others stand beside it where they are asked for.
STUDIED = ("unsup-simcse",)


@dataclass(frozen=True)
class Experiment:
    """What every call of a notebook shares.

    Attributes:
        name: the notebook's.
        data: what is trained and measured on.
        plans: the encoders, with poolings and settings.
        seeds: each draws its own sentences and dropout.
        output_dir: where cells, tables and charts go.
        parameters: what else decides the results, for the stamps of the tables.
        language: of charts and prose.

    Raises:
        DataError: no seed, a negative one, or one twice.
    """

    name: str
    data: StudyData
    plans: Sequence[Plan]
    seeds: Sequence[int]
    output_dir: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    language: str = "en"

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) != len(self.seeds):
            raise DataError(f"seeds: distinct numbers from 0 up are needed, got {self.seeds}")

    @classmethod
    def open(
        cls,
        name: str,
        *,
        source: str,
        extra_sentences: Sequence[str],
        hub: Mapping[str, object],
        encoders: Sequence[str],
        seeds: Sequence[int],
        output_dir: str,
        language: str,
        pooling: str = "",
        training: Mapping[str, object] | None = None,
        **parameters: object,
    ) -> Experiment:
        """Reads the data, finds the encoders, and prints what is going to be run on what.

        Args:
            parameters: the notebook's own, such as its sizes.
        """
        data = load_study_data(source, extra_sentences, HubData.from_mapping(hub))
        plans = [make_plan(encoder, pooling, training) for encoder in encoders]
        folder = output_directory(output_dir)
        run = cls(name, data, plans, seeds, folder, parameters, set_style(language))
        print(run.describe())
        return run

    def describe(self) -> str:
        """The data, the encoders with their settings, how much is cut, the seeds."""
        own = [f"{key} {value}" for key, value in self.parameters.items()]
        return "\n".join(
            [
                self.data.describe(),
                *(plan.describe() for plan in self.plans),
                *dict.fromkeys(plan.describe_cut(self.data.held_out()) for plan in self.plans),
                " · ".join([f"seeds {list(self.seeds)}", *own]),
            ]
        )

    def check_sizes(self, sizes: Sequence[int], parameter: str = "sizes") -> None:
        """Raises a DataError that names the parameter unless every size can be drawn."""
        n_pool = len(self.data.pool.sentences)
        if (
            not sizes
            or len(set(sizes)) != len(sizes)
            or not 2 <= min(sizes) <= max(sizes) <= n_pool
        ):
            raise DataError(
                f"{parameter}: distinct numbers from 2 to the {n_pool:,} sentences of the pool are "
                f"needed, got {list(sizes)}; name more files in extra_sentences for a larger pool"
            )

    # ---------------------------------------------------------------- cells

    def kept(
        self, name: str, compute: Callable[..., pd.DataFrame], *args: Any, **parts: object
    ) -> pd.DataFrame:
        """What ``compute(*args)`` gives, kept under ``name`` while ``parts`` and the data hold."""
        made_by = self._stamp([compute.__module__], **parts)
        frame = stored(self.output_dir, self._file_name(name), made_by, partial(compute, *args))
        return frame.assign(experiment=self.name)

    def kept_run(
        self, name: str, compute: Callable[..., pd.DataFrame], *args: Any, **parts: object
    ) -> pd.DataFrame:
        """The same for a training run, which goes on where it was broken off."""
        name, made_by = self._file_name(name), self._stamp([compute.__module__], **parts)
        folder = self.output_dir / "cells" / f"{name}.unfinished"
        frame = stored(
            self.output_dir, name, made_by, lambda: compute(*args, Checkpoint(folder, made_by))
        )
        shutil.rmtree(folder, ignore_errors=True)
        return frame.assign(experiment=self.name)

    def _file_name(self, name: str) -> str:
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{self.name}-{name}")

    def _stamp(self, modules: Sequence[str], **parts: object) -> Stamp:
        return stamp(
            modules,
            experiment=self.name,
            dataset=self.data.name,
            data=self.data.fingerprint,
            threads=torch.get_num_threads(),
            **parts,
        )

    # ---------------------------------------------------------------- tables

    def table(self, name: str, frame: pd.DataFrame, made_from: Sequence[str] = ()) -> pd.DataFrame:
        """Writes a table with its stamp, and gives it back.

        Args:
            made_from: the tables it was derived from, if it was; they are named with their hashes.
        """
        encoders = {
            plan.stamp["encoder"]: {**plan.stamp, "train": asdict(plan.train)}
            for plan in self.plans
        }
        parts: dict[str, object] = {"encoders": encoders, "seeds": list(self.seeds)}
        if made_from:
            parts["made_from"] = {
                table: read_table(self.output_dir, table)[1]["sha256"] for table in made_from
            }
        if self.data.published:
            parts["published"] = self.data.published
        write_table(
            self.output_dir,
            name,
            frame,
            self._stamp(_TABLE_MODULES, **parts, parameters=dict(self.parameters)),
        )
        return frame

    def read(self, name: str, notebook: str) -> pd.DataFrame:
        """A table that another notebook wrote into the same folder, on the same data.

        Raises:
            FileNotFoundError: it is not there; the message names the notebook to run first.
            ValueError: it was changed, or measured on other data.
        """
        again = f"run notebooks/{notebook}.ipynb with the same output_dir and source first"
        try:
            frame, made_by = read_table(self.output_dir, name)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error.filename} is not there; {again}, or the whole study with make study"
            ) from error
        except ValueError as error:
            raise ValueError(f"{error}; {again}") from error
        if made_by.get("data") != self.data.fingerprint:
            raise ValueError(
                f"{name}.csv was measured on other data ({made_by.get('dataset')}) than this run's "
                f"({self.data.name}); {again}"
            )
        return frame

    # ---------------------------------------------------------------- what is shown

    def chart(self, name: str) -> Figure:
        """Draws a chart from its table as it was written, saves it beside it, and returns it.

        Args:
            name: a key of :data:`simcse_core.report.topics.CHARTS`.
        """
        return write_chart(self.output_dir, name)

    def tell(self, part: str) -> Told:
        """A table or prose of what was written, such as ``curve 02_small_sample n_train``.

        Args:
            part: a kind of :data:`simcse_core.report.markers.KINDS`, a table, further words.
        """
        return Told(told(self.output_dir, part, self.language))

    def facts(self, results: pd.DataFrame) -> None:
        """Prints what holds of these rows on every machine."""
        print(self.data.describe())
        print(*facts(results), sep="\n")


class Told(str):
    """Markdown that a notebook shows as such."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


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
