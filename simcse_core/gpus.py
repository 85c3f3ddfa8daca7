"""Which GPU a process computes on, where there are several: one each, by a lock of its own."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

import torch
from filelock import FileLock, Timeout

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
# Held as long as this process lives, however it ends.
_held: list[FileLock] = []


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as :data:`VISIBLE_VARIABLE` names them."""
    n = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(VISIBLE_VARIABLE, "").split(",")]
    return named[:n] if named[0] else [str(i) for i in range(n)]


def take_gpu(gpus: list[str], folder: Path | None = None) -> None:
    """Lets this process see one of the GPUs alone: the first that no other process has taken.

    Where all are taken, as with more workers than GPUs, it shares one. Has to come before the first
    use of CUDA in the process.

    Args:
        folder: of the locks; one of the user's in the temporary folder unless another is named.
    """
    if not gpus:
        return
    folder = folder or Path(tempfile.gettempdir()) / f"simcse-gpus-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    os.environ[VISIBLE_VARIABLE] = next(
        (gpu for gpu in gpus if _lock(folder / f"{gpu.replace('/', '-')}.lock")),
        gpus[os.getpid() % len(gpus)],
    )


def _lock(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    _held.append(lock)
    return True
