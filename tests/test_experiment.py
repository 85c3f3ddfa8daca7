"""What a notebook works with: what it opens, what it writes, and what it takes of others."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from simcse_core import SentenceEncoder, TrainConfig
from simcse_core.config import Pooling
from simcse_core.data import StudyData
from simcse_core.encoder_names import EncoderNameError
from simcse_core.errors import PlainError
from simcse_core.experiment import Experiment
from simcse_core.experiments import train_sizes
from simcse_core.folders import FolderError, only_run
from simcse_core.parameters import ParameterError
from simcse_core.plans import Plan, best_pooling
from simcse_core.results import TableError, read_table

Open = Callable[..., Experiment]


@pytest.fixture(scope="module")
def plan(bert_dir: Path) -> Plan:
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    return Plan(str(bert_dir), Pooling.MEAN, train)


@pytest.fixture
def open_run(cnsd_dir: Path, bert_dir: Path, tmp_path: Path) -> Open:
    """``open_run("02_b", seeds=[1])``: as a notebook opens its experiment."""

    def opened(name: str = "02_b", **changed: Any) -> Experiment:
        given = {
            "source": str(cnsd_dir),
            "extra_sentences": [],
            "hub": {},
            "encoders": [str(bert_dir)],
            "seeds": [0, 1],
            "output_dir": str(tmp_path / "out"),
            "language": "en",
        }
        return Experiment.open(name, **{**given, **changed})

    return opened


def other_weights(folder: Path, bert_dir: Path) -> Path:
    """A copy of the tiny BERT with other weights."""
    shutil.copytree(bert_dir, folder)
    encoder = SentenceEncoder.from_pretrained(bert_dir)
    with torch.no_grad():
        encoder.model.embeddings.word_embeddings.weight.mul_(1.5)
    encoder.model.save_pretrained(folder)
    return folder


FRAME = pd.DataFrame({"encoder": ["tiny-bert", "none"], "value": [0.5, 0.25]})

# --- opened ----------------------------------------------------------------------------------


def test_what_is_opened_is_told(open_run: Open, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run(sizes=[2, 4], pooling="mean", training={"batch_size": 4}, max_seq_length=12)
    said = capsys.readouterr().out
    assert "tiny-bert: mean pooling, batch 4" in said
    assert "cut at 12 tokens" in said
    assert said.endswith("seeds [0, 1] · sizes [2, 4]\n")
    assert (run.parameters, run.settings["max_seq_length"]) == ({"sizes": [2, 4]}, 12)


def test_what_is_opened_and_what_holds_is_told_in_the_language_of_the_run(
    open_run: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(language="zh")
    run.note("rows: 3", "- More data adds little")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not re.search("[\u4e00-\u9fff]", line)] == []
    assert lines[-2:] == ["行数：3", "- 更多数据几乎没有提升"]


def test_without_a_pooling_an_encoder_has_the_reports_and_its_best(
    open_run: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run()
    best = best_pooling(run.plans[0], run.data)
    assert run.protocols() == list(dict.fromkeys([("tiny-bert", "cls"), ("tiny-bert", best.value)]))
    assert f"tiny-bert: {best} is the best pooling untrained, on dev" in capsys.readouterr().out


def test_one_protocol_is_told_where_the_best_pooling_is_named_too(
    open_run: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    best = best_pooling(open_run().plans[0], open_run().data).value
    run = open_run(pooling=[best, "best"])
    assert run.protocols() == [("tiny-bert", best)]
    said = capsys.readouterr().out
    assert f"{best} is the best pooling untrained, on dev, and named too: one protocol\n" in said


def test_the_best_pooling_is_not_named_too_where_another_is_named_twice(
    open_run: Open, bert_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = best_pooling(open_run().plans[0], open_run().data).value
    other = "mean" if best != "mean" else "cls"
    SentenceEncoder.from_pretrained(bert_dir, other).save(tmp_path / "it")
    capsys.readouterr()
    run = open_run(encoders=[str(tmp_path / "it")], pooling=[other, "own", "best"])
    assert run.protocols() == [("it", other), ("it", best)]
    assert f"it: {best} is the best pooling untrained, on dev\n" in capsys.readouterr().out
    SentenceEncoder.from_pretrained(bert_dir, best).save(tmp_path / "its")
    open_run(encoders=[str(tmp_path / "its")], pooling=["own", "best"])
    assert f"{best} is the best pooling untrained, on dev, and named too" in capsys.readouterr().out


def test_what_is_asked_for_and_what_was_found_are_stamped(open_run: Open, tmp_path: Path) -> None:
    run = open_run(pooling=["cls", "best"])
    run.table("02_small", FRAME)
    stamp = read_table(tmp_path / "out", "02_small")[1]
    assert stamp["settings"]["pooling"] == ["cls", "best"]
    assert [(p["encoder"], p["pooling"]) for p in stamp["plans"]] == run.protocols()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seeds": "0, 1"}, "seeds: a list of whole numbers from 0"),
        ({"seeds": 1}, "seeds: a list"),
        ({"seeds": []}, "seeds: a list"),
        ({"seeds": [0, 0]}, "seeds: 0 stands there twice"),
        ({"sizes": "[50, 150]"}, "sizes: a list"),
        ({"encoders": "mini-bert"}, "encoders: a list"),
        ({"encoders": []}, "encoders: a list"),
        ({"pooling": "max"}, "pooling: unknown value 'max'"),
        ({"training": {"num_epochs": 3}}, "training: num_epochs has no effect here"),
        ({"training": {"seed": 7}}, "training: seed has no effect here"),
        ({"num_epochs": 0}, "num_epochs: a whole number from 1"),
        ({"language": "fr"}, "language: unknown value 'fr'"),
        ({"source": 3}, "source: "),
        ({"output_dir": 3}, "output_dir: "),
        ({"hub": {"sts": 5}}, "hub, sts: a text is needed, got 5"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused_before_anything(
    open_run: Open, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{said}"):
        open_run(**changed)
    assert not (tmp_path / "out").exists()


def test_what_is_opened_computes_with_the_threads_that_are_stamped(
    open_run: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked, threads in {"": 1, "2": 2}.items():
        monkeypatch.setenv("SIMCSE_THREADS", asked)
        torch.set_num_threads(3)
        open_run().table("02_small", FRAME)
        assert torch.get_num_threads() == threads
        assert read_table(tmp_path / "out", "02_small")[1]["threads"] == threads


def test_one_encoder_twice_is_refused(open_run: Open, bert_dir: Path) -> None:
    again = f"{bert_dir}/../{bert_dir.name}"
    with pytest.raises(EncoderNameError, match="are the same encoder; name it once"):
        open_run(encoders=[str(bert_dir), again])


def test_two_encoders_of_one_name_are_never_averaged_into_one(
    open_run: Open, bert_dir: Path, tmp_path: Path
) -> None:
    other = other_weights(tmp_path / "y" / bert_dir.name, bert_dir)
    run = open_run(encoders=[str(bert_dir), str(other)])
    rows = train_sizes(run, [4])
    assert rows["encoder"].nunique() == 2
    assert all(name.startswith("tiny-bert#") for name in rows["encoder"])


def test_results_without_a_folder_go_to_one_of_the_source(
    open_run: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcse_core.folders.PROJECT_ROOT", tmp_path / "clone")
    assert open_run(output_dir="").output_dir == tmp_path / "clone" / "runs" / "quick-cnsd"


def test_a_folder_of_somebody_is_refused_and_not_touched(open_run: Open, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "02_small_sample.csv").write_text("theirs")
    with pytest.raises(FolderError, match=r"holds 02_small_sample\.csv and was not made"):
        open_run()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["02_small_sample.csv"]


def test_a_folder_of_another_source_is_refused(
    open_run: Open, cnsd_dir: Path, tmp_path: Path
) -> None:
    open_run()
    other = Path(shutil.copytree(cnsd_dir, tmp_path / "other"))
    with pytest.raises(FolderError, match="holds the results of source cnsd"):
        open_run(source=str(other))


def test_whatever_is_refused_is_one_line_in_a_notebook() -> None:
    for error in (ParameterError, FolderError, TableError, EncoderNameError):
        assert issubclass(error, PlainError)
        assert error("sizes: no")._render_traceback_() == [f"{error.__name__}: sizes: no"]


# --- written ---------------------------------------------------------------------------------


def test_a_table_is_stamped_with_what_decides_it(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("02", study_data, [plan], [0, 1], tmp_path, {"n_train": 5})
    run.table("02_small", pd.DataFrame({"value": [0.5]}))
    stamp = read_table(tmp_path, "02_small")[1]
    assert (stamp["data"], stamp["dataset"]) == (study_data.fingerprint, "tiny data")
    assert (stamp["seeds"], stamp["parameters"]) == ([0, 1], {"n_train": 5})
    assert {"threads", "versions", "code"} <= set(stamp)
    (stamped,) = stamp["plans"]
    assert (stamped["encoder"], stamped["pooling"]) == ("tiny-bert", "mean")
    assert stamped["fingerprint"] == plan.load().fingerprint
    assert stamped["train"]["learning_rate"] == 1e-3
    assert "published" not in stamp  # nobody published anything on these pairs


def test_a_derived_table_names_the_tables_it_came_from_with_their_hashes(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("02", study_data, [plan], [0], tmp_path)
    for value in (0.5, 0.6):
        run.table("02_small", pd.DataFrame({"value": [value]}))
        run.table("02_differences", pd.DataFrame({"value": [0.1]}), made_from=["02_small"])
        found = hashlib.sha256((tmp_path / "02_small.csv").read_bytes()).hexdigest()
        assert read_table(tmp_path, "02_differences")[1]["made_from"] == {"02_small": found}


def test_charts_and_tables_call_a_local_encoder_by_its_folders_name(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    # As the results do; they are published, and a path of the machine says nothing to others.
    run = Experiment("02", study_data, [plan], [0], tmp_path)
    run.table("02_small", pd.DataFrame({"value": [0.5]}))
    stamp = str(read_table(tmp_path, "02_small")[1])
    assert "tiny-bert" in stamp
    assert plan.encoder not in stamp
    assert "tiny-bert: mean pooling" in run.describe()
    assert plan.encoder not in run.describe()


def test_what_is_run_is_told_with_how_much_is_cut(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    said = Experiment("02", study_data, [plan], [0, 1], tmp_path, {"sizes": [6]}).describe()
    assert "tiny data: 6 dev pairs, 6 test pairs" in said
    assert "cut at 64 tokens: 0 of the 24 sentences of dev and test" in said
    assert said.endswith("seeds [0, 1] · sizes [6]")


# --- read ------------------------------------------------------------------------------------


@pytest.fixture
def written(open_run: Open) -> Experiment:
    """Notebook 02 has written a table of the tiny BERT."""
    run = open_run("02_small", sizes=[2, 4], pooling="mean", training={"batch_size": 4})
    run.table("02_small", FRAME)
    return run


SAME = {"pooling": "mean", "training": {"batch_size": 4}}


def test_a_table_of_another_notebook_of_the_same_run_is_read(
    open_run: Open, written: Experiment
) -> None:
    found = open_run("05_summary", n_train=4, **SAME).read("02_small", "02_small")
    assert found.to_dict("list") == FRAME.to_dict("list")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pooling": "cls"}, "tiny-bert of pooling 'mean' instead of cls"),
        ({"pooling": ["cls", "pooler"]}, "tiny-bert of pooling 'mean' instead of cls, pooler"),
        ({"training": {"batch_size": 8}}, "tiny-bert of train"),
        ({"training": {"batch_size": 4, "learning_rate": 0.1}}, "tiny-bert of train"),
        ({"max_seq_length": 12}, "tiny-bert of fingerprint"),
        ({"seeds": [5]}, r"seeds \[0, 1\] instead of \[5\]"),
        ({"seeds": [1, 2]}, r"seeds \[0, 1\] instead of \[1, 2\]"),
    ],
)
def test_a_table_of_other_settings_is_refused(
    open_run: Open, written: Experiment, changed: dict[str, Any], said: str
) -> None:
    run = open_run("05_summary", **{**SAME, **changed})
    with pytest.raises(
        TableError, match=rf"^02_small\.csv was measured with {said}.*run notebooks/02_small"
    ) as caught:
        run.read("02_small", "02_small")
    assert "\n" not in str(caught.value)


def test_a_table_of_another_encoder_is_refused_and_one_of_several_is_read(
    open_run: Open, written: Experiment, bert_dir: Path, tmp_path: Path
) -> None:
    other = str(other_weights(tmp_path / "other-bert", bert_dir))
    with pytest.raises(TableError, match="another encoder: tiny-bert instead of other-bert"):
        open_run("05_summary", encoders=[other], **SAME).read("02_small", "02_small")
    both = open_run("05_summary", encoders=[other, str(bert_dir)], **SAME)
    assert len(both.read("02_small", "02_small")) == 2


def test_a_table_says_of_encoders_what_this_run_calls_them(
    open_run: Open, written: Experiment, bert_dir: Path, tmp_path: Path
) -> None:
    other = str(other_weights(tmp_path / "y" / bert_dir.name, bert_dir))
    run = open_run("05_summary", encoders=[other, str(bert_dir)], **SAME)
    found = run.read("02_small", "02_small")
    assert found["encoder"].tolist() == [run.plans[1].label, "none"]
    assert run.plans[1].label.startswith("tiny-bert#")


def test_a_notebook_that_trains_nothing_is_read_whatever_is_trained_here(open_run: Open) -> None:
    open_run("01_base", pooling=["cls", "mean"]).table("01_base", FRAME)
    both = {"pooling": ["cls", "mean"]}
    run = open_run("05_summary", **both, training={"batch_size": 8})
    assert len(run.read("01_base", "01_base")) == 2
    cut = open_run("05_summary", **both, max_seq_length=12)
    with pytest.raises(TableError, match="of fingerprint"):  # sentences of 64 tokens there
        cut.read("01_base", "01_base")


def test_a_table_of_one_of_two_poolings_is_read(open_run: Open, written: Experiment) -> None:
    run = open_run("05_summary", pooling=["cls", "mean"], training={"batch_size": 4})
    assert len(run.read("02_small", "02_small")) == 2


def test_a_table_of_other_data_is_refused(
    open_run: Open, written: Experiment, cnsd_dir: Path
) -> None:
    dev = cnsd_dir / "cnsd-sts-dev.txt"
    lines = dev.read_text("utf-8").splitlines(keepends=True)
    dev.write_text("".join(lines[:-1]), encoding="utf-8")  # moved to the first of test
    test = cnsd_dir / "cnsd-sts-test.txt"
    test.write_text(lines[-1] + test.read_text("utf-8"), encoding="utf-8")
    with pytest.raises(TableError, match=r"measured with other data: '\w+' instead of '\w+'"):
        open_run("05_summary", **SAME).read("02_small", "02_small")


def test_a_table_with_more_text_in_its_pool_is_of_the_same_data_if_that_is_what_it_says(
    open_run: Open, cnsd_dir: Path
) -> None:
    (cnsd_dir / "more.txt").write_text("今天下雨\n明天下雪\n", encoding="utf-8")
    open_run("03_large", extra_sentences=["more.txt"]).table("03_large", FRAME)
    run = open_run("05_summary")
    assert len(run.read("03_large", "03_large")) == 2
    (cnsd_dir / "more.txt").write_text("今天下雨\n明天下雹\n", encoding="utf-8")
    with pytest.raises(TableError, match="other data"):
        run.read("03_large", "03_large")


def test_a_table_of_other_code_is_refused(
    open_run: Open, written: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run("05_summary", **SAME)
    monkeypatch.setattr("simcse_core.results.code_fingerprint", lambda *_: "another")
    with pytest.raises(TableError, match="other code"):
        run.read("02_small", "02_small")


def test_a_table_that_another_notebook_wrote_is_refused(
    open_run: Open, written: Experiment
) -> None:
    open_run("03_large", **SAME).table("02_small", FRAME)
    with pytest.raises(TableError, match="another notebook: '03_large' instead of '02_small'"):
        open_run("05_summary", **SAME).read("02_small", "02_small")


@pytest.mark.parametrize(
    "content", ["encoder,value\ntiny-bert,0.9\n", "encoder,value\n", "", "\x00"]
)
def test_a_table_that_was_changed_by_hand_is_refused(
    open_run: Open, written: Experiment, tmp_path: Path, content: str
) -> None:
    (tmp_path / "out" / "02_small.csv").write_text(content, encoding="utf-8")
    with pytest.raises(TableError, match=r"02_small\.csv was changed .*; run notebooks/02_small"):
        open_run("05_summary", **SAME).read("02_small", "02_small")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "[" * 100_000])
def test_a_stamp_that_is_not_there_or_damaged_is_refused(
    open_run: Open, written: Experiment, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "out" / "02_small.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(TableError, match=r"02_small\.json .*; run notebooks/02_small"):
        open_run("05_summary", **SAME).read("02_small", "02_small")


def test_within_a_study_seeds_and_grids_are_those_of_its_plan(
    open_run: Open, written: Experiment, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = open_run("05_summary", **SAME)
    with only_run(out, {"02_small": {"seeds": [0, 1], "sizes": [2, 4]}}):
        assert len(run.read("02_small", "02_small")) == 2
    for changed in ({"seeds": [0]}, {"sizes": [2, 8]}, {"pooling": ["cls"]}):
        name = next(iter(changed))
        planned = {"02_small": {"seeds": [0, 1], **changed}}
        with only_run(out, planned), pytest.raises(TableError, match=name):
            run.read("02_small", "02_small")


def test_a_summary_records_the_hashes_of_what_it_read(
    open_run: Open, written: Experiment, tmp_path: Path
) -> None:
    run = open_run("05_summary", **SAME)
    run.read("02_small", "02_small")
    hash_ = hashlib.sha256((tmp_path / "out" / "02_small.csv").read_bytes()).hexdigest()
    written.table("02_small", FRAME.assign(value=0.9))  # after it was read
    run.table("05_claims", FRAME, made_from=["02_small"])
    stamp = json.loads((tmp_path / "out" / "05_claims.json").read_text("utf-8"))
    assert (stamp["read"], stamp["made_from"]) == ({"02_small": hash_}, {"02_small": hash_})


def test_a_table_is_not_written_into_a_folder_that_another_run_holds(
    open_run: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(open_run())
    monkeypatch.setattr("simcse_core.folders._held_for_us", lambda _: False)
    with only_run(tmp_path / "out"), pytest.raises(FolderError, match="is in use by process"):
        run.table("02_small", FRAME)
