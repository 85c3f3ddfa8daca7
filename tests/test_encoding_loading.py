"""Folders that are no encoder, or not the one they look like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import CHARACTERS, SENTENCES
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertModel,
    DebertaV2Config,
    DebertaV2Model,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from simcse_core import SentenceEncoder
from simcse_core.encoder import EncoderError
from simcse_core.encoding import loading
from simcse_core.hub import HubError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
WEIGHTS = "model.safetensors"
QUERY = "encoder.layer.0.attention.self.query.weight"


@pytest.fixture
def folder(bert_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert_dir, tmp_path / "mine"))


def load(folder: Path) -> SentenceEncoder:
    return SentenceEncoder.from_pretrained(folder, "mean", 32, "cpu")


@pytest.mark.parametrize("name", ["~nobody-of-that-name/bert", "x" * 300, "a/" * 3000 + "a"])
def test_a_name_that_can_be_no_folder_is_one_for_the_hub(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def asked(given: str) -> None:
        raise HubError(f"encoder: {given!r} is not there")

    monkeypatch.setattr(loading, "fetch_encoder", asked)
    with pytest.raises(HubError, match=r"encoder: '.*' is not there"):
        loading.locate_encoder(name)


def _config(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(content | changes), encoding="utf-8")


def _weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def _gb18030(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_bytes("\n".join(WORDS).encode("gb18030"))


def _tokenizer(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(content["model"])
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # takes the pipeline as it stands there
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _an_infinity(weights: dict[str, torch.Tensor]) -> None:
    weights[QUERY][0, 0] = torch.inf


def _integers(weights: dict[str, torch.Tensor]) -> None:
    weights[QUERY] = (weights[QUERY] * 1000).to(torch.int8)


def _narrower(weights: dict[str, torch.Tensor]) -> None:
    weights[QUERY] = weights[QUERY][:16].clone()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "config null": (lambda f: (f / "config.json").write_text("null"), "cannot be loaded"),
    "config a list": (lambda f: (f / "config.json").write_text("[1]"), "cannot be loaded"),
    "config cut off": (lambda f: (f / "config.json").write_text('{"model'), "cannot be loaded"),
    "heads that do not fit": (lambda f: _config(f, num_attention_heads=5), "cannot be loaded"),
    "an unknown activation": (lambda f: _config(f, hidden_act="gulu"), "cannot be loaded"),
    "sizes that do not fit": (lambda f: _config(f, hidden_size=64), "cannot be loaded"),
    "weights that do not fit": (lambda f: _weights(f, _narrower), "cannot be loaded"),
    "quantised": (
        lambda f: _config(f, quantization_config={"quant_method": "gptq", "bits": 4}),
        "its weights are quantised",
    ),
    "integers for weights": (lambda f: _weights(f, _integers), "query.weight as I8"),
    "more layers than the config": (
        lambda f: _config(f, num_hidden_layers=1),
        r"hold encoder\.layer\.1\.\S+, which the model of config.json has not",
    ),
    "a weight that is infinite": (lambda f: _weights(f, _an_infinity), "no finite numbers .*query"),
    "a vocabulary in GB18030": (_gb18030, "cannot be loaded"),
    "tokenizer.json null": (lambda f: (f / "tokenizer.json").write_text("null"), "mine "),
    "tokens of one id": (
        lambda f: _tokenizer(f, lambda model: model["vocab"].update(dict.fromkeys(CHARACTERS, 9))),
        f"{len(WORDS)} tokens with 6 ids between them",
    ),
    "a vocabulary without its special tokens": (
        lambda f: ((f / "tokenizer.json").unlink(), (f / "vocab.txt").write_text("我\n你\n")),
        "cannot be loaded",
    ),
    "no vocabulary": (lambda f: (f / "tokenizer.json").unlink(), "knows no words"),
    "an adapter": (
        lambda f: (f / "adapter_config.json").write_text("{}"),
        r"an adapter \(adapter_config.json\) beside its weights",
    ),
    "more tokens than vectors": (
        lambda f: (_config(f, vocab_size=20), _weights(f, _fewer_words)),
        f"a vocabulary of {len(WORDS)} tokens and vectors for 20",
    ),
}


def _fewer_words(weights: dict[str, torch.Tensor]) -> None:
    key = "embeddings.word_embeddings.weight"
    weights[key] = weights[key][:20].clone()


@pytest.mark.parametrize("fault", BROKEN)
def test_a_folder_that_is_no_encoder_is_refused_in_one_line_with_its_name_and_cause(
    fault: str, folder: Path
) -> None:
    spoil, said = BROKEN[fault]
    spoil(folder)
    with pytest.raises(EncoderError, match=said) as caught:
        load(folder)
    assert "mine" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value._render_traceback_() == [f"EncoderError: {caught.value}"]


def test_buffers_of_older_releases_are_no_weights(folder: Path) -> None:
    _weights(folder, lambda w: w.update({"embeddings.position_ids": torch.arange(64)[None]}))
    np.testing.assert_array_equal(
        load(folder).encode(SENTENCES[:3]), load(folder).encode(SENTENCES[:3])
    )


def test_a_bundled_encoder_without_its_vocabulary_is_not_loaded(tmp_path: Path) -> None:
    from simcse_core.config import ASSETS

    mine = shutil.copytree(
        ASSETS / "mini-bert", tmp_path / "mine", ignore=shutil.ignore_patterns("tokenizer.json")
    )
    with pytest.raises(EncoderError, match=r"mine .*knows no words"):
        SentenceEncoder.from_pretrained(mine)


# --- a vocab.txt that the tokenizer's class does not read ------------------------------------

SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
WITHOUT_WORDPIECE: dict[str, PreTrainedModel] = {
    "albert": AlbertModel(AlbertConfig(**SIZES, embedding_size=16)),
    "deberta-v2": DebertaV2Model(DebertaV2Config(**SIZES)),
    "roberta": RobertaModel(RobertaConfig(**SIZES)),
}


@pytest.mark.parametrize("family", WITHOUT_WORDPIECE)
def test_a_vocabulary_that_the_tokenizer_does_not_read_is_told_with_the_class_to_set(
    family: str, tmp_path: Path
) -> None:
    WITHOUT_WORDPIECE[family].save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    with pytest.raises(EncoderError, match=r'vocab.txt .*set "tokenizer_class": "BertTokenizer"'):
        load(tmp_path)
    settings = json.dumps({"tokenizer_class": "BertTokenizer"})
    (tmp_path / "tokenizer_config.json").write_text(settings)
    encoder = load(tmp_path)
    characters = [WORDS.index(character) for character in "我今天喝茶"]
    assert encoder.tokenize(["我今天喝茶"]) == [[2, *characters, 3]]


def test_a_tokenizer_of_another_model_is_refused_where_it_goes_too_far(
    folder: Path, tmp_path: Path
) -> None:
    encoder = load(folder)
    encoder.tokenizer.add_tokens(["地铁"])
    encoder.encode(["我喝茶"])
    with pytest.raises(EncoderError, match=rf"token {len(WORDS)} .* vectors for {len(WORDS)} "):
        encoder.encode(["我坐地铁"])


def test_a_sentence_without_any_token_is_named(folder: Path) -> None:
    encoder = load(folder)
    encoder.tokenizer = lambda texts, **_: {"input_ids": [[9] * len(text) for text in texts]}
    with pytest.raises(EncoderError, match="no token for ''"):
        encoder.encode(["我喝茶", ""])


def test_a_device_that_there_is_not_is_refused(folder: Path) -> None:
    for device in ("gpu", "cuda:x", 1.5):
        with pytest.raises(EncoderError, match="device: 'cpu' or 'cuda' is needed"):
            SentenceEncoder.from_pretrained(folder, device=device)


def test_the_share_of_unknown_tokens_is_of_what_is_no_special_one(folder: Path) -> None:
    encoder = load(folder)
    assert encoder.unknown_share(["我喝茶"]) == 0.0
    assert encoder.unknown_share(["我喝咖啡"]) == 0.5
    assert encoder.unknown_share(["我喝咖啡", "地铁"]) == pytest.approx(4 / 6)
    assert encoder.unknown_share([]) == 0.0


def test_another_unknown_token_than_the_settings_name_is_unknown_too(folder: Path) -> None:
    _tokenizer(folder, lambda model: model.update(unk_token="[MASK]"))
    encoder = load(folder)
    assert encoder.tokenizer.unk_token == "[UNK]"
    assert encoder.tokenize(["我喝咖啡"])[0][3:5] == [WORDS.index("[MASK]")] * 2
    assert encoder.unknown_share(["我喝咖啡"]) == 0.5
    assert encoder.unknown_share(["我喝茶"]) == 0.0
