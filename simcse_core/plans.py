"""An encoder with all that it is studied with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simcse_core.config import Pooling, TrainConfig, encoder_settings
from simcse_core.encoder import SentenceEncoder


@dataclass(frozen=True)
class Plan:
    """An encoder with the pooling and training settings it is studied with."""

    encoder: str
    pooling: Pooling
    train: TrainConfig

    def load(self) -> SentenceEncoder:
        """A fresh copy of the encoder, untrained."""
        return SentenceEncoder.from_pretrained(self.encoder, self.pooling)

    @cached_property
    def untrained(self) -> SentenceEncoder:
        """The encoder as it is, for looking only: whoever trains takes a fresh copy."""
        return self.load()

    @cached_property
    def stamp(self) -> dict[str, Any]:
        """What of the encoder decides a result, and what it is called on results."""
        return {
            "encoder": self.untrained.name,
            "fingerprint": self.untrained.fingerprint,
            "pooling": self.pooling.value,
            "max_seq_length": self.untrained.max_seq_length,
        }

    @property
    def device(self) -> str:
        """Where it runs: cpu or cuda."""
        return self.untrained.device.type

    def describe(self) -> str:
        """One line for people, without any path of the machine."""
        folder, t = Path(self.encoder).expanduser(), self.train
        name = folder.resolve().name if folder.is_dir() else self.encoder
        return (
            f"{name}: {self.pooling} pooling, batch {t.batch_size}, learning rate "
            f"{t.learning_rate:g}, dropout {t.dropout:g}, temperature {t.temperature:g}"
        )

    def describe_cut(self, sentences: Sequence[str]) -> str:
        """One line for people: how many of the sentences of dev and test are cut."""
        n, longest = self.untrained.n_truncated(sentences), self.untrained.max_seq_length
        return f"cut at {longest} tokens: {n:,} of the {len(sentences):,} sentences of dev and test"


def make_plan(
    encoder: str, pooling: str = "", training: Mapping[str, object] | None = None
) -> Plan:
    """An encoder's own settings, with ``pooling`` and ``training`` in their place where given.

    Raises:
        ValueError: an unknown pooling, an unknown training setting or a value out of range.
    """
    settings = encoder_settings(encoder)
    train = TrainConfig.from_mapping({**asdict(settings.train), **(training or {})})
    return Plan(encoder, Pooling(pooling) if pooling else settings.pooling, train)
