"""A source as one of several: pairs drawn, sentences set apart, nothing in two places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcse_core.data import StudyData
from simcse_core.errors import DataError
from simcse_core.sets.data import Sets, check_fixed, load_sets, set_apart


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


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("label", [0.0, 1.0, -2.5])
def test_pairs_that_are_drawn_with_one_label_alone_are_refused(
    study_data: StudyData, split: str, label: float
) -> None:
    pairs = getattr(study_data, split)
    drawn = {pairs.first.index(s) for s in getattr(set_apart(study_data, 3, 6), split).first}
    scores = np.array([label if i in drawn else 5.0 for i in range(len(pairs))])
    data = replace(study_data, **{split: replace(pairs, scores=scores)})
    said = f"max_pairs: all 3 pairs that are drawn of {split} of tiny data have the label {label:g}"
    with pytest.raises(DataError, match=said):
        set_apart(data, 3, 6)
    assert set_apart(data, 0, 6)


@pytest.mark.parametrize(
    "sentences", ["天地人日月星", ["hello", "world", "yes"], ["我们", "。", "7"]]
)
def test_text_of_single_words_is_refused_with_the_source(
    study_data: StudyData, sentences: Sequence[str]
) -> None:
    pool = replace(study_data.pool, sentences=list(sentences))
    said = "n_unlabelled: tiny data: unlabelled sentences: at least two of two words or more"
    with pytest.raises(DataError, match=said):
        set_apart(replace(study_data, pool=pool), 0, 2)


def test_more_than_there_is_is_refused_by_name(study_data: StudyData) -> None:
    with pytest.raises(DataError, match=r"n_unlabelled: 24 sentences .* has 24 unlabelled"):
        set_apart(study_data, 0, 24)


# --- several of them ------------------------------------------------------------------------


@pytest.fixture
def sets(study_data: StudyData) -> Sets:
    other = replace(study_data, name="other", fingerprint="0123")
    return Sets.of([set_apart(one, 0, 6) for one in (study_data, other)])


def test_two_sources_of_one_name_are_refused(sets: Sets) -> None:
    with pytest.raises(DataError, match="sources: two are called 'other'"):
        Sets.of([sets.every[1], sets.every[1]])


@pytest.mark.parametrize("names", [("one", "other"), ("a", "a-copy"), ("x", "天")])
def test_two_sources_of_one_content_are_refused(study_data: StudyData, names: list[str]) -> None:
    every = [set_apart(replace(study_data, name=name), 0, 6) for name in names]
    said = f"sources: '{names[0]}' and '{names[1]}' hold the same pairs and text"
    with pytest.raises(DataError, match=said):
        Sets.of(every)


@pytest.mark.parametrize("name", ["nowhere", "~nobody-of-that-name/x", "sample-text", "/dev/null"])
def test_a_further_source_is_refused_by_the_parameter_that_names_it(name: str) -> None:
    with pytest.raises(DataError, match=r"^sources: (?!source)"):
        load_sets(["sample", name], {}, 0, 20)
    with pytest.raises(DataError, match=r"^source: "):
        load_sets([name, "sample"], {}, 0, 20)


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("n", [2, 9])
def test_a_source_of_few_pairs_is_refused_by_its_name(tmp_path: Path, split: str, n: int) -> None:
    for name in ("dev", "test"):
        pairs = [f"{i}||{i}日月||{i}天地||{i % 6}\n" for i in range(n if name == split else 10)]
        (tmp_path / f"cnsd-sts-{name}.txt").write_text("".join(pairs), encoding="utf-8")
    said = f"sources: {tmp_path.name} has {n} pairs of {split}, and at least 10 are needed"
    with pytest.raises(DataError, match=said):
        load_sets(["sample", str(tmp_path)], {}, 0, 20)


def test_a_rule_is_fixed_on_sources_that_are_there(sets: Sets) -> None:
    check_fixed(sets, ["other"])
    with pytest.raises(DataError, match="fixed_on: no source is called 'others'; there are"):
        check_fixed(sets, ["others"])
