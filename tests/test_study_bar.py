"""How far a study is: told by its notebooks, counted by hand, and shown."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from simcse_core.study import bar as module
from simcse_core.study.bar import Standing, standing, study_bar
from simcse_core.under_way import UNDER_WAY_VARIABLE, UnderWay, tell_study, told_study

COSTS = {"01_a": {"01_a-x": 2.0, "01_a-y": 8.0}, "02_b": {"02_b-x": 30.0}, "03_c": {}}


def test_before_anything_is_told_all_is_ahead() -> None:
    assert standing(COSTS, {}, []) == Standing(0.0, 0.0, "0/3 cells")


def test_what_is_kept_is_told_apart_from_what_was_computed() -> None:
    told = {"01_a": UnderWay(kept=["01_a-x"], done=[], now=["01_a-y"])}
    assert standing(COSTS, told, [], "01_a") == Standing(2.0, 0.0, "1/3 cells, y")
    told = {"01_a": UnderWay(kept=["01_a-x"], done=["01_a-y"])}
    assert standing(COSTS, told, [], "01_a") == Standing(2.0, 8.0, "2/3 cells")


def test_what_a_notebook_that_has_ended_did_not_compute_was_kept() -> None:
    told = {"01_a": UnderWay(done=["01_a-y"]), "02_b": UnderWay()}
    assert standing(COSTS, told, ["01_a"]) == Standing(2.0, 8.0, "2/3 cells")
    assert standing(COSTS, told, COSTS) == Standing(32.0, 8.0, "3/3 cells")


def test_cells_that_nobody_knew_of_count_once_they_are_told() -> None:
    told = {"03_c": UnderWay(kept=["03_c-x"], done=["03_c-y"], now=["03_c-z", "03_c-w"])}
    assert standing(COSTS, told, [], "03_c") == Standing(0.0, 0.0, "2/7 cells, z, w")


def test_word_is_left_for_a_study_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_study(UnderWay(now=["a"]))  # no study runs this: nowhere to write
    path = tmp_path / "told.json"
    assert told_study(path) == UnderWay()
    monkeypatch.setenv(UNDER_WAY_VARIABLE, str(path))
    tell_study(UnderWay(["a"], ["b"], ["c", "d"]))
    assert told_study(path) == UnderWay(["a"], ["b"], ["c", "d"])
    path.write_text("[1", encoding="utf-8")
    assert told_study(path) == UnderWay()


def test_a_study_whose_word_cannot_be_written_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(UNDER_WAY_VARIABLE, str(tmp_path / "file" / "told.json"))
    tell_study(UnderWay(now=["a"]))


def test_the_time_left_is_that_of_the_costs_ahead_at_the_rate_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)  # so that it looks at the end alone
    now = [0.0]
    made = module.progress

    def progress(*given: object, **named: object) -> object:
        bar = made(*given, **named)
        bar._time, bar.start_t, bar.last_print_t = (lambda: now[0]), 0.0, 0.0
        return bar

    monkeypatch.setattr(module, "progress", progress)
    with study_bar(COSTS) as shown:
        with shown.while_running("01_a"):
            assert os.environ[UNDER_WAY_VARIABLE]
            tell_study(UnderWay(["01_a-x"], ["01_a-y"]))
            now[0] = 80.0  # 8 of cost in 80 s, and 30 are ahead
        assert UNDER_WAY_VARIABLE not in os.environ
        with shown.while_running("02_b"):
            tell_study(UnderWay([], [], ["02_b-x"]))
            now[0] = 160.0
        with shown.while_running("03_c"):
            now[0] = 240.0
    first, at_80, *_ = written.getvalue().splitlines()
    assert "0%" in first
    assert at_80.startswith("01_a:  25%")
    assert "[01:20<05:00, 2/3 cells]" in at_80


def test_what_is_computed_ahead_of_a_notebook_stays_computed_when_it_is_kept_there() -> None:
    with study_bar(COSTS) as bar:
        bar.tell("01_a", UnderWay(["01_a-x"], [], ["01_a-y"]))
        bar.tell("02_b", UnderWay([], [], ["02_b-x"]))
        bar.tell("01_a", UnderWay(["01_a-x"], ["01_a-y"]))
        with bar.while_running("01_a"):  # which finds both kept
            tell_study(UnderWay(["01_a-x", "01_a-y"]))
        assert bar._told["01_a"] == UnderWay(["01_a-x"], ["01_a-y"], [])
        far = standing(COSTS, bar._told, ["01_a"], "01_a")
        assert far == Standing(2.0, 8.0, "2/3 cells, 02_b-x")


@pytest.mark.parametrize(
    "said",
    [
        *(
            '{"kept": 5}',
            '{"kept": "abc"}',
            '{"done": null}',
            '{"now": [[1]]}',
            '{"now": {"a": 1}}',
        ),
        *("[1]", '"a"', "", "[" * 100_000, '{"other": []}', '{"kept": [1e400]}'),
    ],
)
def test_a_word_that_is_none_is_not_heard(tmp_path: Path, said: str) -> None:
    path = tmp_path / "01_a.json"
    path.write_text(said)
    assert told_study(path) == UnderWay()
    path.write_text('{"kept": ["a"], "done": [], "now": ["b", "c"]}')
    assert told_study(path) == UnderWay(["a"], [], ["b", "c"])


def test_a_study_without_known_costs_still_says_what_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    monkeypatch.setattr("simcse_core.progress.SECONDS_PER_LINE", 0)
    with study_bar({"06_d": {}}) as bar, bar.while_running("06_d"):
        tell_study(UnderWay(done=["06_d-x"]))
    assert "06_d: [00:00, 1/1 cells]" in written.getvalue()
