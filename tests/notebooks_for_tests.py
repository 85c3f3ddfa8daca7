"""Small notebooks and profiles in the place of the project's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml

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


def write_profile(project: Path, name: str, content: Any) -> None:
    """Writes a profile: text as it is, anything else as YAML."""
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (project / "notebooks" / "profiles" / f"{name}.yaml").write_text(text, encoding="utf-8")
