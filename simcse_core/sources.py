"""The places data comes from, read and checked: the bundled sample, CNSD, any text, the hub.

CNSD's files are UTF-8 (a BOM and CRLF are accepted), one record a line, fields separated by ``||``;
other files are read by :mod:`simcse_core.reading`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcse_core.config import ASSETS, REPORT_UNTRAINED, HubData
from simcse_core.errors import DataError
from simcse_core.files import expanded
from simcse_core.hub import hub_columns, load_hub_rows, load_hub_sentences
from simcse_core.labels import label
from simcse_core.nli import PAIR_COLUMNS, TRIPLET_COLUMNS, triplets_by_premise
from simcse_core.plain_text import all_look_like, looks_like, odd_character
from simcse_core.reading.columns import Columns
from simcse_core.reading.found import Found
from simcse_core.reading.parts import TEXT, TextFiles
from simcse_core.reading.text import read_text

SEPARATOR = "||"
SPLITS = ("train", "dev", "test")
SAMPLE_DIRECTORY = ASSETS / "sample"
SAMPLE_NAME = "bundled sample (not CNSD)"


@dataclass(frozen=True)
class Form:
    """How a record of some part is written: fields on a line, or columns of a hub data set."""

    fields: str
    columns: tuple[str, ...]

    @property
    def n_fields(self) -> int:
        """Fields of a line."""
        return self.fields.count(SEPARATOR) + 1


PAIR = Form("id||sentence||sentence||label", ("sentence1", "sentence2", "score"))
TRIPLET = Form("premise||entailed||contradicted", TRIPLET_COLUMNS)
SENTENCE = Form("sentence", ("sentence",))
# The part of a source, and how its records are written.
FORMS = {"train": PAIR, "dev": PAIR, "test": PAIR, "nli": TRIPLET, "sentences": SENTENCE}

# Where a record stands, for messages, and its fields.
Record = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Source:
    """One place that data comes from.

    Attributes:
        name: what it is called on charts and results, without any path of the machine.
        parts: part to file name or hub id; only some parts need be there.
        read: the records of a part, in order.
        score: a pair's label as a number in 0 to 5; raises a DataError for anything else.
        folder: where further files of sentences lie.
        published: split to encoder to Spearman, where somebody published numbers on its pairs.
        pool_parts: the parts whose sentences are trained on, in their order.
        found: what each file gave, where that has to be told.
    """

    name: str
    parts: Mapping[str, str]
    read: Callable[[str], Iterator[Record]]
    score: Callable[[Any, str], float]
    folder: Path = Path()
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pool_parts: tuple[str, ...] = ("train", "nli", "sentences")
    found: Callable[[], list[Found]] = list


def _bundled(_: HubData) -> Source:
    return _in_folder(SAMPLE_DIRECTORY, _SAMPLE_FILES, SAMPLE_NAME)


def _bundled_text(_: HubData) -> Source:
    return _any_text(SAMPLE_DIRECTORY / _SAMPLE_FILES["sentences"], Columns(), SAMPLE_NAME)


def _in_folder(folder: Path, files: Mapping[str, str], name: str = "") -> Source:
    there = {part: file for part, file in files.items() if (folder / file).is_file()}

    def read(part: str) -> Iterator[Record]:
        return _records(folder / files[part], FORMS[part])

    return Source(name or label(folder.resolve().name, "data"), there, read, _integer_label, folder)


def _any_text(path: Path, columns: Columns, name: str = "") -> Source:
    files = TextFiles(path, columns)

    def read(part: str) -> Iterator[Record]:
        yield from files.sentences() if part == TEXT else files.pairs(part)

    return Source(
        name or label(path.resolve().name, "data"),
        dict.fromkeys(files.layout.parts(), path.name),
        read,
        lambda label, _: float(label),
        path if path.is_dir() else path.parent,
        pool_parts=(TEXT,),
        found=files.found,
    )


def _on_hub(hub: HubData) -> Source:
    parts = dict.fromkeys(SPLITS, hub.sts) | ({"nli": hub.nli} if hub.nli else {})
    parts |= {"sentences": ", ".join(hub.sentences)} if hub.sentences else {}

    def read(part: str) -> Iterator[Record]:
        if part == "sentences":
            for name in hub.sentences:
                yield from ((name, (s,)) for s in load_hub_sentences(name, hub.sentence_columns))
            return
        if part == "nli":
            yield from _hub_triplets(parts["nli"], hub.nli_revision)
            return
        rows = load_hub_rows(parts[part], hub.sts_revision, part, FORMS[part].columns)
        for i, row in enumerate(rows, start=1):
            where = f"{parts[part]}, {part}, row {i}"
            yield where, _hub_texts(row, where, 2)

    published = REPORT_UNTRAINED if hub.sts.partition("@")[0] == CHINESE_STSB else {}
    return Source(hub.sts, parts, read, _score_in_range, published=published)


def _hub_triplets(name: str, revision: str | None) -> Iterator[Record]:
    """The triplets of a data set, or those that its labelled pairs make up."""
    where = f"{name}, train"
    columns = hub_columns(name, revision, "train", (TRIPLET_COLUMNS, *PAIR_COLUMNS))
    rows = load_hub_rows(name, revision, "train", columns)
    if columns == TRIPLET_COLUMNS:
        for i, row in enumerate(rows, start=1):
            yield f"{where}, row {i}", _hub_texts(row, f"{where}, row {i}", 3)
        return
    try:
        for triplet in triplets_by_premise(rows):
            yield where, triplet
    except ValueError as error:
        raise DataError(f"{where}: {error}; choose another data set or revision") from error


CHINESE_STSB = "C-MTEB/STSB"  # the pairs that the report measured, on the hub
_CNSD_FILES = {
    "train": "cnsd-sts-train.txt",
    "dev": "cnsd-sts-dev.txt",
    "test": "cnsd-sts-test.txt",
    "nli": "cnsd-snli-train.txt",
}
# The sample ships no STS-train: its unlabelled pool comes from its sentence file and its triplets.
_SAMPLE_FILES = {
    "dev": "sample-sts-dev.txt",
    "test": "sample-sts-test.txt",
    "nli": "sample-nli-train.txt",
    "sentences": "sample-sentences.txt",
}


# A source by name; any other is a file or a folder.
SOURCES: dict[str, Callable[[HubData], Source]] = {
    "sample": _bundled,
    "sample-text": _bundled_text,
    "hub": _on_hub,
}


def open_source(
    source: str | Path, hub: HubData = HubData(), columns: Columns = Columns()
) -> Source:
    """The bundled sample or its text alone, the hub's data sets, CNSD, or any file or folder.

    Args:
        columns: which columns of a file are what, where that cannot be told.

    Raises:
        DataError: there is nothing of that name, or it is not clear what it holds.
    """
    if not isinstance(source, str | os.PathLike) or not str(source):
        raise DataError(f"source: a name, a file or a folder is needed, got {source!r}")
    if named := SOURCES.get(str(source)):
        columns.refuse(repr(str(source)), "has columns that are known")
        return named(hub)
    path = expanded(source)
    if not os.path.exists(path):  # which raises for no name, as pathlib does for long ones
        raise DataError(
            f"source: {str(path)!r} is neither {', '.join(map(repr, SOURCES))} nor a file or a "
            "folder"
        )
    if any((path / file).is_file() for file in _CNSD_FILES.values()):
        columns.refuse(path.name, "has the files of CNSD, whose columns are known")
        return _in_folder(path, _CNSD_FILES)
    return _any_text(path, columns)


def sentence_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number and text of each line of a file of sentences.

    Raises:
        DataError: a line, or all of them together, that look like something else.
    """
    lines = list(_lines(path))
    for line, text in lines:
        if kind := looks_like(text):
            raise DataError(
                f"{path}, line {line}: one sentence a line expected, but it looks like {kind}; "
                "write the sentences alone to a file"
            )
    if kind := all_look_like([text for _, text in lines]):
        raise DataError(
            f"{path}, line 1: one sentence a line expected, but the file looks like {kind}; write "
            "the sentences alone to a file"
        )
    return iter(lines)


def _records(path: Path, form: Form) -> Iterator[Record]:
    if form is SENTENCE:
        yield from ((f"{path}, line {line}", (text,)) for line, text in sentence_lines(path))
        return
    for line, text in _lines(path):
        record = [part.strip() for part in text.split(SEPARATOR)]
        if len(record) != form.n_fields:
            raise DataError(
                f"{path}, line {line}: expected {form.n_fields} fields ({form.fields}), got "
                f"{len(record)}; mend or remove the line"
            )
        if not all(record):
            raise DataError(
                f"{path}, line {line}: field {record.index('') + 1} of {form.fields} is empty; "
                "mend or remove the line"
            )
        if torn := [i for i, part in enumerate(record, 1) if part[0] == "|" or part[-1] == "|"]:
            raise DataError(
                f"{path}, line {line}: field {torn[0]} of {form.fields} begins or ends with '|', "
                f"so that it is not clear where '{SEPARATOR}' stands; mend the line"
            )
        yield f"{path}, line {line}", tuple(record)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    rows = [row.strip() for row in read_text(path).rstrip().split("\n")]
    for line, row in enumerate(rows, start=1):
        if not row:
            raise DataError(f"{path}, line {line}: is empty; remove it")
        if odd := odd_character(row):
            raise DataError(
                f"{path}, line {line}: holds {odd}; remove it, or convert the file so that a line "
                "feed ends each line"
            )
        yield line, row


def _integer_label(text: str, where: str) -> float:
    if text not in {"0", "1", "2", "3", "4", "5"}:
        raise DataError(f"{where}: label must be an integer from 0 to 5, got {text!r}")
    return float(text)


def _hub_texts(row: tuple[object, ...], where: str, n_texts: int) -> tuple[Any, ...]:
    texts = [str(text or "").strip() for text in row[:n_texts]]
    if not all(texts):
        raise DataError(f"{where}: a sentence is empty; choose another data set or revision")
    return (*texts, *row[n_texts:])


def _score_in_range(score: object, where: str) -> float:
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 5:
        raise DataError(f"{where}: score must be a number from 0 to 5, got {score!r}")
    return float(score)
