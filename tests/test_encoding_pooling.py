"""From the outputs of a model to sentence vectors, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import simcse_core.packing
from simcse_core import SentenceEncoder
from simcse_core.config import Pooling
from simcse_core.encoding.pooling import pool_rows, project
from simcse_core.encoding.projection import Projection
from simcse_core.packing import Group


class PositionModel(torch.nn.Module):
    """The hidden state of a token is its position; of the first layer, ten times that."""

    pooler = "there is one"
    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            model_type="positions", hidden_size=2, max_position_embeddings=32, pad_token_id=0
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        batch, length = input_ids.shape
        position = torch.arange(length, dtype=torch.float32).expand(batch, length)
        last = torch.stack([position, -position], dim=-1)  # (batch, length, 2)
        return SimpleNamespace(
            last_hidden_state=last,
            hidden_states=(torch.full_like(last, -1000.0), 10 * last, 500 * last, last),
            pooler_output=torch.tensor([[7.0, 8.0]]).expand(batch, 2),
        )


def one_token_a_character(sentences: Sequence[str], **_: Any) -> dict[str, list[list[int]]]:
    # One at least, as [CLS] would be.
    return {"input_ids": [[1] * max(1, len(sentence)) for sentence in sentences]}


@pytest.fixture
def _one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """A padded forward takes its rows together, so that the shorter ones carry padding."""
    monkeypatch.setattr(simcse_core.packing, "PADDED_GROUPS", 1)


@pytest.mark.usefixtures("_one_group")
@pytest.mark.parametrize(
    ("pooling", "of_three_tokens", "of_five_tokens"),
    [
        ("cls", 0.0, 0.0),  # the state at position 0
        ("mean", 1.0, 2.0),  # (0+1+2)/3 and (0+1+2+3+4)/5
        ("first-last-mean", 5.5, 11.0),  # the mean of 10p and p is 5.5p
    ],
)
def test_pooling_has_the_answer_worked_out_by_hand(
    pooling: str, of_three_tokens: float, of_five_tokens: float
) -> None:
    encoder = SentenceEncoder(PositionModel(), one_token_a_character, pooling, 32)
    # In one batch, so the row of three tokens carries two of padding that must not count.
    embeddings = encoder.embed([[1, 1, 1], [1, 1, 1, 1, 1]])
    expected = [[of_three_tokens, -of_three_tokens], [of_five_tokens, -of_five_tokens]]
    assert embeddings.tolist() == expected
    assert encoder.encode(["一二三四五", "一二三"]).tolist() == expected[::-1]


def test_pooler_is_the_models_own_pooled_output() -> None:
    encoder = SentenceEncoder(PositionModel(), one_token_a_character, "pooler", 32)
    assert encoder.encode(["一二三"]).tolist() == [[7.0, 8.0]]


WEIGHTS = torch.tensor([0.0, 1.0, 3.0])  # of the tokens 0, 1 and 2
ROWS = [[1, 2, 0], [2], [1, 1, 2]]


def _states(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows).unsqueeze(-1)  # (rows, length, 1)


def _groups(first: Sequence[Tensor]) -> list[Group]:
    """The rows of three tokens, the last before the first, and then the row of one."""
    last = [_states([5.0, 6.0, 1.0], [2.0, 4.0, 9.0]), _states([8.0])]
    return [
        Group(rows, [torch.zeros_like(end), begin, end], None)
        for rows, begin, end in zip([[2, 0], [1]], first, last, strict=True)
    ]


@pytest.mark.parametrize(
    ("pooling", "weights", "expected"),
    [
        (Pooling.CLS, WEIGHTS, [2.0, 8.0, 5.0]),  # of one token, so that no weight counts
        (Pooling.MEAN, None, [5.0, 8.0, 4.0]),
        (Pooling.MEAN, WEIGHTS, [(2 + 3 * 4) / 4, 8.0, (5 + 6 + 3 * 1) / 5]),
        # The first layer's output is 0 but for the row of one token, where it is 2.
        (Pooling.FIRST_LAST_MEAN, None, [2.5, (8 + 2) / 2, 2.0]),
        (Pooling.FIRST_LAST_MEAN, WEIGHTS, [3.5 / 2, (8 + 2) / 2, 2.8 / 2]),
    ],
)
def test_rows_of_several_groups_come_in_their_own_order_each_token_with_its_weight(
    pooling: Pooling, weights: Tensor | None, expected: list[float]
) -> None:
    groups = _groups([_states([0.0] * 3, [0.0] * 3), _states([2.0])])
    (found,) = pool_rows(groups, ROWS, [pooling], weights)
    torch.testing.assert_close(found, torch.tensor(expected).unsqueeze(-1))


def test_a_row_whose_tokens_weigh_nothing_has_the_vector_zero() -> None:
    group = Group([0], [_states([1.0, 2.0])] * 3, None)
    (found,) = pool_rows([group], [[0, 0]], [Pooling.MEAN], WEIGHTS)
    assert found.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("of_unit_vectors", "expected"),
    [
        (False, [[2 * (3 - 1) + 0.5]]),  # weight (vector - centre) + bias
        (True, [[2 * (0.6 - 1) + 0.5]]),  # (3, 4) has length 5
    ],
)
def test_a_projection_takes_its_centre_off_first(
    of_unit_vectors: bool, expected: list[list[float]]
) -> None:
    projection = Projection(
        np.array([[2.0, 0.0]]), np.array([0.5]), np.array([1.0, 7.0]), of_unit_vectors
    )
    with torch.autocast("cpu", torch.bfloat16):
        found = project(torch.tensor([[3.0, 4.0]]), projection)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.tensor(expected))
