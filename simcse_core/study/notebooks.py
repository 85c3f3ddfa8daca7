"""The numbered notebooks as files: which there are, and the parameters written in them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat

from simcse_core.config import NOTEBOOK_STEM, PACKAGE, PROJECT_ROOT
from simcse_core.errors import ParameterError, StudyError, one_line

PROFILES = "profiles"  # the folder beside the notebooks
# Of the clone, or copied to where somebody works; else those that came with the package.
_OWN = PROJECT_ROOT / "notebooks"
NOTEBOOKS = _OWN if (_OWN / PROFILES).is_dir() else PACKAGE / "notebooks"


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
