"""The explorer in JupyterLab: fields to type into, and a slider over training.

What answers is Markdown of :mod:`simcse_core.report.explorer_prose`, shown as HTML. The same stands
in the notebook as text, for readers without a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from simcse_core.config import check_language
from simcse_core.explorer.experiment import (
    MOST_CHARACTERS,
    N_ALIKE,
    Explorer,
    Typed,
    compare,
    neighbours,
    read,
)
from simcse_core.report.as_html import as_html
from simcse_core.report.explorer_plots import plot_projection
from simcse_core.report.explorer_prose import (
    as_text,
    tell_comparison,
    tell_neighbours,
    tell_tokens,
    tell_trouble,
)
from simcse_core.report.plotting import as_png
from simcse_core.report.wording import COLON, quantity, say

_WIDE = ipywidgets.Layout(width="100%", max_width="60em")
_STYLE = {"description_width": "8em"}
# JupyterLab leaves no space between the columns of such a table, and breaks Chinese heads anywhere.
_TOLD = """<style>
.simcse-told :is(th, td) { padding: .2em 1.2em .2em 0; text-align: left; vertical-align: top; }
.simcse-told th { word-break: keep-all; }
</style><div class="simcse-told">%s</div>"""
_WORDS = {
    "en": {
        "first": "One sentence",
        "second": "Another one",
        "sentence": "A sentence",
        "seen": "Seen",
        "slide": "The slider needs a running kernel; the chart above shows each of its positions.",
    },
    "zh": {
        "first": "一句话",
        "second": "另一句",
        "sentence": "一句话",
        "seen": "已训练",
        "slide": "滑块需要运行中的内核；上面的图列出了它的每个位置。",
    },
}


@dataclass(frozen=True)
class Answering:
    """Widgets that a notebook shows as text where no kernel answers.

    Attributes:
        box: what is shown where one does.
        told: its answer of now, as Markdown.
    """

    box: ipywidgets.Box
    told: Callable[[], str]

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        told = self.told()
        bundle = self.box._repr_mimebundle_(**how)
        return {**bundle, "text/markdown": told, "text/plain": told}


def type_two(explorer: Explorer, first: str, second: str, language: str = "en") -> Answering:
    """Two fields; below them the cosine of what is typed, by each method."""
    names = (_WORDS[language]["first"], _WORDS[language]["second"])
    return _typing(names, (first, second), lambda a, b: answer_two(explorer, a, b, language))


def type_one(explorer: Explorer, sentence: str, language: str = "en") -> Answering:
    """A field; below it the nearest sentences of the pool, by each method."""
    names = (_WORDS[language]["sentence"],)
    return _typing(names, (sentence,), lambda text: answer_one(explorer, text, language))


def answer_two(explorer: Explorer, first: str, second: str, language: str = "en") -> str:
    """What is said of two texts, as Markdown; never raises, whatever is typed."""
    typed = [read(explorer, text) for text in (first, second)]
    said = [_tell_typed(one, language) for one in typed]
    if not any(one.trouble for one in typed):
        rows = compare(explorer, *(one.text for one in typed))
        n_pairs = len(next(iter(explorer.ways.values())).reference)
        said.append(tell_comparison(rows, n_pairs, N_ALIKE, language))
    return "\n\n".join(said)


def answer_one(explorer: Explorer, sentence: str, language: str = "en") -> str:
    """What is said of one text, as Markdown; never raises, whatever is typed."""
    typed = read(explorer, sentence)
    said = [_tell_typed(typed, language)]
    if not typed.trouble:
        rows = neighbours(explorer, typed.text)
        said.append(tell_neighbours(rows, list(explorer.ways), language))
    return "\n\n".join(said)


def _tell_typed(typed: Typed, language: str) -> str:
    """The text, its tokens, and what keeps it from being compared."""
    parts = []
    if typed.tokens:
        parts.append(f"**{as_text(typed.text)}**")
        tokens = [(token.text, token.known) for token in typed.tokens]
        parts.append(tell_tokens(tokens, typed.n_cut, language))
    if typed.trouble:
        parts.append(tell_trouble(typed.trouble, len(typed.text), MOST_CHARACTERS, language))
    return "\n\n".join(parts)


def _typing(names: Sequence[str], texts: Sequence[str], answer: Callable[..., str]) -> Answering:
    """Fields of text, and the answer to what is in them at every moment."""
    fields = [
        ipywidgets.Text(value=text, description=name, layout=_WIDE, style=_STYLE)
        for name, text in zip(names, texts, strict=True)
    ]
    shown = ipywidgets.HTML(layout=_WIDE)

    def told() -> str:
        return answer(*(field.value for field in fields))

    def respond(_: object = None) -> None:
        shown.value = _TOLD % as_html(told())

    for field in fields:
        field.observe(respond, names="value")
    respond()
    return Answering(ipywidgets.VBox([*fields, shown]), told)


def slide(explorer: Explorer, language: str = "en") -> Answering:
    """A slider over the points of training; the projection of each is drawn once."""
    check_language(language)
    seen = sorted(set(explorer.points["n_train"]))
    pictures = {n: as_png(plot_projection(explorer.points, n)) for n in seen}
    names = [quantity(n, "n_train", language) if n else say("untrained", language) for n in seen]
    slider = ipywidgets.SelectionSlider(
        options=list(zip(names, seen, strict=True)),
        description=f"{_WORDS[language]['seen']}{COLON[language]}",
        layout=_WIDE,
    )
    picture = ipywidgets.Image(value=pictures[seen[0]], layout=ipywidgets.Layout(max_width="36em"))

    def move(change: dict[str, Any]) -> None:
        picture.value = pictures[change["new"]]

    slider.observe(move, names="value")
    return Answering(ipywidgets.VBox([slider, picture]), lambda: _WORDS[language]["slide"])
