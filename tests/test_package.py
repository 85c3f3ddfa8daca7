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


def test_what_is_not_asked_for_is_not_loaded() -> None:
    """No torch by the package itself, and in a notebook nothing that runs or checks notebooks."""
    code = (
        "import sys, simcse_core, simcse_core.report.pages\n"
        "assert 'torch' not in sys.modules\n"
        "from simcse_core import *\n"
        "assert 'torch' in sys.modules and train_simcse and Pooling\n"
        "import simcse_core.experiments, simcse_core.comparison, simcse_core.explorer.widgets\n"
        "import simcse_core.your_sentences, simcse_core.uses.experiments\n"
        "names = 'nbformat', 'jsonschema', 'fastjsonschema', 'papermill', 'nbconvert', 'datasets'\n"
        "assert not [name for name in names if name in sys.modules]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
