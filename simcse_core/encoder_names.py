"""Which encoder a name means, and what an encoder is called on results."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from simcse_core.config import BUNDLED_ENCODERS
from simcse_core.errors import PlainError
from simcse_core.labels import label
from simcse_core.ready_made import READY_MADE


class EncoderNameError(PlainError, ValueError):
    """A name that means two encoders, or two names that mean one; the message names them."""


def encoder_name(name: str | Path) -> str:
    """The name as text that means the same: a ``Path`` is always a folder.

    Raises:
        EncoderNameError: a bare name that means an encoder of this package and a folder here.
    """
    if isinstance(name, Path):
        text = str(name)
        return text if text.startswith("~") else os.path.join(os.curdir, text)
    if (name in BUNDLED_ENCODERS or name in READY_MADE) and Path(name).is_dir():
        raise EncoderNameError(
            f"encoder: {name!r} is an encoder of this package and a folder here; write "
            f"./{name} for the folder, or go to another folder for the other"
        )
    return name


def unique_labels(
    encoders: Sequence[tuple[str, str, str]], reserved: Collection[str] = ()
) -> list[str]:
    """A label for each encoder of a run; where several share one, a ``#fingerprint`` ends it.

    Args:
        encoders: the name it was asked for by, what it is called, its fingerprint. One name may
            stand there with several fingerprints, of one pooling each.
        reserved: labels that mean something else on results.

    Raises:
        EncoderNameError: one encoder under two names, or twice under one.
    """
    by_fingerprint: dict[str, str] = {}
    first_fingerprint: dict[str, str] = {}
    askers: dict[str, set[str]] = {}
    for name, called, fingerprint in encoders:
        if fingerprint in by_fingerprint:
            raise EncoderNameError(
                f"encoders: {by_fingerprint[fingerprint]!r} and {name!r} are the same encoder; "
                "name it once"
            )
        by_fingerprint[fingerprint] = name
        first_fingerprint.setdefault(name, fingerprint)
        askers.setdefault(label(called), set()).add(name)
    return [
        f"{mine}#{first_fingerprint[name][:7]}"
        if (mine := label(called)) in reserved or len(askers[mine]) > 1
        else mine
        for name, called, _ in encoders
    ]
