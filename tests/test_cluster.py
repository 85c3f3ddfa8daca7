"""Cells on a dask cluster of two worker processes on loopback."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from simcse_core import cells as cells_module
from simcse_core import cluster
from simcse_core.cells import Cell, compute_cells
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData
from simcse_core.experiment import Experiment
from simcse_core.experiments import fitted_curve_cells, trajectory_cells
from simcse_core.plans import Plan
from simcse_core.results import stamp, tidy
from simcse_core.workers import WorkerError


def told(name: str) -> pd.DataFrame:
    print(f"{name} is computed")
    return tidy(pd.DataFrame({"value": [os.getpid()]}), encoder=name)


def fails(name: str) -> pd.DataFrame:
    raise OSError(28, f"No space left for {name}")


def dies(name: str) -> pd.DataFrame:
    os.kill(os.getpid(), signal.SIGKILL)
    return told(name)


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (told, fails, dies):  # a cell's code is of the package
        monkeypatch.setattr(function, "__module__", "simcse_core.trained_cells")


@pytest.fixture(scope="module")
def started() -> Iterator[Any]:
    """A cluster of two processes of one thread; nothing of it leaves this machine."""
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    dask = importlib.import_module("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as started,
    ):
        yield started


@pytest.fixture
def two_workers(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster, named to whoever computes; its workers are alive, or alive again."""
    with importlib.import_module("distributed").Client(started, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
    monkeypatch.setenv("SIMCSE_SCHEDULER", started.scheduler_address)


def test_a_cluster_and_one_process_give_the_same_bytes(
    study_data: StudyData,
    bert_dir: Path,
    tmp_path: Path,
    two_workers: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    plans = [Plan(str(bert_dir), pooling, train) for pooling in (Pooling.CLS, Pooling.MEAN)]
    for where in ("cluster", "here"):
        run = Experiment("02", study_data, plans, [0, 1], tmp_path / where)
        cells = trajectory_cells(run, run.plans, 8, [0, 4, 8], ["unsup-simcse"])
        run.compute([*cells, *fitted_curve_cells(run, run.encoder_plans(), [8])])
        monkeypatch.delenv("SIMCSE_SCHEDULER", raising=False)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / where / "cells").iterdir()}
        for where in ("cluster", "here")
    )
    assert len(one) == 2 * 2 + 2
    assert one == two


def test_cells_are_computed_by_the_workers_and_what_they_say_is_said_once(
    two_workers: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cells = [Cell(name, told, (name,)) for name in "cab"]
    frames = compute_cells(cells, tmp_path, "02", {})
    assert [frame["encoder"].item() for frame in frames] == ["c", "a", "b"]
    mine = {child.pid for child in psutil.Process().children(recursive=True)}
    assert {int(frame["value"].item()) for frame in frames} <= mine
    out = capfd.readouterr().out
    assert [out.count(f"{name} is computed") for name in "abc"] == [1, 1, 1]


def test_a_cell_that_fails_or_kills_its_worker_leaves_the_others(
    two_workers: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cells = [Cell("d", dies, ("d",)), Cell("f", fails, ("f",))]
    cells += [Cell(name, told, (name,)) for name in "ab"]
    with pytest.raises((WorkerError, OSError)) as caught:
        compute_cells(cells, tmp_path, "02", {})
    (note,) = (note for note in caught.value.__notes__ if note.startswith("failed: "))
    assert set(note.removeprefix("failed: ").split("; ")[0].split(", ")) == {"02-d", "02-f"}
    assert sorted(p.name for p in (tmp_path / "cells").iterdir()) == ["02-a.json", "02-b.json"]
    out = capfd.readouterr().out
    assert "02-d: failed (the workers that took it ended one after another" in out
    assert "No space left for f" in out


def test_workers_that_would_take_two_cells_at_once_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as started:
        monkeypatch.setenv("SIMCSE_SCHEDULER", started.scheduler_address)
        with pytest.raises(WorkerError, match=r"takes several cells at once; .* --nthreads 1"):
            compute_cells([Cell("a", told, ("a",))], tmp_path, "02", {})


def test_a_scheduler_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    monkeypatch.setenv("SIMCSE_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(WorkerError, match=r"SIMCSE_SCHEDULER: no scheduler answers at tcp://127"):
        compute_cells([Cell("a", told, ("a",))], tmp_path, "02", {})


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setenv("SIMCSE_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setattr(cluster.importlib, "import_module", missing)
    with pytest.raises(WorkerError, match=r"pip install 'simcse-core\[cluster\]'"):
        compute_cells([Cell("a", told, ("a",))], tmp_path, "02", {})


@pytest.mark.parametrize("address", ["localhost", "tcp://", "tcp://h", "http://h:1", "tcp://a b:1"])
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCSE_SCHEDULER", address)
    with pytest.raises(WorkerError, match=r"an address such as tcp://10\.0\.0\.1:8786 is needed"):
        cluster.scheduler_address()


@pytest.mark.parametrize("changed", ["code", "versions"])
def test_a_worker_with_other_code_or_versions_computes_nothing(
    changed: str, tmp_path: Path
) -> None:
    cell = Cell("a", told, ("a",))
    made_by = stamp(["simcse_core.trained_cells"]) | {changed: "another"}
    with pytest.raises(WorkerError, match=f"worker: it has other {changed} than the notebook"):
        cells_module._compute(cell, tmp_path, "02-a", made_by)
    assert not (tmp_path / "cells").exists()


def test_a_worker_that_does_not_see_the_folder_computes_nothing(tmp_path: Path) -> None:
    made_by = stamp(["simcse_core.trained_cells"])
    with pytest.raises(WorkerError, match="OUT must lie on a disk that all machines share"):
        cells_module._compute(Cell("a", told, ("a",)), tmp_path / "no", "02-a", made_by)
