"""What is said in English, found in a catalogue of Chinese and filled in there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from simcse_core.config import ASSETS
from simcse_core.report.claim_words import claim_name
from simcse_core.report.methods import method_name
from simcse_core.report.wording import LIST_COMMA, pooling_name, say
from simcse_core.yaml_values import parse_yaml

MESSAGES = ASSETS / "messages.zh.yaml"  # of errors and progress bars
LINES = ASSETS / "lines.zh.yaml"  # of what a run says of itself, and of why a result is missing
_AROUND = "around "  # how sections begin whose rows hold another line or message
_CHINESE = "\u4e00-\u9fff"
_WIDE = f"{_CHINESE}\u3000-\u303f\uff00-\uffef"  # with the punctuation of Chinese
_GAP = re.compile(rf"(?<=[{_CHINESE}])(?=\{{)|(?<=\}})(?=[{_CHINESE}])")
_PLACE = re.compile(r"\{(\d)(?::(\w+))?\}")
_EDGE = "\ue000"  # of what became Chinese, which stands without a space beside Chinese
_BESIDE = re.compile(f"(?<=[{_CHINESE}]) (?={_EDGE})|(?<={_EDGE}) (?=[{_CHINESE}])")


class Row(NamedTuple):
    """A line or a message: what it looks like in English, and what it is in Chinese."""

    pattern: re.Pattern[str]
    chinese: str


def found(text: str, catalogue: Path, unnamed: Callable[[str], str] = str) -> str | None:
    """A text in Chinese by the first row of a catalogue that it looks like; None if by none.

    Args:
        catalogue: :data:`MESSAGES` or :data:`LINES`.
        unnamed: what is made of the text of a placeholder that does not name what it holds.
    """
    for row in _rows(catalogue):
        if match := row.pattern.fullmatch(text):
            return _filled(row.chinese, match.groups(), unnamed)
    return None


def line_in_chinese(line: str) -> str:
    """A line of a run in Chinese; one that has no row stays as it is."""
    told = found(line, LINES)
    return line if told is None else told


def _filled(chinese: str, parts: Sequence[str], unnamed: Callable[[str], str]) -> str:
    def put_in(place: re.Match[str]) -> str:
        part = parts[int(place[1])]
        told = KINDS[place[2]](part) if place[2] else unnamed(part)
        edges = (_EDGE if re.match(f"[{_WIDE}]", told[i:]) else "" for i in (0, -1))
        return told.join(edges) if told != part else part

    return _BESIDE.sub("", _PLACE.sub(put_in, chinese)).replace(_EDGE, "")


@cache
def _rows(catalogue: Path) -> tuple[Row, ...]:
    sections = parse_yaml(catalogue.read_text(encoding="utf-8"), catalogue.name)
    first = [row for name in sections if name.startswith(_AROUND) for row in sections[name]]
    others = [row for name in sections if not name.startswith(_AROUND) for row in sections[name]]
    others.sort(key=lambda row: len(row["en"].replace("{}", "")), reverse=True)
    return tuple(_row(row["en"], row["zh"]) for row in (*first, *others))


def _row(english: str, chinese: str) -> Row:
    pattern = "(.*?)".join(map(re.escape, english.split("{}")))
    return Row(re.compile(pattern, re.DOTALL), _GAP.sub(" ", chinese))


def _word(text: str) -> str:
    return say(text, "zh")


def _each(names: str, name: Callable[[str], str]) -> str:
    return LIST_COMMA["zh"].join(name(one) for one in names.split(", "))


def _counts(text: str) -> str:
    """``100 out of scope, 20 other services``, counted the Chinese way round."""
    parts = [part.partition(" ") for part in text.split(", ")]
    return LIST_COMMA["zh"].join(f"{_word(name)} {n} 条" for n, _, name in parts)


# What a placeholder may hold, by the name that it gives: from its English to its Chinese.
KINDS: Mapping[str, Callable[[str], str]] = {
    "word": _word,
    "words": lambda text: _each(text, _word),
    "methods": lambda text: _each(text, lambda name: method_name(name, "zh")),
    "pooling": lambda text: pooling_name(text, "zh"),
    "claim": lambda text: claim_name(text, "zh"),
    "counts": _counts,
    "line": line_in_chinese,
}
