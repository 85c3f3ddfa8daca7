from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simcse_core.applications.inputs import InputError
from simcse_core.applications.review import read_review, write_review

CLASSES = ["付款", "退货"]
PROPOSED = pd.DataFrame(
    {
        "text": ["钱付不出去", "想退,行吗", '说"不"'],
        "label": ["付款", "退货", "退货"],
        "decision": ["", "", ""],
        "score": [0.9, 0.8, 0.7],
        "proposed": ["付款", "退货", "退货"],
        "reason": ["扣款失败 [付款, 0.91]"] * 3,
    }
)


def reviewed(path: Path, encoding: str = "utf-8", **columns: list[str]) -> Path:
    """Writes the proposals, and then again as a person's spreadsheet would after edits."""
    write_review(PROPOSED, path)
    edited = pd.read_csv(path, keep_default_na=False).assign(**columns)
    edited.to_csv(path, index=False, encoding=encoding, lineterminator="\r\n")
    return path


def test_nothing_is_confirmed_that_nobody_looked_at(tmp_path: Path) -> None:
    assert read_review(reviewed(tmp_path / "review.csv"), CLASSES) == ([], [])


def test_confirmed_and_corrected_rows_come_back_with_commas_and_quotes(tmp_path: Path) -> None:
    path = reviewed(
        tmp_path / "review.csv",
        decision=["", " Yes", "no"],
        label=["退货", "退货", "付款"],  # the first corrected, the last refused all the same
    )
    assert read_review(path, CLASSES) == (["钱付不出去", "想退,行吗"], ["退货", "退货"])


def test_a_file_that_a_spreadsheet_saved_in_gb18030_is_read_when_it_is_named(
    tmp_path: Path,
) -> None:
    path = reviewed(tmp_path / "review.csv", "gb18030", decision=["yes", "", ""])
    with pytest.raises(InputError, match=r"is not utf-8; .*gb18030"):
        read_review(path, CLASSES)
    assert read_review(path, CLASSES, "gb18030") == (["钱付不出去"], ["付款"])


def test_a_persons_work_is_never_written_over(tmp_path: Path) -> None:
    path = reviewed(tmp_path / "review.csv", decision=["yes", "", ""])
    before = path.read_bytes()
    with pytest.raises(InputError, match="is there already and may hold a person's work"):
        write_review(PROPOSED, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"decision": ["", "maybe", ""]}, "line 3: decision: yes, no or nothing, got 'maybe'"),
        ({"label": ["付款了", "退货", "退货"]}, "line 2: label: '付款了' is no .* mean '付款'"),
        ({"label": ["x", "退货", "退货"]}, "line 2: label: 'x' is no class; known: 付款, 退货"),
        ({"text": ["a", "", "b"], "decision": ["", "yes", ""]}, "line 3: text: is empty"),
        (
            {"text": ["a", "a", "b"], "decision": ["yes", "yes", ""]},
            "line 3: 'a' has two labels; keep one row of it",
        ),
    ],
)  # fmt: skip
def test_a_fault_in_the_edits_is_named_by_line(
    tmp_path: Path, columns: dict[str, list[str]], message: str
) -> None:
    path = reviewed(tmp_path / "review.csv", **columns)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        read_review(path, CLASSES)
    assert path.read_bytes() == before


def test_a_column_that_was_deleted_is_named(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    PROPOSED.drop(columns="proposed").to_csv(path, index=False)
    with pytest.raises(InputError, match="no column 'proposed'; it has text, label"):
        read_review(path, CLASSES)
