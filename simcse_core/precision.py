"""Whether bfloat16 is worth taking: what the hardware has, and a trial of both precisions."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from simcse_core.config import Precision

# A trial takes its first batch to warm up, and then a few, since new shapes are what costs.
TRIAL_BATCHES = 4
# Below so many steps, float32 is taken untried: the trial would cost more than it could save.
WORTH_A_TRIAL = 25 * TRIAL_BATCHES
# By how much bfloat16 must be ahead; two trials of one thing differ by a few per cent.
AHEAD_BY = 1.05


def has_bf16(device: torch.device) -> bool:
    """Whether a GPU or CPU multiplies bfloat16 in hardware; without, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def takes_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether a forward in a precision is one in bfloat16 there; "auto" is where it is had."""
    return precision is Precision.BFLOAT16 or (precision is Precision.AUTO and has_bf16(device))


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds of this process's own work: CPU time on one thread, which others do not stretch."""
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return time.process_time
    if device.type != "cuda":
        return time.perf_counter

    def synchronized() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return synchronized


def faster_precision(
    step: Callable[[Precision, int], None], n_batches: int, now: Callable[[], float]
) -> Precision:
    """The precision to train in, from a trial of both on the first batches.

    Args:
        step: forward and backward of a batch, by its number, in a precision.
        n_batches: of the whole run; fewer than :data:`WORTH_A_TRIAL` are not tried.
        now: a clock, in seconds.

    Returns:
        ``bfloat16`` if float32 took over :data:`AHEAD_BY` times as long, else ``float32``.
    """
    if n_batches < WORTH_A_TRIAL:
        return Precision.FLOAT32
    took = dict.fromkeys((Precision.FLOAT32, Precision.BFLOAT16), 0.0)
    for batch in range(TRIAL_BATCHES):
        for precision in took:
            started = now()
            step(precision, batch)
            if batch > 0:
                took[precision] += now() - started
    ahead = took[Precision.FLOAT32] > AHEAD_BY * took[Precision.BFLOAT16]
    return Precision.BFLOAT16 if ahead else Precision.FLOAT32
