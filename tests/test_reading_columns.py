"""Columns as people lay them out, found or named."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcse_core.errors import DataError
from simcse_core.reading.columns import Columns
from simcse_core.reading.content import read_content

PAIR = ("天气好", "今天好", 1.0)


def read(folder: Path, name: str, content: str, **named: object):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_content(path, Columns(**named))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "天气好\t今天好\t1\n下雨\t晴天\t0\n"),  # LCQMC
        ("a.csv", "sentence1,sentence2,label\n天气好,今天好,1\n下雨,晴天,0\n"),  # BQ
        ("a.csv", "score,sentence1,sentence2\n1,天气好,今天好\n0,下雨,晴天\n"),
        ("a.csv", "id,Text_A,Text-B,Gold Label\n7,天气好,今天好,1\n3,下雨,晴天,0\n"),
        ("a.csv", "问,答,分\n天气好,今天好,1\n下雨,晴天,0\n"),
        ("a.csv", "1,天气好,今天好,1\n2,下雨,晴天,0\n3,晴天,天气好,0\n"),  # a first column counts
        ("a.txt", "0||天气好||今天好||1\n1||下雨||晴天||0\n2||晴天||好||0\n"),
        ("a.jsonl", '{"id": 5, "sentence1": "天气好", "sentence2": "今天好", "label": "1"}\n'),
        ("a.jsonl", '{"q1": "天气好", "q2": "今天好", "is_duplicate": true}\n'),
        ("a.jsonl", '{"query": "天气好", "title": "今天好", "label": 1}\n'),
    ],
)
def test_layouts_that_people_have_are_told(tmp_path: Path, name: str, content: str) -> None:
    assert read(tmp_path, name, content).pairs[0][1] == PAIR


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text\n天气好\n下雨\n"),
        ("a.csv", "id,text,label\n1,天气好,2\n2,下雨,2\n"),  # labels of a class are no similarity
        ("a.csv", "text,intent\n天气好,好\n下雨,坏\n"),
        ("a.csv", "1,天气好\n2,下雨\n"),
        ("a.csv", "天气好\n下雨\n"),
        ("a.jsonl", '{"n": 1, "内容": "天气好"}\n{"n": 2, "内容": "下雨"}\n'),
    ],
)
def test_text_alone_is_found(tmp_path: Path, name: str, content: str) -> None:
    found = read(tmp_path, name, content)
    assert [text for _, (text,) in found.sentences] == ["天气好", "下雨"]
    assert not found.pairs


def test_pairs_without_labels_are_text(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "sentence1,sentence2\n天气好,今天好\n下雨,晴天\n")
    assert [text for _, (text,) in found.sentences] == ["天气好", "下雨", "今天好", "晴天"]
    hidden = read(tmp_path, "b.csv", "sentence1,sentence2,label\n天气好,今天好,\n下雨,晴天,\n")
    assert not hidden.pairs
    assert len(hidden.sentences) == 4


def test_named_columns_are_taken_whatever_others_look_like(tmp_path: Path) -> None:
    content = "sentence1,sentence2,label,甲,乙,分\n一,二,1,天气好,今天好,1\n三,四,1,下雨,晴天,0\n"
    named = read(tmp_path, "a.csv", content, pair_columns=("甲", "乙"), label_column="分")
    assert named.pairs[0][1] == PAIR
    assert named.columns == "甲, 乙, 分"
    alone = read(tmp_path, "a.csv", content, text_column="乙")
    assert [text for _, (text,) in alone.sentences] == ["今天好", "晴天"]


def test_columns_without_names_are_named_by_number(tmp_path: Path) -> None:
    content = "甲,天气好,今天好,0,1\n乙,下雨,晴天,0,0\n"
    named = read(tmp_path, "a.csv", content, pair_columns=("2", "3"), label_column="5")
    assert named.pairs[0][1] == PAIR
    assert named.columns == "2, 3, 5"


@pytest.mark.parametrize(
    ("content", "named", "said"),
    [
        ("天,地\n人,间\n", {}, "2 columns hold text; name text_column, or pair_columns"),
        ("天,地,人\n人,间,天\n", {}, "3 columns hold text"),
        ("天,地,1,2\n人,间,3,4\n", {}, "several columns could be the label"),
        ("text,n\n天,1\n", {"text_column": "txt"}, r"text_column: .*no column 'txt'.*text, n"),
        ("天,地,1\n", {"pair_columns": ("1", "4")}, "no column '4'.*1 to 3"),
        ("天,地,1\n", {"pair_columns": ("1", "²")}, "no column '²'.*1 to 3"),
        ("天,地,1\n", {"pair_columns": ("①", "2")}, "no column '①'.*1 to 3"),
        ("天,地,1\n", {"text_column": "１"}, "no column '１'.*1 to 3"),
        ("天,地,1\n", {"text_column": "1" * 5000}, "no column '111.*1 to 3"),
        ("a,b\n天,地\n", {"pair_columns": ("a", "a")}, "'a' is named twice"),
        ("a,b\n天,地\n", {"pair_columns": ("a", "b"), "label_column": "b"}, "column of sentences"),
        ("text,label\n天,1\n", {"label_column": "label"}, "which two columns are a pair"),
    ],
)
def test_what_cannot_be_told_is_asked_for(
    tmp_path: Path, content: str, named: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, "a.csv", content, **named)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"pair_columns": ("a",)}, "pair_columns: two"),
        ({"text_column": "a", "label_column": "b"}, "text_column"),
        ({"text_column": "a", "pair_columns": ("b", "c")}, "text_column"),
    ],
)
def test_names_that_contradict_each_other_are_refused(named: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Columns(**named)


# --- properties ------------------------------------------------------------------------------

_CHARACTER = st.characters(categories=["Lo"], min_codepoint=0x4E00, max_codepoint=0x9FFF)
_SENTENCE = st.text(_CHARACTER, min_size=1, max_size=12) | st.sampled_from(
    ['他说"好"', "a, b", "1", "A/B；C", "＃", "id 是什么"]
)
_SCALES = st.sampled_from(
    [
        st.integers(0, 1),
        st.integers(0, 5),
        st.floats(0, 1).map(lambda x: round(x, 4)),
        st.floats(-1, 5).map(lambda x: round(x, 2)),
    ]
)


@st.composite
def labelled(draw: st.DrawFn) -> list[tuple[str, str, float]]:
    scale = draw(_SCALES)
    rows = draw(st.lists(st.tuples(_SENTENCE, _SENTENCE, scale), min_size=2, max_size=8))
    # Two rows of words: a word above nothing but numbers is the name of a column.
    return [("天气真好啊", "下雨了吗", draw(scale)), *rows, ("明天呢", "后天呢", draw(scale))]


def as_csv(rows: list[list[str]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


@given(
    rows=labelled(),
    kind=st.sampled_from(["csv", "tsv", "jsonl", "txt"]),
    order=st.permutations(["sentence1", "sentence2", "label", "id"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_pairs_are_read_back_from_every_layout_scale_and_encoding(
    rows: list[tuple[str, str, float]], kind: str, order: list[str], encoding: str
) -> None:
    records = [
        {"sentence1": a, "sentence2": b, "label": label, "id": f"{i}"}
        for i, (a, b, label) in enumerate(rows)
    ]
    table = [order, *([str(record[name]) for name in order] for record in records)]
    if kind == "jsonl":
        text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    elif kind == "csv":
        text = as_csv(table, ",")
    else:
        text = "\n".join("\t".join(row) for row in table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pairs.{kind}"
        path.write_bytes(text.encode(encoding))
        read = read_content(path)
    assert [pair for _, pair in read.pairs] == rows


@given(rows=labelled(), separator=st.sampled_from(["\t", "||"]))
def test_pairs_without_names_of_columns_are_read_back(
    rows: list[tuple[str, str, float]], separator: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.txt"
        path.write_text("\n".join(separator.join(map(str, row)) for row in rows), encoding="utf-8")
        read = read_content(path)
    assert [pair for _, pair in read.pairs] == rows
