"""A pytest plugin for notebooks that are validated side by side.

They write to a folder of each process, below the one that ``SIMCSE_RUNS`` names, and each process
forks its kernels from one that has imported what they need. Without pytest-xdist, nothing is
changed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from simcse_core.folders import RUNS_VARIABLE
from simcse_core.study.kernels import warm_kernels

_until_the_end = ExitStack()


def pytest_configure() -> None:
    """Notebooks take the folder from the environment of the process that starts their kernel."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[RUNS_VARIABLE] = str(Path(os.environ[RUNS_VARIABLE]) / worker)
        _until_the_end.enter_context(warm_kernels())


def pytest_unconfigure() -> None:
    """Ends what kernels were forked from."""
    _until_the_end.close()
