from __future__ import annotations

import math

import numpy as np
import pytest

from simcse_core.applications.inputs import InputError
from simcse_core.applications.tfidf import LexicalIndex, tfidf_encode


def test_columns_are_the_same_at_every_call_and_unknown_characters_weigh_nothing() -> None:
    encode = tfidf_encode(["退货", "付款"])
    assert encode(["退货"]).shape == encode(["好"]).shape == (1, 4)
    assert not encode(["好"]).any()


def test_a_character_weighs_by_its_smoothed_idf() -> None:
    encode = tfidf_encode(["退货", "退款"])
    # idf = ln((1 + n) / (1 + df)) + 1: 1 for what all texts hold, ln(3 / 2) + 1 for one of two.
    rare = math.log(1.5) + 1
    row = np.sort(encode(["退货"])[0])
    assert np.allclose(row[-2:], np.array([1, rare]) / math.hypot(1, rare))


def test_pairs_of_characters_count_in_the_lexical_index() -> None:
    index = LexicalIndex(["货退", "退货"])
    scores = index.scores(["退货"])[0]
    assert scores[1] == pytest.approx(1)
    assert 0 < scores[0] < 1


def test_what_shares_no_character_is_not_ranked() -> None:
    index = LexicalIndex(["退货", "付款", "货款"])
    assert index.rankings(["退", "好"], depth=9).tolist() == [[0, -1, -1], [-1, -1, -1]]


def test_texts_to_count_on_must_not_be_empty() -> None:
    with pytest.raises(InputError, match="texts: number 2 is empty"):
        tfidf_encode(["退货", ""])
