"""Several sources measured: the numbers of each by itself, and refusals that name the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simcse_core import SentenceEncoder, trained_cells
from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import StudyData, sample_sentences
from simcse_core.errors import DataError, ParameterError
from simcse_core.evaluation import evaluate_sts
from simcse_core.plans import Plan
from simcse_core.recipes import PLAIN, RECIPES
from simcse_core.results import read_table
from simcse_core.sets import cells as set_cells
from simcse_core.sets.cells import trajectory
from simcse_core.sets.data import SetData, Sets, set_apart
from simcse_core.sets.experiments import SetsExperiment, measure_sets, sets_cells
from simcse_core.sources import SAMPLE_NAME
from simcse_core.training import TrainingError, train_simcse

TRAIN = {"batch_size": 4, "learning_rate": 1e-3}


@pytest.fixture
def data(study_data: StudyData) -> SetData:
    return set_apart(study_data, 0, 6)


@pytest.fixture
def sets(study_data: StudyData) -> Sets:
    other = replace(study_data, name="other", fingerprint="0123")
    return Sets.of([set_apart(one, 0, 6) for one in (study_data, other)])


def opened(sets: Sets, bert_dir: Path, folder: Path, **changes: Any) -> SetsExperiment:
    own: dict[str, Any] = {"encoders": [str(bert_dir)], "seeds": [0], "sizes": [4, 8]}
    own |= {"pooling": ["cls", "mean"], "training": TRAIN, "recipe_encoders": []}
    return SetsExperiment.on(sets, "09_elsewhere", **(own | changes), output_dir=folder)


def test_a_trajectory_scores_what_training_on_so_many_sentences_gives(
    data: SetData, bert_dir: Path
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN, seed=3))
    rows = trajectory(data, plan, PLAIN, [4, 8])
    test = rows[(rows["split"] == "test") & (rows["metric"] == "spearman")]
    own = test.set_index(["method", "n_train"])["value"]
    assert own["untrained", 0] == evaluate_sts(plan.load().encode, data.test)["spearman"]
    encoder = plan.load()
    train_simcse(encoder, sample_sentences(data.pool.sentences, 4, 3), plan.train)
    assert own[PLAIN, 4] == evaluate_sts(encoder.encode, data.test)["spearman"]
    assert set(test["method"]) == {"untrained", PLAIN, "simcse-whitening"}
    assert set(test.loc[test["n_train"] == 8, "kind"]) == {"trained"}


def test_probes_views_and_the_loss_stand_beside_each_point(data: SetData, bert_dir: Path) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN))
    rows = trajectory(data, plan, PLAIN, [4, 8])
    told = rows[(rows["split"] == "held-out") & rows["method"].isin(["untrained", PLAIN])]
    counts = told.groupby("metric")["n_train"].apply(lambda n: sorted(n))
    assert counts["views"] == [0, 4, 8]
    assert counts["loss"] == [4, 8]
    assert counts["halves"] == counts["pairs"] == [0, 4, 8]


def test_runs_that_begin_alike_encode_their_beginning_once(
    data: SetData, bert_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = SentenceEncoder.encode_poolings

    def noting(self: SentenceEncoder, texts: list[str], poolings: list[Pooling], *rest: Any) -> Any:
        encoded.append(len(poolings))
        return encode(self, texts, poolings, *rest)

    monkeypatch.setattr(SentenceEncoder, "encode_poolings", noting)
    monkeypatch.setattr(trained_cells, "_UNTRAINED", {})
    for pooling in (Pooling.CLS, Pooling.MEAN):
        for seed in (0, 1):
            trajectory(
                data, Plan(str(bert_dir), pooling, TrainConfig(**TRAIN, seed=seed)), PLAIN, [4]
            )
    assert sum(n > 1 for n in encoded) == 1


@pytest.mark.parametrize("name", [name for name in RECIPES if name != PLAIN])
def test_every_recipe_gives_a_value_at_every_size_and_none_at_the_start(
    data: SetData, bert_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    general = ["天晴了", "下雨了", "我们走", "他们来", "看电影", "吃早饭", "写文章", "去公园"]
    monkeypatch.setattr(set_cells, "load_sentences", lambda _: general)
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN))
    rows = trajectory(data, plan, name, [4, 8])
    test = rows[(rows["split"] == "test") & (rows["metric"] == "spearman")]
    assert dict(zip(test["n_train"], test["method"], strict=True)) == {4: name, 8: name}
    assert test["value"].notna().all()


def test_three_slower_epochs_on_four_sentences_are_a_run_of_their_own(
    data: SetData, bert_dir: Path
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN))
    rows = trajectory(data, plan, "simcse-slower", [4, 8])
    encoder, sample = plan.load(), sample_sentences(data.pool.sentences, 4, 0)
    train_simcse(encoder, sample, RECIPES["simcse-slower"].config(plan.train))
    test = rows[(rows["split"] == "test") & (rows["metric"] == "spearman")]
    expected = evaluate_sts(encoder.encode, data.test)["spearman"]
    assert test.set_index("n_train")["value"][4] == expected


def test_general_sentences_stand_between_ones_own_and_in_no_part_of_the_data(
    data: SetData, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [data.dev.first[0], data.pool.sentences[0], data.unlabelled[0]]
    general = [*known, "天晴了", "下雨了", "我们走"]
    monkeypatch.setattr(set_cells, "load_sentences", lambda _: general)
    mixed = set_cells._with_general(["甲", "乙"], data, 1, seed=0)
    assert mixed[::2] == ["甲", "乙"]
    assert set(mixed[1::2]) < set(general[3:])
    assert len(set(mixed)) == 4


def test_each_source_has_the_rows_that_it_has_by_itself(
    sets: Sets, bert_dir: Path, tmp_path: Path
) -> None:
    both = measure_sets(opened(sets, bert_dir, tmp_path / "both"), [PLAIN])
    alone = opened(Sets.of([sets.every[0]]), bert_dir, tmp_path / "alone")
    mine = measure_sets(alone, [PLAIN])
    first = both[both["dataset"] == sets.every[0].name].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, mine)
    assert set(both["dataset"]) == {one.name for one in sets.every}
    methods = {"tfidf-char", "idf-mean", "whitening", "untrained", PLAIN}
    assert methods < set(both["method"])
    named = both[(both["method"] == "tfidf-char") & (both["metric"] == "halves")]
    assert sorted(set(named["n_train"])) == [4, 8]


def test_what_is_kept_is_not_computed_again(
    sets: Sets, bert_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(sets, bert_dir, tmp_path)
    first = measure_sets(run, [PLAIN])
    monkeypatch.setattr(set_cells, "measure_set", lambda _: pytest.fail("measured again"))
    pd.testing.assert_frame_equal(measure_sets(run, [PLAIN]), first)


def test_a_table_of_several_sources_names_them_all(
    sets: Sets, bert_dir: Path, tmp_path: Path
) -> None:
    run = opened(sets, bert_dir, tmp_path)
    run.table("09_elsewhere", pd.DataFrame({"dataset": [one.name for one in sets.every]}))
    stamp = read_table(tmp_path, "09_elsewhere")[1]
    assert stamp["datasets"] == [one.name for one in sets.every]
    assert stamp["dataset"] == ", ".join(stamp["datasets"])
    assert {plan["pooling"] for plan in stamp["plans"]} == {"cls", "mean"}


def test_the_sample_is_not_mixed_with_itself(sets: Sets, bert_dir: Path, tmp_path: Path) -> None:
    sample = replace(sets.every[0], name=SAMPLE_NAME)
    run = opened(Sets.of([sample]), bert_dir, tmp_path)
    assert "simcse-mixed" not in set(measure_sets(run, [PLAIN, "simcse-mixed"])["method"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sizes": [4, 99]}, "sizes: distinct numbers from 2 to the 18 sentences"),
        ({"seeds": [0, 0]}, "seeds: distinct numbers"),
    ],
)
def test_what_a_source_cannot_give_is_refused_with_its_name(
    sets: Sets, bert_dir: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        opened(sets, bert_dir, tmp_path, **changes)


@pytest.mark.parametrize(("sizes", "n"), [([4], 3), ([2, 8], 7), ([8], 0)])
def test_more_general_text_than_there_is_is_refused_before_anything_is_computed(
    sets: Sets,
    bert_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    n: int,
) -> None:
    general = [*sets.every[0].dev.first, *(f"{c}下" for c in "天地人日月星水"[:n])]
    monkeypatch.setattr(set_cells, "load_sentences", lambda _: general)
    run = opened(sets, bert_dir, tmp_path, sizes=sizes)
    said = f"recipes: simcse-mixed takes {max(sizes)} .* has {n} that are not in tiny data"
    with pytest.raises(ParameterError, match=said):
        sets_cells(run, [PLAIN, "simcse-mixed"])
    assert sets_cells(run, [PLAIN])


@pytest.mark.parametrize("name", [PLAIN, "esimcse", "simcse-slower"])
def test_a_loss_that_is_no_number_leaves_what_was_reached(
    data: SetData, bert_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def broken(*given: Any) -> None:
        measure, points = given[5], given[4]
        rows = measure(given[0]) if points[0] == 0 else []
        error = TrainingError("the loss is nan")
        error.measured = [{**row, "loss": None} for row in rows]
        raise error

    monkeypatch.setattr(set_cells, "train", broken)
    rows = trajectory(data, Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN)), name, [4, 8])
    assert set(rows["method"]) == ({"untrained"} if name == PLAIN else set())


def test_an_encoder_is_loaded_once_for_all_sources_poolings_seeds_and_recipes(
    sets: Sets, bert_dir: Path, tmp_path: Path, loaded_encoders: list[str]
) -> None:
    other = tmp_path / "other"
    SentenceEncoder.from_pretrained(bert_dir, "mean", max_seq_length=9).save(other)
    encoders = [str(bert_dir), str(other)]
    loaded_encoders.clear()
    own = {"encoders": encoders, "pooling": ["cls", "mean", "best"], "recipe_encoders": encoders}
    run = opened(sets, bert_dir, tmp_path, seeds=[0, 1], **own)
    assert "is the best pooling untrained" in run.describe()
    # Each source has text alone, and of each encoder what is fitted and two seeds of two recipes
    # under each pooling that is studied.
    assert len(sets_cells(run, [PLAIN, "simcse-slower"])) == sum(
        1 + 2 + 4 * len(one.plans) for one in run.runs
    )
    assert loaded_encoders == encoders


def test_a_trajectory_loads_an_encoder_for_each_of_its_runs_alone(
    data: SetData, bert_dir: Path, loaded_encoders: list[str]
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(**TRAIN), label="mine")
    rows = trajectory(data, plan, PLAIN, [4, 8])
    assert (loaded_encoders, set(rows["encoder"])) == ([str(bert_dir)], {"mine"})


def test_every_recipe_is_tried_on_the_encoders_that_are_named(
    sets: Sets, bert_dir: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    SentenceEncoder.from_pretrained(bert_dir, "mean", max_seq_length=9).save(other)
    named = {"encoders": [str(bert_dir), str(other)], "recipe_encoders": [str(other)]}
    run = opened(sets, bert_dir, tmp_path, pooling=["cls", "mean"], **named)
    cells = sets_cells(run, [PLAIN, "simcse-slower"])
    trained = [cell for cell in cells if "train" in cell.parts and cell.parts["dataset"] == "other"]
    tried = {(c.args[1].encoder, c.args[1].pooling, c.parts["method"]) for c in trained}
    tried_whole = {(str(other), p, m) for p in ("cls", "mean") for m in (PLAIN, "simcse-slower")}
    assert tried == tried_whole | {(str(bert_dir), p, PLAIN) for p in ("cls", "mean")}


def test_an_encoder_for_recipes_is_one_of_the_run(
    sets: Sets, bert_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="recipe_encoders: 'mini-bert' is none of encoders"):
        opened(sets, bert_dir, tmp_path, recipe_encoders=["mini-bert"])
