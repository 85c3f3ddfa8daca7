"""Families of encoders, tiny and random: what each may do, and what is refused by name and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from conftest import CHARACTERS, SENTENCES
from transformers import BertTokenizer, PreTrainedModel

from simcse_core import SentenceEncoder, encoder, self_check
from simcse_core.encoder import EncoderError

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
    BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


REFUSED = {
    "Qwen2": (SIZES | {"num_key_value_heads": 2}, "dropout of 0 in its layers"),
    "Longformer": (SIZES | {"attention_window": 8}, "dropout of 0.1 in its layers"),
    "XLM": (XLM | {"max_position_embeddings": 64}, "dropout of 0.1 in its layers"),
    "ModernBert": (SIZES, "dropout of 0 in its layers"),
    "FNet": (SIZES, "another vector in a batch than alone"),
    "ConvBert": (SIZES | {"embedding_size": 32}, "another vector in a batch than alone"),
    "Canine": (SIZES | {"num_hash_buckets": 64}, "another vector in a batch than alone"),
    "T5": ({"vocab_size": len(WORDS), "d_model": 32, "num_layers": 1}, "encoder with a decoder"),
    "CLIP": ({}, "no text encoder"),
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
