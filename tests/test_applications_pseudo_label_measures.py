from __future__ import annotations

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles

from simcse_core.applications.inputs import InputError
from simcse_core.applications.pseudo_label_measures import (
    coverage_curve,
    measure_gain,
    precision_coverage,
)


def test_precision_against_coverage_by_hand() -> None:
    scores, right = np.array([0.6, 0.9, 0.8, 0.8]), np.array([1, 1, 0, 1])
    curve = precision_coverage(scores, right)
    # The two at 0.8 come together: there is no threshold between them.
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.6]
    assert curve["coverage"].tolist() == [0.25, 0.75, 1.0]
    assert np.allclose(curve["precision"], [1, 2 / 3, 3 / 4])


def test_the_four_classifiers_are_trained_on_what_they_are_named_after() -> None:
    table = measure_gain(angles, CLASS_TEXTS, CLASS_LABELS, n_examples=4, seeds=(0,), per_class=2)
    n = table[table["metric"] == "n"].set_index("training")["value"]
    assert n["few"] == 12
    assert n["few"] < n["as they are"] <= 18
    assert n["corrected"] == n["as they are"]
    assert n["confirmed"] == n["as they are"]  # every proposal is right here
    accuracy = table[table["metric"] == "accuracy"].set_index("training")["value"]
    assert (accuracy == 1).all()
    assert set(accuracy.index) == {"few", "as they are", "confirmed", "corrected"}


def test_wrong_proposals_are_taken_as_they_are_and_not_confirmed() -> None:
    rng = np.random.default_rng(0)
    texts = [str(angle) for angle in range(120)]
    labels = [str((angle >= 60) != (rng.random() < 0.2)) for angle in range(120)]
    table = measure_gain(
        angles, texts, labels, n_examples=10, seeds=(0,), precision=0.5, per_class=None
    )
    n = table[table["metric"] == "n"].set_index("training")["value"]
    assert n["few"] < n["confirmed"] < n["as they are"] == n["corrected"]
    precision = table[table["metric"] == "precision"].set_index("training")["value"]
    right = (n["confirmed"] - n["few"]) / (n["as they are"] - n["few"])
    assert precision["as they are"] == pytest.approx(right)


def test_the_curve_of_separated_classes_is_right_all_along() -> None:
    curve = coverage_curve(angles, CLASS_TEXTS, CLASS_LABELS, n_examples=3)
    assert (curve["precision"] == 1).all()
    assert curve["coverage"].iloc[-1] == 1


def test_one_example_a_class_or_no_text_left_is_refused() -> None:
    with pytest.raises(InputError, match="needs at least 2 a class, got 1"):
        measure_gain(angles, CLASS_TEXTS, CLASS_LABELS, n_examples=1)
    with pytest.raises(InputError, match="leave none to label and to test"):
        measure_gain(angles, CLASS_TEXTS, CLASS_LABELS, n_examples=10, seeds=(0,))
