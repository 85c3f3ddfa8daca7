"""Runs the committed notebooks on their defaults and writes them back, outputs included.

Progress bars leave a widget that no reader sees; it is taken out. Anything on
stderr is a warning somebody should look at, so it stops the writing.
"""

from __future__ import annotations

import sys

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

from simcse_core.profiles import NOTEBOOKS, notebook_paths

WIDGET = "application/vnd.jupyter.widget-view+json"


def without_widgets(notebook: NotebookNode) -> NotebookNode:
    """Takes progress bars out of the outputs; raises RuntimeError if a cell wrote to stderr."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", {})]
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise RuntimeError(f"cell {cell.execution_count} wrote to stderr: {output.text}")
    notebook.metadata.pop("widgets", None)
    return notebook


def main() -> int:
    """Executes every notebook in order; returns the exit code."""
    for path in tqdm(notebook_paths(), unit="notebook"):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=3600,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(NOTEBOOKS)}},
        ).execute()
        notebook.metadata.language_info = {"name": "python"}
        nbformat.write(without_widgets(notebook), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
