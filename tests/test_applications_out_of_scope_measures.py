from __future__ import annotations

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from simcse_core.applications import intents
from simcse_core.applications.inputs import InputError
from simcse_core.applications.out_of_scope_measures import (
    at_threshold,
    measure_unknown,
    open_f1,
    separation,
)

FOUR = [*CLASS_LABELS, *["south"] * 10]
FOUR_TEXTS = [*CLASS_TEXTS, *(str(270 + step) for step in range(-5, 5))]


def test_separation_by_hand() -> None:
    found = separation(np.array([1, 2, 3, 4.0]), np.array([3.5, 5, 6]))
    # Of 12 pairs only (3.5, 4) stands the wrong way round.
    assert found["auroc"] == pytest.approx(11 / 12)
    # Unknown ones are first, second and fourth of the strangest.
    assert found["aupr"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    # The threshold that accepts all four known ones is 4; 3.5 gets through.
    assert found["fpr@95"] == pytest.approx(1 / 3)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30),
    st.lists(st.integers(0, 9), min_size=1, max_size=30),
)
def test_separation_agrees_with_scikit_learn_and_with_counting(
    known: list[int], unknown: list[int]
) -> None:
    found = separation(np.array(known, float), np.array(unknown, float))
    truth = [0] * len(known) + [1] * len(unknown)
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, known + unknown))
    assert found["aupr"] == pytest.approx(average_precision_score(truth, known + unknown))
    cut = min(c for c in known if np.mean(np.array(known) <= c) >= 0.95)
    assert found["fpr@95"] == pytest.approx(np.mean(np.array(unknown) <= cut))


def test_what_a_threshold_lets_through_by_hand() -> None:
    right = np.array([True, False, True, True])
    found = at_threshold(np.array([1, 2, 3, 4.0]), np.array([3.0, 5]), right, threshold=3)
    assert found == {"accepted": 0.75, "in-scope accuracy": 0.5, "out-of-scope recall": 0.5}


def test_open_f1_by_hand() -> None:
    truth, answers = np.array([0, 1, -1]), np.array([0, 0, 1])
    # F1 of class 0 is 2/3, of class 1 none, of the unknown 1.
    found = open_f1(truth, answers, accepted=np.array([True, True, False]))
    assert found == pytest.approx(5 / 9)


def test_a_draw_is_fitted_as_it_is_and_once_for_each_example_that_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted: list[int] = []
    fit = LogisticRegression.fit

    def noting(self: LogisticRegression, examples: np.ndarray, codes: np.ndarray) -> object:
        fitted.append(len(codes))
        return fit(self, examples, codes)

    monkeypatch.setattr(LogisticRegression, "fit", noting)
    monkeypatch.setattr(intents, "_FITTED", {})
    measure_unknown(angles, FOUR_TEXTS, FOUR, shares=[0.5], n_examples=4, seeds=[0])
    # Two of four intents are known: 2 x 4 examples, and four times 2 x 3 without one each.
    assert sorted(fitted) == [6, 6, 6, 6, 8]


def test_held_out_intents_and_foreign_texts_are_measured_apart() -> None:
    table = measure_unknown(
        angles, FOUR_TEXTS, FOUR, {"between": ["45", "135"]}, shares=(0.25,), n_examples=4,
        seeds=(0, 1), scores=("nearest",),
    )  # fmt: skip
    keys = ["score", "unknown", "share", "seed", "metric"]
    assert not table[keys].duplicated().any()
    assert set(zip(table["unknown"], table["share"], strict=True)) == {
        ("held-out intents", 0.25),
        ("between", 0.0),
    }
    assert (table.loc[table["metric"] == "auroc", "value"] == 1).all()


@pytest.mark.parametrize(
    ("n_examples", "message"),
    [
        (1, "leaving one out needs at least 2 a class, got 1"),
        (10, "no utterance is left to test"),
        (11, "'east' has 10 examples, 11 are needed"),
    ],
)
def test_too_few_or_too_many_examples_are_refused(n_examples: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure_unknown(angles, FOUR_TEXTS, FOUR, shares=(0.25,), n_examples=n_examples, seeds=(0,))
