from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_class_names,
    check_labelled,
    check_share,
    check_texts,
    check_width,
    codes_of,
    unit_vectors,
)


def giving(array: object) -> Encode:
    return lambda texts: np.asarray(array)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "queries: there is none"),
        (["好", " "], r"queries: number 2 is empty \(' '\)"),
        (["好", None], r"queries: number 2 is empty \(None\)"),
        (["好", float("nan")], "queries: number 2 is empty"),
        ("好", "queries: a list of texts is needed"),
        (["好", "\ud800"], "queries: number 2 is no text in UTF-8"),
        (["好\udcff吗"], "queries: number 1 is no text in UTF-8"),
    ],
)
def test_texts_that_cannot_be_used_are_named(texts: Sequence[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_texts(texts, "queries")


def test_vectors_have_length_one_and_a_zero_row_stays_zero() -> None:
    vectors = unit_vectors(giving([[3, 4], [0, 0]]), ["a", "b"], "texts")
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1.0, 0.0]], r"2 texts \(texts\) need an array of shape \(2, hidden\), got \(1, 2\)"),
        ([1.0, 0.0], r"got \(2,\)"),
        ([[1.0, 0.0], [np.nan, 1.0]], "the vector of number 2 of texts"),
        ([[np.inf, 0.0], [1.0, 1.0]], "the vector of number 1 of texts"),
    ],
)
def test_an_encoder_that_gives_no_usable_vectors_is_refused(array: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        unit_vectors(giving(array), ["a", "b"], "texts")


def test_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match=r"vectors of queries have 3 columns, .* have 2"):
        check_width(np.zeros((1, 3)), 2, "queries")


def test_classes_come_sorted() -> None:
    assert check_labelled(["a", "b", "c"], ["y", "x", "y"]).classes == ["x", "y"]


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b"], ["x"], "labels: 2 texts need as many labels, got 1"),
        (["a", "b"], ["x", ""], "labels: number 2 is empty"),
        (["a", "b"], ["x", "x"], "at least two classes are needed, there is only 'x'"),
        (["a", "a"], ["x", "y"], "texts: 'a' is labelled 'x' and 'y' twice"),
        (["a", "a", "b"], ["x", "x", "y"], "texts: 'a' is there twice"),
        (["a", "b", "c"], ["x", "x", "y"], "labels: 'y' has 1 example, 2 are needed"),
        (["a", "b"], ["Play", "play "], "'Play' and 'play ' are one name twice"),
        (["a", "b"], ["ＦＡＱ", "FAQ"], "one name twice"),
    ],
)
def test_examples_that_cannot_be_used_are_named(
    texts: list[str], labels: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_labelled(texts, labels, minimum=2)


def test_names_that_differ_in_more_than_their_spelling_stand_beside_each_other() -> None:
    assert check_class_names(["放音乐", "放音", "音乐"]) == ["放音乐", "放音", "音乐"]


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_is_above_0_and_at_most_1(share: float) -> None:
    check_share("accept", 1)
    with pytest.raises(InputError, match="accept: must be above 0 and at most 1"):
        check_share("accept", share)


def test_codes_are_places_among_the_classes() -> None:
    assert codes_of(["y", "x", "y"], ["x", "y"]).tolist() == [1, 0, 1]
