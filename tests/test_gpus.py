"""A GPU for each worker, with device counts that are made up: none is where this is tested."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
from filelock import FileLock

from simcse_core import gpus, workers
from simcse_core.gpus import take_gpu, visible_gpus
from simcse_core.workers import n_workers


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # is put back, whatever is set in between
    monkeypatch.setattr(gpus, "_held", [])
    yield
    for lock in gpus._held:
        lock.release()


@pytest.mark.parametrize(
    ("named", "count", "expected"),
    [
        ("", 0, []),
        ("", 3, ["0", "1", "2"]),
        ("2,5", 2, ["2", "5"]),
        ("2, 5,-1,7", 2, ["2", "5"]),  # CUDA stops at the first that is none
        ("GPU-8f, GPU-9a", 2, ["GPU-8f", "GPU-9a"]),
    ],
)
def test_visible_gpus_have_the_names_that_the_environment_gives_them(
    named: str, count: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert visible_gpus() == expected


def test_there_is_a_worker_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMCSE_WORKERS")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16)
    for count, expected in ((0, 16), (1, 1), (4, 4)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert n_workers() == expected


def test_a_gpu_that_another_process_holds_is_left_to_it(tmp_path: Path) -> None:
    with FileLock(tmp_path / "4.lock"):
        take_gpu(["4", "6"], tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"


def test_where_all_are_held_one_is_shared(tmp_path: Path) -> None:
    with FileLock(tmp_path / "4.lock"):
        take_gpu(["4"], tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"


def test_without_gpus_nothing_is_set(tmp_path: Path) -> None:
    take_gpu([], tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert not list(tmp_path.iterdir())


HOLDS = """
import sys, time
from pathlib import Path
from simcse_core.gpus import take_gpu
take_gpu(["0"], Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_a_gpu_is_free_again_when_its_process_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert not gpus._lock(tmp_path / "0.lock")
        holder.kill()
    assert gpus._lock(tmp_path / "0.lock")


def seen(folder: Path, name: str) -> str:
    """The GPU of this process, once both have begun."""
    (folder / name).touch()
    for _ in range(600):
        if len(list(folder.iterdir())) == 2:
            break
        time.sleep(0.1)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_workers_side_by_side_see_one_gpu_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seen").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    calls = {name: partial(seen, tmp_path / "seen", name) for name in "ab"}
    found = dict(workers.run(calls, workers=2, threads=1, tell=lambda names: None))
    assert {outcome.value for outcome in found.values()} == {"4", "6"}
