"""The text of a file, and that it is text at all."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from simcse_core.errors import DataError

# Byte order marks and what they stand for, the longer first where one begins another.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# How a file begins that is no text of anybody's, and what it is.
_NO_TEXT = {
    "version https://git-lfs.github.com/spec/": "a git-lfs pointer; fetch it with git lfs pull",
    "<!doctype html": "an HTML page, perhaps a failed download; fetch the file again",
    "<html": "an HTML page, perhaps a failed download; fetch the file again",
}


def read_bytes(path: Path) -> bytes:
    """A file's content; raises a DataError where it cannot be read."""
    if not os.path.isfile(path):  # which raises for no name, as pathlib does for long ones
        raise DataError(f"{path}: no such file; name files relative to the source directory")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or UTF-16 and UTF-32 with a byte order mark; line ends become ``\\n``.

    Raises:
        DataError: the file is not there, empty, in another encoding, damaged, or no text; the
            message names the line and what to do.
    """
    content = read_bytes(path)
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not {encoding.removesuffix('-sig').upper()}; convert the file, "
            "for instance with iconv -f GB18030 -t UTF-8"
        ) from error
    _refuse_no_text(path, text)
    return text.replace("\r\n", "\n")


def _refuse_no_text(path: Path, text: str) -> None:
    if not text.strip():
        raise DataError(f"{path}: is empty; fetch it again")
    start = text.lstrip()[:64].lower()
    if said := next((what for begin, what in _NO_TEXT.items() if start.startswith(begin)), ""):
        raise DataError(f"{path}, line 1: this is {said}")
    if (at := text.find("\0")) >= 0:
        raise DataError(
            f"{path}, line {_line(text, at)}: holds a NUL byte, so it is not a text file or it is "
            "damaged; fetch it again"
        )
    if (at := text.replace("\r\n", "\n\n").find("\r")) >= 0:
        raise DataError(
            f"{path}, line {_line(text, at)}: a line ends in a carriage return alone; convert the "
            "file, for instance with tr '\\r' '\\n'"
        )


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
