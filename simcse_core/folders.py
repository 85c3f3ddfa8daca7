"""Whose an output folder is, and that one run works in it at a time.

A folder belongs to a study by the marker in it. One without it that is not empty is somebody's, and
nothing is written there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from simcse_core.config import PACKAGE, PROJECT_ROOT
from simcse_core.errors import PlainError
from simcse_core.files import UNFINISHED, safe_name, write_json
from simcse_core.translation import tell

MARKER = ".simcse.json"
BUNDLED_SOURCES = ("sample", "sample-text")  # what comes along: of one folder by default
LOCK = ".simcse.lock"
# A folder in the place of runs/, for notebooks that are only tried: they must not write over what
# took hours.
RUNS_VARIABLE = "SIMCSE_RUNS"
# Beside them a notebook may put its results: papermill writes its output before anything runs.
NOTEBOOKS_BESIDE = ("*.ipynb", ".ipynb_checkpoints")
# What a file system without locks answers.
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
# A process is known by its number and start; two clocks may differ on the start by that much.
SAME_START_SECONDS = 5.0


class FolderError(PlainError, OSError):
    """A folder that cannot be written to, or that is not ours; the message names it."""


class FolderInUseError(FolderError):
    """Another run works in the output folder; the message names it."""


@dataclass(frozen=True)
class Owner:
    """Whose results a folder holds.

    Attributes:
        source: what the data's source is called.
        place: a hash of where it lies, for sources of one name; empty for what comes along.
        profile: of the study; empty for a notebook that runs by itself.
    """

    source: str = ""
    place: str = ""
    profile: str = ""

    def default_name(self) -> str:
        """The folder for which none is named: one a profile and source."""
        parts = [self.profile or "quick", *([self.source] if self.source != "sample" else [])]
        return safe_name("-".join(parts))


def owner_of(source: str, hub: Mapping[str, object], profile: str = "") -> Owner:
    """Whose the results on a source are.

    Args:
        source: ``sample``, ``hub``, or a file or folder.
        hub: what names the data sets behind ``hub``.
        profile: of the study, if there is one.
    """
    if source in BUNDLED_SOURCES:
        return Owner(BUNDLED_SOURCES[0], "", profile)
    if source == "hub":
        name, place = source, json.dumps(hub, sort_keys=True, default=str)
    else:
        path = resolved(source, "source")
        name, place = path.name or "root", str(path)
        if name in (*BUNDLED_SOURCES, "hub"):  # which are other sources
            name = f"own-{name}"
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return Owner(name, digest, profile)


def resolved(path: str | Path, parameter: str) -> Path:
    """The absolute path that a user means; raises a FolderError that names the parameter."""
    try:
        str(path).encode("utf-8")
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop, no UTF-8
        raise FolderError(f"{parameter}: {str(path)!r} is no path ({error})") from error


def output_directory(output_dir: str | Path = "", default: str = "quick") -> Path:
    """The folder for charts and tables, made if absent.

    Args:
        output_dir: if empty, ``default`` in the folder that the environment's ``SIMCSE_RUNS``
            names, else in ``runs`` of the project.

    Raises:
        FolderError: the folder cannot be made or written, or is or holds the project.
    """
    runs = Path(os.environ.get(RUNS_VARIABLE) or PROJECT_ROOT / "runs")
    folder = resolved(output_dir or runs / default, "output_dir")
    _refuse_project(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FolderError(
            f"output_dir: {folder} cannot be made, for a file is in its place or above it; name "
            "another folder"
        ) from error
    except OSError as error:
        raise FolderError(
            f"output_dir: {folder} cannot be made ({error.strerror}); name another folder"
        ) from error
    if not os.access(folder, os.W_OK):
        raise FolderError(f"output_dir: {folder} is read-only; name another folder")
    return folder


def _refuse_project(folder: Path) -> None:
    """Raises a FolderError where results would lie among the project's own files."""
    root = PROJECT_ROOT.resolve()
    own = (PACKAGE.resolve(), root / "notebooks", root / ".git", root / ".venv")
    for place in (root, *own):
        if folder in (place, *place.parents):
            said = f"{'is' if folder == place else 'holds'} the project's own {place}"
        elif place in own and place in folder.parents:
            said = f"lies in the project's own {place}"
        else:
            continue
        raise FolderError(f"output_dir: {folder} {said}; name a folder for results alone")


def claim(folder: Path, owner: Owner, beside: Sequence[str] = ()) -> None:
    """Marks a folder as this owner's, so that nothing of anybody else is touched or mixed in.

    Args:
        folder: is there.
        beside: patterns of what may be there before us, because we write no such files.

    Raises:
        FolderError: it holds something but no marker, or the results of another owner.
    """
    path, mine = folder / MARKER, {key: part for key, part in asdict(owner).items() if part}
    if not path.is_file():
        if there := _in_the_way(folder, beside):
            raise FolderError(
                f"output_dir: {folder} holds {', '.join(there)} and was not made by a study; name "
                "an empty or a new folder"
            )
        write_json(path, mine)
        return
    found = _read_marker(path)
    differing = [key for key in mine if key in found and found[key] != mine[key]]
    if differing == ["place"]:
        raise FolderError(
            f"output_dir: {folder} holds the results of another source called {owner.source}; "
            f"name another folder, or take 'place' out of {path} if the source was only moved"
        )
    if differing:
        of = " and ".join(f"{key} {found[key]}" for key in differing)
        raise FolderError(f"output_dir: {folder} holds the results of {of}; name another folder")
    if "source" in found:  # a marker that travels with its folder says nothing of the place
        mine.pop("place", None)
    if mine.keys() - found.keys():
        write_json(path, {**mine, **found})


def _read_marker(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise FolderError(
            f"output_dir: {path} is damaged, so that it does not say whose results these are; "
            "name another folder"
        ) from error


def _in_the_way(folder: Path, beside: Sequence[str]) -> list[str]:
    """The first few names in a folder that is not ours."""
    names = sorted(
        path.name
        for path in folder.iterdir()
        if UNFINISHED not in path.name and not any(path.match(pattern) for pattern in beside)
    )
    return [*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]


# ---------------------------------------------------------------- one run at a time


@contextmanager
def only_run(directory: Path, plan: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Holds an output folder for one run at a time; what a killed process held is free.

    A study holds its folder from first to last; the kernels it starts go in with it.

    Args:
        plan: what the run is about, for :func:`plan_of_run`.

    Raises:
        FolderInUseError: another run holds it.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / LOCK
    if _held_for_us(_holder(path)):
        yield
        return
    with _locked(path):
        me = psutil.Process()
        mine = {"process": me.pid, "started": _started(me), "machine": socket.gethostname()}
        path.write_text(json.dumps({**mine, "plan": plan}), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text("", encoding="utf-8")


def plan_of_run(directory: Path) -> Mapping[str, Any] | None:
    """What the run is about that holds the folder for this process; None if none does."""
    holder = _holder(directory.resolve() / LOCK)
    return holder.get("plan") if _held_for_us(holder) else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        holder = _holder(path)
        who = f"process {holder.get('process', 'of a run')} on {holder.get('machine', 'here')}"
        raise FolderInUseError(
            f"output_dir: {path.parent} is in use by {who}; wait for it, stop it, or name "
            "another folder"
        ) from error
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        _tell_without_locks(path.parent, str(error.strerror))
    try:
        yield
    finally:
        lock.release()


@cache
def _tell_without_locks(folder: Path, cause: str) -> None:
    tell(f"output_dir: {folder} has no locks ({cause}); let no other run work there meanwhile")


def _holder(path: Path) -> dict[str, Any]:
    """What the lock file says of the process that holds it; empty where it says nothing usable."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    fits = isinstance(said, dict) and all(
        isinstance(said.get(key), kind) for key, kind in _HOLDER.items()
    )
    return said if fits else {}


_HOLDER = {"process": int, "started": float, "machine": str, "plan": dict | None}


def _started(process: psutil.Process) -> float:
    """When a process began, by what no clock that is set meanwhile changes.

    Linux counts from the boot; psutil makes a time of day of that, by a boot that moves with the
    clock.
    """
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)


def _held_for_us(holder: Mapping[str, Any]) -> bool:
    """Whether the holder is this process or one that started it."""
    if holder.get("machine") != socket.gethostname():
        return False
    try:
        me = psutil.Process()
        starts = {process.pid: _started(process) for process in (me, *me.parents())}
    except psutil.Error:  # one of them ended meanwhile
        return False
    return abs(starts.get(holder["process"], -math.inf) - holder["started"]) < SAME_START_SECONDS
