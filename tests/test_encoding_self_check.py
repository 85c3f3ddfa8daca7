"""Families of encoders, tiny and random: what is let in, and what is refused for what reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from conftest import CHARACTERS, SENTENCES
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import (
    BertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
)

from simcse_core import SentenceEncoder, train_simcse
from simcse_core import encoder as encoder_module
from simcse_core.encoder import EncoderError
from simcse_core.encoding import self_check

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
ROBERTA = SIZES | {"pad_token_id": 0, "type_vocab_size": 1}
XLM = {"vocab_size": len(WORDS), "emb_dim": 32, "n_layers": 2, "n_heads": 2, "pad_index": 0}


def save(folder: Path, family: str, **config: Any) -> Path:
    """A random model of a family with the tokenizer of the tiny BERT."""
    torch.manual_seed(0)
    settings = getattr(transformers, f"{family}Config")(**config)
    model: PreTrainedModel = getattr(transformers, f"{family}Model")(settings)
    model.save_pretrained(folder)
    by_class = BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)})
    if family == "Qwen2":  # which reads no vocabulary but one of bytes
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        Qwen2Tokenizer(
            vocab={letter: i for i, letter in enumerate(letters)}, merges=[]
        ).save_pretrained(folder)
        return folder
    # Of no family, so that none of its own is made up in its place.
    plain = PreTrainedTokenizerFast(
        tokenizer_object=by_class.backend_tokenizer,
        **{name: str(token) for name, token in by_class.special_tokens_map.items()},
    )
    plain.save_pretrained(folder)
    return folder


TINY = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}

ENCODE_ALONE = {
    "Qwen2": (SIZES | {"vocab_size": 300, "num_key_value_heads": 2}, "dropout of 0 in its layers"),
    "Longformer": (SIZES | {"attention_window": 8}, "dropout of 0.1 in its layers"),
    "XLM": (XLM | {"max_position_embeddings": 64}, "dropout of 0.1 in its layers"),
    "ModernBert": (SIZES, "dropout of 0 in its layers"),
}


@pytest.mark.parametrize("family", ENCODE_ALONE)
def test_a_family_whose_dropout_is_out_of_reach_encodes_and_is_not_trained(
    family: str, tmp_path: Path
) -> None:
    config, said = ENCODE_ALONE[family]
    folder = save(tmp_path / f"tiny-{family}", family, **config)
    for _ in range(2):  # tried, and known
        encoder = SentenceEncoder.from_pretrained(folder, "mean", 32, "cpu")
        texts = SENTENCES[:6]
        found, expected = encoder.encode(texts), by_hand(folder, texts, truncation=True)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        with pytest.raises(EncoderError, match=rf"tiny-{family} can encode and not .*{said}") as no:
            train_simcse(encoder, SENTENCES)
        assert "\n" not in str(no.value)
    encoder.save(tmp_path / "again")
    again = SentenceEncoder.from_pretrained(tmp_path / "again", device="cpu")
    np.testing.assert_array_equal(again.encode(texts), found)


REFUSED = {
    "FNet": (SIZES, "another vector in a batch than alone"),
    "ConvBert": (SIZES | {"embedding_size": 32}, "another vector in a batch than alone"),
    "Canine": (SIZES | {"num_hash_buckets": 64}, "a batch of several lengths fails"),
    "T5": (
        {"vocab_size": len(WORDS), "d_model": 32, "d_ff": 32, "num_layers": 1},
        "encoder with a decoder",
    ),
    "CLIP": ({"text_config": TINY, "vision_config": TINY}, "no text encoder"),
}


@pytest.mark.parametrize("family", REFUSED)
def test_a_family_that_would_give_wrong_numbers_is_refused_by_name_and_reason(
    family: str, tmp_path: Path
) -> None:
    config, said = REFUSED[family]
    folder = save(tmp_path / f"tiny-{family}", family, **config)
    with pytest.raises(EncoderError, match=rf"tiny-{family} .*{said}") as caught:
        SentenceEncoder.from_pretrained(folder, "mean", 32, "cpu")
    assert "\n" not in str(caught.value)


def by_hand(folder: Path, texts: tuple[str, ...], **cut: Any) -> np.ndarray:
    """The mean of the last layer, a sentence at a time, by transformers alone."""
    cut = cut and {**cut, "max_length": 32}
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(text, return_tensors="pt", **cut)["input_ids"] for text in texts]
    with torch.no_grad():
        return np.stack([model(input_ids=r).last_hidden_state[0].mean(0).numpy() for r in rows])


LET_IN = {
    "MPNet": (ROBERTA, 62),
    "Camembert": (ROBERTA, 63),
    "RobertaPreLayerNorm": (ROBERTA, 63),
    "XLMRobertaXL": (ROBERTA, 63),
    "Albert": (SIZES | {"embedding_size": 16}, 64),
    "DistilBert": ({"vocab_size": len(WORDS), "dim": 32, "hidden_dim": 64, "n_layers": 2}, 512),
    "DebertaV2": (SIZES, 64),
}


@pytest.mark.parametrize("family", LET_IN)
def test_a_family_that_is_let_in_has_right_vectors_up_to_its_last_position(
    family: str, tmp_path: Path
) -> None:
    config, positions = LET_IN[family]
    if family == "DistilBert":
        config = config | {"n_heads": 2}
    folder = save(tmp_path / f"tiny-{family}", family, **config)
    full = SentenceEncoder.from_pretrained(folder, "mean", positions, "cpu")
    texts = (*SENTENCES[:6], "茶" * (positions - 2))
    np.testing.assert_allclose(full.encode(texts), by_hand(folder, texts), rtol=0, atol=1e-5)
    with pytest.raises(EncoderError, match=f"max_seq_length: .* the {positions} positions"):
        full.max_seq_length = positions + 1
    for pooling in ("mean", "first-last-mean"):
        full.pooling = pooling
        full.save(tmp_path / pooling)
        saved = SentenceEncoder.from_pretrained(tmp_path / pooling, device="cpu")
        np.testing.assert_array_equal(saved.encode(texts), full.encode(texts))


def test_a_causal_model_is_refused_under_cls_and_let_in_under_mean(tmp_path: Path) -> None:
    folder = save(tmp_path / "tiny-causal", "Bert", **SIZES, is_decoder=True)
    with pytest.raises(EncoderError, match="does not depend on the last word"):
        SentenceEncoder.from_pretrained(folder, "cls", 32, "cpu")
    causal = SentenceEncoder.from_pretrained(folder, "mean", 32, "cpu")
    np.testing.assert_allclose(
        causal.encode(SENTENCES[:3]), by_hand(folder, SENTENCES[:3]), rtol=0, atol=1e-5
    )


class Spoilt(torch.nn.Module):
    """A layer's output with something done to it."""

    def __init__(self, layer: torch.nn.Module, spoil: Callable[[Tensor, bool], Tensor]) -> None:
        super().__init__()
        self.layer, self.spoil = layer, spoil

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.spoil(self.layer(*args, **kwargs), self.training)


def _noise(states: Tensor, training: bool) -> Tensor:
    return states + torch.rand_like(states) * training


def _of_the_batch(states: Tensor, _: bool) -> Tensor:
    return states + states.mean(dim=(0, 1), keepdim=True)


def _no_number_far_out(states: Tensor, _: bool) -> Tensor:
    return states / (states.shape[1] < 30)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_of_the_batch, "another vector in a batch than alone"),
        (_no_number_far_out, "a row of 32 tokens has no finite vector"),
    ],
)
def test_what_is_wrong_is_found_whatever_the_family(
    spoil: Callable[[Tensor, bool], Tensor], said: str, load: Callable[..., SentenceEncoder]
) -> None:
    encoder = load("mean")
    encoder.model.encoder.layer[1] = Spoilt(encoder.model.encoder.layer[1], spoil)
    with pytest.raises(EncoderError, match=said):
        encoder._check_itself()


def test_what_is_wrong_in_training_alone_is_told_there(
    load: Callable[..., SentenceEncoder],
) -> None:
    encoder = load("mean")
    encoder.model.encoder.layer[1] = Spoilt(encoder.model.encoder.layer[1], _noise)
    encoder._check_itself()
    with pytest.raises(EncoderError, match="not those of measuring, without any dropout"):
        encoder.check_trainable()


def test_a_trial_leaves_everything_as_it_was(load: Callable[..., SentenceEncoder]) -> None:
    encoder = load("cls")
    encoder.set_dropout(0.25)
    encoder.model.train()
    before, state = encoder.fingerprint, torch.get_rng_state()
    encoder._check_itself()
    assert torch.equal(torch.get_rng_state(), state)
    assert encoder.model.training
    assert encoder.fingerprint == before
    assert {m.p for m in encoder.model.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}


def test_the_same_encoder_is_tried_once(
    load: Callable[..., SentenceEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[self_check.Trial] = []
    monkeypatch.setattr(encoder_module, "_passed", {})
    monkeypatch.setattr(
        encoder_module,
        "find_fault",
        lambda trial, checks: tried.append(trial) or "" if checks is self_check.ENCODING else "",
    )
    for pooling in ("mean", "mean", "cls", "mean"):
        load(pooling)
    assert [trial.chosen for trial in tried] == [2, 0]
