"""Claims and criteria in words: everything that is judged has a Chinese form with its numbers."""

from __future__ import annotations

import re

import pytest
from test_claims import judged

from simcse_core import claims
from simcse_core.report.claim_words import CLAIMS, claim_name, criterion_words

NAMES = {"SimCSE", "TF", "IDF"}


def test_every_claim_that_is_judged_has_a_chinese_name_and_no_other() -> None:
    assert set(CLAIMS) == set(claims.CLAIMS)


def test_every_criterion_is_told_in_chinese_with_the_same_numbers() -> None:
    for criterion in judged()["criterion"]:
        told = criterion_words(criterion, "zh")
        assert set(re.findall(r"[A-Za-z]+", told)) <= NAMES, told
        numbers = [re.findall(r"-?\d[\d.,]*\d|\d", text) for text in (criterion, told)]
        assert numbers[0] == numbers[1]


def test_a_criterion_names_a_method_as_tables_do() -> None:
    criterion = "SimCSE minus tfidf-char, the best fitted method on dev, at least 0"
    assert criterion_words(criterion) == criterion.replace("tfidf-char", "TF-IDF (characters)")
    told = criterion_words(criterion, "zh")
    assert told == "SimCSE 减 TF-IDF（字）（验证集上最好的拟合方法），至少 0"


def test_a_criterion_that_differs_between_protocols_is_told_twice() -> None:
    both = "400 sentences minus untrained at least 0.1 / after minus before at least 0.1"
    assert criterion_words(both, "zh") == "400 句减未训练，至少 0.1 / 训练后减训练前，至少 0.1"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_nobody_has_put_into_words_stays_as_it_is(language: str) -> None:
    assert claim_name("A rise", language) == "A rise"
    assert criterion_words("at least 0.1", language) == "at least 0.1"
