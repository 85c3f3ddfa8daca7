"""From the outputs of a model to sentence vectors: poolings, weights of tokens, a projection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from simcse_core.config import Pooling
from simcse_core.encoding.projection import Projection
from simcse_core.packing import Group


def pool_rows(
    groups: Iterable[Group],
    token_ids: Sequence[list[int]],
    poolings: Sequence[Pooling],
    token_weights: Tensor | None = None,
) -> list[Tensor]:
    """The vectors of the rows of a batch under each of several poolings.

    Args:
        groups: the outputs of the batch, each row in one of them.
        token_ids: the rows.
        token_weights: what each token weighs in averages, by its id, (tokens,); None: all the same.

    Returns:
        (rows, hidden) for each pooling, in the order of ``token_ids``.
    """
    order: list[int] = []
    pooled: list[list[Tensor]] = []
    for group in groups:
        order += group.rows
        weights = None
        if token_weights is not None:
            of_rows = [token_weights[token_ids[row]] for row in group.rows]
            weights = pad_sequence(of_rows, batch_first=True).to(group.last_hidden_state.device)
        pooled.append([pool(group, pooling, weights) for pooling in poolings])
    back = torch.argsort(torch.tensor(order))
    return [torch.cat(parts)[back.to(parts[0].device)] for parts in zip(*pooled, strict=True)]


def pool(group: Group, pooling: Pooling, weights: Tensor | None = None) -> Tensor:
    """Sentence vectors from the outputs of a group; averages leave padding out.

    Args:
        weights: of tokens in averages, (rows, length), 0 for padding; None: all the same.

    Returns:
        (rows, hidden).
    """
    last = group.last_hidden_state  # (rows, length, hidden)
    mask = group.attention_mask if weights is None else weights
    match pooling:
        case Pooling.CLS:
            return last[:, 0]
        case Pooling.POOLER:
            assert group.pooler_output is not None
            return group.pooler_output
        case Pooling.MEAN:
            return _masked_mean(last, mask)
        case Pooling.FIRST_LAST_MEAN:
            return _masked_mean((group.hidden_states[1] + last) / 2, mask)


def project(vectors: Tensor, projection: Projection) -> Tensor:
    """In float32 whatever the precision of the forward; (rows, hidden) to (rows, width)."""
    weight, bias, centre = (torch.from_numpy(p).to(vectors.device) for p in projection.parts())
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors.float()
        if projection.of_unit_vectors:
            vectors = F.normalize(vectors, dim=-1)
        return F.linear(vectors - centre, weight, bias)


def _masked_mean(states: Tensor, mask: Tensor | None) -> Tensor:
    """Over the tokens of (rows, length, hidden) that weigh anything.

    Where the sum of weights is next to nothing, sentence-transformers divides by 1e-9, and so
    does this.
    """
    if mask is None:
        return states.mean(dim=1)
    weights = mask.unsqueeze(-1).to(states.dtype)  # (rows, length, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
