from __future__ import annotations

import numpy as np

from simcse_core.applications.leave_one_out import MAX_ROUNDS, leave_one_out


def test_no_example_is_scored_by_itself() -> None:
    codes = np.array([0, 0, 1, 1, 1])

    def nearest(examples: np.ndarray, their: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        return (left_out @ examples.T).max(axis=1)

    assert leave_one_out(nearest, np.eye(5), codes).tolist() == [0.0] * 5


def test_scores_come_in_the_order_of_the_examples() -> None:
    vectors = np.arange(10.0).reshape(5, 2)
    scored = leave_one_out(lambda m, c, out: out, vectors, np.array([0, 1, 0, 1, 0]))
    assert np.array_equal(scored, vectors)


def test_every_class_keeps_an_example_and_loses_at_most_one_in_a_round() -> None:
    codes = np.repeat([0, 1], [2, 5])
    kept: list[list[int]] = []

    def watch(examples: np.ndarray, their: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        kept.append(np.bincount(their).tolist())
        return np.zeros(len(left_out))

    leave_one_out(watch, np.eye(7), codes)
    assert kept == [[1, 4], [1, 4], [2, 4], [2, 4], [2, 4]]


def test_large_classes_have_had_their_turn_after_ten_rounds() -> None:
    sizes: list[int] = []

    def watch(examples: np.ndarray, their: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        sizes.append(len(left_out))
        return np.zeros(len(left_out))

    leave_one_out(watch, np.eye(25), np.zeros(25, dtype=int))
    assert len(sizes) == MAX_ROUNDS
    assert sum(sizes) == 25
    assert max(sizes) == 3
