"""Pieces of computing: kept, used again, gone on with, and fit for a process of their own."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest

from simcse_core.cells import Cell, compute_cells
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData
from simcse_core.experiment import Experiment
from simcse_core.experiments import fitted_curve_cells, trajectory_cells
from simcse_core.plans import Plan
from simcse_core.results import tidy

CALLS: list[str] = []


def measured(name: str) -> pd.DataFrame:
    CALLS.append(name)
    return tidy(pd.DataFrame({"value": [0.5]}), encoder=name)


def resumed(name: str, checkpoint: Checkpoint) -> pd.DataFrame:
    assert isinstance(checkpoint, Checkpoint)
    return measured(name)


@pytest.fixture(autouse=True)
def _own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    for function in (measured, resumed):  # a cell's code is of the package
        monkeypatch.setattr(function, "__module__", "simcse_core.trained_cells")


def computed(cells: list[Cell], folder: Path, **shared: object) -> list[str]:
    return [f["encoder"].item() for f in compute_cells(cells, folder, "02", shared)]


def test_cells_give_their_rows_in_order_and_are_computed_once(tmp_path: Path) -> None:
    cells = [Cell("b", measured, ("b",)), Cell("a", resumed, ("a",), resumes=True)]
    assert computed(cells, tmp_path) == ["b", "a"]
    assert computed(cells, tmp_path) == ["b", "a"]
    assert CALLS == ["b", "a"]
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == [
        "02-a.json",
        "02-b.json",
    ]


@pytest.mark.parametrize("changed", ["part", "shared"])
def test_a_cell_is_computed_afresh_when_what_decides_it_changed(
    changed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    computed([Cell("a", measured, ("a",), {"n": 1})], tmp_path, data="x")
    part, shared = (2, "x") if changed == "part" else (1, "y")
    computed([Cell("a", measured, ("a",), {"n": part})], tmp_path, data=shared)
    assert CALLS == ["a", "a"]
    what = "n" if changed == "part" else "data"
    assert f"02-a: computed afresh, because {what} changed" in capsys.readouterr().out


def test_the_cells_of_an_experiment_can_go_to_a_process_of_their_own(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    train = TrainConfig(batch_size=4)
    plans = [Plan(str(bert_dir), pooling, train) for pooling in (Pooling.CLS, Pooling.MEAN)]
    run = Experiment("02", study_data, plans, [0], tmp_path)
    cells = trajectory_cells(run, run.plans, 4, [0, 4], ["unsup-simcse"])
    cells += fitted_curve_cells(run, run.encoder_plans(), [4])
    assert len({cell.name for cell in cells}) == len(cells) == 2 + 2  # runs; text and encoder
    for cell in cells:
        again = pickle.loads(pickle.dumps(cell))
        assert (again.name, again.parts, again.compute) == (cell.name, cell.parts, cell.compute)
        for part in again.args:
            assert not isinstance(part, Plan) or "untrained" not in vars(part)  # it loads its own
    there, here = (
        run.compute([pickle.loads(pickle.dumps(cells[0]))])[0],
        run.compute(cells[:1])[0],
    )
    assert there["value"].tolist() == here["value"].tolist()
