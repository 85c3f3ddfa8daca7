"""Ways of training on few sentences, beside the plain one, a row of :data:`RECIPES` each.

A recipe changes what is trained on, how long, which weights, or what is read off along the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from simcse_core.baselines import EncodedText, fit_whitening
from simcse_core.config import TrainConfig
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, look_up

SLOWER = 3  # so many epochs, at a learning rate that many times lower
INTERPOLATED = 0.5  # the share of the trained weights (Wortsman et al., 2022, section 3)
LAST_SHARE = 1 / 3  # of the layers, where only the last ones are trained


@dataclass(frozen=True)
class Moment:
    """An encoder at a point of its training.

    Attributes:
        encoder: as it is now.
        start: as it was before.
        seen: its own sentences that it was trained on so far.
        texts: what is to be encoded.
    """

    encoder: SentenceEncoder
    start: SentenceEncoder
    seen: Sequence[str]
    texts: Sequence[str]

    @cached_property
    def vectors(self) -> Encode:
        """What the encoder makes of the texts and of what it has seen."""
        every = list(dict.fromkeys([*self.texts, *self.seen]))
        return look_up(every, self.encoder.encode(every))


# From a moment to a way of encoding its texts.
Reading = Callable[[Moment], Encode]


def _as_it_is(moment: Moment) -> Encode:
    return moment.vectors


def _whitened(moment: Moment) -> Encode:
    """Whitening fitted on the vectors that the trained encoder gives what it was trained on."""
    return fit_whitening(moment.seen, EncodedText(moment.vectors, lambda _: [], lambda _: []))


def _interpolated(moment: Moment) -> Encode:
    between = moment.start.copy_for_inference()
    weights = zip(between.model.parameters(), moment.encoder.model.parameters(), strict=True)
    with torch.no_grad():
        for mine, trained in weights:
            mine.lerp_(trained, INTERPOLATED)
    return look_up(moment.texts, between.encode(moment.texts))


def _all_weights(encoder: SentenceEncoder) -> None:
    """Nothing is held fast."""


def _without_embeddings(encoder: SentenceEncoder) -> None:
    encoder.model.get_input_embeddings().requires_grad_(False)


def _last_layers(encoder: SentenceEncoder) -> None:
    """All but the last third of the layers is held fast, and what follows the last is not."""
    n_layers = encoder.model.config.num_hidden_layers
    first = n_layers - max(1, round(LAST_SHARE * n_layers))
    for name, weights in encoder.model.named_parameters():
        layer = _layer_of(name)
        before = layer is None and "embeddings" in name
        weights.requires_grad_(not before and (layer is None or layer >= first))


def _layer_of(name: str) -> int | None:
    """The number of the layer in a weight's name, such as ``encoder.layer.2.output.dense.bias``."""
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


@dataclass(frozen=True)
class Recipe:
    """A way of training without labels.

    Attributes:
        objective: a key of :data:`simcse_core.objectives.OBJECTIVES`.
        hold: sets which weights are trained.
        readings: method to what is read off at each point; by default the encoder as it is.
        slower: epochs, each at a learning rate so many times lower.
        general: sentences of the bundled sample beside each of one's own.
    """

    objective: str = "unsup-simcse"
    hold: Callable[[SentenceEncoder], None] = _all_weights
    readings: Mapping[str, Reading] | None = None
    slower: int = 1
    general: int = 0

    def runs(self, sizes: Sequence[int]) -> list[list[int]]:
        """The sizes at which each run is read: for several epochs, every size has its own run."""
        return [[n] for n in sorted(sizes)] if self.slower > 1 else [sorted(sizes)]

    def sentences(self, sizes: Sequence[int], n_measured: int) -> tuple[int, int]:
        """How many sentences are encoded and trained on, where a point measures so many."""
        trained = sum(mine[-1] for mine in self.runs(sizes)) * self.slower * (1 + self.general)
        return len(sizes) * n_measured, trained

    def read(self, name: str) -> Mapping[str, Reading]:
        """What is read off, by the method that it is on results."""
        return self.readings or {name: _as_it_is}

    def config(self, config: TrainConfig) -> TrainConfig:
        """The settings of a run."""
        rate = config.learning_rate / self.slower
        return replace(config, num_epochs=self.slower, learning_rate=rate)


# To add one: a row here, and its looks in report.methods. The first is the plain one.
RECIPES: dict[str, Recipe] = {
    # Whitening needs no more than the vectors that are there anyway.
    "unsup-simcse": Recipe(readings={"unsup-simcse": _as_it_is, "simcse-whitening": _whitened}),
    "simcse-interpolated": Recipe(readings={"simcse-interpolated": _interpolated}),
    "esimcse": Recipe(objective="esimcse"),
    "simcse-slower": Recipe(slower=SLOWER),
    "simcse-mixed": Recipe(general=1),
    "simcse-no-embeddings": Recipe(hold=_without_embeddings),
    "simcse-last-layers": Recipe(hold=_last_layers),
}
PLAIN = next(iter(RECIPES))
