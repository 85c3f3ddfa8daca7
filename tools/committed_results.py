"""Makes the results under figures/ again: ``python -m tools.committed_results DATA [FOLDER ...]``.

The table of what is run is ``committed_results.yaml``. A run that was broken off goes on with the
same command, and what is finished is not done again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from simcse_core.config import PROJECT_ROOT
from simcse_core.exit_code import GOES_ON, exit_code
from simcse_core.study.run import run_study
from simcse_core.yaml_values import parse_yaml

TABLE = Path(__file__).with_suffix(".yaml")
DATA = "DATA"  # in the table, for the folder of data sets


@dataclass(frozen=True)
class Run:
    """One call of the study.

    Attributes:
        folder: of its results, from the project's root.
        only: the notebooks that it runs; all of them if empty.
        parameters: over the profile's, for every notebook that has them.
    """

    folder: str
    profile: str
    only: Sequence[str]
    parameters: Mapping[str, Any]


def committed_runs(data: str) -> list[Run]:
    """Every run of the table, in order, on the data sets in a folder."""
    table = parse_yaml(TABLE.read_text(encoding="utf-8"), TABLE.name)
    return [
        Run(folder, row["profile"], row.get("only", []), _placed(row.get("parameters", {}), data))
        for folder, rows in table.items()
        for row in rows
    ]


def _placed(value: Any, data: str) -> Any:
    """The value with paths of the table below the folder of data sets."""
    if isinstance(value, dict):
        return {key: _placed(part, data) for key, part in value.items()}
    if isinstance(value, list):
        return [_placed(part, data) for part in value]
    within = isinstance(value, str) and value.startswith(f"{DATA}/")
    return f"{data}{value.removeprefix(DATA)}" if within else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.committed_results", description=__doc__)
    parser.add_argument("data", metavar=DATA, help="folder of data sets, see CONTRIBUTING.md")
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help="such as figures/mini")
    parser.add_argument("--out", default=str(PROJECT_ROOT), help="in the place of the project")
    parser.add_argument("--workers", type=int, help="processes; as many as cores by default")
    options = parser.parse_args(arguments)
    runs = committed_runs(options.data)
    folders = [folder.rstrip("/") for folder in options.folders]
    there = list(dict.fromkeys(run.folder for run in runs))
    if unknown := [folder for folder in folders if folder not in there]:
        parser.error(f"{unknown[0]}: is no folder of results; there are {', '.join(there)}")
    for run in runs:
        if not folders or run.folder in folders:
            make = partial(
                run_study,
                run.profile,
                run.parameters,
                Path(options.out) / run.folder,
                run.only,
                workers=options.workers,
            )
            if code := exit_code(run.folder, make, GOES_ON):
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
