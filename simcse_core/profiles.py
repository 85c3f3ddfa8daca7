"""What a study runs: the numbered notebooks, their parameters by profile and by command line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat

from simcse_core.application_data import load_application_data
from simcse_core.application_experiments import ApplicationExperiment, draws_of
from simcse_core.config import NOTEBOOK_STEM, PACKAGE, PROJECT_ROOT, HubData
from simcse_core.data import StudyData, load_study_data
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name
from simcse_core.errors import ParameterError, PlainError, one_line
from simcse_core.experiment import SETTINGS, STUDIED, Experiment
from simcse_core.hub import HubError
from simcse_core.objectives import OBJECTIVES
from simcse_core.parameters import checked
from simcse_core.planned_cells import NOTHING_PLANNED, Planned, planned_cells
from simcse_core.reading.columns import Columns
from simcse_core.set_data import check_fixed, load_sets
from simcse_core.set_experiments import SetsExperiment
from simcse_core.yaml_values import parse_yaml
from simcse_core.your_sentences import draw

# Of the clone, or copied to where somebody works; else those that came with the package.
_OWN = PROJECT_ROOT / "notebooks"
NOTEBOOKS = _OWN if (_OWN / "profiles").is_dir() else PACKAGE / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
# Profile "quick" is the defaults written in the notebooks, so it has no file.
QUICK = "quick"
ALL = "all"  # the section of a profile for every notebook that has the parameter
# Set elsewhere for a study as a whole.
_ELSEWHERE = {"output_dir": "name the folder with --out"}


class StudyError(PlainError, RuntimeError):
    """A study that cannot start or did not finish; the message says what failed and where."""


# ---------------------------------------------------------------- notebooks


def notebook_paths() -> list[Path]:
    """The numbered notebooks, in order; copies of other names, such as JupyterLab's, are none.

    Raises:
        StudyError: two have one number, so that they would write the same tables.
    """
    found = sorted(p for p in NOTEBOOKS.glob("*.ipynb") if NOTEBOOK_STEM.fullmatch(p.stem))
    for one, other in pairwise(found):
        if one.stem[:2] == other.stem[:2]:
            raise StudyError(
                f"notebooks: {one.name} and {other.name} have one number and would write the same "
                "tables; give one another number, or move it"
            )
    return found


def left_out() -> list[str]:
    """The names of notebooks that begin with a number and are none of :func:`notebook_paths`."""
    numbered = {path.name for path in notebook_paths()}
    return sorted(p.name for p in NOTEBOOKS.glob("[0-9][0-9]*.ipynb") if p.name not in numbered)


def copy_notebooks(folder: Path) -> list[Path]:
    """Copies the notebooks and profiles to a folder of the user's, and says where each went.

    Raises:
        StudyError: one of them is there already, or the folder cannot be written.
    """
    copies = {path: folder / path.name for path in notebook_paths()}
    profiles = sorted(path for path in PROFILES.glob("*.yaml") if path.is_file())
    copies |= {path: folder / PROFILES.name / path.name for path in profiles}
    if there := [target for target in copies.values() if target.exists()]:
        raise StudyError(
            f"--copy-notebooks: {there[0]} is there already; name another folder, or move it away"
        )
    try:
        (folder / PROFILES.name).mkdir(parents=True, exist_ok=True)
        for path, target in copies.items():
            target.write_bytes(path.read_bytes())
    except OSError as error:
        raise StudyError(f"--copy-notebooks: {folder} cannot be written ({error})") from error
    return list(copies.values())


def defaults(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook with their default values.

    Raises:
        StudyError: it is no notebook, or has no cell, or several, tagged ``parameters``.
    """
    source = parameters_cell(notebook, read_notebook(notebook))
    try:
        return literals(source)
    except ParameterError as error:
        raise StudyError(f"{notebook.name}, parameters cell, {error}") from error


def read_notebook(path: Path) -> list[nbformat.NotebookNode]:
    """The cells of a notebook; raises a StudyError if it is none."""
    try:
        return list(nbformat.read(path, as_version=4).cells)
    except Exception as error:  # nbformat lets through what its parser and its schema raise
        said = one_line(error)
        raise StudyError(f"{path.name}: cannot be read as a notebook ({said})") from error


def parameters_cell(notebook: Path, cells: Sequence[nbformat.NotebookNode]) -> str:
    """The source of the one cell tagged ``parameters``; raises a StudyError if there is not one."""
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise StudyError(
            f"{notebook.name}: expected one cell tagged 'parameters', got {len(tagged)}"
        )
    return str(tagged[0].source)


def literals(source: str) -> dict[str, Any]:
    """What a cell of nothing but ``name = literal`` assigns.

    Raises:
        ParameterError: there is something else in it; papermill recomputes nothing.
    """
    found: dict[str, Any] = {}
    try:
        for statement in ast.parse(source).body:
            name, value = _assigned(statement)
            if name is None or name in found:
                raise ParameterError(
                    f"line {statement.lineno}: only 'name = literal' belongs here, each name once; "
                    "papermill recomputes nothing"
                )
            found[name] = value
    except SyntaxError as error:
        raise ParameterError(f"line {error.lineno}: {error.msg}") from error
    return found


def _assigned(statement: ast.stmt) -> tuple[str | None, Any]:
    match statement:
        case ast.Assign(targets=[ast.Name(name)], value=value):
            with suppress(ValueError):
                return name, ast.literal_eval(value)
    return None, None


# ---------------------------------------------------------------- profiles


def load_profile(profile: str) -> dict[str, dict[str, Any]]:
    """Parameters by notebook name, as the profile's file gives them.

    Raises:
        StudyError: there is no such profile, or it names a notebook or a parameter that does not
            exist.
        YamlError: the file is not YAML, or says something twice.
    """
    parameters = {path.stem: defaults(path) for path in notebook_paths()}
    content = _sections(profile)
    if unknown := [name for name in content if name not in (ALL, *parameters)]:
        there = ", ".join(parameters)
        raise StudyError(f"{profile}.yaml: no notebook {unknown[0]!r}; there are {there}")
    shared = content.pop(ALL, {})
    anywhere = {name for own in parameters.values() for name in own}
    if unknown := [name for name in shared if name not in anywhere]:
        raise StudyError(f"{profile}.yaml: no notebook has the parameter {unknown[0]!r} of '{ALL}'")
    given = {
        name: {key: value for key, value in shared.items() if key in own} | content.get(name, {})
        for name, own in parameters.items()
    }
    for name, own in given.items():
        _refuse_elsewhere(own, f"{profile}.yaml, {name}")
    return given


def _sections(profile: str) -> dict[Any, dict[Any, Any]]:
    """What a profile's file says, by notebook."""
    files = {path.stem: path for path in sorted(PROFILES.glob("*.yaml")) if path.is_file()}
    if QUICK in files:
        raise StudyError(
            f"{files[QUICK].name}: the profile {QUICK} is what the notebooks have by default; give "
            "the file another name"
        )
    if profile == QUICK:
        return {}
    if profile not in files:
        raise StudyError(
            f"profile: unknown value {profile!r}; use one of: {', '.join([QUICK, *files])}"
        )
    try:
        text = files[profile].read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StudyError(f"{profile}.yaml: cannot be read ({error})") from error
    content = parse_yaml(text, f"{profile}.yaml")
    if not isinstance(content, dict):
        raise StudyError(f"{profile}.yaml: expected parameters by notebook, got {content!r}")
    for name, section in content.items():
        if not isinstance(section, dict):
            raise StudyError(
                f"{profile}.yaml, {name}: expected parameters and their values, got {section!r}; "
                "leave the section out if it has none"
            )
    return content


def _refuse_elsewhere(parameters: Mapping[Any, Any], where: str) -> None:
    for name in parameters:
        if name in _ELSEWHERE:
            raise StudyError(f"{where}: {name} is not set here; {_ELSEWHERE[name]}")


# ---------------------------------------------------------------- what is run


@dataclass(frozen=True)
class Step:
    """One notebook to run.

    Attributes:
        given: the parameters that the profile and the command line set.
        parameters: all of them, with the notebook's defaults.
        planned: the cells that it is known to compute, once that was looked into.
    """

    path: Path
    given: Mapping[str, Any]
    parameters: Mapping[str, Any]
    planned: Planned = NOTHING_PLANNED


def plan_steps(profile: str, overrides: Mapping[str, Any]) -> list[Step]:
    """Every notebook of a profile, with the parameters that it would be run with.

    Args:
        overrides: parameters for every notebook that has them, over the profile's.

    Raises:
        StudyError: an unknown profile, or a file of it that cannot be used.
    """
    _refuse_elsewhere(overrides, "-p")
    by_notebook = load_profile(profile)
    steps = []
    for path in notebook_paths():
        own = defaults(path)
        mine = {key: value for key, value in overrides.items() if key in own}
        given = {**by_notebook[path.stem], **mine}
        steps.append(Step(path, given, {**own, **given}))
    return steps


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


def check_types(step: Step) -> None:
    """Holds a notebook's parameters against their names and :data:`PARAMETERS`.

    Raises:
        StudyError: a parameter that the notebook does not have, or one that cannot be used.
    """
    own = defaults(step.path)
    if unknown := [name for name in step.given if name not in own]:
        raise StudyError(
            f"{step.path.name}: unknown parameter {unknown[0]!r}; it has {', '.join(own)}"
        )
    try:
        checked(step.parameters, own)
    except ParameterError as error:
        raise StudyError(f"{step.path.name}: {error}") from error


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
