from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import nbformat
import pytest
import yaml
from conftest import NO_HUB

from simcse_core import study
from simcse_core.results import only_run
from simcse_core.study import (
    StudyError,
    check_parameters,
    defaults,
    load_profile,
    main,
    notebook_paths,
    planned,
    run_study,
)

WriteNotebook = Callable[..., Path]


PYTHON = {
    "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
    "language_info": {"name": "python"},
}


def save_notebook(path: Path, parameter_cells: Sequence[str], cells: Sequence[str] = ()) -> Path:
    """Writes a notebook of cells tagged ``parameters`` and others."""
    tags = {"tags": ["parameters"]}
    code = [nbformat.v4.new_code_cell(source, metadata=tags) for source in parameter_cells]
    code += [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=PYTHON), path)
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project in the place of this one."""
    (tmp_path / "notebooks" / "profiles").mkdir(parents=True)
    monkeypatch.setattr(study, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(study, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(study, "PROFILES", tmp_path / "notebooks" / "profiles")
    return tmp_path


@pytest.fixture
def write_notebook(project: Path, cnsd_dir: Path, bert_dir: Path) -> WriteNotebook:
    """``write_notebook("01_a", "print(1)", n_train=4)``: cells after one of parameters."""

    def write(name: str, /, *cells: str, **changes: Any) -> Path:
        values = {
            "source": str(cnsd_dir),
            "extra_sentences": [],
            "hub": {},
            "encoder": str(bert_dir),
            "pooling": "",
            "training": {},
            "n_train": 4,
            "seeds": [0],
            "output_dir": "",
            "language": "en",
        }
        lines = [f"{key} = {value!r}" for key, value in {**values, **changes}.items()]
        return save_notebook(project / "notebooks" / f"{name}.ipynb", ["\n".join(lines)], cells)

    return write


def write_profile(project: Path, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (project / "notebooks" / "profiles" / f"{name}.yaml").write_text(text, encoding="utf-8")


# --- the notebooks of this project -----------------------------------------------------------

PROFILES = ("mini", "report")


def test_the_five_notebooks_are_there_in_order() -> None:
    assert [path.stem for path in notebook_paths()] == [
        "01_baselines",
        "02_small_sample",
        "03_large_data",
        "04_epochs",
        "05_summary",
    ]


@pytest.mark.parametrize("number", range(5))
def test_every_notebook_has_the_parameters_of_the_design(number: int) -> None:
    names = set(defaults(notebook_paths()[number]))
    assert {"source", "seeds", "output_dir", "language", "hub", "extra_sentences"} <= names
    assert names & {"encoder", "encoders"}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_of_a_profile_exists_in_its_notebook(profile: str) -> None:
    content = yaml.safe_load((study.PROFILES / f"{profile}.yaml").read_text(encoding="utf-8"))
    known = {path.stem: defaults(path) for path in notebook_paths()}
    anywhere = {name for parameters in known.values() for name in parameters}
    assert set(content.pop("all", {})) <= anywhere
    for notebook, parameters in content.items():
        assert set(parameters) <= set(known[notebook]), notebook


@pytest.mark.parametrize("profile", ["quick", *PROFILES])
def test_a_profiles_values_have_the_types_of_the_defaults(profile: str) -> None:
    for name, parameters in load_profile(profile).items():
        check_parameters(study.NOTEBOOKS / f"{name}.ipynb", parameters)


@pytest.mark.parametrize(
    ("notebook", "parameter", "value"),
    [
        ("02_small_sample", "sizes", [50, 150, 200, 250, 350, 450, 550, 650, 750, 800]),
        ("03_large_data", "sizes", list(range(5_000, 50_001, 5_000))),
        ("04_epochs", "n_train", 10_000),
        ("04_epochs", "num_epochs", 20),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_the_full_profiles_have_the_reports_grid(
    profile: str, notebook: str, parameter: str, value: object
) -> None:
    own = load_profile(profile)[notebook]
    found = {**defaults(study.NOTEBOOKS / f"{notebook}.ipynb"), **own}[parameter]
    assert set(value) <= set(found) if isinstance(value, list) else value == found


def test_the_report_profile_pins_everything_it_takes_from_the_hub() -> None:
    pinned = re.compile(r"[\w-]+(/[\w-]+)?@[0-9a-f]{40}")
    for parameters in load_profile("report").values():
        named = [parameters.get("encoder"), *parameters.get("encoders", [])]
        named += list(parameters["hub"].values())
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
        ("", r"mini\.yaml"),
        ("all: [", r"mini\.yaml"),
        ("- all", r"mini\.yaml"),
    ],
    ids=["unknown notebook", "unknown key", "unknown key for all", "empty", "no YAML", "a list"],
)
def test_a_bad_profile_is_refused(
    project: Path, write_notebook: WriteNotebook, content: Any, said: str
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", content)
    with pytest.raises(StudyError, match=said):
        planned("mini", {})


def test_an_unknown_profile_names_the_known_ones(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", {"all": {}})
    with pytest.raises(
        StudyError, match=r"profile: unknown value 'minni'; use one of: quick, mini"
    ):
        planned("minni", {})


# --- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"n_trian": 5}, "unknown parameter 'n_trian'; it has .*n_train"),
        ({"n_train": "5"}, "n_train must be of type int, like 4; got '5'"),
        ({"n_train": 5.0}, "n_train must be of type int"),
        ({"n_train": True}, "n_train must be of type int"),
        ({"seeds": 1}, "seeds must be of type list"),
        ({"seeds": [0, "1"]}, r"seeds must be a list of int, like \[0\]; got '1' in it"),
        ({"seeds": [True]}, "seeds must be a list of int"),
        ({"source": None}, "source must be of type str"),
        ({"training": []}, "training must be of type dict"),
        ({"rate": "fast"}, "rate must be of type float"),
        ({"rate": True}, "rate must be of type float"),
        ({"rates": [0.5, "1"]}, r"rates must be a list of float, like \[0.5\]; got '1' in it"),
    ],
)
def test_a_parameter_of_a_wrong_name_or_type_is_refused(
    write_notebook: WriteNotebook, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=rf"^01_a\.ipynb: .*{said}"):
        check_parameters(write_notebook("01_a", rate=0.5, rates=[0.5]), parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"rate": 1},
        {"rate": 0.25},
        {"rates": [1, 0.25]},
        {"seeds": []},
        {"names": ["x"]},
        {"hub": {"a": 1}},
    ],
)
def test_a_parameter_of_a_fitting_type_is_taken(
    write_notebook: WriteNotebook, parameters: dict[str, Any]
) -> None:
    check_parameters(write_notebook("01_a", rate=0.5, rates=[0.5], names=[]), parameters)


def test_overrides_go_over_the_profile_and_to_the_notebooks_that_have_them(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_notebook("02_b", num_epochs=1)
    write_profile(project, "mini", {"all": {"seeds": [1]}})
    steps = planned("mini", {"seeds": [2], "num_epochs": 3})
    assert [(path.stem, parameters) for path, parameters in steps] == [
        ("01_a", {"seeds": [2]}),
        ("02_b", {"seeds": [2], "num_epochs": 3}),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"overrides": {"n_trian": 5}},
            "unknown parameter 'n_trian'; the notebooks have .*n_train",
        ),
        ({"overrides": {}, "only": ["03_c"]}, "notebook: unknown value '03_c'; use one of: 01_a"),
    ],
)
def test_an_override_or_a_notebook_that_is_nowhere_is_refused(
    write_notebook: WriteNotebook, arguments: dict[str, Any], said: str
) -> None:
    write_notebook("01_a")
    with pytest.raises(StudyError, match=said):
        planned("quick", **arguments)


# --- bad parameters stop before anything runs ------------------------------------------------

MARK = "open('ran', 'w').close()"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"n_train": 9}, "n_train: .*8 sentences of the pool are needed, got .9"),
        ({"n_train": 1}, "n_train: "),  # a sentence alone has no negatives
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [0, 0]}, "seeds"),
        ({"source": "no/such/folder"}, "'no/such/folder' is neither 'sample', nor 'hub', nor a"),
        ({"extra_sentences": ["more.txt"]}, r"more\.txt"),
        ({"pooling": "max"}, "pooling: .*'max'; use one of: cls, pooler, mean, first-last-mean"),
        ({"training": {"batchsize": 4}}, "'batchsize'; known: batch_size"),
        ({"training": {"learning_rate": "fast"}}, "learning_rate: must be > 0"),
        ({"training": {"batch_size": 1}}, "batch_size: unsupervised SimCSE needs at least 2"),
        ({"hub": {"stss": "x/y"}}, "'stss'"),
        ({"language": "fr"}, "language: unknown value 'fr'"),
    ],
)
def test_a_bad_value_stops_before_anything_runs(
    project: Path,
    write_notebook: WriteNotebook,
    overrides: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    write_notebook("01_a", MARK, n_train=2)
    with pytest.raises(StudyError, match=rf"01_a\.ipynb: .*({said})"):
        run_study("quick", overrides, out=project / "out")
    assert not (project / "ran").exists()


def test_a_bad_value_of_the_last_notebook_stops_the_first(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    write_notebook("01_a", MARK)
    write_notebook("02_b", MARK, n_train=9)
    with pytest.raises(StudyError, match=r"02_b\.ipynb: n_train"):
        run_study("quick", out=project / "out")
    assert not (project / "ran").exists()


def test_a_directory_without_cnsd_files_is_told_which_are_missing(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    (project / "empty").mkdir()
    missing = "cnsd-sts-train.txt, cnsd-sts-dev.txt, cnsd-sts-test.txt, cnsd-snli-train.txt"
    with pytest.raises(StudyError, match=f"empty lacks {missing}"):
        planned("quick", {"source": str(project / "empty")})


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


def test_an_unknown_profile_makes_no_folder(project: Path, write_notebook: WriteNotebook) -> None:
    write_notebook("01_a")
    with pytest.raises(StudyError, match="unknown value 'minni'"):
        run_study("minni")
    assert not (project / "runs").exists()


# --- runs ------------------------------------------------------------------------------------


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


def test_notebooks_run_in_order_with_their_parameters(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    log = "open(output_dir + '/log', 'a').write(f'{name} {n_train} {seeds}\\n')"
    write_notebook("02_b", log, name="b")
    write_notebook("01_a", log, name="a")
    executed = run_study("quick", {"n_train": 3}, out=project / "out")
    assert executed == [project / "out" / "notebooks" / f"{n}.ipynb" for n in ("01_a", "02_b")]
    assert (project / "out" / "log").read_text() == "a 3 [0]\nb 3 [0]\n"
    assert "01_a: done in" in capfd.readouterr().out


FAILURES = {
    "an error": (["x = 1", "1 / 0"], r"cell 4: ZeroDivisionError: division by zero.*1 / 0"),
    "an exit": (["x = 1", "import os; os._exit(1)"], r"cell 4: the kernel died"),
    "an exit in mid-work": (  # when the kernel's word that it began has long arrived
        ["x = 1", "import os, threading; threading.Event().wait(1); os._exit(1)"],
        r"cell 4: the kernel died",
    ),
    "a kill": (
        ["x = 1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"],
        r"cell 4: the kernel died",
    ),
    "a hang": (
        ["x = 1", "import threading; threading.Event().wait()"],
        r"cell 4: a cell ran longer than 3 s",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_notebook_that_fails_stops_the_study_with_notebook_cell_and_cause(
    project: Path, write_notebook: WriteNotebook, failure: str
) -> None:
    # Cell 1 is that of the parameters, cell 2 papermill's own, with the study's parameters.
    cells, said = FAILURES[failure]
    write_notebook("01_a", *cells, "never = 1")
    write_notebook("02_b", "open(output_dir + '/ran', 'w').close()")
    with pytest.raises(StudyError, match=rf"(?s)^01_a\.ipynb, {said}"):
        run_study("quick", out=project / "out", cell_timeout=3)
    assert (project / "out" / "notebooks" / "01_a.ipynb").is_file()
    assert not (project / "out" / "ran").exists()


EXPERIMENT = """
from pathlib import Path
from simcse_core.data import load_study_data
from simcse_core.experiments import Experiment, train_sizes
from simcse_core.plans import make_plan
settings = {"batch_size": 3, "learning_rate": 1e-3}
plans = [make_plan(encoder, "mean", settings)]
run = Experiment("any", load_study_data(source), plans, seeds, Path(output_dir))
train_sizes(run, [3, 5, 8])
"""


def test_an_experiment_in_a_notebook_gives_the_bits_of_one_outside(
    project: Path, write_notebook: WriteNotebook, cnsd_dir: Path, bert_dir: Path
) -> None:
    write_notebook("01_a", EXPERIMENT)
    run_study("quick", {"seeds": [0, 1]}, out=project / "inside")
    outside = {"source": cnsd_dir, "encoder": str(bert_dir), "seeds": [1, 0]}
    exec(EXPERIMENT, {**outside, "output_dir": project / "outside"})
    inside, other = (
        {path.name: path.read_bytes() for path in (project / where / "cells").glob("*.json")}
        for where in ("inside", "outside")
    )
    assert len(inside) == 2
    assert inside == other


TABLE = """
from pathlib import Path
import pandas as pd
from simcse_core.results import write_table
write_table(Path(output_dir), "01_table", pd.DataFrame({"value": [1.0]}), {"seeds": seeds})
"""


def test_a_table_says_the_command_that_makes_it_again(
    project: Path,
    write_notebook: WriteNotebook,
    cnsd_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_notebook("01_a", TABLE)
    write_notebook("02_b", "print(1)")
    words = ["-p", f"source={cnsd_dir}", "-p", "seeds=[0, 1]", "-p", "training={batch_size: 4}"]
    assert main([*words, "--out", str(project / "out")]) == 0
    made_from = json.loads((project / "out" / "01_table.json").read_text(encoding="utf-8"))
    assert made_from["seeds"] == [0, 1]
    typed = shlex.split(made_from["command"])
    assert typed[:3] == ["python", "-m", "simcse_core.study"]
    assert str(cnsd_dir.parent) not in made_from["command"]
    (project / "out" / "01_table.json").unlink()
    monkeypatch.chdir(cnsd_dir.parent)
    assert main([*typed[3:], "--out", str(project / "out")]) == 0
    assert json.loads((project / "out" / "01_table.json").read_text("utf-8")) == made_from


KNOWN_CAUSES = {
    "raise OSError(28, 'No space left on device', 'x.json')": "free some space, then run again",
    "raise OSError(30, 'Read-only file system')": "name another folder for the output",
    'raise RuntimeError("can\'t allocate memory: you tried to allocate 9 bytes")': "batch_size",
    "raise MemoryError()": "lower batch_size",
}


@pytest.mark.parametrize("cell", KNOWN_CAUSES)
def test_a_failure_of_a_known_cause_says_what_to_do(
    project: Path, write_notebook: WriteNotebook, cell: str
) -> None:
    write_notebook("01_a", cell)
    with pytest.raises(StudyError, match=KNOWN_CAUSES[cell]) as caught:
        run_study("quick", out=project / "out")
    assert "cell 3: " in str(caught.value)
    assert "what is finished is kept" in str(caught.value)


def test_a_kernel_that_cannot_start_is_told(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook("01_a")
    monkeypatch.setattr(study.papermill, "execute_notebook", raise_no_kernel)
    with pytest.raises(StudyError, match=r"01_a\.ipynb: Kernel died before replying"):
        run_study("quick", out=project / "out")


def raise_no_kernel(*_: object, **__: object) -> None:
    raise RuntimeError("Kernel died before replying to kernel_info")


# --- one folder, one run, one profile --------------------------------------------------------


def test_a_second_study_in_a_folder_is_refused_and_touches_nothing(
    project: Path,
    write_notebook: WriteNotebook,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_notebook("01_a", "open(output_dir + '/ran', 'w').close()")
    out = project / "out"
    with only_run(out):
        monkeypatch.delenv("SIMCSE_HELD_FOLDER")  # so this process is a stranger to itself
        assert main(["--out", str(out)]) == 1
    assert f"study: output_dir: {out} is in use by process {os.getpid()}" in capfd.readouterr().err
    assert not (out / "ran").exists()


def test_a_folder_of_another_profile_is_refused(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", {"all": {}})
    run_study("quick", out=project / "out")
    with pytest.raises(StudyError, match="out holds the results of profile quick; name another"):
        run_study("mini", out=project / "out")
    run_study("quick", {"seeds": [1]}, out=project / "out")


def test_a_study_removes_what_killed_writes_have_left_and_nothing_else(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a")
    kept = [".lock", "profile.json", "cells/a.json", "cells/a.unfinished/points.json", "a.csv"]
    for name in [*kept[2:], ".a.csv.x1y2", "cells/.a.json.x1y2"]:
        (project / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "out" / name).write_text("")
    run_study("quick", out=project / "out")
    files = [path for path in (project / "out").rglob("*") if path.is_file()]
    found = {str(path.relative_to(project / "out")) for path in files}
    assert found == {*kept, "notebooks/01_a.ipynb"}


def test_an_interrupted_study_says_how_to_go_on(
    project: Path,
    write_notebook: WriteNotebook,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_notebook("01_a")
    monkeypatch.setattr(study.papermill, "execute_notebook", interrupt)
    assert main(["--out", str(project / "out")]) == 130
    assert "the same command goes on from here" in capfd.readouterr().err


# --- the command line ------------------------------------------------------------------------


def test_main_runs_what_it_is_asked_and_says_where_it_went(
    project: Path,
    write_notebook: WriteNotebook,
    cnsd_dir: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    write_notebook("01_a", "1 / 0")
    write_notebook("02_b", "print(source, seeds, n_train, training)", source="sample")
    options = ["--only", "02_b", "--source", cnsd_dir.name, "--seeds", "3, 4", "--out", "out"]
    settings = ["-p", "n_train=5", "-p", "training={batch_size: 8}"]
    assert main([*options, *settings]) == 0
    expected = f"{cnsd_dir} [3, 4] 5 {{'batch_size': 8}}\n"
    assert outputs(project / "out" / "notebooks" / "02_b.ipynb") == expected
    assert f"charts, tables and executed notebooks: {project / 'out'}" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "none"], "profile: unknown value 'none'"),
        (["--only", "09_z"], "notebook: unknown value '09_z'"),
        (["--seeds", "a,b"], "--seeds: expected whole numbers"),
        (["--source", "nowhere"], "nor a directory"),
        (["-p", "n_train"], "--parameter: expected NAME=VALUE"),
        (["-p", "n_trian=3"], "unknown parameter 'n_trian'"),
        (["-p", "n_train=three"], "n_train must be of type int"),
        (["-p", "n_train=[3"], "n_train"),
        (["-p", "n_train=9"], "8 sentences of the pool"),
    ],
)
def test_main_says_what_is_wrong_on_stderr_and_fails(
    project: Path,
    write_notebook: WriteNotebook,
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_notebook("01_a", "1 / 0")
    assert main([*arguments, "--out", str(project / "out")]) == 1
    error = capfd.readouterr().err
    assert error.startswith("study: ")
    assert said in error


def test_main_fails_where_the_output_folder_cannot_be_made(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    write_notebook("01_a")
    (project / "file").write_text("in the way")
    assert main(["--out", str(project / "file" / "out")]) == 1
    assert "study: " in capfd.readouterr().err


def test_an_unreachable_port_is_what_the_tests_take_for_the_hub() -> None:
    # If something listened there, every test without the hub would prove nothing.
    host, port = NO_HUB.removeprefix("http://").split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
