from __future__ import annotations

import pytest

from simcse_core.config import Pooling
from simcse_core.report.wording import (
    capitalised,
    in_brackets,
    listed,
    pooling_name,
    quantity,
    say,
    spaced,
)


def test_a_word_without_a_translation_stays_as_it_is() -> None:
    assert say("test", "zh") == "测试集"
    assert say("mini-bert", "zh") == "mini-bert"
    assert say("test") == "test"


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        say("test", "fr")


@pytest.mark.parametrize("pooling", Pooling)
def test_every_pooling_has_a_name_in_both_languages(pooling: Pooling) -> None:
    assert pooling_name(str(pooling), "en")
    assert pooling_name(str(pooling), "zh")


def test_cls_is_written_as_the_report_writes_it() -> None:
    assert pooling_name("cls") == "[CLS]"
    assert pooling_name("a new one") == "a new one"


@pytest.mark.parametrize(
    ("point", "x", "english", "chinese"),
    [
        (1, "epoch", "1 epoch", "1 轮"),
        (20.0, "epoch", "20 epochs", "20 轮"),
        (50000, "n_train", "50,000 sentences", "50,000 句"),
    ],
)
def test_a_place_on_a_curve_is_counted_in_its_unit(
    point: float, x: str, english: str, chinese: str
) -> None:
    assert quantity(point, x) == english
    assert quantity(point, x, "zh") == chinese


@pytest.mark.parametrize(
    ("items", "english", "chinese"),
    [([], "", ""), (["a"], "a", "a"), (["a", "b", "c"], "a, b and c", "a、b 和 c")],
)
def test_a_list_ends_with_and(items: list[str], english: str, chinese: str) -> None:
    assert listed(items) == english
    assert listed(items, "zh") == chinese


def test_chinese_keeps_a_space_from_letters_and_digits_but_not_from_marks() -> None:
    assert spaced("经SimCSE训练，50句得0.5（3个种子）") == "经 SimCSE 训练，50 句得 0.5（3 个种子）"


def test_chinese_has_no_space_beside_its_marks_nor_between_its_words() -> None:
    assert spaced("在 随附样本（非 CNSD） 上，变化从 -0.1（50 句） 到 +0.2。 又") == (
        "在随附样本（非 CNSD）上，变化从 -0.1（50 句）到 +0.2。又"
    )


def test_what_is_said_aside_stands_in_the_brackets_of_the_language() -> None:
    assert in_brackets("50 sentences", "kept") == "50 sentences (kept)"
    assert in_brackets("50 句", "保留", "zh") == "50 句（保留）"


def test_a_sentence_begins_with_a_capital_and_keeps_the_others() -> None:
    assert capitalised("whitening of TF-IDF") == "Whitening of TF-IDF"
    assert capitalised("") == ""
