"""What a study runs: the numbered notebooks, their parameters by profile and by command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcse_core.errors import ParameterError, StudyError
from simcse_core.parameters import checked
from simcse_core.study import notebooks as notebook_files
from simcse_core.study.notebooks import PROFILES, defaults, notebook_paths
from simcse_core.study.planned import NOTHING_PLANNED, Planned
from simcse_core.yaml_values import parse_yaml

# Profile "quick" is the defaults written in the notebooks, so it has no file.
QUICK = "quick"
ALL = "all"  # the section of a profile for every notebook that has the parameter
# Set elsewhere for a study as a whole.
_ELSEWHERE = {"output_dir": "name the folder with --out"}


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


def _files() -> list[Path]:
    found = (notebook_files.NOTEBOOKS / PROFILES).glob("*.yaml")
    return sorted(path for path in found if path.is_file())


def _sections(profile: str) -> dict[Any, dict[Any, Any]]:
    """What a profile's file says, by notebook."""
    files = {path.stem: path for path in _files()}
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


def copy_notebooks(folder: Path) -> list[Path]:
    """Copies the notebooks and profiles to a folder of the user's, and says where each went.

    Raises:
        StudyError: one of them is there already, or the folder cannot be written.
    """
    copies = {path: folder / path.name for path in notebook_paths()}
    copies |= {path: folder / PROFILES / path.name for path in _files()}
    if there := [target for target in copies.values() if target.exists()]:
        raise StudyError(
            f"--copy-notebooks: {there[0]} is there already; name another folder, or move it away"
        )
    try:
        (folder / PROFILES).mkdir(parents=True, exist_ok=True)
        for path, target in copies.items():
            target.write_bytes(path.read_bytes())
    except OSError as error:
        raise StudyError(f"--copy-notebooks: {folder} cannot be written ({error})") from error
    return list(copies.values())
