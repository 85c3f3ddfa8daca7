"""What is said in Chinese: each row is found, and what is put in stands where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simcse_core.report import catalogue
from simcse_core.report.catalogue import KINDS, LINES, MESSAGES, found, line_in_chinese
from simcse_core.report.messages import in_chinese
from simcse_core.yaml_values import parse_yaml

ROWS = [
    pytest.param(file, row["en"], row["zh"], id=row["en"])
    for file in (MESSAGES, LINES)
    for rows in parse_yaml(file.read_text(encoding="utf-8"), file.name).values()
    for row in rows
]


@pytest.mark.parametrize(("file", "english", "chinese"), ROWS)
def test_no_row_hides_another_one(file: Path, english: str, chinese: str) -> None:
    parts = [f"'{i}'" for i in range(english.count("{}"))]
    tell = in_chinese if file == MESSAGES else line_in_chinese
    told = tell(english.replace("{}", "%s") % tuple(parts) if parts else english)
    # Counts are put in the Chinese way round, and say what they count.
    plain = re.sub(r"\{\d(:\w+)?\}", lambda p: " 条" if p[1] == ":counts" else "", chinese)
    for part in parts:
        assert (part in told) is (f"{{{part[1:-1]}" in chinese)
    assert re.sub("|".join(parts) or "$-", "", told).replace(" ", "") == plain.replace(" ", "")


@pytest.mark.parametrize(("file", "english", "chinese"), ROWS)
def test_a_placeholder_is_one_of_the_english_and_of_a_known_kind(
    file: Path, english: str, chinese: str
) -> None:
    for place, kind in re.findall(r"\{(\w*)(?::(\w+))?\}", chinese):
        assert int(place) < english.count("{}")
        assert not kind or kind in KINDS


@pytest.mark.parametrize(
    ("chinese", "part", "told"),
    [
        ("用{0}测", "mine", "用 mine 测"),
        ("用{0}测", "我的", "用 我的 测"),  # somebody's own, which stays apart
        ("用{0:word}测", "dev", "用验证集测"),
        ("用{0:words}测", "dev, mine", "用验证集、mine 测"),
        ("用{0:pooling}测", "cls", "用 [CLS] 测"),
        ("用{0:pooling}测", "mean", "用均值测"),
        ("用{0:methods}测", "tfidf-char", "用 TF-IDF（字）测"),
        (
            "另有{0:counts}",
            "3 out of scope, 2 other services",
            "另有范围外话语 3 条、其他服务 2 条",
        ),
        ("- {0:claim}", "More epochs add little", "- 更多轮数几乎没有提升"),
        ("{0:line}，完", "rows: 3", "行数：3，完"),
    ],
)
def test_what_is_put_in_has_the_spaces_of_its_script(
    tmp_path: Path, chinese: str, part: str, told: str
) -> None:
    file = tmp_path / "few.yaml"
    file.write_text(f"some:\n- en: 'so {{}}'\n  zh: '{chinese}'\n", encoding="utf-8")
    assert found(f"so {part}", file) == told
    assert found(f"or {part}", file) is None


def test_rows_around_others_come_first_and_then_those_with_the_longest_text(
    tmp_path: Path,
) -> None:
    file = tmp_path / "few.yaml"
    rows = {"b": "{} of {}", "around c": "{}; {}", "d": "{} of {} pairs"}
    text = [f"{name}:\n- en: '{english}'\n  zh: '{name} {{0}}'\n" for name, english in rows.items()]
    file.write_text("".join(text), encoding="utf-8")
    assert [row.chinese[0] for row in catalogue._rows(file)] == ["a", "d", "b"]
    assert found("2 of 3 pairs", file) == "d 2"
    assert found("2 of 3 pairs; x", file) == "around c 2 of 3 pairs"
