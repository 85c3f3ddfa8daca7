"""A results folder as a site in both languages that opens from disk and fetches nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from markupsafe import Markup

from simcse_core.config import LANGUAGES, NOTEBOOK_STEM
from simcse_core.files import write_bytes
from simcse_core.report.notebook_pages import notebook_page
from simcse_core.report.pages import Made
from simcse_core.report.site_parts import OTHER, Telling, page_file

PAGES_FOLDER = "pages"
SINGLE = "single"


def write_site(directory: Path, single: bool = False) -> Made:
    """Writes the site of a results folder into its folder ``pages``.

    Args:
        single: one file a language with all in it, instead of a page a chapter.

    Raises:
        OSError: a file cannot be written.
    """
    site = make_single(directory) if single else make_site(directory)
    for name, content in site.files.items():
        write_bytes(directory / PAGES_FOLDER / name, content)
    return site


def make_site(directory: Path) -> Made:
    """Pages, pictures, tables and executed notebooks of a results folder, in both languages.

    A table that is missing or broken is named on the overview, and stops no other.
    """
    site = Made()
    notebooks = {language: _notebooks(directory, site, language) for language in LANGUAGES}
    for language in LANGUAGES:
        told = Telling.of(directory, language)
        site.absent, site.broken = told.made.absent, [*site.broken, *told.made.broken]
        if not told.something():
            continue
        site.files |= told.pictures()
        pages = {"index": told.overview(list(notebooks[language]))}
        pages |= {section.number: told.section(section) for section in told.sections}
        for name, body in pages.items():
            site.files[page_file(name, language)] = told.page(name, body).encode("utf-8")
    site.broken = list(dict.fromkeys(site.broken))
    if site.files:
        for pages_of_language in notebooks.values():
            site.files |= pages_of_language
        site.files |= _tables(directory)
    return site


def make_single(directory: Path) -> Made:
    """The same without the notebooks, as one file a language: pictures and tables stand in it."""
    site = Made()
    for language in LANGUAGES:
        told = Telling.of(directory, language, single=True)
        site.absent, site.broken = told.made.absent, told.made.broken
        if not told.something():
            continue
        parts = [told.overview(()), *(told.section(section) for section in told.sections)]
        files = {**told.pictures(), **_tables(directory)}
        body = Markup(_with_files("\n".join(parts), files))
        links = [("#content", told.words["overview"])]
        links += [(f"#{section.number}", section.title) for section in told.sections]
        page = told.render(body, told.title, links, "", page_file(SINGLE, OTHER[language]))
        site.files[page_file(SINGLE, language)] = page.encode("utf-8")
    return site


def _with_files(body: str, files: Mapping[str, bytes]) -> str:
    """The same with each file in the place of its name."""
    for name, content in files.items():
        kind = "image/png" if name.endswith(".png") else "text/plain"
        data = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        body = body.replace(f'href="{name}"', f'href="{data}" download="{name}"')
        body = body.replace(f'src="{name}"', f'src="{data}"')
    return body


def _notebooks(directory: Path, site: Made, language: str) -> dict[str, bytes]:
    """The notebooks that a study has run into the folder, as pages by name."""
    pages = {}
    there = sorted((directory / "notebooks").glob("*.ipynb"))
    for path in [path for path in there if NOTEBOOK_STEM.fullmatch(path.stem)]:
        try:
            page = notebook_page(path, language)
            pages[page_file(path.stem, language)] = page.encode("utf-8")
        except ValueError as error:
            site.broken.append(str(error))
    return pages


def _tables(directory: Path) -> dict[str, bytes]:
    """The tables and stamps as they are; who tells them says which of them cannot be read."""
    tables = {}
    for path in sorted([*directory.glob("[0-9][0-9]_*.csv"), *directory.glob("[0-9][0-9]_*.json")]):
        with suppress(OSError):
            tables[path.name] = path.read_bytes()
    return tables
