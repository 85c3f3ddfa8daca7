"""Tidy result rows, their provenance, and the files they are kept in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import pandas as pd
from filelock import FileLock, Timeout

from simcse_core.config import PROJECT_ROOT

COLUMNS = [
    "experiment",
    "encoder",
    "method",
    "pooling",
    "n_train",
    "epoch",
    "seed",
    "dataset",
    "split",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "missing",  # why there is no value; empty where there is one
    "cosines",  # of the pairs behind a Spearman, packed by evaluation; kept, but not in tables
]
# A column without any value would come back from JSON as objects.
_TYPES = dict.fromkeys(("epoch", "value", "ci_low", "ci_high"), "float64") | dict.fromkeys(
    ("missing", "cosines"), "str"
)
_NUMBER_MAKERS = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "jieba")
# What only runs, draws or tells; what hub fetches is stamped by its content.
_NUMBERLESS = {"__init__", "claims", "comparison", "hub", "plotting", "reading", "study", "summary"}
_HELD = "SIMCSE_HELD_FOLDER"  # tells a study's kernels that the folder is held for them


def tidy(frame: pd.DataFrame, **fixed: str | float) -> pd.DataFrame:
    """The columns of :data:`COLUMNS`, from a frame's own and from ``fixed`` for all rows."""
    return frame.assign(**fixed).reindex(columns=COLUMNS)


def output_directory(output_dir: str | Path = "") -> Path:
    """The folder for charts and tables, made if absent; empty means ``runs/quick`` of the project.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(output_dir).expanduser() if output_dir else PROJECT_ROOT / "runs" / "quick"
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise OSError(f"output_dir: {folder} is read-only; name another folder")
    return folder.resolve()


def run_provenance(**parts: object) -> dict[str, Any]:
    """What decides a result: the given parts, the versions of what computes, and the code."""
    versions = {name: importlib.metadata.version(name) for name in _NUMBER_MAKERS}
    return json.loads(json.dumps({**parts, "versions": versions, "code": code_fingerprint()}))


@cache
def code_fingerprint() -> str:
    """First 12 hex digits of SHA-256 over the modules of this package that decide a number."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in _NUMBERLESS:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class FolderInUseError(RuntimeError):
    """Another run works in the output folder; the message names it."""


@contextmanager
def only_run(directory: Path) -> Iterator[None]:
    """Holds an output folder for one run at a time; what a killed process held is free.

    A study holds its folder from first to last; its notebooks go in with it.

    Raises:
        FolderInUseError: another run holds it.
    """
    directory = directory.resolve()
    if os.environ.get(_HELD) == str(directory):
        yield
        return
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / ".lock"
    try:
        lock = FileLock(path).acquire(timeout=0)
    except Timeout as error:
        raise FolderInUseError(
            f"output_dir: {directory} is in use by {path.read_text(encoding='utf-8')}; wait for "
            "it, stop it, or name another folder"
        ) from error
    with lock:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        os.environ[_HELD] = str(directory)
        try:
            yield
        finally:
            os.environ.pop(_HELD, None)


def stored(
    directory: Path,
    name: str,
    provenance: Mapping[str, Any],
    compute: Callable[[], pd.DataFrame],
) -> pd.DataFrame:
    """Returns the result kept under ``name``, computing and keeping it where there is none.

    A kept result is used only if its provenance is the same in every part; otherwise it is computed
    afresh, and what changed is printed.
    """
    path = directory / "cells" / f"{name}.json"
    if kept := read_kept(path, provenance):
        return _frame(kept["rows"])
    with only_run(directory):
        rows = _records(compute())
        write_json(path, {"provenance": dict(provenance), "rows": rows})
    return _frame(rows)


def read_kept(path: Path, provenance: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a JSON file keeps if it is of this provenance; if not, None, and the reason is printed.

    Without a file there is nothing to say.
    """
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        changed = changes(kept["provenance"], provenance)
    except (ValueError, TypeError, KeyError) as error:
        print(f"{path}: damaged ({error!r}); computed afresh")
        return None
    if changed:
        print(f"{path.stem}: computed afresh, because {', '.join(changed)} changed")
        return None
    return kept


def read_table(directory: Path, name: str, made_by: str, dataset: str) -> pd.DataFrame:
    """Reads a table that another notebook wrote.

    Raises:
        FileNotFoundError: it is not there; the message names the notebook to run first.
        ValueError: it was measured on another data set.
    """
    path = directory / f"{name}.csv"
    again = f"run notebooks/{made_by}.ipynb with the same output_dir and source first"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; {again}, or the whole study with make study")
    table = pd.read_csv(path)
    if other := sorted(set(table["dataset"]) - {dataset}):
        raise ValueError(f"{path} was measured on {other[0]}, not on {dataset}; {again}")
    return table


def write_table(
    directory: Path, name: str, frame: pd.DataFrame, provenance: Mapping[str, Any]
) -> Path:
    """Writes a table as CSV, without the cosines; beside it, what it was made from as JSON."""
    path = directory / f"{name}.csv"
    frame = frame.drop(columns="cosines", errors="ignore")
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    write_json(
        directory / f"{name}.json",
        {"table": path.name, "machine": platform.machine(), **provenance},
    )
    return path


def write_json(path: Path, content: object) -> None:
    """Writes JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all: a temporary file, fsync, rename."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to that appears under ``path`` when all of it is written, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the parts in which two provenances differ."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=COLUMNS).astype(_TYPES)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values; a missing number is null."""
    return [
        {str(key): _plain(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
