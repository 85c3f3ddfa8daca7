"""How every command line ends."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from simcse_core.errors import DataError
from simcse_core.exit_code import GOES_ON, exit_code
from simcse_core.report.messages import speak

PRETRAINING = ["--text", __file__, "--work", "w", "--out", "o"]
# Command line, the function in its module that does the work, and what it says after Ctrl-C.
COMMAND_LINES = [
    ("simcse_core.study.run", "_asked_on_the_command_line", [], f"study: {GOES_ON}"),
    ("tools.settings_grid", "choose", ["--source", "s", "--out", "o"], f"settings_grid: {GOES_ON}"),
    ("tools.pretraining.command_line", "pretrain", PRETRAINING, f"pretraining: {GOES_ON}"),
    ("tools.pretraining.measure", "measure_all", ["folder"], "measure: interrupted"),
    ("tools.benchmark.command_line", "benchmark", [], "benchmark: interrupted"),
    ("tools.scale", "estimate", [], "scale: interrupted"),
    ("tools.ready_made.command_line", "_make_as_asked", [], "ready: interrupted"),
    ("tools.convert_to_safetensors", "convert", ["folder", "out"], "convert: interrupted"),
]


def fails_with(error: BaseException) -> Callable[..., None]:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("a.txt, line 3: no tab"), 1, "tool: a.txt, line 3: no tab"),
        (OSError(28, "No space left on device"), 1, "tool: [Errno 28] No space left on device"),
        (MemoryError(), 1, "tool: MemoryError"),
        (KeyboardInterrupt(), 130, "tool: interrupted"),
    ],
)
def test_what_failed_is_one_line_and_its_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("tool", fails_with(error)) == code
    assert capsys.readouterr() == ("", f"{said}\n")


def test_a_run_that_ends_is_0_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("tool", lambda: 7) == 0
    assert capsys.readouterr() == ("", "")


def test_a_fault_of_ours_keeps_its_trace_unless_it_is_named() -> None:
    run = fails_with(ValueError("shapes differ"))
    with pytest.raises(ValueError, match="shapes differ"):
        exit_code("tool", run)
    assert exit_code("tool", run, also=(ValueError,)) == 1


def test_the_line_is_in_the_language_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    speak("zh")
    try:
        assert exit_code("study", fails_with(KeyboardInterrupt()), GOES_ON) == 130
    finally:
        speak("en")
    assert capsys.readouterr().err == "study: 已中断；用同一条命令可以接着做\n"


@pytest.mark.parametrize(("module", "work", "given", "said"), COMMAND_LINES)
def test_ctrl_c_ends_every_command_line_in_one_line(
    module: str,
    work: str,
    given: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command_line = importlib.import_module(module)
    monkeypatch.setattr(command_line, work, fails_with(KeyboardInterrupt()))
    assert command_line.main(given) == 130
    assert capsys.readouterr().err.strip() == said
