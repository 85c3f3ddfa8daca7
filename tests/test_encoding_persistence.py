"""Settings beside the weights: written, read back, and followed by sentence-transformers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file, save_file

from simcse_core import SentenceEncoder
from simcse_core.config import Pooling
from simcse_core.encoder import EncoderError
from simcse_core.encoding.persistence import (
    AVERAGES,
    SavedSettings,
    SettingsError,
    read_settings,
    write_settings,
)
from simcse_core.encoding.projection import Projection

Dirs = Callable[[str], Path]
POOLINGS = tuple(Pooling)
STOCK = "sentence_transformers.sentence_transformer.modules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a model of 3 layers of 8 and 64 positions."""
    shape = {"hidden_size": 8, "num_hidden_layers": 3, "max_position_embeddings": 64}
    change(tmp_path / "config.json", lambda _: shape)
    return tmp_path


def change(path: Path, edit: Callable[[Any], Any]) -> None:
    """Replaces the JSON in a file by what ``edit`` makes of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(path.read_text()) if path.is_file() else None
    path.write_text(json.dumps(edit(old)))


def list_modules(folder: Path, *types: str) -> None:
    rows = [{"type": name, "path": f"{i}" if i else ""} for i, name in enumerate(types)]
    change(folder / "modules.json", lambda _: rows)


# --- written and read ------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_is_written_is_read_back(folder: Path, pooling: Pooling, normalize: bool) -> None:
    settings = SavedSettings(pooling, 48, "query: ", normalize)
    write_settings(folder, settings)
    assert read_settings(folder) == settings


numbers = st.floats(-1e3, 1e3, width=32)
projections = st.builds(
    Projection,
    arrays(np.float32, st.tuples(st.integers(1, 4), st.just(8)), elements=numbers),
    centre=st.none() | arrays(np.float32, 8, elements=numbers),
    of_unit_vectors=st.booleans(),
)


@given(
    pooling=st.sampled_from(POOLINGS),
    length=st.none() | st.integers(3, 10**6),
    prefix=st.text(max_size=12),
    normalize=st.booleans(),
    weights=st.none() | st.dictionaries(st.text(max_size=5), st.floats(0, 1e6), min_size=1),
    projection=st.none() | projections,
)
def test_whatever_is_written_is_read_back(
    pooling: Pooling,
    length: int | None,
    prefix: str,
    normalize: bool,
    weights: dict[str, float] | None,
    projection: Projection | None,
) -> None:
    own_weights = weights if pooling in AVERAGES else None
    written = SavedSettings(pooling, length, prefix, normalize, own_weights, projection)
    with TemporaryDirectory() as name:
        change(Path(name) / "config.json", lambda _: {"hidden_size": 8, "num_hidden_layers": 3})
        write_settings(Path(name), written)
        found = read_settings(Path(name))
    assert found is not None
    assert replace(found, projection=None) == replace(written, projection=None)
    assert (found.projection is None) is (projection is None)
    if projection and found.projection:
        assert found.projection.of_unit_vectors is projection.of_unit_vectors
        pairs = zip(found.projection.parts(), projection.parts(), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


@settings(max_examples=12)
@given(
    pooling=st.sampled_from(POOLINGS),
    length=st.integers(3, 64),
    prefix=st.text(max_size=6),
    normalize=st.booleans(),
    weighed=st.booleans(),
)
def test_whatever_an_encoder_is_set_to_is_loaded_again(
    bert_dir: Path, pooling: Pooling, length: int, prefix: str, normalize: bool, weighed: bool
) -> None:
    encoder = SentenceEncoder.from_pretrained(bert_dir, pooling, length, "cpu", prefix)
    encoder.normalize = normalize
    if weighed and pooling in AVERAGES:
        n_tokens = len(encoder.tokenizer.get_vocab())
        encoder.token_weights = np.linspace(0.1, 2, n_tokens)
    with TemporaryDirectory() as name:
        encoder.save(name)
        loaded = SentenceEncoder.from_pretrained(name, device="cpu")
    told = [(e.pooling, e.max_seq_length, e.prefix, e.normalize) for e in (encoder, loaded)]
    assert told[0] == told[1]
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(SENTENCES), encoder.encode(SENTENCES))


def test_the_last_settings_written_are_those_that_are_read(folder: Path) -> None:
    for pooling in POOLINGS:
        write_settings(folder, SavedSettings(pooling, 32))
        assert read_settings(folder) == SavedSettings(pooling, 32)


def test_a_folder_without_modules_has_no_settings(folder: Path) -> None:
    assert read_settings(folder) is None


@pytest.mark.parametrize(
    ("layers", "weights"), [(1, [2]), (2, [1, 1]), (4, [1, 0, 0, 1]), (12, [1, *[0] * 10, 1])]
)
def test_first_last_mean_weighs_the_first_and_the_last_layer_alone(
    folder: Path, layers: int, weights: list[int]
) -> None:
    change(folder / "config.json", lambda old: old | {"num_hidden_layers": layers})
    write_settings(folder, SavedSettings(Pooling.FIRST_LAST_MEAN))
    written = load_file(folder / "1_WeightedLayerPooling" / "model.safetensors")
    assert written["layer_weights"].tolist() == weights


def test_the_prefix_is_the_default_prompt_of_queries_and_documents_alike(folder: Path) -> None:
    write_settings(folder, SavedSettings(Pooling.MEAN, prefix="query: "))
    written = json.loads((folder / "config_sentence_transformers.json").read_text())
    assert written["prompts"][written["default_prompt_name"]] == "query: "
    assert set(written["prompts"].values()) == {"query: "}


# --- of older releases and other hands -------------------------------------------------------

OLD = "sentence_transformers.models"


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_the_layout_of_older_releases_is_read(folder: Path, mode: str) -> None:
    list_modules(folder, f"{OLD}.Transformer", f"{OLD}.Pooling", f"{OLD}.Normalize")
    suffixes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    modes = {f"pooling_mode_{suffix}": name == mode for name, suffix in suffixes.items()}
    change(folder / "1" / "config.json", lambda _: {"word_embedding_dimension": 8} | modes)
    change(folder / "sentence_bert_config.json", lambda _: {"max_seq_length": 40})
    assert read_settings(folder) == SavedSettings(Pooling(mode), 40, normalize=True)


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [({"model_max_length": 50}, 50), ({"model_max_length": 10**30}, 64), ({}, None)],
    ids=["the tokenizer's", "no more than there are positions", "open"],
)
def test_without_a_length_of_its_own_the_tokenizers_counts(
    folder: Path, tokenizer: dict[str, int], expected: int | None
) -> None:
    write_settings(folder, SavedSettings(Pooling.CLS))
    change(folder / "tokenizer_config.json", lambda _: tokenizer)
    assert read_settings(folder) == SavedSettings(Pooling.CLS, expected)


def test_prompts_without_a_default_are_no_prefix(folder: Path) -> None:
    write_settings(folder, SavedSettings(Pooling.CLS, 32, "query: "))
    prompts = folder / "config_sentence_transformers.json"
    change(prompts, lambda old: old | {"default_prompt_name": None})
    assert read_settings(folder) == SavedSettings(Pooling.CLS, 32)


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [f"{OLD}.LSTM", f"{STOCK}.layer_norm.LayerNorm", "mine.Pooling", "mine.Dense"]
)
def test_a_module_that_is_not_known_is_refused_by_name(folder: Path, name: str) -> None:
    list_modules(folder, f"{OLD}.Transformer", f"{OLD}.Pooling", name)
    with pytest.raises(SettingsError, match=rf"modules\.json: module {name} is not supported yet"):
        read_settings(folder)


@pytest.mark.parametrize(
    "kinds",
    [(), ("Pooling",), ("Transformer", "Normalize", "Pooling"), ("Transformer", *["Pooling"] * 2)],
)
def test_modules_in_another_order_are_refused(folder: Path, kinds: tuple[str, ...]) -> None:
    list_modules(folder, *(f"{OLD}.{kind}" for kind in kinds))
    with pytest.raises(SettingsError, match=r"modules\.json: the modules .* not supported"):
        read_settings(folder)


POOLING_FILE = "1_Pooling/config.json"
TRANSFORMER_FILE = "sentence_bert_config.json"
PROMPTS_FILE = "config_sentence_transformers.json"


@pytest.mark.parametrize(
    ("file", "part", "complaint"),
    [
        (POOLING_FILE, {"pooling_mode": "max"}, r"pooling mode \['max'\] is not supported"),
        (POOLING_FILE, {"pooling_mode": ["cls", "mean"]}, r"pooling mode \['cls', 'mean'\]"),
        (POOLING_FILE, {"pooling_mode": 3}, "pooling mode 3 is not supported"),
        (
            POOLING_FILE,
            {"pooling_mode": None, "pooling_mode_lasttoken": True},
            r"pooling mode \['pooling_mode_lasttoken'\]",
        ),
        (POOLING_FILE, {"include_prompt": False}, "without the prompt"),
        (TRANSFORMER_FILE, {"do_lower_case": True}, "do_lower_case"),
        (TRANSFORMER_FILE, {"processor_kwargs": [1]}, "processor_kwargs must be a JSON object"),
        (
            TRANSFORMER_FILE,
            {"processor_kwargs": {"model_max_length": "64"}},
            "model_max_length must be a positive integer, got '64'",
        ),
        (TRANSFORMER_FILE, {"processor_kwargs": {"model_max_length": True}}, "got True"),
        (PROMPTS_FILE, {"default_prompt_name": "missing"}, "'missing' is not among the prompts"),
    ],
)
def test_a_setting_that_is_not_followed_here_is_refused(
    folder: Path, file: str, part: dict[str, Any], complaint: str
) -> None:
    write_settings(folder, SavedSettings(Pooling.MEAN, 32, "query: "))
    change(folder / file, lambda old: old | part)
    with pytest.raises(SettingsError, match=f"{file}: .*{complaint}"):
        read_settings(folder)


def test_no_pooling_module_is_only_for_the_pooler(folder: Path) -> None:
    write_settings(folder, SavedSettings(Pooling.POOLER))
    (folder / TRANSFORMER_FILE).unlink()
    with pytest.raises(SettingsError, match=f"{TRANSFORMER_FILE}: .*must be pooler_output"):
        read_settings(folder)


@pytest.mark.parametrize("weights", [[1, 1, 1], [0, 0, 1], [1, 1], [2, 0, 2], []])
def test_another_average_over_layers_is_refused(folder: Path, weights: list[int]) -> None:
    write_settings(folder, SavedSettings(Pooling.FIRST_LAST_MEAN))
    file = folder / "1_WeightedLayerPooling" / "model.safetensors"
    save_file({"layer_weights": np.array(weights, dtype=np.float32)}, file)
    with pytest.raises(SettingsError, match="the averages over layers"):
        read_settings(folder)


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize(
    "file", ["modules.json", PROMPTS_FILE, TRANSFORMER_FILE, "2_Pooling/config.json"]
)
def test_a_spoilt_file_is_named(folder: Path, file: str, spoilt: bytes) -> None:
    write_settings(folder, SavedSettings(Pooling.FIRST_LAST_MEAN, 32))
    (folder / file).write_bytes(spoilt)
    with pytest.raises(SettingsError, match=file):
        read_settings(folder)


@pytest.mark.parametrize("spoilt", [b"", b"pickled, not safe", None])
def test_spoilt_or_missing_layer_weights_are_named(folder: Path, spoilt: bytes | None) -> None:
    write_settings(folder, SavedSettings(Pooling.FIRST_LAST_MEAN, 32))
    file = folder / "1_WeightedLayerPooling" / "model.safetensors"
    file.unlink() if spoilt is None else file.write_bytes(spoilt)
    with pytest.raises(SettingsError, match=r"model\.safetensors: layer_weights cannot be read"):
        read_settings(folder)


DENSE_FILE = "2_Dense/config.json"


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (
            {"activation_function": "torch.nn.modules.activation.Tanh"},
            "activation_function '.*Tanh",
        ),
        ({"activation_function": None}, "activation_function None"),
        ({"use_residual": True}, "use_residual True"),
        ({"module_input_name": "token_embeddings"}, "module_input_name 'token_embeddings'"),
    ],
)
def test_a_dense_that_is_not_plain_is_refused(
    folder: Path, part: dict[str, Any], complaint: str
) -> None:
    write_settings(folder, SavedSettings(Pooling.MEAN, projection=Projection(np.eye(8))))
    change(folder / DENSE_FILE, lambda old: old | part)
    with pytest.raises(SettingsError, match=f"{DENSE_FILE}: {complaint}.* is not supported"):
        read_settings(folder)


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ({}, "linear.weight and .bias cannot be read"),
        ({"linear.weight": np.eye(8)}, "linear.weight and .bias cannot be read"),
        ({"linear.weight": np.eye(8), "linear.bias": np.ones(3)}, "a bias of shape"),
        ({"linear.weight": np.eye(8) * np.nan, "linear.bias": np.ones(8)}, "not finite"),
        ({"linear.weight": np.ones(8), "linear.bias": np.ones(8)}, "cannot be read .*shape"),
        ({"linear.weight": np.eye(8, dtype=np.uint8), "linear.bias": np.ones(8)}, "uint8"),
        ({"linear.weight": np.eye(8), "linear.bias": np.ones(8, bool)}, "bias bool"),
    ],
)
def test_a_dense_without_sound_weights_is_refused(
    folder: Path, weights: dict[str, np.ndarray], complaint: str
) -> None:
    write_settings(folder, SavedSettings(Pooling.MEAN, projection=Projection(np.eye(8))))
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    with pytest.raises(SettingsError, match=rf"2_Dense/model\.safetensors: .*{complaint}"):
        read_settings(folder)


def test_of_two_dense_only_a_centre_and_a_turn_are_read(folder: Path) -> None:
    projection = Projection(2 * np.eye(8)[:3], np.ones(3), np.arange(8))
    write_settings(folder, SavedSettings(Pooling.MEAN, projection=projection))
    read = read_settings(folder)
    assert read is not None
    assert read.projection is not None
    assert read.projection.fingerprint == projection.fingerprint
    file = folder / "2_Dense" / "model.safetensors"
    save_file(load_file(file) | {"linear.weight": 2 * np.eye(8, dtype=np.float32)}, file)
    with pytest.raises(SettingsError, match="of two Dense modules, only a first one"):
        read_settings(folder)


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"vocab": "茶书"}, "vocab must be a list of different tokens"),
        ({"vocab": ["茶", "茶"]}, "vocab must be a list of different tokens"),
        ({"word_weights": {"茶": "much"}}, "'茶' must weigh a number from 0 up, got 'much'"),
        ({"word_weights": {"茶": -1}}, "'茶' must weigh a number from 0 up, got -1"),
        ({"word_weights": {"茶": 10**400}}, "'茶' must weigh a number from 0 up, got 10"),
        ({"vocab": []}, "vocab must be a list of different tokens"),
        ({"vocab": [["茶"], "书"]}, "vocab must be a list of different tokens"),
        ({"vocab": [{}]}, "vocab must be a list of different tokens"),
        ({"word_weights": []}, None),
    ],
)
def test_weights_of_tokens_are_checked(
    folder: Path, part: dict[str, Any], complaint: str | None
) -> None:
    write_settings(folder, SavedSettings(Pooling.MEAN, token_weights={"茶": 2.0, "书": 0.5}))
    read = read_settings(folder)
    assert read is not None
    assert read.token_weights == {"茶": 2.0, "书": 0.5}
    change(folder / "1_WordWeights/config.json", lambda old: old | part)
    if complaint is None:  # every token weighs what an unknown one does
        read = read_settings(folder)
        assert read is not None
        assert read.token_weights == {"茶": 1.0, "书": 1.0}
        return
    with pytest.raises(SettingsError, match=rf"1_WordWeights/config\.json: {complaint}"):
        read_settings(folder)


# --- an encoder saved and loaded -------------------------------------------------------------


def spread_out(folder: Path, pooling: str, **settings: Any) -> SentenceEncoder:
    """The tiny encoder with word embeddings so large that its sentences lie well apart."""
    loaded = SentenceEncoder.from_pretrained(folder, pooling, 12, "cpu")
    torch.manual_seed(1)
    torch.nn.init.normal_(loaded.model.embeddings.word_embeddings.weight)
    return SentenceEncoder(loaded.model, loaded.tokenizer, pooling, 12, **settings)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_saved_encoder_is_loaded_with_its_settings(
    bert_dir: Path, tmp_path: Path, pooling: str
) -> None:
    encoder = spread_out(bert_dir, pooling, prefix="茶", normalize=True)
    encoder.save(tmp_path / "it")
    loaded = SentenceEncoder.from_pretrained(tmp_path / "it", device="cpu")
    assert (loaded.pooling, loaded.max_seq_length, loaded.prefix, loaded.normalize) == (
        pooling,
        12,
        "茶",
        True,
    )
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_allclose(
        loaded.encode(SENTENCES[:9]), encoder.encode(SENTENCES[:9]), rtol=0, atol=1e-6
    )


def test_what_is_asked_for_wins_over_what_the_folder_says(bert_dir: Path, tmp_path: Path) -> None:
    spread_out(bert_dir, "mean", prefix="茶").save(tmp_path / "it")
    loaded = SentenceEncoder.from_pretrained(tmp_path / "it", "cls", 20, "cpu", prefix="")
    assert (loaded.pooling, loaded.max_seq_length, loaded.prefix) == (Pooling.CLS, 20, "")


def test_a_folder_without_settings_is_loaded_with_the_reports(bert_dir: Path) -> None:
    loaded = SentenceEncoder.from_pretrained(bert_dir, device="cpu")
    assert (loaded.pooling, loaded.max_seq_length, loaded.prefix, loaded.normalize) == (
        Pooling.CLS,
        64,
        "",
        False,
    )


@pytest.mark.parametrize(
    ("pooling", "has_settings", "told"),
    [(None, False, True), ("mean", False, False), (None, True, False)],
)
def test_what_is_assumed_of_a_folder_without_settings_is_told_once(
    bert_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    pooling: str | None,
    has_settings: bool,
    told: bool,
) -> None:
    folder = Path(shutil.copytree(bert_dir, tmp_path / f"old-{pooling}-{has_settings}"))
    if has_settings:
        write_settings(folder, SavedSettings(Pooling.MEAN))
    for _ in range(2):
        SentenceEncoder.from_pretrained(folder, pooling, device="cpu")
    said = [message for message in caplog.messages if "no settings beside its weights" in message]
    assert len(said) == told
    assert not told or "assumed are pooling cls, max_seq_length 64, no prefix" in said[0]


def test_a_prefix_is_as_if_it_stood_in_the_text(bert_dir: Path) -> None:
    plain, prefixed = spread_out(bert_dir, "mean"), spread_out(bert_dir, "mean", prefix="茶")
    by_hand = ["茶" + sentence for sentence in SENTENCES[:4]]
    assert np.array_equal(prefixed.encode(SENTENCES[:4]), plain.encode(by_hand))
    assert prefixed.fingerprint != plain.fingerprint
    # [CLS], the prefix, 9 characters and [SEP] fit in 12; a tenth does not.
    assert prefixed.n_truncated(["书" * 9, "书" * 10]) == 1


@pytest.mark.parametrize("pooling", POOLINGS)
def test_normalised_vectors_have_length_one_and_the_same_direction(
    bert_dir: Path, pooling: str
) -> None:
    plain = spread_out(bert_dir, pooling).encode(SENTENCES[:6])
    unit = spread_out(bert_dir, pooling, normalize=True).encode(SENTENCES[:6])
    expected = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to nothing"])
def test_an_encoder_is_not_saved_onto_a_file(bert_dir: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "it"
    if kind != "file":
        target.symlink_to(tmp_path / "elsewhere")
    if kind != "link to nothing":
        target.write_text("of somebody else")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(EncoderError, match=r"save: .*it is not a folder"):
        spread_out(bert_dir, "mean").save(target)
    assert sorted(tmp_path.iterdir()) == before
    assert kind == "link to nothing" or target.read_text() == "of somebody else"


# --- sentence-transformers -------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "茶"])
@pytest.mark.parametrize(
    ("architecture", "pooling"),
    [*(("bert", pooling) for pooling in POOLINGS), ("xlm-roberta", "mean"), ("electra", "cls")],
)
def test_sentence_transformers_gives_the_same_vectors(
    encoder_dir: Dirs, tmp_path: Path, architecture: str, pooling: str, prefix: str
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    normalize = bool(prefix)
    encoder = spread_out(encoder_dir(architecture), pooling, prefix=prefix, normalize=normalize)
    encoder.save(tmp_path / "it")
    model = library.SentenceTransformer(str(tmp_path / "it"), device="cpu")
    assert model.max_seq_length == 12
    vectors = encoder.encode(SENTENCES)  # some are cut
    for encode in (model.encode, model.encode_query, model.encode_document):
        np.testing.assert_allclose(
            encode(list(SENTENCES), show_progress_bar=False), vectors, rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_what_sentence_transformers_saved_is_loaded_with_the_same_vectors(
    bert_dir: Path, tmp_path: Path, pooling: str
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    spread_out(bert_dir, pooling, prefix="茶", normalize=True).save(tmp_path / "ours")
    model = library.SentenceTransformer(str(tmp_path / "ours"), device="cpu")
    model.max_seq_length = 9
    model.save(str(tmp_path / "theirs"))
    loaded = SentenceEncoder.from_pretrained(tmp_path / "theirs", device="cpu")
    assert loaded.max_seq_length == 9
    np.testing.assert_allclose(
        loaded.encode(SENTENCES),
        model.encode(list(SENTENCES), show_progress_bar=False),
        rtol=0,
        atol=1e-5,
    )


@pytest.mark.parametrize("bias", [True, False])
def test_a_plain_dense_of_sentence_transformers_is_loaded_with_the_same_vectors(
    bert_dir: Path, tmp_path: Path, bias: bool
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    modules = pytest.importorskip("sentence_transformers.base.modules.dense")
    spread_out(bert_dir, "mean").save(tmp_path / "ours")
    model = library.SentenceTransformer(str(tmp_path / "ours"), device="cpu")
    model.append(modules.Dense(32, 7, bias=bias, activation_function=torch.nn.Identity()))
    model.save(str(tmp_path / "theirs"))
    loaded = SentenceEncoder.from_pretrained(tmp_path / "theirs", device="cpu")
    found = model.encode(list(SENTENCES), show_progress_bar=False)
    np.testing.assert_allclose(loaded.encode(SENTENCES), found, rtol=0, atol=1e-5)
    assert loaded.hidden_size == 7
