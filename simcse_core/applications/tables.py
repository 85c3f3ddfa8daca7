"""CSV files of people: every fault named by file and line, and written whole or not at all."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simcse_core.applications.inputs import InputError
from simcse_core.files import write_text

# Spreadsheets take a UTF-8 file for one of the machine's own encoding unless it begins with this.
BYTE_ORDER_MARK = "\ufeff"


def read_table(
    path: Path, columns: Sequence[str], encoding: str = "utf-8", may_be_empty: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Reads columns of a CSV file with a header.

    Args:
        path: the file; a byte order mark, CRLF and quoted line breaks are accepted.
        columns: the ones wanted; others are ignored.
        encoding: of the file.
        may_be_empty: whether a cell may hold nothing.

    Returns:
        For each row the number of its last line and its cells by column.

    Raises:
        InputError: no such file, another encoding or format, a column missing or there twice, an
            empty cell, or no row.
    """
    text = _decoded(Path(path), encoding)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: no CSV ({error})") from error
    if not lines:
        raise InputError(f"{path}: is empty; a header with {', '.join(columns)} is needed")
    header = lines[0][1]
    _check_header(path, header, columns)
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells, the header has {len(header)}; put "
                "texts with commas in double quotes"
            )
        row = dict(zip(header, cells, strict=True))
        if not may_be_empty and (empty := [c for c in columns if not row[c].strip()]):
            raise InputError(f"{path}, line {line}: {empty[0]}: is empty")
        rows.append((line, {column: row[column] for column in columns}))
    if not rows:
        raise InputError(f"{path}: has a header and no row")
    return rows


def read_columns(path: Path, columns: Sequence[str], encoding: str = "utf-8") -> list[list[str]]:
    """The cells of each column of a CSV file, stripped of spaces around them.

    Raises:
        InputError: as :func:`read_table`.
    """
    rows = read_table(path, columns, encoding)
    return [[row[column].strip() for _, row in rows] for column in columns]


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Writes a CSV file that spreadsheets open in the right encoding, whole or not at all."""
    text = table.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # alone, it ends a line for whoever reads it, and is quoted only if all is
        text = table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    write_text(Path(path), BYTE_ORDER_MARK + text)


def check_target(path: Path, read: Sequence[Path]) -> None:
    """Refuses a file that cannot be written, before any work is done for it.

    Args:
        path: what will be written.
        read: what is read, and so may not be written over.

    Raises:
        InputError: it is a folder or one of ``read``, or its folder is not there or read-only.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if path.resolve() in {other.resolve() for other in read}:
        raise InputError(f"{path}: is read from and would be written over; name another file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: its folder is not there or read-only; name another one")


def _decoded(path: Path, encoding: str) -> str:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    content = path.read_bytes()
    if content.startswith(codecs.BOM_UTF8):  # which says so itself, as what is written here does
        encoding = "utf-8"
    try:
        text = content.decode(encoding).removeprefix(BYTE_ORDER_MARK)
    except LookupError as error:
        raise InputError(f"encoding: {encoding!r} is unknown; utf-8 or gb18030?") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: is not {encoding}; save it as CSV UTF-8, or name its encoding "
            "(gb18030 for most Chinese spreadsheets)"
        ) from error
    except UnicodeError as error:  # an encoding for names, or one that begins with a mark
        raise InputError(
            f"{path}: cannot be read as {encoding} ({error}); save it as CSV UTF-8, or name its "
            "encoding (gb18030 for most Chinese spreadsheets)"
        ) from error
    if codecs.lookup(encoding).name not in _UTF8 and _is_utf8(content):
        raise InputError(
            f"{path}: is UTF-8 and would be garbled as {encoding}; leave --encoding out, or save "
            "all files in one encoding"
        )
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}, line {line}: holds a NUL character; is it a CSV file?")
    return text


_UTF8 = ("utf-8", "utf-8-sig")


def _is_utf8(content: bytes) -> bool:
    """Whether bytes hold characters beyond ASCII in UTF-8, which no other encoding gives."""
    try:
        return not content.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    if len(set(columns)) < len(columns):
        raise InputError(
            f"{path}: column {columns[0]!r} cannot be both text and label; name two columns"
        )
    for column in columns:
        if header.count(column) > 1:
            raise InputError(f"{path}: column {column!r} is there twice; rename one")
    if missing := [column for column in columns if column not in header]:
        other = next((mark for mark in ("\t", ";", "，") if mark in header[0]), None)
        hint = f"; cells are separated by commas, not by {other!r}" if other else ""
        raise InputError(
            f"{path}: no column {', '.join(map(repr, missing))}; it has {', '.join(header)}{hint}"
        )
