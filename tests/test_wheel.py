"""What is installed without a clone: all that a study needs, and it runs from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from simcse_core.config import PACKAGE, PROJECT_ROOT
from simcse_core.errors import StudyError
from simcse_core.study.notebooks import notebook_paths
from simcse_core.study.profiles import copy_notebooks
from simcse_core.study.run import main

NOTEBOOK_NAMES = sorted(path.name for path in notebook_paths())


def test_every_folder_of_code_is_a_package_that_is_built() -> None:
    content = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built = set(content["tool"]["setuptools"]["packages"])
    there = {path.parent.relative_to(PROJECT_ROOT) for path in PACKAGE.rglob("__init__.py")}
    assert {".".join(path.parts) for path in there} <= built
    assert content["project"]["scripts"]["simcse-study"] == "simcse_core.study.run:main"
    assert (PACKAGE / "py.typed").is_file()


def test_notebooks_and_profiles_are_copied_to_a_folder_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--copy-notebooks", str(tmp_path / "mine")]) == 0
    copied = {path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").rglob("*.*")}
    assert {path.name for path in copied if path.suffix == ".ipynb"} == set(NOTEBOOK_NAMES)
    assert {Path("profiles/mini.yaml"), Path("profiles/report.yaml")} <= copied
    assert f"{len(copied)} notebooks and profiles" in capsys.readouterr().out
    original = (PROJECT_ROOT / "notebooks" / NOTEBOOK_NAMES[0]).read_bytes()
    assert (tmp_path / "mine" / NOTEBOOK_NAMES[0]).read_bytes() == original


def test_no_notebook_of_the_user_is_written_over(tmp_path: Path) -> None:
    mine = tmp_path / NOTEBOOK_NAMES[-1]
    mine.write_text("mine")
    with pytest.raises(StudyError, match="is there already"):
        copy_notebooks(tmp_path)
    assert mine.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [mine]


# --- built and installed ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of what git tracks, or would track."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT_ROOT, check=True, capture_output=True).stdout
    for name in filter(None, names.decode().split("\0")):
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / name, target)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*build, str(folder / "source")], check=True, timeout=900)
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.soak
def test_a_wheel_holds_code_notebooks_profiles_and_assets(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"simcse_core/notebooks/{name}" for name in NOTEBOOK_NAMES} <= names
    for name in ("notebooks/profiles/mini.yaml", "py.typed", "reading/parts.py"):
        assert f"simcse_core/{name}" in names
    of_package = {
        path.relative_to(PROJECT_ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert of_package <= names
    assert not [name for name in names if name.startswith(("tests", "tools", "figures"))]


@pytest.mark.soak
def test_an_installed_package_makes_an_encoder_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(tmp_path / "site"), str(wheel)], check=True, timeout=300)
    work = tmp_path / "work"
    work.mkdir()
    text = "\n".join(f"第{i}个人今天在看第{j}本书" for i in range(6) for j in range(6))
    (work / "mine.txt").write_text(text, encoding="utf-8")
    words = ["--only", "06_your_sentences", "--source", "mine.txt", "--out", "out"]
    ended = subprocess.run(
        [sys.executable, "-m", "simcse_core.study", *words],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert ended.returncode == 0, ended.stderr
    assert (work / "out" / "encoder" / "model.safetensors").is_file()
    assert (work / "out" / "notebooks" / "06_your_sentences.ipynb").is_file()
