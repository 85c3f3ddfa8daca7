"""The pairs and sentences of a file, and what was dropped on the way, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from simcse_core.errors import DataError
from simcse_core.reading.columns import Columns, Roles, find_roles
from simcse_core.reading.tables import Table, is_number, read_table

# Beyond it a "sentence" is a document, or a file in which line breaks were lost; every encoder here
# cuts at a few hundred tokens.
LONGEST_SENTENCE = 2000
N_SHOWN = 3
_LINE_BREAKS = re.compile(r"\s*[\n\r\v\f\x85\u2028\u2029]+\s*")

# Where a record stands, and its fields: a sentence; or two and their label.
Sentence = tuple[str, tuple[str]]
Pair = tuple[str, tuple[str, str, float]]


@dataclass(frozen=True)
class Content:
    """What a file holds: labelled pairs, or sentences.

    Attributes:
        columns: which were taken, by name or number.
        n_rows: rows in the file, without names of columns.
        dropped: why rows were left out, and how many.
    """

    path: Path
    columns: str
    n_rows: int
    pairs: list[Pair] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def n_kept(self) -> int:
        """Rows that are used."""
        return self.n_rows - sum(self.dropped.values())

    def text(self) -> list[Sentence]:
        """Every sentence, of pairs too: all first ones, then all second ones."""
        first = [(where, (pair[0],)) for where, pair in self.pairs]
        second = [(where, (pair[1],)) for where, pair in self.pairs]
        return [*first, *second, *self.sentences]

    def labels(self) -> list[float]:
        """The distinct labels, in order."""
        return sorted({pair[2] for _, pair in self.pairs})


def read_content(path: Path, columns: Columns = Columns()) -> Content:
    """A file's labelled pairs, or its sentences where it has no labels.

    Rows with an empty sentence, or one of more than :data:`LONGEST_SENTENCE` characters, are
    dropped and counted.

    Raises:
        DataError: see :func:`~simcse_core.reading.tables.read_table` and
            :func:`~simcse_core.reading.columns.find_roles`; a label that is no number; text that
            cannot be written down; or nothing left.
    """
    table, roles = find_roles(read_table(path), columns)
    dropped = {"empty": 0, "too long": 0}
    kept: list[tuple[int, tuple[str, ...], str]] = []
    for place, row in table.rows:
        texts = tuple(_clean(row[i], table, place) for i in roles.texts)
        if not all(texts):
            dropped["empty"] += 1
        elif max(map(len, texts)) > LONGEST_SENTENCE:
            dropped["too long"] += 1
        else:
            kept.append((place, texts, "" if roles.label is None else row[roles.label]))
    if not kept:
        raise DataError(f"{path}: no sentence is left ({_told(dropped)}); is it the right column?")
    return _content(table, roles, kept, dropped)


def _content(
    table: Table,
    roles: Roles,
    kept: list[tuple[int, tuple[str, ...], str]],
    dropped: dict[str, int],
) -> Content:
    told = roles.told(table)
    n_rows = len(table.rows)
    if roles.label is None:
        sentences = [
            (table.at(place), (texts[i],))
            for i in range(len(roles.texts))
            for place, texts, _ in kept
        ]
        return Content(table.path, told, n_rows, sentences=sentences, dropped=dropped)
    pairs = [
        (table.at(place), (texts[0], texts[1], _label(label, table.at(place))))
        for place, texts, label in kept
    ]
    return Content(table.path, told, n_rows, pairs=pairs, dropped=dropped)


def _clean(text: str, table: Table, place: int) -> str:
    """A sentence on one line."""
    if "\0" in text:
        raise DataError(f"{table.at(place)}: holds a NUL character; mend or remove the row")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{table.at(place)}: holds half of a character (a lone surrogate); mend or remove the "
            "row"
        ) from error
    return _LINE_BREAKS.sub(" ", text.strip())


def _label(text: str, where: str) -> float:
    if not is_number(text):
        raise DataError(
            f"{where}: a label must be a number, got {text!r}; mend or remove the row, or name "
            "text_column if there are no labels"
        )
    return float(text)


def _told(dropped: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {why}" for why, n in dropped.items() if n) or "0 rows"
