"""Whether the lines of a file are sentences, or something else that would be trained on as such."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

# What ends a line for some programs, but is not the line feed that ends one here; and the mark
# that begins a file, where two files were put together.
_ODD = {
    "\r": "a carriage return alone, as old Macs end a line",
    "\x0b": "a vertical tab",
    "\x0c": "a form feed",
    "\x85": "a next-line character",
    "\u2028": "a Unicode line separator",
    "\u2029": "a Unicode paragraph separator",
    "\ufeff": "a byte order mark, so that two files may have been put together",
}
_TAG = re.compile(
    r"<(!doctype|!--|\?xml|/?(html|head|body|meta|title|div|p|br|span|table|tr|td|li|ul|a|script)\b)",
    re.IGNORECASE,
)
_LABEL_LAST = re.compile(r"\S.*,\s*[-+]?\d+(\.\d+)?")
_HEADER_WORDS = {
    *("id", "index", "idx", "text", "sentence", "sentence1", "sentence2", "sent1", "sent2"),
    *("s1", "s2", "label", "score", "similarity", "gold_label", "premise", "hypothesis", "query"),
    *("question", "answer", "anchor", "positive", "negative", "text_a", "text_b", "split"),
}


def odd_character(line: str) -> str:
    """What in a line is a mark of another format, in words; empty if nothing."""
    return next((said for character, said in _ODD.items() if character in line), "")


def looks_like(line: str) -> str:
    """What a line is that is no sentence, in words; empty if it may be one."""
    return next((kind for kind, tells in _LINES.items() if tells(line)), "")


def all_look_like(lines: Sequence[str]) -> str:
    """What a file is by all of its lines, where each by itself could be a sentence."""
    if len(lines) < 2:
        return ""
    if all(_LABEL_LAST.fullmatch(line) for line in lines):
        return "CSV, with a number at the end of each line"
    if all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines):
        return "texts in quotes, as in JSON or CSV"
    return ""


def _is_json(line: str) -> bool:
    if line in ("{", "[", "[{", "}", "]", "},"):
        return True
    if line[0] not in "{[":
        return False
    try:
        return isinstance(json.loads(line.rstrip(",")), dict | list)
    except (ValueError, RecursionError):
        return line.startswith(('{"', '["', '[{"'))


def _is_header(line: str) -> bool:
    names = [name.strip().strip('"').casefold() for name in line.split(",")]
    return len(names) > 1 and all(name in _HEADER_WORDS for name in names)


_LINES: dict[str, Callable[[str], object]] = {
    "a table with tabs between its columns": lambda line: "\t" in line,
    "a record of several fields ('||')": lambda line: "||" in line,
    "a pointer of Git LFS to a file that was not fetched": lambda line: line.startswith(
        ("version https://git-lfs.github.com/spec", "oid sha256:")
    ),
    "JSON": _is_json,
    "HTML or XML": _TAG.match,
    "the header of a CSV file": _is_header,
    "a labelled line of fastText": lambda line: line.startswith("__label__"),
}
