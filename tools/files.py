"""Folders that other libraries write to, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes ``folder`` when all of it is written, or not at all.

    Where ``folder`` is there already, it stands as it was until then; its files of other names are
    carried over.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        new, old = Path(place) / "new", Path(place) / "old"
        new.mkdir()
        yield new
        for path in new.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if folder.exists():
            shutil.copytree(folder, new, dirs_exist_ok=True, copy_function=_copy_if_missing)
            os.rename(folder, old)
        os.rename(new, folder)


def _copy_if_missing(source: str, target: str) -> None:
    if not os.path.exists(target):
        shutil.copy2(source, target)
