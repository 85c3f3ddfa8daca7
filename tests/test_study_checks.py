"""What is refused before anything starts: parameters, data, encoders, and what would not agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from conftest import NO_HUB
from notebooks_for_tests import planned, save_notebook, write_profile

from simcse_core.errors import StudyError
from simcse_core.study.checks import check_agreement
from simcse_core.study.notebooks import defaults
from simcse_core.study.profiles import plan_steps

WriteNotebook = Callable[..., Path]


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
