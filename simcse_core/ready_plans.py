"""Ready-made encoders that stand beside those that are studied, as others trained them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from simcse_core.config import OWN
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name, unique_labels
from simcse_core.encoding.loading import TOKENIZER_FILES, locate_encoder
from simcse_core.encoding.persistence import read_settings
from simcse_core.errors import ParameterError
from simcse_core.labels import label
from simcse_core.model_card import licence_of
from simcse_core.ready_made import READY_MADE, encode_only_names, load_encode, resources
from simcse_core.workers import on_threads

# What is timed in a second or two, and evens out a slow sentence.
TIMED_SENTENCES = 512


@dataclass(frozen=True)
class ReadyMadeEncoder:
    """A ready-made encoder that was loaded, and what it costs.

    Attributes:
        name: what it is called on results.
        encode: sentences to float32 vectors (n, hidden); each call computes all anew.
        fingerprint: of what decides a vector.
        pooling: :data:`~simcse_core.config.OWN` where there is no choice.
        parameters: how many numbers were learnt.
        megabytes: of weights and vocabulary on disk, in units of 10**6 bytes.
        licence: as its card states it; empty if it states none.
    """

    name: str
    encode: Callable[[Sequence[str]], np.ndarray]
    fingerprint: str
    pooling: str
    prefix: str
    parameters: int
    megabytes: float
    licence: str


@dataclass(frozen=True)
class ReadyPlan:
    """A ready-made encoder with the pooling and the prefix that it was made for.

    Attributes:
        encoder: a key of :data:`~simcse_core.ready_made.READY_MADE`, a folder or a hub id.
        pooling: empty for what its folder says.
        prefix: stands before each sentence; None for what its folder says.
        label: what it is called on results; empty for its own name.
    """

    encoder: str
    pooling: str = ""
    prefix: str | None = None
    label: str = ""

    @classmethod
    def of(cls, asked: str | Mapping[str, str]) -> Self:
        """What a notebook asks for: a name, or a mapping of ``encoder``, ``pooling``, ``prefix``.

        Raises:
            EncoderNameError: a bare name that means two encoders.
        """
        given = {"encoder": asked} if isinstance(asked, str) else dict(asked)
        return cls(**{**given, "encoder": encoder_name(given["encoder"])})

    def load(self) -> ReadyMadeEncoder:
        """The encoder as it is.

        Raises:
            ParameterError: nothing says its pooling, or it is one that leaves no choice.
            EncoderError, HubError, ReadyMadeError, SettingsError: it cannot be had or followed.
        """
        only_encodes = self.encoder in encode_only_names()
        found = _from_package(self) if only_encodes else _from_folder(self)
        return replace(found, name=self.label or label(found.name))

    def __getstate__(self) -> dict[str, Any]:
        """What it is pickled as: without the encoder that was loaded for looking."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def stamp(self) -> dict[str, Any]:
        """What it is called on results, what decides them, and what it costs."""
        found = self.load()
        told = {field.name: getattr(found, field.name) for field in fields(found)}
        return {"encoder": told.pop("name"), **{k: v for k, v in told.items() if k != "encode"}}

    def describe(self) -> str:
        """One line for people, without any path of the machine."""
        told = self.stamp
        prefix = f", prefix {told['prefix']!r}" if told["prefix"] else ""
        size = f"{told['parameters']:,} parameters, {told['megabytes']:.0f} MB"
        licence = told["licence"] or "licence not stated"
        return (
            f"{told['encoder']}: ready-made, {told['pooling']} pooling{prefix}, {size}, {licence}"
        )


def ready_plans(
    asked: Sequence[str | Mapping[str, str]], reserved: Collection[str] = ()
) -> list[ReadyPlan]:
    """The ready-made encoders that a notebook asks for, each with a label of its own.

    Args:
        reserved: labels that mean something else on results.

    Raises:
        EncoderNameError: one encoder twice; and see :meth:`ReadyPlan.load`.
    """
    plans = [ReadyPlan.of(one) for one in asked]
    found = [(f"{plan.encoder}, {plan.pooling}, {plan.prefix}", plan.stamp) for plan in plans]
    labels = unique_labels(
        [(name, told["encoder"], told["fingerprint"]) for name, told in found], reserved
    )
    return [
        plan if plan.stamp["encoder"] == mine else replace(plan, label=mine)
        for plan, mine in zip(plans, labels, strict=True)
    ]


def sentences_per_second(
    encode: Callable[[Sequence[str]], np.ndarray], sentences: Sequence[str]
) -> float:
    """How many sentences are encoded in a second of processor time on one thread.

    Other work on the machine does not count; what is set up by the first call neither.
    """
    timed = list(sentences)[:TIMED_SENTENCES]
    with on_threads(1):
        encode(timed[:8])
        begun = time.process_time()
        encode(timed)
        seconds = time.process_time() - begun
    return len(timed) / max(seconds, time.get_clock_info("process_time").resolution)


def _from_package(plan: ReadyPlan) -> ReadyMadeEncoder:
    if plan.pooling or plan.prefix:
        raise ParameterError(
            f"ready_made: {plan.encoder} has one way to encode; leave pooling and prefix out"
        )
    encode, found = load_encode(plan.encoder), resources(plan.encoder)
    return ReadyMadeEncoder(
        plan.encoder,
        encode,
        found.sha256[:12],
        OWN,
        "",
        found.parameters,
        found.bytes / 1e6,
        READY_MADE[plan.encoder].licence,
    )


def _from_folder(plan: ReadyPlan) -> ReadyMadeEncoder:
    folder, _ = locate_encoder(plan.encoder)
    if not plan.pooling and read_settings(folder) is None:
        raise ParameterError(
            f"ready_made: {plan.encoder} does not say its pooling; say it, as in "
            f'{{"encoder": "{plan.encoder}", "pooling": "mean"}}'
        )
    encoder = SentenceEncoder.from_pretrained(
        plan.encoder, plan.pooling or None, prefix=plan.prefix
    )
    known = READY_MADE.get(plan.encoder)
    return ReadyMadeEncoder(
        encoder.name,
        encoder.encode,
        encoder.fingerprint,
        encoder.pooling.value,
        encoder.prefix,
        sum(weights.numel() for weights in encoder.model.parameters()),
        _bytes(folder) / 1e6,
        known.licence if known else licence_of(folder),
    )


def _bytes(folder: Path) -> int:
    """Of weights and vocabulary; other frameworks' weights may lie beside them."""
    patterns = ("*.safetensors", *TOKENIZER_FILES)
    files = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return sum(file.stat().st_size for file in files)
