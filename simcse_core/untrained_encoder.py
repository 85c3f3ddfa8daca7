"""An encoder as it is, loaded once for all that is planned with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simcse_core.config import Pooling
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoder_names import encoder_name


class Traits(NamedTuple):
    """What planning asks of an encoder under a pooling.

    Attributes:
        name: what it is called on results, unless a plan has a label for it.
        fingerprint: of all that decides a vector.
        device: where it runs: cpu or cuda.
        trainable: whether it can be trained, and not only encode.
    """

    name: str
    fingerprint: str
    max_seq_length: int
    device: str
    trainable: bool


class Size(NamedTuple):
    """How large an encoder is.

    Attributes:
        units: width of a layer times the number of layers.
        parameters: how many numbers were learnt.
        layer_parameters: the same without the vectors of tokens.
    """

    units: int
    parameters: int
    layer_parameters: int


class UntrainedEncoder:
    """An encoder for looking only, shared by plans: whoever trains loads a copy of its own.

    It is loaded when it is first looked at, once for all poolings. After its weights are let go,
    what was found of it stays; whoever looks at more loads it again.
    """

    def __init__(self, name: str | Path, max_seq_length: int | None = None) -> None:
        """Loads nothing yet.

        Args:
            max_seq_length: tokens after which a sentence is cut; None for the encoder's setting.

        Raises:
            EncoderNameError: a bare name that means two encoders.
        """
        self.name = encoder_name(name)
        self.max_seq_length = max_seq_length
        self._loaded: dict[Pooling, SentenceEncoder] = {}
        self._fingerprints: dict[Pooling, str] = {}
        self._traits: dict[Pooling, Traits] = {}
        self._size: Size | None = None
        self._own_pooling: Pooling | None = None

    def own_pooling(self) -> Pooling:
        """What its folder says, or what a bundled encoder serves under."""
        if self._own_pooling is None:
            encoder = SentenceEncoder.from_pretrained(self.name, None, self.max_seq_length)
            self._own_pooling = encoder.pooling
            self._loaded.setdefault(encoder.pooling, encoder)
        return self._own_pooling

    def under(self, pooling: Pooling) -> SentenceEncoder:
        """The encoder under a pooling.

        Raises:
            EncoderError, HubError, ReadyMadeError, SettingsError: see
                :meth:`SentenceEncoder.from_pretrained`.
        """
        if pooling not in self._loaded:
            other = next(iter(self._loaded.values()), None)
            self._loaded[pooling] = (
                other.with_pooling(pooling)
                if other
                else SentenceEncoder.from_pretrained(self.name, pooling, self.max_seq_length)
            )
        return self._loaded[pooling]

    def traits(self, pooling: Pooling) -> Traits:
        """What planning asks of it under a pooling; raises what :meth:`under` does."""
        if pooling not in self._traits:
            encoder = self.under(pooling)
            self._traits[pooling] = Traits(
                encoder.name,
                self._fingerprint(encoder),
                encoder.max_seq_length,
                encoder.device.type,
                not encoder.training_fault,
            )
        return self._traits[pooling]

    def whatever_pooling(self, pooling: Pooling) -> str:
        """The same fingerprint for all poolings: that under the first that the encoder has."""
        return self._fingerprint(self.under(pooling).under_first_pooling())

    def size(self, pooling: Pooling) -> Size:
        """How large it is, under whichever pooling it is looked at."""
        if self._size is None:
            self._size = _size(self.under(pooling).model)
        return self._size

    def let_go(self) -> None:
        """Takes the weights out of memory, where nobody else has them."""
        self._loaded.clear()

    def _fingerprint(self, encoder: SentenceEncoder) -> str:
        """That of one of the encoders here, whose weights stay as they are, computed once."""
        if encoder.pooling not in self._fingerprints:
            self._fingerprints[encoder.pooling] = encoder.fingerprint
        return self._fingerprints[encoder.pooling]


def untrained_encoders(
    encoders: Sequence[str | Path | UntrainedEncoder], max_seq_length: int | None = None
) -> list[UntrainedEncoder]:
    """Encoders by their names, none loaded yet; those that other plans share stay as they are."""
    return [
        encoder
        if isinstance(encoder, UntrainedEncoder)
        else UntrainedEncoder(encoder, max_seq_length or None)
        for encoder in encoders
    ]


def _size(model: Any) -> Size:
    of_tokens = {id(weights) for weights in model.get_input_embeddings().parameters()}
    numbers = {id(weights): weights.numel() for weights in model.parameters()}
    return Size(
        model.config.hidden_size * model.config.num_hidden_layers,
        sum(numbers.values()),
        sum(n for weights, n in numbers.items() if weights not in of_tokens),
    )
