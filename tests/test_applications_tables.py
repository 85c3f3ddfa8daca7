from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from simcse_core.applications.inputs import InputError
from simcse_core.applications.tables import check_target, read_columns, read_table, write_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "texts.csv"


def test_a_table_written_comes_back_with_its_commas_quotes_and_line_breaks(path: Path) -> None:
    texts = ["想退,行吗", '说"不"', "两\n行"]
    write_table(path, pd.DataFrame({"text": texts, "more": [1, 2, 3]}))
    assert read_columns(path, ["text"]) == [texts]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # what spreadsheets know UTF-8 by


def test_rows_are_numbered_by_their_last_line_and_blank_lines_are_no_rows(path: Path) -> None:
    path.write_bytes('text,n\r\n"两\r\n行",1\r\n\r\n好 ,2\r\n'.encode())
    assert read_table(path, ["text"]) == [(3, {"text": "两\r\n行"}), (5, {"text": "好 "})]
    assert read_columns(path, ["n", "text"]) == [["1", "2"], ["两\r\n行", "好"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a header with text is needed"),
        (b"text\n", "has a header and no row"),
        (b"words\na\n", "no column 'text'; it has words$"),
        (b"n;text\n1;a\n", "no column 'text'; .* separated by commas, not by ';'"),
        (b"text,text\na,b\n", "column 'text' is there twice"),
        (b"text,n\na,b,c\n", "line 2: 3 cells, the header has 2"),
        (b"text,n\na,1\n ,2\n", "line 3: text: is empty"),
        (b'text\n"a\n', "line 2: no CSV"),
        (b"text\na\0b\n", "line 2: holds a NUL character"),
        ("text\n好\n".encode("gb18030"), "line 2: is not utf-8; .*gb18030"),
        ("text\n好\n".encode("utf-16"), "line 1: is not utf-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_line(
    path: Path, content: bytes, message: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path, ["text"])


@pytest.mark.parametrize("text", ["a\rb", "\r", "想退\r\n行吗", 'a\r"b",c', "天\n\r地"])
def test_carriage_returns_in_a_text_come_back(path: Path, text: str) -> None:
    write_table(path, pd.DataFrame({"text": [text, "好"], "n": ["1", "2"]}))
    assert [row["text"] for _, row in read_table(path, ["text", "n"], may_be_empty=True)] == [
        text,
        "好",
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "latin-1", "utf-16-le", "big5"])
def test_utf8_is_not_garbled_by_another_encoding_that_is_named(path: Path, encoding: str) -> None:
    path.write_bytes("text,n\n你好,1\n退货吗,2\n".encode())
    with pytest.raises(InputError, match=f"(garbled as|is not) {encoding}"):
        read_columns(path, ["text"], encoding)
    write_table(path, pd.DataFrame({"text": ["你好"]}))  # which says that it is UTF-8
    assert read_columns(path, ["text"], encoding) == [["你好"]]
    path.write_bytes(b"text,n\nhello,1\n")
    assert encoding == "utf-16-le" or read_columns(path, ["text"], encoding) == [["hello"]]
    path.write_bytes("text\n退货\n".encode("gb18030"))
    assert read_columns(path, ["text"], "gb18030") == [["退货"]]


@pytest.mark.parametrize("encoding", ["undefined", "idna", "punycode", "utf-32"])
def test_an_encoding_that_is_for_something_else_is_told(path: Path, encoding: str) -> None:
    path.write_bytes("text\n好\n".encode())
    with pytest.raises(
        InputError, match=f"{encoding}.*; save it as CSV UTF-8, or name its"
    ) as told:
        read_columns(path, ["text"], encoding)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("columns", [["text", "text"], ["n", "n"], ["text", "n", "text"]])
def test_one_column_is_not_two_things(path: Path, columns: list[str]) -> None:
    path.write_bytes("text,n\n好,1\n".encode())
    with pytest.raises(InputError, match=f"column '{columns[0]}' cannot be both text and label"):
        read_columns(path, columns)


def test_a_named_encoding_is_used_and_an_unknown_one_told(path: Path) -> None:
    path.write_bytes("text\n好\n".encode("gb18030"))
    assert read_columns(path, ["text"], "gb18030") == [["好"]]
    with pytest.raises(InputError, match="encoding: 'utf-9' is unknown"):
        read_columns(path, ["text"], "utf-9")


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(InputError, match=r"texts\.csv: no such file"):
        read_columns(path, ["text"])


def test_a_target_that_would_lose_something_is_refused(path: Path) -> None:
    path.write_text("text\na\n")
    check_target(path.with_name("out.csv"), [path])
    with pytest.raises(InputError, match="is read from and would be written over"):
        check_target(path.parent / "." / path.name, [path])
    with pytest.raises(InputError, match="is a folder; name a file"):
        check_target(path.parent, [path])
    with pytest.raises(InputError, match="its folder is not there or read-only"):
        check_target(path.parent / "none" / "out.csv", [path])


def test_a_write_that_fails_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(path, pd.DataFrame({"text": ["old"]}))

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_table(path, pd.DataFrame({"text": ["new"]}))
    assert read_columns(path, ["text"]) == [["old"]]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
