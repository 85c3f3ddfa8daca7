"""Tidy result rows, the stamp that says what decided them, and the files they are kept in."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import pandas as pd
from filelock import FileLock, Timeout

from simcse_core.config import PACKAGE, PROJECT_ROOT

COLUMNS = [
    "experiment",
    "encoder",
    "method",
    "kind",
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
_COLUMN_TYPES = dict.fromkeys(("epoch", "value", "ci_low", "ci_high"), "float64") | dict.fromkeys(
    ("missing", "cosines"), "str"
)
_LIBRARIES = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "jieba")
_HELD_FOLDER = "SIMCSE_HELD_FOLDER"  # tells a study's kernels that the folder is held for them

# What decides a result: data, encoder, settings, code, versions, as JSON values.
Stamp = dict[str, Any]


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


def stamp(modules: Sequence[str], **parts: object) -> Stamp:
    """What decides a result: the given parts, the versions of what computes, and the code.

    Args:
        modules: of this package, that compute it; all that they import is stamped with them.
    """
    own = {"versions": library_versions(), "code": code_fingerprint(*modules)}
    return json.loads(json.dumps({**parts, **own}))


def library_versions() -> dict[str, str]:
    """The versions of the libraries that compute numbers, by name."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


@cache
def code_fingerprint(*modules: str) -> str:
    """First 12 hex digits of SHA-256 over the modules and all of this package that they import."""
    digest = hashlib.sha256()
    for name in sorted(import_closure(modules)):
        digest.update(f"{name} ".encode() + _file_of(name).read_bytes())
    return digest.hexdigest()[:12]


def import_closure(modules: Iterable[str]) -> set[str]:
    """The modules of this package that these import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return found


def _imports(name: str) -> list[str]:
    named: list[str] = []
    for node in ast.walk(ast.parse(_file_of(name).read_bytes())):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            named += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = [module for module in named if module.startswith(f"{PACKAGE.name}.")]
    return [module for module in ours if _file_of(module).is_file()]


def _file_of(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


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
    if os.environ.get(_HELD_FOLDER) == str(directory):
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
        os.environ[_HELD_FOLDER] = str(directory)
        try:
            yield
        finally:
            os.environ.pop(_HELD_FOLDER, None)


def stored(
    directory: Path, name: str, made_by: Stamp, compute: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Returns the result kept under ``name``, computing and keeping it where there is none.

    A kept result is used only if its stamp is the same in every part; otherwise it is computed
    afresh, and what changed is printed.
    """
    path = directory / "cells" / f"{name}.json"
    if found := read_kept(path, made_by):
        return _frame(found["rows"])
    with only_run(directory):
        rows = _records(compute())
        write_json(path, {"stamp": made_by, "rows": rows})
    return _frame(rows)


def read_kept(path: Path, made_by: Stamp) -> dict[str, Any] | None:
    """What a JSON file keeps if it has this stamp; if not, None, and the reason is printed.

    Without a file there is nothing to say.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        changed = changes(found["stamp"], made_by)
    except (ValueError, TypeError, KeyError) as error:
        print(f"{path}: damaged ({error!r}); computed afresh")
        return None
    if changed:
        print(f"{path.stem}: computed afresh, because {', '.join(changed)} changed")
        return None
    return found


def write_table(directory: Path, name: str, frame: pd.DataFrame, made_by: Stamp) -> Path:
    """Writes a table as CSV, without the cosines; beside it as JSON, its stamp and checksum."""
    path = directory / f"{name}.csv"
    text = frame.drop(columns="cosines", errors="ignore").to_csv(index=False, lineterminator="\n")
    write_text(path, text)
    own = {"table": path.name, "sha256": sha256(text), "machine": platform.machine()}
    write_json(path.with_suffix(".json"), {**own, **made_by})
    return path


def read_table(
    directory: Path, name: str, text_columns: Sequence[str] = ()
) -> tuple[pd.DataFrame, Stamp]:
    """A table that :func:`write_table` wrote, and its stamp.

    Args:
        text_columns: columns that are no numbers, whatever stands in them.

    Raises:
        FileNotFoundError: one of its two files is not there.
        ValueError: the table is not the one that the stamp was written for, or no table.
    """
    path = directory / f"{name}.csv"
    made_by = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    if not isinstance(made_by, dict) or made_by.get("sha256") != sha256(text):
        raise ValueError(f"{path} was changed after it was written")
    # Only an empty field is a gap: "none" and "nan" are names that somebody may give.
    types = dict.fromkeys(text_columns, "str")
    frame = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""], dtype=types)
    return frame, made_by


def sha256(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


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
    """The names of the parts in which two stamps differ."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=COLUMNS).astype(_COLUMN_TYPES)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values; a missing number is null."""
    return [
        {str(key): _plain_value(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain_value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
