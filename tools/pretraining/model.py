"""The model that is trained: a BERT with its pretraining heads, new or continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForPreTraining, BertModel

from tools.pretraining.character_vectors import character_vectors, cooccurrence
from tools.pretraining.corpus import Corpus
from tools.pretraining.recipe import Recipe

HEADS_FILE = "heads.safetensors"
# On a CPU the backward of fused attention takes a quarter of a step on rows as short as these, that
# of plain products 2 %.
ATTENTION = "eager"


def new_model(recipe: Recipe, vocab_size: int) -> BertForPreTraining:
    """A BERT with heads, drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.hidden,
        hidden_act=recipe.activation,
        max_position_embeddings=2 * recipe.max_tokens,
    )
    return _untrained(config)


def set_character_vectors(model: BertForPreTraining, corpus: Corpus, recipe: Recipe) -> None:
    """Starts the embeddings, which are the output layer too, from co-occurrence counts."""
    table = model.bert.embeddings.word_embeddings.weight
    counts = cooccurrence(np.asarray(corpus.tokens), corpus.offsets, table.shape[0])
    vectors = character_vectors(counts, recipe.hidden, recipe.embedding_std, recipe.seed)
    with torch.no_grad():
        table.copy_(torch.from_numpy(vectors))


def continued_model(folder: Path) -> BertForPreTraining:
    """The encoder in ``folder``, with the heads saved beside it when they are there.

    Raises:
        OSError: the folder holds no encoder.
    """
    model = _untrained(BertConfig.from_pretrained(folder))
    encoder = BertModel.from_pretrained(folder, dtype=torch.float32)
    model.bert.load_state_dict(encoder.state_dict())
    if (heads := folder / HEADS_FILE).exists():
        # Not strict: the output layer is tied to the embeddings and not among the heads.
        model.cls.load_state_dict(
            {name: weight.float() for name, weight in load_file(heads).items()}, strict=False
        )
    return model


def _untrained(config: BertConfig) -> BertForPreTraining:
    """A BERT with heads and the attention that training is quickest with."""
    model = BertForPreTraining(config)
    model.set_attn_implementation(ATTENTION)
    return model
