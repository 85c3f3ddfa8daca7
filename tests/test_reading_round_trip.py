"""Sentences and pairs that are written in any of the kinds are read back as they were."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcse_core.errors import DataError
from simcse_core.reading.content import LONGEST_SENTENCE, Content, read_content

Rows = Sequence[Sequence[Any]]
Write = Callable[[Path, Sequence[str], Rows], object]

# What people write: letters, digits and punctuation of both widths, spaces inside.
LETTERS = (
    "我你今天喝茶看书不好吗的了龘饕aZé09０ＡひカЖ한，。？！：；、“”（）《》…—·-.,!?'\"() \u3000😀"
)
sentences = st.text(LETTERS, min_size=1, max_size=40).map(str.strip).filter(len)
labels = st.one_of(st.integers(-5, 5), st.floats(-1e6, 1e6, allow_nan=False, width=64))


def _lines(separator: str) -> Write:
    def write(path: Path, _: Sequence[str], rows: Rows) -> None:
        lines = [separator.join(map(str, row)) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")

    return write


def _separated(**how: Any) -> Write:
    def write(path: Path, names: Sequence[str], rows: Rows) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, **how).writerows([names, *rows])

    return write


def _json_lines(path: Path, names: Sequence[str], rows: Rows) -> None:
    objects = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
    path.write_text("\n".join(objects), encoding="utf-8")


def _json_list(path: Path, names: Sequence[str], rows: Rows) -> None:
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))


def _parquet(path: Path, names: Sequence[str], rows: Rows) -> None:
    pd.DataFrame(rows, columns=list(names)).to_parquet(path)


TABLES: dict[str, tuple[str, Write]] = {
    "csv": ("a.csv", _separated()),
    "csv, all quoted": ("a.csv", _separated(quoting=csv.QUOTE_ALL, lineterminator="\n")),
    "tsv": ("a.tsv", _separated(delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)),
    "JSON lines": ("a.jsonl", _json_lines),
    "a JSON list": ("a.json", _json_list),
    "parquet": ("a.parquet", _parquet),
}
OF_SENTENCES = {**TABLES, "lines": ("a.txt", _lines(""))}
OF_PAIRS = {**TABLES, "tabs": ("a.txt", _lines("\t")), "bars": ("a.txt", _lines("||"))}


def read_back(kind: tuple[str, Write], names: Sequence[str], rows: Rows) -> Content:
    name, write = kind
    with TemporaryDirectory() as folder:
        write(Path(folder) / name, names, rows)
        return read_content(Path(folder) / name)


@pytest.mark.parametrize("kind", OF_SENTENCES)
@given(written=st.lists(sentences, min_size=1, max_size=8))
def test_sentences_are_read_as_they_were_written(kind: str, written: list[str]) -> None:
    # Of lines alone, quotes around each of them look like another kind.
    rows = [[f"我{sentence}"] for sentence in written]
    content = read_back(OF_SENTENCES[kind], ["text"], rows)
    assert [text for _, (text,) in content.sentences] == [text for (text,) in rows]
    assert (content.n_kept, content.pairs) == (len(rows), [])


@pytest.mark.parametrize("kind", OF_PAIRS)
@given(written=st.lists(st.tuples(sentences, sentences, labels), min_size=1, max_size=8))
def test_pairs_are_read_as_they_were_written(
    kind: str, written: list[tuple[str, str, float]]
) -> None:
    rows = [(f"我{first}", f"我{second}", label) for first, second, label in written]
    content = read_back(OF_PAIRS[kind], ["sentence1", "sentence2", "label"], rows)
    found = [pair for _, pair in content.pairs]
    assert found == [(first, second, float(label)) for first, second, label in rows]


@pytest.mark.parametrize("kind", OF_SENTENCES)
@given(written=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_any_text_is_read_as_it_was_written_or_refused(kind: str, written: list[str]) -> None:
    try:
        content = read_back(OF_SENTENCES[kind], ["text"], [[text] for text in written])
    except (DataError, csv.Error):  # the latter: what the kind cannot hold
        return
    found = [text for _, (text,) in content.sentences]
    breaks = dict.fromkeys(map(ord, "\n\r\v\f\x85\u2028\u2029"), " ")

    def words(texts: Sequence[str]) -> list[str]:
        return " ".join(texts).translate(breaks).split()

    assert words(found) == words(written)


def test_a_sentence_is_as_long_as_it_may_be_in_every_kind() -> None:
    for kind in OF_SENTENCES.values():
        rows = [["长" * LONGEST_SENTENCE], ["长" * (LONGEST_SENTENCE + 1)]]
        content = read_back(kind, ["text"], rows)
        assert [text for _, (text,) in content.sentences] == rows[0]
        assert content.dropped == {"empty": 0, "too long": 1}
