"""Markdown as HTML, for pages and for what answers in a notebook."""

from __future__ import annotations

import re

import mistune
from markupsafe import Markup

_NUMBER = re.compile(r"[-+−]?\d|\[[-+]")


class _Renderer(mistune.HTMLRenderer):
    """Tables in a frame of their own that scrolls, and that a keyboard reaches."""

    def __init__(self, label: str) -> None:
        super().__init__(escape=True)
        self.label = label

    def cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        if head:
            return f'<th scope="col">{text}</th>'
        return f'<td class="number">{text}</td>' if _NUMBER.match(text) else f"<td>{text}</td>"

    def table(self, text: str) -> str:
        frame = Markup('<div class="scroll" role="region" tabindex="0" aria-label="{}">')
        return f"{frame.format(self.label)}<table>{text}</table></div>\n"


def as_html(markdown: str, label: str = "") -> Markup:
    """Markdown with tables as HTML; HTML in it is shown, never followed."""
    renderer = _Renderer(label)
    converter = mistune.create_markdown(renderer=renderer, plugins=["table"])
    # What the plugin has put there for tables makes way for ours.
    renderer.register("table", lambda _, text: renderer.table(text))
    renderer.register("table_cell", lambda _, text, **how: renderer.cell(text, **how))
    return Markup(converter(markdown))
