"""What an encoder can be trained for, one row of :data:`OBJECTIVES` each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from simcse_core.config import Kind, TrainConfig
from simcse_core.data import (
    NliTriplets,
    StudyData,
    sample_sentences,
    sample_triplets,
)
from simcse_core.encoder import SentenceEncoder
from simcse_core.loss import same_sentence, same_triplet, sup_simcse_loss, unsup_simcse_loss

# Of ESimCSE (Wu et al., 2022, section 4.1 and tables 6 to 8): the share of a sentence's tokens that
# may be repeated, the queue's length in batches, the momentum of the encoder that fills it.
REPEATED_SHARE = 0.32
QUEUE_BATCHES = 2.5
MOMENTUM = 0.995


class BatchLoss:
    """The loss of a batch; what it remembers from batch to batch is saved with the encoder."""

    def __call__(self, rows: Sequence[int]) -> Tensor:
        """A scalar to step on. ``rows`` are indices into the examples; dropout is active.

        It may draw from torch's global generator alone, which is seeded for each step.
        """
        raise NotImplementedError

    def chance(self, n: int) -> float:
        """The loss of guessing in a batch of ``n`` examples: the log of the number of candidates.

        0 where it is not known.
        """
        return 0.0

    def parameters(self) -> list[Tensor]:
        """Weights of its own that are trained along with the encoder's."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """All that it remembers, as tensors and plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to what :meth:`state_dict` gave."""


@dataclass(frozen=True)
class Objective:
    """One way of training, for a trainer that knows none of them.

    Attributes:
        kind: ``trained`` without labels or ``labelled``.
        smallest: examples below which a batch teaches nothing and is not stepped.
        sentences_per_example: so that objectives can be compared at equal numbers of sentences.
        available: how many examples a source has.
        draw: that many examples of a source, from a seed; a smaller draw is a prefix of a larger.
        prepare: the loss over batches of these examples.
    """

    kind: Kind
    smallest: int
    sentences_per_example: int
    available: Callable[[StudyData], int]
    draw: Callable[[StudyData, int, int], Any]
    prepare: Callable[[SentenceEncoder, Any, TrainConfig], BatchLoss]

    def check(self, examples: Sized, config: TrainConfig) -> None:
        """Raises a ValueError if no batch could ever be stepped."""
        if config.batch_size < self.smallest:
            raise ValueError(
                f"batch_size: unsupervised SimCSE needs at least {self.smallest}, for a negative; "
                f"got {config.batch_size}"
            )
        if len(examples) < self.smallest:
            raise ValueError(
                f"sentences: at least {self.smallest} are needed for a negative, "
                f"got {len(examples)}"
            )


class UnsupSimcse(BatchLoss):
    """Two dropout views of each sentence, the other sentences' views as negatives.

    Source: Gao et al. (2021), section 3. A sentence that stands twice in a batch is no negative of
    itself; that is told by tokens, so that two texts cut to the same ones are one sentence.
    """

    def __init__(
        self, encoder: SentenceEncoder, sentences: Sequence[str], config: TrainConfig
    ) -> None:
        self.encoder, self.config = encoder, config
        self.token_ids = encoder.tokenize(sentences)

    def __call__(self, rows: Sequence[int]) -> Tensor:
        views = [self.token_ids[i] for i in rows] * 2  # rows i and i + batch are two views
        same = same_sentence([tuple(self.token_ids[i]) for i in rows])
        return unsup_simcse_loss(self.encoder.embed(views), self.config.temperature, same)

    def chance(self, n: int) -> float:
        return math.log(2 * n - 1)


class SupSimcse(BatchLoss):
    """NLI triplets: the entailed sentence against the contradicted one and the other rows'.

    Source: Gao et al. (2021), section 4. Another row's sentence that is this anchor or one of its
    positives is no negative.
    """

    def __init__(
        self, encoder: SentenceEncoder, triplets: NliTriplets, config: TrainConfig
    ) -> None:
        self.encoder, self.config = encoder, config
        columns = (triplets.anchor, triplets.positive, triplets.hard_negative)
        self.token_ids = [encoder.tokenize(column) for column in columns]

    def __call__(self, rows: Sequence[int]) -> Tensor:
        views = [column[i] for column in self.token_ids for i in rows]
        anchor, positive, hard_negative = self.encoder.embed(views).chunk(3)
        same = same_triplet(*([tuple(column[i]) for i in rows] for column in self.token_ids))
        return sup_simcse_loss(anchor, positive, hard_negative, self.config.temperature, same)

    def chance(self, n: int) -> float:
        return math.log(2 * n)


class Esimcse(BatchLoss):
    """SimCSE whose second view repeats some tokens, with a queue of further negatives.

    Source: Wu et al. (2022), ESimCSE, sections 3.2 and 3.3. Two views of one sentence have one
    length, so a model may tell positives by length; repeating tokens takes that away. The queue
    holds what a slowly following copy of the encoder, without dropout, made of the last batches.
    """

    def __init__(
        self, encoder: SentenceEncoder, sentences: Sequence[str], config: TrainConfig
    ) -> None:
        self.encoder, self.config = encoder, config
        self.token_ids = encoder.tokenize(sentences)
        self.follower = encoder.copy_for_inference()
        self.longest = int(QUEUE_BATCHES * config.batch_size)
        self.queue = torch.empty(0, encoder.hidden_size, device=encoder.device)
        self.queued: list[int] = []  # which sentences stand in the queue

    def __call__(self, rows: Sequence[int]) -> Tensor:
        first = [self.token_ids[i] for i in rows]
        second = [repeat_tokens(ids, self.encoder.max_seq_length) for ids in first]
        batch = [tuple(ids) for ids in first]
        loss = unsup_simcse_loss(
            self.encoder.embed(first + second),
            self.config.temperature,
            same_sentence(batch),
            self.queue,
            same_sentence(batch, [tuple(self.token_ids[i]) for i in self.queued]),
        )
        self._enqueue(rows, first)
        return loss

    def chance(self, n: int) -> float:
        return math.log(2 * n - 1 + self.longest)

    @torch.no_grad()
    def _enqueue(self, rows: Sequence[int], token_ids: Sequence[list[int]]) -> None:
        pairs = zip(self.follower.model.parameters(), self.encoder.model.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - MOMENTUM)
        vectors = torch.cat([self.queue, self.follower.embed(token_ids)])
        self.queue = vectors[-self.longest :]
        self.queued = [*self.queued, *(int(i) for i in rows)][-self.longest :]

    def state_dict(self) -> dict[str, Any]:
        follower = self.follower.model.state_dict()
        return {"follower": follower, "queue": self.queue, "queued": list(self.queued)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.follower.model.load_state_dict(state["follower"])
        self.queue = state["queue"].to(self.encoder.device).clone()
        self.queued = list(state["queued"])


def repeat_tokens(token_ids: list[int], max_seq_length: int) -> list[int]:
    """The row with some of its tokens twice in a row, special tokens at the ends left alone.

    Of N tokens, up to max(2, ``REPEATED_SHARE`` N) are repeated, the number and the places drawn
    evenly (Wu et al., 2022, equations 3 and 4); never more than ``max_seq_length`` leaves room for.
    """
    inner = len(token_ids) - 2
    most = min(max(2, int(REPEATED_SHARE * inner)), inner, max_seq_length - len(token_ids))
    if most < 1:
        return token_ids
    n = int(torch.randint(most + 1, ()))
    repeated = set((torch.randperm(inner)[:n] + 1).tolist())
    return [token for i, token in enumerate(token_ids) for _ in range(1 + (i in repeated))]


def _sentences(data: StudyData, n: int, seed: int) -> list[str]:
    return sample_sentences(data.pool.sentences, n, seed)


def _n_sentences(data: StudyData) -> int:
    return len(data.pool.sentences)


# To add an objective: its loss above, a row here, and one in report.methods that says how it looks.
OBJECTIVES: dict[str, Objective] = {
    "unsup-simcse": Objective(Kind.TRAINED, 2, 1, _n_sentences, _sentences, UnsupSimcse),
    "esimcse": Objective(Kind.TRAINED, 2, 1, _n_sentences, _sentences, Esimcse),
    "sup-simcse": Objective(
        Kind.LABELLED,
        1,
        3,
        lambda data: len(data.triplets) if data.triplets else 0,
        lambda data, n, seed: sample_triplets(data.triplets, n, seed),
        SupSimcse,
    ),
}
