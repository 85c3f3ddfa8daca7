"""A source as one of several: pairs drawn, sentences set apart, nothing in two places."""

from __future__ import annotations

import numpy as np
import pytest

from simcse_core.data import StudyData
from simcse_core.errors import DataError
from simcse_core.set_data import set_apart


def test_sentences_set_apart_leave_the_pool_and_nothing_else_does(study_data: StudyData) -> None:
    mine = set_apart(study_data, 0, 6)
    assert len(mine.unlabelled) == 6
    assert sorted([*mine.unlabelled, *mine.pool.sentences]) == sorted(study_data.pool.sentences)
    assert mine.dev.first == study_data.dev.first
    assert mine.triplets is study_data.triplets
    assert "6 sentences of the text are set apart" in mine.describe()


def test_pairs_are_drawn_with_their_labels_and_stay_in_order(study_data: StudyData) -> None:
    mine = set_apart(study_data, 5, 6)
    for few, every in ((mine.dev, study_data.dev), (mine.test, study_data.test)):
        rows = [every.first.index(sentence) for sentence in few.first]
        assert len(rows) == 5
        assert rows == sorted(rows)
        assert few.second == [every.second[i] for i in rows]
        assert np.array_equal(few.scores, every.scores[rows])


@pytest.mark.parametrize(("pairs", "apart"), [(0, 7), (5, 6), (6, 6)])
def test_another_number_is_another_set_of_data(
    study_data: StudyData, pairs: int, apart: int
) -> None:
    prints = {set_apart(study_data, p, n).fingerprint for p, n in ((0, 6), (pairs, apart))}
    assert len(prints) == 2
    assert set_apart(study_data, pairs, apart).fingerprint in prints


def test_more_than_there_is_is_refused_by_name(study_data: StudyData) -> None:
    with pytest.raises(DataError, match=r"n_unlabelled: 24 sentences .* has 24 unlabelled"):
        set_apart(study_data, 0, 24)
