from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from simcse_core import results
from simcse_core.results import (
    COLUMNS,
    FolderInUseError,
    code_fingerprint,
    import_closure,
    only_run,
    output_directory,
    read_table,
    sha256,
    stamp,
    stored,
    tidy,
    write_bytes,
    write_json,
    write_table,
    write_text,
)

# Floats whose shortest decimal form needs all 17 digits, and the smallest and largest there are.
AWKWARD = [0.1 + 0.2, 1 / 3, 2 / 3, math.pi, -1e-17, 5e-324, 1.7976931348623157e308, 0.0]


def frame(values: list[float]) -> pd.DataFrame:
    names = {"experiment": "e", "encoder": "none", "method": "m", "kind": "k", "pooling": "cls"}
    where = {"dataset": "data", "split": "dev", "metric": "spearman"}
    numbers = {"epoch": 0.5, "seed": 0, "ci_low": 0.1, "ci_high": 0.2}
    table = pd.DataFrame({"value": values, "n_train": range(len(values))})
    return tidy(table, **names, **where, **numbers)


class Counted:
    """A computation that counts how often it is made."""

    def __init__(self, values: list[float]) -> None:
        self.values, self.calls = values, 0

    def __call__(self) -> pd.DataFrame:
        self.calls += 1
        return frame(self.values)


# --- tidy ------------------------------------------------------------------------------------


def test_tidy_has_the_columns_of_the_design_in_order() -> None:
    table = tidy(pd.DataFrame({"value": [1.0], "other": [2]}), seed=3)
    labels = ["experiment", "encoder", "method", "kind", "pooling", "n_train", "epoch", "seed"]
    numbers = ["dataset", "split", "metric", "value", "ci_low", "ci_high"]
    assert list(table) == [*labels, *numbers, "missing", "cosines"]
    assert (table.loc[0, "value"], table.loc[0, "seed"]) == (1.0, 3)
    assert pd.isna(table.loc[0, "encoder"])


# --- stored ----------------------------------------------------------------------------------


def test_a_kept_result_is_not_computed_again(tmp_path: Path) -> None:
    compute = Counted([0.5])
    stored(tmp_path, "cell", {"seed": 0}, compute)
    again = stored(tmp_path, "cell", {"seed": 0}, compute)
    assert compute.calls == 1
    assert again["value"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1, "train": {"lr": 1.0}}, "seed"),
        ({"seed": 0, "train": {"lr": 2.0}}, "train"),
        ({"seed": 0}, "train"),
        ({"seed": 0, "train": {"lr": 1.0}, "threads": 2}, "threads"),
        ({"seed": 1}, "seed, train"),
    ],
)
def test_another_stamp_computes_afresh_and_says_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], named: str
) -> None:
    compute = Counted([0.5])
    stored(tmp_path, "cell", {"seed": 0, "train": {"lr": 1.0}}, compute)
    assert not capsys.readouterr().out
    stored(tmp_path, "cell", changed, compute)
    assert compute.calls == 2
    assert f"cell: computed afresh, because {named} changed" in capsys.readouterr().out
    stored(tmp_path, "cell", changed, compute)
    assert compute.calls == 2


def test_results_of_two_names_are_kept_apart(tmp_path: Path) -> None:
    stored(tmp_path, "one", {}, Counted([1.0]))
    stored(tmp_path, "two", {}, Counted([2.0]))
    assert stored(tmp_path, "one", {}, Counted([3.0]))["value"].tolist() == [1.0]


def test_a_kept_result_equals_the_computed_one_to_the_last_bit(tmp_path: Path) -> None:
    values = [*AWKWARD, math.nan]
    first = stored(tmp_path, "cell", {}, Counted(values))
    second = stored(tmp_path, "cell", {}, Counted(values))
    assert second["value"].to_numpy().tobytes() == np.array(values).tobytes()
    assert_frame_equal(second, first, check_exact=True)


def test_a_kept_result_without_any_value_in_a_column_keeps_its_type(tmp_path: Path) -> None:
    first = stored(tmp_path, "cell", {}, Counted([math.nan, math.nan]))
    second = stored(tmp_path, "cell", {}, Counted([math.nan, math.nan]))
    assert_frame_equal(second, first)


def test_a_computation_that_fails_keeps_nothing(tmp_path: Path) -> None:
    def fail() -> pd.DataFrame:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path, "cell", {}, fail)
    compute = Counted([1.0])
    stored(tmp_path, "cell", {}, compute)
    assert compute.calls == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"rows": []}', '{"stamp": 3}'])
def test_a_damaged_cell_is_computed_afresh_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "cell.json").write_text(content)
    compute = Counted([0.5])
    for _ in range(2):
        assert stored(tmp_path, "cell", {"seed": 0}, compute)["value"].tolist() == [0.5]
    assert compute.calls == 1
    assert "damaged" in capsys.readouterr().out


# --- one run in a folder ---------------------------------------------------------------------

FORK = multiprocessing.get_context("fork")  # another process without importing torch again


def hold(folder: Path, ready: Any) -> None:
    with only_run(folder):
        ready.set()
        signal.pause()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[multiprocessing.Process]:
    """Another process that holds ``tmp_path`` until it is killed."""
    ready = FORK.Event()
    holder = FORK.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    yield holder
    holder.kill()
    holder.join()


def test_a_folder_in_use_is_refused_at_once_by_its_name_and_its_holders(
    tmp_path: Path, held: multiprocessing.Process
) -> None:
    compute = Counted([0.5])
    with pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by process {held.pid} on"):
        stored(tmp_path, "cell", {}, compute)
    assert compute.calls == 0


def test_what_is_kept_in_a_folder_in_use_can_be_read(
    tmp_path: Path, held: multiprocessing.Process
) -> None:
    assert held.is_alive()
    write_json(tmp_path / "cells" / "cell.json", {"stamp": {}, "rows": [{"value": 0.5}]})
    assert stored(tmp_path, "cell", {}, Counted([1.0]))["value"].tolist() == [0.5]


def test_a_killed_process_holds_nothing(tmp_path: Path, held: multiprocessing.Process) -> None:
    held.kill()
    held.join()
    assert stored(tmp_path, "cell", {}, Counted([0.5]))["value"].tolist() == [0.5]


def test_a_study_lets_its_own_notebooks_in(tmp_path: Path) -> None:
    with only_run(tmp_path):  # a kernel inherits the environment
        kernel = FORK.Process(target=stored, args=(tmp_path, "cell", {}, Counted([0.5])))
        kernel.start()
        kernel.join()
    assert kernel.exitcode == 0
    assert (tmp_path / "cells" / "cell.json").is_file()


def test_a_folder_is_free_after_a_run_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_run(tmp_path):
        _ = 1 / 0
    assert "SIMCSE_HELD_FOLDER" not in os.environ
    with only_run(tmp_path):
        pass


# --- whole or not at all ---------------------------------------------------------------------

WRITERS: dict[str, Callable[[Path], object]] = {
    "new.bin": lambda folder: write_bytes(folder / "new.bin", b"new"),
    "new.txt": lambda folder: write_text(folder / "new.txt", "新"),
    "new.json": lambda folder: write_json(folder / "new.json", {"new": 1}),
    "new.csv": lambda folder: write_table(folder, "new", frame([1.0]), {}),
}


def fail_to_write(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(os, step, fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"old"}


@pytest.mark.parametrize("name", WRITERS)
def test_a_first_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "replace", fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](tmp_path / "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_a_file_is_flushed_to_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    for step in ("fsync", "replace"):
        real = getattr(os, step)
        monkeypatch.setattr(
            os, step, lambda *args, real=real, step=step: steps.append(step) or real(*args)
        )
    write_text(tmp_path / "new.txt", "新")
    assert steps == ["fsync", "replace"]
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == "新"


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "new.txt", "新")
    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o644


def test_json_that_no_other_reader_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "new.json", {"x": math.nan})
    assert not list(tmp_path.iterdir())


# --- tables ----------------------------------------------------------------------------------


def test_a_table_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    values = [*AWKWARD[:4], math.nan, *np.random.default_rng(0).uniform(-1, 1, 200)]
    write_table(tmp_path, "table", frame(values), {})
    table, _ = read_table(tmp_path, "table")
    assert table["value"].to_numpy().tobytes() == np.array(values).tobytes()
    assert list(table) == COLUMNS[:-1]  # cosines are kept, but are no part of a table
    assert set(table["encoder"]) == {"none"}  # a name, not a missing value


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"table\.json"):
        read_table(tmp_path, "table")


@pytest.mark.parametrize("digit", ["value\n0.9\n", "", "value\n"])
def test_a_table_that_was_changed_by_hand_is_refused(tmp_path: Path, digit: str) -> None:
    path = write_table(tmp_path, "table", frame([0.5]), {})
    path.write_text(digit, encoding="utf-8")
    with pytest.raises(ValueError, match=r"table\.csv was changed after it was written"):
        read_table(tmp_path, "table")


def test_a_table_stands_beside_what_it_was_made_from(tmp_path: Path) -> None:
    path = write_table(tmp_path, "table", frame([1.0]), {"seeds": [0, 1]})
    beside = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert (path, beside["table"], beside["seeds"]) == (tmp_path / "table.csv", "table.csv", [0, 1])
    assert beside["sha256"] == sha256(path.read_text(encoding="utf-8"))


# --- folders and fingerprints ----------------------------------------------------------------


def test_an_output_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert output_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_an_empty_output_folder_means_runs_quick_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "PROJECT_ROOT", tmp_path)
    assert output_directory("") == tmp_path / "runs" / "quick"


def test_a_read_only_output_folder_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(OSError, match=f"output_dir: {tmp_path} is read-only"):
        output_directory(tmp_path)


def test_a_stamp_is_what_json_gives_back() -> None:
    made_by = stamp(["simcse_core.loss"], points=(1, 2), train={"lr": 0.1})
    assert made_by["points"] == [1, 2]
    assert json.loads(json.dumps(made_by)) == made_by
    assert {"torch", "transformers", "numpy"} <= set(made_by["versions"])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the place of simcse_core: cell imports loss, which imports a subpackage."""
    root = tmp_path / "simcse_core"
    (root / "inner").mkdir(parents=True)
    (root / "cell.py").write_text("import numpy\nfrom simcse_core.loss import nce\n")
    (root / "loss.py").write_text("from simcse_core.inner import part\nimport simcse_core.config\n")
    for name in ("config", "plotting", "inner/__init__", "inner/part", "inner/other"):
        (root / f"{name}.py").write_text("# as it was\n")
    monkeypatch.setattr(results, "PACKAGE", root)
    return root


def fresh_fingerprint(*modules: str) -> str:
    return code_fingerprint.__wrapped__(*modules)


def test_the_code_fingerprint_is_stable_and_short(package: Path) -> None:
    assert fresh_fingerprint("simcse_core.cell") == fresh_fingerprint("simcse_core.cell")
    assert len(fresh_fingerprint("simcse_core.cell")) == 12


@pytest.mark.parametrize(
    ("module", "moves"),
    [
        *((name, True) for name in ("cell", "loss", "config", "inner/__init__", "inner/part")),
        *((name, False) for name in ("plotting", "inner/other")),
    ],
)
def test_the_code_fingerprint_moves_with_what_is_imported_on_the_way_alone(
    package: Path, module: str, moves: bool
) -> None:
    before = fresh_fingerprint("simcse_core.cell")
    (package / f"{module}.py").write_text("# changed\n")
    if module in ("cell", "loss"):  # still importing what they did
        text = {"cell": "from simcse_core.loss import x\n# changed\n", "loss": "# changed\n"}
        (package / f"{module}.py").write_text(text[module])
    assert (fresh_fingerprint("simcse_core.cell") != before) is moves


def test_a_baseline_is_no_part_of_what_is_trained_and_nothing_that_draws_is_of_either() -> None:
    trained = import_closure(["simcse_core.trained_cells"])
    fitted = import_closure(["simcse_core.fitted_cells"])
    assert "simcse_core.baselines" in fitted - trained
    assert {
        "simcse_core.objectives",
        "simcse_core.training",
        "simcse_core.loss",
    } <= trained - fitted
    assert {"simcse_core.data", "simcse_core.encoder", "simcse_core.statistics"} <= trained & fitted
    told = {name for name in trained | fitted if "report" in name or name.endswith("study")}
    assert not told
