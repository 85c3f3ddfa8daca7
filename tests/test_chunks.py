"""Batches that memory has no room for: chunks with the same loss and gradient (GradCache)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import SENTENCES
from torch import Tensor

from simcse_core import SentenceEncoder, TrainConfig, train_simcse
from simcse_core.checkpoint import Checkpoint
from simcse_core.objectives import OBJECTIVES
from simcse_core.training import train

Load = Callable[..., SentenceEncoder]
FULL = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"


def coupled(vectors: Tensor) -> Tensor:
    """A loss in which the gradient of each row depends on all, as in a contrastive one."""
    return (vectors @ vectors.T).logsumexp(dim=1).sum()


def loss_and_gradients(encoder: SentenceEncoder, rows: int | None) -> tuple[Tensor, list[Tensor]]:
    encoder.rows_at_once = rows
    encoder.model.zero_grad()
    views = encoder.tokenize(SENTENCES[:6]) * 2
    loss = coupled(encoder.embed(views))
    loss.backward()
    return loss.detach(), [
        torch.zeros_like(w) if w.grad is None else w.grad.clone()
        for w in encoder.model.parameters()
    ]


@pytest.mark.parametrize("rows", [1, 5, 11])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_chunks_have_the_loss_and_gradient_of_the_whole_batch(
    load: Load, pooling: str, rows: int
) -> None:
    encoder = load(pooling)
    encoder.set_dropout(0.0)
    encoder.model.train()
    whole, whole_gradients = loss_and_gradients(encoder, None)
    loss, gradients = loss_and_gradients(encoder, rows)
    torch.testing.assert_close(loss, whole)
    assert max(g.abs().max() for g in gradients) > 1
    for gradient, expected in zip(gradients, whole_gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)


def test_a_chunk_is_computed_again_with_its_own_dropout(load: Load) -> None:
    encoder = load("cls")
    encoder.set_dropout(0.3)
    encoder.model.train()
    torch.manual_seed(3)
    _, gradients = loss_and_gradients(encoder, 4)
    torch.manual_seed(3)
    encoder.rows_at_once = None
    encoder.model.zero_grad()
    views = encoder.tokenize(SENTENCES[:6]) * 2
    vectors = torch.cat([encoder.embed(views[start : start + 4]) for start in (0, 4, 8)])
    coupled(vectors).backward()
    for gradient, weight in zip(gradients, encoder.model.parameters(), strict=True):
        if weight.grad is not None:
            torch.testing.assert_close(gradient, weight.grad, rtol=1e-4, atol=1e-6)


def test_a_chunk_keeps_its_vectors_alone(load: Load) -> None:
    encoder = load("cls")
    encoder.model.train()
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    views = encoder.tokenize(SENTENCES[:6]) * 2
    sums = []
    for rows in (None, 4):
        kept.clear()
        encoder.rows_at_once = rows
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encoder.embed(views)
        sums.append(sum(kept))
    assert sums[1] < sums[0] / 10


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets a forward with more rows than there is room for fail as torch does on a CPU."""

    def make(rows: int, message: str = FULL) -> None:
        forward = SentenceEncoder._forward

        def limited(self: SentenceEncoder, token_ids: Any, poolings: Any) -> list[Tensor]:
            if self.model.training and len(token_ids) > rows:
                raise RuntimeError(message)
            return forward(self, token_ids, poolings)

        monkeypatch.setattr(SentenceEncoder, "_forward", limited)

    return make


CONFIG = TrainConfig(batch_size=6, learning_rate=1e-3, dropout=0.0, num_epochs=2)


def weights(encoder: SentenceEncoder) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in encoder.model.parameters()])


def test_training_goes_on_in_chunks_and_ends_where_it_would_have(
    load: Load, room_for: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    start, whole, chunked = weights(load("cls")), load("cls"), load("cls")
    losses = train_simcse(whole, SENTENCES[:12], CONFIG)["loss"]
    room_for(2)  # of the 12 rows of a batch; 3 are a quarter, and 1 is the last try
    found = train_simcse(chunked, SENTENCES[:12], CONFIG)["loss"]
    assert found.tolist() == pytest.approx(losses.tolist(), rel=1e-3)
    moved = torch.linalg.vector_norm(weights(whole) - start)
    # AdamW makes whole steps of gradients that are zero but for rounding.
    assert torch.linalg.vector_norm(weights(whole) - weights(chunked)) < 0.05 * moved
    told = [text for text in caplog.messages if "does not fit into memory" in text]
    assert [line.split(" rows")[0][-1] for line in told] == ["3", "1"]  # once, not in every step
    assert chunked.rows_at_once is None


def test_a_batch_of_which_not_one_row_fits_is_an_error_that_names_memory(
    load: Load, room_for: Callable[..., None]
) -> None:
    room_for(0)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        train_simcse(load("cls"), SENTENCES[:12], CONFIG)


def test_another_error_is_no_want_of_memory(load: Load, room_for: Callable[..., None]) -> None:
    room_for(4, "the device is gone")
    with pytest.raises(RuntimeError, match="the device is gone"):
        train_simcse(load("cls"), SENTENCES[:12], CONFIG)


def test_a_loss_that_remembers_batches_is_not_tried_twice_on_one(
    load: Load, room_for: Callable[..., None]
) -> None:
    room_for(4)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        train(load("cls"), OBJECTIVES["esimcse"], SENTENCES[:12], CONFIG)


def test_a_run_that_goes_on_keeps_its_chunks(
    load: Load, room_for: Callable[..., None], tmp_path: Path
) -> None:
    class StoppedError(Exception):
        pass

    def stop(encoder: SentenceEncoder) -> dict[str, Any]:
        raise StoppedError

    config = TrainConfig(batch_size=6, learning_rate=1e-3, dropout=0.3, num_epochs=2)
    room_for(4)
    whole, broken, resumed = load("cls"), load("cls"), load("cls")
    train_simcse(whole, SENTENCES[:12], config)
    kept = Checkpoint(tmp_path, {"run": 1}, seconds=0)
    with pytest.raises(StoppedError):
        train_simcse(broken, SENTENCES[:12], config, [18], stop, checkpoint=kept)
    room_for(99)
    kept = Checkpoint(tmp_path, {"run": 1}, seconds=0)
    train_simcse(resumed, SENTENCES[:12], config, checkpoint=kept)
    assert torch.equal(weights(whole), weights(resumed))
