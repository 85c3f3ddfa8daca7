from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_frames import TABLES, curve, write, write_all

import simcse_core.report
from simcse_core.config import PROJECT_ROOT
from simcse_core.report.__main__ import main
from simcse_core.report.topics import CHARTS

REPORT = Path(simcse_core.report.__file__).parent
# Of the package: settings, results, and files written whole; nothing that computes a number.
ALLOWED = {
    "simcse_core.config",
    "simcse_core.results",
    "simcse_core.protocols",
    "simcse_core.report",
    "simcse_core.files",
    "simcse_core.folders",
    "simcse_core.errors",
    "simcse_core.translation",
    "simcse_core.yaml_values",
}

# Runs the command where whatever computes cannot be imported.
WITHOUT_TORCH = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "datasets", "sklearn", "jieba"):
            raise AssertionError(f"{name} must not be imported")

sys.meta_path.insert(0, Refuse())
runpy.run_module("simcse_core.report", run_name="__main__", alter_sys=True)
"""


def test_every_chart_is_back_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    write_all(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"charts {len(CHARTS)}, pages 2" in run.stdout
    assert {path.stem for path in tmp_path.glob("*.png")} == set(CHARTS)


@pytest.mark.parametrize("path", sorted(REPORT.glob("*.py")), ids=lambda path: path.stem)
def test_the_report_imports_no_part_of_this_package_that_computes(
    path: Path,
) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("simcse_core"):
            assert any(str(node.module).startswith(name) for name in ALLOWED), node.module


def test_a_folder_with_a_table_missing_is_told_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("04_epochs", "04_differences"):
        write(tmp_path, name, TABLES[name])
    assert main([str(tmp_path)]) == 0
    *lacking, drawn = capsys.readouterr().out.splitlines()
    assert "charts 1, pages 2" in drawn
    told = [line.partition(": not there: ")[2] for line in lacking]
    first = "01_baselines, 01_differences, 01_scores_by_label; run notebooks/01_baselines.ipynb"
    assert told[0] == f"{first} with this output_dir"
    assert [tables[:2] for tables in told] == ["01", "02", "03", "05", "06", "07", "08", "09"]


def test_what_is_broken_is_said_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "04_epochs", curve("epoch"))
    write(tmp_path, "02_small_sample", curve().drop(columns="kind"))
    assert main([str(tmp_path)]) == 1
    assert "broken:" in (said := capsys.readouterr().err)
    assert "02_small_sample.csv has no column" in said
    assert (tmp_path / "04_epochs.png").is_file()


def test_checking_writes_nothing_and_says_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "04_epochs", curve("epoch"))
    assert main(["--check", str(tmp_path)]) == 1
    assert "04_epochs.png differs from its tables; run " in capsys.readouterr().err
    assert not (tmp_path / "04_epochs.png").exists()
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0


def test_a_markdown_file_is_filled_or_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "05_claims", TABLES["05_claims"])
    page = tmp_path / "NOTES.md"
    page.write_text("<!-- claims 05_claims.csv -->\n<!-- end -->\n", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert "NOTES.md differs" in capsys.readouterr().err
    assert main([str(page)]) == 0
    assert "A rise" in page.read_text(encoding="utf-8")
    assert main(["--check", str(page)]) == 0


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("nowhere", 2, "is no results folder and no Markdown file"),
        ("empty", 1, "none of the study's tables is there"),
        ("notes.md", 1, "notes.md:1: this part is not closed"),
    ],
)
def test_a_wrong_path_is_one_line_without_a_trace(
    name: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("<!-- claims 05_claims.csv -->\n", encoding="utf-8")
    assert main([str(tmp_path / name)]) == code
    assert said in capsys.readouterr().err


def test_without_a_path_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert exit_.value.code == 2
    assert "PATH" in capsys.readouterr().err
