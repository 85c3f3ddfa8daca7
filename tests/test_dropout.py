"""Dropout by lanes: how much it drops, what it scales by, and what decides its mask."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from simcse_core.dropout import Dropout, dropout, replace_dropout


def dropped(p: float, shape: tuple[int, ...] = (1000, 1001), seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return dropout(torch.ones(shape), p)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_drops_at_the_rate_and_keeps_the_mean(p: float) -> None:
    values = dropped(p)
    kept = (values != 0).double()
    spread = (p * (1 - p) / values.numel()) ** 0.5
    assert abs(1 - kept.mean() - p) < 5 * spread
    # Within a draw of 64 bits and from one draw to the next, elements are dropped independently.
    for distance in (1, 2, 3, 4, 5):
        lanes = kept.flatten() - kept.mean()
        covariance = (lanes[:-distance] * lanes[distance:]).mean()
        assert abs(covariance) < 5 * p * (1 - p) / values.numel() ** 0.5
    for lane in range(4):
        assert abs(1 - kept.flatten()[lane::4].mean() - p) < 10 * spread
    assert values[values != 0].unique().item() == pytest.approx(1 / (1 - p), rel=2**-16 / (1 - p))


def test_the_expectation_is_exact() -> None:
    # 0.3 is rounded to 19,661 of 65,536; the scale is that of the rounded rate.
    values = dropped(0.3)
    assert values.max().item() == pytest.approx(65_536 / (65_536 - 19_661), rel=1e-7)


@pytest.mark.parametrize("shape", [(1,), (3,), (4,), (5,), (7, 3), (0, 4), (2, 3, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert dropped(0.5, shape).shape == shape


def test_one_seed_one_mask() -> None:
    assert torch.equal(dropped(0.3), dropped(0.3))
    assert not torch.equal(dropped(0.3), dropped(0.3, seed=1))
    torch.manual_seed(0)
    first, second = (dropout(torch.ones(100), 0.3) for _ in range(2))
    assert not torch.equal(first, second)


def test_what_is_dropped_has_no_gradient_and_the_rest_is_scaled() -> None:
    x = torch.randn(40, 50, requires_grad=True)
    y = dropout(x, 0.3)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), y.detach())
    assert 0 < (x.grad == 0).float().mean() < 1


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.3, False)])
def test_without_dropout_nothing_happens(p: float, training: bool) -> None:
    x = torch.randn(5, 6)
    state = torch.get_rng_state()
    assert dropout(x, p, training) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_type_is_kept() -> None:
    torch.manual_seed(0)
    half = dropout(torch.ones(1000, dtype=torch.bfloat16), 0.3)
    assert half.dtype == torch.bfloat16
    assert torch.equal(half != 0, dropped(0.3, (1000,)) != 0)


def test_modules_are_replaced_with_their_rate_and_mode() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2))).eval()
    replace_dropout(model)
    (inner,) = model[1]
    assert isinstance(inner, Dropout)
    assert (inner.p, inner.training) == (0.2, False)
    x = torch.ones(8)
    assert inner(x) is x
    assert (inner.train()(torch.ones(1000)) == 0).any()
