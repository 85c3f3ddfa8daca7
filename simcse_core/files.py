"""Files that appear whole or not at all, JSON with a checksum, and paths as users say them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any

# In the name of every file that is not yet whole; what is removed after a kill has it, all else
# stays.
UNFINISHED = ".simcse-tmp"
CHECKSUM = "checksum"  # the key under which sealed JSON keeps it
LONGEST_NAME = 120  # bytes of a file's name without its endings; file systems take 255


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path that a user means and that is read, ``~`` and ``~name`` being homes.

    Where nobody has that name it stays as it is, so that nothing is there; a path that is written
    to goes through :func:`simcse_core.folders.resolved`, which refuses it.
    """
    return Path(os.path.expanduser(path))  # pathlib raises for nobody's home


def write_json(path: Path, content: object) -> None:
    """Writes JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all: a temporary file, fsync, rename."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to that appears under ``path`` when all of it is written, or not at all.

    Its mode is what the umask leaves of 0666, as for any file that a program makes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path) -> None:
    """Removes what writes that were killed have left in a folder, and nothing else."""
    for path in folder.glob(f".*{UNFINISHED}*"):
        if path.is_file() or path.is_symlink():
            path.unlink()


def set_aside(path: Path) -> Path:
    """Gives a damaged file another name, under which nothing is looked for; returns it."""
    names = (path.with_name(f"{path.name}.damaged-{i}") for i in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    os.rename(path, aside)
    return aside


def safe_name(name: str) -> str:
    """A file's name out of any text: letters and digits of any script, ``-``, ``_`` and ``.``.

    What is longer than :data:`LONGEST_NAME` bytes is cut, and ends in a hash of all of it.
    """
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    if len(safe.encode("utf-8")) <= LONGEST_NAME:
        return safe
    end = "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    cut = safe.encode("utf-8")[: LONGEST_NAME - len(end)].decode("utf-8", "ignore")
    return cut + end


def sha256(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any], allow_nan: bool = False) -> None:
    """Writes a JSON object with a SHA-256 over it.

    Args:
        allow_nan: for what only this package reads; other readers of JSON take no NaN.
    """
    plain = json.loads(json.dumps(content, default=_as_number, allow_nan=allow_nan))
    sealed = {CHECKSUM: _checksum(plain), **plain}
    write_text(path, json.dumps(sealed, indent=1, ensure_ascii=False) + "\n")


def read_sealed(path: Path) -> dict[str, Any]:
    """What :func:`write_sealed` wrote, without the checksum.

    Raises:
        ValueError: it is not JSON, not an object, or not what the checksum was made of.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(content, dict) or CHECKSUM not in content:
        raise ValueError("it has no checksum")
    if content.pop(CHECKSUM) != _checksum(content):
        raise ValueError("it is not what its checksum was made of")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")))


def _as_number(value: Any) -> Any:
    return value.item()  # numpy's numbers
