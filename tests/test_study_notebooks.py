"""The numbered notebooks as files, and what is no parameters cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from notebooks_for_tests import planned, save_notebook

from simcse_core.errors import StudyError
from simcse_core.study.notebooks import defaults, left_out, notebook_paths

WriteNotebook = Callable[..., Path]


def test_defaults_are_the_literals_of_the_parameters_cell(project: Path) -> None:
    lines = ["sizes = [50, 150]  # how many", 'name = "x"', "rate = -1e-5", "yes = True"]
    path = save_notebook(project / "it.ipynb", ["\n".join(lines)], ["other = 1"])
    assert defaults(path) == {"sizes": [50, 150], "name": "x", "rate": -1e-5, "yes": True}


@pytest.mark.parametrize("n_cells", [0, 2])
def test_a_notebook_has_one_parameters_cell(project: Path, n_cells: int) -> None:
    path = save_notebook(project / "it.ipynb", ["x = 1"] * n_cells)
    with pytest.raises(StudyError, match=rf"it\.ipynb: .*'parameters', got {n_cells}"):
        defaults(path)


@pytest.mark.parametrize(
    "statement",
    [
        "import os",
        "x += 1",
        "print(1)",
        "a, b = 1, 2",
        "total = 2 * n",
        "n = len([1])",
        "n = m",
        "n: int = 3",
        "x = (",
        "first = 2",
    ],
)
def test_only_literals_belong_in_the_parameters_cell(project: Path, statement: str) -> None:
    path = save_notebook(project / "it.ipynb", [f"first = 1\n{statement}"])
    with pytest.raises(StudyError, match=r"it\.ipynb, parameters cell, line 2"):
        defaults(path)


@pytest.mark.parametrize(
    "copy",
    [
        "02_small_sample-Copy1",
        "02_small_sample-Copy2-Copy1",
        "02_small_sample (1)",
        "02_small_sample 2",
        "02_small_sample.bak",
        "02_Small_Sample",
    ],
)
def test_a_copy_of_a_notebook_is_left_out_and_told(
    write_notebook: WriteNotebook, copy: str
) -> None:
    write_notebook("02_small_sample")
    write_notebook(copy)
    assert [path.stem for path in notebook_paths()] == ["02_small_sample"]
    assert left_out() == [f"{copy}.ipynb"]
    with pytest.raises(
        StudyError, match=r"notebook: unknown value .*; use one of: 02_small_sample"
    ):
        planned("quick", only=[copy])


@pytest.mark.parametrize("other", ["02_mine", "02_small_sample_old", "02_"])
def test_two_notebooks_with_one_number_are_refused(
    write_notebook: WriteNotebook, other: str
) -> None:
    write_notebook("01_a")
    write_notebook("02_small_sample")
    write_notebook(other if other != "02_" else "02_x")
    with pytest.raises(StudyError, match="have one number and would write the same tables"):
        planned("quick", only=["01_a"])


BROKEN = {
    "empty": b"",
    "half": b'{"cells": [',
    "a list": b"[]",
    "a number": b"3",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5}',
    "no format": b"{}",
    "nested deeply": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "merged": b"<<<<<<< HEAD\n{}\n=======\n",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_notebook_is_named_in_a_line(
    project: Path, write_notebook: WriteNotebook, content: str
) -> None:
    write_notebook("01_a")
    (project / "notebooks" / "02_b.ipynb").write_bytes(BROKEN[content])
    with pytest.raises(StudyError, match=r"^02_b\.ipynb: ") as caught:
        planned("quick")
    assert "\n" not in str(caught.value)
