"""The cells that a notebook is going to compute, known before it runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from types import MappingProxyType
from typing import Any, NamedTuple

from simcse_core.cells import Cell
from simcse_core.experiment import Experiment
from simcse_core.experiments import (
    encoder_cells,
    epoch_cells,
    sample_curve_cells,
    untrained_cells,
)
from simcse_core.sets.experiments import sets_cells
from simcse_core.uses.experiments import method_cells

# What a notebook calls, and what lists the cells of that call.
LISTED: dict[str, Callable[..., list[Cell]]] = {
    "untrained": untrained_cells,
    "sample_curves": sample_curve_cells,
    "train_epochs": epoch_cells,
    "compare_encoders": encoder_cells,
    "measure_methods": method_cells,
    "measure_sets": sets_cells,
}


class Planned(NamedTuple):
    """The cells that a notebook is known to compute.

    Attributes:
        notebook: its name.
        shared: what decides all of them beside their own parts.
    """

    notebook: str
    cells: Sequence[Cell] = ()
    shared: Mapping[str, object] = MappingProxyType({})

    def costs(self) -> dict[str, float]:
        """The cost of each cell by the name that it is kept under."""
        return {cell.kept_as(self.notebook): cell.cost for cell in self.cells}


NOTHING_PLANNED = Planned("")


def planned_cells(code: str, run: Experiment, parameters: Mapping[str, Any]) -> list[Cell]:
    """The cells of the calls in a notebook's code that are in :data:`LISTED`.

    A call whose arguments are more than parameters and literals, or not what it takes, is left out:
    nothing is run, and what is wrong with it is said when the notebook comes to it.
    """
    try:
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a line for IPython
        return []
    found: list[Cell] = []
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in LISTED:
            listing = LISTED[call.func.id]
            try:
                given = [_value(argument, parameters) for argument in call.args[1:]]
                named = {str(k.arg): _value(k.value, parameters) for k in call.keywords}
                signature(listing).bind(run, *given, **named)
            except (ValueError, TypeError):
                continue
            found += listing(run, *given, **named)
    return found


def _value(node: ast.expr, parameters: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name) and node.id in parameters:
        return parameters[node.id]
    return ast.literal_eval(node)
