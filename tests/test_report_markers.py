from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from report_frames import MADE, TABLES, ready_made, settings_grid, write, write_all

from simcse_core.config import PROJECT_ROOT
from simcse_core.report import markers
from simcse_core.report.markers import KINDS, fill, fill_file, language_of, result_kinds, tell
from simcse_core.report.records import read_records

WORDS = {
    "several": "09_gains",
    "several_table": "09_gains",
    "by_size": "09_gains",
    "recipes": "09_gains",
    "recipes_table": "09_gains",
    "ready_made": "01_baselines",
    "spearman": "01_baselines encoder pooling method",
    "last": "05_before_after encoder method",
    "points": "02_small_sample n_train dev",
    "chosen": "02_small_sample n_train",
    "differences": "02_differences",
    "sample": "05_sample",
    "shared": "05_shared",
    "training": "06_training",
    "beside": "06_training",
    "kept": "06_training",
    "claims": "05_claims",
    "verdicts": "05_claims",
    "settings": "settings_grid",
    "published": "01_baselines",
    "baselines": "01_baselines",
    "curve": "04_epochs epoch",
    "comparison": "05_before_after",
    "answer": "05_sample",
    "use": "07_effects",
    "practice": "07_intents",
    "checkpoints": "08_checkpoints",
    "explored": "08_checkpoints",
}
SHOUT = {"shout": lambda words: " ".join(words).upper()}


def part(kind: str, words: str) -> str:
    table, *others = words.split()
    return f"<!-- {' '.join([kind, table + '.csv', *others])} -->\nstale\n<!-- end -->\n"


# --- any kinds -------------------------------------------------------------------------------


def test_what_stands_between_two_markers_is_made_anew_and_all_else_stays() -> None:
    text = "before\n<!-- shout a b -->\nold\nolder\n<!-- end -->\nafter <!-- note -->\n"
    made = "before\n<!-- shout a b -->\nA B\n<!-- end -->\nafter <!-- note -->\n"
    assert fill(text, SHOUT) == made
    assert fill(made, SHOUT) == made


def test_a_marker_in_a_fenced_block_is_an_example() -> None:
    text = "```\n<!-- shout a -->\n```\n"
    assert fill(text, SHOUT) == text


def test_a_comment_that_is_no_marker_is_left_alone() -> None:
    text = "<!-- remember this -->\nwords\n"
    assert fill(text, SHOUT) == text


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n<!-- whisper a -->\n<!-- end -->\n", r"x.md:3: .*<!-- whisper a -->; known .*shout"),
        ("words\n<!-- end -->\n", "x.md:2: .*closes nothing"),
        ("\n\n<!-- shout a -->\nwords\n", "x.md:3: .*not closed"),
        ("<!-- shout a -->\n<!-- shout b -->\n<!-- end -->\n", "x.md:1: .*not closed"),
    ],
)
def test_markers_that_do_not_fit_are_named_with_their_line(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        fill(text, SHOUT, "x.md")


# --- kinds of result tables ------------------------------------------------------------------


@pytest.fixture(scope="module")
def every_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of every table, with encoders of others and the grid of settings."""
    directory = write_all(tmp_path_factory.mktemp("results"))
    beside = {"published": {"dev": {"BERT-BASE": 0.42}}, "ready_made": MADE}
    with_made = pd.concat([TABLES["01_baselines"], ready_made()], ignore_index=True)
    write(directory, "01_baselines", with_made, **beside)
    write(directory, "settings_grid", settings_grid())
    return directory


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_kind_tells_something_of_its_table(
    kind: str, language: str, every_table: Path
) -> None:
    filled = fill(part(kind, WORDS[kind]), result_kinds(every_table, language))
    assert "stale" not in filled
    assert len(filled.splitlines()) > 2
    assert re.search(r"\d\.\d{3}", filled) or kind in ("claims", "verdicts")


def test_several_tables_are_read_as_one(every_table: Path) -> None:
    other = every_table / "other"
    other.mkdir()
    frame = TABLES["09_gains"].assign(dataset="elsewhere")
    write(other, "09_gains", frame, datasets=["elsewhere"])
    kinds = result_kinds(every_table)
    one, both = (
        fill(f"<!-- by_size {tables} -->\n<!-- end -->\n", kinds).splitlines()[1:-1]
        for tables in ("09_gains.csv", "09_gains.csv other/09_gains.csv")
    )
    assert both[: len(one)] == one
    assert {line.split("|")[1].strip() for line in both[len(one) :]} == {"elsewhere"}


def test_every_kind_is_explained() -> None:
    explained = re.findall(r"^(\w+)  ", str(markers.__doc__), re.MULTILINE)
    assert set(explained) - {"kind"} == set(KINDS)


def test_where_the_report_measured_other_pairs_that_is_told(tmp_path: Path) -> None:
    write(tmp_path, "01_baselines", TABLES["01_baselines"])
    said = tell("published", read_records(tmp_path, "01_baselines"), [])
    assert said.startswith("The report measured other pairs than these")


@pytest.mark.parametrize(
    ("marker", "what"),
    [
        ("<!-- curve 02_small_sample.csv -->", "curve: missing .*'x'"),
        ("<!-- claims 05_claims.csv test -->", "claims: too many .*given: test"),
        ("<!-- curve 02_small_sample.csv steps -->", "curve steps: no 'steps' in 02_small_sample"),
        ("<!-- spearman 02_small_sample.csv size -->", "spearman size: no 'size' in 02_small"),
        ("<!-- curve n_train -->", r"curve: a table \(\.csv\) must come first"),
        ("<!-- curve 03_differences.csv n_train -->", ".*03_differences.json is not there; run"),
    ],
)
def test_words_that_a_kind_does_not_take_are_named_with_file_and_line(
    marker: str, what: str, tmp_path: Path
) -> None:
    for name in ("02_small_sample", "05_claims"):
        write(tmp_path, name, TABLES[name])
    with pytest.raises(ValueError, match=rf"README.md:1: {what}"):
        fill(f"{marker}\n<!-- end -->\n", result_kinds(tmp_path), "README.md")


def test_an_unknown_kind_is_refused_with_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, "05_claims", TABLES["05_claims"])
    with pytest.raises(ValueError, match="unknown kind 'story'; known: spearman, "):
        tell("story", read_records(tmp_path, "05_claims"), [])


# --- files -----------------------------------------------------------------------------------


def test_a_file_is_filled_from_tables_that_are_named_from_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "figures" / "mini", "05_claims", TABLES["05_claims"])
    path = tmp_path / "CARD.md"
    path.write_text(part("claims", "figures/mini/05_claims"), encoding="utf-8")
    assert fill_file(path) is True
    assert "| A rise | at least 0.1 |" in path.read_text(encoding="utf-8")
    assert fill_file(path) is False


def test_checking_leaves_a_file_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, "05_claims", TABLES["05_claims"])
    path = tmp_path / "README.md"
    path.write_text(part("claims", "05_claims"), encoding="utf-8")
    assert fill_file(path, check=True) is True
    assert "stale" in path.read_text(encoding="utf-8")


def test_a_file_of_other_parts_is_filled_by_what_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "BENCHMARK.md"
    path.write_text("<!-- shout a -->\n<!-- end -->\n", encoding="utf-8")
    fill_file(path, SHOUT)
    assert path.read_text(encoding="utf-8") == "<!-- shout a -->\nA\n<!-- end -->\n"


def test_a_files_name_says_its_language(tmp_path: Path) -> None:
    assert language_of(Path("README.md")) == "en"
    assert language_of(Path("README.zh-CN.md")) == "zh"
    write(tmp_path, "05_claims", TABLES["05_claims"])
    path = tmp_path / "README.zh-CN.md"
    path.write_text(part("claims", "05_claims"), encoding="utf-8")
    fill_file(path)
    assert "| 论断 |" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "table"), [("verdicts", "05_claims"), ("settings", "x_grid")])
def test_what_may_come_later_says_so_until_it_is_there(
    kind: str, table: str, tmp_path: Path
) -> None:
    filled = fill(part(kind, table), result_kinds(tmp_path))
    assert f"Not measured yet: there is no {table}.csv." in filled


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh-CN.md", "docs/protocol.md", "docs/ready_made.md"]
)
def test_generated_parts_of_a_readme_are_what_the_results_say(name: str) -> None:
    assert not fill_file(PROJECT_ROOT / name, check=True), "run make figures"


# --- labels of two values --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Labels take two values: Spearman is at most 0.866 on dev and 0.775 on test"),
        ("zh", "标注只有两种取值，Spearman 至多为：验证集 0.866 和测试集 0.775"),
    ],
)
@pytest.mark.parametrize("kind", ["spearman", "last", "points", "chosen", "sample", "shared"])
def test_tables_of_binary_labels_say_what_spearman_can_reach(
    kind: str, language: str, said: str, tmp_path: Path
) -> None:
    name, *words = WORDS[kind].split()
    write(tmp_path, name, TABLES[name], ceilings={"dev": 0.75**0.5, "test": 0.6**0.5})
    bounded = tell(kind, read_records(tmp_path, name), words, language)
    write(tmp_path, name, TABLES[name])
    free = tell(kind, read_records(tmp_path, name), words, language)
    assert bounded == f"{free}\n\n{said}"
