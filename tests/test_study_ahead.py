"""Cells of a whole study in one queue: waited for, told of, left to their notebook, broken off."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest

from simcse_core.cells import Cell
from simcse_core.results import tidy
from simcse_core.study.ahead import computed_ahead
from simcse_core.study.planned import Planned
from simcse_core.under_way import UnderWay

CALLS: list[str] = []
GO_ON = threading.Event()


def measured(name: str) -> pd.DataFrame:
    CALLS.append(name)
    return tidy(pd.DataFrame({"value": [0.5]}), encoder=name)


def failing() -> pd.DataFrame:
    raise ZeroDivisionError


def waiting(name: str) -> pd.DataFrame:
    assert GO_ON.wait(60)
    return measured(name)


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    GO_ON.clear()
    monkeypatch.setenv("SIMCSE_WORKERS", "1")  # computes in the thread itself
    for function in (measured, failing, waiting):  # a cell's code is of the package
        monkeypatch.setattr(function, "__module__", "simcse_core.trained_cells")


def planned(notebook: str, *cells: Cell) -> Planned:
    return Planned(notebook, cells, {"data": "x"})


def names_kept(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "cells").glob("*.json"))


def test_cells_are_computed_in_the_order_of_the_notebooks_and_told_of(tmp_path: Path) -> None:
    told: dict[str, UnderWay] = {}
    later = [Cell("c", measured, ("c",)), Cell("b", measured, ("b",), cost=1.0)]
    work = [planned("02", Cell("a", measured, ("a",))), planned("03"), planned("04", *later)]
    with computed_ahead(work, tmp_path, told.__setitem__) as wait_for:
        wait_for("02")
        assert names_kept(tmp_path)[0] == "02-a"
        wait_for("03")
        wait_for("04")
        assert names_kept(tmp_path) == ["02-a", "04-b", "04-c"]
    assert CALLS == ["a", "b", "c"]  # what costs most first, within a notebook
    assert told == {"02": UnderWay([], ["02-a"]), "04": UnderWay([], ["04-b", "04-c"])}
    with computed_ahead(work, tmp_path, told.__setitem__) as wait_for:
        wait_for("04")
    assert CALLS == ["a", "b", "c"]


def test_a_cell_that_fails_is_left_to_its_notebook_and_the_rest_is_computed(
    tmp_path: Path,
) -> None:
    first = planned("02", Cell("bad", failing, ()), Cell("a", measured, ("a",)))
    work = [first, planned("03", Cell("b", measured, ("b",)))]
    with computed_ahead(work, tmp_path, lambda *_: None) as wait_for:
        wait_for("02")
        wait_for("03")
    assert names_kept(tmp_path) == ["02-a", "03-b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_tells_and_cannot_leaves_nobody_waiting(tmp_path: Path) -> None:
    def broken(notebook: str, state: UnderWay) -> None:
        raise BaseException(notebook)

    with computed_ahead([planned("02", Cell("a", measured, ("a",)))], tmp_path, broken) as wait_for:
        wait_for("02")
    assert CALLS == []


def test_a_study_that_ends_ends_what_is_computed_ahead(tmp_path: Path) -> None:
    begun = threading.Event()
    work = [
        planned("02", Cell("a", waiting, ("a",)), Cell("b", measured, ("b",))),
        planned("03", Cell("c", measured, ("c",))),
    ]
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt),
        computed_ahead(work, tmp_path, lambda *_: begun.set()),
    ):
        assert begun.wait(60)
        threading.Timer(0.2, GO_ON.set).start()
        raise KeyboardInterrupt
    assert CALLS == ["a"]  # the one that was under way is kept, none is begun
    assert names_kept(tmp_path) == ["02-a"]
