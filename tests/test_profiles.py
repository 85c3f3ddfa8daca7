"""What a study runs: notebooks, profiles, overrides, and what is refused before anything starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import yaml
from conftest import NO_HUB
from notebooks_for_tests import save_notebook, write_profile

from simcse_core import profiles
from simcse_core.errors import PlainError
from simcse_core.profiles import (
    Step,
    StudyError,
    check_agreement,
    check_types,
    chosen_steps,
    defaults,
    left_out,
    load_profile,
    notebook_paths,
    plan_steps,
)

WriteNotebook = Callable[..., Path]


def planned(
    profile: str, overrides: Mapping[str, Any] | None = None, only: Sequence[str] = ()
) -> list[Step]:
    """The steps to run, checked."""
    overrides = overrides or {}
    return chosen_steps(plan_steps(profile, overrides), overrides, only)


# --- the notebooks of this project -----------------------------------------------------------

FULL = ("mini", "report")  # the report's grid
PROFILES = (*FULL, "ready")


def test_the_notebooks_are_there_in_order() -> None:
    assert [path.stem for path in notebook_paths()] == [
        "01_baselines",
        "02_small_sample",
        "03_large_data",
        "04_epochs",
        "05_summary",
        "06_your_sentences",
        "07_applications",
        "08_explore",
        "09_elsewhere",
    ]


def test_the_uses_have_texts_of_their_own_in_the_place_of_a_source() -> None:
    names = set(defaults(notebook_paths()[6]))
    assert {"application_source", "encoders", "seeds", "output_dir", "language"} <= names
    assert "source" not in names


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 7])
def test_every_notebook_has_the_parameters_of_the_design(number: int) -> None:
    names = set(defaults(notebook_paths()[number]))
    assert {"source", "seeds", "output_dir", "language", "hub", "extra_sentences"} <= names
    assert names & {"encoder", "encoders"}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_of_a_profile_exists_in_its_notebook(profile: str) -> None:
    content = yaml.safe_load((profiles.PROFILES / f"{profile}.yaml").read_text(encoding="utf-8"))
    known = {path.stem: defaults(path) for path in notebook_paths()}
    anywhere = {name for parameters in known.values() for name in parameters}
    assert set(content.pop("all", {})) <= anywhere
    for notebook, parameters in content.items():
        assert set(parameters) <= set(known[notebook]), notebook


@pytest.mark.parametrize("profile", ["quick", *PROFILES])
def test_a_profiles_values_can_be_used_and_agree_with_each_other(profile: str) -> None:
    steps = plan_steps(profile, {})
    for step in steps:
        check_types(step)
        check_agreement(step, steps)


@pytest.mark.parametrize(
    ("notebook", "parameter", "value"),
    [
        ("02_small_sample", "sizes", [50, 150, 200, 250, 350, 450, 550, 650, 750, 800]),
        ("03_large_data", "sizes", list(range(5_000, 50_001, 5_000))),
        ("04_epochs", "n_train", 10_000),
        ("04_epochs", "num_epochs", 20),
    ],
)
@pytest.mark.parametrize("profile", FULL)
def test_the_full_profiles_have_the_reports_grid(
    profile: str, notebook: str, parameter: str, value: object
) -> None:
    own = load_profile(profile)[notebook]
    found = {**defaults(profiles.NOTEBOOKS / f"{notebook}.ipynb"), **own}[parameter]
    assert set(value) <= set(found) if isinstance(value, list) else value == found


def test_the_report_profile_pins_everything_it_takes_from_the_hub() -> None:
    pinned = re.compile(r"[\w-]+(/[\w.-]+)?@[0-9a-f]{40}")
    for parameters in load_profile("report").values():
        named = [parameters.get("encoder"), *parameters.get("encoders", [])]
        for made in parameters.get("ready_made", []):
            named.append(made if isinstance(made, str) else made["encoder"])
        assert all(pinned.fullmatch(name) for name in named if name), named
        if "hub" not in parameters:
            continue
        # What the hub itself turns into parquet has a branch and no commit that stays.
        named += [name for key, name in parameters["hub"].items() if key != "nli"]
        assert parameters["hub"]["nli"] == "shibing624/snli-zh@refs/convert/parquet"
        assert all(pinned.fullmatch(name) for name in named if name), named


# --- defaults --------------------------------------------------------------------------------


def test_defaults_are_the_literals_of_the_parameters_cell(project: Path) -> None:
    lines = ["sizes = [50, 150]  # how many", 'name = "x"', "rate = -1e-5", "yes = True"]
    path = save_notebook(project / "it.ipynb", ["\n".join(lines)], ["other = 1"])
    assert defaults(path) == {"sizes": [50, 150], "name": "x", "rate": -1e-5, "yes": True}


@pytest.mark.parametrize("n_cells", [0, 2])
def test_a_notebook_has_one_parameters_cell(project: Path, n_cells: int) -> None:
    path = save_notebook(project / "it.ipynb", ["x = 1"] * n_cells)
    with pytest.raises(StudyError, match=rf"it\.ipynb: .*'parameters', got {n_cells}"):
        defaults(path)


@pytest.mark.parametrize(
    "statement",
    [
        "import os",
        "x += 1",
        "print(1)",
        "a, b = 1, 2",
        "total = 2 * n",
        "n = len([1])",
        "n = m",
        "n: int = 3",
        "x = (",
        "first = 2",
    ],
)
def test_only_literals_belong_in_the_parameters_cell(project: Path, statement: str) -> None:
    path = save_notebook(project / "it.ipynb", [f"first = 1\n{statement}"])
    with pytest.raises(StudyError, match=r"it\.ipynb, parameters cell, line 2"):
        defaults(path)


# --- profiles --------------------------------------------------------------------------------


def test_the_quick_profile_changes_nothing(write_notebook: WriteNotebook) -> None:
    write_notebook("01_a")
    assert load_profile("quick") == {"01_a": {}}


def test_a_profile_gives_to_all_and_to_one_and_the_one_wins(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", sizes=[2])
    content = {"all": {"seeds": [1], "sizes": [3]}, "02_b": {"seeds": [2]}}
    write_profile(project, "mini", content)
    assert load_profile("mini") == {"01_a": {"seeds": [1]}, "02_b": {"seeds": [2], "sizes": [3]}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"03_c": {}}, r"mini\.yaml: no notebook '03_c'; there are 01_a"),
        ({"01_a": {"seed": [1]}}, r"unknown parameter 'seed'; it has source"),
        ({"all": {"seedz": [1]}}, r"'seedz'"),  # a slip that no notebook would notice
        ("", r"mini\.yaml: expected parameters by notebook, got None"),
        ("all: [", r"mini\.yaml: not YAML \("),
        ("- all", r"mini\.yaml: expected parameters by notebook, got \['all'\]"),
        ("3: {}", r"mini\.yaml: no notebook 3; there are"),
        ("01_a:", r"mini\.yaml, 01_a: expected parameters and their values, got None; leave"),
        ("all: [seeds]", r"mini\.yaml, all: expected parameters and their values, got \['seeds'\]"),
        ("01_a: 5", r"mini\.yaml, 01_a: expected parameters and their values, got 5"),
        ("01_a: {n_train: 3}\n01_a: {}", r"line 2: not YAML \(the key '01_a' stands there twice\)"),
        ("01_a:\n  seeds: [0]\n  seeds: [1]", "line 3: .*'seeds' stands there twice"),
        ({"01_a": {"output_dir": "x"}}, "01_a: output_dir is not set here; .*--out"),
        ({"all": {"output_dir": "x"}}, "01_a: output_dir is not set here; .*--out"),
        ({"01_a": {"n_train": "three"}}, r"01_a\.ipynb: n_train: a whole number from 2 is needed"),
        ("01_a: {seeds: [1:30]}", r"seeds, item 1: a whole number .*got '1:30'"),
    ],
)
def test_a_bad_profile_is_refused(
    project: Path, write_notebook: WriteNotebook, content: Any, said: str
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", content)
    with pytest.raises(PlainError, match=said) as caught:
        planned("mini")
    assert "\n" not in str(caught.value)


def test_an_unknown_profile_names_the_known_ones(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", {"all": {}})
    with pytest.raises(
        StudyError, match=r"profile: unknown value 'minni'; use one of: quick, mini"
    ):
        planned("minni")


@pytest.mark.parametrize("name", ["../profiles/mini", "mini.yaml", "", "MINI", "/mini", "sub/mini"])
def test_a_profile_is_a_name_and_no_path(
    project: Path, write_notebook: WriteNotebook, name: str
) -> None:
    write_notebook("01_a")
    (project / "notebooks" / "profiles" / "sub").mkdir()
    for known in ("mini", "sub/mini"):
        write_profile(project, known, {"all": {}})
    with pytest.raises(StudyError, match="profile: unknown value"):
        planned(name)


def test_a_file_for_the_quick_profile_is_refused_not_ignored(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_profile(project, "quick", {"all": {"seeds": [7]}})
    with pytest.raises(StudyError, match=r"quick\.yaml: .*give the file another name"):
        planned("quick")


def test_a_profile_that_is_no_text_is_refused(project: Path, write_notebook: WriteNotebook) -> None:
    write_notebook("01_a")
    (project / "notebooks" / "profiles" / "mini.yaml").write_bytes("种子: 1".encode("gb18030"))
    with pytest.raises(StudyError, match=r"mini\.yaml: cannot be read"):
        planned("mini")


# --- notebooks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copy",
    [
        "02_small_sample-Copy1",
        "02_small_sample-Copy2-Copy1",
        "02_small_sample (1)",
        "02_small_sample 2",
        "02_small_sample.bak",
        "02_Small_Sample",
    ],
)
def test_a_copy_of_a_notebook_is_left_out_and_told(
    write_notebook: WriteNotebook, copy: str
) -> None:
    write_notebook("02_small_sample")
    write_notebook(copy)
    assert [path.stem for path in notebook_paths()] == ["02_small_sample"]
    assert left_out() == [f"{copy}.ipynb"]
    with pytest.raises(
        StudyError, match=r"notebook: unknown value .*; use one of: 02_small_sample"
    ):
        planned("quick", only=[copy])


@pytest.mark.parametrize("other", ["02_mine", "02_small_sample_old", "02_"])
def test_two_notebooks_with_one_number_are_refused(
    write_notebook: WriteNotebook, other: str
) -> None:
    write_notebook("01_a")
    write_notebook("02_small_sample")
    write_notebook(other if other != "02_" else "02_x")
    with pytest.raises(StudyError, match="have one number and would write the same tables"):
        planned("quick", only=["01_a"])


BROKEN = {
    "empty": b"",
    "half": b'{"cells": [',
    "a list": b"[]",
    "a number": b"3",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5}',
    "no format": b"{}",
    "nested deeply": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "merged": b"<<<<<<< HEAD\n{}\n=======\n",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_notebook_is_named_in_a_line(
    project: Path, write_notebook: WriteNotebook, content: str
) -> None:
    write_notebook("01_a")
    (project / "notebooks" / "02_b.ipynb").write_bytes(BROKEN[content])
    with pytest.raises(StudyError, match=r"^02_b\.ipynb: ") as caught:
        planned("quick")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parameter", ["n_train", "sizes", "whitening_sentences"])
def test_a_notebook_without_a_source_cannot_have_what_is_drawn_from_one(
    project: Path, parameter: str
) -> None:
    value = "[4]" if parameter == "sizes" else "4"
    save_notebook(project / "notebooks" / "01_a.ipynb", [f"{parameter} = {value}"])
    with pytest.raises(StudyError, match=rf"01_a\.ipynb: source: the notebook has {parameter} and"):
        planned("quick")


def test_a_notebook_may_have_no_source_and_parameters_of_its_own(project: Path) -> None:
    save_notebook(project / "notebooks" / "01_a.ipynb", ["language = 'en'\nrate = 0.5"])
    assert planned("quick", {"rate": 1})[0].parameters == {"language": "en", "rate": 1}
    with pytest.raises(StudyError, match=r"rate: a value of type float, like 0.5, is needed"):
        planned("quick", {"rate": "fast"})


# --- overrides -------------------------------------------------------------------------------


def test_overrides_go_over_the_profile_and_to_the_notebooks_that_have_them(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", num_epochs=1)
    write_profile(project, "mini", {"all": {"seeds": [1]}})
    steps = planned("mini", {"seeds": [2], "num_epochs": 3})
    assert [(step.path.stem, step.given) for step in steps] == [
        ("01_a", {"seeds": [2]}),
        ("02_b", {"seeds": [2], "num_epochs": 3}),
    ]
    assert steps[0].parameters == defaults(steps[0].path) | {"seeds": [2]}


@pytest.mark.parametrize(
    ("overrides", "only", "said"),
    [
        ({"n_trian": 5}, [], "unknown parameter 'n_trian'; the notebooks have .*n_train"),
        ({"rate": 1}, ["01_a"], "unknown parameter 'rate'"),  # that of a notebook left out
        ({}, ["03_c"], "notebook: unknown value '03_c'; use one of: 01_a"),
        ({"output_dir": "x"}, [], "-p: output_dir is not set here; name the folder with --out"),
        ({"hub": {"sts": "a/b"}}, [], "hub: it has no effect, because no source is hub"),
    ],
)
def test_an_override_without_effect_is_refused(
    write_notebook: WriteNotebook, overrides: dict[str, Any], only: list[str], said: str
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", rate=0.5)
    with pytest.raises(StudyError, match=said):
        planned("quick", overrides, only)


READER = 'small = run.read("01_a", "01_a")'


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pooling": "cls"}, r"pooling is \['cls'\] here and \['mean'\] in 01_a"),
        ({"training": {"batch_size": 4}}, "training is .* here and {} in 01_a"),
        ({"source": "sample"}, "source is 'sample' here"),
        ({"encoders": ["mini-bert"]}, "encoders lacks '.*tiny-bert', with which 01_a"),
    ],
)
def test_a_summary_that_could_not_read_the_tables_is_refused_before_they_are_made(
    write_notebook: WriteNotebook, bert_dir: Path, changed: dict[str, Any], said: str
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", "print(1)", **changed)  # reads no table
    write_notebook("05_summary", READER, **{"encoders": [str(bert_dir)], **changed})
    steps = plan_steps("quick", {})
    for step in steps[:2]:
        check_agreement(step, steps)
    with pytest.raises(StudyError, match=rf"^05_summary\.ipynb: {said}"):
        check_agreement(steps[2], steps)


def test_a_summary_that_names_the_encoder_in_another_way_is_let_through(
    write_notebook: WriteNotebook, bert_dir: Path
) -> None:
    write_notebook("01_a")
    write_notebook("05_summary", READER, encoders=["mini-bert", str(bert_dir)])
    assert len(planned("quick")) == 2


# --- bad parameters stop before anything runs ------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"n_train": 9}, "n_train: .*8 sentences of the pool are needed, got .9"),
        ({"n_train": 1}, "n_train: "),  # a sentence alone has no negatives
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [0, 0]}, "seeds"),
        (
            {"source": "no/such/folder"},
            "'no/such/folder' is neither 'sample'",
        ),
        ({"extra_sentences": ["more.txt"]}, r"more\.txt"),
        (
            {"pooling": "max"},
            "pooling: .*'max'; use one of: cls, pooler, mean, first-last-mean, best",
        ),
        ({"training": {"batchsize": 4}}, "training: unknown key 'batchsize'; known: batch_size"),
        ({"training": {"learning_rate": "fast"}}, "training, learning_rate: must be > 0"),
        ({"training": {"seed": 7}}, "training: seed has no effect here; .*seeds"),
        ({"training": {"num_epochs": 3}}, "training: num_epochs has no effect here; .*04_epochs"),
        ({"encoder": ""}, "encoder: an encoder's name, folder or hub id is needed, got ''"),
        ({"encoder": 5}, "encoder: an encoder's name, folder or hub id is needed, got 5"),
        ({"hub": {"sts": 5}}, "hub, sts: a text is needed, got 5"),
        ({"extra_sentences": "more.txt"}, "extra_sentences: a list of file names is needed"),
        ({"source": ["a"]}, r"source: sample, hub, a file or a folder is needed, got \['a'\]"),
        ({"seeds": [2**32]}, "seeds, item 1: a whole number from 0 to 4,294,967,295 is needed"),
        ({"training": {"batch_size": 1}}, "batch_size: unsupervised SimCSE needs at least 2"),
        ({"hub": {"stss": "x/y"}}, "'stss'"),
        ({"language": "fr"}, "language: unknown value 'fr'"),
    ],
)
def test_a_bad_value_stops_before_anything_runs(
    project: Path, write_notebook: WriteNotebook, overrides: dict[str, Any], said: str
) -> None:
    write_notebook("01_a", n_train=2)
    with pytest.raises(StudyError, match=rf"01_a\.ipynb: .*({said})") as caught:
        planned("quick", overrides)
    assert "\n" not in str(caught.value)


def test_a_bad_value_of_the_last_notebook_stops_the_first(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", n_train=9)
    with pytest.raises(StudyError, match=r"02_b\.ipynb: n_train"):
        planned("quick")


def test_a_source_without_what_a_notebook_uses_stops_before_anything_runs(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a", sizes=[2])
    (project / "mine").mkdir()
    with pytest.raises(StudyError, match="mine holds no file of text"):
        planned("quick", {"source": str(project / "mine")})
    (project / "mine" / "text.txt").write_text("我喝茶\n我今天看书\n", encoding="utf-8")
    with pytest.raises(StudyError, match="mine has no labelled pairs for dev and test"):
        planned("quick", {"source": str(project / "mine")})


def test_a_pooling_that_the_encoder_lacks_stops_before_anything_runs(
    write_notebook: WriteNotebook, encoder_dir: Callable[[str], Path]
) -> None:
    write_notebook("01_a", encoder=str(encoder_dir("electra")))
    with pytest.raises(StudyError, match=r"pooling: tiny-electra .* no pooler"):
        planned("quick", {"pooling": "pooler"})


def test_an_unknown_encoder_without_the_hub_is_told_how_to_go_on(
    tmp_path: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", NO_HUB)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    write_notebook("01_a")
    with pytest.raises(StudyError, match=r"01_a\.ipynb: encoder: 'no/such'.*To go on offline"):
        planned("quick", {"encoder": "no/such"})


def test_an_objective_without_enough_examples_stops_before_anything_runs(
    write_notebook: WriteNotebook,
) -> None:
    write_notebook("01_a", sizes=[2, 4], objectives=["unsup-simcse", "sup-simcse"])
    with pytest.raises(StudyError, match=r"objectives: sup-simcse is to be trained on 4 examples"):
        planned("quick")  # there are two triplets


def test_a_length_that_the_encoder_cannot_take_stops_before_anything_runs(
    write_notebook: WriteNotebook,
) -> None:
    write_notebook("01_a", max_seq_length=0)
    assert planned("quick", {"max_seq_length": 12})
    for length, said in {1: "a whole number from 3, or 0,", 5000: "between 3 and the 64"}.items():
        with pytest.raises(StudyError, match=f"max_seq_length: .*{said}"):
            planned("quick", {"max_seq_length": length})
