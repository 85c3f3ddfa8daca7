"""The table of how the results under figures/ are made, and the tool that makes them again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simcse_core.config import PROJECT_ROOT
from simcse_core.errors import StudyError
from simcse_core.folders import claim, owner_of
from simcse_core.study.profiles import plan_steps
from simcse_core.study.run import command
from tools import committed_results
from tools.committed_results import Run, committed_runs, main

FOLDERS = sorted(path.parent for path in PROJECT_ROOT.glob("figures/**/README.zh-CN.md"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with whatever paths the table names, of which a command keeps the names."""
    for run in committed_runs(str(tmp_path)):
        for value in run.parameters.values():
            for path in map(str, value if isinstance(value, list) else [value]):
                if path.startswith(str(tmp_path)):
                    Path(path).mkdir(parents=True, exist_ok=True)
    return tmp_path


def commands(run: Run) -> dict[str, str]:
    """What the study writes beside the tables of each notebook of a run."""
    steps = plan_steps(run.profile, run.parameters)
    return {
        step.path.stem: command(run.profile, run.parameters, step)
        for step in steps
        if not run.only or step.path.stem in run.only
    }


def test_the_table_has_every_folder_of_results() -> None:
    named = {PROJECT_ROOT / run.folder for run in committed_runs("data")}
    assert sorted(named) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_the_table_says_by_which_command_each_committed_result_was_made(
    folder: Path, data: Path
) -> None:
    runs = [run for run in committed_runs(str(data)) if PROJECT_ROOT / run.folder == folder]
    told = {name: line for run in runs for name, line in commands(run).items()}
    stamps = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("0*.json")]
    made = {stamp["experiment"]: stamp["command"] for stamp in stamps}
    assert made == told


@pytest.mark.parametrize("run", committed_runs("data"), ids=lambda run: run.folder)
def test_a_fresh_clone_goes_on_in_a_folder_of_committed_results(run: Run, tmp_path: Path) -> None:
    marker = PROJECT_ROOT / run.folder / ".simcse.json"
    (tmp_path / marker.name).write_bytes(marker.read_bytes())
    claim(tmp_path, owner_of(run.parameters.get("source", "sample"), {}, run.profile))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that the tool asks the study for, in place of making them."""
    runs: list[Run] = []

    def study(profile, parameters, out, only, workers):
        runs.append(Run(str(out), profile, only, parameters))
        if "applications" in parameters.get("application_source", ""):
            raise StudyError("07_applications.ipynb: no such folder")

    monkeypatch.setattr(committed_results, "run_study", study)
    return runs


def test_the_tool_runs_a_folder_in_order_on_the_data_it_is_given(
    asked: list[Run], tmp_path: Path
) -> None:
    assert main(["my data", "figures/ready/cnsd/", "--out", str(tmp_path)]) == 0
    table = [run for run in committed_runs("my data") if run.folder == "figures/ready/cnsd"]
    assert [run.only for run in asked] == [run.only for run in table]
    assert {run.folder for run in asked} == {str(tmp_path / "figures/ready/cnsd")}
    assert {run.parameters["source"] for run in asked} == {"my data/cnsd"}


def test_the_tool_says_which_folder_failed_and_stops_there(
    asked: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "figures/mini"]) == 1
    said = "figures/mini: 07_applications.ipynb: no such folder"
    assert capsys.readouterr().err.strip() == said
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (OSError(28, "No space left on device"), 1, "[Errno 28] No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted; the same command goes on from here"),
    ],
)
def test_the_tool_says_in_a_line_what_broke_it_off(
    raised: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def study(*args, **kwargs):
        raise raised

    monkeypatch.setattr(committed_results, "run_study", study)
    assert main(["data", "figures/quick"]) == code
    assert capsys.readouterr().err.strip() == f"figures/quick: {said}"


def test_the_tool_refuses_a_folder_that_is_none_of_results(
    asked: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["data", "figures/search"])
    assert "figures/search: is no folder of results; there are figures/quick" in (
        capsys.readouterr().err
    )
    assert asked == []
