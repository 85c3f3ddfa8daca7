"""The experiment behind the notebook on uses: every method, seed by seed, on the four uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Self

import pandas as pd

from simcse_core.cells import Cell, of_plan
from simcse_core.experiment import STUDIED, Experiment
from simcse_core.folders import owner_of
from simcse_core.parameters import checked
from simcse_core.plans import Plan
from simcse_core.uses import cells as use_cells
from simcse_core.uses.cells import COUNTED, DETAILS, NO_ENCODER, Draws
from simcse_core.uses.data import ApplicationData, load_application_data

# What distinguishes a row; TF-IDF is measured once for all encoders.
_KEPT = ("encoder", "method", "kind", "pooling", "n_train", "seed", "dataset", "use", *DETAILS)


@dataclass(frozen=True)
class ApplicationExperiment(Experiment):
    """An experiment on texts of services in the place of pairs."""

    data: ApplicationData
    modules: Sequence[str] = ("simcse_core.uses.cells", "simcse_core.uses.comparison")

    @classmethod
    def open_texts(
        cls,
        name: str,
        *,
        application_source: str,
        output_dir: str,
        examples: Sequence[int],
        labelled_examples: int,
        unknown_shares: Sequence[float],
        n_train: int,
        **given: Any,
    ) -> Self:
        """Reads the texts, finds the encoders, and prints what is going to be run on what.

        Args:
            application_source: ``sample`` or a folder, see ``load_application_data``.
            given: the other parameters of ``Experiment.open``.

        Raises:
            ParameterError, FolderError: see ``Experiment.open``.
            DataError, InputError: texts that cannot be used.
        """
        own = {
            "examples": examples,
            "labelled_examples": labelled_examples,
            "unknown_shares": unknown_shares,
            "n_train": n_train,
        }
        source = checked({"application_source": application_source})["application_source"]
        draws = draws_of(checked(own))
        load = partial(load_application_data, source, draws.smallest)
        run = cls.opened(name, load, owner_of(source, {}), output_dir, {**given, **own})
        run.check_sizes([n_train], "n_train")
        return run

    @property
    def draws(self) -> Draws:
        """How much is labelled and held out."""
        return draws_of(self.parameters)


def draws_of(parameters: Any) -> Draws:
    """The parameters of a notebook that say how much is labelled and held out."""
    names = ("examples", "labelled_examples", "unknown_shares")
    return Draws(*(parameters[name] for name in names))


def measure_methods(run: ApplicationExperiment) -> pd.DataFrame:
    """Every method on every use: counted, as encoders are, whitened, and trained.

    Returns:
        Rows of ``use_cells.measure_uses``, with ``encoder, method, kind, pooling, n_train,
        seed, dataset``.
    """
    rows = pd.concat(run.compute(method_cells(run)), ignore_index=True)
    return rows[[*_KEPT, "metric", "value", "ci_low", "ci_high", "missing"]]


def method_cells(run: ApplicationExperiment) -> list[Cell]:
    """What :func:`measure_methods` computes."""
    draws, n = run.draws, run.parameters["n_train"]
    n_texts = len(run.data.held_out())
    own: dict[str, Any] = {"draws": asdict(draws), "n_sample": n}
    cells = [
        Cell(
            f"{NO_ENCODER}-{COUNTED}-seed{seed}",
            use_cells.of_text,
            (run.data, draws, n, seed),
            {"seed": seed, **own},
        )
        for seed in run.seeds
    ]
    for plan in run.plans:
        args = (run.data, plan, draws, n, run.seeds)
        parts, what = {**own, "seeds": list(run.seeds)}, [plan.pooling, "fitted"]
        cost = plan.cost(encoded=n_texts + n * len(run.seeds))
        cells.append(of_plan(plan, what, use_cells.of_encoder, args, parts, cost))
        cells += [_trained(run, plan, method, seed) for method in STUDIED for seed in run.seeds]
    return cells


def _trained(run: ApplicationExperiment, plan: Plan, method: str, seed: int) -> Cell:
    mine = replace(plan, train=replace(plan.train, seed=seed))
    n = run.parameters["n_train"]
    own = {
        "method": method,
        "train": asdict(mine.train),
        "draws": asdict(run.draws),
        "n_train": n,
        "device": plan.device,
    }
    return of_plan(
        plan,
        [plan.pooling, method, f"seed{seed}"],
        use_cells.trained,
        (run.data, mine, method, run.draws, n),
        own,
        plan.cost(len(run.data.held_out()), plan.train.num_epochs * n),
        resumes=True,
    )


def of_use(rows: pd.DataFrame, use: str) -> pd.DataFrame:
    """The rows of one use, without the columns that only others have."""
    mine = rows[rows["use"] == use]
    empty = [column for column in (*DETAILS, "ci_low", "ci_high") if mine[column].isna().all()]
    return mine.drop(columns=empty).reset_index(drop=True)
