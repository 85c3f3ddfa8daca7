from __future__ import annotations

import pytest

from simcse_core.nli import triplets_by_premise


def test_a_premise_gives_as_many_triplets_as_it_has_of_both() -> None:
    rows = [
        ("甲", "entailed 1", 0),
        ("乙", "no contradiction", "entailment"),
        ("甲", "contradicted 1", 2),
        ("甲", "neutral", 1),
        ("甲", "contradicted 2", "contradiction"),
        ("甲", "entailed 2", "entailment"),
        ("甲", "entailed 3", 0),
        ("丙", "no entailment", 2),
    ]
    assert list(triplets_by_premise(rows)) == [
        ("甲", "entailed 1", "contradicted 1"),
        ("甲", "entailed 2", "contradicted 2"),
    ]


@pytest.mark.parametrize("label", [-1, "-", "", None, 1, "neutral"])
def test_pairs_without_a_label_or_a_text_are_in_no_triplet(label: object) -> None:
    rows = [
        ("甲", "乙", 0),
        ("甲", "not counted", label),
        ("甲", "  ", 2),
        (None, "丁", 2),
        (" 甲 ", "丙 ", 2),
    ]
    assert list(triplets_by_premise(rows)) == [("甲", "乙", "丙")]


@pytest.mark.parametrize("label", [3, "yes", 0.5, [0]])
def test_a_label_that_is_none_of_snlis_is_named_with_its_row(label: object) -> None:
    rows = [("甲", "乙", 0), ("甲", "丙", label)]
    with pytest.raises(ValueError, match=r"^row 2: label must be 0 or entailment, .*, got "):
        list(triplets_by_premise(rows))


def test_a_set_of_two_labels_makes_no_triplet_and_says_so() -> None:
    with pytest.raises(ValueError, match="no premise has both"):
        list(triplets_by_premise([("甲", "乙", 0), ("甲", "丙", 1)]))
