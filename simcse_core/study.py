"""Runs the notebooks of a profile through papermill, in order, and says what failed.

Command line: ``python -m simcse_core.study --profile quick``; ``--help`` lists the options.
"""

from __future__ import annotations

import argparse
import ast
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm

from simcse_core.config import PROJECT_ROOT, HubData, check_language
from simcse_core.data import StudyData, load_study_data
from simcse_core.experiments import STUDIED, Experiment
from simcse_core.hub import HubError
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import make_plan
from simcse_core.results import FolderInUseError, only_run, output_directory, write_json

NOTEBOOKS = PROJECT_ROOT / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
# Profile "quick" is the defaults written in the notebooks, so it has no file.
QUICK = "quick"
KERNEL_START_SECONDS = 180  # on a busy machine
# What to do about a cause, by words of its message.
_WAYS_OUT = {
    "No space left": "free some space",
    "File too large": "raise the limit on file sizes",
    "Read-only file system": "name another folder for the output",
    "memory": "lower batch_size in training, or close other programs",
}
_TYPES: dict[type, tuple[type, ...]] = {float: (int, float)}


class StudyError(RuntimeError):
    """A study that cannot start or did not finish; the message says what failed and where."""


def notebook_paths() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def defaults(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook with their default values.

    Raises:
        StudyError: the notebook has no cell, or several, tagged ``parameters``.
    """
    cells = [
        cell
        for cell in nbformat.read(notebook, as_version=4).cells
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if len(cells) != 1:
        raise StudyError(
            f"{notebook.name}: expected one cell tagged 'parameters', got {len(cells)}"
        )
    try:
        statements = ast.parse(cells[0].source).body
    except SyntaxError as error:
        raise StudyError(
            f"{notebook.name}, parameters cell, line {error.lineno}: {error.msg}"
        ) from error
    return dict(_literal(notebook, statement) for statement in statements)


def _literal(notebook: Path, statement: ast.stmt) -> tuple[str, Any]:
    match statement:
        case ast.Assign(targets=[ast.Name(name)], value=value):
            with suppress(ValueError):
                return name, ast.literal_eval(value)
    raise StudyError(
        f"{notebook.name}, parameters cell, line {statement.lineno}: only 'name = literal' belongs "
        "here; papermill recomputes nothing"
    )


def load_profile(profile: str) -> dict[str, dict[str, Any]]:
    """Parameters by notebook name, as the profile's file gives them.

    Raises:
        StudyError: there is no such profile, or it names a notebook that does not exist.
    """
    names = [path.stem for path in notebook_paths()]
    if profile == QUICK:
        return {name: {} for name in names}
    path = PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join([QUICK, *sorted(file.stem for file in PROFILES.glob("*.yaml"))])
        raise StudyError(f"profile: unknown value {profile!r}; use one of: {known}")
    content = _yaml(path.read_text(encoding="utf-8"), path.name)
    if not isinstance(content, dict):
        raise StudyError(f"{path.name}: expected parameters by notebook, got {content!r}")
    if unknown := sorted(set(content) - {*names, "all"}):
        raise StudyError(f"{path.name}: no notebook {unknown[0]!r}; there are {', '.join(names)}")
    shared = content.get("all", {})
    parameters = {name: defaults(_notebook(name)) for name in names}
    if unknown := sorted(set(shared) - set().union(*parameters.values())):
        raise StudyError(f"{path.name}: no notebook has the parameter {unknown[0]!r} of 'all'")
    return {
        name: {key: shared[key] for key in shared if key in parameters[name]}
        | content.get(name, {})
        for name in names
    }


def _notebook(name: str) -> Path:
    return NOTEBOOKS / f"{name}.ipynb"


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyError(f"{where}: not YAML ({error})") from error


def check_parameters(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Holds parameter names and types against a notebook's defaults.

    Raises:
        StudyError: an unknown name, or a value of another type than the default.
    """
    known = defaults(notebook)
    for name, value in parameters.items():
        if name not in known:
            raise StudyError(
                f"{notebook.name}: unknown parameter {name!r}; it has {', '.join(known)}"
            )
        if not _fits(value, known[name]):
            raise StudyError(
                f"{notebook.name}: parameter {name} must be of type "
                f"{type(known[name]).__name__}, like {known[name]!r}; got {value!r}"
            )
        if isinstance(value, list) and known[name]:
            for item in value:
                if not _fits(item, known[name][0]):
                    raise StudyError(
                        f"{notebook.name}: parameter {name} must be a list of "
                        f"{type(known[name][0]).__name__}, like {known[name]!r}; got {item!r} in it"
                    )


def _fits(value: object, default: object) -> bool:
    """Whether a value has the type of a default; a whole number is a float too, a bool is none."""
    wanted = type(default)
    return isinstance(value, _TYPES.get(wanted, (wanted,))) and (
        wanted is bool or not isinstance(value, bool)
    )


@dataclass(frozen=True)
class Context:
    """All parameters of a notebook, for checks that need more than one of them."""

    notebook: str
    parameters: Mapping[str, Any]

    @property
    def data(self) -> StudyData:
        """The data that ``source`` and what belongs to it name."""
        hub = HubData.from_mapping(self.parameters.get("hub", {}))
        extra = tuple(self.parameters.get("extra_sentences", ()))
        return _study_data(str(self.parameters["source"]), extra, hub)

    def check_sizes(self, name: str, sizes: Sequence[int]) -> None:
        """Raises a DataError unless all can be drawn from the pool."""
        seeds = self.parameters.get("seeds", [0])
        Experiment(self.notebook, self.data, [], seeds, PROJECT_ROOT).check_sizes(sizes, name)

    def check_encoder(self, encoder: str) -> None:
        """Raises what loading and training the encoder would, as far as can be told before."""
        pooling, training = (self.parameters.get(name) for name in ("pooling", "training"))
        plan = make_plan(encoder, pooling or "", training)
        for objective in self.parameters.get("objectives", STUDIED):
            OBJECTIVES[objective].check(range(plan.train.batch_size), plan.train)
        plan.load()


def _check_objectives(names: Sequence[str], _: Context) -> None:
    if unknown := sorted(set(names) - set(OBJECTIVES)):
        known = ", ".join(OBJECTIVES)
        raise ValueError(f"objectives: unknown value {unknown[0]!r}; use some of: {known}")


def _check_each(check: Callable[[Context, str], None]) -> Callable[[Any, Context], None]:
    def check_all(values: Sequence[str], context: Context) -> None:
        for value in values:
            check(context, value)

    return check_all


# A parameter with a meaning beyond its type: a row here. Only what a notebook has is checked.
PARAMETERS: dict[str, Callable[[Any, Context], object]] = {
    "source": lambda _, context: context.data,
    "seeds": lambda seeds, context: Experiment("", context.data, [], seeds, PROJECT_ROOT),
    "objectives": _check_objectives,
    "sizes": lambda sizes, context: context.check_sizes("sizes", sizes),
    "n_train": lambda n, context: context.check_sizes("n_train", [n]),
    "whitening_sentences": lambda n, context: context.check_sizes("whitening_sentences", [n]),
    "encoder": lambda encoder, context: context.check_encoder(encoder),
    "encoders": _check_each(Context.check_encoder),
    "language": lambda language, _: check_language(language),
}


def check_meaning(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Tries what the parameters name before anything is trained: data, sizes, encoders, settings.

    Raises:
        StudyError: the message names the notebook, the parameter and what to do.
    """
    context = Context(notebook.stem, parameters)
    try:
        for name, check in PARAMETERS.items():
            if name in parameters:
                check(parameters[name], context)
    except (ValueError, HubError) as error:
        raise StudyError(f"{notebook.name}: {error}") from error


@cache
def _study_data(source: str, extra: tuple[str, ...], hub: HubData) -> StudyData:
    return load_study_data(source, extra, hub)


def planned(
    profile: str, overrides: Mapping[str, Any], only: Sequence[str] = ()
) -> list[tuple[Path, dict[str, Any]]]:
    """The notebooks to run with their parameters, all of them checked.

    Args:
        overrides: parameters for every notebook that has them, over the profile's.
        only: names of notebooks to run; all if empty.

    Raises:
        StudyError: an unknown notebook or profile, or a parameter that fits no notebook.
    """
    chosen = [path for path in notebook_paths() if not only or path.stem in only]
    if unknown := sorted(set(only) - {path.stem for path in chosen}):
        raise StudyError(
            f"notebook: unknown value {unknown[0]!r}; use one of: "
            f"{', '.join(path.stem for path in notebook_paths())}"
        )
    by_notebook = load_profile(profile)
    known = {name for path in chosen for name in defaults(path)}
    if unknown := sorted(set(overrides) - known):
        raise StudyError(
            f"unknown parameter {unknown[0]!r}; the notebooks have {', '.join(sorted(known))}"
        )
    steps = []
    for path in chosen:
        mine = {key: value for key, value in overrides.items() if key in defaults(path)}
        parameters = {**by_notebook[path.stem], **mine}
        check_parameters(path, parameters)
        steps.append((path, parameters))
    for path, parameters in steps:
        check_meaning(path, {**defaults(path), **parameters})
    return steps


def run_study(
    profile: str = QUICK,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path = "",
    only: Sequence[str] = (),
    cell_timeout: int = 6 * 3600,
) -> list[Path]:
    """Runs a profile's notebooks in order; charts and tables go to ``out``.

    Args:
        overrides: parameters for every notebook that has them.
        out: folder for charts, tables and executed notebooks; ``runs/<profile>`` if empty.
        only: names of notebooks to run; all if empty.
        cell_timeout: seconds after which a cell counts as hanging.

    Returns:
        The executed notebooks.

    Raises:
        StudyError: bad parameters (before anything starts), ``out`` holds the results of another
            profile, or a notebook failed; what was finished stays, and is not done again.
        FolderInUseError: another run works in ``out``.
        OSError: ``out`` cannot be written.
    """
    target = Path(out or PROJECT_ROOT / "runs" / profile).expanduser().resolve()
    steps = planned(profile, {**(overrides or {}), "output_dir": str(target)}, only)
    directory = output_directory(target)
    executed = directory / "notebooks"
    executed.mkdir(exist_ok=True)
    with only_run(directory), tqdm(steps, unit="notebook") as bar:
        _claim(directory, profile)
        _tidy_up(directory)
        for path, parameters in bar:
            bar.set_description(path.stem)
            _run_notebook(path, executed / path.name, parameters, cell_timeout)
            _stamp_command(directory, path, command(profile, overrides or {}, path.stem))
    return [executed / path.name for path, _ in steps]


def command(profile: str, overrides: Mapping[str, Any], notebook: str) -> str:
    """What to type for one notebook's tables again; folders by their names, not where they lie."""
    words = ["python", "-m", "simcse_core.study", "--profile", profile, "--only", notebook]
    for name, value in overrides.items():
        if name != "output_dir" and name in defaults(NOTEBOOKS / f"{notebook}.ipynb"):
            flow = yaml.safe_dump(_without_paths(value), default_flow_style=True, width=10**6)
            words += ["-p", f"{name}={flow.splitlines()[0]}"]
    return shlex.join(words)


def _without_paths(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_paths(part) for part in value]
    is_path = isinstance(value, str) and Path(value).expanduser().is_dir()
    return Path(value).name if is_path else value


def _stamp_command(directory: Path, notebook: Path, line: str) -> None:
    """Adds the command to what a notebook's tables say of how they were made."""
    for path in directory.glob(f"{notebook.stem.partition('_')[0]}_*.json"):
        made_from = json.loads(path.read_text(encoding="utf-8"))
        write_json(path, {**made_from, "command": line})


def _claim(directory: Path, profile: str) -> None:
    """Marks a folder as this profile's, so that no summary mixes two of them."""
    mark = directory / "profile.json"
    if mark.is_file() and (other := json.loads(mark.read_text(encoding="utf-8"))) != profile:
        raise StudyError(
            f"out: {directory} holds the results of profile {other}; name another folder"
        )
    write_json(mark, profile)


def _tidy_up(directory: Path) -> None:
    """Removes what writes that were killed have left."""
    for folder in (directory, directory / "cells"):
        for unfinished in folder.glob(".*.*"):
            unfinished.unlink()


def _run_notebook(
    path: Path, target: Path, parameters: Mapping[str, Any], cell_timeout: int
) -> None:
    started = time.monotonic()
    running = target.with_name(f".{target.name}")  # papermill rewrites it in place, cell by cell
    try:
        papermill.execute_notebook(
            str(path),
            str(running),
            parameters=dict(parameters),
            progress_bar=False,
            execution_timeout=cell_timeout,
            start_timeout=KERNEL_START_SECONDS,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],  # the kernel's own notes on its transport
        )
    except PapermillExecutionError as error:
        said = f"{error.ename}: {error.evalue}"
        raise StudyError(
            f"{path.name}, cell {error.exec_count}: {said}{_way_out(said)}\n"
            f"the cell:\n{error.source}\nexecuted so far: {target}"
        ) from error
    except DeadKernelError as error:
        raise StudyError(
            f"{path.name}, {_last_cell(running)}: the kernel died, often for want of "
            f"memory; lower batch_size or close other programs ({error})"
        ) from error
    except CellTimeoutError as error:
        raise StudyError(
            f"{path.name}, {_last_cell(running)}: a cell ran longer than {cell_timeout} "
            "s; raise --cell-timeout or make the grid smaller"
        ) from error
    except (OSError, RuntimeError, KeyError) as error:  # no kernel, or no place for its outputs
        raise StudyError(f"{path.name}: {error}{_way_out(str(error))}") from error
    finally:
        if running.is_file():
            running.replace(target)
    tqdm.write(f"{path.stem}: done in {time.monotonic() - started:.0f} s")


def _way_out(said: str) -> str:
    """What to do about a failure that has a known cause; empty for others."""
    found = [way for words, way in _WAYS_OUT.items() if words.lower() in said.lower()]
    return f"; {found[0]}, then run again: what is finished is kept" if found else ""


def _last_cell(executed: Path) -> str:
    """The cell that a broken-off notebook was in.

    papermill leaves every cell of it marked completed, so what counts is the last one it started.
    """
    try:
        cells = nbformat.read(executed, as_version=4).cells
    except (OSError, ValueError):  # the disk was full, too
        return "some cell"
    started = [
        cell
        for cell in cells
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return f"cell {len(started)}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simcse_core.study", description=__doc__)
    parser.add_argument("--profile", default=QUICK, help="quick, mini or report")
    parser.add_argument("--source", help="sample, a directory of CNSD files, or hub")
    parser.add_argument("--seeds", help="for example 0,1,2; for every notebook")
    parser.add_argument("--out", default="", help="folder for charts, tables, executed notebooks")
    parser.add_argument("--only", default="", help="notebooks to run, for example 02_small_sample")
    parser.add_argument("--cell-timeout", type=int, default=6 * 3600, help="seconds")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other notebook parameter, its value in YAML; may be repeated",
    )
    return parser.parse_args(arguments)


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in options.parameter:
        name, found, value = pair.partition("=")
        if not found:
            raise StudyError(f"--parameter: expected NAME=VALUE, got {pair!r}")
        values[name] = _yaml(value, f"--parameter {name}")
    if options.source:
        is_folder = options.source not in ("sample", "hub")
        values["source"] = str(Path(options.source).resolve()) if is_folder else options.source
    if options.seeds:
        try:
            values["seeds"] = [
                int(seed) for seed in options.seeds.replace(" ", ",").split(",") if seed
            ]
        except ValueError as error:
            raise StudyError(
                f"--seeds: expected whole numbers like 0,1,2; got {options.seeds!r}"
            ) from error
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = _parse(arguments)
    only = [name for name in options.only.split(",") if name]
    try:
        executed = run_study(
            options.profile, _overrides(options), options.out, only, options.cell_timeout
        )
    except (StudyError, FolderInUseError, OSError) as error:
        print(f"study: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("study: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"charts, tables and executed notebooks: {executed[0].parent.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
