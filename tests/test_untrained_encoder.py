"""An encoder that plans share: loaded once, under each pooling what it is when loaded by itself."""

from __future__ import annotations

import gc
import pickle
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from simcse_core import SentenceEncoder, TrainConfig
from simcse_core.config import Pooling
from simcse_core.data import StudyData
from simcse_core.errors import EncoderError
from simcse_core.experiment import Experiment
from simcse_core.plans import Plan
from simcse_core.untrained_encoder import UntrainedEncoder, untrained_encoders

SENTENCES = ["我喝茶", "老师今天看书", "天气好"]


def test_under_each_pooling_it_is_what_is_loaded_under_that(
    bert_dir: Path, loaded_encoders: list[str]
) -> None:
    alone = {p: SentenceEncoder.from_pretrained(bert_dir, p, 12) for p in Pooling}
    encoder = UntrainedEncoder(str(bert_dir), 12)
    loaded_encoders.clear()
    for pooling, own in alone.items():
        found, traits = encoder.under(pooling), encoder.traits(pooling)
        np.testing.assert_array_equal(found.encode(SENTENCES), own.encode(SENTENCES))
        assert traits.fingerprint == found.fingerprint == own.fingerprint
        assert traits[0::2] == ("tiny-bert", 12, True)
    assert loaded_encoders == [str(bert_dir)]
    assert {encoder.whatever_pooling(p) for p in Pooling} == {alone[Pooling.CLS].fingerprint}


def test_its_size_is_counted_by_hand(bert_dir: Path) -> None:
    model = BertModel.from_pretrained(bert_dir)
    of_tokens = model.embeddings.word_embeddings.weight.numel()
    size = UntrainedEncoder(str(bert_dir)).size(Pooling.MEAN)
    n = model.num_parameters()
    assert size == (2 * 32, n, n - of_tokens)  # two layers of 32


def test_a_pooling_that_it_lacks_is_refused_as_when_it_is_loaded(
    encoder_dir: Callable[[str], Path],
) -> None:
    folder = encoder_dir("electra")
    encoder = UntrainedEncoder(str(folder))
    encoder.under(Pooling.CLS)
    with pytest.raises(EncoderError) as refused:
        encoder.under(Pooling.POOLER)
    with pytest.raises(EncoderError) as alone:
        SentenceEncoder.from_pretrained(folder, "pooler")
    assert str(refused.value) == str(alone.value)


def test_each_pooling_has_its_trial_whichever_came_before(bert_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "causal"
    shutil.copytree(bert_dir, folder)
    BertModel(BertConfig.from_pretrained(bert_dir, is_decoder=True)).save_pretrained(folder)
    encoder = UntrainedEncoder(str(folder))
    assert encoder.traits(Pooling.MEAN).trainable
    with pytest.raises(EncoderError, match="does not depend on the last word"):
        encoder.under(Pooling.CLS)


@pytest.mark.parametrize("before", [[], [Pooling.CLS]])
def test_its_own_pooling_is_what_its_folder_says(
    bert_dir: Path, tmp_path: Path, before: list[Pooling]
) -> None:
    SentenceEncoder.from_pretrained(bert_dir, "first-last-mean").save(tmp_path / "it")
    encoder = UntrainedEncoder(tmp_path / "it")
    for pooling in before:
        encoder.under(pooling)
    assert encoder.own_pooling() is Pooling.FIRST_LAST_MEAN


def test_names_are_shared_encoders_of_that_length_and_shared_ones_stay(bert_dir: Path) -> None:
    (one,) = untrained_encoders([str(bert_dir)], 12)
    assert untrained_encoders([one], 30) == [one]
    (own,) = untrained_encoders([bert_dir], 0)  # as notebooks say the encoder's own
    assert (one.max_seq_length, own.max_seq_length) == (12, None)


def test_what_was_found_stays_when_the_weights_are_let_go(
    bert_dir: Path, loaded_encoders: list[str]
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(), shared=UntrainedEncoder(str(bert_dir)))
    model = weakref.ref(plan.untrained.model)
    told = (plan.stamp, plan.memory, plan.cost(3, 4), plan.device)
    plan.let_go()
    gc.collect()
    assert model() is None
    other = replace(plan, train=TrainConfig(seed=3))
    other.check_trainable()
    assert (other.stamp, other.memory, other.cost(3, 4), other.device) == told
    assert loaded_encoders == [str(bert_dir)]
    assert len(plan.untrained.encode(SENTENCES)) == 3
    assert len(loaded_encoders) == 2


def test_no_encoder_is_in_memory_while_cells_are_computed(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    own = {"encoders": [str(bert_dir)], "seeds": [0], "output_dir": tmp_path}
    run = Experiment.on(study_data, "02", pooling=["cls", "mean"], **own)
    models = {id(plan.untrained.model): weakref.ref(plan.untrained.model) for plan in run.plans}
    assert len(models) == 1
    run.compute([])
    gc.collect()
    assert [model() for model in models.values()] == [None]


def test_a_plan_is_pickled_without_what_it_shares(bert_dir: Path) -> None:
    alone = Plan(str(bert_dir), Pooling.MEAN, TrainConfig())
    sharing = replace(alone, shared=UntrainedEncoder(str(bert_dir)))
    assert sharing.stamp == alone.stamp  # both have looked
    assert pickle.dumps(sharing) == pickle.dumps(alone)
    assert len(pickle.dumps(sharing)) < 2000
    taken = pickle.loads(pickle.dumps(sharing))
    assert (taken, taken.stamp) == (sharing, sharing.stamp)


def test_weights_that_were_changed_are_looked_at_anew_by_the_next_experiment(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "it"
    shutil.copytree(bert_dir, folder)
    own: dict[str, Any] = {"seeds": [0], "output_dir": tmp_path, "pooling": ["mean"]}
    before = Experiment.on(study_data, "02", encoders=[str(folder)], **own)
    encoder = SentenceEncoder.from_pretrained(folder, "mean")
    with torch.no_grad():
        encoder.model.embeddings.word_embeddings.weight.mul_(1.5)
    encoder.model.save_pretrained(folder)
    after = Experiment.on(study_data, "02", encoders=[str(folder)], **own)
    assert after.plans[0].stamp["fingerprint"] == encoder.fingerprint
    assert before.plans[0].stamp["fingerprint"] != encoder.fingerprint
