from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from simcse_core.config import PROJECT_ROOT
from simcse_core.report.notebook_pages import in_language, notebook_page

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


def cells(path: Path) -> list[nbformat.NotebookNode]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_all_text_of_a_notebook_has_its_chinese_beside_it(path):
    for cell in cells(path):
        chinese = cell.metadata["zh"]
        assert re.search("[一-鿿]", chinese)
        # Headings, code and commands are the same in both.
        for pattern in (r"^#+ (?:\d · )?", r"`[^`\n]+`", r"^```.*$"):
            found = [re.findall(pattern, text, re.MULTILINE) for text in (cell.source, chinese)]
            assert sorted(set(found[0])) == sorted(set(found[1])), chinese
        # Chinese has no space where a line ends.
        assert not re.search("[一-鿿，。；]\n[一-鿿]", chinese), chinese


def test_the_language_picks_the_text_and_can_be_changed_back():
    path = COMMITTED[1]
    notebook = nbformat.read(path, as_version=4)
    english = [cell.source for cell in cells(path)]
    in_language(notebook, "zh")
    chinese = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert chinese == [cell.metadata["zh"] for cell in cells(path)]
    in_language(notebook, "en")
    assert [c.source for c in notebook.cells if c.cell_type == "markdown"] == english


def test_a_page_in_chinese_names_its_language_and_its_pictures_so():
    page = notebook_page(COMMITTED[1], "zh")
    assert '<html lang="zh"' in page
    assert "小样本：50 到 800 条句子" in page
    assert 'alt="用几百条句子训练后的 Spearman：' in page
