from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from simcse_core import StsPairs, evaluate_sts, evaluation
from simcse_core.errors import ParameterError
from simcse_core.evaluation import (
    alignment,
    measure_spearman,
    metrics,
    normalize,
    pair_cosines,
    uniformity,
)

Numbers = np.ndarray


def table_encode(vectors: dict[str, Sequence[float]]) -> Callable[[Sequence[str]], Numbers]:
    return lambda sentences: np.array([vectors[sentence] for sentence in sentences])


VECTORS = {"甲": (1.0, 0.0), "乙": (0.0, 2.0), "丙": (3.0, 4.0), "丁": (5.0, 0.0)}
PAIRS = StsPairs(["甲", "甲", "甲"], ["乙", "丙", "丁"], np.array([0.0, 3.0, 5.0]))


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
    first, second = np.vstack([first, [[1.0, 0.0]]]), np.vstack([second, [[0.0, 1.0]]])
    assert alignment(first, second, np.array([5.0, 4.5, 4.0, 0.0])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "scores", [[0.0, 1.0, 1.0], [0.0, 0.81, 1.0], [0.0, 4.5, 5.0], [-1.0, 0.9, 1.0], [1.0, 4.5, 5]]
)
def test_alignment_is_over_the_pairs_of_the_highest_labels(scores: list[float]) -> None:
    first = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    second = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert alignment(first, second, np.array(scores)) == pytest.approx(1.0)  # of 2 and 0


@pytest.mark.parametrize("scores", [[4.0, 4.0], []])
def test_alignment_is_missing_where_all_labels_are_one(scores: list[float]) -> None:
    vectors = np.eye(2)[: len(scores)]
    assert math.isnan(alignment(vectors, vectors, np.array(scores)))


# --- two labels ------------------------------------------------------------------------------


def test_two_labels_have_an_area_under_the_curve_beside_spearman() -> None:
    pairs = StsPairs(["甲", "甲", "甲"], ["乙", "丙", "丁"], np.array([0.0, 1.0, 1.0]))
    scores = evaluate_sts(table_encode(VECTORS), pairs, 20)
    assert scores["roc_auc"] == 1.0
    assert scores["spearman"] == pytest.approx(spearmanr([0, 0.6, 1], [0, 1, 1])[0])
    assert scores["spearman"] < 0.9  # ties keep it from 1
    rows = measure_spearman({"dev": pairs, "test": PAIRS}, 20)(table_encode(VECTORS))
    assert [row["split"] for row in rows if row["metric"] == "roc_auc"] == ["dev"]
    assert metrics(pairs) == [row["metric"] for row in rows if row["split"] == "dev"]
    assert "roc_auc" not in metrics(PAIRS)


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


def test_what_cannot_be_written_as_cosines_is_left_out() -> None:
    broken = dict.fromkeys(VECTORS, (math.nan, 1.0))
    rows = measure_spearman({"dev": PAIRS}, n_resamples=20)(table_encode(broken))
    assert rows[0]["cosines"] == ""
    assert all(row["missing"] for row in rows)


# --- what encode must give -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones((3, 2)), r"shape \(4, hidden\) is needed for 4 sentences, got \(3, 2\)"),
        (np.ones(4), r"got \(4,\)"),
        (np.ones((4, 1, 2)), r"got \(4, 1, 2\)"),
        (np.ones((4, 0)), r"got \(4, 0\)"),
        (np.full((4, 2), "1"), "real numbers is needed"),
        (np.ones((4, 2), dtype=complex), "real numbers is needed"),
        (np.array([[None, 1]] * 4), "real numbers is needed"),
        (torch.ones((4, 2), requires_grad=True), "an array is needed"),
    ],
)
def test_vectors_of_another_shape_or_type_are_refused(vectors: object, said: str) -> None:
    with pytest.raises(ParameterError, match=f"^encode: .*{said}"):
        evaluate_sts(lambda sentences: vectors, PAIRS)


@pytest.mark.parametrize("kind", [list, np.float16, torch.tensor])
def test_vectors_may_come_in_whatever_holds_numbers(kind: object) -> None:
    plain = evaluate_sts(table_encode(VECTORS), PAIRS, 20)
    convert = (lambda v: v.astype(kind)) if isinstance(kind, type) and kind is not list else kind
    found = evaluate_sts(lambda s: convert(table_encode(VECTORS)(s)), PAIRS, 20)
    assert found == pytest.approx(plain)


@pytest.mark.parametrize("rows", [1, 4, 13, 14])
def test_uniformity_is_the_same_in_blocks(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = normalize(np.random.default_rng(0).standard_normal((13, 5)))
    expected = math.log(np.exp(-2 * pdist(vectors, "sqeuclidean")).mean())
    monkeypatch.setattr(evaluation, "UNIFORMITY_ROWS", rows)
    assert uniformity(vectors) == pytest.approx(expected, abs=1e-5)


def test_zero_vectors_have_neither_alignment_nor_uniformity() -> None:
    scores = evaluate_sts(table_encode(dict.fromkeys(VECTORS, (0.0, 0.0))), PAIRS, 20)
    assert np.isnan(list(scores.values())).all()
    assert math.isnan(alignment(np.zeros((2, 3)), np.zeros((2, 3)), np.array([5.0, 5.0])))
    assert math.isnan(uniformity(np.zeros((3, 2))))


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"^pairs: there is none"):
        evaluate_sts(table_encode(VECTORS), StsPairs([], [], []))


@pytest.mark.parametrize("n", [0, 2.5, None, "10"])
def test_a_number_of_resamples_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(ParameterError, match=r"^n_resamples: a whole number from 1 up"):
        evaluate_sts(table_encode(VECTORS), PAIRS, n)
