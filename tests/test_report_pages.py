from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from report_frames import TABLES, curve, write, write_all

from simcse_core.config import PROJECT_ROOT
from simcse_core.report.pages import (
    PAGES,
    Made,
    differing,
    draw_chart,
    heading,
    make,
    told,
    write_chart,
    write_pages,
)
from simcse_core.report.records import read_records
from simcse_core.report.style import set_style
from simcse_core.report.topics import CHARTS, SECTIONS, TOPICS

pytestmark = pytest.mark.usefixtures("english_again")

FEW = ("02_differences", "03_large_data", "04_epochs", "04_differences")
# Results folders whose pages are committed.
COMMITTED = sorted(path.parent for path in PROJECT_ROOT.glob("figures/**/README.zh-CN.md"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of every table, with its charts and pages."""
    directory = write_all(tmp_path_factory.mktemp("results"))
    write_pages(directory)
    return directory


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """Another folder of the same tables, with its charts and pages, and these as they were made."""
    directory = write_all(tmp_path_factory.mktemp("again"))
    return directory, write_pages(directory)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A results folder of few tables: enough for a chart to be spoilt and one to be left."""
    directory = tmp_path_factory.mktemp("few")
    for name in FEW:
        write(directory, name, TABLES[name])
    return directory, write_pages(directory)


@pytest.fixture
def results(few: tuple[Path, Made], tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(few[0], tmp_path / "results"))


def page(directory: Path, language: str = "en") -> str:
    return (directory / PAGES[language]).read_text(encoding="utf-8")


# --- the table of topics ---------------------------------------------------------------------


@pytest.mark.parametrize("name", TOPICS)
def test_every_topic_is_told_in_both_languages(name: str) -> None:
    topic = TOPICS[name]
    for words in (topic.title, topic.guide, topic.alt or topic.title):
        assert words.keys() == PAGES.keys()
        assert all(words.values())
        assert any("\u4e00" <= c <= "\u9fff" for c in words["zh"])


def test_every_topic_stands_in_a_section_and_every_picture_is_described() -> None:
    assert [name for name in TOPICS if name[:2] not in SECTIONS] == []
    assert [name for name, topic in CHARTS.items() if not topic.alt] == []


# --- writing ---------------------------------------------------------------------------------


def test_every_chart_of_a_results_folder_is_drawn_from_its_tables(written: Path) -> None:
    assert {path.stem for path in written.glob("*.png")} == set(CHARTS)
    assert len(CHARTS) == 20


def test_a_page_shows_every_picture_and_tells_every_table(written: Path) -> None:
    for language in PAGES:
        text = page(written, language)
        for name, topic in CHARTS.items():
            assert topic.alt
            assert f"![{topic.alt[language]}]({name}.png)" in text
        for topic in TOPICS.values():
            assert f"### {topic.title[language]}" in text
        for name in TABLES:
            assert f"[{name}.csv]({name}.csv)" in text


def test_every_file_that_a_page_links_to_is_there(written: Path) -> None:
    links = [part.split(")")[0] for part in page(written).split("](")[1:]]
    assert links
    assert [link for link in links if not (written / link).is_file()] == []


def test_a_page_says_how_its_tables_were_made(results: Path) -> None:
    write(results, "05_sample", TABLES["05_sample"], made_from={"02_small_sample": "ab" * 32})
    write_pages(results)
    text = page(results)
    assert "made by `python -m simcse_core.study --only 02` (code `0123456789ab`; torch" in text
    assert "[05_sample.csv](05_sample.csv) (from 02_small_sample `abababababab`)" in text


def test_the_same_tables_give_the_same_bytes(written: Path, again: tuple[Path, Made]) -> None:
    for path in written.iterdir():
        assert path.read_bytes() == (again[0] / path.name).read_bytes(), path.name


def test_a_chart_for_a_notebook_has_the_bytes_of_make_figures(
    few: tuple[Path, Made], results: Path
) -> None:
    (results / "04_epochs.png").unlink()
    set_style("en")
    figure = write_chart(results, "04_epochs")
    assert figure.legends[0].get_title().get_text() == "Spearman after each epoch"
    assert (results / "04_epochs.png").read_bytes() == few[1].files["04_epochs.png"]


def test_a_chart_carries_the_caption_of_its_own_records(written: Path) -> None:
    records = {"05_sample": read_records(written, "05_sample")}
    assert "2 to 5 seeds" in draw_chart(records, "05_sample").get_supxlabel()


def test_a_part_for_a_notebook_is_that_of_the_page(written: Path) -> None:
    assert told(written, "curve 02_small_sample n_train") in page(written)
    assert told(written, "sample 05_sample", "zh") in page(written, "zh")


# --- what is missing or broken ---------------------------------------------------------------


def test_a_table_that_is_not_there_is_named_and_the_others_are_told(
    few: tuple[Path, Made], results: Path
) -> None:
    for path in results.glob("03_large_data.*"):
        path.unlink()
    made = write_pages(results)
    assert len(few[1].absent) == len(TABLES) - len(FEW)
    assert set(made.absent) == {*few[1].absent, "03_large_data"}
    assert not made.broken
    assert "03_large_data.png" not in page(results)
    assert "04_epochs.png" in page(results)


def test_a_table_that_is_broken_is_named_and_the_others_are_told(
    few: tuple[Path, Made], results: Path
) -> None:
    write(results, "03_large_data", curve().drop(columns="kind"))
    made = write_pages(results)
    assert [line for line in made.broken if "no column 'kind'" in line] == made.broken
    assert few[1].files.keys() - made.files.keys() == {"03_large_data.png"}
    assert made.files.keys() == {"04_epochs.png", *PAGES.values()}


def test_a_method_without_a_look_stops_its_own_chart_alone(
    few: tuple[Path, Made], results: Path
) -> None:
    write(results, "04_epochs", curve("epoch").replace({"method": {"whitening": "new"}}))
    made = make(results)
    assert any(
        "04_epochs.png: cannot be drawn (method 'new': no row in METHODS" in line
        for line in made.broken
    )
    assert few[1].files.keys() - made.files.keys() == {"04_epochs.png"}


def test_a_folder_without_tables_gives_nothing(tmp_path: Path) -> None:
    assert write_pages(tmp_path).files == {}
    assert list(tmp_path.iterdir()) == []


# --- checking --------------------------------------------------------------------------------


def test_a_folder_as_it_was_written_does_not_differ(
    written: Path, again: tuple[Path, Made], results: Path
) -> None:
    assert differing(written, again[1]) == []
    assert differing(results, make(results)) == []


def test_a_picture_or_page_of_other_numbers_differs(results: Path) -> None:
    table = curve("epoch")
    table.loc[table["method"] == "unsup-simcse", "value"] += 0.02
    write(results, "04_epochs", table)
    assert differing(results, make(results)) == ["04_epochs.png", *PAGES.values()]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken", b"no picture"])
def test_what_is_no_picture_differs(content: bytes, results: Path) -> None:
    (results / "04_epochs.png").write_bytes(content)
    (results / "03_large_data.png").unlink()
    assert differing(results, make(results)) == ["03_large_data.png", "04_epochs.png"]


def test_a_picture_that_differs_in_the_last_bit_of_few_pixels_is_the_same(results: Path) -> None:
    pixels = plt.imread(results / "04_epochs.png")
    pixels[100:105, 100:105, :3] = np.clip(pixels[100:105, 100:105, :3] - 1 / 255, 0, 1)
    buffer = io.BytesIO()
    plt.imsave(buffer, pixels, format="png")
    (results / "04_epochs.png").write_bytes(buffer.getvalue())
    assert differing(results, make(results)) == []


@pytest.mark.parametrize("directory", COMMITTED, ids=lambda path: path.name)
def test_committed_charts_and_pages_are_what_their_tables_say(directory: Path) -> None:
    made = make(directory)
    assert made.broken == []
    assert differing(directory, made) == [], "run make figures"


def test_the_heading_names_each_data_set_once(results: Path) -> None:
    one, other = (read_records(results, name) for name in FEW[:2])
    named = {
        name: replace(record, stamp={**record.stamp, "dataset": dataset})
        for name, record, dataset in (("a", one, "CNSD"), ("b", other, "CNSD, bank, news"))
    }
    assert heading(named, "en") == "Results on CNSD, bank, news"
    assert heading(named, "zh") == "CNSD、bank、news 上的结果"


def test_a_data_set_among_others_has_its_name_in_the_language(results: Path) -> None:
    record = read_records(results, FEW[0])
    stamp = {**record.stamp, "dataset": "CNSD STS-B, bundled sample (not CNSD), bq"}
    named = {"a": replace(record, stamp=stamp)}
    assert heading(named, "zh") == "CNSD STS-B、随附样本（非 CNSD）、bq 上的结果"
