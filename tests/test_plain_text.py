"""Files that are named as sentences and hold something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simcse_core.data import load_pool, load_sts
from simcse_core.sources import DataError


def write(folder: Path, content: str) -> Path:
    (folder / "more.txt").write_bytes(content.encode("utf-8"))
    return folder / "more.txt"


OTHERS: dict[str, tuple[str, int, str]] = {
    "TSV with labels": ("我喝茶\t1\n他喝茶\t0\n", 1, "a table with tabs"),
    "TSV below a sentence": ("我喝茶\n甲\t乙\t1\n", 2, "a table with tabs"),
    "pairs": ("我喝茶\n甲||乙\n", 2, r"a record of several fields \('\|\|'\)"),
    "three bars": ("我喝茶\n甲|||乙\n", 2, "a record of several fields"),
    "JSON lines": ('{"text": "我喝茶"}\n{"text": "他喝茶"}\n', 1, "JSON"),
    "JSON lines further down": ('我喝茶\n{"text": "我喝茶", "label": 1}\n', 2, "JSON"),
    "a JSON list": ('["我喝茶", "他喝茶"]\n', 1, "JSON"),
    "JSON over several lines": ('[\n  "我喝茶",\n  "他喝茶"\n]\n', 1, "JSON"),
    "HTML": ("<!DOCTYPE html>\n<html><body>我喝茶</body></html>\n", 1, "an HTML page"),
    "a piece of HTML": ("我喝茶\n<p>他喝茶</p>\n", 2, "HTML or XML"),
    "XML": ('<?xml version="1.0"?>\n我喝茶\n', 1, "HTML or XML"),
    "a git-lfs pointer": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        1,
        "a git-lfs pointer",
    ),
    "the header of a CSV": ("id,sentence1,sentence2,score\n1,我,你,3\n", 1, "the header of a CSV"),
    "CSV with labels": ("我喝茶,1\n他喝茶,0\n", 1, "CSV, with a number at the end"),
    "quoted texts": ('"我喝茶"\n"他喝茶"\n', 1, "texts in quotes"),
    "fastText": ("__label__1 我喝茶\n", 1, "a labelled line of fastText"),
    "old line ends": ("我喝茶\r他喝茶\r", 1, "a carriage return alone"),
    "one old line end": ("我喝茶\n他喝茶\r她喝茶\n", 2, "a carriage return alone"),
    "two files in one": ("我喝茶\n\ufeff他喝茶\n", 2, "a byte order mark"),
    "a line separator": ("我喝茶\u2028他喝茶\n", 1, "a Unicode line separator"),
    "pages": ("我喝茶\n他喝茶\x0c她喝茶\n", 2, "a form feed"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_file_of_sentences_is_refused_with_its_line_and_what_it_looks_like(
    cnsd_dir: Path, kind: str
) -> None:
    content, line, said = OTHERS[kind]
    path = write(cnsd_dir, content)
    with pytest.raises(DataError, match=said) as caught:
        load_pool(cnsd_dir, [path.name])
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sentences",
    [
        ["他说：“今天,我喝3杯”", "价格是3.5,不是5"],
        ['"引号"开头', "普通的句子"],
        ["3 < 5 而且 5 > 3", "<笑>他走了"],
        ["[图片] 看这里", "{占位} 也可以", "a|b"],
        ["我喝茶,1", "没有标签的句子"],
        ["id", "label"],
    ],
)
def test_sentences_with_odd_characters_are_still_sentences(
    cnsd_dir: Path, sentences: list[str]
) -> None:
    path = write(cnsd_dir, "\ufeff" + "\r\n".join(sentences) + "\r\n")
    assert load_pool(cnsd_dir, [path.name]).sentences[-len(sentences) :] == sentences


SPOIL: dict[str, Callable[[str], str]] = {
    "three bars": lambda line: line.replace("||", "|||", 1),
    "a bar too many at the end": lambda line: line.replace("||", "|| |", 1),
    "an old line end": lambda line: line.replace("天", "天\r", 1),
    "a mark in the middle": lambda line: line.replace("天", "天\ufeff", 1),
    "a line separator": lambda line: line.replace("天", "天\u2028", 1),
}


@pytest.mark.parametrize("kind", SPOIL)
def test_a_pair_of_which_the_fields_are_not_clear_is_refused(cnsd_dir: Path, kind: str) -> None:
    path = cnsd_dir / "cnsd-sts-dev.txt"
    good = "1||今天好||天气好||3\n"
    path.write_bytes((good + SPOIL[kind](good)).encode())
    with pytest.raises(DataError, match=r"cnsd-sts-dev\.txt, line 2: "):
        load_sts(cnsd_dir, "dev")
