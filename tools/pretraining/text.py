"""Text of one sentence a line: what is read, what is kept out, what is held out for measuring."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_ONE_IN = 100  # one line in a hundred is never trained on


@dataclass(frozen=True)
class Text:
    """Files of one sentence a line, without the sentences that must not be trained on.

    Attributes:
        excluded: normal forms, as :func:`read_excluded` gives them.
    """

    paths: tuple[Path, ...]
    excluded: frozenset[str] = frozenset()

    def sentences(self) -> Iterator[str]:
        """Stripped and not empty, in file order.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a line is not UTF-8.
        """
        for path in self.paths:
            yield from drop_excluded(read_lines(path), self.excluded)


def read_lines(path: Path) -> Iterator[str]:
    """The stripped lines of a UTF-8 file, empty ones left out; a BOM and CRLF are accepted.

    Raises:
        ValueError: a line is not UTF-8; the message names file and line.
    """
    return (line for _, line in _numbered_lines(path))


def read_excluded(paths: Iterable[Path]) -> frozenset[str]:
    """Normal forms of all sentences in STS files (``id||a||b||label``) or plain lists.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a line holds a tab, so that it would exclude nothing, or is not UTF-8.
    """
    excluded: set[str] = set()
    for path in paths:
        for number, line in _numbered_lines(path):
            if "\t" in line:
                raise ValueError(
                    f"{path}, line {number}: holds a tab, and its sentences would not be kept out; "
                    "id||a||b||label or one sentence a line is needed"
                )
            fields = line.split("||")
            excluded.update(map(normal_form, fields[1:3] if len(fields) == 4 else fields))
    return frozenset(excluded - {""})


def drop_excluded(lines: Iterable[str], excluded: frozenset[str]) -> Iterator[str]:
    """The stripped, non-empty ``lines`` whose normal form is not in ``excluded``."""
    for line in map(str.strip, lines):
        if line and normal_form(line) not in excluded:
            yield line


def is_held_out(sentence: str) -> bool:
    """Whether ``sentence`` is kept for measuring; depends on its content, so copies go together."""
    return zlib.crc32(normal_form(sentence).encode()) % HELD_OUT_ONE_IN == 0


def normal_form(sentence: str) -> str:
    """``sentence`` without case, spaces, punctuation and width, so that near-copies are equal."""
    text = unicodedata.normalize("NFKC", sentence).lower()
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN")


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    with open(path, "rb") as file:
        for number, content in enumerate(file, start=1):
            try:
                line = content.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: not UTF-8; convert the file, for instance with "
                    "iconv -f GB18030 -t UTF-8"
                ) from error
            if line:
                yield number, line
