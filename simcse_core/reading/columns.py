"""Which columns of a table are sentences, and which is the label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from simcse_core.errors import DataError
from simcse_core.reading.tables import Table, is_number, with_header


@dataclass(frozen=True)
class Columns:
    """Columns by their names, or by their numbers from 1 where nothing names them.

    Attributes:
        text_column: holds sentences.
        pair_columns: hold the two sentences of a pair.
        label_column: holds the similarity of the two, as a number.
    """

    text_column: str = ""
    pair_columns: tuple[str, ...] = ()
    label_column: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.pair_columns, str):
            raise DataError(
                f"pair_columns: two columns are needed, got one text ({self.pair_columns!r}); put "
                "both in brackets"
            )
        if self.pair_columns and len(self.pair_columns) != 2:
            raise DataError(
                f"pair_columns: two columns are needed, got {len(self.pair_columns)}; name the "
                "two sentences of a pair"
            )
        if self.text_column and (self.pair_columns or self.label_column):
            raise DataError(
                "text_column: it is for text without labels; name pair_columns and label_column, "
                "or text_column alone"
            )

    def parameters(self) -> list[str]:
        """The parameters that are set."""
        return [field.name for field in fields(self) if getattr(self, field.name)]

    def refuse(self, source: str, why: str) -> None:
        """Raises a DataError if any column is named, where that would have no effect."""
        if there := self.parameters():
            raise DataError(f"{there[0]}: source {source} {why}, so it has no effect; leave it out")

    def named(self) -> list[str]:
        """All that are named."""
        return list(filter(None, (self.text_column, *self.pair_columns, self.label_column)))


@dataclass(frozen=True)
class Roles:
    """Places of columns, from 0: one or two of sentences, and that of the label if there is one."""

    texts: tuple[int, ...]
    label: int | None = None

    def told(self, table: Table) -> str:
        """The columns by their names, for people."""
        places = [*self.texts, *([] if self.label is None else [self.label])]
        names = table.columns or tuple(str(i + 1) for i in range(table.width))
        return ", ".join(names[i] for i in places)


_NUMBER = re.compile("[0-9]{1,9}")  # of a column that has no name
# Names as people write them, without spaces, bars and capitals.
_PAIRS = (
    ("sentence1", "sentence2"),
    ("sent1", "sent2"),
    ("text1", "text2"),
    ("question1", "question2"),
    ("query1", "query2"),
    ("s1", "s2"),
    ("q1", "q2"),
    ("texta", "textb"),
    ("sentencea", "sentenceb"),
    ("senta", "sentb"),
    ("query", "title"),
    ("query", "candidate"),
    ("句子1", "句子2"),
    ("文本1", "文本2"),
)
_LABELS = (
    *("label", "score", "similarity", "similarityscore", "goldlabel", "labels", "labelscore"),
    *("isduplicate", "标签", "相似度"),
)
_TEXTS = (
    *("text", "sentence", "content", "question", "query", "utterance", "title", "sentences"),
    *("文本", "句子", "内容", "问题"),
)
_NUMBERS_OF_ROWS = ("id", "idx", "index", "qid", "pairid", "guid", "unnamed:0", "")
_KNOWN = {*_LABELS, *_TEXTS, *(name for pair in _PAIRS for name in pair)}


def _plain(name: str) -> str:
    return "".join(name.lower().split()).replace("_", "").replace("-", "")


def find_roles(table: Table, columns: Columns = Columns()) -> tuple[Table, Roles]:
    """The table with names of columns taken from its first row if that holds them, and the roles.

    What is named counts first; then names that are known; then what the columns hold: numbers are
    labels or ids, anything else is text.

    Raises:
        DataError: a column that is named is not there, or the columns cannot be told apart; the
            message lists them and names the parameter to set.
    """
    if table.path.suffix.lower() == ".txt" and table.width == 1:
        return table, Roles((0,))  # there is nothing to name
    named = {_plain(name) for name in columns.named() if not _NUMBER.fullmatch(name)}
    known = named or _KNOWN
    table = with_header(table, lambda cell: _plain(cell) in known)
    if columns.text_column:
        return table, Roles((_place(table, columns.text_column, "text_column"),))
    texts = _texts(table, columns)
    if len(texts) == 2:
        return table, Roles(texts, _label(table, columns, texts))
    if columns.label_column:
        raise _ask(table, "label_column is named, but not which two columns are a pair")
    return table, Roles(texts)


def _texts(table: Table, columns: Columns) -> tuple[int, ...]:
    if columns.pair_columns:
        first, second = (_place(table, name, "pair_columns") for name in columns.pair_columns)
        if first == second:
            raise DataError(f"pair_columns: {columns.pair_columns[0]!r} is named twice")
        return first, second
    names = [_plain(name) for name in table.columns or ()]
    for pair in _PAIRS:
        if set(pair) <= set(names):
            return names.index(pair[0]), names.index(pair[1])
    known = [names.index(name) for name in _TEXTS if name in names]
    if len(known) == 1 and not columns.label_column:
        return (known[0],)
    there = tuple(i for i in range(table.width) if not _is_numeric(table, i))
    has_label = bool(columns.label_column or _label_candidates(table, there))
    if table.width == 1 or len(there) == 1 or (len(there) == 2 and has_label):
        return there or (0,)  # a single column is text, numbers or not
    raise _ask(table, f"{len(there)} columns hold text")


def _label(table: Table, columns: Columns, texts: Sequence[int]) -> int | None:
    if columns.label_column:
        place = _place(table, columns.label_column, "label_column")
        if place in texts:
            raise DataError(f"label_column: {columns.label_column!r} is a column of sentences")
        return place
    names = [_plain(name) for name in table.columns or ()]
    if found := [names.index(name) for name in _LABELS if name in names]:
        return None if _is_empty(table, found[0]) else found[0]
    candidates = _label_candidates(table, texts)
    if len(candidates) > 1:
        raise _ask(table, "several columns could be the label")
    return candidates[0] if candidates else None


def _label_candidates(table: Table, texts: Sequence[int]) -> list[int]:
    """Columns of numbers that do not count rows."""
    names = [_plain(name) for name in table.columns or ()] or ["?"] * table.width
    return [
        i
        for i in range(table.width)
        if i not in texts
        and _is_numeric(table, i)
        and names[i] not in _NUMBERS_OF_ROWS
        and not _counts_rows(table, i)
    ]


def _is_numeric(table: Table, i: int) -> bool:
    return all(is_number(row[i]) or not row[i] for _, row in table.rows)


def _is_empty(table: Table, i: int) -> bool:
    return not any(row[i] for _, row in table.rows)


def _counts_rows(table: Table, i: int) -> bool:
    """Whether a column that comes first numbers the rows: every value another, one up each time."""
    if i or len(table.rows) < 3:
        return _is_empty(table, i)
    cells = [row[0] for _, row in table.rows if row[0]]
    if not all(cell.isdigit() for cell in cells):
        return not cells
    numbers = [int(cell) for cell in cells]
    return len(set(numbers)) == len(numbers)


def _place(table: Table, name: str, parameter: str) -> int:
    names = table.columns or ()
    if name in names:
        return names.index(name)
    if not names and _NUMBER.fullmatch(name) and 1 <= int(name) <= table.width:
        return int(name) - 1
    raise DataError(f"{parameter}: {table.path} has no column {name!r}; it has {_listed(table)}")


def _listed(table: Table) -> str:
    if table.columns:
        return ", ".join(table.columns)
    return f"the columns 1 to {table.width}, without names"


def _ask(table: Table, why: str) -> DataError:
    return DataError(
        f"{table.at(table.rows[0][0])}: {why}; name text_column, or pair_columns and label_column "
        f"(there are {_listed(table)})"
    )
