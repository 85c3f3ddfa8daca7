"""Real processes, killed by SIGKILL at seeded moments and started again until they are done."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from simcse_core import SentenceEncoder, TrainConfig, checkpoint, training
from simcse_core.config import Pooling
from simcse_core.data import StudyData
from simcse_core.experiments import Experiment, train_sizes
from simcse_core.plans import Plan

SIZES = [6, 10, 16]
N_SEEDS = 2
# Imports torch once, and forks a worker in no time from a process that has run nothing yet.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["simcse_core.experiments"])


def work(run: Experiment, log: Path, kill_at: int) -> None:
    """Trains a small sweep, noting what happens in ``log``; kills itself at event ``kill_at``."""
    torch.set_num_threads(1)
    checkpoint.PAUSE_PER_SAVE = 0
    checkpoint.Checkpoint.__init__.__defaults__ = (0.0,)  # a state at every step
    happened = [0]

    def event(name: str) -> None:
        happened[0] += 1
        with log.open("a") as file:
            file.write(f"{name}\n")
        if happened[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(holder: Any, name: str, tell: Callable[..., str]) -> None:
        real = getattr(holder, name)

        def told(*args: Any, **named: Any) -> Any:
            event(f"before {tell(*args)}")
            result = real(*args, **named)
            event(f"after {tell(*args)}")
            return result

        setattr(holder, name, told)

    def point(trajectory: Any, at: int) -> str:
        return f"measuring {trajectory.config.seed} {at}"

    around(os, "fsync", lambda *_: "fsync")
    around(os, "replace", lambda *_: "rename")
    around(torch.optim.AdamW, "step", lambda *_: "step")
    around(SentenceEncoder, "encode", lambda *_: "encode")
    around(training._Trajectory, "_measure", point)  # ends when the point is kept
    train_sizes(run, SIZES)
    event("done")


def in_a_process(run: Experiment, log: Path, kill_at: int = 0) -> bool:
    """Whether the worker came to its end."""
    worker = SERVER.Process(target=work, args=(run, log, kill_at))
    worker.start()
    worker.join(300)
    assert worker.exitcode in (0, -signal.SIGKILL)
    return worker.exitcode == 0


@pytest.fixture(scope="module")
def sweep(study_data: StudyData, bert_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    """A sweep left alone: the experiment and what happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    plan = Plan(str(bert_dir), Pooling.MEAN, train)
    run = Experiment("02", study_data, [plan], list(range(N_SEEDS)), folder)
    log = folder / "log"
    assert in_a_process(run, log)
    return run, log.read_text().splitlines()


def cells(folder: Path) -> dict[str, bytes]:
    """Every file of a cell, but for what killed writes left: the next study removes it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "cells").rglob("[!.]*")
        if path.is_file()
    }


def measured_again(log: list[str]) -> list[str]:
    """Points that were begun after they had been kept."""
    kept: set[str] = set()
    again = []
    for line in log:
        when, _, what = line.partition(" ")
        if what.startswith("measuring"):
            again += [what] if when == "before" and what in kept else []
            kept |= {what} if when == "after" else set()
    return again


@pytest.mark.parametrize(
    ("n_kills", "seed"),
    [(5, 0), pytest.param(20, 1, marks=pytest.mark.soak)],
)
def test_a_sweep_killed_at_any_moment_goes_on_and_ends_with_the_same_bytes(
    sweep: tuple[Experiment, list[str]], tmp_path: Path, n_kills: int, seed: int
) -> None:
    undisturbed, events = sweep
    draw, kills, folder = random.Random(seed), 0, tmp_path / "out"
    while kills < n_kills:
        run, log = replace(undisturbed, output_dir=folder), folder.with_suffix(".log")
        if in_a_process(run, log, draw.randint(1, len(events) // 3)):
            assert as_undisturbed(run, log, undisturbed)
            folder = tmp_path / f"after-{kills}-kills"
        else:
            kills += 1
    assert in_a_process(run, log)
    assert as_undisturbed(run, log, undisturbed)


def as_undisturbed(run: Experiment, log: Path, undisturbed: Experiment) -> bool:
    """Whether no point was measured again and every cell is the same to the last byte."""
    same = cells(run.output_dir) == cells(undisturbed.output_dir)
    return same and not measured_again(log.read_text().splitlines())


@pytest.mark.parametrize(
    "what", ["before rename", "after rename", "before fsync", "before measuring 0 6", "after step"]
)
def test_a_kill_while_writing_measuring_or_training_costs_no_result(
    sweep: tuple[Experiment, list[str]], tmp_path: Path, what: str
) -> None:
    undisturbed, events = sweep
    run, log = replace(undisturbed, output_dir=tmp_path / "out"), tmp_path / "log"
    moments = [i for i, line in enumerate(events, start=1) if line == what]
    assert not in_a_process(run, log, moments[len(moments) // 2])
    assert log.read_text().splitlines()[-1] == what
    assert in_a_process(run, log)
    assert as_undisturbed(run, log, undisturbed)


# --- the whole study, kernels included -------------------------------------------------------

STUDY = [sys.executable, "-m", "simcse_core.study", "--only", "02_small_sample", "--seeds", "0,1"]
N_KILLS = 20


def study(out: Path, kill_after: float | None = None) -> bool:
    """Runs two seeds of a small notebook; whether it came to its end in time."""
    command = [*STUDY, "-p", "sizes=[50, 150]", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            said, _ = running.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            running.kill()  # its kernel is left to notice by itself
            return False
    assert running.returncode == 0, said.decode()
    return True


def results(out: Path) -> dict[str, bytes]:
    files = [*out.glob("*.csv"), *out.glob("*.json")]
    return cells(out) | {path.name: path.read_bytes() for path in files}


@pytest.mark.soak
def test_a_study_killed_twenty_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert study(tmp_path / "undisturbed")
    whole = time.monotonic() - begun
    expected = results(tmp_path / "undisturbed")
    assert len(expected) >= 4  # two cells, a table and what it was made from
    draw, kills, out = random.Random(0), 0, tmp_path / "killed"
    while kills < N_KILLS:
        if study(out, draw.uniform(0, whole)):
            assert results(out) == expected
            out = tmp_path / f"after-{kills}-kills"
        else:
            kills += 1
    assert study(out)
    assert results(out) == expected


# --- the processes that compute side by side --------------------------------------------------

N_WORKER_KILLS = 10


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that a study's kernel computes in, oldest first."""
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # gone meanwhile
            words = " ".join(child.cmdline())
            if "popen_loky" in words and "resource_tracker" not in words:
                found.append((child.create_time(), child.pid, child))
    return [child for *_, child in sorted(found)]


def study_of_two_workers(out: Path, draw: random.Random, n_kills: int) -> tuple[int, int, str]:
    """Runs a study and kills a worker every now and then.

    Returns:
        Its exit code, how many were killed, and what it said.
    """
    small = ["-p", "sizes=[50, 150]", "-p", 'encoders=["mini-bert"]']
    command = [*STUDY, *small, "--workers", "2", "--out", str(out)]
    kills = 0
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as running,
    ):
        while running.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                running.wait(draw.uniform(0, 5))
            alive = workers_of(psutil.Process(running.pid)) if running.poll() is None else []
            if alive and kills < n_kills:
                with suppress(psutil.NoSuchProcess):
                    draw.choice(alive).kill()
                    kills += 1
        said.seek(0)
        return running.returncode, kills, said.read().decode()


@pytest.mark.soak
def test_a_study_whose_workers_are_killed_ten_times_ends_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    code, _, said = study_of_two_workers(tmp_path / "undisturbed", random.Random(0), 0)
    assert code == 0, said
    expected = results(tmp_path / "undisturbed")
    draw, kills, out = random.Random(0), 0, tmp_path / "killed"
    while kills < N_WORKER_KILLS:
        code, more, said = study_of_two_workers(out, draw, N_WORKER_KILLS - kills)
        kills += more
        if code == 0:  # in spite of all that were killed in it
            assert results(out) == expected
            out = tmp_path / f"after-{kills}-kills"
        else:  # a cell was hit twice; the same command goes on
            assert "ended twice" in said
    code, _, said = study_of_two_workers(out, draw, 0)
    assert code == 0, said
    assert results(out) == expected
