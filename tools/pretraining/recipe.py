"""What decides the result of a run, besides its text and its tokenizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MASKINGS = ("character", "word")
# May differ when a run goes on: the plateau of the learning rate knows nothing of its end.
MAY_CHANGE = ("tokens", "decay")


@dataclass(frozen=True)
class Recipe:
    """Shape of the encoder, objectives and schedule.

    Attributes:
        masking: ``character`` (Devlin et al., 2019) or whole jieba ``word`` (Cui et al., 2021).
        tokens: training tokens, special ones included.
        batch_tokens: tokens of a step, at most.
        learning_rate: at its highest.
        warmup: share of all tokens over which it rises from 0, linearly.
        decay: share of all tokens over which it falls to 0, linearly.
        dropout: of hidden states and attention weights; BERT's is 0.1 (Devlin et al., 2019,
            appendix A.2).
        next_sentence: share of the batches with BERT's next-sentence objective on two segments.
        max_tokens: [CLS] and [SEP] included; longer sentences are cut.
        embedding_std: standard deviation of the entries of the character vectors.
        character_vectors: start the embeddings from co-occurrence counts.

    Raises:
        ValueError: a value outside its range; the message names the field.
    """

    masking: str = "word"
    tokens: int = 20_000_000
    batch_tokens: int = 4096
    learning_rate: float = 1e-3
    warmup: float = 0.02
    decay: float = 0.5
    weight_decay: float = 0.01
    dropout: float = 0.1
    next_sentence: float = 0.0
    layers: int = 4
    hidden: int = 256
    heads: int = 4
    activation: str = "gelu"
    max_tokens: int = 64
    embedding_std: float = 0.05
    character_vectors: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.masking not in MASKINGS:
            raise ValueError(f"masking must be 'character' or 'word', not {self.masking!r}")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        for name in ("learning_rate", "embedding_std"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("warmup", "decay", "next_sentence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, not {self.dropout}")
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")


# What logs and checkpoints that are older than a field had in its place.
BEFORE_NAMED = {"dropout": 0.0}


def recipe_of(log: Mapping[str, Any]) -> Recipe:
    """The recipe that a log names."""
    return Recipe(**{**BEFORE_NAMED, **log})


_LEAST = {
    "tokens": 1,
    "batch_tokens": 1,
    "weight_decay": 0,
    "layers": 1,
    "hidden": 1,
    "heads": 1,
    "max_tokens": 4,  # [CLS], [SEP] and the two tokens of the shortest sentence
    "seed": 0,
}


def learning_rate(recipe: Recipe, tokens_seen: int) -> float:
    """Linear warm-up, a plateau, a linear fall to 0 (warmup-stable-decay, Hu et al., 2024).

    A run stopped on the plateau may be given more or fewer tokens.
    """
    done = tokens_seen / recipe.tokens
    rise = min(1.0, (done + 1e-4) / max(recipe.warmup, 1e-4))  # the first step trains, too
    fall = min(1.0, (1 - done) / max(recipe.decay, 1e-4))
    return recipe.learning_rate * max(0.0, min(rise, fall))
