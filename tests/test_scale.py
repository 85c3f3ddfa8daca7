"""The queue of cells on paper: against schedules by hand, and against processes that ran."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from simcse_core.cells import longest_first
from simcse_core.workers import run
from tools import scale
from tools.scale import BASE_WEIGHTS, MACHINES, MINI_ON_CPU, ends, makespan, study_seconds, table


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (1, [5, 9, 12, 15, 18]),
        # The second is free at 4 and again at 7; the first at 5.
        (2, [5, 4, 7, 8, 10]),
        (5, [5, 4, 3, 3, 3]),
        (9, [5, 4, 3, 3, 3]),
    ],
)
def test_ends_of_cells_by_hand(workers: int, expected: list[int]) -> None:
    assert ends([5, 4, 3, 3, 3], workers) == expected
    assert makespan([5, 4, 3, 3, 3], workers) == max(expected)


def test_no_cells_take_no_time() -> None:
    assert makespan([], 3) == 0


def test_the_longest_cell_is_begun_first_and_equal_ones_stay_in_order() -> None:
    assert longest_first("abcd", [1, 3, 1, 3]) == ["b", "d", "a", "c"]
    # In the order given, the one of 6 would begin at 2 and end at 8.
    assert makespan([2, 2, 2, 6], 2) == 8
    assert makespan(longest_first([2, 2, 2, 6], [2, 2, 2, 6]), 2) == 6


def test_a_study_by_hand() -> None:
    found = study_seconds({"01": [2, 2, 6, 2], "02": [4], "06": []}, workers=2, start=1)
    assert found == {"all": 3 + 6 + 4, "arithmetic": 8, "longest cell": 10, "start-up": 3}


def test_what_bounds_each_machine_is_told() -> None:
    # With the mini encoder on a core a cell of 100 s and 2,000 of 1 s each.
    costs = {"03": [100 / MINI_ON_CPU, *[1 / MINI_ON_CPU] * 2000]}
    rows = table(costs).loc["mini, 3 x 256"].set_index("machine")
    assert rows.loc["laptop, 1 core", ["whole study", "bound by"]].tolist() == [
        "35.2 min",  # 2,100 s and 12 s of start-up
        "arithmetic",
    ]
    # 525 s of arithmetic for each of four; none is ever idle.
    assert rows.loc["laptop, 4 cores", "whole study"] == "8.9 min"
    # The rest ends while the longest is under way.
    assert rows.loc["1,000 cores", ["whole study", "arithmetic", "bound by"]].tolist() == [
        "112 s",
        "2 s",
        "longest cell",
    ]
    assert table({"03": [1.0]})["bound by"].tolist() == ["start-up"] * 2 * len(MACHINES)


def test_what_is_assumed_of_gpus_is_marked() -> None:
    rows = table({"03": [1.0]})
    assert [name.endswith("*") for name in rows["machine"]] == ["GPU" in m for m in rows["machine"]]
    assert "*" in scale.PAGE.read_text(encoding="utf-8").split("<!-- end -->")[-1]


def test_the_weights_of_base_are_those_of_its_layers() -> None:
    # 12 layers of 12 H^2 weights, and their biases and normalisation of 13 H; positions, kinds and
    # the pooler beside them.
    hidden = 768
    layers = 12 * (12 * hidden**2 + 13 * hidden)
    beside = (512 + 2 + 2) * hidden + hidden**2 + hidden
    assert pytest.approx(layers + beside, rel=0.002) == BASE_WEIGHTS


def test_two_processes_take_cells_as_on_paper(tmp_path: Path) -> None:
    naps = dict(zip("abcde", (2.4, 0.4, 0.8, 0.6, 1.4), strict=True))
    on_paper = dict(zip(naps, ends(list(naps.values()), 2), strict=True))
    assert on_paper == pytest.approx({"a": 2.4, "b": 0.4, "c": 1.2, "d": 1.8, "e": 3.2})
    both_are_up = tmp_path / "pipe"  # one end waits for the other, and so for the other process
    os.mkfifo(both_are_up)
    waiting = {
        "out": partial(Path.read_bytes, both_are_up),
        "in": partial(Path.write_bytes, both_are_up, b"up"),
    }
    assert {outcome.error for _, outcome in run(waiting, 2, 1, lambda _: None)} == {None}
    calls = {name: partial(time.sleep, seconds) for name, seconds in naps.items()}
    began = time.monotonic()
    really = {
        name: time.monotonic() - began for name, _ in run(calls, 2, 1, lambda under_way: None)
    }
    assert list(really) == sorted(on_paper, key=on_paper.__getitem__)
    # Handing out takes time that is not on paper, and nothing ends before it could.
    assert all(really[name] >= on_paper[name] for name in naps)


def test_costs_are_those_of_the_cells_of_each_notebook() -> None:
    # Six epochs of 400 sentences, one encoder under two poolings, one seed: two equal cells.
    found = scale.grid_costs("quick", "sample", ["04_epochs"])
    assert list(found) == ["04_epochs"]
    assert len(found["04_epochs"]) == 2
    assert len(set(found["04_epochs"])) == 1


def test_the_page_is_filled_and_what_cannot_be_planned_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- scale -->\nold\n<!-- end -->\n*\n", encoding="utf-8")
    monkeypatch.setattr(scale, "grid_costs", lambda *_: {"03": [1e9]})
    assert scale.main(["--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "old" not in text
    assert "BERT-base, 12 x 768" in text
    monkeypatch.undo()
    assert scale.main(["--profile", "other"]) == 1
    assert "scale: profile: unknown value 'other'" in capsys.readouterr().err
