"""Pieces of computing that a notebook is made of, and the one place that computes them.

A cell says all that is needed to compute it in a process of its own, and what decides its result.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from tqdm.auto import tqdm

from simcse_core import cluster
from simcse_core.checkpoint import Checkpoint
from simcse_core.errors import one_line
from simcse_core.files import safe_name
from simcse_core.folders import only_run
from simcse_core.plans import Plan
from simcse_core.progress import progress
from simcse_core.results import Stamp, changes, keep, kept, kept_like, stamp
from simcse_core.translation import translated
from simcse_core.under_way import UnderWay, tell_study
from simcse_core.workers import (
    PROCESS_BYTES,
    Outcome,
    Tell,
    WorkerError,
    n_threads,
    n_workers,
    run,
    tell_once,
    that_fit,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One piece of computing: a fit, or a training run.

    Attributes:
        name: of its file, and for people.
        compute: a function of a module; its code, with all that it imports, is stamped.
        args: what it is called with; can be pickled.
        parts: what of the arguments decides the result, for the stamp.
        resumes: whether it takes a :class:`Checkpoint` last, and so goes on where it broke off.
        memory: bytes that it may take beside what its process takes anyway.
        cost: as :meth:`simcse_core.plans.Plan.cost` has it; 0 for what no encoder takes part in.
        among: its rows among those of a cell that was measured at more ``points``, the only one of
            its parts in which they differ; None where there is no such cell.
    """

    name: str
    compute: Callable[..., pd.DataFrame]
    args: tuple[Any, ...]
    parts: Mapping[str, object] = field(default_factory=dict)
    resumes: bool = False
    memory: int = 0
    cost: float = 0.0
    among: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def kept_as(self, prefix: str) -> str:
        """The name of its file, without its ending."""
        return safe_name(f"{prefix}-{self.name}")


def named(encoder: Mapping[str, Any], *what: str) -> str:
    """The name of a cell of an encoder, from the encoder's own stamp and what is computed of it."""
    return "-".join([encoder["encoder"], encoder["fingerprint"], *what])


def of_plan(
    plan: Plan,
    what: Sequence[str],
    compute: Callable[..., pd.DataFrame],
    args: tuple[Any, ...],
    own: Mapping[str, object],
    cost: float,
    **more: Any,
) -> Cell:
    """A cell that an encoder takes part in: its name, stamp and memory are those of the plan.

    Args:
        what: is computed of it, for the name.
        own: what decides the result beside the encoder.
        more: ``resumes`` and ``among`` of the cell.
    """
    name, parts = named(plan.stamp, *what), {**plan.stamp, **own}
    return Cell(name, compute, args, parts, memory=plan.memory, cost=cost, **more)


# Is told how far it is, every now and then.
Watch = Callable[[UnderWay], None]


def compute_cells(
    cells: Sequence[Cell],
    directory: Path,
    prefix: str,
    shared: Mapping[str, object],
    watch: Watch | None = None,
) -> list[pd.DataFrame]:
    """The rows of each cell, in order: those kept in ``directory``, else computed and kept there.

    What is not kept is computed side by side (see :func:`simcse_core.workers.run`). A cell that
    fails leaves the others to be computed and kept; then the first error is raised.

    Args:
        prefix: stands before each file's name.
        shared: what decides all of them beside their own parts.
        watch: by default a bar here, and the study that runs this notebook.

    Raises:
        ValueError: two cells have one name.
        FolderInUseError: something has to be computed, and another run works in the folder.
        WorkerError: the processes that computed a cell died, twice.
    """
    stamps = [stamp([cell.compute.__module__], **shared, **cell.parts) for cell in cells]
    names = [cell.kept_as(prefix) for cell in cells]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"cells: two are called {twice}; they would be kept in one file")
    found = {
        name: frame
        for name, made_by in zip(names, stamps, strict=True)
        if (frame := kept(directory, name, made_by)) is not None
    }
    missing = {
        name: (cell, made_by)
        for name, cell, made_by in zip(names, cells, stamps, strict=True)
        if name not in found
    }
    if missing:
        with only_run(directory):
            found |= _taken_over(missing, directory)
            left = {name: cell for name, cell in missing.items() if name not in found}
            calls = {
                name: (cell, partial(_compute, cell, directory, name, made_by))
                for name, (cell, made_by) in longest_first(
                    left.items(), [cell.cost for cell, _ in left.values()]
                )
            }
            if calls:
                with nullcontext(watch) if watch else _bar(len(found), len(cells)) as watching:
                    found |= _computed(calls, list(found), watching)
    return [found[name] for name in names]


def longest_first(items: Iterable[T], costs: Iterable[float]) -> list[T]:
    """What costs most first, so that no long cell is begun when all others have ended.

    Equal ones stay in order (Graham, 1969: at most a third above the best order).
    """
    pairs = zip(items, costs, strict=True)
    return [item for item, _ in sorted(pairs, key=lambda pair: -pair[1])]


def _taken_over(
    missing: Mapping[str, tuple[Cell, Stamp]], directory: Path
) -> dict[str, pd.DataFrame]:
    """The rows of those that another notebook computed among others; they are kept here too."""
    found = {}
    for name, (cell, made_by) in missing.items():
        if cell.among is None:
            continue
        for rows, theirs in kept_like(directory, cell.name):
            if _covers(theirs, made_by):
                found[name] = keep(directory, name, made_by, cell.among(rows))
                break
    return found


def _covers(other: Stamp, wanted: Stamp) -> bool:
    """Whether a cell with the one stamp has all that one with the other is to have."""
    alike = set(changes(other, wanted)) <= {"experiment", "points"}
    return alike and set(other["points"]) >= set(wanted["points"])


def _compute(cell: Cell, directory: Path, name: str, made_by: Stamp) -> pd.DataFrame:
    """Computes a cell and keeps its rows: all that is done in a process of its own."""
    _check_here(cell, directory, made_by)
    compute = partial(cell.compute, *cell.args)
    if not cell.resumes:
        return keep(directory, name, made_by, compute())
    folder = directory / "cells" / f"{name}.unfinished"
    frame = keep(directory, name, made_by, compute(Checkpoint(folder, made_by)))
    shutil.rmtree(folder, ignore_errors=True)
    return frame


def _check_here(cell: Cell, directory: Path, made_by: Stamp) -> None:
    """Raises a WorkerError where this process cannot compute what the stamp says."""
    other = [
        key for key, value in stamp([cell.compute.__module__]).items() if made_by[key] != value
    ]
    if other:
        raise WorkerError(
            f"worker: it has other {' and '.join(other)} than the notebook; install the same on "
            "all machines, and start notebook and workers again after a change"
        )
    if not directory.is_dir():
        raise WorkerError(
            f"worker: {directory} is not there; OUT must lie on a disk that all machines share"
        )


@contextmanager
def _bar(n_kept: int, n_all: int) -> Iterator[Watch]:
    """A bar over a notebook's cells; its study, if it has one, is told how far it is too."""
    with progress(n_all, "cell", done=n_kept) as bar:

        def watch(state: UnderWay) -> None:
            bar.n = len(state.kept) + len(state.done)
            bar.set_postfix_str(", ".join(state.now), refresh=False)
            bar.update(0)
            tell_study(state)

        yield watch


def _computed(
    missing: Mapping[str, tuple[Cell, Callable[[], pd.DataFrame]]],
    kept: Sequence[str],
    watch: Watch,
) -> dict[str, pd.DataFrame]:
    """The rows of the cells that are not kept."""
    found: dict[str, pd.DataFrame] = {}
    failed: dict[str, BaseException] = {}

    def tell(under_way: Sequence[str]) -> None:
        watch(UnderWay(kept, [*found, *failed], under_way))

    with closing(_run(missing, tell)) as outcomes:
        for name, outcome in outcomes:
            tell_once(outcome, tqdm.write)
            if outcome.error is None:
                found[name] = outcome.value
            else:
                failed[name] = outcome.error
                tqdm.write(translated(f"{name}: failed ({one_line(outcome.error)})"))
    watch(UnderWay(kept, [*found, *failed]))
    if failed:
        _raise(failed, len(found))
    return found


def _run(
    missing: Mapping[str, tuple[Cell, Callable[[], pd.DataFrame]]], tell: Tell
) -> Generator[tuple[str, Outcome], None, None]:
    """How each cell ended: on a cluster where one is named, else on this machine."""
    calls = {name: call for name, (_, call) in missing.items()}
    if address := cluster.scheduler_address():
        return cluster.run(calls, address, n_threads(), tell)
    workers = min(n_workers(), len(missing))
    if workers > 1:
        largest = max(cell.memory for cell, _ in missing.values())
        workers = that_fit(workers, PROCESS_BYTES + largest)
    return run(calls, workers, n_threads(), tell)


def _raise(failed: Mapping[str, BaseException], n_computed: int) -> None:
    """Raises the first error of the cells that failed, with the names of all of them."""
    first = next(iter(failed.values()))
    computed = f"; {n_computed} other computed and kept" if n_computed else ""
    first.add_note(f"failed: {', '.join(failed)}{computed}")
    raise first
