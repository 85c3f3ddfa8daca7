"""How long a study takes on more or fewer machines: its queue of cells, worked through on paper.

    python -m tools.scale --source DIRECTORY            # the report's grid on that data
    python -m tools.scale --source DIRECTORY --page     # and into docs/scale.md

Nothing is trained: each cell takes what it costs (Plan.cost) at the speed of a processor that was
measured, or of a GPU that is assumed.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from simcse_core.cells import longest_first
from simcse_core.config import PROJECT_ROOT
from simcse_core.exit_code import exit_code
from simcse_core.plans import TRAINING_COST
from simcse_core.report.tables import to_markdown
from simcse_core.study.checks import chosen_steps
from simcse_core.study.profiles import plan_steps
from tools.pages import fill_part

PAGE = PROJECT_ROOT / "docs" / "scale.md"
REPORT = ("01_baselines", "02_small_sample", "03_large_data", "04_epochs", "05_summary")
# CPU-seconds of a notebook before its first cell, measured on the processor of docs/scale.md: 5.8
# for the imports of its own process, as many for those of a worker, 0.3 for reading CNSD.
START_SECONDS = 12.0
# Weights in the layers, the embeddings of words left out: what Plan.cost counts.
MINI_WEIGHTS = 2_469_000  # 3 x 256
BASE_WEIGHTS = 86_000_000  # 12 x 768
# One thread, batch 64, measured on the processor of docs/scale.md: encoding with the mini encoder
# takes 1.49 ms a sentence, and BERT-base's shape trains on 6.3 sentences a second.
MINI_ON_CPU = 1.49e-3 / MINI_WEIGHTS
BASE_ON_CPU = 1 / 6.3 / (TRAINING_COST * BASE_WEIGHTS)
# Assumed, not measured: a step of either encoder is bound by some thousand launches of kernels, 15
# ms for 3 layers and 50 ms for 12, and a batch has 64 and 16 sentences.
MINI_ON_GPU = 15e-3 / 64 / (TRAINING_COST * MINI_WEIGHTS)
BASE_ON_GPU = 50e-3 / 16 / (TRAINING_COST * BASE_WEIGHTS)


class Machine(NamedTuple):
    """Workers that are alike."""

    name: str
    workers: int
    on_gpu: bool


class Shape(NamedTuple):
    """An encoder's size, and the seconds of one unit of its cost."""

    name: str
    weights: int
    on_cpu: float
    on_gpu: float


MACHINES = (
    Machine("laptop, 1 core", 1, False),
    Machine("laptop, 4 cores", 4, False),
    Machine("1 GPU", 1, True),
    Machine("8 GPUs", 8, True),
    Machine("1,000 cores", 1000, False),
)
SHAPES = (
    Shape("mini, 3 x 256", MINI_WEIGHTS, MINI_ON_CPU, MINI_ON_GPU),
    Shape("BERT-base, 12 x 768", BASE_WEIGHTS, BASE_ON_CPU, BASE_ON_GPU),
)


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last of some cells ends that are handed out in order, each to whoever is free."""
    return max(ends(seconds, workers), default=0.0)


def ends(seconds: Sequence[float], workers: int) -> list[float]:
    """When each cell ends, as :func:`simcse_core.workers.run` hands them out.

    Args:
        seconds: of each cell, in the order in which they wait.
        workers: processes that compute a cell at a time each.
    """
    free = [0.0] * min(workers, len(seconds))
    found = []
    for own in seconds:
        found.append(heapq.heappop(free) + own)
        heapq.heappush(free, found[-1])
    return found


def study_seconds(
    costs: Mapping[str, Sequence[float]], workers: int, start: float
) -> dict[str, float]:
    """How long notebooks take that follow each other, and what it cannot be less than.

    Args:
        costs: seconds of the cells of each notebook.
        start: seconds before a notebook's first cell.

    Returns:
        ``all``, and three bounds: ``arithmetic``, all cells spread evenly over the workers;
        ``longest cell``, that of each notebook by itself; ``start-up``.
    """
    notebooks = [longest_first(own, own) for own in costs.values()]
    started = start * len(notebooks)
    return {
        "all": started + sum(makespan(own, workers) for own in notebooks),
        "arithmetic": sum(sum(own) for own in notebooks) / workers,
        "longest cell": sum(max(own, default=0.0) for own in notebooks),
        "start-up": started,
    }


def table(costs: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """A row for each shape and machine: how long, and what it is bound by.

    Args:
        costs: of the cells of each notebook with the mini encoder, as Plan.cost has them.
    """
    rows = []
    for shape in SHAPES:
        for machine in MACHINES:
            rate = shape.on_gpu if machine.on_gpu else shape.on_cpu
            scale = shape.weights / MINI_WEIGHTS * rate
            seconds = {name: [scale * cost for cost in own] for name, own in costs.items()}
            found = study_seconds(seconds, machine.workers, START_SECONDS)
            whole = found.pop("all")
            bound = max(found, key=found.__getitem__)
            told = {key: _told(value) for key, value in found.items()}
            estimated = "*" if machine.on_gpu else ""
            rows.append(
                {
                    "encoder": shape.name,
                    "machine": f"{machine.name}{estimated}",
                    "whole study": _told(whole),
                    **told,
                    "bound by": bound,
                }
            )
    return pd.DataFrame(rows).set_index("encoder")


def _told(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def grid_costs(profile: str, source: str, notebooks: Sequence[str]) -> dict[str, list[float]]:
    """The costs of the cells of some notebooks of a profile, on a source.

    Raises:
        StudyError: parameters that cannot be used, such as a pool too small for the grid.
    """
    given = {"source": source}
    steps = chosen_steps(plan_steps(profile, given), given, notebooks)
    return {step.path.stem: list(step.planned.costs().values()) for step in steps}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", default="mini", help="whose grid; mini, the report's")
    parser.add_argument("--source", default="sample", help="data that is read for its numbers")
    parser.add_argument("--page", nargs="?", type=Path, const=PAGE, help="the page to fill")
    options = parser.parse_args(arguments)
    return exit_code("scale", lambda: estimate(options), also=(ValueError,))


def estimate(options: argparse.Namespace) -> None:
    """Prints the table, and fills the page with it where one is asked for."""
    made = to_markdown(table(grid_costs(options.profile, options.source, REPORT)))
    if options.page:
        fill_part(options.page, "scale", made)
    print(made)


if __name__ == "__main__":
    sys.exit(main())
