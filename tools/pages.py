"""Generated parts of pages that people write."""

from __future__ import annotations

import re
from pathlib import Path

from simcse_core.results import write_text


def fill_part(page: Path, name: str, content: str) -> None:
    """Puts ``content`` between the comments ``<!-- name -->`` and ``<!-- end -->`` of a page.

    Raises:
        ValueError: the page has no such comments.
    """
    text = page.read_text(encoding="utf-8")
    part = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not part.search(text):
        raise ValueError(f"{page.name}: has no <!-- {name} --> ... <!-- end --> to fill")
    write_text(page, part.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text))
