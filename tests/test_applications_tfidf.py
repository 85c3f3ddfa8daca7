from __future__ import annotations

import pytest

from simcse_core.applications.inputs import InputError
from simcse_core.applications.tfidf import LexicalIndex


def test_pairs_of_characters_count_in_the_lexical_index() -> None:
    index = LexicalIndex(["货退", "退货"])
    scores = index.scores(["退货"])[0]
    assert scores[1] == pytest.approx(1)
    assert 0 < scores[0] < 1


def test_what_shares_no_character_is_not_ranked() -> None:
    index = LexicalIndex(["退货", "付款", "货款"])
    assert index.rankings(["退", "好"], depth=9).tolist() == [[0, -1, -1], [-1, -1, -1]]


def test_questions_to_count_on_must_not_be_empty() -> None:
    with pytest.raises(InputError, match="questions: number 2 is empty"):
        LexicalIndex(["退货", ""])
