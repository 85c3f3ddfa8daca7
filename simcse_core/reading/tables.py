"""Files of each kind as rows and columns of text: txt, csv, tsv, JSON lines, parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from simcse_core.errors import DataError, one_line
from simcse_core.plain_text import all_look_like, looks_like, odd_character
from simcse_core.reading.text import read_bytes, read_text

BARS = "||"
# An odd number of bars from three on: nobody can say to which field the last one belongs.
_ODD_BARS = re.compile(r"(?<!\|)\|{2}(?:\|\|)*\|(?!\|)")


@dataclass(frozen=True)
class Table:
    """What a file holds, every cell as text, empty where there is none.

    Attributes:
        columns: names from a first line or from JSON; None where nothing names them.
        rows: where a row stands, as a line or row number, and its cells.
        unit: what is counted, ``line`` or ``row``.
    """

    path: Path
    columns: tuple[str, ...] | None
    rows: list[tuple[int, tuple[str, ...]]]
    unit: str = "line"

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.rows[0][1])

    def at(self, place: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.path}, {self.unit} {place}"


def read_table(path: Path) -> Table:
    """A file of one of :data:`KINDS`, which its name's ending tells.

    Raises:
        DataError: another kind, or a file that does not look like its kind; the message names the
            line and how to say what it is.
    """
    read = KINDS.get(path.suffix.lower())
    if read is None:
        raise DataError(
            f"{path}: what kind of file is this? Known are {', '.join(KINDS)}; give it the ending "
            "of its kind"
        )
    return read(path)


def with_header(table: Table, is_name: Callable[[str], bool]) -> Table:
    """The table with its first row as names of columns, if that is what it holds.

    It is if ``is_name`` knows a cell of it, or if it has a word where a column else has numbers.
    """
    if table.columns is not None or len(table.rows) < 2:
        return table
    (place, first), *rest = table.rows
    words = (
        cell and not is_number(cell) and all(is_number(row[i]) for _, row in rest)
        for i, cell in enumerate(first)
    )
    if not any(map(is_name, first)) and not (table.width > 1 and any(words)):
        return table
    if len(set(first)) < len(first):
        raise DataError(f"{table.at(place)}: two columns have one name; rename one")
    return Table(table.path, first, rest, table.unit)


def is_number(text: str) -> bool:
    """Whether a cell is a finite number in plain digits."""
    if not text.isascii() or "_" in text:
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


# ---------------------------------------------------------------- by kind


def _read_txt(path: Path) -> Table:
    """One sentence a line; or fields, if the first line has some, separated by tabs or ``||``."""
    lines = _lines(path)
    first = next(line for _, line in lines if line.strip())
    for separator, told in (("\t", "tabs"), (BARS, "'||'")):
        if separator in first:
            return Table(path, None, list(_fields(path, lines, separator, told)))
    for number, line in lines:
        if kind := looks_like(line.strip() or "-") or odd_character(line):
            raise _no_sentence(path, number, f"it looks like {kind}")
    if kind := all_look_like([line.strip() for _, line in lines]):
        raise _no_sentence(path, 1, f"all lines look like {kind}")
    return Table(path, None, [(number, (line.strip(),)) for number, line in lines])


def _lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate(read_text(path).rstrip().split("\n"), start=1))


def _fields(
    path: Path, lines: Sequence[tuple[int, str]], separator: str, told: str
) -> Iterator[tuple[int, tuple[str, ...]]]:
    width = 0
    for number, line in lines:
        if separator == BARS:
            _refuse_odd_bars(line, f"{path}, line {number}")
        cells = tuple(cell.strip() for cell in line.split(separator))
        if not line.strip():
            cells = ("",) * width
        width = width or len(cells)
        _check_width(f"{path}, line {number}", len(cells), width, told)
        if width:
            yield number, cells


def _refuse_odd_bars(text: str, where: str) -> None:
    """Raises a DataError where fields separated by ``||`` cannot be told apart."""
    if found := _ODD_BARS.search(text):
        raise DataError(
            f"{where}: {len(found[0])} bars in a row, so it is not clear where a field ends; put a "
            "space beside the bar that belongs to a sentence, or remove it"
        )


def _check_width(where: str, got: int, wanted: int, told: str) -> None:
    if got != wanted:
        raise DataError(
            f"{where}: {got} fields, separated by {told}, where the first line has {wanted}; "
            "mend or remove the line"
        )


def _no_sentence(path: Path, line: int, what: str) -> DataError:
    return DataError(
        f"{path}, line {line}: one sentence a line expected, but {what}; name the file .csv, .tsv "
        "or .jsonl if it is that, or write the sentences alone to a file"
    )


def _read_separated(path: Path, separator: str, told: str, quoting: Any) -> Table:
    text = read_text(path)
    first = text.lstrip("\n").partition("\n")[0]
    if separator == "," and "," not in first and "\t" in first:
        raise DataError(f"{path}, line 1: a tab and no comma; name the file .tsv")
    if separator == "\t" and "\t" not in first and "," in first:
        raise DataError(f"{path}, line 1: a comma and no tab; name the file .csv")
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True, quoting=quoting)
    rows: list[tuple[int, tuple[str, ...]]] = []
    number = 1
    try:
        for row in reader:
            width = len(rows[0][1]) if rows else len(row)
            if row or rows:
                cells = tuple(cell.strip() for cell in row) or ("",) * width
                _check_width(f"{path}, line {number}", len(cells), width, told)
                rows.append((number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {number}: cannot be read as {path.suffix.lower()[1:]} ({error}); mend "
            "the quotes of the line"
        ) from error
    return Table(path, None, rows)


def _read_json(path: Path) -> Table:
    """An object a line, or one list of objects; a text in an object's place is a sentence."""
    text = read_text(path)
    if text.lstrip().startswith("["):
        content = _loads(text, f"{path}")
        values, unit = list(enumerate(content, start=1)), "row"
    else:
        lines = enumerate(text.rstrip().split("\n"), start=1)
        values = [(i, _loads(line, f"{path}, line {i}")) for i, line in lines if line.strip()]
        unit = "line"
    return _from_values(path, values, unit)


def _loads(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: cannot be read as JSON ({one_line(error)}); mend it, or name the file .txt "
            "if it is one sentence a line"
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that stands there twice, one value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} stands twice")
    return found


def _read_parquet(path: Path) -> Table:
    try:
        frame = pd.read_parquet(io.BytesIO(read_bytes(path)))
    except Exception as error:  # the parser lets through what its libraries raise
        said = one_line(error)
        raise DataError(f"{path}: cannot be read as parquet ({said}); fetch it again") from error
    columns = [str(name) for name in frame.columns]
    frame = frame.astype(object).where(frame.notna(), None)  # a gap may be pandas' own NA
    rows = frame.itertuples(index=False, name=None)
    values = [(i, dict(zip(columns, row, strict=True))) for i, row in enumerate(rows, start=1)]
    return _from_values(path, values, "row")


def _from_values(path: Path, values: Sequence[tuple[int, Any]], unit: str) -> Table:
    objects: list[tuple[int, dict[str, Any]]] = []
    for place, value in values:
        named = {"text": value} if isinstance(value, str) else value
        if not isinstance(named, dict):
            raise DataError(
                f"{path}, {unit} {place}: an object or a text is needed, got {type(value).__name__}"
            )
        objects.append((place, named))
    names = list(dict.fromkeys(name for _, row in objects for name in row))
    plain = [name for name in names if all(_is_plain(row.get(name)) for _, row in objects)]
    if not objects or not plain:
        raise DataError(f"{path}: holds no column of texts or numbers")
    return Table(
        path,
        tuple(plain),
        [(place, tuple(_cell(row.get(name)) for name in plain)) for place, row in objects],
        unit,
    )


def _is_plain(value: Any) -> bool:
    is_number = isinstance(value, Decimal) or bool(pd.api.types.is_number(value))
    return value is None or isinstance(value, str) or is_number


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.strip()
    return str(int(value)) if isinstance(value, bool) else str(value)


# A file's ending to how it is read. Texts in tsv hold quotes as they are; those in csv are quoted.
KINDS: dict[str, Callable[[Path], Table]] = {
    ".txt": _read_txt,
    ".csv": partial(_read_separated, separator=",", told="commas", quoting=csv.QUOTE_MINIMAL),
    ".tsv": partial(_read_separated, separator="\t", told="tabs", quoting=csv.QUOTE_NONE),
    ".jsonl": _read_json,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
