from __future__ import annotations

import numpy as np
import pytest

from simcse_core.applications.draws import draw_examples, draw_with_pool, hold_out
from simcse_core.applications.inputs import InputError


def test_draws_are_of_every_class_and_a_smaller_one_is_part_of_a_larger() -> None:
    codes = np.repeat([0, 1, 2], [4, 9, 5])
    small, large = (set(draw_examples(codes, n, seed=3)) for n in (2, 4))
    assert small < large
    assert np.bincount(codes[sorted(large)]).tolist() == [4, 4, 4]
    assert small != set(draw_examples(codes, 2, seed=4))


def test_a_class_with_too_few_texts_cannot_be_drawn_from() -> None:
    with pytest.raises(InputError, match="5 examples of each class are wanted, class 0 has 4"):
        draw_examples(np.repeat([0, 1], [4, 9]), 5, seed=0)


def test_examples_pool_and_test_share_no_text() -> None:
    draw = draw_with_pool(np.repeat([0, 1], 10), 3, seed=0)
    assert sorted(np.concatenate(draw)) == list(range(20))
    assert [len(part) for part in draw] == [6, 7, 7]


def test_held_out_classes_are_a_share_and_two_stay_known() -> None:
    assert len(hold_out(4, 0.5, seed=0)) == 2
    assert len(hold_out(4, 0.0, seed=0)) == 0
    for share in (0.75, 0.1):
        with pytest.raises(InputError, match="one at least must be unknown and two known"):
            hold_out(4, share, seed=0)
