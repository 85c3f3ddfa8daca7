from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcse_core.applications.ranking import (
    SCORES_AT_ONCE,
    best,
    blocks,
    means_with_intervals,
    ranking_rows,
    ranks,
    ranks_in_lists,
    reciprocal_ranks,
)


def test_the_best_columns_come_from_the_highest_score_on() -> None:
    assert best(np.array([[0.1, 0.9, 0.5], [3.0, 1.0, 2.0]]), 2).tolist() == [[1, 2], [0, 2]]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.data())
def test_ties_go_in_column_order_even_at_the_last_place(
    row: list[int], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(row)))
    by_hand = sorted(range(len(row)), key=lambda column: (-row[column], column))[:k]
    assert best(np.array([row], dtype=float), k).tolist() == [by_hand]


def test_blocks_cover_all_rows_once_and_bound_the_scores_held() -> None:
    columns = SCORES_AT_ONCE // 3
    parts = list(blocks(7, columns))
    assert [row for part in parts for row in range(7)[part]] == list(range(7))
    assert all(len(range(7)[part]) * columns <= SCORES_AT_ONCE for part in parts)


def test_a_row_longer_than_the_memory_of_a_block_is_a_block_by_itself() -> None:
    assert len(list(blocks(2, SCORES_AT_ONCE * 2))) == 2


def test_a_rank_counts_what_scores_higher() -> None:
    scores = np.array([[0.2, 0.9, 0.5], [0.2, 0.9, 0.5]])
    assert ranks(scores, np.array([2, 1])).tolist() == [2, 1]


def test_what_ties_with_the_right_one_counts_as_before_it() -> None:
    assert ranks(np.zeros((1, 4)), np.array([0])).tolist() == [4]


def test_noise_in_the_last_bit_of_a_float32_does_not_rank() -> None:
    scores = np.array([[0.5, 0.5 + 6e-8]])
    assert ranks(scores, np.array([1])).tolist() == [2]


def test_a_rank_in_a_list_is_infinite_where_the_right_one_is_missing() -> None:
    lists = np.array([[4, 7, 2], [4, 7, -1]])
    assert ranks_in_lists(lists, np.array([2, 2])).tolist() == [3.0, math.inf]


def test_reciprocal_ranks_end_at_the_cutoff() -> None:
    ranked = np.array([1, 2, 10, 11, math.inf])
    assert reciprocal_ranks(ranked).tolist() == [1.0, 0.5, 0.1, 0.0, 0.0]


def test_recall_and_mrr_of_four_ranks_by_hand() -> None:
    rows = {row["metric"]: row["value"] for row in ranking_rows(np.array([1, 2, 4, 20]), (1, 5))}
    assert rows == {"recall@1": 0.25, "recall@5": 0.75, "mrr@10": pytest.approx(1.75 / 4)}


def test_an_interval_holds_the_mean_and_is_a_point_for_equal_values() -> None:
    [found] = means_with_intervals([np.array([0, 1] * 50)])
    assert found["ci_low"] < found["value"] == 0.5 < found["ci_high"]
    # A share of 0.5 of 100 has a standard error of 0.05: its 95 % interval is 0.4 to 0.6.
    assert found["ci_low"] == pytest.approx(0.4, abs=0.02)
    assert means_with_intervals([np.ones(5)]) == [{"value": 1.0, "ci_low": 1.0, "ci_high": 1.0}]


def test_measures_share_their_resamples() -> None:
    values = np.random.default_rng(1).random((2, 30))
    drawn = np.random.default_rng(7)
    rows = [drawn.integers(0, 30, 30) for _ in range(40)]
    for numbers, found in zip(values, means_with_intervals(values, 40, seed=7), strict=True):
        ends = np.quantile([numbers[row].mean() for row in rows], [0.025, 0.975])
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(ends))
