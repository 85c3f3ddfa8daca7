"""A results folder's site of both kinds, whose charts are drawn once a language for the two."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from simcse_core.report import site_parts
from simcse_core.report.pages import Made, draw
from simcse_core.report.records import Records
from simcse_core.report.site import PAGES_FOLDER, write_site


def write_both_sites(directory: Path) -> Path:
    """Writes the site by chapters and as single files; returns their folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_parts, "draw", _drawn_once())
        write_site(directory)
        write_site(directory, single=True)
    return directory / PAGES_FOLDER


def _drawn_once() -> Callable[[Path, str, Made], dict[str, Records]]:
    kept: dict[str, tuple[dict[str, Records], Made]] = {}

    def drawn(directory: Path, language: str, made: Made) -> dict[str, Records]:
        if language not in kept:
            own = Made()
            kept[language] = draw(directory, language, own), own
        records, own = kept[language]
        vars(made).update(deepcopy(vars(own)))
        return records

    return drawn
