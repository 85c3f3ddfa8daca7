"""A result that is kept, else computed and kept, in a folder that no other run works in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from simcse_core.folders import only_run
from simcse_core.results import Stamp, keep, kept


def stored(
    directory: Path, name: str, made_by: Stamp, compute: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """The kept result of this stamp, else a fresh one, which is kept."""
    found = kept(directory, name, made_by)
    if found is not None:
        return found
    with only_run(directory):
        return keep(directory, name, made_by, compute())
