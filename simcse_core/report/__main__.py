"""Charts and pages from result tables alone.

    python -m simcse_core.report PATH... [--check] [--language zh] [--site | --single]

A PATH is a results folder, whose charts are drawn and whose pages are written, or a Markdown file,
whose generated parts are filled (see :mod:`simcse_core.report.markers`). With ``--check`` nothing
is written, and the exit code is 1 if something is not what the tables say. With ``--site``, HTML
pages of a results folder go into its folder ``pages``; with ``--single``, one file a language.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import groupby
from pathlib import Path

import matplotlib as mpl

from simcse_core.config import LANGUAGES
from simcse_core.errors import print_any_name
from simcse_core.report.markers import fill_file
from simcse_core.report.pages import Made, differing, make, write_pages
from simcse_core.report.records import notebook_of
from simcse_core.report.site import PAGES_FOLDER, SINGLE, write_site

_AGAIN = "run python -m simcse_core.report"


def main(arguments: list[str] | None = None) -> int:
    """Command line entry; returns 0, 1 for what differs or is broken, 2 for a wrong PATH."""
    given = _parse(arguments)
    print_any_name()
    mpl.use("agg")
    codes = []
    for path in given.paths:
        if path.is_dir() and (given.site or given.single):
            codes.append(_site(path, given.single))
        elif path.is_dir():
            codes.append(_folder(path, given.language, given.check))
        elif path.suffix == ".md" and path.is_file():
            codes.append(_file(path, given.check))
        else:
            print(f"{path} is no results folder and no Markdown file", file=sys.stderr)
            codes.append(2)
    return max(codes)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simcse_core.report",
        description="Draws the charts and writes the pages of results folders from their tables, "
        "and fills the generated parts of Markdown files.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the charts' labels")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--site", action="store_true", help="write HTML pages into PATH/pages")
    how.add_argument("--single", action="store_true", help="the same as one file a language")
    return parser.parse_args(arguments)


def _folder(directory: Path, language: str, check: bool) -> int:
    started = time.monotonic()
    made = make(directory, language) if check else write_pages(directory, language)
    stale = differing(directory, made) if check else []
    _say_lacking(directory, made)
    for name in stale:
        print(f"{directory / name} differs from its tables; {_AGAIN} {directory}", file=sys.stderr)
    charts = sum(name.endswith(".png") for name in made.files)
    seconds = time.monotonic() - started
    print(f"{directory}: charts {charts}, pages {len(made.files) - charts}, {seconds:.1f} s")
    return int(bool(made.broken or stale or not made.files))


def _site(directory: Path, single: bool) -> int:
    started = time.monotonic()
    site = write_site(directory, single)
    _say_lacking(directory, site)
    first = SINGLE if single else "index"
    pages = [name for name in site.files if name.endswith(".html")]
    size = sum(map(len, site.files.values())) / 1e6
    seconds = time.monotonic() - started
    print(f"{directory}: pages {len(pages)}, {size:.1f} MB, {seconds:.1f} s")
    if pages:
        print(f"open {directory / PAGES_FOLDER / first}.html")
    return int(bool(site.broken or not pages))


def _say_lacking(directory: Path, made: Made) -> None:
    for notebook, tables in groupby(made.absent, notebook_of):
        print(f"{directory}: not there: {', '.join(tables)}; run {notebook} with this output_dir")
    for line in made.broken:
        print(f"broken: {line}", file=sys.stderr)
    if not made.files:
        print(f"{directory}: none of the study's tables is there", file=sys.stderr)


def _file(path: Path, check: bool) -> int:
    try:
        differed = fill_file(path, check=check)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if differed and check:
        print(f"{path} differs from its tables; {_AGAIN} {path}", file=sys.stderr)
    return int(differed and check)


if __name__ == "__main__":
    sys.exit(main())
