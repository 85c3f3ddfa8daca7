"""Generated parts of pages that people write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simcse_core.report.markers import fill_file


def fill_part(page: Path, name: str, content: str) -> None:
    """Puts ``content`` between the comments ``<!-- name -->`` and ``<!-- end -->`` of a page.

    Raises:
        ValueError: the page has no such comments.
    """
    filled: list[str] = []

    def make(_: Sequence[str]) -> str:
        filled.append(name)
        return content

    fill_file(page, {name: make}, only=True)
    if not filled:
        raise ValueError(f"{page.name}: has no <!-- {name} --> ... <!-- end --> to fill")
