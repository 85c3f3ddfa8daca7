"""Where a training run stands, kept on disk, so that a run that was broken off goes on."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from simcse_core.results import Stamp, read_kept, whole_file, write_text

SECONDS = 30.0  # of training that a kill may cost
# A state of BERT-base is over a gigabyte: saving may take one part in so many of the time.
PAUSE_PER_SAVE = 20

Row = dict[str, Any]


class Checkpoint:
    """The measured points and the last state of one run, in a folder that belongs to it alone.

    A point is kept as soon as it is measured; the state, every ``seconds``. What another stamp
    left in the folder is removed, and what changed is printed.

    Args:
        folder: made when there is something to keep.
        made_by: what decides the run.
        seconds: least time between two states.
    """

    def __init__(self, folder: Path, made_by: Stamp, seconds: float = SECONDS) -> None:
        self._folder, self._stamp, self._seconds = folder, made_by, seconds
        self._points, self._state = folder / "points.json", folder / "state.pt"
        self._measured: dict[int, list[Row]] = {}
        if kept := read_kept(self._points, made_by):
            self._measured = dict(kept["points"])
            for unfinished in folder.glob(".*"):  # a kill in mid-write leaves it
                unfinished.unlink()
        else:
            self.remove()
        self._next_save = time.monotonic() + seconds

    def measured(self, point: int) -> list[Row] | None:
        """The rows of a point that was measured before, to the last bit; else None."""
        return self._measured.get(point)

    def record(self, point: int, rows: list[Row]) -> None:
        """Keeps the rows of a point that was measured: text and numbers."""
        self._measured[point] = rows
        self._write_points()

    def state(self) -> dict[str, Any] | None:
        """The last state that was saved, or None."""
        if not self._state.is_file():
            return None
        try:
            return torch.load(self._state, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            print(f"{self._state}: cannot be read ({error}); the run begins afresh")
            return None

    def save(self, state: Callable[[], dict[str, Any]]) -> None:
        """Saves a state of tensors and plain values if it is time to."""
        if time.monotonic() < self._next_save:
            return
        self._write_points()  # says whose state it is
        begun = time.monotonic()
        with whole_file(self._state) as file:
            torch.save(state(), file)
        ended = time.monotonic()
        self._next_save = ended + max(self._seconds, PAUSE_PER_SAVE * (ended - begun))

    def remove(self) -> None:
        """Forgets the run: it is finished, or it is another's."""
        self._state.unlink(missing_ok=True)  # first: the points say whose it is
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write_points(self) -> None:
        content = {"stamp": self._stamp, "points": list(self._measured.items())}
        # A missing number stays NaN here, so that a row comes back as it was.
        write_text(self._points, json.dumps(content, ensure_ascii=False, default=_as_number))


def _as_number(value: Any) -> Any:
    return value.item()  # numpy's numbers
