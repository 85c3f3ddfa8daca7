"""Pieces of computing that a notebook is made of, and the one place that computes them.

A cell says all that is needed to compute it in a process of its own, and what decides its result.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from simcse_core.checkpoint import Checkpoint
from simcse_core.files import safe_name
from simcse_core.results import Stamp, stamp, stored


@dataclass(frozen=True)
class Cell:
    """One piece of computing: a fit, or a training run.

    Attributes:
        name: of its file, and for people.
        compute: a function of a module; its code, with all that it imports, is stamped.
        args: what it is called with; can be pickled.
        parts: what of the arguments decides the result, for the stamp.
        resumes: whether it takes a :class:`Checkpoint` last, and so goes on where it broke off.
    """

    name: str
    compute: Callable[..., pd.DataFrame]
    args: tuple[Any, ...]
    parts: Mapping[str, object] = field(default_factory=dict)
    resumes: bool = False


def compute_cells(
    cells: Sequence[Cell], directory: Path, prefix: str, shared: Mapping[str, object]
) -> Iterator[pd.DataFrame]:
    """The rows of each cell, in order: those kept in ``directory``, else computed and kept there.

    Args:
        prefix: stands before each file's name.
        shared: what decides all of them beside their own parts.
    """
    bar = tqdm(cells, desc=prefix, unit="cell", leave=False)
    for cell in bar:
        bar.set_description(cell.name)
        made_by = stamp([cell.compute.__module__], **shared, **cell.parts)
        yield _stored(cell, directory, safe_name(f"{prefix}-{cell.name}"), made_by)


def _stored(cell: Cell, directory: Path, name: str, made_by: Stamp) -> pd.DataFrame:
    compute = partial(cell.compute, *cell.args)
    if not cell.resumes:
        return stored(directory, name, made_by, compute)
    folder = directory / "cells" / f"{name}.unfinished"
    frame = stored(directory, name, made_by, lambda: compute(Checkpoint(folder, made_by)))
    shutil.rmtree(folder, ignore_errors=True)
    return frame
