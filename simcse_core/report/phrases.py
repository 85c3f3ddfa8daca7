"""Sentences that runs and results hold in English, in the language that a reader chose.

What computes says what it does in English, and its words stand in results and their stamps. What
is printed or drawn of them goes through here: a sentence that has no row stays as it is.
"""

from __future__ import annotations

import re
import unicodedata

from simcse_core.config import check_language
from simcse_core.report.catalogue import line_in_chinese

# The table of what was found in a source: its heads, and what stands in its cells.
_HEADS = {
    "file": "文件",
    "part": "用作",
    "columns": "列",
    "rows": "行数",
    "kept": "保留",
    "dropped": "去掉",
    "labels": "标注",
}
_CELLS = (
    (re.compile(r"\bpool\b"), "句子池"),
    (re.compile(r"\bdev\b"), "验证集"),
    (re.compile(r"\btest\b"), "测试集"),
    (re.compile(r"cut into (.+)"), r"切分为\1"),
    (re.compile(r"([\d,]+) empty"), r"空行 \1"),
    (re.compile(r"([\d,]+) too long"), r"过长 \1"),
    (re.compile(r"(\S+) to (\S+), (\d+) values"), r"\1 至 \2，\3 种取值"),
    (re.compile(r"(\S+) or (\S+)"), r"\1 或 \2"),
    (re.compile(r" \(([^)]*)\)"), r"（\1）"),
    (re.compile(r", "), "、"),
)
# These cells are the user's own words: a file's name, names of columns.
_OWN = ("file", "columns")


def in_words(text: str, language: str = "en") -> str:
    """Lines of a run, or why a result is missing, in a language.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    if language == "en":
        return text
    lines, said = text.split("\n"), []
    while lines:
        n = _rows_of_table(lines)
        said += _found(lines[:n]) if n else [line_in_chinese(lines[0])]
        lines = lines[n or 1 :]
    return "\n".join(said)


def _rows_of_table(lines: list[str]) -> int:
    """How many lines from the first on are the table of what was found."""
    if lines[0].split() != list(_HEADS):
        return 0
    rows = [len(re.split(r" {2,}", line)) == len(_HEADS) for line in lines]
    return rows.index(False) if False in rows else len(rows)


def _found(lines: list[str]) -> list[str]:
    """The table in Chinese, its columns below their heads: a Chinese character is two wide."""
    rows = [re.split(r" {2,}", line) for line in lines[1:]]
    cells = [
        [cell if head in _OWN else _cell(cell) for head, cell in zip(_HEADS, row, strict=True)]
        for row in rows
    ]
    table = [list(_HEADS.values()), *cells]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    padded = [
        [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in table
    ]
    return ["  ".join(row).rstrip() for row in padded]


def _cell(text: str) -> str:
    for pattern, chinese in _CELLS:
        text = pattern.sub(chinese, text)
    return text


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
