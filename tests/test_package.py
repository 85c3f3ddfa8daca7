"""The package's own names, which are imported when they are first asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import simcse_core


@pytest.mark.parametrize("name", simcse_core.__all__)
def test_every_public_name_is_there_and_listed(name: str) -> None:
    assert name in dir(simcse_core)
    assert getattr(simcse_core, name).__name__ == name


def test_a_name_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="'simcse_core' has no attribute 'SentenseEncoder'"):
        simcse_core.SentenseEncoder  # noqa: B018


def test_importing_the_package_loads_no_torch_until_a_name_asks_for_it() -> None:
    code = (
        "import sys, simcse_core, simcse_core.report.pages\n"
        "assert 'torch' not in sys.modules\n"
        "from simcse_core import *\n"
        "assert 'torch' in sys.modules and train_simcse and Pooling\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
