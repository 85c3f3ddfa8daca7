"""What is typed after make arrives as it was typed, or is refused; nothing else is taken."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simcse_core.config import PROJECT_ROOT

if shutil.which("make") is None:
    pytest.skip("there is no make here", allow_module_level=True)

# In the place of Python: says what it was called with, and makes a virtual environment of itself.
SAYS = """#!/bin/sh
if [ "$2" = venv ]; then
    echo "venv $3" >> built
    mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/ruff
    for name in mypy lint-imports; do cp "$0" .venv/bin/$name; done
    exit
fi
[ "$1" != -c ] || exit 0
echo "runs=$SIMCSE_RUNS" >> called
for word in "$@"; do printf '%s\\0' "$word" >> words; done
"""


# Results folders, one of them in a folder of its profile.
RESULTS = ["figures/mini", "figures/ready/cnsd"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose Python only says what it is called with."""
    root = tmp_path / "it's a $clone, (copied)"
    root.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT_ROOT / name, root / name)
    for name in RESULTS:
        (root / name).mkdir(parents=True)
        (root / name / "README.zh-CN.md").touch()
    python = root / "python"
    python.write_text(SAYS)
    python.chmod(0o755)
    assert make(root, "setup").returncode == 0
    assert said(root)[:4] == ["-m", "pip", "install", "--disable-pip-version-check"]
    return root


def make(clone: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        ["make", *words, "PYTHON=./python"],
        cwd=clone,
        capture_output=True,
        text=True,
        env={**inherited, **environment},
    )


def said(clone: Path) -> list[str]:
    """What Python was called with since the last time."""
    path = clone / "words"
    words = path.read_text("utf-8").split("\0")[:-1] if path.exists() else []
    path.unlink(missing_ok=True)
    (clone / "called").unlink(missing_ok=True)
    return words


MODULE = ["-m", "simcse_core.study"]


@pytest.mark.parametrize(
    "value",
    [
        "a$b",
        "$(shell touch f)",
        "$$HOME",
        "`touch f`",
        "x'; touch f; echo '",
        'x"; touch f; echo "',
        "a b  c",
        "a;touch f",
        "a\\b",
        "a#b",
        "--help",
        "-n",
        "*",
        "~/x",
        "{n_train}",
        "a&touch f",
        "中文",
        "a=b",
        "!",
        "a\nb",
        "%s",
    ],
)
def test_a_value_arrives_as_it_was_typed_and_is_never_run(clone: Path, value: str) -> None:
    for name in ("OUT", "ONLY", "SOURCE"):
        assert make(clone, "study", f"{name}={value}").returncode == 0
        assert said(clone) == [*MODULE, f"--{name.lower()}={value}"]
    assert not (clone / "f").exists()


def test_every_variable_of_a_study_is_passed_on_and_none_that_was_not_typed(clone: Path) -> None:
    typed = {"PROFILE": "mini", "SOURCE": "hub", "SEEDS": "0,1", "OUT": "o", "ONLY": "01_a"}
    typed |= {"WORKERS": "2", "THREADS": "1", "SCHEDULER": "tcp://[::1]:8786"}
    make(clone, "study", *(f"{name}={value}" for name, value in typed.items()))
    assert said(clone) == [*MODULE, *(f"--{key.lower()}={value}" for key, value in typed.items())]
    make(clone, "study")
    assert said(clone) == MODULE


@pytest.mark.parametrize("name", ["OUT", "PROFILE", "SEEDS", "SOURCE", "ONLY", "WORKERS"])
@pytest.mark.parametrize("options", [[], ["-e"]])
def test_nothing_is_taken_from_the_environment(clone: Path, name: str, options: list[str]) -> None:
    assert make(clone, *options, "study", **{name: "x"}).returncode == 0
    assert said(clone) == MODULE


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["study", "OUTPUT=x"], "OUTPUT: 'make study' has no such variable; it has PYTHON PROFILE"),
        (["study", "SEED=0"], "SEED: 'make study' has no such variable"),
        (["study", "source=x"], "source: 'make study' has no such variable"),
        (["study", "SHELL=/bin/bash"], "SHELL: 'make study' has no such variable"),
        (["study", "v=1"], "v: 'make study' has no such variable"),
        (["study", "OUT=a", "ONlY=b"], "ONlY: 'make study' has no such variable"),
        (["test", "OUT=x"], "OUT: 'make test' has no such variable; it has PYTHON"),
        (["lab", "SOURCE=x"], "SOURCE: 'make lab' has no such variable"),
        (["study", "OUT="], "OUT: is empty; leave it out"),
        (["study", "SEEDS= "], "SEEDS: is empty; leave it out"),
        (["source="], "source: 'make help' has no such variable"),
        (["study", "mini"], "mini: is no target of make; there are help setup study"),
        (["study", "SOURCE", "OUT=x"], "SOURCE: is no target of make"),
        (["study", "A B=x"], "A: is no target of make"),
        (["lint", "studdy"], "studdy: is no target of make"),
    ],
)
def test_an_unknown_or_empty_variable_is_refused_by_its_name(
    clone: Path, words: list[str], refused: str
) -> None:
    ended = make(clone, *words)
    assert ended.returncode != 0
    (line,) = ended.stderr.splitlines()
    assert refused in line
    assert said(clone) == []


def test_an_encoder_is_made_of_the_text_that_is_named(clone: Path) -> None:
    words = ["--only=06_your_sentences", "--source=my text.txt", "--parameter=max_sentences=10000"]
    assert make(clone, "encoder", "TEXT=my text.txt", "OUT=out").returncode == 0
    assert said(clone) == [*MODULE, *words, "--out=out"]
    assert make(clone, "encoder", "TEXT=my text.txt").returncode == 0
    assert said(clone) == [*MODULE, *words]
    ended = make(clone, "encoder")
    assert ended.returncode != 0
    assert "TEXT: which sentences?" in ended.stderr
    assert said(clone) == []


def test_figures_go_by_the_folder_that_is_named_or_by_the_committed_ones(clone: Path) -> None:
    make(clone, "figures", "OUT=my results")
    assert said(clone) == ["-m", "simcse_core.report", "my results"]
    make(clone, "figures")
    pages = ["README.md", "README.zh-CN.md", "docs/protocol.md", "docs/ready_made.md"]
    assert said(clone)[2:] == [*RESULTS, *pages]


def test_pages_go_by_the_same_folders_and_are_one_file_where_that_is_asked_for(clone: Path) -> None:
    make(clone, "pages", "OUT=my results")
    assert said(clone) == ["-m", "simcse_core.report", "my results", "--site"]
    make(clone, "pages", "SINGLE=1")
    assert said(clone)[2:] == [*RESULTS, "--single"]
    ended = make(clone, "pages", "SINGLE=yes")
    assert ended.returncode != 0
    assert "SINGLE: is 1 or left out, not yes" in ended.stderr


def test_notebooks_that_are_tested_write_to_a_folder_that_is_gone_afterwards(clone: Path) -> None:
    assert make(clone, "test").returncode == 0
    runs = [line.removeprefix("runs=") for line in (clone / "called").read_text().splitlines()]
    (scratch,) = {run for run in runs if run}
    assert runs[-2:] == [scratch] * 2  # that of nbval
    assert not Path(scratch).exists()
    assert not (clone / "runs").exists()


def test_copies_of_notebooks_are_not_tested(clone: Path) -> None:
    (clone / "notebooks").mkdir()
    copies = [
        "02_a-Copy1.ipynb",
        "02_a (1).ipynb",
        "02_A.ipynb",
        "02_a.bak.ipynb",
        "Untitled.ipynb",
    ]
    for name in ("02_a.ipynb", "05_summary.ipynb", *copies):
        (clone / "notebooks" / name).touch()
    assert make(clone, "test").returncode == 0
    tested = [word for word in said(clone) if word.startswith("notebooks/")]
    assert tested == ["notebooks/02_a.ipynb", "notebooks/05_summary.ipynb"]


# --- the environment that is built -----------------------------------------------------------


def builds(clone: Path) -> int:
    return len((clone / "built").read_text().splitlines())


def test_what_is_built_is_built_once_and_says_where(clone: Path) -> None:
    make(clone, "study")
    make(clone, "study")
    assert builds(clone) == 1
    assert (clone / ".venv" / ".ready").read_text() == f"{clone}\n"


@pytest.mark.parametrize("how", ["copied", "moved"])
def test_a_clone_that_was_copied_or_moved_builds_its_own(clone: Path, how: str) -> None:
    other = clone.with_name("other")
    (shutil.copytree if how == "copied" else shutil.move)(clone, other)
    make(other, "study")
    assert builds(other) == 2
    assert (other / ".venv" / ".ready").read_text() == f"{other}\n"
    make(other, "study")
    assert builds(other) == 2


def test_an_environment_whose_python_is_gone_is_built_anew(clone: Path) -> None:
    (clone / ".venv" / "bin" / "python").unlink()
    assert make(clone, "study").returncode == 0
    assert builds(clone) == 2


def test_other_requirements_are_built_anew(clone: Path) -> None:
    ready = (clone / ".venv" / ".ready").stat().st_mtime
    os.utime(clone / "pyproject.toml", (ready + 5, ready + 5))
    make(clone, "study")
    assert builds(clone) == 2


def test_results_outlive_make_clean_and_distclean_says_what_it_removes(clone: Path) -> None:
    for name in ("mini", "quick-my data"):
        (clone / "runs" / name).mkdir(parents=True)
    make(clone, "clean")
    assert not (clone / ".venv").exists()
    assert (clone / "runs" / "quick-my data").is_dir()
    told = make(clone, "distclean").stdout
    assert "removing runs/mini/\n" in told
    assert "removing runs/quick-my data/\n" in told
    assert not (clone / "runs").exists()


def test_help_lists_every_target(clone: Path) -> None:
    told = make(clone, "help").stdout
    text = (PROJECT_ROOT / "Makefile").read_text("utf-8")
    (targets,) = (line for line in text.splitlines() if line.startswith("TARGETS := "))
    for target in targets.split()[2:]:
        assert f"make {target} " in told
    assert make(clone).stdout == told
    assert said(clone) == []
