"""Nearest neighbours among vectors whose cosines are known."""

from __future__ import annotations

import numpy as np
import pytest

from simcse_core.neighbours import nearest, neighbour_table

VECTORS = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0], [1.0, 0.1]])


def test_the_nearest_is_another_row_and_length_does_not_matter() -> None:
    found = nearest(VECTORS, [0, 2], n=2)
    assert [[i for i, _ in row] for row in found] == [[3, 1], [1, 3]]
    assert found[0][1][1] == pytest.approx(0.6)
    assert found[1][0][1] == pytest.approx(0.8)


def test_equal_rows_are_neighbours_and_never_a_row_of_itself() -> None:
    assert [row[0][0] for row in nearest(np.ones((3, 2)), [0, 1, 2])] == [1, 0, 0]


def test_a_table_has_a_column_for_each_set_of_vectors() -> None:
    table = neighbour_table(["甲", "乙", "丙", "丁"], [0], {"one": VECTORS, "two": -VECTORS[::-1]})
    assert table.to_dict("list") == {
        "sentence": ["甲"],
        "one": ["丁 (1.00)"],
        "two": ["丁 (1.00)"],
    }
