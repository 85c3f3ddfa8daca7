"""The HTML pages as a browser shows them: on a phone, in the dark, to those who do not see them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import axe_source, open_browser
from report_frames import write_all
from site_for_tests import write_both_sites

from simcse_core.study.notebooks import NOTEBOOKS

pytestmark = pytest.mark.usefixtures("english_again")

PHONE = {"width": 360, "height": 740}
# What WCAG 2.1 asks of text and structure, levels A and AA, and what axe takes for good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
NOTEBOOK = "08_explore"
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a folder with every table and an executed notebook."""
    directory = write_all(tmp_path_factory.mktemp("results"))
    (directory / "notebooks").mkdir()
    shutil.copy(NOTEBOOKS / f"{NOTEBOOK}.ipynb", directory / "notebooks")
    return write_both_sites(directory)


def pages(site: Path) -> list[Path]:
    return sorted(site.glob("*.html"))


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    """A page of a phone; what its console says of errors is in ``page.said``."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.said = []
    page.on("console", lambda m: page.said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    yield page
    context.close()


def test_no_page_reports_an_error_or_scrolls_sideways_on_a_phone(phone: Any, site: Path) -> None:
    for path in pages(site):
        phone.goto(path.as_uri())
        whole, seen = phone.evaluate(WIDTHS)
        assert whole <= seen, f"{path.name}: {whole} pixels wide on a screen of {seen}"
        assert phone.said == [], path.name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_headings_pass_axe(browser: Any, site: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    script, said = axe_source(), {}
    for path in pages(site):
        page.goto(path.as_uri())
        page.evaluate(script)
        options = {"runOnly": {"type": "tag", "values": RULES}}
        found = page.evaluate("options => axe.run(document, options)", options)["violations"]
        if found:
            said[path.name] = [(v["id"], [node["target"] for node in v["nodes"]]) for v in found]
    context.close()
    assert said == {}


def test_every_link_opens_what_it_names(phone: Any, site: Path) -> None:
    targets = set()
    for path in pages(site):
        phone.goto(path.as_uri())
        hrefs = phone.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        targets |= {href for href in hrefs if not href.startswith("data:")}
        for place in phone.eval_on_selector_all(
            "a[href^='#']", "links => links.map(link => link.getAttribute('href').slice(1))"
        ):
            assert phone.evaluate("id => !!document.getElementById(id)", place), (path.name, place)
    files = {target.partition("#")[0].removeprefix("file://") for target in targets}
    assert len(files) > 20
    assert [file for file in files if not Path(file).is_file()] == []


def test_a_table_is_sorted_by_the_head_that_is_pressed(phone: Any, site: Path) -> None:
    phone.goto((site / "02.html").as_uri())
    head = phone.locator("th button").first
    head.click()
    body = "table => [...table.tBodies[0].rows].map(row => row.cells[0].innerText)"
    table = phone.locator("table").first
    once = table.evaluate(body)
    head.click()
    assert table.evaluate(body) == once[::-1]
    assert len(set(once)) > 1
