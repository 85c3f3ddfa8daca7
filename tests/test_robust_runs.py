"""What an experiment promises when something goes wrong on the way."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

from simcse_core import SentenceEncoder, TrainConfig, objectives, trained_cells
from simcse_core.config import Pooling
from simcse_core.data import StudyData
from simcse_core.experiments import Experiment, train_sizes
from simcse_core.plans import Plan

SIZES = [6, 10, 16]


@pytest.fixture(scope="module")
def plan(bert_dir: Path) -> Plan:
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    return Plan(str(bert_dir), Pooling.MEAN, train)


def spearmans(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["metric"] == "spearman") & (frame["split"] == "test")]


def break_at(monkeypatch: pytest.MonkeyPatch, step: int, loss: float = float("nan")) -> None:
    """Makes the loss of one step what it should not be."""
    calls: list[int] = []
    real = objectives.unsup_simcse_loss

    def broken(*args: object) -> torch.Tensor:
        calls.append(1)
        return real(*args) * (loss if len(calls) == step else 1.0)

    monkeypatch.setattr(objectives, "unsup_simcse_loss", broken)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_leaves_the_points_before_it_and_the_reason_for_the_others(
    study_data: StudyData,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    loss: float,
) -> None:
    run = Experiment("02", study_data, [plan], [0], tmp_path)
    whole = spearmans(train_sizes(replace(run, output_dir=tmp_path / "whole"), SIZES))
    break_at(monkeypatch, step=4, loss=loss)  # 1 and 3 are whole batches, 2 the branch to 6
    rows = spearmans(train_sizes(run, SIZES))
    assert rows["n_train"].tolist() == [0, *SIZES]
    assert rows["value"].tolist()[:2] == whole["value"].tolist()[:2]
    assert rows["value"].isna().tolist() == [False, False, True, True]
    for reason in rows["missing"].tolist()[2:]:
        assert f"the loss is {loss} at step 3" in reason
        assert "lower learning_rate" in reason
    assert "at step 3" in capsys.readouterr().out
    again = spearmans(train_sizes(run, SIZES))  # kept, and not tried again
    assert_frame_equal(again, rows)


def test_an_encoder_that_maps_all_to_one_vector_has_no_spearman_and_a_reason(
    study_data: StudyData, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Noise of the last bit is what different batches leave of equal vectors.
    def constant(self: SentenceEncoder, sentences: list[str], progress: bool = False) -> np.ndarray:
        noise = np.random.default_rng(0).normal(size=(len(sentences), 32))
        return (np.ones(32) + 1e-8 * noise).astype(np.float32)

    def constants(
        self: SentenceEncoder, sentences: list[str], poolings: Sequence[Pooling]
    ) -> dict[Pooling, np.ndarray]:
        return dict.fromkeys(poolings, constant(self, sentences))

    monkeypatch.setattr(SentenceEncoder, "encode", constant)
    monkeypatch.setattr(SentenceEncoder, "encode_poolings", constants)
    monkeypatch.setattr(trained_cells, "_UNTRAINED", {})
    rows = spearmans(train_sizes(Experiment("02", study_data, [plan], [0], tmp_path), [6]))
    assert rows["value"].isna().all()
    assert all("the cosines are constant" in reason for reason in rows["missing"])


def test_two_encoders_of_one_name_keep_results_of_their_own(
    study_data: StudyData, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "elsewhere" / Path(plan.encoder).name
    shutil.copytree(plan.encoder, other)
    encoder = SentenceEncoder.from_pretrained(other)
    with torch.no_grad():
        encoder.model.embeddings.word_embeddings.weight.mul_(1.5)
    encoder.model.save_pretrained(other)
    run = Experiment("02", study_data, [plan], [0], tmp_path / "out")
    plans = (plan, replace(plan, encoder=str(other)))
    first = [train_sizes(replace(run, plans=[each]), [6]) for each in plans]
    again = [train_sizes(replace(run, plans=[each]), [6]) for each in plans]
    assert spearmans(first[0])["value"].tolist() != spearmans(first[1])["value"].tolist()
    for one, two in zip(first, again, strict=True):
        assert_frame_equal(one, two)
    assert "computed afresh" not in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 2


class BrokenOffError(BaseException):
    """In the place of a kill."""


def test_a_sweep_broken_off_goes_on_and_ends_with_the_same_table(
    study_data: StudyData, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Experiment("02", study_data, [plan], [0, 1], tmp_path / "undisturbed")
    expected = train_sizes(run, SIZES)
    disturbed = replace(run, output_dir=tmp_path / "disturbed")
    real = SentenceEncoder.encode
    measured = []

    def once(self: SentenceEncoder, *args: object) -> np.ndarray:
        if len(measured) % 3 == 2:  # two points, and broken off in the third
            measured.append("broken off")
            raise BrokenOffError
        measured.append("whole")
        return real(self, *args)

    monkeypatch.setattr(SentenceEncoder, "encode", once)
    for _ in range(2):
        with pytest.raises(BrokenOffError):
            train_sizes(disturbed, SIZES)
    found = train_sizes(disturbed, SIZES)
    assert_frame_equal(found, expected, check_exact=True)
    assert measured.count("whole") == 2 * len(SIZES)  # no point twice
    kept = {path.suffix for path in (tmp_path / "disturbed" / "cells").iterdir()}
    assert kept == {".json"}  # nothing of the broken-off runs is left


def test_a_broken_off_run_of_other_settings_is_left_aside_and_said(
    study_data: StudyData,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Experiment("02", study_data, [plan], [0], tmp_path)
    with monkeypatch.context() as patch:
        real, calls = objectives.unsup_simcse_loss, []

        def broken(*args: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            if len(calls) == 3:  # after the first point was measured
                raise KeyError
            return real(*args)

        patch.setattr(objectives, "unsup_simcse_loss", broken)
        with pytest.raises(KeyError):
            train_sizes(run, SIZES)
    changed = replace(plan, train=replace(plan.train, learning_rate=2e-3))
    run = replace(run, plans=[changed])
    found = train_sizes(run, SIZES)
    assert "because train changed" in capsys.readouterr().out
    expected = train_sizes(replace(run, output_dir=tmp_path / "fresh"), SIZES)
    assert_frame_equal(found, expected, check_exact=True)
