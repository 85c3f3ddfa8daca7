"""In what language this process speaks: English, unless it was told otherwise.

What computes imports this and no table of words, so that other words compute nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable

Translate = Callable[[str], str]


class _Chosen:
    """What translate_with chose."""

    translate: Translate = staticmethod(str)


def translate_with(translate: Translate) -> None:
    """Chooses what all that this process says is put through on its way to a reader."""
    _Chosen.translate = staticmethod(translate)


def translated(text: str) -> str:
    """A message, a word of a progress bar or a line, as a reader is to see it."""
    return _Chosen.translate(text)


def tell(line: str) -> None:
    """Prints a line of a run."""
    print(translated(line))
