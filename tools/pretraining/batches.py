"""Batches for masked language modelling: sentences of one length, two segments, masks.

Everything random is drawn from a generator that the caller passes, so a run that knows its seed and
step can rebuild any batch without having kept a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.pretraining.corpus import Encoded
from tools.pretraining.vocabulary import CLS, MASK, PAD, SEP, SPECIAL

SPECIAL_IN_A_ROW = 3  # [CLS] [SEP] [SEP]
# BERT's: 15 % of the tokens are chosen; 80 % of them become [MASK], 10 % a random token, 10 % stay
# (Devlin et al., 2019, section 3.1).
MASKED_SHARE = 0.15
HIDDEN_SHARE = 0.8
REPLACED_SHARE = 0.1
SWAPPED_SHARE = 0.5  # of second segments that are another sentence's (ibid.)
MASKED_MULTIPLE = 64  # masked tokens of a batch, rounded up: few shapes recur
FILLING = -100  # the label that torch's cross-entropy leaves out


@dataclass(frozen=True)
class Batch:
    """What one step trains on.

    Attributes:
        input_ids: int64 (rows, length), some of them hidden.
        token_type_ids: int64 (rows, length), 1 in second segments.
        attention_mask: int64 (rows, length), or None where nothing is padded.
        positions: int64 (chosen,), of the tokens to find in the flattened batch.
        labels: int64 (chosen,), those tokens; :data:`FILLING` at the end.
        swapped: int64 (rows,), 1 where the second segment is another sentence's; None without two.
        n_tokens: real tokens, special ones included.
    """

    input_ids: Tensor
    token_type_ids: Tensor
    attention_mask: Tensor | None
    positions: Tensor
    labels: Tensor
    swapped: Tensor | None
    n_tokens: int

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        tensors: dict[str, Any] = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **tensors)


def plan_batches(
    lengths: np.ndarray, batch_tokens: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields the sentences of each batch: all of them once, equal lengths together, shuffled.

    Equal lengths need no padding, and few shapes recur: a processor compiles its bfloat16 kernels
    for each one.

    Args:
        lengths: int64 (sentences,), in tokens without special ones.
        batch_tokens: what a batch of two segments a row stays within; one row always fits.
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches: list[np.ndarray] = []
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        rows = max(1, batch_tokens // (lengths[group[0]] + SPECIAL_IN_A_ROW))
        batches += np.split(group, range(rows, len(group), rows))
    for i in rng.permutation(len(batches)):
        yield batches[i]


def make_batch(
    sentences: Sequence[Encoded],
    whole_words: bool,
    vocab_size: int,
    rng: np.random.Generator,
    next_sentence: bool = False,
) -> Batch:
    """A batch of sentences with some of their tokens hidden.

    Args:
        whole_words: hide words, not single characters.
        vocab_size: random tokens are drawn from this many.
        next_sentence: cut every sentence in two segments, half of the second ones another's.
    """
    swapped = None
    if next_sentence:
        first, second, swapped = two_segments(sentences, rng)
        rows = assemble(first, second)
    else:
        rows = assemble(sentences)
    masked, chosen = mask_tokens(rows.input_ids, rows.words, whole_words, vocab_size, rng)
    positions = np.flatnonzero(chosen)
    labels = rows.input_ids.ravel()[positions]
    filling = (0, -len(positions) % MASKED_MULTIPLE)
    mask = rows.attention_mask
    return Batch(
        input_ids=torch.from_numpy(masked),
        token_type_ids=torch.from_numpy(rows.token_type_ids),
        attention_mask=None if mask.all() else torch.from_numpy(mask),
        positions=torch.from_numpy(np.pad(positions, filling)),
        labels=torch.from_numpy(np.pad(labels, filling, constant_values=FILLING)),
        swapped=None if swapped is None else torch.from_numpy(swapped),
        n_tokens=int(mask.sum()),
    )


def two_segments(
    sentences: Sequence[Encoded], rng: np.random.Generator
) -> tuple[list[Encoded], list[Encoded], np.ndarray]:
    """Cuts each sentence at the word nearest its middle, and swaps half of the second parts.

    Parts are swapped among sentences cut at the same place, so that all rows keep their length.

    Args:
        sentences: of one length, at least two tokens each.

    Returns:
        First segments, second segments, and int64 (sentences,): 0 where the second segment is the
        sentence's own, 1 where it is another's, the labels of BERT's next-sentence objective
        (Devlin et al., 2019, section 3.1).
    """
    cuts = np.array([_middle(words) for _, words in sentences])
    second_of = np.arange(len(sentences))
    for cut in np.unique(cuts):
        chosen = np.flatnonzero((cuts == cut) & (rng.random(len(cuts)) < SWAPPED_SHARE))
        second_of[chosen] = np.roll(chosen, 1)
    pairs = list(zip(sentences, cuts, strict=True))
    first = [(tokens[:cut], words[:cut]) for (tokens, words), cut in pairs]
    second = [(tokens[cut:], words[cut:]) for (tokens, words), cut in pairs]
    swapped = (second_of != np.arange(len(sentences))).astype(np.int64)
    return first, [second[i] for i in second_of], swapped


@dataclass(frozen=True)
class Rows:
    """Token rows with special tokens, padded to the longest; all int64 (rows, length).

    Attributes:
        words: the number of the jieba word within the row; -1 for special tokens and padding.
    """

    input_ids: np.ndarray
    token_type_ids: np.ndarray
    attention_mask: np.ndarray
    words: np.ndarray


def assemble(*segments: Sequence[Encoded]) -> Rows:
    """Rows of [CLS] and the segments, each with [SEP] behind it.

    Args:
        segments: for each of one or two segments, that of every row.
    """
    rows = list(zip(*segments, strict=True))
    longest = 1 + max(sum(len(tokens) + 1 for tokens, _ in row) for row in rows)
    ids = np.full((len(rows), longest), PAD, np.int64)
    numbers, mask, types = np.full_like(ids, -1), np.zeros_like(ids), np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, 0], end, n_words = CLS, 1, 0
        for kind, (tokens, words) in enumerate(row):
            begin, end = end, end + len(tokens)
            ids[i, begin:end], ids[i, end] = tokens, SEP
            numbers[i, begin:end] = n_words + np.cumsum(words, dtype=np.int64)
            n_words = numbers[i, end - 1] + 1
            types[i, begin : end + 1] = kind
            end += 1
        mask[i, :end] = 1
    return Rows(ids, types, mask, numbers)


def mask_tokens(
    ids: np.ndarray, words: np.ndarray, whole_words: bool, vocab_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses 15 % of the tokens, or of the words, and hides them as BERT does.

    Args:
        ids, words: (rows, length) as :class:`Rows` has them.
        whole_words: all tokens of a word or none (Cui et al., 2021).

    Returns:
        The new ids, and bool (rows, length), what was chosen.
    """
    lots = rng.random(ids.shape)
    if whole_words:
        lots = np.take_along_axis(lots, np.maximum(words, 0), axis=1)  # one lot for a whole word
    chosen = (words >= 0) & (lots < MASKED_SHARE)
    action = rng.random(ids.shape)
    masked = np.where(chosen & (action < HIDDEN_SHARE), MASK, ids)
    replaced = chosen & (action >= HIDDEN_SHARE) & (action < HIDDEN_SHARE + REPLACED_SHARE)
    return np.where(replaced, rng.integers(len(SPECIAL), vocab_size, ids.shape), masked), chosen


def _middle(words: np.ndarray) -> int:
    """Where the word begins that is nearest the middle; both sides keep a token."""
    inner = np.flatnonzero(words[1:]) + 1
    if not len(inner):
        return len(words) // 2
    return int(inner[np.abs(inner - len(words) / 2).argmin()])
