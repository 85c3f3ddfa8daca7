"""What errors, progress bars and lines of a run say, in Chinese.

A message is made in English and stays so in its exception. Where a reader sees it, it goes through
:func:`simcse_core.translation.translated`, and so through here where Chinese was chosen.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import NamedTuple

from simcse_core.config import ASSETS, check_language
from simcse_core.report.phrases import in_words
from simcse_core.report.wording import say
from simcse_core.translation import translate_with
from simcse_core.yaml_values import parse_yaml

CATALOGUE = ASSETS / "messages.zh.yaml"
_CHINESE = "\u4e00-\u9fff"
_GAP = re.compile(rf"(?<=[{_CHINESE}])(?=\{{)|(?<=\}})(?=[{_CHINESE}])")
_PLACE = re.compile(r"\{(\d)(:word)?\}")
_EDGE = "\ue000"  # of what became Chinese, which stands without a space beside Chinese
_BESIDE = re.compile(f"(?<=[{_CHINESE}]) (?={_EDGE})|(?<={_EDGE}) (?=[{_CHINESE}])")
_OWN = tuple("'\"[({")  # how a value begins that somebody gave


class Row(NamedTuple):
    """A message: what it looks like in English, and what it is in Chinese."""

    pattern: re.Pattern[str]
    chinese: str


def speak(language: str) -> None:
    """Has this process say in a language what goes through ``translated``.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    translate_with(partial(message, language=language))


def message(text: str, language: str = "en") -> str:
    """A message in a language.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    return in_chinese(text) if language == "zh" else text


def in_chinese(text: str) -> str:
    """A message in Chinese, with all that is put into it; one that has no row stays as it is."""
    for row in _rows():
        if found := row.pattern.fullmatch(text):
            return _filled(row.chinese, found.groups())
    where, _, what = text.partition(": ")
    told = in_chinese(what) if what else ""
    return f"{_part(where)}：{told}" if told != what else in_words(text, "zh")


def _filled(chinese: str, parts: tuple[str, ...]) -> str:
    def put_in(place: re.Match[str]) -> str:
        part = parts[int(place[1])]
        told = say(part, "zh") if place[2] else _part(part)
        edges = (_EDGE if re.match(f"[{_CHINESE}]", told[i:]) else "" for i in (0, -1))
        return told.join(edges) if told != part else part

    told = _BESIDE.sub("", _PLACE.sub(put_in, chinese))
    return told.replace(_EDGE, "")


def _part(text: str) -> str:
    """What stands in a message: another one, a place, or what somebody gave, which stays."""
    own = text.startswith(_OWN) or " " not in text
    return text if own else in_chinese(text)


@cache
def _rows() -> list[Row]:
    sections = parse_yaml(CATALOGUE.read_text(encoding="utf-8"), CATALOGUE.name).values()
    first, *others = ([(row["en"], row["zh"]) for row in rows] for rows in sections)
    longest = sorted(
        (row for rows in others for row in rows),
        key=lambda row: len(row[0].replace("{}", "")),
        reverse=True,
    )
    return [_row(*row) for row in (*first, *longest)]


def _row(english: str, chinese: str) -> Row:
    pattern = "(.*?)".join(map(re.escape, english.split("{}")))
    return Row(re.compile(pattern, re.DOTALL), _GAP.sub(" ", chinese))
