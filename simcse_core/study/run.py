"""Runs the notebooks of a profile through papermill, in order, and says what failed.

Command line: ``python -m simcse_core.study --profile quick``; ``--help`` lists the options.
"""

from __future__ import annotations

import json
import os
import shlex
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm

from simcse_core.cluster import SCHEDULER_VARIABLE, scheduler_address
from simcse_core.config import LANGUAGES, PROJECT_ROOT
from simcse_core.errors import StudyError, one_line
from simcse_core.exit_code import GOES_ON, exit_code
from simcse_core.files import (
    UNFINISHED,
    expanded,
    read_sealed,
    remove_unfinished,
    write_sealed,
    write_text,
)
from simcse_core.folders import Owner, claim, only_run, output_directory, owner_of, resolved
from simcse_core.parameters import checked
from simcse_core.plans import FOUND_VARIABLE, found_poolings
from simcse_core.report.messages import speak
from simcse_core.report.notebook_pages import in_language
from simcse_core.study.ahead import computed_ahead
from simcse_core.study.bar import StudyBar, study_bar
from simcse_core.study.checks import chosen_steps
from simcse_core.study.command_line import CELL_SECONDS, asked_language, parse_arguments
from simcse_core.study.committed import differences
from simcse_core.study.kernels import warm_kernels
from simcse_core.study.notebooks import left_out
from simcse_core.study.planned import Planned
from simcse_core.study.profiles import QUICK, Step, copy_notebooks, plan_steps
from simcse_core.translation import tell, translated
from simcse_core.workers import (
    THREADS,
    THREADS_VARIABLE,
    WORKERS_VARIABLE,
    n_threads,
    n_workers,
    use_threads,
)
from simcse_core.yaml_values import YamlError, parse_yaml

KERNEL_START_SECONDS = 180  # on a busy machine
# Charts stand in a notebook, wherever a shell's own setting would put them.
INSIDE_NOTEBOOKS = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
# What to do about a cause, by words of its message.
_WAYS_OUT = {
    "No space left": "free some space",
    "File too large": "raise the limit on file sizes",
    "Read-only file system": "name another folder for the output",
    "memory": "lower batch_size in training, or close other programs",
}


def run_study(
    profile: str = QUICK,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path = "",
    only: Sequence[str] = (),
    cell_timeout: int = CELL_SECONDS,
    workers: int | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
) -> list[Path]:
    """Runs a profile's notebooks in order; charts and tables go to ``out``.

    Args:
        overrides: parameters for every notebook that has them.
        out: folder for charts, tables and executed notebooks; if empty, ``runs/<profile>``, and on
            another source than the sample ``runs/<profile>-<source>``.
        only: names of notebooks to run; all if empty.
        cell_timeout: seconds after which a cell counts as hanging.
        workers: processes that compute side by side; see :func:`simcse_core.workers.n_workers`.
        threads: of each of them, on which the last bits of all results depend.
        scheduler: address of the dask cluster that computes instead.

    Returns:
        The executed notebooks.

    Raises:
        StudyError: bad parameters (before anything starts), or a notebook failed; what was finished
            stays, and is not done again.
        FolderError: ``out`` cannot be written, holds what is not this study's, or is in use.
    """
    asked = {WORKERS_VARIABLE: workers, THREADS_VARIABLE: threads, SCHEDULER_VARIABLE: scheduler}
    with _asked_for({**asked, **INSIDE_NOTEBOOKS}):
        use_threads(n_threads())
        return _run(profile, dict(overrides or {}), out, only, cell_timeout)


@contextmanager
def _asked_for(values: Mapping[str, int | str | None]) -> Iterator[None]:
    """Puts what is asked for into the environment, from which kernels take it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(n) for name, n in values.items() if n is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _run(
    profile: str,
    overrides: Mapping[str, Any],
    out: str | Path,
    only: Sequence[str],
    cell_timeout: int,
) -> list[Path]:
    steps = plan_steps(profile, overrides)
    speak(_language(steps))
    chosen = chosen_steps(steps, overrides, only)
    _tell_differences(chosen)
    owner = _owner(profile, steps)
    directory = output_directory(out or PROJECT_ROOT / "runs" / owner.default_name())
    claim(directory, owner)
    executed = directory / "notebooks"
    plan = {step.path.stem: checked(step.parameters) for step in steps}
    with only_run(directory, plan):
        executed.mkdir(exist_ok=True)
        for folder in (directory, executed, directory / "cells"):
            remove_unfinished(folder)
        planned = [step.planned for step in chosen]
        with (
            study_bar({own.notebook: own.costs() for own in planned}) as bar,
            _ahead(planned, directory, bar) as wait_for,
            _asked_for({FOUND_VARIABLE: found_poolings()}),
            warm_kernels() if len(chosen) > 1 else nullcontext(),
        ):
            for step in chosen:
                before = _written(directory)
                parameters = {**step.given, "output_dir": str(directory)}
                with bar.while_running(step.path.stem):
                    wait_for(step.path.stem)
                    _run_notebook(step.path, executed / step.path.name, parameters, cell_timeout)
                _translate(executed / step.path.name, step.parameters.get("language", "en"))
                new = [path for path, at in _written(directory).items() if before.get(path) != at]
                _stamp_command(new, command(profile, overrides, step))
    return [executed / step.path.name for step in chosen]


def _ahead(
    planned: Sequence[Planned], directory: Path, bar: StudyBar
) -> AbstractContextManager[Callable[[str], None]]:
    """What computes cells before their notebooks run, where processes compute side by side.

    One process computes in the notebook itself, and a cluster has its own queue.
    """
    if n_workers() == 1 or scheduler_address():
        return nullcontext(lambda _: None)
    return computed_ahead(planned, directory, bar.tell)


def _owner(profile: str, steps: Sequence[Step]) -> Owner:
    """Whose the results are: of the profile, on the source of the first notebook that has one."""
    for step in steps:
        if "source" in step.parameters:
            hub = step.parameters.get("hub", {})
            return owner_of(step.parameters["source"], hub, profile)
    return Owner("sample", profile=profile)


def _language(steps: Sequence[Step]) -> str:
    """That of the first notebook that has one; one that is none is refused as any parameter is."""
    asked = (step.parameters["language"] for step in steps if "language" in step.parameters)
    return next((language for language in asked if language in LANGUAGES), "en")


def _tell_differences(steps: Sequence[Step]) -> None:
    """Says what will run that a reader of the committed notebooks does not expect."""
    for name in left_out():
        tell(f"left out: {name}; run are names such as 02_small_sample.ipynb")
    for step in steps:
        if said := differences(step.path):
            tell(f"{step.path.name} differs from the committed one: {said}")


def command(profile: str, overrides: Mapping[str, Any], step: Step) -> str:
    """What to type for one notebook's tables again; paths by their names, not where they lie."""
    words = ["python", "-m", "simcse_core.study", "--profile", profile, "--only", step.path.stem]
    if n_threads() != THREADS:
        words += ["--threads", str(n_threads())]
    for name, value in overrides.items():
        if name in step.parameters or name == "source":  # which says whose the folder is
            words += ["-p", f"{name}={_typed(_without_paths(value))}"]
    return shlex.join(words)


def _typed(value: Any) -> str:
    """A value as it is typed after ``-p name=``: text as it is, unless YAML reads it otherwise."""
    with suppress(YamlError):  # a name such as "[2024]" begins what is no YAML
        if isinstance(value, str) and value and parse_yaml(value, "") == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def _without_paths(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_paths(part) for part in value]
    # Which raises for no text, whatever stands in it, as pathlib does for long ones.
    is_path = isinstance(value, str) and os.path.exists(expanded(value))
    return Path(value).name if is_path else value


def _written(directory: Path) -> dict[Path, int]:
    """What may be stamps in a folder, each with the time it was written at."""
    return {path: path.stat().st_mtime_ns for path in directory.glob("[!.]*.json")}


def _stamp_command(paths: Sequence[Path], line: str) -> None:
    """Adds the command to what a notebook's tables say of how they were made."""
    for path in paths:
        with suppress(ValueError):  # what is none of ours
            made_from = read_sealed(path)
            if "table" in made_from:
                write_sealed(path, {**made_from, "command": line})


def _run_notebook(
    path: Path, target: Path, parameters: Mapping[str, Any], cell_timeout: int
) -> None:
    started = time.monotonic()
    # papermill rewrites it in place, cell by cell.
    running = target.with_name(f".{target.stem}{UNFINISHED}{target.suffix}")
    try:
        executed = papermill.execute_notebook(
            _as_template(path),
            _as_template(running),
            parameters=dict(parameters),
            progress_bar=False,
            execution_timeout=cell_timeout,
            start_timeout=KERNEL_START_SECONDS,
            kernel_name="python3",
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own notes on its transport
        )
    except PapermillExecutionError as error:
        raise StudyError(f"{path.name}, {_failure(error)}; executed so far: {target}") from error
    except DeadKernelError as error:
        raise StudyError(
            f"{path.name}, {_last_cell(running)}: the kernel died, often for want of "
            f"memory; lower batch_size or close other programs ({one_line(error)})"
        ) from error
    except CellTimeoutError as error:
        raise StudyError(
            f"{path.name}, {_last_cell(running)}: a cell ran longer than {cell_timeout} "
            "s; raise --cell-timeout or make the grid smaller"
        ) from error
    except (OSError, RuntimeError, KeyError) as error:  # no kernel, or no place for its outputs
        raise StudyError(f"{path.name}: {one_line(error)}{_way_out(str(error))}") from error
    except KeyboardInterrupt:
        # What the notebook's client was about to wait for ends here too, and would say so.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        raise
    finally:
        if running.is_file():
            running.replace(target)
    _refuse_exit(path, executed)
    tqdm.write(translated(f"{path.stem}: done in {time.monotonic() - started:.0f} s"))


def _refuse_exit(path: Path, executed: nbformat.NotebookNode) -> None:
    """Raises a StudyError where a cell ended the notebook, which papermill takes for its end."""
    for cell in executed.cells:
        ended = [o.ename for o in cell.get("outputs", ()) if o.output_type == "error"]
        if ended:
            raise StudyError(
                f"{path.name}, cell {cell.execution_count}: {ended[0]} ends the notebook there, "
                "and what follows was not run; take it out"
            )


def _translate(executed: Path, language: str) -> None:
    """Gives the text of an executed notebook in the language of its charts."""
    if language != "en":
        notebook = in_language(nbformat.read(executed, as_version=4), language)
        write_text(executed, nbformat.writes(notebook))


def _as_template(path: Path) -> str:
    """The path as papermill's template of it, in which braces would name parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _failure(error: PapermillExecutionError) -> str:
    """The cell, what it said, and what to do; the cell's code too where it was not a plain line."""
    said = f"{error.ename}: {error.evalue}"
    lines = list(error.traceback)
    if lines and lines[0].startswith(f"{error.ename}: "):  # one of ours, which says all by itself
        told = "; ".join([error.evalue, *lines[1:]])
        return f"cell {error.exec_count}: {told}{_way_out(said)}"
    return f"cell {error.exec_count}: {said}{_way_out(said)}\nthe cell:\n{error.source}\n"


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    speak(asked_language(arguments))
    return exit_code("study", lambda: _asked_on_the_command_line(arguments), GOES_ON)


def _asked_on_the_command_line(arguments: Sequence[str] | None) -> None:
    options = parse_arguments(arguments)
    if options.copy_notebooks:
        folder = resolved(options.copy_notebooks, "--copy-notebooks")
        tell(f"{len(copy_notebooks(folder))} notebooks and profiles: {folder}")
        return
    executed = run_study(
        options.profile,
        options.overrides,
        options.out,
        options.only,
        options.cell_timeout,
        options.workers,
        options.threads,
        options.scheduler,
    )
    tell(f"charts, tables and executed notebooks: {executed[0].parent.parent}")
