"""Where a training run stands, kept on disk, so that a run that was broken off goes on.

Both files say whose they are and carry a SHA-256 over all that they hold: one bit flipped in a
state would otherwise end in other numbers without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import torch

from simcse_core.files import remove_unfinished, whole_file, write_sealed
from simcse_core.results import Stamp, changes, damaged, read_kept
from simcse_core.translation import tell

SECONDS = 30.0  # of training that a kill may cost
# A state of BERT-base is over a gigabyte: saving may take one part in so many of the time.
PAUSE_PER_SAVE = 20
STATE = "state"  # what the state of training is kept under
_DIGEST_BYTES = hashlib.sha256().digest_size

Row = dict[str, Any]
T = TypeVar("T")


class Checkpoint:
    """The measured points and the last state of one run, in a folder that belongs to it alone.

    A point is kept as soon as it is measured; the state, every ``seconds``. What another stamp
    left in the folder is removed, and what changed is printed; what is damaged is set aside.

    Args:
        folder: made when there is something to keep.
        made_by: what decides the run.
        seconds: least time between two states.
    """

    def __init__(self, folder: Path, made_by: Stamp, seconds: float = SECONDS) -> None:
        self._folder, self._stamp, self._seconds = folder, made_by, seconds
        self._points = folder / "points.json"
        remove_unfinished(folder)
        self._measured = read_kept(self._points, made_by, _points) or {}
        if not self._measured and self._points.is_file():  # another run's
            self.remove()
        self._next_save = time.monotonic() + seconds

    def measured(self, point: int) -> list[Row] | None:
        """The rows of a point that was measured before, to the last bit; else None."""
        return self._measured.get(point)

    def record(self, point: int, rows: list[Row]) -> None:
        """Keeps the rows of a point that was measured: text and numbers."""
        self._measured[point] = rows
        content = {"stamp": self._stamp, "points": list(self._measured.items())}
        # A missing number stays NaN here, so that a row comes back as it was.
        write_sealed(self._points, content, allow_nan=True)

    def state(self) -> dict[str, Any] | None:
        """The last state that was saved, or None."""
        return self.resume(lambda state: state)

    def resume(self, restore: Callable[[dict[str, Any]], T], name: str = STATE) -> T | None:
        """What ``restore`` makes of the last state that was saved under a name, or None.

        Whatever fails on the way, in ``restore`` too, means that the file is damaged: it is set
        aside under another name, and that is printed.
        """
        path = self._path(name)
        if not os.path.lexists(path):
            return None
        try:
            content = _load(path)
            changed = changes(json.loads(content["stamp"]), self._stamp)
            if not changed:
                return restore(content["state"])
        except Exception as error:
            tell(damaged(path, error))
            return None
        tell(f"{path}: begun afresh, because {', '.join(changed)} changed")
        path.unlink()
        return None

    def save(self, state: Callable[[], dict[str, Any]]) -> None:
        """Saves a state of tensors and plain values if it is time to."""
        if time.monotonic() < self._next_save:
            return
        begun = time.monotonic()
        self.keep(STATE, state())
        ended = time.monotonic()
        self._next_save = ended + max(self._seconds, PAUSE_PER_SAVE * (ended - begun))

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """Keeps tensors and plain values under a name, for :meth:`resume`."""
        with whole_file(self._path(name)) as file:
            file.write(bytes(_DIGEST_BYTES))
            digesting = _Digesting(file)
            content = {"stamp": json.dumps(self._stamp), "state": state}
            torch.save(content, cast(IO[bytes], digesting))
            file.seek(0)
            file.write(digesting.digest.digest())

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pt"

    def remove(self) -> None:
        """Forgets the run: it is finished, or it is another's."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Digesting:
    """A file to write to in one go that keeps a SHA-256 of what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _load(path: Path) -> dict[str, Any]:
    """What was saved, once its checksum holds; no code in it is run."""
    with path.open("rb") as file:
        wanted = file.read(_DIGEST_BYTES)
        if hashlib.file_digest(file, "sha256").digest() != wanted:
            raise ValueError("it is not what its checksum was made of")
        file.seek(_DIGEST_BYTES)
        return torch.load(file, map_location="cpu", weights_only=True)


def _points(content: dict[str, Any]) -> dict[int, list[Row]]:
    return {int(point): list(rows) for point, rows in content["points"]}
