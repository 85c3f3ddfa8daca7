"""Exploring in JupyterLab changes none of the project's notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import lab

WriteNotebook = Callable[..., Path]


def test_what_is_explored_are_copies(
    project: Path, write_notebook: WriteNotebook, tmp_path: Path
) -> None:
    path = write_notebook("01_a", "print(1)")
    write_notebook("01_a-Copy1", "print(1)")
    assert lab.copy_notebooks(tmp_path / "lab") == []
    assert [copy.name for copy in (tmp_path / "lab").iterdir()] == ["01_a.ipynb"]
    (tmp_path / "lab" / "01_a.ipynb").write_bytes(b"explored")
    assert path.read_bytes() != b"explored"


def test_what_was_explored_is_kept_and_told(write_notebook: WriteNotebook, tmp_path: Path) -> None:
    write_notebook("01_a", "print(1)")
    write_notebook("02_b", "print(1)")
    lab.copy_notebooks(tmp_path / "lab")
    write_notebook("02_b", "print(2)")  # the project goes on
    explored = tmp_path / "lab" / "01_a.ipynb"
    explored.write_text(explored.read_text().replace("print(1)", "print(3)"))
    assert lab.copy_notebooks(tmp_path / "lab") == ["01_a.ipynb", "02_b.ipynb"]
    assert "print(3)" in explored.read_text()


@pytest.mark.parametrize("is_root", [True, False])
def test_root_is_let_in_too(tmp_path: Path, is_root: bool) -> None:
    words = lab.command(tmp_path / "a b", is_root)
    assert words[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path / 'a b'}" in words
    assert ("--allow-root" in words) is is_root


def test_results_go_where_the_file_browser_shows_them(
    write_notebook: WriteNotebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(lab, "LAB", tmp_path / "lab")
    monkeypatch.setattr(os, "execve", lambda path, words, env: started.append(env))
    write_notebook("01_a")
    lab.main()
    assert started[0]["SIMCSE_RUNS"] == str(tmp_path / "lab" / "results")
    assert (tmp_path / "lab" / "01_a.ipynb").is_file()
