from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SENTENCES
from pandas.testing import assert_frame_equal
from scipy.stats import spearmanr

from simcse_core import NliTriplets, SentenceEncoder, TrainConfig, train_simcse, trained_cells
from simcse_core.baselines import BASELINES, EncodedText
from simcse_core.comparison import overview_differences, same_sizes
from simcse_core.config import Pooling
from simcse_core.data import StsPairs, StudyData, sample_sentences
from simcse_core.evaluation import evaluate_sts, look_up
from simcse_core.experiments import (
    Experiment,
    compare_encoders,
    sample_curves,
    train_epochs,
    train_sizes,
    untrained,
)
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.results import COLUMNS, read_table
from simcse_core.sources import DataError
from simcse_core.statistics import spearman, unpack_cosines
from simcse_core.training import train

METRICS = 3  # spearman, alignment, uniformity
SPLITS = 2


@pytest.fixture(scope="module")
def plan(bert_dir: Path) -> Plan:
    """The tiny BERT with steps large enough to see."""
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    return Plan(str(bert_dir), Pooling.MEAN, train)


def spearmans(frame: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    return frame[(frame["metric"] == "spearman") & (frame["split"] == split)]


def by_hand(encoder: SentenceEncoder, pairs: StsPairs) -> float:
    first, second = (
        encoder.encode(side).astype(np.float64) for side in (pairs.first, pairs.second)
    )
    products = np.sum(first * second, axis=1)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(spearmanr(np.round(products / lengths, 6), pairs.scores).statistic)


# --- without training ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the results of ``baselines`` and ``curve`` are kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def baselines(study_data: StudyData, plan: Plan, kept: Path) -> pd.DataFrame:
    return untrained(Experiment("01", study_data, [plan], [0, 1], kept), 20)


def test_every_method_and_pooling_is_scored_on_both_splits(baselines: pd.DataFrame) -> None:
    # 3 TF-IDFs, 4 poolings untrained, 4 whitened with each of 2 seeds, an IDF-weighted average.
    assert list(baselines.columns) == COLUMNS
    assert len(baselines) == (3 + 4 + 4 * 2 + 1) * SPLITS * METRICS
    assert baselines["method"].value_counts().to_dict() == {
        "tfidf-char": 6,
        "tfidf-char-bigram": 6,
        "tfidf-word": 6,
        "untrained": 24,
        "whitening": 48,
        "idf-mean": 6,
    }
    assert set(baselines["encoder"]) == {"none", "tiny-bert"}
    assert set(baselines["dataset"]) == {"tiny data"}


def test_an_untrained_score_is_the_encoders_own(
    baselines: pd.DataFrame, study_data: StudyData, bert_dir: Path
) -> None:
    rows = spearmans(baselines)
    for pooling in Pooling:
        encoder = SentenceEncoder.from_pretrained(bert_dir, pooling)
        found = rows[(rows["method"] == "untrained") & (rows["pooling"] == pooling.value)]
        assert found["value"].tolist() == pytest.approx([by_hand(encoder, study_data.test)])


def test_whitening_is_fitted_anew_for_each_seed(baselines: pd.DataFrame) -> None:
    rows = spearmans(baselines)
    rows = rows[(rows["method"] == "whitening") & (rows["pooling"] == "mean")]
    assert rows["seed"].tolist() == [0, 1]
    assert rows["value"].nunique() == 2


@pytest.fixture(scope="module")
def fitted(study_data: StudyData, plan: Plan, kept: Path) -> pd.DataFrame:
    rows = sample_curves(Experiment("02", study_data, [plan], [0, 1], kept), [16, 6])
    return rows[rows["kind"] == "fitted"].reset_index(drop=True)


def test_what_is_fitted_has_every_size_for_every_seed(fitted: pd.DataFrame) -> None:
    assert list(fitted.columns) == COLUMNS
    rows = spearmans(fitted)
    assert list(zip(rows["method"], rows["n_train"], rows["seed"], strict=True)) == [
        (method, n, seed)
        for method in ("tfidf-char", "idf-mean", "whitening")
        for seed in (0, 1)
        for n in (6, 16)
    ]
    assert set(rows["epoch"]) == {0.0}


def test_a_fitted_point_is_fitted_on_the_sentences_that_simcse_gets(
    fitted: pd.DataFrame, study_data: StudyData, plan: Plan
) -> None:
    sample = sample_sentences(study_data.pool.sentences, 6, seed=1)
    encoder = plan.load()
    sentences = [*study_data.held_out(), *sample]
    tokens = dict(zip(sentences, encoder.encode_tokens(sentences), strict=True))
    text = EncodedText(
        look_up(sentences, encoder.encode(sentences)),
        encoder.tokenize,
        lambda batch: [tokens[sentence] for sentence in batch],
    )
    rows = spearmans(fitted)
    rows = rows[(rows["n_train"] == 6) & (rows["seed"] == 1)].set_index("method")["value"]
    assert set(rows.index) == {"tfidf-char", "idf-mean", "whitening"}
    for method in rows.index:
        encode = BASELINES[method].fit(sample, text)
        value = evaluate_sts(encode, study_data.test, 10)["spearman"]
        assert rows[method] == pytest.approx(value, abs=1e-6), method


def test_kept_cosines_are_those_behind_each_spearman(
    fitted: pd.DataFrame, study_data: StudyData
) -> None:
    for split, pairs in {"dev": study_data.dev, "test": study_data.test}.items():
        for row in spearmans(fitted, split).itertuples():
            assert spearman(unpack_cosines(row.cosines), pairs.scores) == row.value


def test_sample_curves_are_what_is_trained_and_what_is_fitted(
    curve: pd.DataFrame, fitted: pd.DataFrame, study_data: StudyData, plan: Plan, kept: Path
) -> None:
    both = sample_curves(Experiment("02", study_data, [plan], [0, 1], kept), [6, 16])
    assert_frame_equal(both, pd.concat([curve, fitted], ignore_index=True))


# --- trained ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curve(study_data: StudyData, plan: Plan, kept: Path) -> pd.DataFrame:
    return train_sizes(Experiment("02", study_data, [plan], [0, 1], kept), [6, 16])


def test_a_curve_has_every_size_and_the_untrained_encoder_for_each_seed(
    curve: pd.DataFrame,
) -> None:
    assert list(curve.columns) == COLUMNS
    rows = spearmans(curve)
    assert rows["n_train"].tolist() == [0, 6, 16] * 2
    assert rows["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert rows["method"].tolist() == ["untrained", "unsup-simcse", "unsup-simcse"] * 2
    assert rows["epoch"].tolist() == [0.0, 1.0, 1.0] * 2
    assert (rows["ci_low"] <= rows["ci_high"]).all()


def test_a_point_of_the_curve_is_a_separate_run_on_the_seeds_own_sample(
    curve: pd.DataFrame, study_data: StudyData, plan: Plan
) -> None:
    rows = spearmans(curve)
    for seed in (0, 1):
        encoder = plan.load()
        sample = sample_sentences(study_data.pool.sentences, 6, seed)
        train_simcse(encoder, sample, replace(plan.train, seed=seed))
        found = rows[(rows["seed"] == seed) & (rows["n_train"] == 6)]["value"]
        assert found.tolist() == pytest.approx([by_hand(encoder, study_data.test)], abs=1e-12)


def test_the_order_of_sizes_does_not_matter(
    curve: pd.DataFrame, study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    turned = train_sizes(Experiment("02", study_data, [plan], [0, 1], tmp_path), [16, 6])
    assert_frame_equal(turned, curve)


def test_epochs_are_counted_from_the_untrained_encoder_on(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    rows = spearmans(train_epochs(Experiment("04", study_data, [plan], [0], tmp_path), 8, 3))
    assert rows["epoch"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert rows["n_train"].tolist() == [0, 8, 8, 8]
    assert rows["value"].nunique() > 1


def test_encoders_are_compared_before_and_after_and_the_last_with_labels(
    study_data: StudyData, plan: Plan, encoder_dir: Callable[[str], Path], tmp_path: Path
) -> None:
    other = replace(plan, encoder=str(encoder_dir("electra")))
    run = Experiment("05", study_data, [other, plan], [0, 1], tmp_path)
    table, fitted = compare_encoders(run, 12)
    rows = spearmans(table)
    assert list(zip(rows["encoder"], rows["method"], rows["n_train"], strict=True)) == [
        *[("tiny-electra", "untrained", 0), ("tiny-electra", "unsup-simcse", 12)] * 2,
        *[("tiny-bert", "untrained", 0), ("tiny-bert", "unsup-simcse", 12)] * 2,
        *[("tiny-bert", "sup-simcse", 4)] * 2,  # 4 triplets are 12 sentences
    ]
    assert set(zip(fitted["encoder"], fitted["method"], fitted["n_train"], strict=True)) == {
        ("none", "tfidf-char", 12),
        ("tiny-bert", "idf-mean", 12),
        ("tiny-bert", "whitening", 12),
    }


def test_what_a_curve_measured_is_not_trained_again(
    study_data: StudyData, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, _ = compare_encoders(Experiment("05", study_data, [plan], [0, 1], tmp_path / "a"), 12)
    sample_curves(Experiment("02", study_data, [plan], [0, 1], tmp_path), [4, 6, 12])
    trained: list[str] = []

    def noting(encoder: SentenceEncoder, objective: object, *rest: object) -> pd.DataFrame:
        trained.append(next(name for name, row in OBJECTIVES.items() if row is objective))
        return train(encoder, objective, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trained_cells, "train", noting)
    table, _ = compare_encoders(Experiment("05", study_data, [plan], [0, 1], tmp_path), 12)
    assert trained == ["sup-simcse"] * 2
    assert_frame_equal(table, alone)


def test_supervised_training_is_measured_on_the_way(
    study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("05", study_data, [plan], [0], tmp_path)
    rows = spearmans(compare_encoders(run, 21, [3, 7, 9, 12, 5000])[0])
    supervised = rows[rows["method"] == "sup-simcse"]
    assert supervised["n_train"].tolist() == [2, 3, 4, 7]  # triplets
    assert supervised["epoch"].tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("n_triplets", "n_train"), [(0, 8), (2, 12), (8, 5)], ids=["none", "too few", "one a batch"]
)
def test_without_triplets_enough_nothing_is_trained_with_labels(
    study_data: StudyData, plan: Plan, tmp_path: Path, n_triplets: int, n_train: int
) -> None:
    few = study_data.triplets and NliTriplets(
        study_data.triplets.anchor[:n_triplets],
        study_data.triplets.positive[:n_triplets],
        study_data.triplets.hard_negative[:n_triplets],
    )
    data = replace(study_data, triplets=few if n_triplets else None)
    table, _ = compare_encoders(Experiment("05", data, [plan], [0], tmp_path), n_train)
    assert set(table["method"]) == {"untrained", "unsup-simcse"}


# --- kept results ----------------------------------------------------------------------------


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a kept result was computed again")


def test_a_second_call_trains_nothing_and_gives_the_same(
    curve: pd.DataFrame,
    study_data: StudyData,
    plan: Plan,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trained_cells, "train", refuse)
    again = train_sizes(Experiment("02", study_data, [plan], [0, 1], kept), [6, 16])
    assert_frame_equal(again, curve)


def test_a_second_call_encodes_no_baseline_again_and_gives_the_same(
    baselines: pd.DataFrame,
    study_data: StudyData,
    plan: Plan,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SentenceEncoder, "encode_poolings", refuse)
    again = untrained(Experiment("01", study_data, [plan], [0, 1], kept), 20)
    assert_frame_equal(again, baselines)


@pytest.fixture
def kept_curve(curve: pd.DataFrame, kept: Path, tmp_path: Path) -> Path:
    """A copy of the kept results, to change."""
    assert len(curve)
    return Path(shutil.copytree(kept, tmp_path / "kept"))


def test_another_seed_leaves_the_kept_seeds_alone(
    kept_curve: Path, study_data: StudyData, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []

    def note(encoder: SentenceEncoder, objective, sentences, config: TrainConfig, *rest):
        trained.append(config.seed)
        return train(encoder, objective, sentences, config, *rest)

    monkeypatch.setattr(trained_cells, "train", note)
    train_sizes(Experiment("02", study_data, [plan], [0, 1, 2], kept_curve), [6, 16])
    assert trained == [2]


@pytest.mark.parametrize("changed", ["data", "train"])
def test_what_changed_trains_afresh_and_is_named(
    changed: str,
    kept_curve: Path,
    study_data: StudyData,
    plan: Plan,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if changed == "data":
        study_data = replace(study_data, fingerprint="another")
    if changed == "train":
        plan = replace(plan, train=replace(plan.train, learning_rate=2e-3))
    train_sizes(Experiment("02", study_data, [plan], [0], kept_curve), [6, 16])
    assert f"because {changed} changed" in capsys.readouterr().out


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[], [6, 6], [1, 6], [6, 25]])
def test_bad_sizes_are_refused_before_training(
    sizes: list[int], study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"^sizes: .* the 24 sentences of the pool") as caught:
        train_sizes(Experiment("02", study_data, [plan], [0], tmp_path), sizes)
    assert str(sizes) in str(caught.value)


@pytest.mark.parametrize("n_train", [1, 25])
def test_a_bad_n_train_is_refused_by_that_name(
    n_train: int, study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("04", study_data, [plan], [0], tmp_path)
    with pytest.raises(DataError, match=r"^n_train: .* the 24 sentences of the pool"):
        train_epochs(run, n_train, 2)
    with pytest.raises(DataError, match=r"^n_train: .* the 24 sentences of the pool"):
        compare_encoders(run, n_train)


@pytest.mark.parametrize("seeds", [[], [-1], [0, 0]])
def test_bad_seeds_are_refused_before_anything(
    seeds: list[int], study_data: StudyData, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="seeds: distinct numbers from 0 up"):
        Experiment("02", study_data, [], seeds, tmp_path)


def test_a_second_objective_stands_beside_the_first_on_the_same_samples(
    curve: pd.DataFrame, study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("02", study_data, [plan], [0, 1], tmp_path)
    both = train_sizes(run, [6, 16], ["unsup-simcse", "esimcse"])
    assert both["method"].unique().tolist() == ["untrained", "unsup-simcse", "esimcse"]
    assert set(both.loc[both["method"] == "esimcse", "kind"]) == {"trained"}
    assert_frame_equal(
        both[both["method"] != "esimcse"].reset_index(drop=True), curve, check_like=True
    )


def test_the_tiny_data_keeps_dev_and_test_out_of_the_pool(study_data: StudyData) -> None:
    held_out = {*study_data.dev.sentences(), *study_data.test.sentences()}
    assert not held_out & set(study_data.pool.sentences)
    assert len(held_out) + len(study_data.pool.sentences) == len(SENTENCES)


# --- encoders of others ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_ready_made(
    study_data: StudyData, plan: Plan, encoder_dir: Callable[[str], Path], kept: Path
) -> Experiment:
    """The run with an encoder of others beside it, under two poolings, so that there are two."""
    run = Experiment("02", study_data, [plan], [0, 1], kept)
    other = str(encoder_dir("electra"))
    return run.beside([{"encoder": other, "pooling": pooling} for pooling in ("cls", "mean")])


def others(run: Experiment) -> list[str]:
    return [plan.stamp["encoder"] for plan in run.ready_made]


@pytest.fixture(scope="module")
def overview(with_ready_made: Experiment) -> tuple[pd.DataFrame, pd.DataFrame]:
    return compare_encoders(with_ready_made, 12, [6])


def test_encoders_of_others_are_scored_as_they_are_and_timed(
    with_ready_made: Experiment,
    study_data: StudyData,
    encoder_dir: Callable[[str], Path],
) -> None:
    rows = sample_curves(with_ready_made, [6, 16])
    made = rows[rows["kind"] == "ready-made"]
    assert list(dict.fromkeys(made["encoder"])) == others(with_ready_made)
    assert set(made["method"]) == {"ready-made"}
    assert set(made["n_train"]) == {0}
    for pooling in ("cls", "mean"):
        encoder = SentenceEncoder.from_pretrained(encoder_dir("electra"), pooling)
        found = spearmans(made[made["pooling"] == pooling])
        assert found["value"].tolist() == pytest.approx([by_hand(encoder, study_data.test)])
    speed = made[made["metric"] == "sentences_per_second"]
    assert speed["split"].tolist() == ["dev", "dev"]
    assert (speed["value"] > 0).all()
    assert made["value"].notna().all()


def test_what_is_studied_is_the_same_with_and_without_encoders_of_others(
    with_ready_made: Experiment, study_data: StudyData, plan: Plan, kept: Path
) -> None:
    alone = sample_curves(Experiment("02", study_data, [plan], [0, 1], kept), [6, 16])
    beside = sample_curves(with_ready_made, [6, 16])
    studied = beside[beside["kind"] != "ready-made"].reset_index(drop=True)
    assert_frame_equal(studied, alone)


def test_an_encoder_of_others_is_never_the_last_one_that_is_compared(
    overview: tuple[pd.DataFrame, pd.DataFrame], study_data: StudyData
) -> None:
    differences = overview_differences(*overview, study_data)
    assert set(differences["encoder"]) == {"tiny-bert"}
    assert "ready-made" not in {*differences["after"], *differences["before"]}
    assert {"untrained", "tfidf-char", "whitening"} <= set(differences["before"])


def test_encoders_of_others_stand_at_every_size_of_the_table_of_methods(
    with_ready_made: Experiment, overview: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    small = sample_curves(with_ready_made, [6, 16])
    table = same_sizes(small, small.iloc[:0], pd.concat(overview), [6, 16])
    made = table[(table["kind"] == "ready-made") & (table["split"] == "test")]
    assert list(zip(made["n_sentences"], made["encoder"], strict=True)) == [
        (n, encoder) for n in (6, 16) for encoder in others(with_ready_made)
    ]
    assert made["mean"].groupby(made["encoder"]).nunique().tolist() == [1, 1]


def test_what_stands_beside_is_stamped_on_the_tables_and_its_cells_are_kept(
    with_ready_made: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = sample_curves(with_ready_made, [6, 16])
    with_ready_made.table("02_small_sample", rows)
    _, stamped = read_table(with_ready_made.output_dir, "02_small_sample")
    assert [made["encoder"] for made in stamped["ready_made"]] == others(with_ready_made)
    first = rows[rows["kind"] == "ready-made"]
    again = sample_curves(with_ready_made, [6, 16])
    # A time that is measured twice is not the same twice.
    assert_frame_equal(again[again["kind"] == "ready-made"], first)
    capsys.readouterr()
    assert with_ready_made.beside([]).ready_made == []
    assert capsys.readouterr().out == ""
