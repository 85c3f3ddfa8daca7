"""How each method looks and what it is called, in every chart, table and sentence.

A method is added to :data:`METHODS`, a row each; a colour, a marker or a name is changed there.
What a method *is* stands in the column ``kind`` of the results and is asked for there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import seaborn as sns

from simcse_core.config import check_language

# Colours from seaborn's colour-blind safe palette; markers tell methods apart in grey too.
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, _PINK, _GREY, _YELLOW, _SKY = sns.color_palette(
    "colorblind"
).as_hex()
_INDIGO = "#332288"  # of Tol's muted scheme; darker than any of seaborn's


@dataclass(frozen=True)
class Method:
    """Colour, marker (matplotlib's codes), English and Chinese name of a method."""

    colour: str
    marker: str
    en: str
    zh: str

    def name(self, language: str = "en") -> str:
        """The name in a language.

        Raises:
            ValueError: a language other than ``en`` and ``zh``.
        """
        check_language(language)
        return self.zh if language == "zh" else self.en


# In the order of charts and tables, from nothing to labels.
METHODS: dict[str, Method] = {
    "untrained": Method(_GREY, "o", "untrained", "未训练"),
    "idf-mean": Method(_SKY, "v", "IDF-weighted mean", "IDF 加权平均"),
    "tfidf-char": Method(_PURPLE, "D", "TF-IDF (characters)", "TF-IDF（字）"),
    "tfidf-char-bigram": Method(
        _BROWN, "d", "TF-IDF (characters, bigrams)", "TF-IDF（字与二元组）"
    ),
    "tfidf-word": Method(_PINK, "P", "TF-IDF (words)", "TF-IDF（词）"),
    "whitening": Method(_ORANGE, "s", "whitening", "白化"),
    "unsup-simcse": Method(_BLUE, "o", "unsupervised SimCSE", "无监督 SimCSE"),
    "esimcse": Method(_INDIGO, "p", "ESimCSE", "ESimCSE"),
    "sup-simcse": Method(_GREEN, "^", "supervised SimCSE", "有监督 SimCSE"),
}

# Numbers that the report published, beside ours; no method of this study.
PUBLISHED = Method(_RED, "D", "the report, untrained [CLS]", "原报告，未训练 [CLS]")


def method(name: str) -> Method:
    """The row of a method.

    Raises:
        ValueError: it has none; the message names the table to add it to.
    """
    if name not in METHODS:
        raise ValueError(
            f"method {name!r}: no row in METHODS of simcse_core/report/methods.py; add one with "
            f"its colour, marker and names (known: {', '.join(METHODS)})"
        )
    return METHODS[name]


def in_order(names: Iterable[str]) -> list[str]:
    """The distinct methods in the order of :data:`METHODS`.

    Raises:
        ValueError: a method without a row.
    """
    order = {name: place for place, name in enumerate(METHODS)}
    distinct = dict.fromkeys(names)
    for name in distinct:
        method(name)
    return sorted(distinct, key=order.__getitem__)
