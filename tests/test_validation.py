"""That the checks on committed notebooks fail when a notebook is spoilt."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest
import test_notebooks
from nbformat import NotebookNode
from test_notebooks import NAMES, code, facts, other_digit

from simcse_core.study.notebooks import NOTEBOOKS


def committed(name: str) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def strip(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        cell.outputs, cell.execution_count = [], None


def warn(notebook: NotebookNode) -> None:
    warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful\n")
    code(notebook)[-1].outputs.append(warning)


def skip_a_cell(notebook: NotebookNode) -> None:
    code(notebook)[-2].execution_count = None


def name_a_path(notebook: NotebookNode) -> None:
    code(notebook)[-1].outputs[0].text += "/home/somebody/out\n"


SPOILT = {
    strip: test_notebooks.test_the_last_code_cell_states_facts_that_nbval_compares,
    warn: test_notebooks.test_no_cell_wrote_to_stderr_or_failed,
    skip_a_cell: test_notebooks.test_a_notebook_is_committed_as_it_ran_from_top_to_bottom,
    name_a_path: test_notebooks.test_nothing_stored_names_a_path_of_the_machine,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_notebook_fails_its_check(name: str, spoil) -> None:  # type: ignore[no-untyped-def]
    notebook, check = committed(name), SPOILT[spoil]
    check(notebook)
    spoil(notebook)
    with pytest.raises((AssertionError, IndexError)):
        check(notebook)


def nbval_failures(folder: Path) -> dict[str, list[int]]:
    """Runs every notebook of a folder as CI does; the cells that fail, counted from 0."""
    options = ["--nbval-lax", "--nbval-current-env", "--junitxml=report.xml"]
    patience = ["--nbval-cell-timeout=1800", "--nbval-kernel-startup-timeout=180"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *patience, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert (folder / "report.xml").is_file(), ended.stdout + ended.stderr
    failures: dict[str, list[int]] = {}
    for test in ET.parse(folder / "report.xml").iter("testcase"):
        cells = failures.setdefault(test.get("classname", "").split(".")[0], [])
        if test.find("failure") is not None:
            cells.append(int(test.get("name", "").rsplit(" ", 1)[-1]))
    return failures


@pytest.mark.soak
def test_one_digit_changed_in_a_stored_fact_fails_that_cell_of_each_notebook(
    tmp_path: Path,
) -> None:
    last = {}
    for name in NAMES:
        notebook = committed(name)
        (output,) = code(notebook)[-1].outputs
        output.text = other_digit(facts(notebook))
        parameters = code(notebook)[1]
        parameters.source = parameters.source.replace(
            'output_dir = ""', f"output_dir = {str(tmp_path / 'out')!r}"
        )
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        last[name] = [len(code(notebook)) - 1]
    assert nbval_failures(tmp_path) == last
