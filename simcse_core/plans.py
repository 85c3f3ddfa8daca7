"""An encoder with all that it is studied with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from simcse_core.config import Pooling, TrainConfig, encoder_settings
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name, label, unique_labels


@dataclass(frozen=True)
class Plan:
    """An encoder with the pooling and training settings it is studied with.

    Attributes:
        max_seq_length: tokens after which a sentence is cut; None for the encoder's own setting.
        label: what it is called on results; empty for its own name.
    """

    encoder: str
    pooling: Pooling
    train: TrainConfig
    max_seq_length: int | None = None
    label: str = ""

    def load(self) -> SentenceEncoder:
        """A fresh copy of the encoder, untrained."""
        encoder = SentenceEncoder.from_pretrained(self.encoder, self.pooling, self.max_seq_length)
        encoder.name = self.label or label(encoder.name)
        return encoder

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
        t = self.train
        return (
            f"{self.untrained.name}: {self.pooling} pooling, batch {t.batch_size}, learning rate "
            f"{t.learning_rate:g}, dropout {t.dropout:g}, temperature {t.temperature:g}"
        )

    def describe_cut(
        self, sentences: Sequence[str], measured: str = "sentences of dev and test"
    ) -> str:
        """One line for people: how many of the sentences that are ``measured`` are cut."""
        n, longest = self.untrained.n_truncated(sentences), self.untrained.max_seq_length
        return f"cut at {longest} tokens: {n:,} of the {len(sentences):,} {measured}"


def make_plan(
    encoder: str | Path,
    pooling: str = "",
    training: Mapping[str, object] | None = None,
    max_seq_length: int | None = None,
) -> Plan:
    """An encoder's own settings, with what is given in their place.

    Raises:
        ValueError: an unknown pooling, an unknown training setting or a value out of range.
        EncoderNameError: a bare name that means two encoders.
    """
    name = encoder_name(encoder)
    settings = encoder_settings(name)
    train = TrainConfig.from_mapping({**asdict(settings.train), **(training or {})})
    pooled = Pooling(pooling) if pooling else settings.pooling
    return Plan(name, pooled, train, max_seq_length or None)


def distinct(plans: Sequence[Plan], reserved: Collection[str] = ()) -> list[Plan]:
    """The plans of a run, each with a label of its own.

    Args:
        reserved: labels that mean something else on results.

    Raises:
        EncoderNameError: one encoder twice.
    """
    found = [(plan.encoder, plan.untrained.name, plan.stamp["fingerprint"]) for plan in plans]
    labels = unique_labels(found, reserved)
    return [
        plan if plan.untrained.name == mine else replace(plan, label=mine)
        for plan, mine in zip(plans, labels, strict=True)
    ]
