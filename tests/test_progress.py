"""A bar in a terminal, and lines where there is none."""

from __future__ import annotations

import io
import sys

import pytest

from simcse_core import progress as module
from simcse_core.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_that_is_gone_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(2, "cell") as bar:
        bar.mininterval = 0
        bar.set_postfix_str("02-a", refresh=False)
        bar.update()
    written = terminal.getvalue()
    assert "1/2" in written
    assert "02-a" in written
    assert "\n" not in written
    assert written.split("\r")[-1] == ""


def test_without_a_terminal_each_state_is_a_line_and_there_are_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    now = [0.0]
    with progress(600, "cell") as bar:
        bar._time = lambda: now[0]
        bar.start_t = bar.last_print_t = 0.0
        for _ in range(600):  # ten minutes, a cell a second
            now[0] += 1
            bar.update()
    first, *lines = written.getvalue().splitlines()
    assert "0/600" in first
    assert [f"{n}/600" in line for n, line in zip(range(60, 601, 60), lines, strict=True)] == (
        [True] * 10
    )
    assert all(line == line.strip() for line in lines)
    assert module.SECONDS_PER_LINE == 60


def test_the_time_left_is_told_by_what_was_done_under_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    now = [0.0]
    with progress(10, "cell", done=4) as bar:
        bar._time = lambda: now[0]
        bar.start_t = bar.last_print_t = 0.0
        for seconds in (20, 100):  # a quick cell and a slow one, a minute each
            now[0] += seconds
            bar.update()
    assert "4/10" in written.getvalue()
    assert "6/10 [02:00<04:00" in written.getvalue()  # four cells of a minute
