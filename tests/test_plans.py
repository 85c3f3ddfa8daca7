"""An encoder with all that it is studied with, and what it is called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from simcse_core import SentenceEncoder, TrainConfig, plans
from simcse_core.config import Pooling, encoder_settings
from simcse_core.data import StudyData
from simcse_core.encoder_names import EncoderNameError
from simcse_core.errors import ParameterError
from simcse_core.plans import (
    FOUND_VARIABLE,
    Plan,
    best_pooling,
    distinct,
    found_poolings,
    make_plan,
    make_plans,
)
from simcse_core.untrained_encoder import UntrainedEncoder


def test_a_plan_is_the_encoders_own_settings() -> None:
    plan = make_plan("hfl/chinese-bert-wwm-ext", "cls")
    assert (plan.pooling, plan.train) == (Pooling.CLS, TrainConfig())


def test_a_plan_takes_what_it_is_given_and_keeps_the_rest() -> None:
    plan = make_plan("hfl/chinese-bert-wwm-ext", "mean", {"batch_size": 64})
    assert plan.pooling is Pooling.MEAN
    assert plan.train == replace(TrainConfig(), batch_size=64)


def test_the_memory_of_a_plan_grows_with_weights_and_batch(bert_dir: Path) -> None:
    small, large = (
        Plan(str(bert_dir), Pooling.CLS, TrainConfig(batch_size=size)) for size in (4, 16)
    )
    # Two layers of 32, 64 tokens, two views of a batch, 68 bytes.
    assert large.memory - small.memory == 2 * 32 * 64 * 2 * 12 * 68
    weights = 4 * small.untrained.model.num_parameters()
    assert small.memory == 7 * weights + 2 * 32 * 64 * 2 * 4 * 68


@pytest.mark.parametrize(
    ("pooling", "training", "said"),
    [
        ("max", {}, "pooling: .*'max'"),
        ("cls", {"batchsize": 4}, "'batchsize'.*batch_size"),
        ("cls", {"batch_size": 0}, "batch_size: must be"),
    ],
)
def test_a_bad_plan_is_refused(pooling: str, training: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_plan("mini-bert", pooling, training)


# --- the best pooling ------------------------------------------------------------------------


def dev_scores(folder: Path, data: StudyData) -> dict[str, float]:
    """Spearman of each pooling on dev, by scipy."""
    found = {}
    for pooling in Pooling:
        encoder = SentenceEncoder.from_pretrained(folder, pooling)
        first, second = (
            encoder.encode(side).astype(np.float64) for side in (data.dev.first, data.dev.second)
        )
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        cosines = np.round(np.sum(first * second, axis=1) / lengths, 6)
        found[pooling.value] = float(spearmanr(cosines, data.dev.scores).statistic)
    return found


def test_the_best_pooling_is_that_of_dev_whatever_test_says(
    bert_dir: Path, study_data: StudyData
) -> None:
    scores = dev_scores(bert_dir, study_data)
    best = max(scores, key=scores.__getitem__)
    assert scores[best] > sorted(scores.values())[-2]  # or this would prove nothing
    found = make_plans(UntrainedEncoder(str(bert_dir)), study_data, ["best"])
    assert [plan.pooling.value for plan in found] == [best]
    turned = replace(
        study_data,
        test=replace(study_data.test, scores=-study_data.test.scores),
        fingerprint="turned",
    )
    assert make_plans(UntrainedEncoder(str(bert_dir)), turned, ["best"]) == found


def test_another_dev_may_have_another_best_pooling(bert_dir: Path, study_data: StudyData) -> None:
    scores = dev_scores(bert_dir, study_data)
    worst = min(scores, key=scores.__getitem__)
    turned = replace(
        study_data,
        dev=replace(study_data.dev, scores=-study_data.dev.scores),
        fingerprint="turned dev",
    )
    assert best_pooling(make_plan(str(bert_dir), "cls"), turned).value == worst


def test_a_notebook_takes_the_best_pooling_that_its_study_found(
    bert_dir: Path, study_data: StudyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "_BEST", {})
    plan = make_plan(str(bert_dir), "cls")
    best = best_pooling(plan, study_data)
    handed_over = found_poolings()
    monkeypatch.setattr(plans, "_BEST", {})
    monkeypatch.setenv(FOUND_VARIABLE, handed_over)
    with monkeypatch.context() as patch:
        patch.setattr(SentenceEncoder, "encode_poolings", lambda *_: pytest.fail("measured again"))
        assert best_pooling(plan, study_data) is best
    turned = replace(
        study_data,
        dev=replace(study_data.dev, scores=-study_data.dev.scores),
        fingerprint="turned for another notebook",
    )
    assert best_pooling(plan, turned) is not best


@pytest.mark.parametrize("said", ["", "no JSON", "[]", '{"KEY": "max"}', '{"KEY": null}'])
def test_a_best_pooling_that_is_none_is_measured(
    bert_dir: Path, study_data: StudyData, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(plans, "_BEST", {})
    plan = make_plan(str(bert_dir), "cls")
    best = best_pooling(plan, study_data)
    (key,) = plans._BEST
    monkeypatch.setattr(plans, "_BEST", {})
    monkeypatch.setenv(FOUND_VARIABLE, said.replace("KEY", key))
    assert best_pooling(plan, study_data) is best


def test_a_best_pooling_that_is_named_too_stands_there_once(
    bert_dir: Path, study_data: StudyData
) -> None:
    scores = dev_scores(bert_dir, study_data)
    best = max(scores, key=scores.__getitem__)
    (plan,) = make_plans(UntrainedEncoder(str(bert_dir)), study_data, [best, "best"])
    assert plan.pooling.value == best
    other = "pooler" if best != "pooler" else "mean"
    found = make_plans(UntrainedEncoder(str(bert_dir)), study_data, [other, "best"])
    assert [plan.pooling.value for plan in found] == [other, best]


def test_an_encoder_without_a_pooler_has_a_best_pooling_of_the_others(
    encoder_dir: Callable[[str], Path], study_data: StudyData
) -> None:
    (plan,) = make_plans(UntrainedEncoder(str(encoder_dir("electra"))), study_data, ["best"])
    assert plan.pooling is not Pooling.POOLER


def test_where_no_pooling_has_a_score_the_best_cannot_be_told(
    bert_dir: Path, study_data: StudyData
) -> None:
    flat = replace(
        study_data,
        dev=replace(study_data.dev, scores=study_data.dev.scores * 0),
        fingerprint="flat",
    )
    with pytest.raises(ValueError, match=r"^pooling: best cannot be told, .* name one of cls, "):
        make_plans(UntrainedEncoder(str(bert_dir)), flat, ["cls", "best"])


def test_the_settings_of_a_plan_are_those_of_its_pooling(study_data: StudyData) -> None:
    for pooling in Pooling:
        plan = make_plan("mini-bert", pooling)
        assert plan.train == encoder_settings("mini-bert", pooling).train


# --- labels ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(bert_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``x/bert`` and ``y/bert`` of other weights, a copy of the first, and one called none."""
    root, found = tmp_path_factory.mktemp("encoders"), {}
    for name, factor in {"x/bert": 1.0, "y/bert": 1.5, "copy/same": 1.0, "none": 2.0}.items():
        found[name] = root / name
        shutil.copytree(bert_dir, found[name])
        encoder = SentenceEncoder.from_pretrained(bert_dir)
        with torch.no_grad():
            encoder.model.embeddings.word_embeddings.weight.mul_(factor)
        encoder.model.save_pretrained(found[name])
    return found


def labels(plans: list[Plan], reserved: tuple[str, ...] = ()) -> list[str]:
    found = distinct(plans, reserved)
    assert [plan.load().name for plan in found] == [plan.stamp["encoder"] for plan in found]
    return [plan.stamp["encoder"] for plan in found]


def plans_of(folders: dict[str, Path], *names: str) -> list[Plan]:
    return [make_plan(str(folders[name]), "cls") for name in names]


def test_a_plan_is_told_in_one_line_without_a_path(folders: dict[str, Path]) -> None:
    plan = make_plan(folders["x/bert"], "mean", {"batch_size": 4, "learning_rate": 1e-3})
    assert plan.describe() == (
        "bert: mean pooling, batch 4, learning rate 0.001, dropout 0.3, temperature 0.05"
    )


def test_a_plan_cuts_where_it_is_told_to(folders: dict[str, Path]) -> None:
    for given, found in {None: 64, 0: 64, 12: 12}.items():
        plan = make_plan(folders["x/bert"], "cls", max_seq_length=given)
        assert (plan.load().max_seq_length, plan.stamp["max_seq_length"]) == (found, found)


def test_encoders_with_one_name_are_told_apart_by_their_fingerprints(
    folders: dict[str, Path],
) -> None:
    plans = plans_of(folders, "x/bert", "y/bert", "none")
    fingerprints = [plan.stamp["fingerprint"][:7] for plan in plans]
    assert labels(plans) == [f"bert#{fingerprints[0]}", f"bert#{fingerprints[1]}", "none"]
    assert labels(plans_of(folders, "x/bert", "none")) == ["bert", "none"]


def test_a_label_that_means_something_else_is_told_apart_too(folders: dict[str, Path]) -> None:
    (only,) = labels(plans_of(folders, "none"), reserved=("none",))
    assert only.startswith("none#")


@pytest.mark.parametrize("names", [("x/bert", "x/bert"), ("x/bert", "y/bert", "copy/same")])
def test_one_encoder_twice_is_refused(folders: dict[str, Path], names: tuple[str, ...]) -> None:
    with pytest.raises(EncoderNameError, match=r"^encoders: .* are the same encoder; name it once"):
        distinct(plans_of(folders, *names))


def test_one_encoder_under_two_poolings_has_one_label(folders: dict[str, Path]) -> None:
    plans = [make_plan(folders["x/bert"], pooling) for pooling in ("cls", "mean")]
    assert labels(plans) == ["bert", "bert"]
    both = labels([*plans, *plans_of(folders, "y/bert")])
    assert both[0] == both[1] != both[2]


def test_a_bundled_encoder_and_a_folder_of_its_name_are_two(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folders["x/bert"], tmp_path / "mini-bert")
    monkeypatch.chdir(tmp_path)
    for name in (
        Path("mini-bert"),
        Path("./mini-bert"),
        "./mini-bert",
        str(tmp_path / "mini-bert"),
    ):
        assert make_plan(name, "cls").load().hidden_size == 32, name  # the bundled one has 256
    with pytest.raises(EncoderNameError, match=r"'mini-bert' is an encoder of this package and a"):
        make_plan("mini-bert", "cls")
    monkeypatch.chdir(tmp_path.parent)
    assert make_plan("mini-bert", "cls").load().hidden_size == 256
    assert (
        len(set(labels([make_plan("mini-bert", "cls"), make_plan(tmp_path / "mini-bert", "cls")])))
        == 2
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a|b", "a-b"),
        ("模" * 80, "模" * 47 + "…"),
        ("$x^2$", "-x^2-"),
        ("a\nb", "a-b"),
        ("[1](x)", "-1-(x)"),
    ],
)
def test_whatever_a_folder_is_called_its_label_can_stand_in_a_table(
    folders: dict[str, Path], tmp_path: Path, name: str, label: str
) -> None:
    shutil.copytree(folders["x/bert"], tmp_path / name)
    plan = make_plan(tmp_path / name, "cls")
    assert plan.stamp["encoder"] == label
    assert plan.describe().startswith(f"{label}: ")


def test_a_loaded_plan_is_a_fresh_copy(
    folders: dict[str, Path], load: Callable[..., SentenceEncoder]
) -> None:
    plan = replace(make_plan(folders["x/bert"], "cls"), label="mine")
    assert plan.load() is not plan.load()
    assert plan.load().name == "mine"
    assert load().name == "tiny-bert"


# --- what an encoder does not know -----------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (["我喝茶"], ""),
        (["我喝咖", "我喝茶"], "; 16.67% of their tokens are unknown"),
        (["咖啡", "我喝"], "; 50.00% of their tokens are unknown"),
    ],
)
def test_the_share_of_unknown_tokens_is_told(
    texts: list[str], share: str, folders: dict[str, Path]
) -> None:
    plan = make_plan(str(folders["x/bert"]), "mean")
    assert plan.describe_cut(texts).partition("dev and test")[2] == share
    plan.check_known(texts)


@pytest.mark.parametrize("texts", [["咖啡店"], ["咖啡店", "我喝"], ["地铁", "coffee", "我"]])
def test_an_encoder_that_knows_less_than_half_of_the_tokens_is_refused(
    texts: list[str], folders: dict[str, Path]
) -> None:
    with pytest.raises(ParameterError, match=r"^encoder: \d+% of the tokens .* are unknown to"):
        make_plan(str(folders["x/bert"]), "mean").check_known(texts)
