from __future__ import annotations

import math

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles

from simcse_core.applications import pseudo_labels
from simcse_core.applications.inputs import InputError
from simcse_core.applications.pseudo_labels import Labels

SCORES = np.array([0.9, 0.8, 0.7, 0.6])


def test_a_label_is_as_sure_as_its_margin_over_the_next() -> None:
    given = pseudo_labels.labels_from(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]))
    assert given.codes.tolist() == [0, 2]
    assert np.allclose(given.scores, [0.2, 0.5])


@pytest.mark.parametrize(
    ("right", "precision", "threshold"),
    [
        ([1, 1, 0, 1], 0.75, 0.6),  # 3 of 4
        ([1, 1, 0, 1], 0.9, 0.8),  # 2 of 2
        ([0, 1, 1, 1], 0.75, 0.6),  # the surest one is wrong, all four are right often enough
        ([0, 0, 0, 0], 0.1, math.inf),
    ],
)
def test_a_threshold_is_the_lowest_with_the_precision(
    right: list[int], precision: float, threshold: float
) -> None:
    assert pseudo_labels.threshold_for(SCORES, np.array(right, bool), precision) == threshold


def test_labels_that_share_a_score_stand_or_fall_together() -> None:
    scores, right = np.array([0.9, 0.9, 0.5]), np.array([True, False, True])
    assert pseudo_labels.threshold_for(scores, right, 1.0) == math.inf


def test_the_surest_of_each_class_are_chosen_class_by_class() -> None:
    labels = Labels(np.array([0, 0, 1, 0, 1]), np.array([0.8, 0.5, 0.7, 0.9, 0.65]))
    assert pseudo_labels.select(labels, 0.6, per_class=1).tolist() == [3, 2]
    assert pseudo_labels.select(labels, 0.6, per_class=None).tolist() == [3, 0, 2, 4]
    assert pseudo_labels.select(labels, 1.0).tolist() == []


def test_a_threshold_from_examples_is_reached_by_separated_classes() -> None:
    codes = np.repeat([0, 1, 2], 10)
    threshold = pseudo_labels.threshold_from_examples(angles(CLASS_TEXTS), codes, precision=1)
    assert 0 < threshold < 1


def test_proposals_leave_out_examples_and_doubles_and_come_with_their_reasons() -> None:
    table = pseudo_labels.propose(
        CLASS_TEXTS, CLASS_LABELS, ["91.5", "0.5", "0.5", "0"], angles, precision=0.9
    ).table
    assert table["text"].tolist() == ["0.5", "91.5"]
    assert table["label"].tolist() == table["proposed"].tolist() == ["east", "north"]
    assert table["decision"].tolist() == ["", ""]
    reason = table["reason"][1]
    assert reason.count("[north, 1.00]") == 3
    assert {part.split()[0] for part in reason.split("; ")[:2]} == {"91", "92"}


def test_where_no_score_is_high_enough_nothing_is_proposed() -> None:
    # Each class has an example inside the other: left out, all are labelled wrongly.
    found = pseudo_labels.propose(
        ["0", "90", "91", "1"], ["a", "a", "b", "b"], ["45"], angles, precision=1
    )
    assert found.threshold == math.inf
    assert found.table.empty
    assert list(found.table) == list(pseudo_labels.COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": ["0", "1", "90"], "labels": ["a", "a", "b"]}, "'b' has 1 example, 2 are needed"),
        ({"unlabelled": ["5", ""]}, "unlabelled: number 2 is empty"),
        ({"unlabelled": "5"}, "unlabelled: a list of texts is needed"),
        ({"unlabelled": ["0", "90"]}, "all of them are examples already"),
        ({"precision": 0}, "precision: must be above 0"),
    ],
)
def test_what_cannot_be_labelled_is_named(arguments: dict[str, object], message: str) -> None:
    usual = {
        "texts": ["0", "1", "90", "91"],
        "labels": ["a", "a", "b", "b"],
        "unlabelled": ["5"],
        "encode": angles,
    }
    with pytest.raises(InputError, match=message):
        pseudo_labels.propose(**{**usual, **arguments})
