"""The cells that a notebook is going to compute are known before it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simcse_core import experiments
from simcse_core.cells import Cell
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData
from simcse_core.experiment import Experiment
from simcse_core.plans import TRAINING_COST, Plan
from simcse_core.sets import experiments as set_experiments
from simcse_core.study.checks import chosen_steps
from simcse_core.study.notebooks import read_notebook
from simcse_core.study.planned import LISTED, planned_cells
from simcse_core.study.profiles import plan_steps
from simcse_core.uses import experiments as application_experiments

CALLS = {**vars(experiments), **vars(application_experiments), **vars(set_experiments)}


class Asked(Exception):  # noqa: N818
    """Holds what a notebook asks to have computed."""


@pytest.mark.parametrize(
    "notebook",
    [
        *("01_baselines", "02_small_sample", "03_large_data", "04_epochs"),
        *("05_summary", "07_applications", "09_elsewhere"),
    ],
)
def test_what_is_planned_is_what_the_notebook_asks_for(
    notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Experiment] = []
    listed = dict(LISTED)
    for name, listing in listed.items():

        def noted(run: Experiment, *given: Any, listing: Any = listing) -> list[Cell]:
            found.append(run)
            return listing(run, *given)

        monkeypatch.setitem(LISTED, name, noted)
    (step,) = chosen_steps(plan_steps("quick", {"pooling": ["cls"]}), {}, [notebook])
    costs = step.planned.costs()
    assert all(cost > 0 for name, cost in costs.items() if not re.search("-(text|none)", name))

    def refuse(run: Experiment, cells: Sequence[Cell]) -> None:
        raise Asked([cell.kept_as(run.name) for cell in cells])

    monkeypatch.setattr(Experiment, "compute", refuse)
    code = "\n".join(c.source for c in read_notebook(step.path) if c.cell_type == "code")
    call = re.search(rf"\b({'|'.join(listed)})\(run\b[^)]*\)", code)
    assert call
    with pytest.raises(Asked) as asked:
        eval(call.group(), {**CALLS, **step.parameters, "run": found[0]})
    assert list(costs) == asked.value.args[0]


def test_a_call_of_what_is_no_parameter_is_left_out_and_nothing_is_run(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    plan = Plan(str(bert_dir), Pooling.CLS, TrainConfig())
    run = Experiment("02", study_data, [plan], [0], tmp_path)

    def names(code: str) -> list[str]:
        return [cell.kept_as("02") for cell in planned_cells(code, run, {"sizes": [4, 6]})]

    known = names("a = sample_curves(run, sizes)")
    assert len(known) == 3
    assert names("sample_curves(run, [4, 6])") == known
    assert names("sample_curves(run, sizes=sizes)") == known
    assert names("sample_curves(run, [s for s in sizes])") == []
    assert names("sample_curves(run, other)") == []
    assert names("other(run, sizes)\n1 / 0") == []
    assert names("%matplotlib inline") == []


@pytest.mark.parametrize(
    "code",
    [
        *("sample_curves()", "sample_curves(run)", "sample_curves(run, sizes, 1, 2, 3)"),
        *("sample_curves(run, size=sizes)", "sample_curves(run, **{'sizes': [4]})"),
        *("sample_curves(run, *sizes)", "sample_curves(run, sizes, sizes=sizes)"),
        *("sample_curves(run, {[]: 1})", f"sample_curves(run, {'-' * 9000}1)", "a = '\0'"),
    ],
)
def test_a_call_that_is_wrong_is_left_for_its_notebook_to_tell(
    study_data: StudyData, bert_dir: Path, tmp_path: Path, code: str
) -> None:
    plan = Plan(str(bert_dir), Pooling.CLS, TrainConfig())
    run = Experiment("02", study_data, [plan], [0], tmp_path)
    assert planned_cells(code, run, {"sizes": [4, 6]}) == []


def test_a_cost_by_hand(bert_dir: Path) -> None:
    plan = Plan(str(bert_dir), Pooling.CLS, TrainConfig())
    model = plan.untrained.model
    in_layers = sum(weights.numel() for weights in model.parameters())
    in_layers -= model.embeddings.word_embeddings.weight.numel()
    assert plan.cost(encoded=10) == 10 * in_layers
    assert plan.cost(10, trained=5) == pytest.approx((10 + 5 * TRAINING_COST) * in_layers)
