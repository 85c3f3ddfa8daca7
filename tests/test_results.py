"""Tidy rows, stamps, and what is kept and read back: nothing unchecked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from stored_results import stored

from simcse_core import results
from simcse_core.files import sha256, write_sealed
from simcse_core.results import (
    COLUMNS,
    changes,
    code_fingerprint,
    differing,
    import_closure,
    keep,
    kept_like,
    names_here,
    read_table,
    stamp,
    tidy,
    write_table,
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


KEPT = {"stamp": {"seed": 0}, "rows": [{"value": 0.5}]}
DAMAGED = {
    "empty": "",
    "half": "{",
    "a list": "[]",
    "no checksum": json.dumps(KEPT),
    "stamp a number": {"stamp": 3, "rows": []},
    "stamp a list": {"stamp": [["seed", 0]], "rows": [{"value": 0.5}]},
    "no stamp": {"rows": [{"value": 0.5}]},
    "rows gone": {"stamp": {"seed": 0}},
    "rows a text": {"stamp": {"seed": 0}, "rows": "0.5"},
    "rows of text": {"stamp": {"seed": 0}, "rows": [{"value": "high"}]},
    "nested deeply": "[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_cells_of_other_notebooks_are_passed_over(tmp_path: Path, content: str) -> None:
    keep(tmp_path, "02-x", {"seed": 0}, pd.DataFrame([{"value": 0.5}]))
    path, damaged = tmp_path / "cells" / "01-x.json", DAMAGED[content]
    if isinstance(damaged, str):
        path.write_text(damaged)
    else:
        write_sealed(path, damaged)
    found = [rows["value"].tolist() for rows, made_by in kept_like(tmp_path, "x") if made_by]
    assert [0.5] in found


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_cell_is_set_aside_and_computed_afresh_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path, damaged = tmp_path / "cells" / "cell.json", DAMAGED[content]
    if isinstance(damaged, str):
        path.parent.mkdir()
        path.write_text(damaged)
    else:
        write_sealed(path, damaged)  # whose checksum holds
    before = path.read_bytes()
    compute = Counted([0.7])
    for _ in range(2):
        assert stored(tmp_path, "cell", {"seed": 0}, compute)["value"].tolist() == [0.7]
    assert compute.calls == 1
    said = capsys.readouterr().out
    assert f"{path}: damaged (" in said
    assert said.count("\n") == 1
    assert path.with_name("cell.json.damaged-1").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"), [("0.5", "0.6"), ('"seed": 0', '"seed": 0, "x": 1'), ('"dev"', '"test"')]
)
def test_a_cell_that_was_edited_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    compute = Counted([0.5])
    stored(tmp_path, "cell", {"seed": 0}, compute)
    path = tmp_path / "cells" / "cell.json"
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    assert stored(tmp_path, "cell", {"seed": 0}, compute)["value"].tolist() == [0.5]
    assert compute.calls == 2
    assert "not what its checksum was made of" in capsys.readouterr().out


def test_a_cell_that_cannot_be_read_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cells" / "cell.json").mkdir(parents=True)  # whatever is in its place
    assert stored(tmp_path, "cell", {}, Counted([0.5]))["value"].tolist() == [0.5]
    assert "cell.json: damaged" in capsys.readouterr().out


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


@pytest.mark.parametrize("digit", ["value\n0.9\n", "", "value\n", "value\n0.5\n0.5\n"])
def test_a_table_that_was_changed_by_hand_is_refused(tmp_path: Path, digit: str) -> None:
    path = write_table(tmp_path, "table", frame([0.5]), {})
    path.write_text(digit, encoding="utf-8")
    with pytest.raises(ValueError, match=r"table\.csv was changed after it was written"):
        read_table(tmp_path, "table")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"seeds": [\n  0', '"seeds": [\n  1'), ("{", "["), ("table.csv", "other.csv")],
)
def test_a_stamp_that_was_changed_by_hand_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = write_table(tmp_path, "table", frame([0.5]), {"seeds": [0, 1]}).with_suffix(".json")
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=r"table\.json was changed"):
        read_table(tmp_path, "table")


def test_a_table_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path, "05_claims", frame([0.5]), {})
    for ending in (".csv", ".json"):
        path.with_suffix(ending).rename(tmp_path / f"05_before_after{ending}")
    with pytest.raises(ValueError, match=r"before_after\.csv has the stamp of another table, 05_c"):
        read_table(tmp_path, "05_before_after")


@pytest.mark.parametrize("name", ["2024", "none", "nan", "NA", "007", "1e5", "True", " x "])
def test_a_name_that_looks_like_something_else_stays_a_name(tmp_path: Path, name: str) -> None:
    write_table(tmp_path, "table", frame([0.5]).assign(encoder=name, dataset=name), {})
    table, _ = read_table(tmp_path, "table")
    assert (table["encoder"].item(), table["dataset"].item()) == (name, name)


def test_a_table_stands_beside_what_it_was_made_from(tmp_path: Path) -> None:
    path = write_table(tmp_path, "table", frame([1.0]), {"seeds": [0, 1]})
    beside = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert (path, beside["table"], beside["seeds"]) == (tmp_path / "table.csv", "table.csv", [0, 1])
    assert beside["sha256"] == sha256(path.read_text(encoding="utf-8"))


# --- fingerprints ----------------------------------------------------------------------------


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


# --- whether a table is this run's -----------------------------------------------------------


def encoder(name: str = "bert", **changed: Any) -> dict[str, Any]:
    own = {"encoder": name, "fingerprint": "aa11", "pooling": "cls", "max_seq_length": 64}
    return {**own, "train": {"seed": 0, "learning_rate": 1e-5}, **changed}


MINE = {
    "experiment": "02_small",
    "data": "d1",
    "code": "c1",
    "threads": 1,
    "versions": {"torch": "2.13.0"},
    "plans": [encoder(), encoder("wwm", fingerprint="bb22")],
}
THEIRS = MINE | {
    "plans": [encoder()],
    "seeds": [0, 1],
    "parameters": {"sizes": [50, 100]},
    "settings": {"pooling": "cls"},
    "extra_sentences": [],
}
OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "another notebook": ({"experiment": "03_large"}, "another notebook: '03_large'"),
    "data": ({"data": "d2"}, "other data: 'd2' instead of 'd1'"),
    "no data": ({"data": None}, "other data"),
    "code": ({"code": "c2"}, "other code"),
    "threads": ({"threads": 2}, "another number of threads: 2 instead of 1"),
    "versions": ({"versions": {"torch": "2.12.0"}}, "other versions: {'torch': '2.12.0'} instead"),
    "an encoder": (
        {"plans": [encoder("x", fingerprint="ff")]},
        "another encoder: x instead of bert, wwm",
    ),
    "the weights behind a name": (
        {"plans": [encoder(fingerprint="ff")]},
        "bert of fingerprint 'ff' instead of 'aa11'",
    ),
    "one of two encoders": (
        {"plans": [encoder(), encoder("x", fingerprint="ff")]},
        "another encoder: x",
    ),
    "training": (
        {"plans": [encoder(train={"seed": 0, "learning_rate": 3e-5})]},
        "bert of train {'seed': 0, 'learning_rate': 3e-05} instead",
    ),
    "a length": ({"plans": [encoder(max_seq_length=32)]}, "max_seq_length 32"),
    "a pooling": (
        {"plans": [encoder(), encoder(pooling="mean", fingerprint="cc33")]},
        "bert of pooling 'mean' instead of cls",
    ),
    "other seeds": ({"seeds": [5, 6]}, "seeds [5, 6] instead of [0, 1]"),
    "some other seeds": ({"seeds": [1, 2]}, "seeds [1, 2] instead of [0, 1]"),
    "a seed of neither": ({"seeds": [7]}, "seeds [7] instead of [0, 1]"),
}


def test_a_table_of_this_run_differs_in_nothing() -> None:
    assert differing(THEIRS, MINE, [0, 1], {}) == ""


@pytest.mark.parametrize("other", OTHERS)
def test_a_table_of_another_run_is_told_by_what_differs(other: str) -> None:
    changed, said = OTHERS[other]
    assert said in differing(THEIRS | changed, MINE, [0, 1], {})


@pytest.mark.parametrize(("theirs", "mine"), [([0, 1, 2], [0, 1]), ([0], [0, 1]), ([1], [1])])
def test_without_a_plan_one_notebook_may_have_more_of_the_seeds(
    theirs: list[int], mine: list[int]
) -> None:
    assert differing(THEIRS | {"seeds": theirs}, MINE, mine, {}) == ""


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ({"seeds": [0, 1]}, ""),
        ({"seeds": [0, 1], "sizes": [50, 100], "pooling": "cls", "source": "x"}, ""),
        ({"seeds": [0]}, "seeds [0, 1] instead of [0]"),
        ({"seeds": [0, 1, 2]}, "seeds [0, 1] instead of [0, 1, 2]"),
        ({"sizes": [50]}, "sizes [50, 100] instead of [50]"),
        ({"pooling": ""}, "pooling 'cls' instead of ''"),
        ({"extra_sentences": ["a.txt"]}, "extra_sentences [] instead of ['a.txt']"),
    ],
)
def test_within_a_study_a_table_is_held_against_the_studys_own_plan(
    planned: dict[str, Any], said: str
) -> None:
    assert differing(THEIRS, MINE, [0, 1], planned) == said


def test_encoders_are_called_here_what_this_run_calls_them() -> None:
    mine = [encoder("bert#aa11"), encoder("wwm", fingerprint="bb22")]
    assert names_here([encoder()], mine) == {"bert": "bert#aa11"}
    assert differing(THEIRS, MINE | {"plans": mine}, [0, 1], {}) == ""


def test_changes_name_every_part_that_differs() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 3, "c": None}) == ["a", "b"]
