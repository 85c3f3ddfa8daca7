from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import pytest

from simcse_core import Pooling, TrainConfig
from simcse_core.config import (
    ASSETS,
    BUNDLED_ENCODERS,
    REPORT_UNTRAINED,
    HubData,
    check_language,
    encoder_settings,
    own_pooling,
)


def test_defaults_are_the_settings_of_the_report() -> None:
    config = TrainConfig()
    assert (config.batch_size, config.learning_rate) == (16, 1e-5)
    assert (config.dropout, config.temperature) == (0.3, 0.05)
    assert (config.num_epochs, config.schedule, config.seed) == (1, "constant", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", "16"),
        ("batch_size", True),
        ("num_epochs", 0),
        ("seed", -1),
        ("seed", 0.5),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", None),
        ("temperature", 0),
        ("temperature", -0.05),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("weight_decay", -0.01),
        ("schedule", "cosine"),
        ("precision", "bf16"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: ") as caught:
        TrainConfig(**{name: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", ["batch_size", "num_epochs", "seed"])
def test_a_float_is_no_integer_even_where_it_is_whole(name: str) -> None:
    # range() and torch take no 16.0, so letting it in only moves the crash into the training.
    with pytest.raises(ValueError, match=rf"^{name}: "):
        TrainConfig(**{name: 16.0})


@pytest.mark.parametrize(
    "settings",
    [{"dropout": 0}, {"weight_decay": 0}, {"learning_rate": 1}, {"schedule": "linear"}],
)
def test_ends_of_a_range_are_allowed(settings: dict[str, object]) -> None:
    assert asdict(TrainConfig(**settings)).items() >= settings.items()


def test_a_config_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        TrainConfig().seed = 1  # type: ignore[misc]


def test_from_mapping_sets_what_it_names_and_keeps_the_rest() -> None:
    assert TrainConfig.from_mapping({"seed": 7}) == TrainConfig(seed=7)


def test_a_misspelt_setting_is_refused_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"learning_rte.*batch_size, learning_rate"):
        TrainConfig.from_mapping({"learning_rte": 1e-5})


def test_pooling_has_the_four_names_of_the_field() -> None:
    assert [p.value for p in Pooling] == ["cls", "pooler", "mean", "first-last-mean"]


def test_an_unknown_pooling_is_refused_with_the_four_names() -> None:
    with pytest.raises(ValueError, match=r"'max'.*cls, pooler, mean, first-last-mean"):
        Pooling("max")


@pytest.mark.parametrize("name", ["bert-base-chinese", "hfl/chinese-bert-wwm-ext", "some/folder"])
def test_an_encoder_that_is_not_bundled_gets_the_reports_settings(name: str) -> None:
    for pooling in Pooling:
        settings = encoder_settings(name, pooling)
        report = (16, 1e-5, 0.3, 0.05, "constant", 1)
        t = settings.train
        found = (t.batch_size, t.learning_rate, t.dropout, t.temperature, t.schedule, t.num_epochs)
        assert found == report, settings.reason
    assert own_pooling(name) is Pooling.CLS


@pytest.mark.parametrize("name", ["mini-bert", "mini-bert-wwm", "mini-bert-wwm-ext"])
def test_a_bundled_encoder_has_its_own_settings_with_a_reason(name: str) -> None:
    assert own_pooling(name) is BUNDLED_ENCODERS[name]
    for pooling in Pooling:
        settings = encoder_settings(name, pooling)
        assert settings is encoder_settings("mini-bert", pooling)  # alike but for pretraining
        assert settings.train != TrainConfig()
        assert settings.reason


def test_a_ready_made_encoder_is_trained_gently_under_every_pooling() -> None:
    for pooling in Pooling:
        t = encoder_settings("e5-small-zh", pooling).train
        found = (t.batch_size, t.learning_rate, t.dropout, t.temperature)
        assert found == (64, 3e-5, 0.3, 0.05)


@pytest.mark.parametrize("name", ["mini-bert", "mini-bert-wwm", "mini-bert-wwm-ext"])
def test_a_bundled_encoder_is_bundled(name: str) -> None:
    assert {"config.json", "model.safetensors", "tokenizer_config.json"} <= {
        path.name for path in (ASSETS / name).iterdir()
    }


def test_hub_ids_from_a_notebook_become_hashable() -> None:
    assert hash(HubData.from_mapping({"sentences": ["a/b"]})) == hash(HubData(sentences=("a/b",)))


def test_a_misspelt_hub_key_is_refused_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"'stss'.*sts, sts_revision"):
        HubData.from_mapping({"stss": "C-MTEB/STSB"})


@pytest.mark.parametrize(
    ("split", "encoder", "spearman"),
    [
        ("dev", "BERT-BASE", 0.4228),
        ("dev", "BERT-wwm", 0.4465),
        ("dev", "BERT-wwm-ext", 0.3251),
        ("test", "BERT-BASE", 0.3395),
        ("test", "BERT-wwm", 0.3408),
        ("test", "BERT-wwm-ext", 0.3172),
    ],
)
def test_the_reports_table_is_copied_right(split: str, encoder: str, spearman: float) -> None:
    assert REPORT_UNTRAINED[split][encoder] == spearman


@pytest.mark.parametrize("language", ["en", "zh"])
def test_charts_speak_english_and_chinese(language: str) -> None:
    check_language(language)


def test_another_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"language.*'de'.*en, zh"):
        check_language("de")
