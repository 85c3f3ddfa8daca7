"""Tidy result rows, the stamp that says what decided them, and where both are kept."""

from __future__ import annotations

import ast
import glob
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from simcse_core.config import PACKAGE
from simcse_core.errors import PlainError, one_line
from simcse_core.files import read_sealed, safe_name, set_aside, sha256, write_sealed, write_text
from simcse_core.translation import tell

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
# Columns of tables that hold names, whatever these look like.
_NAMES = (
    *("experiment", "encoder", "method", "kind", "pooling", "dataset", "split", "metric"),
    *("before", "before_kind", "after", "after_kind"),
)
_LIBRARIES = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "jieba")

# What decides a result: data, encoder, settings, code, versions, as JSON values.
Stamp = dict[str, Any]
T = TypeVar("T")


class TableError(PlainError, ValueError):
    """A table that cannot be used in this run; the message names it and what to run."""


def tidy(frame: pd.DataFrame, **fixed: str | float) -> pd.DataFrame:
    """The columns of :data:`COLUMNS`, from a frame's own and from ``fixed`` for all rows."""
    return frame.assign(**fixed).reindex(columns=COLUMNS)


def stamp(modules: Sequence[str], **parts: object) -> Stamp:
    """What decides a result: the given parts, the versions of what computes, and the code.

    Args:
        modules: of this package, that compute it; all that they import is stamped with them.
    """
    own = {"versions": library_versions(), "code": code_fingerprint(*modules)}
    return json.loads(json.dumps({**parts, **own}))


def library_versions() -> dict[str, str]:
    """The versions of the libraries that compute numbers, by name, and of jieba's dictionary."""
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {**versions, "jieba dictionary": _dictionary_hash()}


@cache
def _dictionary_hash() -> str:
    """First 12 hex digits of SHA-256 over the dictionary that words are cut by."""
    path = importlib.metadata.distribution("jieba").locate_file("jieba/dict.txt")
    return hashlib.sha256(Path(str(path)).read_bytes()).hexdigest()[:12]


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


def kept(directory: Path, name: str, made_by: Stamp) -> pd.DataFrame | None:
    """The result kept under ``name``; None if there is none that can be used, and why is printed.

    It is used only if its checksum holds and its stamp is the same in every part.
    """
    path = directory / "cells" / f"{name}.json"
    return read_kept(path, made_by, lambda content: from_rows(content["rows"]))


def keep(directory: Path, name: str, made_by: Stamp, frame: pd.DataFrame) -> pd.DataFrame:
    """Keeps a result under ``name``, whole or not at all, and gives it as it will be read."""
    rows = to_rows(frame)
    write_sealed(directory / "cells" / f"{name}.json", {"stamp": made_by, "rows": rows})
    return from_rows(rows)


def kept_like(directory: Path, name: str) -> Iterator[tuple[pd.DataFrame, Stamp]]:
    """The rows and stamps of what is kept under names that end in this one, whole and unharmed."""
    for path in sorted((directory / "cells").glob(f"*-{glob.escape(safe_name(name))}.json")):
        try:
            content = read_sealed(path)
            yield from_rows(content["rows"]), content["stamp"]
        except (ValueError, OSError, KeyError, TypeError):  # told where it is read by its own name
            continue


def read_kept(path: Path, made_by: Stamp, restore: Callable[[dict[str, Any]], T]) -> T | None:
    """What ``restore`` makes of a sealed JSON file with this stamp; else None, and why is printed.

    Whatever fails on the way, in ``restore`` too, means that the file is damaged: it is set aside
    under another name. Without a file there is nothing to say.
    """
    if not os.path.lexists(path):
        return None
    try:
        content = read_sealed(path)
        changed = changes(content["stamp"], made_by)
        if not changed:
            return restore(content)
    except Exception as error:
        tell(damaged(path, error))
        return None
    tell(f"{path.stem}: computed afresh, because {', '.join(changed)} changed")
    return None


def damaged(path: Path, error: Exception) -> str:
    """Sets a damaged file aside, and says so in a line."""
    said = one_line(error)
    return f"{path}: damaged ({said}); set aside as {set_aside(path).name}, and computed afresh"


def write_table(directory: Path, name: str, frame: pd.DataFrame, made_by: Stamp) -> Path:
    """Writes a table as CSV, without the cosines; beside it as JSON, its stamp and checksums."""
    path = directory / f"{name}.csv"
    text = frame.drop(columns="cosines", errors="ignore").to_csv(index=False, lineterminator="\n")
    write_text(path, text)
    own = {"table": path.name, "sha256": sha256(text), "machine": platform.machine()}
    write_sealed(path.with_suffix(".json"), {**own, **made_by})
    return path


def read_table(
    directory: Path, name: str, text_columns: Sequence[str] = ()
) -> tuple[pd.DataFrame, Stamp]:
    """A table that :func:`write_table` wrote, and its stamp.

    Args:
        text_columns: columns that are no numbers, whatever stands in them.

    Raises:
        FileNotFoundError: one of its two files is not there.
        ValueError: the table or its stamp is not what was written, or no table.
    """
    path = directory / f"{name}.csv"
    try:
        made_by = read_sealed(path.with_suffix(".json"))
    except ValueError as error:
        raise ValueError(f"{path.with_suffix('.json')} was changed: {error}") from error
    if made_by.get("table") != path.name:
        raise ValueError(f"{path} has the stamp of another table, {made_by.get('table')}")
    text = path.read_text(encoding="utf-8")
    if made_by.get("sha256") != sha256(text):
        raise ValueError(f"{path} was changed after it was written")
    # Only an empty field is a gap: "none", "nan" and "2024" are names that somebody may give.
    types = dict.fromkeys([*_NAMES, *text_columns], "str")
    frame = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""], dtype=types)
    return frame, made_by


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the parts in which two stamps differ."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def differing(made_by: Stamp, mine: Stamp, seeds: Sequence[int], planned: Mapping[str, Any]) -> str:
    """In what a table's stamp is not what this run would make of it, in words; empty if in nothing.

    Args:
        mine: what this run would stamp: experiment, data, plans, versions, code.
        seeds: of this run. Without a plan, those of one of both must be among the other's.
        planned: the parameters that the study under way gives to the table's notebook.
    """
    foreign = [_foreign(plan, mine["plans"]) for plan in made_by.get("plans", ())]
    said = [
        f"{what} {made_by.get(key)!r} instead of {mine[key]!r}"
        for key, what in _MUST_AGREE.items()
        if made_by.get(key) != mine[key]
    ]
    said += filter(None, foreign)
    own, wanted = set(made_by.get("seeds", ())), set(planned.get("seeds", seeds))
    if own != wanted and ("seeds" in planned or not (own <= wanted or wanted <= own)):
        said.append(f"seeds {sorted(own)} instead of {sorted(wanted)}")
    given = {key: made_by[key] for key in ("extra_sentences",) if key in made_by}
    given |= {**made_by.get("settings", {}), **made_by.get("parameters", {})}
    said += [
        f"{key} {value!r} instead of {planned[key]!r}"
        for key, value in given.items()
        if key in planned and planned[key] != value
    ]
    return ", ".join(said)


_MUST_AGREE = {
    "experiment": "another notebook:",
    "data": "other data:",
    "threads": "another number of threads:",
    "code": "other code:",
    "versions": "other versions:",
}


def _foreign(plan: Mapping[str, Any], mine: Sequence[Mapping[str, Any]]) -> str:
    """In what a plan is none of mine, in words; empty if it is one of them."""
    name, pooling = plan.get("encoder", ""), plan.get("pooling", "")
    same = [own for own in mine if own["fingerprint"] == plan.get("fingerprint")]
    named = [own for own in mine if own["encoder"] == name]
    if named and not same and pooling not in (here := [own["pooling"] for own in named]):
        return f"{name} of pooling {pooling!r} instead of {', '.join(here)}"
    for own in same or [own for own in named if own["pooling"] == pooling]:
        parts = [key for key in changes(plan, own) if key != "encoder"]
        return "".join(
            f"{name} of {key} {plan.get(key)!r} instead of {own.get(key)!r}" for key in parts[:1]
        )
    here = list(dict.fromkeys(own["encoder"] for own in mine))
    return f"another encoder: {name} instead of {', '.join(here)}"


def names_here(
    theirs: Sequence[Mapping[str, Any]], mine: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """What this run calls the encoders of a table that another notebook wrote."""
    here = {own["fingerprint"]: own["encoder"] for own in mine}
    return {plan["encoder"]: here[plan["fingerprint"]] for plan in theirs}


def from_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The columns of :data:`COLUMNS`, and after them whatever a cell has of its own."""
    frame = pd.DataFrame(rows)
    own = [column for column in frame if column not in COLUMNS]
    return frame.reindex(columns=[*COLUMNS, *own]).astype(_COLUMN_TYPES)


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values; a missing number is null."""
    return [
        {str(key): _plain_value(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain_value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
