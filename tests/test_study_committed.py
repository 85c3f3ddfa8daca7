"""In what notebooks differ from those that are committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nbformat
import pytest
from notebooks_for_tests import save_notebook

from simcse_core.study.committed import differences

PARAMETERS = "seeds = [0, 1]  # each\nn_train = 4"
CELLS = ["run = open()", "results = run.table()\nrun.chart()"]


def git(folder: Path, *arguments: str) -> None:
    me = ["-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run(["git", *me, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A committed notebook."""
    path = save_notebook(tmp_path / "02_a.ipynb", [PARAMETERS], CELLS)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "notebooks")
    return path


def test_a_committed_notebook_differs_in_nothing(notebook: Path) -> None:
    assert differences(notebook) == ""


def test_outputs_and_counts_are_no_difference(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    content.cells[1].outputs = [nbformat.v4.new_output("stream", text="ran")]
    content.cells[1].execution_count = 7
    nbformat.write(content, notebook)
    assert differences(notebook) == ""


@pytest.mark.parametrize(
    ("parameters", "cells", "said"),
    [
        ("seeds = [5]\nn_train = 4", CELLS, "seeds = [5] (committed: [0, 1])"),
        ("seeds = [0, 1]", CELLS, "n_train = 'nothing' (committed: 4)"),
        (f"{PARAMETERS}\nrate = 1", CELLS, "rate = 1 (committed: 'nothing')"),
        (
            "seeds = [5]\nn_train = 5",
            CELLS,
            "seeds = [5] (committed: [0, 1]); n_train = 5 (committed: 4)",
        ),
        (PARAMETERS, ["run = open(1)", CELLS[1]], "-run = open() +run = open(1)"),
        (PARAMETERS, CELLS[:1], "-results = run.table() -run.chart()"),
        (PARAMETERS, [*CELLS, "more()"], "+more()"),
        (PARAMETERS.replace("each", "every"), CELLS, ""),
    ],
)
def test_a_notebook_that_was_changed_is_told_by_what_was(
    notebook: Path, parameters: str, cells: list[str], said: str
) -> None:
    save_notebook(notebook, [parameters], cells)
    assert differences(notebook) == said


def test_tags_are_told_since_a_cell_may_be_left_out_by_one(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    content.cells[2].metadata["tags"] = ["skip-execution"]
    content.cells[2].metadata["collapsed"] = True
    content.metadata["kernelspec"]["name"] = "mine"
    nbformat.write(content, notebook)
    assert differences(notebook) == "+# tagged skip-execution"


@pytest.mark.parametrize("kind", ["raw", "markdown"])
def test_a_cell_that_is_code_no_more_is_told(notebook: Path, kind: str) -> None:
    content = nbformat.read(notebook, as_version=4)
    content.cells[1] = getattr(nbformat.v4, f"new_{kind}_cell")(content.cells[1].source)
    nbformat.write(content, notebook)
    assert differences(notebook) == "-run = open()"


def test_a_notebook_that_was_never_committed_differs_from_nothing(notebook: Path) -> None:
    new = save_notebook(notebook.with_name("03_b.ipynb"), [PARAMETERS], CELLS)
    assert differences(new) == ""


def test_without_git_there_is_nothing_to_differ_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_notebook(tmp_path / "02_a.ipynb", [PARAMETERS], CELLS)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert differences(path) == ""
    monkeypatch.setenv("PATH", "")
    assert differences(path) == ""
