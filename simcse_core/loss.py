"""Contrastive losses of SimCSE (Gao et al., 2021) as pure tensor functions."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor


def unsup_simcse_loss(
    embeddings: Tensor,
    temperature: float = 0.05,
    same: Tensor | None = None,
    queue: Tensor | None = None,
    same_as_queued: Tensor | None = None,
) -> Tensor:
    """InfoNCE over two dropout views of each sentence, with 2N-2 in-batch negatives a row.

    Cosine similarities of all 2N rows form a 2N x 2N matrix; a row's similarity to itself is
    masked, its other view is the positive. This is the NT-Xent form that the Chinese SimCSE scripts
    use; equation 4 of Gao et al. (2021) takes the N-1 second views alone as negatives.

    Args:
        embeddings: (2 * batch, hidden); rows i and i + batch are two views of one sentence.
        temperature: divides the cosines; 0.05 in Gao et al. (2021, Table D.2).
        same: pairs that are no negatives, as of :func:`same_sentence`: (2 * batch, 2 * batch).
        queue: further negatives of every row, (queued, hidden), as ESimCSE's momentum queue (Wu et
            al., 2022, equation 6).
        same_as_queued: which of them are none for a row: (2 * batch, queued).

    Returns:
        A scalar, the mean over rows. It is exactly 0 for a batch of one, which has no negatives.

    Raises:
        ValueError: the number of rows is odd or zero, the temperature is not positive, or a mask or
            the queue has another shape.
    """
    rows = embeddings.shape[0] if embeddings.ndim else 0
    if embeddings.ndim != 2 or rows == 0 or rows % 2:
        raise ValueError(
            "embeddings: expected shape (2 * batch, hidden) with two views of each "
            f"sentence, got {tuple(embeddings.shape)}"
        )
    _check_floats("embeddings", embeddings)
    _check_temperature(temperature)
    _check_mask("same", same, (rows, rows))
    if queue is not None and (queue.ndim != 2 or queue.shape[1] != embeddings.shape[1]):
        raise ValueError(
            f"queue: expected shape (queued, {embeddings.shape[1]}), got {tuple(queue.shape)}"
        )
    _check_mask("same_as_queued", same_as_queued, (rows, 0 if queue is None else len(queue)))
    unit = F.normalize(embeddings, dim=-1)  # (2N, hidden)
    logits = unit @ unit.T / temperature  # (2N, 2N)
    itself = torch.eye(rows, dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(itself, float("-inf"))
    positive = torch.arange(rows, device=logits.device).roll(rows // 2)  # (2N,)
    if same is not None:
        logits = logits.masked_fill(same.to(logits.device), float("-inf"))
    if queue is not None and len(queue):
        queued = unit @ F.normalize(queue, dim=-1).T / temperature  # (2N, queued)
        if same_as_queued is not None:
            queued = queued.masked_fill(same_as_queued.to(logits.device), float("-inf"))
        logits = torch.cat([logits, queued], dim=1)
    return F.cross_entropy(logits, positive)


def sup_simcse_loss(
    anchor: Tensor,
    positive: Tensor,
    hard_negative: Tensor | None = None,
    temperature: float = 0.05,
    same: Tensor | None = None,
) -> Tensor:
    """InfoNCE over NLI triplets: equation 5 of Gao et al. (2021).

    Every other row's positive, and every row's hard negative where given, is a negative.

    Args:
        anchor, positive, hard_negative: (batch, hidden) each.
        temperature: divides the cosines.
        same: candidates that are no negatives, as of :func:`same_triplet`: (batch, 2 * batch).

    Returns:
        A scalar, the mean over anchors.

    Raises:
        ValueError: no rows, shapes that differ, or a temperature that is not positive.
    """
    _check_temperature(temperature)
    others = [positive] if hard_negative is None else [positive, hard_negative]
    for name, rows in zip(("positive", "hard_negative"), others, strict=False):
        if rows.shape != anchor.shape or anchor.ndim != 2:
            raise ValueError(
                f"{name}: expected the anchor's shape (batch, hidden) = "
                f"{tuple(anchor.shape)}, got {tuple(rows.shape)}"
            )
    if not len(anchor):
        raise ValueError(
            f"anchor: expected shape (batch, hidden) with a row at least, got {tuple(anchor.shape)}"
        )
    _check_floats("anchor", anchor)
    _check_mask("same", same, (len(anchor), len(anchor) * len(others)))
    candidates = F.normalize(torch.cat(others), dim=-1)  # (N or 2N, hidden)
    logits = F.normalize(anchor, dim=-1) @ candidates.T / temperature  # (N, N or 2N)
    if same is not None:
        logits = logits.masked_fill(same.to(logits.device), float("-inf"))
    return F.cross_entropy(logits, torch.arange(anchor.shape[0], device=anchor.device))


def same_sentence(
    sentences: Sequence[Hashable], others: Sequence[Hashable] | None = None
) -> Tensor | None:
    """Which candidates of a batch of two views each are of the row's own sentence: false negatives.

    Args:
        sentences: of the batch, (batch,); as tokens, since what differs in nothing that the encoder
            sees is one sentence.
        others: of candidates from elsewhere, such as a queue; the batch itself if not given.

    Returns:
        bool, (2 * batch, 2 * batch) with False for a row's own positive, or (2 * batch, others);
        None where there is nothing to leave out.
    """
    equal = _equal(sentences, sentences if others is None else others)
    if others is None:
        equal.fill_diagonal_(False)  # a row and its other view
    if not equal.any():
        return None
    return equal.repeat(2, 2 if others is None else 1)


def same_triplet(
    anchor: Sequence[Hashable], positive: Sequence[Hashable], hard_negative: Sequence[Hashable]
) -> Tensor | None:
    """Which candidates of a batch of triplets are an anchor itself or a positive of it.

    Args:
        anchor, positive, hard_negative: sentences, as tokens, (batch,) each.

    Returns:
        bool, (batch, 2 * batch), False for an anchor's own positive; None where there is none.
    """
    candidates = [*positive, *hard_negative]
    of_equal_anchors = _equal(anchor, anchor).float() @ _equal(positive, candidates).float()
    same = (of_equal_anchors > 0) | _equal(anchor, candidates)  # (N, 2N)
    same.fill_diagonal_(False)
    return same if same.any() else None


def _equal(rows: Sequence[Hashable], columns: Sequence[Hashable]) -> Tensor:
    number = {sentence: i for i, sentence in enumerate(dict.fromkeys([*rows, *columns]))}
    ids = [torch.tensor([number[sentence] for sentence in part]) for part in (rows, columns)]
    return ids[0][:, None] == ids[1][None, :]


def _check_temperature(temperature: float) -> None:
    number = isinstance(temperature, Real) and not isinstance(temperature, bool)
    if not number or not 0 < float(temperature) < math.inf:
        raise ValueError(f"temperature: must be > 0, got {temperature!r}")


def _check_floats(name: str, rows: Tensor) -> None:
    if not isinstance(rows, Tensor):
        raise ValueError(f"{name}: a tensor is needed, got {type(rows).__name__}")
    if not rows.is_floating_point():
        raise ValueError(f"{name}: floating-point numbers are needed, got {rows.dtype}")


def _check_mask(name: str, mask: Tensor | None, shape: tuple[int, int]) -> None:
    """A mask of another shape would be spread over rows that it does not mean."""
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != shape):
        raise ValueError(
            f"{name}: a bool mask of shape {shape} is needed, got {mask.dtype} of shape "
            f"{tuple(mask.shape)}"
        )
