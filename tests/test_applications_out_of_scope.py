from __future__ import annotations

import math

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles
from sklearn.covariance import ledoit_wolf

from simcse_core.applications import out_of_scope
from simcse_core.applications.inputs import InputError
from simcse_core.applications.intents import fit_logistic

TWO = angles(["0", "90"])
TWO_CODES = np.array([0, 1])
THREE = angles(CLASS_TEXTS)
THREE_CODES = np.repeat([0, 1, 2], 10)


def test_the_nearest_example_is_30_degrees_away() -> None:
    distance = out_of_scope.nearest_distance(TWO, TWO_CODES, angles(["60"]))
    assert np.allclose(distance, [1 - math.cos(math.radians(30))], atol=1e-6)


def test_the_kth_neighbour_is_the_farthest_example_where_there_are_fewer_than_k() -> None:
    distance = out_of_scope.neighbour_distance(TWO, TWO_CODES, angles(["60"]))
    assert np.allclose(distance, [1.0], atol=1e-6)  # the chord of 60 degrees


def test_the_fifth_neighbour_of_six_is_the_one_but_farthest() -> None:
    examples = angles(["0", "10", "20", "30", "60", "90"])
    distance = out_of_scope.neighbour_distance(examples, np.zeros(6, int), angles(["0"]))
    assert np.allclose(distance, [1.0], atol=1e-6)


def test_mahalanobis_is_the_smallest_squared_form_of_the_shrunk_inverse() -> None:
    vectors = angles(["45", "170"])
    means = np.stack([THREE[code == THREE_CODES].mean(axis=0) for code in range(3)])
    around = (THREE - means[THREE_CODES]).astype(np.float64)
    inverse = np.linalg.inv(ledoit_wolf(around, assume_centered=True)[0])
    by_hand = [min((v - m) @ inverse @ (v - m) for m in means) for v in vectors]
    found = out_of_scope.mahalanobis_distance(THREE, THREE_CODES, vectors)
    assert np.allclose(found, by_hand, rtol=1e-4)


@pytest.mark.parametrize("width", [3, 40, 200])
def test_mahalanobis_is_that_of_the_inverse_with_fewer_examples_than_columns_or_more(
    width: int,
) -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), 6)
    examples = rng.normal(size=(24, width)) + 3 * rng.normal(size=(4, width))[codes]
    vectors = rng.normal(size=(9, width))
    means = np.stack([examples[codes == code].mean(axis=0) for code in range(4)])
    inverse = np.linalg.inv(ledoit_wolf(examples - means[codes], assume_centered=True)[0])
    by_hand = [min((v - m) @ inverse @ (v - m) for m in means) for v in vectors]
    found = out_of_scope.mahalanobis_distance(examples, codes, vectors)
    np.testing.assert_allclose(found, by_hand, rtol=1e-9)


@pytest.mark.parametrize("width", [2, 5])
def test_examples_that_spread_in_one_direction_alone_have_a_distance_in_all(width: int) -> None:
    first, second = np.eye(width)[:2]
    examples = np.stack([first, -first, first, -first])  # around 0: nothing to shrink by
    vectors = np.stack([first, 1.5 * first, second])
    found = out_of_scope.mahalanobis_distance(examples, np.array([0, 0, 1, 1]), vectors)
    np.testing.assert_allclose(found[:2], [1, 2.25], rtol=1e-5)  # their variance is 1
    assert found[2] > 1e3


def test_mahalanobis_needs_examples_that_differ_from_their_mean() -> None:
    with pytest.raises(InputError, match="a covariance needs two different examples"):
        out_of_scope.mahalanobis_distance(TWO, TWO_CODES, TWO)


@pytest.mark.parametrize("classes", [2, 3])
def test_energy_is_minus_the_log_of_the_summed_exponentials(classes: int) -> None:
    examples, codes = THREE[: 10 * classes], THREE_CODES[: 10 * classes]
    fitted, vectors = fit_logistic(examples, codes), angles(["45", "200"])
    logits = fitted.decision_function(vectors)
    if classes == 2:  # one logit, for the second class against the first
        logits = np.stack([-logits / 2, logits / 2], axis=1)
    by_hand = -np.log(np.exp(logits).sum(axis=1))
    assert np.allclose(out_of_scope.energy(examples, codes, vectors), by_hand)


def test_improbability_is_half_between_two_classes() -> None:
    found = out_of_scope.improbability(TWO, TWO_CODES, angles(["45"]))
    assert np.allclose(found, [0.5], atol=1e-3)


@pytest.mark.parametrize("score", out_of_scope.SCORES)
def test_every_score_finds_what_is_far_from_all_stranger(score: str) -> None:
    known, strange = out_of_scope.SCORES[score](THREE, THREE_CODES, angles(["90", "45"]))
    assert known < strange


def test_a_threshold_is_a_quantile_of_scores_by_the_other_examples() -> None:
    examples, codes = angles(["0", "10", "90", "120"]), np.array([0, 0, 1, 1])
    # Each is scored by the other example of its class: 10, 10, 30 and 30 degrees away.
    highest = out_of_scope.threshold_from_examples(examples, codes, "nearest", accept=1)
    assert highest == pytest.approx(1 - math.cos(math.radians(30)), abs=1e-6)
    low, high = (1 - math.cos(math.radians(angle)) for angle in (10, 30))
    middle = out_of_scope.threshold_from_examples(examples, codes, "nearest", accept=0.5)
    assert middle == pytest.approx((low + high) / 2, abs=1e-6)


def test_known_and_unknown_are_told_apart_with_the_likeliest_intent() -> None:
    table = out_of_scope.detect(
        CLASS_TEXTS, CLASS_LABELS, ["2.5", "-90"], angles, score="nearest", accept=1
    )
    assert table["known"].tolist() == [True, False]
    assert table["intent"][0] == "east"
    assert (table["known"] == (table["score"] <= table["threshold"])).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": ["0", "1", "90"], "labels": ["a", "a", "b"]}, "'b' has 1 example, 2 are needed"),
        ({"utterances": ["1", " "]}, "utterances: number 2 is empty"),
        ({"score": "magic"}, "score: unknown value 'magic'; use one of: nearest, knn"),
        ({"accept": 1.5}, "accept: must be above 0 and at most 1"),
        ({"labels": ["a", "A", "b", "b"]}, "one name twice"),
    ],
)
def test_what_cannot_be_told_apart_is_named(arguments: dict[str, object], message: str) -> None:
    usual = {
        "texts": ["0", "1", "90", "91"],
        "labels": ["a", "a", "b", "b"],
        "utterances": ["1"],
        "encode": angles,
    }
    with pytest.raises(InputError, match=message):
        out_of_scope.detect(**{**usual, **arguments})
