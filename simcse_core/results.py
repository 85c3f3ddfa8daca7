"""Tidy result rows, their provenance, and the files they are kept in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

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
]
# A column without any value would come back from JSON as objects.
_FLOATS = dict.fromkeys(("epoch", "value", "ci_low", "ci_high"), "float64")
_NUMBER_MAKERS = ("torch", "transformers", "numpy", "scipy", "scikit-learn")


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
    """First 12 hex digits of SHA-256 over this package's modules, drawing and running left out."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in {"plotting", "study", "summary"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


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
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        changed = _changes(kept["provenance"], dict(provenance))
        if not changed:
            return _frame(kept["rows"])
        print(f"{name}: computed afresh, because {', '.join(changed)} changed")
    rows = _records(compute())
    write_json(path, {"provenance": dict(provenance), "rows": rows})
    return _frame(rows)


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
    """Writes a table as CSV and, beside it, what it was made from as JSON."""
    path = directory / f"{name}.csv"
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
    """Writes a file, whole or not at all: a temporary file, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=COLUMNS).astype(_FLOATS)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values; a missing number is null."""
    return [
        {str(key): _plain(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
