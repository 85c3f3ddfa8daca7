"""What a study is going to run, tried before anything is trained: types, data, sizes, encoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from simcse_core.config import PROJECT_ROOT, HubData
from simcse_core.data import StudyData, load_study_data
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name
from simcse_core.errors import ParameterError, StudyError, one_line
from simcse_core.experiment import SETTINGS, STUDIED, Experiment
from simcse_core.hub import HubError
from simcse_core.objectives import OBJECTIVES
from simcse_core.parameters import checked
from simcse_core.reading.columns import Columns
from simcse_core.sets.data import check_fixed, load_sets
from simcse_core.sets.experiments import SetsExperiment
from simcse_core.study.notebooks import defaults, read_notebook
from simcse_core.study.planned import Planned, planned_cells
from simcse_core.study.profiles import Step, check_types
from simcse_core.uses.data import load_application_data
from simcse_core.uses.experiments import ApplicationExperiment, draws_of
from simcse_core.your_sentences import draw


def chosen_steps(
    steps: Sequence[Step], overrides: Mapping[str, Any], only: Sequence[str] = ()
) -> list[Step]:
    """Those of the steps to run, all their parameters checked before anything starts.

    Args:
        only: names of notebooks to run; all if empty.

    Raises:
        StudyError: an unknown notebook, a parameter that none of them has or that has no effect on
            any, or one that cannot be used; the message names it and what to do.
    """
    chosen = [step for step in steps if not only or step.path.stem in only]
    if unknown := sorted(set(only) - {step.path.stem for step in chosen}):
        there = ", ".join(step.path.stem for step in steps)
        raise StudyError(f"notebook: unknown value {unknown[0]!r}; use one of: {there}")
    # The source says whose results the folder holds, even where no chosen notebook reads it.
    anywhere = {"source", "hub"} & {name for step in steps for name in step.parameters}
    known = {name for step in chosen for name in defaults(step.path)}
    if unknown := sorted(set(overrides) - known - anywhere):
        raise StudyError(
            f"unknown parameter {unknown[0]!r}; the notebooks have {', '.join(sorted(known))}"
        )
    for step in chosen:
        check_types(step)
    if overrides.get("hub") and "hub" not in {step.parameters.get("source") for step in chosen}:
        raise StudyError("hub: it has no effect, because no source is hub; add --source hub")
    for step in chosen:
        check_agreement(step, chosen)
    return [replace(step, planned=check_meaning(step)) for step in chosen]


def _check_objectives(run: Experiment, names: Sequence[str]) -> None:
    """Raises a ValueError unless a batch of every plan can be stepped, and there are examples."""
    for name in names:
        objective = OBJECTIVES[name]
        for plan in run.plans:
            objective.check(range(plan.train.batch_size), plan.train)
        wanted, there = max(run.parameters.get("sizes", [0])), objective.available(run.data)
        if wanted > there:
            raise ParameterError(
                f"objectives: {name} is to be trained on {wanted:,} examples, and {run.data.name} "
                f"has {there:,}; lower sizes or leave it out"
            )


def check_agreement(reader: Step, steps: Sequence[Step]) -> None:
    """Holds what a notebook measures against what those measure whose tables it reads.

    It would refuse their tables (see :meth:`Experiment.read`), hours later.

    Raises:
        StudyError: a parameter that differs, or an encoder of theirs that is none of its own.
    """
    code = _code(reader.path)
    for step in steps:
        if "run.read(" not in code or f'"{step.path.stem}"' not in code or step is reader:
            continue
        there, here = checked(step.parameters), checked(reader.parameters)
        for name in ("source", "hub", *SETTINGS):
            if name in here and name in there and here[name] != there[name]:
                raise StudyError(
                    f"{reader.path.name}: {name} is {here[name]!r} here and {there[name]!r} in "
                    f"{step.path.name}, whose tables are read here; set it for both"
                )
        mine = {encoder_name(name) for name in _encoders(here)}
        if mine and (lacking := [e for e in _encoders(there) if encoder_name(e) not in mine]):
            raise StudyError(
                f"{reader.path.name}: encoders lacks {lacking[0]!r}, with which "
                f"{step.path.name} makes the tables that are read here; name it in both"
            )


def _code(path: Path) -> str:
    return "\n".join(c.source for c in read_notebook(path) if c.cell_type == "code")


# A parameter with a meaning beyond its type: a row here. Only what a notebook has is checked.
MEANINGS: dict[str, Callable[[Experiment, Any], object]] = {
    "sizes": lambda run, sizes: run.check_sizes(sizes),
    "n_train": lambda run, n: run.check_sizes([n], "n_train"),
    "checkpoints": lambda run, sizes: run.check_drawable(sizes, "checkpoints"),
    "max_sentences": lambda run, n: draw(run.data, n, run.seeds[0]),
    "whitening_sentences": lambda run, n: run.check_sizes([n], "whitening_sentences"),
    "objectives": _check_objectives,
}


def check_meaning(step: Step) -> Planned:
    """Tries what the parameters name before anything is trained: data, sizes, encoders, settings.

    Returns:
        The cells that the notebook is known to compute.

    Raises:
        StudyError: the message names the notebook, the parameter and what to do.
    """
    values = checked(step.parameters)
    try:
        for parameter, check in _CHECKED_ON.items():
            if parameter in values:
                run = check(step.path.stem, values)
                run = replace(run, ready_made=run.ready_plans(values.get("ready_made", [])))
                cells = planned_cells(_code(step.path), run, values)
                run.let_go()
                return Planned(step.path.stem, cells, run.of_every_cell())
        if need := sorted(values.keys() & {*MEANINGS, "ready_made"}):
            raise ParameterError(
                f"source: the notebook has {', '.join(need)} and no such parameter; add it"
            )
        for encoder in _encoders(values):
            SentenceEncoder.from_pretrained(encoder_name(encoder))
    except (ValueError, HubError, OSError) as error:
        raise StudyError(f"{step.path.name}: {one_line(error)}") from error
    return Planned(step.path.stem)


def _checked_on_data(notebook: str, values: Mapping[str, Any]) -> Experiment:
    hub = HubData.from_mapping(values.get("hub", {}))
    extra = tuple(values.get("extra_sentences", ()))
    data = _study_data(values["source"], extra, hub, _columns(values))
    own = {name: values[name] for name in MEANINGS if name in values}
    run = Experiment.on(
        data,
        notebook,
        encoders=_encoders(values),
        seeds=values.get("seeds", [0]),
        output_dir=PROJECT_ROOT,
        **_settings(values),
        **own,
    )
    for name, value in own.items():
        MEANINGS[name](run, value)
    _check_objectives(run, STUDIED)
    return run


def _checked_on_texts(notebook: str, values: Mapping[str, Any]) -> Experiment:
    draws = draws_of(values)
    data = load_application_data(values["application_source"], draws.smallest)
    run = ApplicationExperiment.on(
        data,
        notebook,
        encoders=_encoders(values),
        seeds=values["seeds"],
        output_dir=PROJECT_ROOT,
        **_settings(values),
        **asdict(draws),
        n_train=values["n_train"],
    )
    run.check_sizes([values["n_train"]], "n_train")
    _check_objectives(run, STUDIED)
    return run


def _checked_on_sets(notebook: str, values: Mapping[str, Any]) -> SetsExperiment:
    own = {name: values[name] for name in ("max_pairs", "n_unlabelled")}
    every = [values["source"], *values["sources"]]
    first = {"extra": values["extra_sentences"], "columns": _columns(values)}
    run = SetsExperiment.on(
        load_sets(every, values["hub"], **own, **first),
        notebook,
        encoders=values["encoders"],
        seeds=values["seeds"],
        output_dir=PROJECT_ROOT,
        sizes=values["sizes"],
        recipe_encoders=values["recipe_encoders"],
        **own,
        **_settings(values),
    )
    check_fixed(run.data, values["fixed_on"])
    _check_objectives(run.runs[0], STUDIED)
    return run


# A parameter that a notebook on such data has, and what tries its values; the first that is there.
_CHECKED_ON: dict[str, Callable[[str, Mapping[str, Any]], Experiment]] = {
    "application_source": _checked_on_texts,
    "sources": _checked_on_sets,
    "source": _checked_on_data,
}


def _columns(values: Mapping[str, Any]) -> Columns:
    return Columns(
        values.get("text_column", ""),
        tuple(values.get("pair_columns", ())),
        values.get("label_column", ""),
    )


def _encoders(values: Mapping[str, Any]) -> list[str]:
    return values.get("encoders") or [values[key] for key in ("encoder",) if key in values]


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in SETTINGS if key in values}


@cache
def _study_data(source: str, extra: tuple[str, ...], hub: HubData, columns: Columns) -> StudyData:
    return load_study_data(source, extra, hub, columns)
