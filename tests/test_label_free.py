"""Alignment and uniformity without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from simcse_core import Pooling, SentenceEncoder
from simcse_core.encoder import OF_FIRST_TOKEN
from simcse_core.evaluation import normalize, uniformity
from simcse_core.label_free import dropout_views, measure_label_free, rows_of

Load = Callable[..., SentenceEncoder]
AVERAGES = tuple(pooling for pooling in Pooling if pooling not in OF_FIRST_TOKEN)
TEXT = ["我今天看书", "老师从来不喝茶", "我喝茶", "隔壁的孩子"]


def test_without_dropout_both_views_are_one(load: Load) -> None:
    encoder = load()
    encoder.set_dropout(0.0)
    scores = measure_label_free(encoder, TEXT)
    assert scores["alignment"] == pytest.approx(0.0, abs=1e-9)
    assert scores["uniformity"] == pytest.approx(uniformity(normalize(encoder.encode(TEXT))))


def test_with_dropout_views_differ_in_the_same_way_each_time(
    load: Callable[..., SentenceEncoder],
) -> None:
    encoder = load()
    encoder.set_dropout(0.3)
    torch.manual_seed(1)
    first = measure_label_free(encoder, TEXT)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert measure_label_free(encoder, TEXT) == first
    assert 0 < first["alignment"] < 4
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not encoder.model.training


@pytest.mark.parametrize("group", [OF_FIRST_TOKEN, AVERAGES], ids=["first token", "averages"])
def test_views_of_several_poolings_are_those_of_each_from_one_forward(
    load: Load, monkeypatch: pytest.MonkeyPatch, group: Sequence[Pooling]
) -> None:
    encoder = load()
    encoder.set_dropout(0.3)
    alone = {pooling: dropout_views(encoder, TEXT, 5, [pooling])[pooling] for pooling in group}
    forwards: list[int] = []
    forward = encoder._forward
    monkeypatch.setattr(
        encoder,
        "_forward",
        lambda ids, poolings: forwards.append(len(ids)) or forward(ids, poolings),
    )
    together = dropout_views(encoder, TEXT, 5, group)
    assert forwards == [len(TEXT)]
    assert list(together) == list(group)
    for pooling, vectors in together.items():
        assert np.array_equal(vectors, alone[pooling])


def test_rows_name_their_split() -> None:
    rows = rows_of({"alignment": 0.5, "uniformity": -np.log(2)})
    assert [(row["split"], row["metric"]) for row in rows] == [
        ("held-out", "alignment"),
        ("held-out", "uniformity"),
    ]
