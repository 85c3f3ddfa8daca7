"""bfloat16: where the hardware has it, what stays float32, and the trial behind "auto"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import SENTENCES
from torch import Tensor

import simcse_core.encoder
from simcse_core import SentenceEncoder, TrainConfig, packing, precision, train_simcse, training
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Precision
from simcse_core.objectives import OBJECTIVES
from simcse_core.precision import TRIAL_BATCHES, WORTH_A_TRIAL, faster_precision, has_bf16

CPU = torch.device("cpu")
FLOAT32, BFLOAT16 = Precision.FLOAT32, Precision.BFLOAT16


@pytest.mark.parametrize(
    ("instructions", "able"), [({"avx2": True}, False), ({"avx512_bf16": True}, True)]
)
def test_hardware_is_known_by_its_instructions(
    instructions: dict[str, bool], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    assert has_bf16(CPU) is able


def test_on_a_cpu_attention_is_float32_and_linear_layers_are_not(
    load: Callable[..., SentenceEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load("cls")
    products: list[torch.dtype] = []
    linear: list[torch.dtype] = []
    weigh = packing._weighted_values

    def weighted(query: Tensor, key: Tensor, value: Tensor, p: float) -> Tensor:
        products.append((query @ key.transpose(-1, -2)).dtype)
        return weigh(query, key, value, p)

    def note(_: torch.nn.Module, given: object, output: Tensor) -> None:
        linear.append(output.dtype)

    for layer in encoder.model.encoder.layer:
        layer.intermediate.dense.register_forward_hook(note)
    monkeypatch.setattr(packing, "_weighted_values", weighted)
    monkeypatch.setattr(simcse_core.encoder, "can_pack", lambda model: True)  # hooks look only
    encoder.precision = BFLOAT16
    encoder.embed(encoder.tokenize(SENTENCES[:6]))
    assert set(products) == {torch.float32}
    assert set(linear) == {torch.bfloat16}


class Trial:
    """A clock that goes on by what a step is said to take."""

    def __init__(self, float32: list[float], bfloat16: list[float]) -> None:
        self.seconds = {FLOAT32: float32, BFLOAT16: bfloat16}
        self.time = 0.0
        self.steps: list[tuple[Precision, int]] = []

    def step(self, of: Precision, batch: int) -> None:
        self.steps.append((of, batch))
        self.time += self.seconds[of][batch]

    def now(self) -> float:
        return self.time

    def chosen(self, n_batches: int = WORTH_A_TRIAL) -> Precision:
        return faster_precision(self.step, n_batches, self.now)


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"),
    [
        ([1, 3, 3, 3], [1, 2, 2, 2], BFLOAT16),
        ([1, 2, 2, 2], [1, 3, 3, 3], FLOAT32),
        ([1, 2, 2, 2], [1, 2, 2, 2], FLOAT32),  # a tie changes no bit
        ([1, 2, 2, 2.25], [1, 2, 2, 2], FLOAT32),  # 6.25 against 6: ahead by less than 5 %
        ([1, 2, 2, 2.5], [1, 2, 2, 2], BFLOAT16),  # 6.5 against 6
        ([9, 2, 2, 2], [1, 2, 2, 2], FLOAT32),  # the first batch warms up
        ([1, 3, 3, 3], [99, 2, 2, 2], BFLOAT16),
    ],
)
def test_bfloat16_is_taken_where_it_is_ahead(
    float32: list[float], bfloat16: list[float], chosen: Precision
) -> None:
    assert Trial(float32, bfloat16).chosen() is chosen


def test_both_are_tried_on_the_same_batches_and_a_short_run_is_not_tried() -> None:
    trial = Trial([1] * TRIAL_BATCHES, [1] * TRIAL_BATCHES)
    trial.chosen()
    assert trial.steps == [(p, i) for i in range(TRIAL_BATCHES) for p in (FLOAT32, BFLOAT16)]
    short = Trial([9] * 4, [1] * 4)
    assert short.chosen(WORTH_A_TRIAL - 1) is FLOAT32
    assert not short.steps


# --- in training -----------------------------------------------------------------------------

FEW = 20  # batches that are worth a trial here
EPOCHS = 2 * FEW // 5  # five batches an epoch
CONFIG = {"batch_size": 2, "learning_rate": 1e-3, "num_epochs": EPOCHS}


@pytest.fixture
def short_runs_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "WORTH_A_TRIAL", FEW)


def trained(
    load: Callable[..., SentenceEncoder], objective: str = "unsup-simcse", **settings: Any
) -> list[Tensor]:
    encoder = load("cls")
    config = TrainConfig(**{**CONFIG, **settings})
    training.train(encoder, OBJECTIVES[objective], SENTENCES[:10], config)
    return [weight.detach().clone() for weight in encoder.model.parameters()]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture
def faster(
    short_runs_are_tried: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Precision], None]:
    """Makes one precision the faster by ten seconds a step, on hardware that has both."""

    def make(which: Precision) -> None:
        embed = SentenceEncoder.embed
        time = [0.0]

        def embed_and_take_time(self: SentenceEncoder, rows: Any) -> Tensor:
            time[0] += 1 if self.precision is which else 11
            return embed(self, rows)

        monkeypatch.setattr(SentenceEncoder, "embed", embed_and_take_time)
        monkeypatch.setattr(training, "has_bf16", lambda device: True)
        monkeypatch.setattr(training, "clock", lambda device: lambda: time[0])

    return make


@pytest.mark.parametrize("objective", ["unsup-simcse", "esimcse"])
@pytest.mark.parametrize("which", [FLOAT32, BFLOAT16])
def test_auto_is_to_the_bit_the_faster_one(
    load: Callable[..., SentenceEncoder],
    faster: Callable[[Precision], None],
    which: Precision,
    objective: str,
) -> None:
    faster(which)
    expected = trained(load, objective, precision=which.value)
    assert same(trained(load, objective, precision="auto"), expected)
    other = BFLOAT16 if which is FLOAT32 else FLOAT32
    assert not same(expected, trained(load, objective, precision=other.value))


def test_auto_is_float32_without_the_hardware(
    load: Callable[..., SentenceEncoder],
    short_runs_are_tried: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "has_bf16", lambda device: False)
    monkeypatch.setattr(training, "faster_precision", lambda *_: pytest.fail("nothing to try"))
    assert same(trained(load, precision="auto"), trained(load))


def test_a_run_that_goes_on_keeps_the_precision_it_began_with(
    load: Callable[..., SentenceEncoder], faster: Callable[[Precision], None], tmp_path: Path
) -> None:
    faster(BFLOAT16)
    config = TrainConfig(**CONFIG, precision="auto")
    whole = load("cls")
    train_simcse(whole, SENTENCES[:10], config)

    class StoppedError(Exception):
        pass

    def stop(encoder: SentenceEncoder) -> dict[str, Any]:
        raise StoppedError

    broken = load("cls")
    checkpoint = Checkpoint(tmp_path, {"run": 1}, seconds=0)
    with pytest.raises(StoppedError):
        train_simcse(broken, SENTENCES[:10], config, [60], stop, checkpoint=checkpoint)
    faster(FLOAT32)  # a machine that is now busy with other things
    resumed = load("cls")
    train_simcse(
        resumed,
        SENTENCES[:10],
        config,
        checkpoint=Checkpoint(tmp_path, {"run": 1}, seconds=0),
    )
    assert resumed.precision is BFLOAT16
    assert same(list(resumed.model.parameters()), list(whole.model.parameters()))


def test_a_clock_of_one_thread_counts_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert precision.clock(CPU) is precision.time.process_time
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert precision.clock(CPU) is precision.time.perf_counter
