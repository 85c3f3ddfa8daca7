from __future__ import annotations

import re

import nbformat
import pytest

from simcse_core.config import PROJECT_ROOT
from simcse_core.report.notebook_pages import notebook_page

COMMITTED = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def page() -> str:
    return notebook_page(PROJECT_ROOT / "notebooks" / "02_small_sample.ipynb")


def test_it_holds_no_script_and_no_address_that_is_fetched(page):
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert not re.findall(r"url\((?![\"']?data:)", page)
    assert not [u for u in re.findall(r"https?://[^\"'\s<)]+", page) if "w3.org" not in u]


def test_every_picture_says_what_it_shows(page):
    alts = re.findall(r'<img[^>]*alt="([^"]*)"', page)
    assert len(alts) == page.count("<img")
    assert alts
    assert alts[0].startswith("Spearman after training on a few hundred sentences: ")
    assert all(alts)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "02_odd.ipynb"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"02_odd\.ipynb: is no notebook"):
        notebook_page(path)


def test_text_of_a_cell_cannot_close_the_page(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("print('</main><b>x</b>')")]
    )
    path = tmp_path / "02_tags.ipynb"
    nbformat.write(notebook, path)
    assert "</main><b>" not in notebook_page(path)
