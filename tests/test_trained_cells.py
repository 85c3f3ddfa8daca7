"""Training runs as cells: the untrained encoder measured once, and points among more points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from simcse_core import SentenceEncoder, trained_cells, whiten
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData
from simcse_core.evaluation import measure_spearman
from simcse_core.plans import Plan
from simcse_core.trained_cells import at_points, trajectory

Spy = Callable[..., list[list[Pooling]]]


@pytest.fixture(autouse=True)
def _nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_cells, "_UNTRAINED", {})


def plan(folder: Path, pooling: Pooling = Pooling.CLS, **train: int) -> Plan:
    return Plan(str(folder), pooling, TrainConfig(batch_size=4, learning_rate=1e-3, **train))


@pytest.mark.parametrize("pooling", [Pooling.CLS, Pooling.MEAN])
def test_the_untrained_rows_are_what_the_encoder_scores_by_itself(
    study_data: StudyData, bert_dir: Path, pooling: Pooling
) -> None:
    mine = plan(bert_dir, pooling)
    rows = trajectory(study_data, mine, "unsup-simcse", 8, [0, 8])
    found = rows[rows["n_train"] == 0]
    encode = mine.load().encode_poolings  # all at once, as they are measured: equal to the last bit
    expected = measure_spearman(study_data.splits())(
        lambda texts: encode(texts, list(Pooling))[pooling]
    )
    assert found["value"].tolist() == [row["value"] for row in expected]
    assert [c or None for c in found["cosines"].fillna("")] == [row["cosines"] for row in expected]
    assert set(found["method"]) == {"untrained"}
    assert (found["epoch"] == 0).all()
    assert rows["n_train"].is_monotonic_increasing


def test_an_encoder_with_a_projection_begins_with_what_it_scores_by_itself(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    encoder = SentenceEncoder.from_pretrained(bert_dir, Pooling.MEAN)
    whiten(encoder, study_data.pool.sentences).save(tmp_path / "whitened")
    mine = plan(tmp_path / "whitened", Pooling.MEAN)
    rows = trajectory(study_data, mine, "unsup-simcse", 8, [0, 8])
    expected = measure_spearman(study_data.splits())(mine.load().encode)
    found = rows[rows["n_train"] == 0]["value"].tolist()
    assert found == [row["value"] for row in expected]


def test_runs_that_begin_alike_measure_their_beginning_once(
    study_data: StudyData, bert_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[list[Pooling]] = []
    encode = SentenceEncoder.encode_poolings

    def noting(self: SentenceEncoder, sentences: list[str], poolings: list[Pooling], *rest: object):  # type: ignore[no-untyped-def]
        encoded.append(poolings)
        return encode(self, sentences, poolings, *rest)

    monkeypatch.setattr(SentenceEncoder, "encode_poolings", noting)
    for pooling in (Pooling.CLS, Pooling.MEAN):
        for seed in (0, 1):
            trajectory(study_data, plan(bert_dir, pooling, seed=seed), "unsup-simcse", 8, [0, 8])
    assert sum(len(poolings) > 1 for poolings in encoded) == 1
    assert len(encoded) == 1 + 4  # and the end of each run


def test_another_length_begins_otherwise(study_data: StudyData, bert_dir: Path) -> None:
    begun = []
    for length in (3, 20):
        mine = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(batch_size=4), length)
        rows = trajectory(study_data, mine, "unsup-simcse", 8, [0, 8])
        begun.append(rows[rows["n_train"] == 0]["value"].tolist())
    assert begun[0] != begun[1]


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("wanted", [[0, 8], [3, 8], [4]])
def test_rows_at_some_points_are_those_of_a_run_measured_there_alone(
    study_data: StudyData, bert_dir: Path, epochs: int, wanted: list[int]
) -> None:
    points = [epoch * 8 for epoch in range(epochs + 1)]
    mine = plan(bert_dir, num_epochs=epochs)
    whole = trajectory(study_data, mine, "unsup-simcse", 8, sorted({*points, 3, 4}))
    alone = trajectory(study_data, mine, "unsup-simcse", 8, wanted)
    assert_frame_equal(at_points(whole, 8, wanted), alone, check_dtype=False)


def test_a_point_of_a_later_epoch_is_told_from_that_of_the_first(
    study_data: StudyData, bert_dir: Path
) -> None:
    rows = trajectory(study_data, plan(bert_dir, num_epochs=3), "unsup-simcse", 8, [0, 8, 16, 24])
    assert set(at_points(rows, 8, [16])["epoch"]) == {2.0}
    assert set(at_points(rows, 8, [0, 24])["epoch"]) == {0.0, 3.0}
