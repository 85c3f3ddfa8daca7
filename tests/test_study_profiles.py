"""What a study runs: the project's notebooks, and the parameters that profiles give them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from notebooks_for_tests import planned, write_profile

from simcse_core.errors import PlainError, StudyError
from simcse_core.study.checks import check_agreement
from simcse_core.study.notebooks import NOTEBOOKS, defaults, notebook_paths
from simcse_core.study.profiles import check_types, load_profile, plan_steps

WriteNotebook = Callable[..., Path]


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
    content = yaml.safe_load(
        (NOTEBOOKS / "profiles" / f"{profile}.yaml").read_text(encoding="utf-8")
    )
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
    found = {**defaults(NOTEBOOKS / f"{notebook}.ipynb"), **own}[parameter]
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


# --- files of profiles -----------------------------------------------------------------------


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
