"""A run broken off anywhere and started again ends as one that was left alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SENTENCES
from pandas.testing import assert_frame_equal

from simcse_core import NliTriplets, SentenceEncoder, TrainConfig, checkpoint, train_simcse
from simcse_core.checkpoint import Checkpoint
from simcse_core.objectives import OBJECTIVES
from simcse_core.training import train as train_for

Load = Callable[..., SentenceEncoder]
CONFIG = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1, seed=3, num_epochs=2)
POINTS = [0, 2, 4, 7, 13, 20, 26]
STAMP = {"seed": 3}
TRIPLETS = NliTriplets(*(list(SENTENCES[start : start + 13]) for start in (0, 13, 26)))


class BrokenOff(BaseException):
    """In the place of a kill; no except clause of the package may stop it."""


class Measure:
    """Measures bits of the encoder; breaks off after the given number of measurements."""

    def __init__(self, breaks_after: int = 10**9) -> None:
        self.left, self.calls = breaks_after, 0

    def __call__(self, encoder: SentenceEncoder) -> list[dict[str, Any]]:
        if self.calls == self.left:
            raise BrokenOff
        self.calls += 1
        vector = encoder.encode(SENTENCES[40:42])
        return [{"value": float(row[0]), "none": math.nan} for row in vector]


def train(
    encoder: SentenceEncoder, kind: str, config: TrainConfig, measure: Measure, *rest: Any
) -> pd.DataFrame:
    if kind == "supervised":
        return train_for(
            encoder, OBJECTIVES["sup-simcse"], TRIPLETS, config, POINTS, measure, False, *rest
        )
    return train_simcse(encoder, SENTENCES[:13], config, POINTS, measure, False, *rest)


def same_weights(one: SentenceEncoder, other: SentenceEncoder) -> bool:
    states = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.fixture
def saves_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``seconds`` 0, however long a save takes."""
    monkeypatch.setattr(checkpoint, "PAUSE_PER_SAVE", 0)


@pytest.mark.usefixtures("saves_every_step")
@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["state at every step", "points alone"])
@pytest.mark.parametrize("schedule", ["constant", "linear"])
@pytest.mark.parametrize("kind", ["unsupervised", "supervised"])
def test_a_run_broken_off_at_every_point_ends_with_the_same_bits(
    load: Load, tmp_path: Path, kind: str, schedule: str, seconds: float
) -> None:
    config = replace(CONFIG, schedule=schedule)
    undisturbed = load()
    expected = train(undisturbed, kind, config, Measure())
    measured = 0
    for _ in POINTS:  # measures one point, then is broken off at the next
        measure = Measure(breaks_after=1)
        with suppress(BrokenOff):  # the last one comes through
            train(load(), kind, config, measure, Checkpoint(tmp_path, STAMP, seconds))
        measured += measure.calls
    resumed, measure = load(), Measure()
    found = train(resumed, kind, config, measure, Checkpoint(tmp_path, STAMP, seconds))
    assert (measured, measure.calls) == (len(POINTS), 0)
    assert_frame_equal(found, expected, check_exact=True)
    assert same_weights(resumed, undisturbed)


def steps_taken(monkeypatch: pytest.MonkeyPatch, breaks_after: int = 10**9) -> list[int]:
    """Counts optimizer steps from now on, and breaks off after so many."""
    taken: list[int] = []
    step = torch.optim.AdamW.step

    def counted(self: torch.optim.AdamW, *args: Any) -> Any:
        if len(taken) == breaks_after:
            raise BrokenOff
        taken.append(1)
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)
    return taken


@pytest.mark.usefixtures("saves_every_step")
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_run_broken_off_between_points_takes_no_step_twice(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    undisturbed = load()
    expected = train_simcse(undisturbed, SENTENCES[:13], CONFIG, [26], Measure())

    def run(encoder: SentenceEncoder) -> pd.DataFrame:
        kept = Checkpoint(tmp_path, STAMP, 0.0)
        return train_simcse(encoder, SENTENCES[:13], CONFIG, [26], Measure(), checkpoint=kept)

    with monkeypatch.context() as patch:
        steps_taken(patch, steps)
        with pytest.raises(BrokenOff):
            run(load())
    resumed, taken = load(), steps_taken(monkeypatch)
    found = run(resumed)
    assert len(taken) == 6 - steps  # three an epoch: the batch of one is not stepped
    assert_frame_equal(found, expected, check_exact=True)
    assert same_weights(resumed, undisturbed)


# --- whose it is -----------------------------------------------------------------------------


def saved(folder: Path) -> Checkpoint:
    """A checkpoint with one point and one state."""
    kept = Checkpoint(folder, STAMP, 0.0)
    kept.record(2, [{"value": 0.1 + 0.2, "none": math.nan, "n": np.int64(3)}])
    kept.save(lambda: {"step": 5, "model": {"weight": torch.tensor([1 / 3])}})
    return kept


def test_a_checkpoint_gives_back_what_it_was_given(tmp_path: Path) -> None:
    saved(tmp_path / "run")
    again = Checkpoint(tmp_path / "run", STAMP)
    (row,) = again.measured(2) or []
    assert (row["value"], row["n"]) == (0.1 + 0.2, 3)
    assert math.isnan(row["none"])
    assert again.measured(3) is None
    state = again.state() or {}
    assert (state["step"], state["model"]["weight"]) == (5, torch.tensor([1 / 3]))


def test_what_another_stamp_left_is_not_used_and_the_reason_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path / "run")
    other = Checkpoint(tmp_path / "run", {"seed": 4})
    assert (other.measured(2), other.state()) == (None, None)
    assert "because seed changed" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("lost", ["points.json", "state.pt"])
@pytest.mark.parametrize("content", [b"", b"{", b"PK\x03\x04", b"[1]", b"[" * 100_000])
def test_a_damaged_file_is_set_aside_and_the_reason_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: str, content: bytes
) -> None:
    saved(tmp_path)
    (tmp_path / lost).write_bytes(content)
    again = Checkpoint(tmp_path, STAMP)
    assert (again.state() is None) is (lost == "state.pt")
    assert (again.measured(2) is None) is (lost == "points.json")
    assert f"{lost}: damaged (" in capsys.readouterr().out
    assert (tmp_path / f"{lost}.damaged-1").read_bytes() == content


@pytest.mark.parametrize("place", [40, 0.25, 0.5, 0.75, -1])
def test_one_flipped_bit_of_a_state_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: float
) -> None:
    kept = Checkpoint(tmp_path, STAMP, 0.0)
    kept.save(lambda: {"step": 5, "model": {"weight": torch.randn(1000)}})
    content = bytearray((tmp_path / "state.pt").read_bytes())
    at = int(place * len(content)) if 0 < place < 1 else int(place)
    content[at] ^= 0b0100_0000
    (tmp_path / "state.pt").write_bytes(content)
    assert Checkpoint(tmp_path, STAMP).state() is None
    assert "not what its checksum was made of" in capsys.readouterr().out


@pytest.mark.parametrize(
    "edit",
    [
        lambda rows: rows[0][1][0].update(value=0.9),
        lambda rows: rows[0][1].clear(),
        lambda rows: rows.clear(),
        lambda rows: rows[0].__setitem__(0, 3),
    ],
    ids=["a value", "the rows of a point", "every point", "which point"],
)
def test_edited_points_are_not_used(tmp_path: Path, edit: Callable[[Any], None]) -> None:
    saved(tmp_path)
    content = json.loads((tmp_path / "points.json").read_text("utf-8"))
    edit(content["points"])
    (tmp_path / "points.json").write_text(json.dumps(content), encoding="utf-8")
    again = Checkpoint(tmp_path, STAMP)
    assert (again.measured(2), again.measured(3)) == (None, None)


def test_a_state_of_another_seed_put_in_its_place_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path / "run")
    other = Checkpoint(tmp_path / "other", {"seed": 4}, 0.0)
    other.save(lambda: {"step": 6})
    (tmp_path / "other" / "state.pt").replace(tmp_path / "run" / "state.pt")
    again = Checkpoint(tmp_path / "run", STAMP)
    assert again.state() is None
    assert "begun afresh, because seed changed" in capsys.readouterr().out
    assert again.measured(2)  # the points are still this run's


def test_a_state_without_its_points_is_still_whose_it_says_it_is(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "points.json").unlink()
    assert (Checkpoint(tmp_path, STAMP).state() or {})["step"] == 5
    assert Checkpoint(tmp_path, {"seed": 4}).state() is None


@pytest.mark.parametrize("part", ["optimizer", "model", "step"])
def test_a_state_that_cannot_be_gone_back_to_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    saved(tmp_path)  # without an optimizer

    def restore(state: dict[str, Any]) -> int:
        state["model"]["weight"], state["step"]
        return len(state[part][1:])  # fails in its own way for each

    again = Checkpoint(tmp_path, STAMP)
    assert again.resume(restore) is None
    assert "state.pt: damaged (" in capsys.readouterr().out
    assert (again.resume(restore), again.state()) == (None, None)
    assert (tmp_path / "state.pt.damaged-1").is_file()


def _without_optimizer(state: dict[str, Any]) -> None:
    del state["optimizer"]


def _of_another_shape(state: dict[str, Any]) -> None:
    name = next(iter(state["model"]))
    state["model"][name] = state["model"][name][:1]


def _of_no_steps(state: dict[str, Any]) -> None:
    state["step"] = "many"


@pytest.mark.usefixtures("saves_every_step")
@pytest.mark.parametrize("spoil", [_without_optimizer, _of_another_shape, _of_no_steps])
def test_training_sets_such_a_state_aside_and_ends_with_the_same_bits(
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    undisturbed, config = load(), replace(CONFIG, learning_rate=1e-2)
    expected = train_simcse(undisturbed, SENTENCES[:13], config, [26], Measure())
    with monkeypatch.context() as patch:
        steps_taken(patch, 3)
        kept = Checkpoint(tmp_path, STAMP, 0.0)
        with pytest.raises(BrokenOff):
            train_simcse(load(), SENTENCES[:13], config, [26], Measure(), checkpoint=kept)
    state = kept.state()
    assert state is not None
    spoil(state)
    kept.keep("state", state)
    resumed, kept = load(), Checkpoint(tmp_path, STAMP, 1e9)
    found = train_simcse(resumed, SENTENCES[:13], config, [26], Measure(), checkpoint=kept)
    assert "state.pt: damaged (" in capsys.readouterr().out
    assert_frame_equal(found, expected, check_exact=True)
    assert same_weights(resumed, undisturbed)


def test_what_can_be_gone_back_to_is_given_to_whoever_goes_back(tmp_path: Path) -> None:
    saved(tmp_path)
    assert Checkpoint(tmp_path, STAMP).resume(lambda state: state["step"] + 1) == 6


def test_a_state_that_could_run_code_is_not_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Checkpoint(tmp_path, STAMP, 0.0).save(lambda: {"step": tmp_path})  # a class: it needs code
    assert Checkpoint(tmp_path, STAMP).state() is None
    assert "state.pt: damaged (Weights only load failed" in capsys.readouterr().out


def test_a_removed_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    saved(tmp_path / "run").remove()
    assert not list(tmp_path.iterdir())


def test_a_write_that_was_killed_leaves_no_litter_after_the_next_start(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / ".0123.simcse-tmp").write_bytes(b"half")
    Checkpoint(tmp_path, STAMP)
    assert {path.name for path in tmp_path.iterdir()} == {"points.json", "state.pt"}


def test_a_slow_save_is_made_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    kept, saves = Checkpoint(tmp_path, STAMP, 30.0), []

    def state() -> dict[str, Any]:
        saves.append(now[0])
        now[0] += 10  # a save takes ten seconds
        return {}

    for second in range(0, 1000, 5):
        now[0] = max(now[0], float(second))
        kept.save(state)
    assert saves == [30.0, 240.0, 450.0, 660.0, 870.0]  # one part in twenty


def test_points_are_kept_as_text(tmp_path: Path) -> None:
    saved(tmp_path)
    kept = json.loads((tmp_path / "points.json").read_text(encoding="utf-8"))
    assert kept["stamp"] == STAMP
