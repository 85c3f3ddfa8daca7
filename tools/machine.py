"""The machine that a number was measured on."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from simcse_core.precision import has_bf16

_BF16 = ("avx512_bf16", "amx_bf16")


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What a measured time depends on, by names that people read."""
    able = torch.cpu.get_capabilities()
    gpu = {"gpu": torch.cuda.get_device_name()} if device.type == "cuda" else {}
    return {
        "processor": able.get("cpu_name") or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16 in hardware": has_bf16(device),
        "bfloat16 instructions": [name for name in _BF16 if able.get(name)],
        **gpu,
    }
