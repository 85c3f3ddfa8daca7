"""Opens copies of the notebooks in JupyterLab, so that exploring changes none of the project's.

JupyterLab saves by itself: what is changed in a notebook would be what the next study runs. The
copies lie in ``runs/lab``, and what they write beside them in ``results``, in sight of its file
browser.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from simcse_core.config import PROJECT_ROOT
from simcse_core.errors import StudyError
from simcse_core.folders import RUNS_VARIABLE
from simcse_core.study.notebooks import notebook_paths, read_notebook

LAB = PROJECT_ROOT / "runs" / "lab"


def copy_notebooks(folder: Path) -> list[str]:
    """Copies the notebooks that are not there yet; those that are there are somebody's work.

    Returns:
        The names of those that were there and differ from the project's in more than outputs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for path in notebook_paths():
        copy = folder / path.name
        if not copy.exists():
            shutil.copyfile(path, copy)
        elif _sources(copy) != _sources(path):
            changed.append(path.name)
    return changed


def _sources(notebook: Path) -> list[str]:
    try:
        return [cell.source for cell in read_notebook(notebook)]
    except StudyError:
        return []


def command(folder: Path, is_root: bool) -> list[str]:
    """What starts JupyterLab on a folder; it refuses root unless told otherwise."""
    own = ["--allow-root"] if is_root else []
    return [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *own]


def main(arguments: Sequence[str] = ()) -> None:
    """Copies, and becomes JupyterLab."""
    for name in copy_notebooks(LAB):
        print(f"{LAB / name} is as you left it; remove it for a copy of the project's")
    words = [*command(LAB, os.geteuid() == 0), *arguments]
    os.execve(words[0], words, {**os.environ, RUNS_VARIABLE: str(LAB / "results")})


if __name__ == "__main__":
    main(sys.argv[1:])
