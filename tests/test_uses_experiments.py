"""The experiment on uses: opened, kept, told, and checked by a study before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from application_frames import write_source

from simcse_core.errors import StudyError
from simcse_core.parameters import ParameterError
from simcse_core.report.facts import use_facts
from simcse_core.sources import DataError
from simcse_core.study.checks import chosen_steps
from simcse_core.study.profiles import plan_steps
from simcse_core.uses import cells as use_cells
from simcse_core.uses.comparison import application_differences
from simcse_core.uses.experiments import (
    ApplicationExperiment,
    measure_methods,
    method_cells,
    of_use,
)

Open = Callable[..., ApplicationExperiment]
TRAINING = {"batch_size": 4, "learning_rate": 1e-3}


def open_in(folder: Path, bert_dir: Path, **changed: Any) -> ApplicationExperiment:
    """An experiment on small texts, with its results in ``out``."""
    given = {
        "application_source": str(write_source(folder / "texts")),
        "encoders": [str(bert_dir)],
        "pooling": "mean",
        "training": TRAINING,
        "n_train": 6,
        "examples": [1, 2],
        "labelled_examples": 3,
        "unknown_shares": [0.5],
        "seeds": [0, 1],
        "output_dir": str(folder / "out"),
        "language": "en",
    }
    return ApplicationExperiment.open_texts("07_applications", **{**given, **changed})


@pytest.fixture
def open_run(bert_dir: Path, tmp_path: Path) -> Open:
    return partial(open_in, tmp_path, bert_dir)


@pytest.fixture(scope="module")
def measured(
    bert_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ApplicationExperiment, pd.DataFrame]:
    """An experiment and its rows, which are kept in its folder."""
    run = open_in(tmp_path_factory.mktemp("measured"), bert_dir)
    return run, measure_methods(run)


def test_what_is_opened_is_told(open_run: Open, capsys: pytest.CaptureFixture[str]) -> None:
    open_run()
    said = capsys.readouterr().out
    assert "texts: 3 standard questions, 6 other wordings" in said
    assert "texts that are measured" in said
    assert "examples [1, 2]" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"examples": []}, "examples: a list of whole numbers from 1"),
        ({"examples": [0]}, "examples, item 1: a whole number from 1"),
        ({"labelled_examples": 2}, "labelled_examples: a whole number from 3"),
        ({"unknown_shares": [1.0]}, "unknown_shares, item 1: a number between 0 and 1"),
        ({"application_source": ""}, "application_source: sample or a folder"),
        ({"n_train": 1}, "n_train: a whole number from 2"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused_before_anything(
    open_run: Open, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{said}"):
        open_run(**changed)
    assert not (tmp_path / "out").exists()


def test_more_texts_than_can_be_drawn_are_refused(open_run: Open) -> None:
    with pytest.raises(DataError, match="n_train: distinct numbers from 2 to the 10 sentences"):
        open_run(n_train=11)


def test_every_method_is_measured_once_a_seed_and_kept(
    measured: tuple[ApplicationExperiment, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, rows = measured
    counted = rows.groupby(["method", "seed"]).size().unstack()
    assert counted.index.to_list() == ["tfidf-char", "unsup-simcse", "untrained", "whitening"]
    assert counted.nunique().max() == counted.T.nunique().max() == 1
    for name in ("of_text", "of_encoder", "trained"):
        monkeypatch.delattr(use_cells, name)
        monkeypatch.setattr(use_cells, name, never(name), raising=False)
    pd.testing.assert_frame_equal(measure_methods(run), rows)


def test_the_memory_of_training_bounds_how_many_uses_are_measured_at_once(open_run: Open) -> None:
    run = open_run()
    weights = 4 * run.plans[0].untrained.model.num_parameters()
    # Weights seven times; two layers of 32, 64 tokens, two views of a batch of 4, 68 bytes.
    taken = 7 * weights + 2 * 32 * 64 * 2 * 4 * 68
    found = {cell.name.split("-")[0]: cell.memory for cell in method_cells(run)}
    assert found == {"none": 0, "tiny": taken}


def never(name: str) -> Callable[..., pd.DataFrame]:
    def compute(*args: object) -> pd.DataFrame:
        raise AssertionError(f"{name} was computed again")

    compute.__module__ = "simcse_core.uses.cells"
    return compute


def test_tables_charts_and_prose_are_made_of_what_was_measured(
    measured: tuple[ApplicationExperiment, pd.DataFrame],
) -> None:
    run, rows = measured
    uses = {use: f"07_{use.replace('-', '_')}" for use in use_cells.USES}
    for use, name in uses.items():
        run.table(name, of_use(rows, use))
        run.chart(name)
        assert run.tell(f"use {name}").startswith("| encoder | pooling | method |")
        assert "In practice" in run.tell(f"practice {name}")
        assert (run.output_dir / f"{name}.png").is_file()
    run.table("07_effects", application_differences(rows), made_from=list(uses.values()))
    assert "| search |" in run.tell("use 07_effects")
    facts = use_facts(rows)
    assert f"rows: {len(rows)}" in facts
    assert "seeds: 0, 1" in facts
    assert facts[-1] == "no missing value: True"


def test_a_use_has_the_columns_that_say_something(
    measured: tuple[ApplicationExperiment, pd.DataFrame],
) -> None:
    _, rows = measured
    search = of_use(rows, "search")
    assert not {"examples", "unknown", "at"} & set(search)
    assert {"ci_low", "ci_high", "way"} <= set(search)
    assert {"unknown", "at", "examples"} <= set(of_use(rows, "out-of-scope"))


# --- in a study ------------------------------------------------------------------------------


def test_the_source_of_a_study_is_no_source_of_the_uses() -> None:
    """``make study SOURCE=...`` reaches notebooks 1 to 5; the uses keep their own texts."""
    steps = {step.path.stem: step.parameters for step in plan_steps("mini", {"source": "x"})}
    assert steps["02_small_sample"]["source"] == "x"
    assert "source" not in steps["07_applications"]
    assert steps["07_applications"]["application_source"] == "sample"


def test_a_source_may_be_named_for_the_uses_alone_as_it_says_whose_the_folder_is() -> None:
    overrides = {"source": "sample", "seeds": [0]}
    chosen = chosen_steps(plan_steps("quick", overrides), overrides, ["07_applications"])
    assert [step.path.stem for step in chosen] == ["07_applications"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"application_source": "no/such"}, "application_source: 'no/such' is neither"),
        ({"examples": [1, 14], "n_train": 10_000}, "n_train: distinct numbers from 2"),
        ({"examples": [15]}, "0 intents of at least 16 utterances"),
    ],
)
def test_what_the_uses_cannot_do_stops_a_study_before_it_starts(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=rf"07_applications\.ipynb: .*{said}"):
        chosen_steps(plan_steps("quick", changed), changed, ["07_applications"])
