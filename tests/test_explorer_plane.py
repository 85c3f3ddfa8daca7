"""The plane of labelled pairs, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from simcse_core.data import StsPairs
from simcse_core.explorer.plane import N_SHOWN, OTHER, SAME, UNLABELLED, project, shown_pairs


def pairs(scores: list[float]) -> StsPairs:
    n = len(scores)
    return StsPairs([f"甲{i}" for i in range(n)], [f"乙{i}" for i in range(n)], np.array(scores))


def test_pairs_of_the_highest_and_the_lowest_label_are_shown() -> None:
    shown = shown_pairs(pairs([5, 0, 3, 5, 0, 2]))
    assert list(shown["pair"]) == [0, 3, 1, 4]
    assert list(shown["label"]) == [SAME, SAME, OTHER, OTHER]


def test_no_more_of_each_kind_than_can_be_told_apart() -> None:
    shown = shown_pairs(pairs([1.0] * 50 + [0.0] * 50))
    assert shown["label"].value_counts().to_dict() == {SAME: N_SHOWN, OTHER: N_SHOWN}


@pytest.mark.parametrize(("scores", "labelled"), [([3.0] * 4, True), ([0.0, 1.0, 0.0], False)])
def test_without_two_labels_no_pair_is_called_either(scores: list[float], labelled: bool) -> None:
    shown = shown_pairs(pairs(scores), labelled)
    assert set(shown["label"]) == {UNLABELLED}
    assert len(shown) == len(scores)


def square(angle: float) -> np.ndarray:
    """Four unit vectors around the third axis, 0.6 from it, turned by an angle."""
    turns = np.arange(4) * np.pi / 2 + angle
    return np.stack([0.6 * np.cos(turns), 0.6 * np.sin(turns), np.full(4, 0.8)], axis=1)


def test_the_plane_is_that_of_the_largest_spread_and_keeps_distances_in_it() -> None:
    shown = shown_pairs(pairs([1.0, 0.0]))
    found = project({0: square(0.0), 9: square(0.3)}, shown)
    assert list(found["n_train"]) == [0] * 4 + [9] * 4
    assert list(found["side"][:4]) == ["first", "first", "second", "second"]
    assert list(found["pair"][:4]) == [0, 1, 0, 1]
    for _, points in found.groupby("n_train"):
        np.testing.assert_allclose(np.linalg.norm(points[["x", "y"]], axis=1), 0.6)


def test_one_fit_serves_all_points_of_training_so_that_what_stays_does_not_move() -> None:
    shown = shown_pairs(pairs([1.0, 0.0]))
    still, moved = square(0.0), square(0.0)
    moved[0] = [0.8, 0.0, 0.6]
    found = project({0: still, 1: still * 7.0, 2: moved}, shown)  # lengths do not count
    by = [rows[["x", "y"]].to_numpy() for _, rows in found.groupby("n_train")]
    np.testing.assert_allclose(by[0], by[1], atol=1e-12)
    assert np.abs(by[2] - by[0]).max() > 0.05


def test_what_all_vectors_share_is_no_movement() -> None:
    shown = shown_pairs(pairs([1.0, 0.0]))
    lower = square(0.0)
    lower[:, 2] = -0.8  # all of them to the other side
    found = project({0: square(0.0), 1: lower}, shown)
    by = [rows[["x", "y"]].to_numpy() for _, rows in found.groupby("n_train")]
    np.testing.assert_allclose(by[0], by[1], atol=1e-12)
