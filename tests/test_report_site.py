from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from report_frames import TABLES, geometry, write, write_all
from site_for_tests import write_both_sites

from simcse_core.report.__main__ import main
from simcse_core.report.as_html import as_html
from simcse_core.report.site import PAGES_FOLDER, make_single, write_site
from simcse_core.report.topics import CHARTS, SECTIONS

pytestmark = pytest.mark.usefixtures("english_again")

LANGUAGES = {"en": "", "zh": ".zh-CN"}


class Page(HTMLParser):
    """What a page refers to, its headings in order, and whether its tags close."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.alts: list[str | None] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open, f"{path.name}: not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.refers += [given[key] for key in ("href", "src") if key in given]
        self.ids += [given["id"]] if "id" in given else []
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.alts.append(given.get("alt"))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a folder with every table."""
    return write_both_sites(write_all(tmp_path_factory.mktemp("results")))


def pages(site: Path) -> list[Path]:
    return sorted(site.glob("*.html"))


def test_each_chapter_and_the_overview_are_there_in_both_languages(site):
    names = ["index", "single", *SECTIONS]
    wanted = {f"{name}{suffix}.html" for name in names for suffix in LANGUAGES.values()}
    assert wanted == {path.name for path in pages(site)}


def test_every_reference_leads_to_a_file_of_the_site_or_stays_in_the_page(site):
    for path in pages(site):
        page = Page(path)
        for target in page.refers:
            if target.startswith("#"):
                assert target[1:] in page.ids, f"{path.name}: {target}"
            elif not target.startswith("data:"):
                assert "://" not in target
                file, _, place = target.partition("#")
                assert (site / file).is_file(), f"{path.name}: {target}"
                assert not place or place in Page(site / file).ids, f"{path.name}: {target}"


def test_no_page_holds_an_outside_address_or_another_s_script(site):
    for path in pages(site):
        text = re.sub(r"data:[\w/]+;base64,[\w+/=]*", "", path.read_text(encoding="utf-8"))
        assert "http" not in text
        assert "<script src" not in text


def test_every_picture_has_a_text_for_those_who_do_not_see_it(site):
    alts = [alt for path in pages(site) for alt in Page(path).alts]
    assert len(alts) >= 2 * 3 * len(CHARTS)  # overview, chapters and the single file
    assert all(alts)


def test_every_table_that_scrolls_has_a_name_of_its_own(site):
    for path in pages(site):
        names = re.findall(r'aria-label="([^"]*)"', path.read_text(encoding="utf-8"))
        assert len(names) == len(set(names)), path.name


def test_headings_never_skip_a_level_and_begin_with_one_h1(site):
    for path in pages(site):
        levels = Page(path).headings
        assert levels[0] == 1
        assert levels.count(1) == 1, path.name
        assert all(b - a <= 1 for a, b in pairwise(levels)), path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_names_its_language_and_links_the_other(site, language):
    for name in ["index", *SECTIONS]:
        text = (site / f"{name}{LANGUAGES[language]}.html").read_text(encoding="utf-8")
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in text
        other = LANGUAGES["en" if language == "zh" else "zh"]
        assert f'href="{name}{other}.html"' in text


def test_the_overview_has_the_answer_and_the_claims_with_criterion_and_verdict(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'class="answer"' in text
    for cell in ("A rise", "at least 0.1", "supported", "undecided"):
        assert f">{cell}</td>" in text


def test_the_overview_says_what_is_measured_and_what_its_words_mean(site):
    for language, words in {
        "en": ("SimCSE (Gao", "Rank correlation"),
        "zh": ("SimCSE（Gao", "等级相关"),
    }.items():
        text = (site / f"index{LANGUAGES[language]}.html").read_text(encoding="utf-8")
        assert all(word in text for word in words)
        assert text.index(words[0]) < text.index('class="answer"')


def test_each_cell_of_a_table_holds_the_head_of_its_column():
    told = as_html(
        '| a | "b" | c | d |\n|---|---|---|---|\n| x-y | 0.5 [0.1, 0.2] |  | two words |\n', "T"
    )
    assert '<table class="wide">' in told  # more columns than a phone has room for
    assert '<td class="word" data-head="a">x-y</td>' in told
    assert '<td class="number" data-head="&quot;b&quot;">0.5 [0.1, 0.2]</td>' in told
    assert '<td data-head="c"></td>' in told
    assert '<td data-head="d">two words</td>' in told
    two = as_html("| a | b |\n|---|---|\n| 1 | 2 |\n\n| c | d |\n|---|---|\n| 3 | 4 |\n")
    assert re.findall('data-head="(.)"', two) == ["a", "b", "c", "d"]
    assert "wide" not in two


def test_each_table_can_be_taken_and_says_by_what_it_was_made(site):
    text = (site / "02.html").read_text(encoding="utf-8")
    for name in (name for name in TABLES if name.startswith("02")):
        assert f'href="{name}.csv"' in text
        assert (site / f"{name}.csv").is_file()
    assert "python -m simcse_core.study --only 02" in text
    assert "0123456789ab" in text


def test_the_single_file_needs_no_other(site):
    page = Page(site / "single.html")
    outside = {ref for ref in page.refers if not ref.startswith(("#", "data:"))}
    assert outside == {"single.zh-CN.html"}


def test_text_of_a_table_is_shown_and_never_followed(tmp_path):
    claims = TABLES["05_claims"].assign(criterion="<img src=x onerror=alert(1)>")
    write(tmp_path, "05_claims", claims)
    write_site(tmp_path)
    text = (tmp_path / PAGES_FOLDER / "05.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_a_broken_table_is_named_on_the_overview_and_stops_no_other(tmp_path):
    write(tmp_path, "02_small_sample", geometry())
    (tmp_path / "01_baselines.csv").write_text("half of a ta")
    (tmp_path / "01_baselines.json").write_text("{}")
    site = write_site(tmp_path)
    assert len(site.broken) == 1
    text = (tmp_path / PAGES_FOLDER / "index.html").read_text(encoding="utf-8")
    assert "01_baselines.csv: damaged" in text
    # What would write what is not there, and where the folder lies is nobody's business.
    assert "<code>notebooks/03_large_data.ipynb</code>: 03_differences, 03_large_data" in text
    assert str(tmp_path) not in text
    assert 'href="02.html"' in text


def cut(folder: Path, suffix: str) -> None:
    path = folder / f"05_claims{suffix}"
    path.write_bytes(path.read_bytes()[:40])


def in_place_of_it(folder: Path, suffix: str, put: Callable[[Path], object]) -> None:
    path = folder / f"05_claims{suffix}"
    path.unlink()
    put(path)


def of_another_version(folder: Path, **stamp: object) -> None:
    write(folder, "05_claims", TABLES["05_claims"], **stamp)


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "empty CSV": lambda f: (f / "05_claims.csv").write_bytes(b""),
    "cut CSV": lambda f: cut(f, ".csv"),
    "empty JSON": lambda f: (f / "05_claims.json").write_bytes(b""),
    "cut JSON": lambda f: cut(f, ".json"),
    "JSON of another shape": lambda f: (f / "05_claims.json").write_text("[1, 2]"),
    "another number": lambda f: (f / "05_claims.csv").write_text(
        (f / "05_claims.csv").read_text().replace("0.1", "0.2")
    ),
    "no UTF-8": lambda f: (f / "05_claims.csv").write_bytes(b"claim\n\xff\xfe\n"),
    "no UTF-8 stamp": lambda f: (f / "05_claims.json").write_bytes(b"{\xff}"),
    "a folder": lambda f: in_place_of_it(f, ".csv", Path.mkdir),
    "a folder as stamp": lambda f: in_place_of_it(f, ".json", Path.mkdir),
    "a loop of links": lambda f: in_place_of_it(f, ".csv", lambda p: p.symlink_to(p.name)),
    "a column gone": lambda f: write(f, "05_claims", TABLES["05_claims"].drop(columns="verdict")),
    "plans by name": lambda f: of_another_version(f, plans={"tiny": "cls"}),
    "plans without a pooling": lambda f: of_another_version(f, plans=[{"encoder": "tiny"}]),
    "versions in one text": lambda f: of_another_version(f, versions="torch 2.13.0"),
    "no versions": lambda f: of_another_version(f, versions=None),
    "a dataset by number": lambda f: of_another_version(f, dataset=7),
}


@pytest.mark.parametrize("broken", BREAKAGES)
def test_whatever_is_broken_is_named_and_the_rest_is_told(tmp_path, broken):
    write(tmp_path, "05_claims", TABLES["05_claims"])
    write(tmp_path, "05_shared", TABLES["05_shared"])
    BREAKAGES[broken](tmp_path)
    site = write_site(tmp_path)
    assert len(site.broken) == 1
    assert site.broken[0].startswith(("05_claims.csv", "05_claims.json"))
    assert "run notebooks/05_summary.ipynb" in site.broken[0]
    for suffix in LANGUAGES.values():
        text = (tmp_path / PAGES_FOLDER / f"index{suffix}.html").read_text(encoding="utf-8")
        assert "<li>05_claims." in text
        assert ("run notebooks/05_summary.ipynb" in text) == (suffix == "")
        assert ("运行 notebooks/05_summary.ipynb" in text) == (suffix != "")
        assert str(tmp_path) not in text
        assert "05_shared.csv" in (tmp_path / PAGES_FOLDER / f"05{suffix}.html").read_text("utf-8")
    assert len(make_single(tmp_path).files) == len(LANGUAGES)


def test_a_link_to_nothing_is_a_table_that_is_not_there(tmp_path):
    write(tmp_path, "05_shared", TABLES["05_shared"])
    (tmp_path / "05_claims.csv").symlink_to("gone.csv")
    (tmp_path / "05_claims.json").symlink_to("gone.json")
    site = write_site(tmp_path)
    assert not site.broken
    assert "05_claims" in site.absent


def test_a_value_that_no_chart_can_show_stops_no_other(tmp_path):
    epochs = TABLES["04_epochs"].astype({"value": object})
    epochs.loc[epochs.index[0], "value"] = "many"
    write(tmp_path, "04_epochs", epochs)
    write(tmp_path, "05_shared", TABLES["05_shared"])
    site = write_site(tmp_path)
    assert any(line.startswith("04_epochs.png: cannot be drawn (") for line in site.broken)
    assert all("run notebooks/04_epochs.ipynb" in line for line in site.broken)
    assert "05.html" in site.files


def test_where_every_table_is_broken_the_overview_says_so(tmp_path, capsys):
    (tmp_path / "01_baselines.csv").write_text("encoder\n")
    (tmp_path / "01_baselines.json").write_text("{")
    assert main(["--site", str(tmp_path)]) == 1
    assert "01_baselines" in capsys.readouterr().err
    assert "01_baselines" in (tmp_path / PAGES_FOLDER / "index.html").read_text(encoding="utf-8")


def test_a_folder_without_tables_gets_no_pages(tmp_path, capsys):
    assert main(["--site", str(tmp_path)]) == 1
    assert "none of the study's tables is there" in capsys.readouterr().err
    assert not (tmp_path / PAGES_FOLDER).exists()


def test_a_damaged_notebook_is_said_and_the_others_are_pages(tmp_path, capsys):
    write(tmp_path, "02_small_sample", geometry())
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "02_small_sample.ipynb").write_text("{")
    assert main(["--site", str(tmp_path)]) == 1
    assert "02_small_sample.ipynb: is no notebook" in capsys.readouterr().err
    assert (tmp_path / PAGES_FOLDER / "02.html").is_file()
