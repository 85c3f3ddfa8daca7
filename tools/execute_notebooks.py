"""Runs the committed notebooks on their defaults and writes them back, outputs included.

Widgets, which no reader without a kernel sees, are taken out; what they say as text stays.
Anything on stderr is a warning somebody should look at, so it stops the writing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

from simcse_core.report.notebook_pages import without_widgets
from simcse_core.study.kernels import warm_kernels
from simcse_core.study.notebooks import NOTEBOOKS, notebook_paths


def checked(notebook: NotebookNode) -> NotebookNode:
    """The notebook without widgets; raises RuntimeError if a cell wrote to stderr."""
    for cell in without_widgets(notebook).cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"cell {cell.execution_count} wrote to stderr: {output.text}")
    return notebook


def main(names: Sequence[str] = ()) -> int:
    """Executes the notebooks of these names, or every one, in order; returns the exit code."""
    paths = [path for path in notebook_paths() if not names or path.stem in names]
    with warm_kernels():
        for path in tqdm(paths, unit="notebook"):
            notebook = nbformat.read(path, as_version=4)
            NotebookClient(
                notebook,
                timeout=3600,
                kernel_name="python3",
                record_timing=False,
                resources={"metadata": {"path": str(NOTEBOOKS)}},
            ).execute()
            notebook.metadata.language_info = {"name": "python"}
            nbformat.write(checked(notebook), path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
