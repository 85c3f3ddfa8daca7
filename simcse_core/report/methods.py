"""How each method looks and what it is called, in every chart, table and sentence.

A method is added to :data:`METHODS`, a row each; a colour, a marker or a name is changed there.
What a method *is* stands in the column ``kind`` of the results and is asked for there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import seaborn as sns

from simcse_core.config import check_language

# Colours from seaborn's colour-blind safe palette; markers tell methods apart in grey too.
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, _, _GREY, _YELLOW, _SKY = sns.color_palette(
    "colorblind"
).as_hex()
# Of Tol's muted scheme; darker than any of seaborn's.
_INDIGO, _WINE, _TEAL, _FOREST, _OLIVE, _ROSE, _MAUVE = (
    *("#332288", "#882255", "#44AA99", "#117733", "#999933", "#CC6677", "#AA4499"),
)
# Darker shades of what they are compared with.
_NAVY, _RUST, _COAL, _PLUM, _ORCHID = "#08306B", "#8C4A00", "#4D4D4D", "#5E3C99", "#9E4F96"

# matplotlib's code of a line, or how far it is drawn and left out by turns, in points.
Dash = str | tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Method:
    """Colour, marker (matplotlib's codes), English and Chinese name of a method.

    Attributes:
        dash: of its line where no number of sentences changes it.
        hollow: whether its marker is an outline, which tells it from a filled one in grey.
    """

    colour: str
    marker: str
    en: str
    zh: str
    dash: Dash = "--"
    hollow: bool = False

    def name(self, language: str = "en") -> str:
        """The name in a language.

        Raises:
            ValueError: a language other than ``en`` and ``zh``.
        """
        check_language(language)
        return self.zh if language == "zh" else self.en


# In the order of charts and tables, from nothing to labels.
METHODS: dict[str, Method] = {
    "untrained": Method(_GREY, "o", "untrained", "未训练", hollow=True),
    "idf-mean": Method(_SKY, "v", "IDF-weighted mean", "IDF 加权平均"),
    "tfidf-char": Method(_PURPLE, "D", "TF-IDF (characters)", "TF-IDF（字）"),
    "tfidf-char-bigram": Method(
        _BROWN, "d", "TF-IDF (characters, bigrams)", "TF-IDF（字与二元组）"
    ),
    "tfidf-word": Method(_ORCHID, "P", "TF-IDF (words)", "TF-IDF（词）"),
    "whitening": Method(_ORANGE, "s", "whitening", "白化"),
    "unsup-simcse": Method(_BLUE, "o", "unsupervised SimCSE", "无监督 SimCSE"),
    "esimcse": Method(_INDIGO, "p", "ESimCSE", "ESimCSE"),
    "simcse-slower": Method(
        _TEAL, "v", "SimCSE, three slower epochs", "SimCSE，低学习率三轮", hollow=True
    ),
    "simcse-mixed": Method(
        _FOREST, "s", "SimCSE with general text", "SimCSE 加通用文本", hollow=True
    ),
    "simcse-no-embeddings": Method(
        _OLIVE, "D", "SimCSE, embeddings fixed", "SimCSE，固定词嵌入", hollow=True
    ),
    "simcse-last-layers": Method(
        _ROSE, "^", "SimCSE, last layers alone", "SimCSE，只训末层", hollow=True
    ),
    "simcse-early": Method(_NAVY, "<", "SimCSE, stopped by the rule", "SimCSE，按规则停止"),
    "simcse-interpolated": Method(
        _MAUVE, ">", "SimCSE, averaged with the start", "SimCSE，与起点平均"
    ),
    "simcse-whitening": Method(_RUST, "h", "SimCSE, then whitening", "SimCSE 后白化"),
    "untrained-fused": Method(
        _COAL, "X", "untrained and TF-IDF, mean rank", "未训练与 TF-IDF 平均名次", hollow=True
    ),
    "simcse-fused": Method(_PLUM, "X", "SimCSE and TF-IDF, mean rank", "SimCSE 与 TF-IDF 平均名次"),
    "sup-simcse": Method(_GREEN, "^", "supervised SimCSE", "有监督 SimCSE"),
    "ready-made": Method(_WINE, "*", "ready-made", "现成编码器"),
}
# What tells several ready-made encoders of one chart apart; a seventh looks like the first.
_MARKERS = ("*", "X", "h", "<", ">", "8")
_DASHES: tuple[Dash, ...] = (":", "-.", (0, (1, 3)), (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (8, 4)))

# Numbers that the report published, beside ours; no method of this study.
PUBLISHED = Method(_RED, "D", "the report, untrained [CLS]", "原报告，未训练 [CLS]")


def ready_made_method(name: str, place: int, encoder: str) -> str:
    """A method's name for one of several ready-made encoders, which have a line each.

    Args:
        place: among those that stand there, from 0.
    """
    return f"{name}:{place}:{encoder}"


def method(name: str) -> Method:
    """The row of a method; of one made by :func:`ready_made_method`, a look of its own.

    Raises:
        ValueError: it has none; the message names the table to add it to.
    """
    kind, *own = name.split(":", 2)
    if len(own) == 2 and kind in METHODS:
        place, encoder = int(own[0]), own[1]
        return replace(
            METHODS[kind],
            marker=_MARKERS[place % len(_MARKERS)],
            dash=_DASHES[place % len(_DASHES)],
            en=f"{encoder} ({METHODS[kind].en})",
            zh=f"{encoder}（{METHODS[kind].zh}）",
        )
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
    return sorted(distinct, key=lambda name: order[name.split(":", 1)[0]])


def method_name(text: str, language: str) -> str:
    """The name of a method in a language; a text that is no method stays as it is."""
    return method(text).name(language) if text in METHODS else text
