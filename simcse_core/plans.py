"""An encoder with all that it is studied with."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import Any

from simcse_core.config import (
    BEST,
    OWN,
    PROTOCOLS,
    Pooling,
    TrainConfig,
    encoder_settings,
    own_pooling,
)
from simcse_core.data import StudyData
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name, unique_labels
from simcse_core.errors import ParameterError
from simcse_core.evaluation import look_up, pair_cosines
from simcse_core.labels import label
from simcse_core.statistics import spearman
from simcse_core.untrained_encoder import UntrainedEncoder

MOST_UNKNOWN = 0.5  # share of tokens
# The best poolings that a study found before its notebooks run, which take them from there.
FOUND_VARIABLE = "SIMCSE_BEST_POOLINGS"
# Of training on a sentence, in encodings of one: two views, forward and backward. Measured for four
# shapes and batches: 6.4 to 6.9 (docs/scale.md).
TRAINING_COST = 6.6


@dataclass(frozen=True)
class Plan:
    """An encoder with the pooling and training settings it is studied with.

    Attributes:
        max_seq_length: tokens after which a sentence is cut; None for the encoder's own setting.
        label: what it is called on results; empty for its own name.
        shared: what it looks at, with other plans of the encoder; None for one of its own.
    """

    encoder: str
    pooling: Pooling
    train: TrainConfig
    max_seq_length: int | None = None
    label: str = ""
    shared: UntrainedEncoder | None = field(default=None, repr=False, compare=False)

    def load(self) -> SentenceEncoder:
        """A fresh copy of the encoder, untrained."""
        encoder = SentenceEncoder.from_pretrained(self.encoder, self.pooling, self.max_seq_length)
        encoder.name = self.label or label(encoder.name)
        return encoder

    def __getstate__(self) -> dict[str, Any]:
        """What it is pickled as: without the encoder that was loaded for looking."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.compare}

    @cached_property
    def _seen(self) -> UntrainedEncoder:
        return self.shared or UntrainedEncoder(self.encoder, self.max_seq_length)

    @property
    def untrained(self) -> SentenceEncoder:
        """The encoder as it is, for looking only: whoever trains takes a fresh copy."""
        encoder = copy(self._seen.under(self.pooling))
        encoder.name = self.label or label(encoder.name)
        return encoder

    def let_go(self) -> None:
        """Takes the encoder that was loaded for looking out of memory."""
        self._seen.let_go()

    @cached_property
    def stamp(self) -> dict[str, Any]:
        """What of the encoder decides a result, and what it is called on results."""
        seen = self._seen.traits(self.pooling)
        return {
            "encoder": self.label or label(seen.name),
            "fingerprint": seen.fingerprint,
            "pooling": self.pooling.value,
            "max_seq_length": seen.max_seq_length,
        }

    @property
    def device(self) -> str:
        """Where it runs: cpu or cuda."""
        return self._seen.traits(self.pooling).device

    @property
    def memory(self) -> int:
        """Bytes that training takes at most, beside what its process takes anyway.

        Weights, gradients, AdamW's two moments, and the first three once more for a point that is
        measured on a branch, all in float32; and what a step keeps for its gradients, twice the 34
        bytes a token, unit and layer of 16-bit training (Korthikanti et al., 2022).
        """
        size, tokens = self._seen.size(self.pooling), 2 * self.train.batch_size
        kept = 2 * 34 * size.units * tokens * self._seen.traits(self.pooling).max_seq_length
        return 7 * 4 * size.parameters + kept

    def cost(self, encoded: int, trained: int = 0) -> float:
        """What encoding and training on so many sentences cost, for comparing cells.

        In sentences that are encoded, times the weights of the layers: what their time is nearly
        proportional to, whatever the encoder.
        """
        in_layers = self._seen.size(self.pooling).layer_parameters
        return float((encoded + TRAINING_COST * trained) * in_layers)

    def check_trainable(self) -> None:
        """Raises an EncoderError that says why, if the encoder can encode and not be trained."""
        if not self._seen.traits(self.pooling).trainable:
            self.untrained.check_trainable()

    def describe(self) -> str:
        """One line for people, without any path of the machine."""
        t = self.train
        return (
            f"{self.stamp['encoder']}: {self.pooling} pooling, batch {t.batch_size}, learning rate "
            f"{t.learning_rate:g}, dropout {t.dropout:g}, temperature {t.temperature:g}"
        )

    def describe_cut(
        self, sentences: Sequence[str], measured: str = "sentences of dev and test"
    ) -> str:
        """One line for people: how many of the sentences that are ``measured`` are cut."""
        n, longest = self.untrained.n_truncated(sentences), self.stamp["max_seq_length"]
        cut = f"cut at {longest} tokens: {n:,} of the {len(sentences):,} {measured}"
        unknown = self.untrained.unknown_share(sentences)
        return f"{cut}; {unknown:.2%} of their tokens are unknown" if unknown else cut

    def check_known(self, sentences: Sequence[str]) -> None:
        """Raises a ParameterError where the encoder knows less than half of what it is to read."""
        if (unknown := self.untrained.unknown_share(sentences)) > MOST_UNKNOWN:
            raise ParameterError(
                f"encoder: {unknown:.0%} of the tokens of dev and test are unknown to "
                f"{self.stamp['encoder']}, so that it takes most sentences for one another; name "
                "an encoder whose vocabulary has these characters"
            )


def make_plan(
    encoder: str | Path,
    pooling: str,
    training: Mapping[str, object] | None = None,
    max_seq_length: int | None = None,
) -> Plan:
    """An encoder under a pooling: its own training settings, with what is given in their place.

    Raises:
        ValueError: an unknown pooling, an unknown training setting or a value out of range.
        EncoderNameError: a bare name that means two encoders.
    """
    name, pooled = encoder_name(encoder), Pooling(pooling)
    own = asdict(encoder_settings(name, pooled).train)
    train = TrainConfig.from_mapping({**own, **(training or {})})
    return Plan(name, pooled, train, max_seq_length or None)


def make_plans(
    encoder: UntrainedEncoder,
    data: StudyData,
    poolings: Sequence[str] = PROTOCOLS,
    training: Mapping[str, object] | None = None,
) -> list[Plan]:
    """An encoder under each of several poolings, once where :data:`BEST` is one that is named too.

    Raises:
        ValueError: see :func:`make_plan`; or no pooling of the encoder has a score on dev.
        DataError: the best one is asked for, and there are no labelled pairs to tell by.
    """
    found: list[Plan] = []
    for asked in poolings:
        if asked == OWN:
            asked = encoder.own_pooling().value
        if asked == BEST:
            data.require_pairs("dev")
            asked = best_pooling(_sharing(encoder, own_pooling(encoder.name)), data).value
        plan = _sharing(encoder, asked, training)
        found += [plan] if plan not in found else []
    return found


def named_poolings(plan: Plan, asked: Sequence[str]) -> list[Pooling]:
    """The poolings of an encoder that are asked for by name, or as its own."""
    return [
        plan._seen.own_pooling() if one == OWN else Pooling(one) for one in asked if one != BEST
    ]


def _sharing(
    encoder: UntrainedEncoder, pooling: str, training: Mapping[str, object] | None = None
) -> Plan:
    plan = make_plan(encoder.name, pooling, training, encoder.max_seq_length)
    return replace(plan, shared=encoder)


def best_pooling(plan: Plan, data: StudyData) -> Pooling:
    """The pooling under which the encoder, as it is, has the highest Spearman on dev.

    One forward of dev's sentences gives all. Of equal ones the first of :class:`Pooling` is taken.

    Raises:
        ValueError: none has a score, as where all cosines are the same.
        ParameterError: most of what the encoder is to read is unknown to it.
    """
    key = f"{plan._seen.whatever_pooling(plan.pooling)} {data.fingerprint}"
    if key not in _BEST:
        if not (found := _handed_over(key)):
            plan.check_known(data.held_out())
            found = _best_on_dev(plan.untrained, data)
        _BEST[key] = found
    return _BEST[key]


# By encoder and data: a study asks before it starts, for every notebook.
_BEST: dict[str, Pooling] = {}


def found_poolings() -> str:
    """What :func:`best_pooling` has found so far, for the notebooks of a study."""
    return json.dumps(_BEST)


def _handed_over(key: str) -> Pooling | None:
    """What the study that runs this notebook has found; None where it has not, or there is none."""
    with suppress(ValueError, AttributeError):
        return Pooling(json.loads(os.environ.get(FOUND_VARIABLE, "{}")).get(key))
    return None


def _best_on_dev(encoder: SentenceEncoder, data: StudyData) -> Pooling:
    sentences = data.dev.sentences()
    vectors = encoder.encode_poolings(sentences, encoder.poolings())
    scores = {
        pooling: spearman(pair_cosines(look_up(sentences, found), data.dev), data.dev.scores)
        for pooling, found in vectors.items()
    }
    known = {pooling: score for pooling, score in scores.items() if not isnan(score)}
    if not known:
        raise ValueError(
            f"pooling: {BEST} cannot be told, since no pooling of {encoder.name} has a score "
            f"on dev of {data.name}; name one of {', '.join(scores)}"
        )
    return max(known, key=known.__getitem__)


def distinct(plans: Sequence[Plan], reserved: Collection[str] = ()) -> list[Plan]:
    """The plans of a run, each with a label of its own.

    Args:
        reserved: labels that mean something else on results.

    Raises:
        EncoderNameError: one encoder twice.
    """
    found = [(plan.encoder, plan.stamp["encoder"], plan.stamp["fingerprint"]) for plan in plans]
    labels = unique_labels(found, reserved)
    return [
        plan if plan.stamp["encoder"] == mine else replace(plan, label=mine)
        for plan, mine in zip(plans, labels, strict=True)
    ]
