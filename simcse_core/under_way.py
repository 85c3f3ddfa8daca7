"""What a notebook's cells are at, told to the study that runs it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from simcse_core.files import write_json

# The file that a study looks into while a notebook runs; not set where none runs it.
UNDER_WAY_VARIABLE = "SIMCSE_UNDER_WAY"


class UnderWay(NamedTuple):
    """Names of cells.

    Attributes:
        kept: there were results of them already.
        done: computed since, with or without success.
        now: one for each process that computes.
    """

    kept: Sequence[str] = ()
    done: Sequence[str] = ()
    now: Sequence[str] = ()


def tell_study(state: UnderWay) -> None:
    """Leaves word for the study, if there is one; a disk that is full stops no computing."""
    if path := os.environ.get(UNDER_WAY_VARIABLE):
        with suppress(OSError):
            write_json(Path(path), state._asdict())


def told_study(path: Path) -> UnderWay:
    """What a notebook told last; nothing if it has not yet."""
    try:
        told = UnderWay(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return UnderWay()
    return told if all(map(_are_names, told)) else UnderWay()


def _are_names(part: object) -> bool:
    return isinstance(part, list | tuple) and all(isinstance(name, str) for name in part)
