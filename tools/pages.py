"""Generated parts of pages that people write."""

from __future__ import annotations

from pathlib import Path

from simcse_core.report.markers import fill_file


def fill_part(page: Path, name: str, content: str) -> None:
    """Puts ``content`` between the comments ``<!-- name -->`` and ``<!-- end -->`` of a page.

    Raises:
        ValueError: the page has no such comments.
    """
    opening = f"<!-- {name} -->"
    if opening not in page.read_text(encoding="utf-8").splitlines():
        raise ValueError(f"{page.name}: has no {opening} ... <!-- end --> to fill")
    fill_file(page, {name: lambda _: content})
