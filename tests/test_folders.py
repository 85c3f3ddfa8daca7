"""Whose an output folder is, and that one run works in it at a time."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from stored_results import stored

from simcse_core import folders
from simcse_core.folders import (
    LOCK,
    MARKER,
    NOTEBOOKS_BESIDE,
    FolderError,
    FolderInUseError,
    Owner,
    claim,
    only_run,
    output_directory,
    owner_of,
    plan_of_run,
)
from simcse_core.results import tidy, write_table


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the place of this one: notebooks, package, git."""
    root = tmp_path / "clone"
    for name in ("notebooks/profiles", "simcse_core/assets", ".git", ".venv"):
        (root / name).mkdir(parents=True)
    monkeypatch.setattr(folders, "PROJECT_ROOT", root)
    monkeypatch.setattr(folders, "PACKAGE", root / "simcse_core")
    return root


# --- where results go ------------------------------------------------------------------------


def test_an_output_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert output_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_where_none_is_named_it_lies_in_runs_or_what_stands_for_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert output_directory("") == project / "runs" / "quick"
    assert output_directory("", "quick-mine") == project / "runs" / "quick-mine"
    monkeypatch.setenv("SIMCSE_RUNS", str(tmp_path / "for-tests"))
    assert output_directory("", "quick-mine") == tmp_path / "for-tests" / "quick-mine"
    assert output_directory(tmp_path / "named") == tmp_path / "named"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert output_directory("~/out") == tmp_path / "out"


def test_a_read_only_output_folder_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(FolderError, match=f"output_dir: {tmp_path} is read-only"):
        output_directory(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "a file is in its place"),
        ("file/out", "a file is in its place or above it"),
        ("loop", "loop"),
        ("~nobody-of-that-name/x", "is no path"),
        ("x\udc80y", "is no path"),
        ("x" * 300, "cannot be made"),
        ("nothing", "a file is in its place or above it"),
    ],
)
def test_what_is_no_folder_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nothing").symlink_to("/dev/null/nowhere")
    with pytest.raises(FolderError, match=said) as caught:
        output_directory(name)
    assert str(caught.value).startswith("output_dir: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "is the project's own"),
        ("..", "holds the project's own"),
        ("/", "holds the project's own"),
        ("notebooks", "is the project's own"),
        ("notebooks/out", "lies in the project's own"),
        ("simcse_core", "is the project's own"),
        ("simcse_core/assets/new", "lies in the project's own"),
        (".git/x", "lies in the project's own"),
        ("link", "is the project's own"),
    ],
)
def test_a_folder_of_the_project_itself_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(project)
    (project / "link").symlink_to(project / "notebooks")
    before = sorted(project.rglob("*"))
    with pytest.raises(FolderError, match=said):
        output_directory(name)
    assert sorted(project.rglob("*")) == before


def test_a_folder_of_results_within_the_project_is_taken(project: Path) -> None:
    assert output_directory(project / "figures" / "mini").is_dir()
    assert output_directory(project / "runs" / "mini").is_dir()


# --- whose it is -----------------------------------------------------------------------------

MINE = Owner("sample", "", "quick")


def test_an_empty_folder_becomes_ours_and_stays_it(tmp_path: Path) -> None:
    claim(tmp_path, MINE)
    (tmp_path / "02_small.csv").write_text("results")
    claim(tmp_path, MINE)
    assert json.loads((tmp_path / MARKER).read_text()) == {"source": "sample", "profile": "quick"}


@pytest.mark.parametrize(
    "name",
    [
        ".env.local",
        ".gitlab-ci.yml",
        "02_list.json",
        "02_small_sample.csv",
        "profile.json",
        ".lock",
        ".config.d/settings",
        "notebooks/02_small_sample.ipynb",
        "cells/a.json",
    ],
)
def test_a_folder_that_holds_something_else_is_refused_and_not_touched(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("theirs")
    with pytest.raises(FolderError, match=r"holds .* and was not made by a study") as caught:
        claim(tmp_path, MINE)
    assert name.partition("/")[0] in str(caught.value)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "theirs"


def test_of_many_things_in_the_way_some_are_named(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.txt").write_text("")
    with pytest.raises(FolderError, match=r"holds 0\.txt, 1\.txt, 2\.txt, 2 more and was"):
        claim(tmp_path, MINE)


def test_what_papermill_writes_is_not_in_a_notebooks_way_but_in_a_studys(tmp_path: Path) -> None:
    (tmp_path / "out.ipynb").write_text("{}")
    with pytest.raises(FolderError, match=r"out\.ipynb"):
        claim(tmp_path, MINE)
    claim(tmp_path, Owner("sample"), NOTEBOOKS_BESIDE)
    assert (tmp_path / "out.ipynb").read_text() == "{}"


def test_a_killed_claim_leaves_a_folder_that_can_be_claimed(tmp_path: Path) -> None:
    (tmp_path / ".0123.simcse-tmp").write_text("{")
    claim(tmp_path, MINE)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Owner("sample", "", "mini"), "holds the results of profile quick; name another folder"),
        (Owner("cnsd", "a1", "quick"), "holds the results of source sample; name another"),
        (Owner("cnsd", "a1", "mini"), "results of source sample and profile quick"),
        (Owner("cnsd", "a1"), "holds the results of source sample"),
    ],
)
def test_a_folder_of_another_profile_or_source_is_refused(
    tmp_path: Path, other: Owner, said: str
) -> None:
    claim(tmp_path, MINE)
    with pytest.raises(FolderError, match=said):
        claim(tmp_path, other)
    claim(tmp_path, MINE)


def test_two_sources_of_one_name_are_told_apart_by_where_they_lie(tmp_path: Path) -> None:
    one, other = (owner_of(str(tmp_path / place / "data"), {}, "quick") for place in "ab")
    assert one.source == other.source == "data"
    claim(tmp_path, one)
    with pytest.raises(FolderError, match=r"another source called data; .*'place'"):
        claim(tmp_path, other)


def test_a_marker_without_a_place_goes_with_a_source_wherever_it_lies(tmp_path: Path) -> None:
    text = '{"source": "data", "profile": "mini"}'
    (tmp_path / MARKER).write_text(text)
    for place in "ab":
        claim(tmp_path, owner_of(f"/{place}/data", {}, "mini"))
    assert (tmp_path / MARKER).read_text() == text
    with pytest.raises(FolderError, match="source data"):
        claim(tmp_path, owner_of("/a/other", {}, "mini"))


def test_a_notebook_and_a_study_of_one_source_share_a_folder(tmp_path: Path) -> None:
    claim(tmp_path, Owner("sample"))
    claim(tmp_path, Owner("sample", "", "mini"))
    claim(tmp_path, Owner("sample"))
    with pytest.raises(FolderError, match="profile mini"):
        claim(tmp_path, Owner("sample", "", "quick"))


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "[" * 100_000, "\x00"])
def test_a_damaged_marker_is_refused_by_its_path(tmp_path: Path, content: str) -> None:
    (tmp_path / MARKER).write_text(content)
    with pytest.raises(FolderError, match=rf"{MARKER} is damaged"):
        claim(tmp_path, MINE)


@pytest.mark.parametrize(
    ("source", "profile", "folder"),
    [
        ("sample", "quick", "quick"),
        ("sample", "mini", "mini"),
        ("sample", "", "quick"),
        ("hub", "report", "report-hub"),
        ("/data/cnsd", "mini", "mini-cnsd"),
        ("/data/cnsd/", "quick", "quick-cnsd"),
        ("/data/a b.csv", "quick", "quick-a-b.csv"),
        ("/", "quick", "quick-root"),
        ("/data/中文", "quick", "quick-中文"),
        ("/data/sample", "quick", "quick-own-sample"),
        ("/data/sample-text", "", "quick-own-sample-text"),
        ("/data/hub", "mini", "mini-own-hub"),
    ],
)
def test_a_profile_and_source_has_a_folder_of_its_own(
    source: str, profile: str, folder: str
) -> None:
    assert owner_of(source, {}, profile).default_name() == folder


def test_two_data_sets_of_the_hub_are_two_sources() -> None:
    one, other = owner_of("hub", {"sts": "a/b"}), owner_of("hub", {"sts": "a/c"})
    assert (one.source, one.place == other.place) == ("hub", False)


# --- one run in a folder ---------------------------------------------------------------------

FORK = multiprocessing.get_context("fork")  # another process without importing torch again


def compute() -> pd.DataFrame:
    return tidy(pd.DataFrame({"value": [0.5]}), encoder="none")


def hold(folder: Path, ready: Any) -> None:
    with only_run(folder):
        ready.set()
        signal.pause()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[multiprocessing.Process]:
    """Another process that holds ``tmp_path`` until it is killed."""
    ready = FORK.Event()
    holder = FORK.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    yield holder
    holder.kill()
    holder.join()


def test_a_folder_in_use_is_refused_at_once_by_its_name_and_its_holders(
    tmp_path: Path, held: multiprocessing.Process
) -> None:
    with pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by process {held.pid} on"):
        stored(tmp_path, "cell", {}, refuse)


def refuse() -> pd.DataFrame:
    raise AssertionError("computed in a folder of another run")


def test_what_is_kept_in_a_folder_in_use_can_be_read(tmp_path: Path) -> None:
    stored(tmp_path, "cell", {}, compute)
    ready = FORK.Event()
    holder = FORK.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    try:
        assert ready.wait(60)
        assert stored(tmp_path, "cell", {}, refuse)["value"].tolist() == [0.5]
    finally:
        holder.kill()
        holder.join()


def test_a_killed_process_holds_nothing(tmp_path: Path, held: multiprocessing.Process) -> None:
    held.kill()
    held.join()
    assert stored(tmp_path, "cell", {}, compute)["value"].tolist() == [0.5]


def test_a_study_lets_its_own_kernels_in_and_tells_them_its_plan(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from simcse_core.folders import *\n"
        "folder = Path(sys.argv[1])\n"
        "with only_run(folder): print(plan_of_run(folder))"
    )
    with only_run(tmp_path, {"02_b": {"seeds": [1]}}):
        kernel = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert plan_of_run(tmp_path) == {"02_b": {"seeds": [1]}}
    assert kernel.stdout == "{'02_b': {'seeds': [1]}}\n"
    assert plan_of_run(tmp_path) is None


def test_what_a_shell_inherits_lets_no_stranger_in(
    tmp_path: Path, held: multiprocessing.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMCSE_HELD_FOLDER", str(tmp_path))
    with pytest.raises(FolderInUseError, match=str(held.pid)), only_run(tmp_path):
        pass
    assert plan_of_run(tmp_path) is None


@pytest.mark.parametrize("change", [{"started": 1.0}, {"machine": "another"}, {"process": 2**22}])
def test_a_lock_file_that_a_killed_run_left_stands_for_nobody(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with only_run(tmp_path, {}):
        left = json.loads((tmp_path / LOCK).read_text())
    (tmp_path / LOCK).write_text(json.dumps(left | change))
    assert plan_of_run(tmp_path) is None
    with only_run(tmp_path, {"mine": {}}):
        assert plan_of_run(tmp_path) == {"mine": {}}


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "process 3 on here"])
def test_whatever_stands_in_the_lock_file_of_another_run_it_is_refused_in_a_line(
    tmp_path: Path, held: multiprocessing.Process, content: str
) -> None:
    assert held.is_alive()
    (tmp_path / LOCK).write_text(content)
    with pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by process"):
        stored(tmp_path, "cell", {}, refuse)


@pytest.mark.parametrize("change", [{"process": [1]}, {"process": {}}, {"process": "1"}])
@pytest.mark.parametrize("more", [{}, {"started": "1"}, {"started": None}, {"plan": [1]}])
def test_what_is_odd_in_a_lock_file_stands_for_nobody(
    tmp_path: Path, change: dict[str, Any], more: dict[str, Any]
) -> None:
    with only_run(tmp_path, {}):
        left = json.loads((tmp_path / LOCK).read_text())
    for odd in (change, more or change):
        (tmp_path / LOCK).write_text(json.dumps(left | odd))
        assert plan_of_run(tmp_path) is None
        with only_run(tmp_path, {"mine": {}}):
            assert plan_of_run(tmp_path) == {"mine": {}}


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere a start is no time since the boot")
@pytest.mark.parametrize("seconds", [-86_400.0, -60.0, 60.0, 3e7])
def test_a_clock_that_is_set_during_a_study_does_not_lock_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    booted = psutil.boot_time()
    with only_run(tmp_path, {"02_b": {}}):
        monkeypatch.setattr(psutil, "boot_time", lambda: booted + seconds)
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: booted + seconds)
        assert plan_of_run(tmp_path) == {"02_b": {}}
        with only_run(tmp_path):
            pass


def test_a_folder_is_free_after_a_run_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_run(tmp_path):
        _ = 1 / 0
    with only_run(tmp_path):
        pass


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def without_locks(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", without_locks)
    for name in ("one", "two"):
        assert stored(tmp_path, name, {}, compute)["value"].tolist() == [0.5]
    said = capsys.readouterr().out
    assert said.count(f"output_dir: {tmp_path} has no locks") == 1


def test_what_a_lock_cannot_be_made_for_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fcntl.flock", full)
    with pytest.raises(OSError, match="No space left"):
        stored(tmp_path, "cell", {}, refuse)


def test_an_error_about_a_folder_is_one_line_in_a_notebook(tmp_path: Path) -> None:
    error = FolderInUseError(f"output_dir: {tmp_path} is in use")
    assert error._render_traceback_() == [f"FolderInUseError: output_dir: {tmp_path} is in use"]


def test_tables_are_written_with_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = write_table(tmp_path, "table", compute(), {})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
