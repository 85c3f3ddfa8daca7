"""What errors, progress bars and lines of a run say, in Chinese.

A message is made in English and stays so in its exception. Where a reader sees it, it goes through
:func:`simcse_core.translation.translated`, and so through here where Chinese was chosen.
"""

from __future__ import annotations

from functools import partial

from simcse_core.config import check_language
from simcse_core.report.catalogue import MESSAGES, found
from simcse_core.report.phrases import in_words
from simcse_core.translation import translate_with

_OWN = tuple("'\"[({")  # how a value begins that somebody gave


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
    if (told := found(text, MESSAGES, _part)) is not None:
        return told
    where, _, what = text.partition(": ")
    told = in_chinese(what) if what else ""
    return f"{_part(where)}：{told}" if told != what else in_words(text, "zh")


def _part(text: str) -> str:
    """What stands in a message: another one, a place, or what somebody gave, which stays."""
    own = text.startswith(_OWN) or " " not in text
    return text if own else in_chinese(text)
