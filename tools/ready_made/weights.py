"""A BERT of transformers from the tensors of a 4-bit file."""

from __future__ import annotations

import numpy as np
import torch
from ready_made.q4_file import Q4Model
from transformers import BertConfig, BertModel

_PARTS = {
    "emb.word": "embeddings.word_embeddings",
    "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KINDS = {"w": "weight", "b": "bias"}


def bert(model: Q4Model, ids: np.ndarray, pad: int) -> BertModel:
    """The encoder with the embeddings of the pieces ``ids`` alone, float32, without a pooler.

    Args:
        ids: of the pieces that are kept, in their new order, (n,).
        pad: the new id of ``<pad>``.
    """
    shape = model.shape
    config = BertConfig(
        vocab_size=len(ids),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.token_types,
        # As the decimal that was meant: float32 has 1e-12 as 9.99999996e-13.
        layer_norm_eps=float(str(np.float32(shape.epsilon))),
        hidden_act="gelu",
        pad_token_id=pad,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    weights = {_name(name): model.tensor(name) for name in model.names() if name != "emb.word"}
    weights[_name("emb.word")] = model.word_embeddings(ids)
    # Copied: what was read is not writable.
    encoder.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return encoder.eval()


def _name(name: str) -> str:
    """``l3.ao.w`` is ``encoder.layer.3.attention.output.dense.weight``."""
    if name in _PARTS:
        return f"{_PARTS[name]}.weight"
    part, _, kind = name.rpartition(".")
    layer, _, inner = part.partition(".")
    place = _PARTS[part] if part in _PARTS else f"encoder.layer.{layer[1:]}.{_PARTS[inner]}"
    return f"{place}.{_KINDS[kind]}"
