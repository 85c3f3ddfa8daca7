"""In what the notebooks that a study runs differ from those that are committed.

JupyterLab saves by itself: what was changed while exploring is what the next study runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

import nbformat

from simcse_core.study.notebooks import literals, parameters_cell, read_notebook


def differences(notebook: Path) -> str:
    """In what a notebook differs from the committed one, in words; empty if it does not.

    So it is where there is no git, or where git knows nothing of it.

    Raises:
        StudyError: it is no notebook.
    """
    try:
        found = subprocess.run(
            ["git", "show", f"HEAD:./{notebook.name}"],
            cwd=notebook.parent,
            capture_output=True,
            check=True,
        )
        cells = nbformat.reads(found.stdout.decode("utf-8"), as_version=4).cells
        old = literals(parameters_cell(notebook, cells))
    except (OSError, ValueError, RuntimeError, subprocess.CalledProcessError):
        return ""
    now = read_notebook(notebook)
    said = _parameters(old, literals(parameters_cell(notebook, now)))
    return "; ".join([*said, *_lines(_code(cells), _code(now))])


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} = {new.get(name, 'nothing')!r} (committed: {old.get(name, 'nothing')!r})"
        for name in {**old, **new}
        if old.get(name) != new.get(name) or (name in old) != (name in new)
    ]


def _code(cells: Sequence[nbformat.NotebookNode]) -> list[str]:
    """The lines of code but for the parameters, and the tags of cells, which may leave one out."""
    code = [(cell, cell.metadata.get("tags", [])) for cell in cells if cell.cell_type == "code"]
    return [
        line
        for cell, tags in code
        if "parameters" not in tags
        for line in [*(f"# tagged {tag}" for tag in tags), *cell.source.splitlines()]
    ]


def _lines(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The lines that came and went, if any did."""
    changed = [line for line in unified_diff(old, new, n=0) if line[:3] not in ("---", "+++")]
    return [" ".join(line for line in changed if not line.startswith("@@"))] if changed else []
