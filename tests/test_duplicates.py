from __future__ import annotations

import pytest

from simcse_core.duplicates import count_repeated, written_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("今天 喝茶", "今天喝茶"),
        ("今天喝茶。", "今天喝茶"),
        ("“今天”，喝茶！", "今天喝茶"),
        ("ＡＢＣ１２３", "abc123"),
        ("今天\u200b喝茶", "今天喝茶"),
        ("今天　喝茶", "今天喝茶"),
        ("。 ！", "。！"),
        ("今天喝茶\ufe0f", "今天喝茶"),
        ("今天\U000e0100喝茶", "今天喝茶"),
    ],
)
def test_sentences_that_differ_in_writing_alone_have_one_form(one: str, other: str) -> None:
    assert written_form(one) == written_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("今天喝茶", "今天喝酒"), ("喝茶今天", "今天喝茶"), ("。", "！"), ("5+3", "53"), ("", "a")],
)
def test_other_sentences_have_other_forms(one: str, other: str) -> None:
    assert written_form(one) != written_form(other)


def test_repeated_pairs_are_counted_in_either_order_and_by_their_scores() -> None:
    pairs = [
        ("甲", "乙", 1.0),
        ("乙", "甲", 1.0),
        ("甲", "乙", 1.0),
        ("甲", "丙", 2.0),
        ("丙", "甲", 3.0),
        ("丁", "丁", 5.0),
    ]
    assert count_repeated(pairs) == (2, 1)
    assert count_repeated(pairs[-2:]) == count_repeated([]) == (0, 0)
