"""Files of each kind as rows, and what does not look like its kind."""

from __future__ import annotations

import codecs
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from simcse_core.errors import DataError
from simcse_core.reading.content import LONGEST_SENTENCE, read_content
from simcse_core.reading.tables import is_number, read_table


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def cells(path: Path) -> list[tuple[str, ...]]:
    return [row for _, row in read_table(path).rows]


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "float32", "object"])
def test_a_gap_of_any_kind_in_parquet_is_an_empty_cell_and_costs_no_column(
    tmp_path: Path, dtype: str
) -> None:
    labels = pd.Series([4, None, 2], dtype=dtype)
    texts = pd.Series(["天", "地", None], dtype="string")
    pd.DataFrame({"text": texts, "label": labels}).to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.columns == ("text", "label")
    assert [row[0] for _, row in table.rows] == ["天", "地", ""]
    assert [row[1] and float(row[1]) for _, row in table.rows] == [4, "", 2]


def test_decimals_in_parquet_are_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["天", "地"], "label": [Decimal("3.50"), Decimal(2)]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert [float(row[1]) for _, row in read_table(tmp_path / "a.parquet").rows] == [3.5, 2.0]


@pytest.mark.parametrize(
    "content",
    [
        '{"text": "天", "text": "地"}\n{"text": "人"}',
        '[{"label": 1, "text": "天", "label": 2}]',
        '{"text": "天", "more": {"a": 1, "a": 1}}\n{"text": "人"}',
    ],
)
def test_a_key_that_stands_twice_is_refused_since_one_value_would_be_lost(
    tmp_path: Path, content: str
) -> None:
    path = written(tmp_path, "a.json", content)
    with pytest.raises(DataError, match=r"cannot be read as JSON \(the key '\w+' stands twice"):
        read_table(path)


# --- every kind ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "天气好\t今天好\t1\n下雨\t晴天\t0\n"),
        ("a.txt", "天气好||今天好||1\n下雨 || 晴天 || 0\n"),
        ("a.tsv", "天气好\t今天好\t1\n下雨\t晴天\t0"),
        ("a.csv", "天气好,今天好,1\r\n下雨,晴天,0\r\n"),
        ("a.csv", '"天气好","今天好","1"\n下雨,晴天,0\n\n'),
        ("A.CSV", "天气好,今天好,1\n下雨,晴天,0\n"),
    ],
)
def test_separated_fields_are_cells_in_order(tmp_path: Path, name: str, content: str) -> None:
    rows = [row for row in cells(written(tmp_path, name, content)) if any(row)]
    assert rows == [("天气好", "今天好", "1"), ("下雨", "晴天", "0")]


def test_json_lines_and_a_json_list_give_columns_by_name(tmp_path: Path) -> None:
    lines = '{"a": "天", "n": 1, "deep": {"x": 1}}\n\n{"a": "地", "ok": true, "f": 0.5}\n'
    for content in (lines, f"[{lines.strip().replace(chr(10) * 2, ',')}]"):
        table = read_table(written(tmp_path, "a.json", content))
        assert table.columns == ("a", "n", "ok", "f")  # what is nested is no column
        assert [row for _, row in table.rows] == [("天", "1", "", ""), ("地", "", "1", "0.5")]
    assert [place for place, _ in read_table(written(tmp_path, "a.jsonl", lines)).rows] == [1, 3]


def test_json_texts_are_sentences(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '"天气好"\n"下雨"\n')
    assert [text for _, (text,) in read_content(path).sentences] == ["天气好", "下雨"]


def test_parquet_is_read_as_pandas_wrote_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sentence1": ["天", "地"], "sentence2": ["人", None], "score": [4.5, 0]})
    frame.to_parquet(tmp_path / "a.parquet")
    content = read_content(tmp_path / "a.parquet")
    assert content.pairs == [(f"{tmp_path / 'a.parquet'}, row 1", ("天", "人", 4.5))]
    assert content.dropped == {"empty": 1, "too long": 0}


def test_quotes_and_line_breaks_in_csv_are_part_of_a_sentence(tmp_path: Path) -> None:
    content = 'text,n\n"他说""好"",\n就走了",1\n下雨,2\n'
    read = read_content(written(tmp_path, "a.csv", content))
    assert [text for _, (text,) in read.sentences] == ['他说"好", 就走了', "下雨"]
    assert [where.rpartition(" ")[2] for where, _ in read.sentences] == ["2", "4"]


def test_quotes_in_tsv_are_as_they_are(tmp_path: Path) -> None:
    assert cells(written(tmp_path, "a.tsv", '"天\t"地"\t1\n')) == [('"天', '"地"', "1")]


@pytest.mark.parametrize(
    "encoded",
    [
        "天气好\n下雨\n".encode(),
        codecs.BOM_UTF8 + "天气好\r\n下雨".encode(),
        "天气好\n下雨\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "天气好\r\n下雨\r\n".encode("utf-16-be"),
        "天气好\n下雨\n".encode("utf-32"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoded: bytes) -> None:
    read = read_content(written(tmp_path, "a.txt", encoded))
    assert [text for _, (text,) in read.sentences] == ["天气好", "下雨"]


# --- what is dropped -------------------------------------------------------------------------


def test_empty_and_overlong_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    long = "长" * LONGEST_SENTENCE
    read = read_content(written(tmp_path, "a.txt", f"天\n\n  \n{long}长\n{long}\n地\n"))
    assert [text for _, (text,) in read.sentences] == ["天", long, "地"]
    assert read.dropped == {"empty": 2, "too long": 1}
    assert (read.n_rows, read.n_kept) == (6, 3)


def test_a_pair_with_an_empty_side_is_dropped_whole(tmp_path: Path) -> None:
    read = read_content(written(tmp_path, "a.tsv", "天\t地\t1\n天\t\t0\n下雨\t晴天\t0\n"))
    assert [pair for _, pair in read.pairs] == [("天", "地", 1.0), ("下雨", "晴天", 0.0)]
    assert read.dropped["empty"] == 1


# --- what does not look like its kind --------------------------------------------------------

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    ("name", "content", "line", "way_out"),
    [
        ("a.txt", "天气好\n下雨\t晴天\n", 2, "a table with tabs"),
        ("a.txt", '天气好\n{"text": "下雨"}\n', 2, "looks like JSON; name the file"),
        ("a.txt", '{"text": "下雨"}\n', 1, "looks like JSON; name the file"),
        (
            "a.txt",
            "sentence1,sentence2,label\n天,地,1\n",
            1,
            "header of a CSV",
        ),
        ("a.txt", "天气好\n下雨||晴天\n", 2, "several fields"),
        ("a.txt", "天||地||1\n天|||地||1\n", 2, "3 bars in a row"),
        ("a.txt", "天||||地|||1\n", 1, "bars in a row"),
        ("a.txt", "天\t地\t1\n天\t地\n", 2, "2 fields, separated by tabs"),
        ("a.txt", "天气好\r下雨\r", 1, "carriage return"),
        ("a.txt", "天气好\n下\0雨\n", 2, "NUL"),
        ("a.txt", "天气好\n下雨\n".encode("gb18030"), 1, "iconv"),
        ("a.txt", "天气好\n".encode() + "下雨\n".encode("gb18030"), 2, "iconv"),
        *((f"a.{kind}", LFS, 1, "git lfs pull") for kind in ("txt", "csv", "tsv", "jsonl")),
        ("a.csv", "<!DOCTYPE html>\n<p>,</p>\n", 1, "HTML"),
        ("a.txt", "\n<html lang=zh>\n", 1, "HTML"),
        ("a.csv", "天\t地\t1\n", 1, "name the file .tsv"),
        ("a.tsv", "天,地,1\n", 1, "name the file .csv"),
        ("a.csv", "text,n\n天,1\n地,2,3\n", 3, "3 fields, separated by commas"),
        ("a.csv", 'text,n\n"天,1\n地,2\n', 2, "mend the quotes"),
        ("a.csv", "id,id\n1,天\n", 1, "one name"),
        ("a.jsonl", '{"text": "天"}\n{"text": "地"\n', 2, "JSON"),
        ("a.jsonl", "天气好\n", 1, "name the file .txt"),
        ("a.jsonl", '{"text": "天"}\n[1]\n', 2, "an object or a text"),
        ("a.jsonl", '{"text": "天"}\n{"text": "\\ud800"}\n', 2, "surrogate"),
        ("a.jsonl", '{"text": "天"}\n{"text": "\\u0000地"}\n', 2, "NUL"),
        ("a.tsv", "天\t地\t1\n天\t人\t高\n地\t人\t0\n", 1, "columns hold text"),
        ("a.csv", "sentence1,sentence2,label\n天,地,1\n天,人,高\n", 3, "label must be a number"),
        ("a.csv", "sentence1,sentence2,label\n天,地,1\n天,人,\n", 3, "label must be a number"),
        ("a.csv", "sentence1,sentence2,label\n天,地,nan\n", 2, "label must be a number"),
    ],
)
def test_what_does_not_look_like_its_kind_is_refused_with_line_and_way_out(
    tmp_path: Path, name: str, content: str | bytes, line: int, way_out: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        read_content(path)
    assert f"{path}, line {line}: " in str(caught.value)
    assert way_out in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.doc", "天", "give it the ending"),
        ("a.parquet", "天", "cannot be read as parquet"),
        ("a.json", '[{"text": "天"}', "JSON"),
        ("a.json", "[]", "no column"),
        ("a.txt", " \n", "is empty"),
        ("a.csv", "text,n\n,1\n", "no sentence is left"),
    ],
)
def test_a_file_of_no_use_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(DataError, match=said) as caught:
        read_content(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["0", "1", "-1.5", "4.0", "1e-3", "+2"])
def test_a_number_is_one(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "三", "３", "1_0", "1,5", "0x1"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert not is_number(text)
