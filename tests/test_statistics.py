from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from simcse_core import statistics
from simcse_core.statistics import (
    bootstrap_interval,
    pack_cosines,
    percentiles,
    resampled_spearman,
    roc_auc,
    spearman,
    spearman_ceiling,
    unpack_cosines,
)

Numbers = np.ndarray


def correlated(n: int, r: float, seed: int) -> tuple[Numbers, Numbers]:
    """A draw of n points from a bivariate normal distribution with correlation r."""
    x, noise = np.random.default_rng(seed).normal(size=(2, n))
    return x, r * x + math.sqrt(1 - r * r) * noise


# Cosines with a right angle, an acute angle and a coincidence: 0, 0.6 and 1.
# --- Spearman --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_values", [2, 6, 10_000])
def test_spearman_equals_scipys_with_and_without_ties(n_values: int, seed: int) -> None:
    x, y = np.random.default_rng(seed).integers(0, n_values, size=(2, 150)).astype(float)
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_spearman_by_hand() -> None:
    # Rank differences 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15).
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)


def test_spearman_sees_order_alone() -> None:
    x, y = correlated(50, 0.5, seed=0)
    assert spearman(np.exp(x), y) == pytest.approx(spearman(x, y), abs=1e-12)
    assert spearman(-x, y) == pytest.approx(-spearman(x, y), abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.5, 0.5, 0.5], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [4.0, 4.0, 4.0]),
        ([1.0, math.nan, 3.0], [1.0, 2.0, 3.0]),
        ([1.0, math.inf, 3.0], [1.0, 2.0, 3.0]),
        ([1.0], [1.0]),
    ],
    ids=["constant cosines", "constant labels", "a NaN", "an infinity", "one pair"],
)
def test_an_undefined_correlation_is_missing_never_zero_and_warns_of_nothing(
    x: list[float], y: list[float]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(spearman(np.array(x), np.array(y)))
        assert np.isnan(bootstrap_interval(np.array(x), np.array(y), 20)).all()


# --- bootstrap -------------------------------------------------------------------------------


def by_fisher(r: float, n: int) -> tuple[float, float]:
    """The 95 % interval of Bonett and Wright (2000), which needs no resampling."""
    half = 1.959964 * math.sqrt((1 + r * r / 2) / (n - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


@pytest.mark.parametrize("r", [0.0, 0.4, 0.75])
def test_the_interval_of_1458_pairs_is_near_the_analytic_one(r: float) -> None:
    x, y = correlated(1458, r, seed=1)
    value = spearman(x, y)
    low, high = bootstrap_interval(x, y, n_resamples=500)
    assert low < value < high
    assert (low, high) == pytest.approx(by_fisher(value, 1458), abs=0.015)


def test_the_same_seed_gives_the_same_interval() -> None:
    x, y = correlated(200, 0.5, seed=2)
    assert bootstrap_interval(x, y, 150, seed=4) == bootstrap_interval(x, y, 150, seed=4)
    assert bootstrap_interval(x, y, 150, seed=4) != bootstrap_interval(x, y, 150, seed=5)


def test_95_percent_intervals_hold_the_truth_about_95_times_in_100() -> None:
    truth = 6 / math.pi * math.asin(0.6 / 2)  # Spearman of a normal distribution with r = 0.6
    intervals = [bootstrap_interval(*correlated(100, 0.6, seed), 200) for seed in range(100)]
    held = sum(low <= truth <= high for low, high in intervals)
    assert 88 <= held <= 100


def test_few_pairs_with_resamples_of_one_pair_still_have_an_interval() -> None:
    low, high = bootstrap_interval(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), 200)
    assert (low, high) == pytest.approx((1.0, 1.0))


def paired(before: Numbers, after: Numbers, labels: Numbers, n: int) -> tuple[float, float, float]:
    """The difference in Spearman, and its interval over resamples that both methods share."""
    drawn = [resampled_spearman(cosines, labels, n) for cosines in (before, after)]
    return spearman(after, labels) - spearman(before, labels), *percentiles(drawn[1] - drawn[0])


def test_a_method_against_itself_differs_by_exactly_nothing() -> None:
    x, labels = correlated(300, 0.5, seed=3)
    assert paired(x, x, labels, 200) == (0.0, 0.0, 0.0)


def test_a_better_method_has_a_difference_above_zero() -> None:
    labels, x = correlated(300, 0.3, seed=4)
    better = labels + 0.5 * x
    change, low, high = paired(x, better, labels, 300)
    expected = spearmanr(better, labels).statistic - spearmanr(x, labels).statistic
    assert change == pytest.approx(expected, abs=1e-12)
    assert 0 < low < change < high


def test_pairs_hard_for_both_methods_cancel_in_the_paired_interval() -> None:
    labels, x = correlated(300, 0.5, seed=5)
    nearly = x + 0.01 * np.random.default_rng(0).normal(size=300)
    _, low, high = paired(x, nearly, labels, 300)
    alone_low, alone_high = bootstrap_interval(x, labels, 300)
    assert high - low < 0.1 * (alone_high - alone_low)


def test_a_difference_that_is_undefined_is_missing_and_warns_of_nothing() -> None:
    x, labels = correlated(30, 0.5, seed=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(paired(np.ones(30), x, labels, 20)).all()


@pytest.mark.parametrize("n", [3, 40])
def test_resampled_spearman_is_scipys_on_every_resample(n: int) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 9, size=(2, n)).astype(float)
    found = resampled_spearman(x, y, 150, seed=3)
    drawn = np.random.default_rng(3)
    rows = np.vstack([drawn.integers(0, n, size=(size, n)) for size in (100, 50)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's, where a resample is constant
        expected = [spearmanr(x[row], y[row]).statistic for row in rows]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_methods_on_the_same_pairs_share_resamples_that_are_drawn_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    draw = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn.append(seed) or draw(seed))
    statistics._kept.cache_clear()
    x, y = np.arange(40.0), np.arange(40.0)[::-1]
    first = [resampled_spearman(values, y, 150, seed=3) for values in (x, np.sin(x))]
    assert drawn == [3]
    resampled_spearman(x, y, 150, seed=4)
    resampled_spearman(x[:39], y[:39], 150, seed=4)
    assert drawn == [3, 4, 4]
    monkeypatch.setattr(statistics, "_MOST_KEPT", 0)  # as of more pairs than are kept
    again = [resampled_spearman(values, y, 150, seed=3) for values in (x, np.sin(x))]
    assert np.array_equal(first, again)
    assert drawn == [3, 4, 4, 3, 3]


def test_an_undefined_correlation_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("resamples were drawn")

    monkeypatch.setattr(statistics, "resampled_spearman", refuse)
    assert np.isnan(bootstrap_interval(np.ones(5), np.arange(5.0))).all()


def test_kept_cosines_give_the_very_same_spearman() -> None:
    cosines, labels = correlated(300, 0.5, seed=7)
    cosines = np.round(np.tanh(cosines), 6)
    again = unpack_cosines(pack_cosines(cosines))
    assert again.tolist() == cosines.tolist()
    assert spearman(again, labels) == spearman(cosines, labels)


# --- area under the ROC curve ----------------------------------------------------------------


def test_the_area_is_how_often_a_pair_of_the_same_meaning_is_more_similar() -> None:
    # Of 2 x 3 comparisons 0.9 wins three; 0.4 beats 0.1 alone and ties with 0.4.
    similarities, same = np.array([0.9, 0.4, 0.1, 0.4, 0.6]), np.array([1, 1, 0, 0, 0]) == 1
    assert roc_auc(similarities, same) == pytest.approx((3 + 1 + 0.5) / 6)


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_area_is_that_of_scikit_learn(decimals: int) -> None:
    x, y = correlated(400, 0.4, seed=3)
    assert roc_auc(x.round(decimals), y > 0.5) == pytest.approx(
        roc_auc_score(y > 0.5, x.round(decimals))
    )


@pytest.mark.parametrize(
    ("similarities", "same"),
    [([0.1, 0.2], [True, True]), ([0.1, 0.2], [False, False]), ([math.nan, 1], [True, False])],
)
def test_there_is_no_area_without_two_kinds(similarities: list[float], same: list[bool]) -> None:
    assert math.isnan(roc_auc(np.array(similarities), np.array(same)))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1] * 500, math.sqrt(0.75)),  # 0.866, but for 1 in a million
        ([0, 0, 1, 1], math.sqrt(0.8)),
        ([1, 2, 3, 4], 1.0),
        ([0, 0, 1], math.sqrt(0.75)),
    ],
)
def test_the_highest_spearman_of_tied_labels(labels: list[int], expected: float) -> None:
    array = np.array(labels, dtype=np.float64)
    ceiling = spearman_ceiling(array)
    assert ceiling == pytest.approx(expected, abs=1e-5)
    # Values without ties in the order of the labels reach it.
    best = np.argsort(np.argsort(array, kind="stable"), kind="stable").astype(float)
    assert ceiling == pytest.approx(spearmanr(best, array).statistic)


def test_labels_that_are_all_equal_have_no_spearman_at_all() -> None:
    assert math.isnan(spearman_ceiling(np.ones(4)))
