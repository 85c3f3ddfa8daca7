"""A pytest plugin: notebooks that are validated side by side write to a folder of each process.

``SIMCSE_RUNS`` names the folder that has them all; without pytest-xdist, nothing is changed.
"""

from __future__ import annotations

import os
from pathlib import Path

from simcse_core.folders import RUNS_VARIABLE


def pytest_configure() -> None:
    """Notebooks take the folder from the environment of the process that starts their kernel."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[RUNS_VARIABLE] = str(Path(os.environ[RUNS_VARIABLE]) / worker)
