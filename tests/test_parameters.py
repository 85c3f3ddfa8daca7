"""What every parameter has to be, on the command line, in a profile and in a notebook."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import papermill
import pytest
from notebooks_for_tests import save_notebook
from papermill.exceptions import PapermillExecutionError

from simcse_core.config import HubData, TrainConfig
from simcse_core.parameters import (
    PARAMETERS,
    ParameterError,
    check_notebook,
    checked,
)
from simcse_core.study.notebooks import defaults, notebook_paths

TAKEN: dict[str, list[Any]] = {
    "source": ["sample", "hub", "/data/a b", "数据"],
    "sources": [[], ["/data/a b", "sample"]],
    "recipes": [["unsup-simcse"], ["unsup-simcse", "simcse-mixed"]],
    "max_pairs": [0, 10, 5000],
    "n_unlabelled": [20, 200],
    "fixed_on": [[], ["CNSD STS-B", "bank"]],
    "recipe_encoders": [[], ["mini-bert", "./mine"]],
    "extra_sentences": [[], ["more.txt", "other.txt"]],
    "hub": [{}, {"sts": "a/b", "nli": None, "sentences": ["c/d"]}],
    "encoder": ["mini-bert", "./mini-bert", "owner/name@revision"],
    "encoders": [["mini-bert"], ("a", "b")],
    "ready_made": [
        *([], ["e5-small-zh"], ["owner/name", {"encoder": "./it"}]),
        [
            {"encoder": "a/b@c", "pooling": "mean", "prefix": "query: "},
            {"encoder": "c", "prefix": ""},
        ],
    ],
    "pooling": [["cls", "best"], ["best"], ("mean",), ["first-last-mean", "cls", "pooler"]],
    "training": [{}, {"learning_rate": 3e-5, "batch_size": 8}, {"precision": "auto"}],
    "max_seq_length": [0, 3, 512],
    "sizes": [[50], [800, 50], (2, 3)],
    "table_sizes": [[50, 200]],
    "text_column": ["", "text", "1"],
    "pair_columns": [[], ["a", "b"]],
    "label_column": ["", "label"],
    "max_sentences": [2, 400],
    "n_train": [2, 10_000, np.int64(3)],
    "num_epochs": [1, 20],
    "checkpoints": [[50], (2, 800), range(50, 250, 50)],
    "typed": [["", "", ""], ("一", "二", "三")],
    "whitening_sentences": [2, 1000],
    "objectives": [["unsup-simcse"], ["unsup-simcse", "esimcse"]],
    "application_source": ["sample", "/data/a b", "数据"],
    "examples": [[1], [10, 1, 3]],
    "labelled_examples": [3, 10],
    "unknown_shares": [[], [0.25], [0.75, 0.5]],
    "seeds": [[0], [3, 1], [2**32 - 1], range(3)],
    "output_dir": ["", "~/out"],
    "language": ["en", "zh"],
}
REFUSED: dict[str, list[Any]] = {
    "source": ["", " ", None, 5, [], "a\0b", "x\udc80"],
    "sources": ["sample", [5], ["a", "a"], None, {}, [""]],
    "recipes": [
        *([], "unsup-simcse", ["simcse"], ["esimcse", "esimcse"], None),
        *(["esimcse"], ["simcse-mixed", "esimcse"]),  # compared with what is not there
    ],
    "max_pairs": [1, 9, -1, 10.0, "10", None, True],
    "n_unlabelled": [0, 19, 20.5, "20", None, True, 10_001, 10**20],
    "fixed_on": ["CNSD STS-B", [5], ["a", "a"], None, [""]],
    "recipe_encoders": ["mini-bert", [5], ["a", "a"], None, [""]],
    "extra_sentences": ["more.txt", [5], ["a", "a"], None, {}, [""]],
    "hub": [[], "C-MTEB/STSB", {"sts": 5}, {"stss": "a/b"}, {1: 2}, {"sentences": "a/b"}, None],
    "encoder": ["", None, 5, ["mini-bert"]],
    "encoders": ["mini-bert", [], [5], ["a", "a"], {"a": 1}, b"ab", None],
    "ready_made": [
        *("e5-small-zh", None, {}, 5, [5], [""], ["a", "a"], [{}], [["a"]]),
        *([{"pooling": "mean"}], [{"encoder": "a", "pooling": "best"}]),
        *([{"encoder": "a", "prefix": None}], [{"encoder": 5}], [{"encoder": "a", "length": 3}]),
    ],
    "pooling": ["max", "CLS", "", None, 1, [], ["max"], ["cls", "cls"], [1], {"cls": 1}],
    "training": [
        *([], "fast", None, 5),
        *({"seed": 7}, {"num_epochs": 3}, {"batchsize": 4}, {"learning_rate": "fast"}),
        *({"batch_size": 0}, {"batch_size": 2.5}, {"batch_size": True}, {"dropout": 1.0}),
        *({"learning_rate": float("nan")}, {"schedule": []}, {"precision": {}}, {1: 2}),
        *({"batch_size": 2**63}, {"batch_size": 10**30}),
        *({"learning_rate": 10**400}, {"weight_decay": 10**400}, {"temperature": -(10**400)}),
    ],
    "max_seq_length": [1, 2, -3, 12.0, "12", None, True],
    "sizes": [[], 50, "[50, 150]", [50, "150"], [1], [50, 50], [50.0], [True], {50}, None],
    "table_sizes": [[], "50", [0]],
    "text_column": [None, 1, ["text"]],
    "pair_columns": ["a", [1, 2], ["a", "a"], None],
    "label_column": [None, 3],
    "max_sentences": [1, "x", None],
    "n_train": [0, 1, -5, 5.0, "5", None, True, [5], float("inf")],
    "num_epochs": [0, -1, 10**9, 1.5, "3", None],
    "checkpoints": [[], 50, "[50]", [1], [50, 50], [50.0], [True], None],
    "typed": [[], "一二三", ["一", "二"], ["一"] * 4, ["一", "二", 3], ["一", "二", "a\0b"], None],
    "whitening_sentences": [1, 0, "x", None],
    "objectives": [[], "unsup-simcse", ["simcse"], ["esimcse", "esimcse"], None],
    "application_source": ["", " ", None, 5, [], "a\0b"],
    "examples": [[], 5, "[1, 3]", [0], [1, 1], [1.0], [True], None],
    "labelled_examples": [2, 0, 5.0, "5", None, True],
    "unknown_shares": [0.5, [0], [1], [1.5], [0.5, 0.5], ["half"], [True], None, [10**400]],
    "seeds": [[], 1, "0,1", [-1], [0, 0], [0.5], ["1"], [True], [2**32], None, "seeds"],
    "output_dir": [None, 5, " ", ["a"], "a\0b"],
    "language": ["", "fr", None, 1, ["en"]],
}


def test_every_parameter_of_a_notebook_has_a_row() -> None:
    assert {name for path in notebook_paths() for name in defaults(path)} <= set(PARAMETERS)
    assert set(TAKEN) == set(REFUSED) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_a_parameter_takes_comes_back_as_plain_values(name: str) -> None:
    for value in TAKEN[name]:
        (found,) = checked({name: value}).values()
        assert found == (list(value) if isinstance(value, tuple | range) else value)
        assert type(found) in (str, int, list, dict)


@pytest.mark.parametrize("pooling", ["mean", "best"])
def test_a_single_pooling_is_a_list_of_one(pooling: str) -> None:
    assert checked({"pooling": pooling}) == {"pooling": [pooling]}


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_a_parameter_does_not_take_is_refused_by_its_name_in_a_line(name: str) -> None:
    for value in REFUSED[name]:
        with pytest.raises(ParameterError, match=f"^{name}[:,] ") as caught:
            checked({name: value})
        assert "\n" not in str(caught.value), value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seeds": 1}, "seeds: a list of whole numbers from 0, such as [0, 1], is needed, got 1"),
        ({"sizes": [50, "x"]}, "sizes, item 2: a whole number from 2 is needed, got 'x'"),
        ({"training": {"lr": 1}}, "training: unknown key 'lr'; known: batch_size, learning_rate"),
        (
            {"training": {"batch_size": 0}},
            "training, batch_size: must be an integer >= 1, got 0",
        ),
        ({"hub": {"sts": 5}}, "hub, sts: a text is needed, got 5"),
        ({"language": "fr"}, "language: unknown value 'fr'; use one of: en, zh"),
        ({"seeds": [0, 0]}, "seeds: 0 stands there twice; name it once"),
        ({"seeds": list(range(-1, 900))}, "seeds, item 1: a whole number from 0 to 4,294,967,295"),
        (
            {"sizes": ["x" * 900]},
            f"sizes, item 1: a whole number from 2 is needed, got '{'x' * 79}…",
        ),
    ],
)
def test_a_message_says_what_is_needed_and_what_was_given(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        checked(values)
    assert str(caught.value).startswith(said)


def test_the_keys_of_nested_parameters_are_those_of_the_settings_behind_them() -> None:
    for name, given in {"hub": HubData, "training": TrainConfig}.items():
        with pytest.raises(ParameterError) as caught:
            checked({name: {"no such key": 1}})
        listed = str(caught.value).partition("known: ")[2].split(", ")
        own = {field.name for field in fields(given)}
        assert set(listed) == own - ({"seed", "num_epochs"} if name == "training" else set())


@pytest.mark.parametrize(
    ("default", "taken", "refused"),
    [
        (4, [5], ["5", 5.0, True, None, [4]]),
        (0.5, [1, 0.25], ["fast", True, None]),
        ("x", ["y", ""], [5, None]),
        (True, [False], [1, "yes"]),
        ([0.5], [[1, 0.25], []], [0.5, ["1"], [0.5, None]]),
        ({}, [{"a": 1}], [[], "x"]),
        (None, [1, "x", None], []),
    ],
)
def test_a_parameter_without_a_row_has_the_type_of_its_default(
    default: Any, taken: list[Any], refused: list[Any]
) -> None:
    for value in taken:
        assert checked({"other": value}, {"other": default}) == {"other": value}
    for value in refused:
        with pytest.raises(ParameterError, match=r"^other"):
            checked({"other": value}, {"other": default})


# --- in a notebook ---------------------------------------------------------------------------

CELL = "seeds = [0]  # each\nsizes = [50]\noutput_dir = ''\nrate = 0.5\nnothing = None"


def as_cells(*cells: str) -> dict[str, Any]:
    """The variables of a notebook that has run these cells."""
    variables: dict[str, Any] = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, variables)
    return variables


@pytest.mark.parametrize(
    "injected",
    [
        "seeds = [1, 2]",
        "sizes = [2, 3]\nrate = 1",
        "rate = float('inf')",
        "nothing = 3",
        "output_dir = '/out'",
        "PAPERMILL_OUTPUT_PATH = 'out.ipynb'",
    ],
)
def test_a_notebook_takes_the_parameters_that_it_has(injected: str) -> None:
    check_notebook(as_cells("import os", CELL, f"# Parameters\n{injected}\n", "1 + 1"))


@pytest.mark.parametrize(
    ("injected", "said"),
    [
        ("seedz = [1]", "seedz: this notebook has no such parameter; it has seeds, sizes, output"),
        ("PAPERMIL_PATH = 'x'", "PAPERMIL_PATH: this notebook has no such parameter"),
        (r"output_dir = 'a\0'", r"output_dir: text without a NUL byte is needed, got '\S+'$"),
        ("Seeds = [1]", "Seeds: this notebook has no such parameter"),
        ("encoder = 'mini-bert'", "encoder: this notebook has no such parameter"),
        ("seeds = 1", "seeds: a list of whole numbers"),
        (
            "sizes = '[50, 150]'",
            "sizes: a list .*; papermill takes lists and mappings with -y 'siz",
        ),
        ("rate = 'fast'", "rate: a value of type float, like 0.5"),
        ("output_dir = 5", "output_dir: "),
    ],
)
def test_a_notebook_refuses_what_it_cannot_use(injected: str, said: str) -> None:
    with pytest.raises(ParameterError, match=f"^{said}"):
        check_notebook(as_cells("import os", CELL, f"# Parameters\n{injected}\n"))


@pytest.mark.parametrize("line", ["%matplotlib inline", "!ls", "sizes = [", "a b"])
def test_what_is_no_parameter_in_their_cell_is_told_by_its_line(line: str) -> None:
    variables = as_cells("import os", CELL, "# Parameters\nseeds = [1]\n")
    variables["In"][2] += f"\n{line}"  # which IPython runs, or something of it
    with pytest.raises(ParameterError, match=r"^parameters, line \d+: only 'name = literal'"):
        check_notebook(variables)


def test_a_notebook_that_is_explored_is_held_to_its_own_parameters() -> None:
    check_notebook(as_cells("import os", CELL, "other = 3"))
    with pytest.raises(ParameterError, match=r"^seeds: "):
        check_notebook(as_cells("import os", CELL.replace("[0]", "5")))
    again = as_cells(
        CELL, "# Parameters\nseeds = 5\n", "x = 1", CELL, "# Parameters\nseeds = [5]\n"
    )
    check_notebook(again)  # the cells that were run last count


CHECK = "from simcse_core.parameters import check_notebook\ncheck_notebook(globals())"


def test_plain_papermill_is_told_in_one_line_before_anything_is_done(tmp_path: Path) -> None:
    path = save_notebook(tmp_path / "a.ipynb", [CELL], [CHECK, "open(output_dir, 'w').close()"])
    given = {"output_dir": str(tmp_path / "done"), "seedz": [1]}
    with pytest.raises(PapermillExecutionError) as caught:
        papermill.execute_notebook(
            str(path), str(tmp_path / "out.ipynb"), given, progress_bar=False, start_timeout=180
        )
    assert caught.value.evalue.startswith("seedz: this notebook has no such parameter; it has see")
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    (shown,) = [out for cell in cells for out in cell.get("outputs", []) if "evalue" in out]
    assert shown.traceback == [f"ParameterError: {caught.value.evalue}"]
    assert not (tmp_path / "done").exists()
