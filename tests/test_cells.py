"""Pieces of computing: kept, used again, gone on with, and fit for a process of their own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from pandas.testing import assert_frame_equal
from tqdm.auto import tqdm

from simcse_core import cells as cells_module
from simcse_core.cells import Cell, compute_cells
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData
from simcse_core.experiment import Experiment
from simcse_core.experiments import fitted_curve_cells, trajectory_cells
from simcse_core.folders import FolderInUseError, only_run
from simcse_core.plans import Plan
from simcse_core.results import tidy
from simcse_core.under_way import UnderWay
from simcse_core.workers import WorkerError, n_threads, n_workers, that_fit

CALLS: list[str] = []


def measured(name: str) -> pd.DataFrame:
    CALLS.append(name)
    return tidy(pd.DataFrame({"value": [0.5]}), encoder=name)


def failing() -> pd.DataFrame:
    raise ZeroDivisionError


def resumed(name: str, checkpoint: Checkpoint) -> pd.DataFrame:
    assert isinstance(checkpoint, Checkpoint)
    return measured(name)


@pytest.fixture(autouse=True)
def _own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    for function in (measured, failing, resumed, at_its_points):  # a cell's code is of the package
        monkeypatch.setattr(function, "__module__", "simcse_core.trained_cells")


def computed(cells: list[Cell], folder: Path, **shared: object) -> list[str]:
    return [f["encoder"].item() for f in compute_cells(cells, folder, "02", shared)]


def names_kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cells").iterdir())


def test_cells_give_their_rows_in_order_and_are_computed_once(tmp_path: Path) -> None:
    cells = [Cell("b", measured, ("b",)), Cell("a", resumed, ("a",), resumes=True)]
    assert computed(cells, tmp_path) == ["b", "a"]
    assert computed(cells, tmp_path) == ["b", "a"]
    assert CALLS == ["b", "a"]
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == [
        "02-a.json",
        "02-b.json",
    ]


def test_a_study_is_told_what_is_kept_what_is_done_and_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[UnderWay] = []
    monkeypatch.setattr(cells_module, "tell_study", told.append)
    computed([Cell("a", measured, ("a",))], tmp_path)
    assert told == [UnderWay([], [], ["02-a"]), UnderWay([], ["02-a"])]
    told.clear()
    three = [Cell("b", failing, ()), Cell("a", measured, ("a",)), Cell("c", measured, ("c",))]
    with pytest.raises(ZeroDivisionError):
        computed(three, tmp_path)
    assert told == [
        UnderWay(["02-a"], [], ["02-b"]),
        UnderWay(["02-a"], ["02-b"], ["02-c"]),  # what failed is done too
        UnderWay(["02-a"], ["02-c", "02-b"]),
    ]
    told.clear()
    computed(three[1:], tmp_path)
    assert told == []


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


def at(points: list[int], name: str = "a", **parts: object) -> Cell:
    """A cell whose rows are its points; of more points, those of them."""

    def among(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["n_train"].isin(points)].reset_index(drop=True)

    return Cell(name, at_its_points, (points,), {"points": points, **parts}, among=among)


def at_its_points(points: list[int]) -> pd.DataFrame:
    CALLS.append(str(points))
    return tidy(pd.DataFrame({"n_train": points, "value": [p / 2 for p in points]}))


def points_of(cell: Cell, folder: Path, notebook: str, **shared: object) -> list[int]:
    (frame,) = compute_cells([cell], folder, notebook, {"experiment": notebook, **shared})
    assert frame["value"].tolist() == [n / 2 for n in frame["n_train"]]
    return frame["n_train"].tolist()


def test_what_another_notebook_computed_among_more_points_is_taken_over(tmp_path: Path) -> None:
    assert points_of(at([0, 4, 8]), tmp_path, "02") == [0, 4, 8]
    assert points_of(at([0, 8]), tmp_path, "05") == [0, 8]
    assert CALLS == ["[0, 4, 8]"]
    assert names_kept(tmp_path) == ["02-a.json", "05-a.json"]
    (tmp_path / "cells" / "02-a.json").unlink()  # it is kept, not borrowed
    assert points_of(at([0, 8]), tmp_path, "05") == [0, 8]
    assert len(CALLS) == 1


@pytest.mark.parametrize(
    ("cell", "shared"),
    [
        (at([0, 6]), {}),  # a point that was not measured
        (at([0, 8], "b"), {}),
        (at([0, 8], "[a]"), {}),  # no pattern for names
        (at([0, 8], seed=1), {}),
        (at([0, 8]), {"data": "other"}),
        (replace(at([0, 8]), among=None), {}),
    ],
)
def test_another_cell_is_computed(cell: Cell, shared: dict[str, str], tmp_path: Path) -> None:
    points_of(at([0, 4, 8]), tmp_path, "02")
    points_of(cell, tmp_path, "05", **shared)
    assert len(CALLS) == 2


def test_a_damaged_cell_of_another_notebook_is_not_taken_over(tmp_path: Path) -> None:
    points_of(at([0, 4, 8]), tmp_path, "02")
    kept = tmp_path / "cells" / "02-a.json"
    kept.write_text(kept.read_text("utf-8").replace("4.0", "4.5"), "utf-8")
    assert points_of(at([0, 8]), tmp_path, "05") == [0, 8]
    assert len(CALLS) == 2


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
        assert (again.among is None) == (cell.among is None)
        for part in again.args:
            assert not isinstance(part, Plan) or "untrained" not in vars(part)  # it loads its own
    there, here = (
        run.compute([pickle.loads(pickle.dumps(cells[0]))])[0],
        run.compute(cells[:1])[0],
    )
    assert there["value"].tolist() == here["value"].tolist()


# --- side by side ----------------------------------------------------------------------------


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCSE_WORKERS", "2")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Free(2**40))


class Free:
    """In the place of what psutil says of the machine's memory."""

    def __init__(self, available: int) -> None:
        self.available = available


def told(name: str) -> pd.DataFrame:
    """What a process of its own knows of itself."""
    print(f"{name} is computed")
    warnings.warn(f"{name} warns", stacklevel=1)
    for _ in tqdm(range(3), desc="a bar"):
        pass
    threads = f"{torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']}"
    return tidy(pd.DataFrame({"value": [os.getpid()]}), encoder=name, missing=threads)


def dies_once(name: str, flag: Path) -> pd.DataFrame:
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measured(name)


def dies(name: str) -> pd.DataFrame:
    os.kill(os.getpid(), signal.SIGKILL)
    return measured(name)


class OddError(Exception):
    """Cannot be read again where it is sent: it is made of two things and says one."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def fails(name: str, kind: str) -> pd.DataFrame:
    if kind == "odd":
        raise OddError("od", "d")
    raise OSError(28, "No space left on device")


FUNCTIONS = (told, dies_once, dies, fails)


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in FUNCTIONS:
        monkeypatch.setattr(function, "__module__", "simcse_core.trained_cells")


def test_cells_are_computed_in_other_processes_of_one_thread_and_what_they_say_is_said_once(
    two_workers: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cells = [Cell(name, told, (name,)) for name in "cab"]
    frames = compute_cells(cells, tmp_path, "02", {})
    assert [frame["encoder"].item() for frame in frames] == ["c", "a", "b"]
    assert os.getpid() not in [frame["value"].item() for frame in frames]
    assert {frame["missing"].item() for frame in frames} == {"1 1"}
    assert names_kept(tmp_path) == ["02-a.json", "02-b.json", "02-c.json"]
    out, err = capfd.readouterr()
    for name in "abc":
        assert out.count(f"{name} is computed") == 1
        assert err.count(f"UserWarning: {name} warns") == 1
    assert "a bar" not in err
    again = compute_cells(cells, tmp_path, "02", {})
    for one, other in zip(frames, again, strict=True):
        assert_frame_equal(one, other)
    assert not capfd.readouterr().out


def test_two_workers_and_one_give_the_same_bytes(
    study_data: StudyData, bert_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    plans = [Plan(str(bert_dir), pooling, train) for pooling in (Pooling.CLS, Pooling.MEAN)]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Free(2**40))
    for workers in ("1", "2"):
        torch.set_num_threads(2)  # whatever was set before
        monkeypatch.setenv("SIMCSE_WORKERS", workers)
        run = Experiment("02", study_data, plans, [0, 1], tmp_path / workers)
        cells = trajectory_cells(run, run.plans, 8, [0, 4, 8], ["unsup-simcse"])
        run.compute([*cells, *fitted_curve_cells(run, run.encoder_plans(), [8])])
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / n / "cells").iterdir()} for n in "12"
    )
    assert len(one) == 2 * 2 + 2
    assert one == two
    assert b'"threads": 1' in next(iter(one.values()))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_cell_that_fails_leaves_the_others_to_be_computed(
    two_workers: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: str
) -> None:
    monkeypatch.setenv("SIMCSE_WORKERS", workers)
    cells = [Cell("x", fails, ("x", "disk")), *(Cell(name, measured, (name,)) for name in "ab")]
    with pytest.raises(OSError, match="No space left on device") as caught:
        computed(cells, tmp_path)
    assert caught.value.__notes__[-1] == "failed: 02-x; 2 other computed and kept"
    assert names_kept(tmp_path) == ["02-a.json", "02-b.json"]


def test_an_error_that_cannot_be_sent_is_told_all_the_same(
    two_workers: None, tmp_path: Path
) -> None:
    cells = [Cell("x", fails, ("x", "odd")), Cell("a", measured, ("a",))]
    with pytest.raises(RuntimeError, match="OddError: odd"):
        computed(cells, tmp_path)
    assert names_kept(tmp_path) == ["02-a.json"]


# What ends processes comes after what shares them.
def test_a_cell_whose_worker_is_killed_is_tried_once_more_and_fails_alone(
    two_workers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [Cell(name, measured, (name,)) for name in "abc"]
    cells.insert(0, Cell("once", dies_once, ("once", tmp_path / "flag")))
    twice = Cell("twice", dies, ("twice",))
    with pytest.raises(WorkerError, match=r"ended twice.*SIGKILL.*memory") as caught:
        computed([twice, *cells], tmp_path)
    assert caught.value.__notes__ == ["failed: 02-twice; 4 other computed and kept"]
    assert (tmp_path / "flag").exists()
    said = capsys.readouterr().out
    assert "02-twice: failed (its process ended twice" in said
    assert said.count("failed") == 1
    assert names_kept(tmp_path) == [f"02-{name}.json" for name in ("a", "b", "c", "once")]
    assert computed(cells, tmp_path) == ["once", "a", "b", "c"]


def test_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cells: two are called 02-a"):
        computed([Cell("a", measured, ("a",)), Cell("a", measured, ("b",))], tmp_path)


def test_nothing_is_computed_in_a_folder_that_another_run_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [Cell("a", measured, ("a",))]
    computed(cells, tmp_path / "kept")
    monkeypatch.setattr("simcse_core.folders._held_for_us", lambda _: False)
    with only_run(tmp_path / "kept"):
        assert computed(cells, tmp_path / "kept") == ["a"]  # reading is no work
        with pytest.raises(FolderInUseError):
            computed([Cell("b", measured, ("b",))], tmp_path / "kept")
    assert CALLS == ["a"]


# 0.5 GiB are free for processes of 0.2 GiB, or of 0.6.
@pytest.mark.parametrize(("each", "fit"), [(0.2, 2), (0.6, 1), (0.1, 3)])
def test_a_worker_that_would_not_fit_is_not_started_and_that_is_said(
    each: float, fit: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Free(2**29))
    assert that_fit(3, int(each * 2**30)) == fit
    said = f"memory: {fit} instead of 3 at once, for one may take {each} GiB and 0.5 GiB are free\n"
    assert capsys.readouterr().out == ("" if fit == 3 else said)


def test_as_many_workers_as_physical_cores_of_one_thread_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SIMCSE_WORKERS")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: {False: 3, True: 6}[logical])
    assert (n_workers(), n_threads()) == (3, 1)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: None)  # some systems do not say
    assert n_workers() == 1
    monkeypatch.setenv("SIMCSE_WORKERS", "5")
    monkeypatch.setenv("SIMCSE_THREADS", "2")
    assert (n_workers(), n_threads()) == (5, 2)


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "١"])
def test_a_number_of_workers_that_is_none_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMCSE_WORKERS", value)
    with pytest.raises(WorkerError, match=f"^SIMCSE_WORKERS: a whole number from 1 .*'{value}'"):
        n_workers()


WAITING = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from pathlib import Path
import pandas as pd
from simcse_core import cells as cells_module
from simcse_core.cells import Cell, compute_cells
out = Path(sys.argv[1])
def waits(name):
    import os, time
    (out / name).write_text(str(os.getpid()))
    time.sleep(600)
waits.__module__ = "simcse_core.trained_cells"
compute_cells([Cell(name, waits, (name,)) for name in "ab"], out, "02", {})
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(
    sent: signal.Signals, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path)],
        env={**os.environ, "SIMCSE_WORKERS": "2"},
        stderr=subprocess.DEVNULL,
    ) as running:
        pids = [pid_in(tmp_path / name, running) for name in "ab"]
        assert all(psutil.pid_exists(pid) for pid in pids)
        running.send_signal(sent)
        running.wait(60)
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlives the process that started it"
        time.sleep(0.1)


def pid_in(path: Path, running: subprocess.Popen[bytes]) -> int:
    """What a worker writes when it has begun."""
    while not path.is_file() or not path.read_text():
        assert running.poll() is None
        time.sleep(0.1)
    return int(path.read_text())


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
