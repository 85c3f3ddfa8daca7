"""Markdown as HTML, for pages and for what answers in a notebook."""

from __future__ import annotations

import re

import mistune
from markupsafe import Markup, escape

_NUMBER = re.compile(r"[-+−]?\d|\[[-+]")
# An encoder's or a metric's, which is not broken at its hyphens.
_NAME = re.compile(r"[\w.@-]{1,24}", re.ASCII)
_TAG = re.compile(r"<[^>]*>")
# Classes of tables with more columns than fit a phone, or a page without broken cells.
_SIZES = {3: "wide", 7: "widest"}


class _Renderer(mistune.HTMLRenderer):
    """Tables in a frame of their own that scrolls, and that a keyboard reaches.

    Every cell holds the head of its column, which stands before it where a narrow screen makes a
    block of each row.
    """

    def __init__(self, label: str) -> None:
        super().__init__(escape=True)
        self.label = label
        self._heads: list[str] = []
        self._column = 0

    def cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        if head:
            self._heads.append(_TAG.sub("", text))
            return f'<th scope="col">{text}</th>'
        named, self._column = self._heads[self._column], self._column + 1
        looks = {"number": _NUMBER.match(text), "word": _NAME.fullmatch(text)}
        look = next((f' class="{name}"' for name, is_so in looks.items() if is_so), "")
        about = f' data-head="{named}"' if named else ""
        return f"<td{look}{about}>{text}</td>"

    def row(self, text: str) -> str:
        self._column = 0
        return f"<tr>{text}</tr>\n"

    def table(self, text: str) -> str:
        frame = '<div class="scroll" role="region" tabindex="0" aria-label="{}">'
        sizes = [name for most, name in _SIZES.items() if len(self._heads) > most]
        wide = f' class="{" ".join(sizes)}"' if sizes else ""
        self._heads = []
        return f"{frame.format(escape(self.label))}<table{wide}>{text}</table></div>\n"


def as_html(markdown: str, label: str = "") -> Markup:
    """Markdown with tables as HTML; HTML in it is shown, never followed."""
    renderer = _Renderer(label)
    converter = mistune.create_markdown(renderer=renderer, plugins=["table"])
    # What the plugin has put there for tables makes way for ours.
    renderer.register("table", lambda _, text: renderer.table(text))
    renderer.register("table_row", lambda _, text: renderer.row(text))
    renderer.register("table_cell", lambda _, text, **how: renderer.cell(text, **how))
    return Markup(converter(markdown))
