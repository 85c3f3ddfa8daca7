from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from simcse_core import StsPairs, evaluate_sts
from simcse_core.evaluation import (
    alignment,
    bootstrap_interval,
    measure_spearman,
    normalize,
    pack_cosines,
    pair_cosines,
    paired_bootstrap,
    resampled_spearman,
    spearman,
    uniformity,
    unpack_cosines,
)

Numbers = np.ndarray


def table_encode(vectors: dict[str, Sequence[float]]) -> Callable[[Sequence[str]], Numbers]:
    return lambda sentences: np.array([vectors[sentence] for sentence in sentences])


def correlated(n: int, r: float, seed: int) -> tuple[Numbers, Numbers]:
    """A draw of n points from a bivariate normal distribution with correlation r."""
    x, noise = np.random.default_rng(seed).normal(size=(2, n))
    return x, r * x + math.sqrt(1 - r * r) * noise


# Cosines with a right angle, an acute angle and a coincidence: 0, 0.6 and 1.
VECTORS = {"甲": (1.0, 0.0), "乙": (0.0, 2.0), "丙": (3.0, 4.0), "丁": (5.0, 0.0)}
PAIRS = StsPairs(["甲", "甲", "甲"], ["乙", "丙", "丁"], np.array([0.0, 3.0, 5.0]))


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


# --- evaluate_sts ----------------------------------------------------------------------------


def test_scores_of_three_pairs_by_hand() -> None:
    scores = evaluate_sts(table_encode(VECTORS), PAIRS, n_resamples=50)
    assert list(scores) == ["spearman", "ci_low", "ci_high", "alignment", "uniformity"]
    assert scores["spearman"] == pytest.approx(1.0)
    assert scores["alignment"] == pytest.approx(0.0)  # one pair above 4, at cosine 1
    # Squared distances 2 - 2 cos of the six pairs of 甲乙丙丁: 2, 0.8, 0, 0.4, 2, 0.8.
    potentials = [math.exp(-2 * d) for d in (2, 0.8, 0, 0.4, 2, 0.8)]
    assert scores["uniformity"] == pytest.approx(math.log(sum(potentials) / 6))


def test_pair_cosines_by_hand() -> None:
    assert pair_cosines(table_encode(VECTORS), PAIRS) == pytest.approx([0.0, 0.6, 1.0])


def test_encode_is_called_once_with_each_sentence_once() -> None:
    calls: list[list[str]] = []

    def encode(sentences: Sequence[str]) -> Numbers:
        calls.append(list(sentences))
        return table_encode(VECTORS)(sentences)

    evaluate_sts(encode, PAIRS, n_resamples=5)
    assert calls == [["甲", "乙", "丙", "丁"]]


def test_the_length_of_vectors_does_not_matter() -> None:
    longer = {word: tuple(7 * x for x in vector) for word, vector in VECTORS.items()}
    assert evaluate_sts(table_encode(longer), PAIRS, 50) == pytest.approx(
        evaluate_sts(table_encode(VECTORS), PAIRS, 50)
    )


@pytest.mark.parametrize("value", [1.0, 0.0, math.nan, math.inf])
def test_embeddings_that_are_all_the_same_have_no_spearman(value: float) -> None:
    same = dict.fromkeys(VECTORS, (value, value))
    with np.errstate(invalid="ignore"):
        scores = evaluate_sts(table_encode(same), PAIRS, 20)
    assert np.isnan([scores[key] for key in ("spearman", "ci_low", "ci_high")]).all()


def test_a_zero_vector_stays_zero_and_others_become_unit_vectors() -> None:
    assert normalize(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0.0, 0.0], [0.6, 0.8]]


# --- alignment and uniformity ----------------------------------------------------------------


def test_alignment_is_the_mean_squared_distance_of_pairs_above_four() -> None:
    first = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    second = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    # Squared distances 2 and 0 count; the pair scored exactly 4 does not.
    assert alignment(first, second, np.array([5.0, 4.5, 4.0])) == pytest.approx(1.0)


def test_alignment_is_missing_where_no_pair_is_above_four() -> None:
    assert math.isnan(alignment(np.eye(2), np.eye(2), np.array([4.0, 0.0])))


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], -4.0),  # squared distance 2
        ([[1.0, 0.0], [-1.0, 0.0]], -8.0),  # squared distance 4, the farthest there is
        ([[1.0, 0.0], [1.0, 0.0]], 0.0),
        # Squared distances 2, 4 and 2.
        ([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], math.log((2 * math.exp(-4) + math.exp(-8)) / 3)),
    ],
)
def test_uniformity_by_hand(vectors: list[list[float]], expected: float) -> None:
    assert uniformity(np.array(vectors)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("vectors", [np.empty((0, 3)), np.eye(1, 3), np.full((3, 2), math.nan)])
def test_uniformity_is_missing_where_there_is_none(vectors: Numbers) -> None:
    assert math.isnan(uniformity(vectors))


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


def test_a_method_against_itself_differs_by_exactly_nothing() -> None:
    x, labels = correlated(300, 0.5, seed=3)
    assert paired_bootstrap(x, x, labels, 200) == (0.0, 0.0, 0.0)


def test_a_better_method_has_a_difference_above_zero() -> None:
    labels, x = correlated(300, 0.3, seed=4)
    better = labels + 0.5 * x
    change, low, high = paired_bootstrap(x, better, labels, 300)
    expected = spearmanr(better, labels).statistic - spearmanr(x, labels).statistic
    assert change == pytest.approx(expected, abs=1e-12)
    assert 0 < low < change < high


def test_pairs_hard_for_both_methods_cancel_in_the_paired_interval() -> None:
    labels, x = correlated(300, 0.5, seed=5)
    nearly = x + 0.01 * np.random.default_rng(0).normal(size=300)
    _, low, high = paired_bootstrap(x, nearly, labels, 300)
    alone_low, alone_high = bootstrap_interval(x, labels, 300)
    assert high - low < 0.1 * (alone_high - alone_low)


def test_a_difference_that_is_undefined_is_missing_and_warns_of_nothing() -> None:
    x, labels = correlated(30, 0.5, seed=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(paired_bootstrap(np.ones(30), x, labels, 20)).all()


# --- rows ------------------------------------------------------------------------------------


def test_rows_have_an_interval_for_spearman_alone() -> None:
    rows = measure_spearman({"dev": PAIRS, "test": PAIRS}, n_resamples=20)(table_encode(VECTORS))
    assert [(row["split"], row["metric"]) for row in rows] == [
        (split, metric)
        for split in ("dev", "test")
        for metric in ("spearman", "alignment", "uniformity")
    ]
    for row in rows:
        assert row["missing"] is None
        for column in ("ci_low", "ci_high", "cosines"):
            assert (row[column] is None) == (row["metric"] != "spearman")
    assert rows[0]["value"] == pytest.approx(1.0)
    assert rows[0]["cosines"] == "0 600000 1000000"


def test_a_row_without_a_value_says_why() -> None:
    same = dict.fromkeys(VECTORS, (1.0, 1.0))
    rows = measure_spearman({"dev": PAIRS}, n_resamples=20)(table_encode(same))
    missing = {row["metric"]: row["missing"] for row in rows}
    assert "constant" in missing["spearman"]
    assert missing["alignment"] is None  # the one pair above 4 is there, at distance 0


def test_what_cannot_be_written_as_cosines_is_left_out() -> None:
    broken = dict.fromkeys(VECTORS, (math.nan, 1.0))
    rows = measure_spearman({"dev": PAIRS}, n_resamples=20)(table_encode(broken))
    assert rows[0]["cosines"] == ""
    assert all(row["missing"] for row in rows)


def test_kept_cosines_give_the_very_same_spearman() -> None:
    cosines, labels = correlated(300, 0.5, seed=7)
    cosines = np.round(np.tanh(cosines), 6)
    again = unpack_cosines(pack_cosines(cosines))
    assert again.tolist() == cosines.tolist()
    assert spearman(again, labels) == spearman(cosines, labels)


def test_pairs_that_differ_by_rounding_alone_are_tied() -> None:
    # Equal sentences have a cosine of 1 up to the last bits of float32, which must not rank them.
    near = np.array([1.0, 1.0 - 1e-8, 0.5, 0.25])
    angles = dict(zip("abcd", np.arccos(near), strict=True))
    vectors = {name: (math.cos(x), math.sin(x)) for name, x in angles.items()} | {"o": (1.0, 0.0)}
    pairs = StsPairs(list("abcd"), list("oooo"), np.array([4.0, 5.0, 2.0, 0.0]))
    found = pair_cosines(table_encode(vectors), pairs)
    assert found.tolist() == [1.0, 1.0, 0.5, 0.25]
    expected = spearmanr([1.0, 1.0, 0.5, 0.25], pairs.scores).statistic
    assert evaluate_sts(table_encode(vectors), pairs, 20)["spearman"] == pytest.approx(expected)


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
