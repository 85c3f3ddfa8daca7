"""Forwards over rows of different lengths: packed, without a single padding token, or padded.

Packed, all tokens of a batch stand in one long row, sorted by the length of their sentences. The
linear layers, which are nearly all the arithmetic, see that one row; attention sees each group of
equally long sentences as a block. Every parameter, dropout and normalisation is the model's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel, ElectraModel, PreTrainedModel, RobertaModel, XLMRobertaModel

from simcse_core.dropout import Dropout, dropout

# Groups by length of a padded batch: most of the padding goes with four, little more with eight.
PADDED_GROUPS = 4
LONGEST_WITHOUT_POSITIONS = 1 << 20  # tokens, for models that count no positions
# Families that share BERT's layers, by the first word of the names of their classes.
_FAMILIES = {BertModel: "Bert", ElectraModel: "Electra", RobertaModel: "Roberta"}
_FAMILIES[XLMRobertaModel] = "XLMRoberta"
# What may stand inside them; whatever else was put there may compute something else.
_PARTS = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.ModuleList, nn.Dropout, Dropout)
_ACTIVATIONS = ("transformers.activations", "torch.nn.modules.activation")


@dataclass(frozen=True)
class Group:
    """Some sentences of a batch: where they stood, and their outputs in transformers' own terms.

    Attributes:
        rows: positions in the batch, (n,).
        hidden_states: embeddings and every layer's output, (n, length, hidden) each; the last of
            first tokens alone, (n, 1, hidden), where no more was asked for.
        pooler_output: (n, hidden), or None if the model has no pooler.
        attention_mask: (n, length), 1 for real tokens; None where all are.
    """

    rows: list[int]
    hidden_states: Sequence[Tensor]
    pooler_output: Tensor | None
    attention_mask: Tensor | None = None

    @property
    def last_hidden_state(self) -> Tensor:
        """The last layer's output, (n, length or 1, hidden)."""
        return self.hidden_states[-1]


def can_pack(model: Any) -> bool:
    """Whether the model is exactly what :func:`packed_forward` computes, as it is now.

    Layers may be replaced after loading, as adapters do; so this is asked before each forward.
    """
    family, config, home = _FAMILIES.get(type(model)), model.config, type(model).__module__
    return (
        family is not None
        and getattr(config, "position_embedding_type", None) in ("absolute", None)
        and not getattr(config, "is_decoder", False)
        and not getattr(config, "add_cross_attention", False)
        and not any(_is_foreign(module, home) for module in model.modules())
        and _is_plain(model, f"{family}Model")
        and _is_plain(model.encoder, f"{family}Encoder")
        and all(_is_known_layer(layer, family) for layer in model.encoder.layer)
    )


def _is_foreign(module: nn.Module, home: str) -> bool:
    """Whether a module is neither of the family nor a part that it is made of."""
    kind = type(module)
    return kind.__module__ not in (home, *_ACTIVATIONS) and kind not in _PARTS


def _is_known_layer(layer: Any, family: str) -> bool:
    """Whether a layer is computed by :func:`_layer`, its attention by :func:`_attend`."""
    attention = getattr(layer, "attention", None)
    own: Any = getattr(attention, "self", None)
    return (
        _is_plain(layer, f"{family}Layer")
        and _is_plain(attention, f"{family}Attention")
        and _is_plain(own, f"{family}SelfAttention")
        and not own.is_causal
        and own.scaling == own.attention_head_size**-0.5
        and all(_is_projection(part) for part in (own.query, own.key, own.value))
        and _is_plain(own.dropout, "Dropout")
    )


def _is_projection(module: Any) -> bool:
    return _is_plain(module, "Linear") and module.bias is not None


def _is_plain(module: Any, name: str) -> bool:
    """Whether a module is of that class and calling it runs that class's forward alone."""
    if module is None or type(module).__name__ != name or "forward" in vars(module):
        return False
    hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    # transformers leaves hooks of its own, which only look, at the first forward for hidden states.
    return all(getattr(hook, "__module__", "").startswith("transformers.") for hook in hooks)


def max_tokens(model: Any) -> int:
    """The longest row the model has positions for, special tokens included."""
    positions = getattr(model.config, "max_position_embeddings", None) or 0
    if positions <= 0:
        return LONGEST_WITHOUT_POSITIONS
    return int(positions) - _first_position(model)


def _first_position(model: Any) -> int:
    """0, or in RoBERTa's line, which counts from its padding token on, the place after that."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else padding + 1


def packed_forward(
    model: Any, token_ids: Sequence[list[int]], first_only: bool = False
) -> Iterator[Group]:
    """Runs the encoder over rows of token ids; yields its outputs, one group for each length.

    Gives what the model's own forward gives up to rounding, dropout included (its random numbers
    fall on other places than in a padded batch).

    Args:
        first_only: leaves the last layer at the first token of each row, which is all that [CLS]
            and the pooler ask of it; of three layers, a quarter of the arithmetic is spared.
    """
    order = sorted(range(len(token_ids)), key=lambda row: len(token_ids[row]))
    groups = [list(rows) for _, rows in groupby(order, key=lambda row: len(token_ids[row]))]
    shapes = [(len(rows), len(token_ids[rows[0]])) for rows in groups]
    states = [_embed(model, [token_ids[row] for row in order])]
    *layers, last = model.encoder.layer
    for layer in layers:
        states.append(_layer(layer, states[-1], shapes))
    states.append(_layer(last, states[-1], shapes, first_only))
    pieces = [state.split(_sizes(shapes)) for state in states[:-1]]
    pieces.append(states[-1].split(_sizes(shapes, first_only)))
    pooler = getattr(model, "pooler", None)
    for i, (rows, (n, _)) in enumerate(zip(groups, shapes, strict=True)):
        views = [piece[i].view(n, -1, piece[i].shape[-1]) for piece in pieces]
        yield Group(rows, views, pooler(views[-1]) if pooler is not None else None)


def padded_forward(model: PreTrainedModel, token_ids: Sequence[list[int]]) -> Iterator[Group]:
    """Runs the model's own forward over rows padded to the longest, in a few groups by length."""
    order = sorted(range(len(token_ids)), key=lambda row: len(token_ids[row]))
    size = -(-len(order) // PADDED_GROUPS)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        longest = max(len(token_ids[row]) for row in rows)
        ids = torch.full((len(rows), longest), model.config.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(token_ids[row])] = torch.tensor(token_ids[row])
            mask[i, : len(token_ids[row])] = 1
        ids, mask = ids.to(model.device), mask.to(model.device)
        output = model(
            input_ids=ids, attention_mask=mask, output_hidden_states=True, return_dict=True
        )
        pooled = getattr(output, "pooler_output", None)
        # Where a last normalisation follows the layers, only this one has it.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        yield Group(rows, states, pooled, mask)


def _embed(model: Any, rows: Sequence[list[int]]) -> Tensor:
    """Embedding layer's output for all tokens in one row, (tokens, hidden)."""
    offset = _first_position(model)
    ids = torch.tensor([[token for row in rows for token in row]], device=model.device)
    positions = torch.tensor([[offset + i for row in rows for i in range(len(row))]])
    embedded = model.embeddings(
        input_ids=ids,
        position_ids=positions.to(model.device),
        token_type_ids=torch.zeros_like(ids),
    )
    project = getattr(model, "embeddings_project", None)  # ELECTRA with narrow embeddings
    return (project(embedded) if project is not None else embedded)[0]


def _layer(
    layer: Any, hidden: Tensor, shapes: Sequence[tuple[int, int]], first_only: bool = False
) -> Tensor:
    """One transformer layer over (tokens, hidden), for all tokens or the first of each row."""
    attention, sizes = layer.attention, _sizes(shapes)
    asked, own = hidden, attention.self
    if first_only:
        asked = hidden[_first_tokens(shapes).to(hidden.device)]
    context = _attend(
        own,
        own.query(asked).split(_sizes(shapes, first_only)),
        own.key(hidden).split(sizes),
        own.value(hidden).split(sizes),
        [n for n, _ in shapes],
    )
    attended = attention.output(context, asked)
    return layer.output(layer.intermediate(attended), attended)


def _sizes(shapes: Sequence[tuple[int, int]], first_only: bool = False) -> list[int]:
    """How many tokens of the long row are a group's, or are the first of a row of it."""
    return [n if first_only else n * length for n, length in shapes]


def _first_tokens(shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Where in the long row each sentence begins, (sentences,)."""
    lengths = torch.tensor([length for n, length in shapes for _ in range(n)])
    return lengths.cumsum(0) - lengths


def _attend(
    attention: Any,
    queries: Sequence[Tensor],
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    n_rows: Sequence[int],
) -> Tensor:
    """Self-attention within each sentence, for the tokens with a query.

    Args:
        queries, keys, values: of each group of equally long sentences, (tokens, hidden).
        n_rows: sentences of each group.

    Returns:
        (tokens with a query, hidden).
    """
    heads, size = attention.num_attention_heads, attention.attention_head_size
    p = attention.dropout.p if attention.training else 0.0
    on_cpu = queries[0].device.type == "cpu"
    contexts = []
    with _without_autocast_on_a_cpu(queries[0].device.type):
        for n, *of_group in zip(n_rows, queries, keys, values, strict=True):
            query, key, value = (
                (tokens.float() if on_cpu else tokens)
                .view(n, -1, heads, size)
                .transpose(1, 2)
                .contiguous()  # (n, heads, length, size)
                for tokens in of_group
            )
            context = _weighted_values(query, key, value, p)
            contexts.append(context.transpose(1, 2).reshape(-1, heads * size))
    return torch.cat(contexts)


def _without_autocast_on_a_cpu(device: str) -> AbstractContextManager[Any]:
    """Attention is little arithmetic in many small shapes, new ones in every batch.

    In bfloat16 a CPU's library compiles each shape anew, which takes longer than all the products.
    """
    on_cpu = device == "cpu" and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if on_cpu else nullcontext()


def _weighted_values(query: Tensor, key: Tensor, value: Tensor, p: float) -> Tensor:
    """Scaled dot-product attention with dropout of the weights, (n, heads, queries, size)."""
    if p == 0.0:
        return F.scaled_dot_product_attention(query, key, value)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return dropout(scores.softmax(dim=-1), p) @ value
