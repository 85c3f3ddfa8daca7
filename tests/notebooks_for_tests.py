"""Small notebooks and profiles in the place of the project's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml

from simcse_core.config import PROJECT_ROOT
from simcse_core.study.checks import chosen_steps
from simcse_core.study.profiles import Step, plan_steps

PYTHON = {
    "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
    "language_info": {"name": "python"},
}


def save_notebook(path: Path, parameter_cells: Sequence[str], cells: Sequence[str] = ()) -> Path:
    """Writes a notebook of cells tagged ``parameters`` and others."""
    tags = {"tags": ["parameters"]}
    code = [nbformat.v4.new_code_cell(source, metadata=tags) for source in parameter_cells]
    code += [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=PYTHON), path)
    return path


def run_study_apart(
    words: Sequence[str], cwd: Path, path: Sequence[Path] = (), **environment: str
) -> None:
    """Runs the study's command in a process of its own, of one thread, and expects it to succeed.

    Args:
        path: folders of packages, beside the project's.
    """
    where = os.pathsep.join(map(str, [PROJECT_ROOT, *path]))
    ended = subprocess.run(
        [sys.executable, "-m", "simcse_core.study", *words],
        env={**os.environ, **environment, "PYTHONPATH": where},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert ended.returncode == 0, ended.stderr


def write_profile(project: Path, name: str, content: Any) -> None:
    """Writes a profile: text as it is, anything else as YAML."""
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (project / "notebooks" / "profiles" / f"{name}.yaml").write_text(text, encoding="utf-8")


def planned(
    profile: str, overrides: Mapping[str, Any] | None = None, only: Sequence[str] = ()
) -> list[Step]:
    """The steps to run, checked."""
    overrides = overrides or {}
    return chosen_steps(plan_steps(profile, overrides), overrides, only)
