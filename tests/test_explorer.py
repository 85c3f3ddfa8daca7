"""What the explorer answers, by hand on small vectors and on a tiny encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SENTENCES
from hypothesis import given
from hypothesis import strategies as st

from simcse_core import SentenceEncoder, TrainConfig, sample_sentences
from simcse_core.data import StsPairs, StudyData
from simcse_core.errors import DataError, ParameterError
from simcse_core.experiment import Experiment
from simcse_core.explorer.experiment import (
    MOST_CHARACTERS,
    N_NEIGHBOURS,
    Explorer,
    ExplorerExperiment,
    Trouble,
    Way,
    compare,
    neighbours,
    open_explorer,
    read,
    reference_pairs,
)
from simcse_core.explorer.widgets import (
    Answering,
    answer_one,
    answer_two,
    slide,
    type_one,
    type_two,
)
from simcse_core.parameters import checked
from simcse_core.plans import make_plan
from simcse_core.report.notebook_pages import WIDGET
from simcse_core.results import code_fingerprint, import_closure, read_table
from simcse_core.training import train_simcse

pytestmark = pytest.mark.usefixtures("english_again")


def an_experiment(data: StudyData, folder: Path, bert_dir: Path) -> Experiment:
    plan = make_plan(bert_dir, "mean", {"batch_size": 8, "learning_rate": 1e-2})
    return ExplorerExperiment("08_explore", data, [plan], [0], folder)


@pytest.fixture(scope="module")
def run(
    study_data: StudyData, tmp_path_factory: pytest.TempPathFactory, bert_dir: Path
) -> Experiment:
    return an_experiment(study_data, tmp_path_factory.mktemp("out"), bert_dir)


@pytest.fixture(scope="module")
def explorer(run: Experiment) -> Explorer:
    return open_explorer(run, [8, 20], 12)


@pytest.fixture(scope="module")
def without_labels(
    study_data: StudyData, tmp_path_factory: pytest.TempPathFactory, bert_dir: Path
) -> Explorer:
    none = StsPairs([], [], np.zeros(0))
    data = replace(study_data, dev=none, test=none)
    return open_explorer(an_experiment(data, tmp_path_factory.mktemp("text"), bert_dir), [8], 12)


# --- by hand ---------------------------------------------------------------------------------

PLANE = {"东": (1.0, 0.0), "东北": (0.6, 0.8), "北": (0.0, 1.0), "西": (-1.0, 0.0), "无": (0, 0)}


def by_hand(labels: np.ndarray | None) -> Explorer:
    """One method whose vectors lie in a plane, ten reference pairs with cosines 0, 0.1, ..."""

    def encode(sentences: list[str]) -> np.ndarray:
        return np.array([PLANE[s] for s in sentences])

    pool = ["东", "北", "西", "东北"]
    way = Way(encode, lambda s: encode([s, *pool]), np.arange(10) / 10)
    return Explorer(None, {"untrained": way}, pool, labels, 0, pd.DataFrame(), pd.DataFrame())


def test_a_cosine_has_its_place_among_the_reference_pairs() -> None:
    labels = np.array([0, 0, 0, 0, 0, 5, 5, 5, 5, 5.0])
    (row,) = compare(by_hand(labels), "东", "东北").itertuples()
    assert row.cosine == pytest.approx(0.6)
    assert row.below == pytest.approx(0.6)  # 0.0 to 0.5 are lower, and what is equal is not
    assert row.label == 2.5  # fewer than the twenty nearest: the median of all ten


def test_without_labels_there_is_a_place_and_no_label() -> None:
    (row,) = compare(by_hand(None), "东", "西").itertuples()
    assert (row.cosine, row.below) == (-1.0, 0.0)
    assert np.isnan(row.label)


def test_a_zero_vector_has_neither_cosine_nor_neighbours() -> None:
    (row,) = compare(by_hand(np.zeros(10)), "东", "无").itertuples()
    assert np.isnan([row.cosine, row.below, row.label]).all()
    assert neighbours(by_hand(None), "无").empty


def test_neighbours_come_by_cosine_and_the_text_itself_is_none() -> None:
    found = neighbours(by_hand(None), "东")
    assert list(found["sentence"]) == ["东北", "北", "西"]
    assert list(found["cosine"]) == pytest.approx([0.6, 0.0, -1.0])
    assert list(found["rank"]) == [1, 2, 3]


# --- an encoder ------------------------------------------------------------------------------


def test_each_way_encodes_as_a_plain_run_does(explorer: Explorer, run: Experiment) -> None:
    plain = SentenceEncoder.from_pretrained(run.plans[0].encoder, "mean")
    some = list(SENTENCES[:4])
    np.testing.assert_array_equal(explorer.ways["untrained"].encode(some), plain.encode(some))
    drawn = sample_sentences(run.data.pool.sentences, 20, 0)
    train_simcse(plain, drawn, TrainConfig(batch_size=8, learning_rate=1e-2, dropout=0.3))
    np.testing.assert_allclose(
        explorer.ways["unsup-simcse"].encode(some), plain.encode(some), atol=1e-6
    )
    assert explorer.n_train == 20


def test_tfidf_is_counted_on_what_was_trained_on(explorer: Explorer, run: Experiment) -> None:
    drawn = sample_sentences(run.data.pool.sentences, 20, 0)
    seen = next(character for character in drawn[0] if not character.isspace())
    weights = explorer.ways["tfidf-char"].encode([seen + "囧"])[0]
    rarest = np.log(1 + 20) + 1  # of what is in none of them
    assert sorted(weights)[1] == pytest.approx(rarest / np.hypot(rarest, _idf(seen, drawn)))


def _idf(character: str, sentences: list[str]) -> float:
    df = sum(character in sentence for sentence in sentences)
    return float(np.log((1 + len(sentences)) / (1 + df)) + 1)


def test_along_training_are_rows_and_points_of_every_checkpoint(explorer: Explorer) -> None:
    assert list(dict.fromkeys(explorer.rows["n_train"])) == [0, 8, 20]
    assert set(explorer.rows["split"]) == {"dev"}  # what is looked at is never test
    assert {"spearman", "cosine, same meaning", "cosine, unrelated"} <= set(explorer.rows["metric"])
    assert sorted(set(explorer.points["n_train"])) == [0, 8, 20]
    # 12 sentences are 6 pairs with labels 0 to 5: one of each end, two sentences, three points.
    assert len(explorer.points) == 2 * 2 * 3


def test_mean_cosines_are_those_of_the_pairs_of_one_label(
    explorer: Explorer, run: Experiment
) -> None:
    vectors = explorer.ways["untrained"].encode([run.data.dev.first[5], run.data.dev.second[5]])
    one, other = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = explorer.rows[explorer.rows["metric"] == "cosine, same meaning"]
    assert rows["value"].iloc[0] == pytest.approx(one @ other, abs=1e-6)


def test_a_checkpoint_beyond_the_pool_is_refused(run: Experiment) -> None:
    with pytest.raises(DataError, match="checkpoints: distinct numbers from 2 to the 24"):
        open_explorer(run, [8, 25], 12)


def test_text_without_labels_is_held_against_random_pairs_of_it(
    without_labels: Explorer, study_data: StudyData
) -> None:
    assert without_labels.labels is None
    assert set(without_labels.rows["metric"]) == {"uniformity"}
    assert set(without_labels.points["label"]) == {"no label"}
    data = replace(study_data, dev=StsPairs([], [], np.zeros(0)))
    random = reference_pairs(data, 0)
    assert {*random.first, *random.second} <= set(study_data.pool.sentences)
    assert not [1 for a, b in zip(random.first, random.second, strict=True) if a == b]
    assert "random pairs" in answer_two(without_labels, SENTENCES[0], SENTENCES[1])


# --- typing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", Trouble.EMPTY),
        (" \n\u3000\t", Trouble.EMPTY),
        ("看" * (MOST_CHARACTERS + 1), Trouble.LONG),
        ("囧囧囧", Trouble.UNKNOWN),
        ("\x00", Trouble.UNKNOWN),
        ("\ud83d", Trouble.UNKNOWN),
        ("我喝茶", None),
        ("看" * MOST_CHARACTERS, None),
        ("我囧", None),
    ],
)
def test_what_cannot_be_compared_is_said(
    explorer: Explorer, text: str, trouble: Trouble | None
) -> None:
    assert read(explorer, text).trouble == trouble


def test_tokens_are_those_that_the_encoder_reads(explorer: Explorer) -> None:
    typed = read(explorer, "我 囧茶")
    assert [(token.text, token.known) for token in typed.tokens] == [
        ("我", True),
        ("囧", False),
        ("茶", True),
    ]
    longest = explorer.encoder.max_seq_length
    typed = read(explorer, "茶" * 100)
    assert (len(typed.tokens), typed.n_cut) == (longest - 2, 102 - longest)


def test_a_prefix_is_no_part_of_what_was_typed(explorer: Explorer, bert_dir: Path) -> None:
    with_prefix = SentenceEncoder.from_pretrained(bert_dir, "mean", prefix="我今天")
    typed = read(replace(explorer, encoder=with_prefix), "囧")
    assert [token.text for token in typed.tokens] == ["囧"]
    assert typed.trouble is Trouble.UNKNOWN


@pytest.mark.parametrize("language", ["en", "zh"])
@given(st.text(), st.text())
def test_whatever_is_typed_there_is_an_answer(
    explorer: Explorer, language: str, one: str, other: str
) -> None:
    assert answer_two(explorer, one, other, language)
    assert answer_one(explorer, one, language)


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>我", "**我** | `茶`", "$我$ &lt;茶"])
def test_typed_text_is_shown_and_never_followed(explorer: Explorer, text: str) -> None:
    shown = type_one(explorer, text).box.children[-1].value
    assert "<img" not in shown
    assert "&amp;lt;" in shown or "lt;" not in text
    assert "<strong>我</strong>" not in shown
    assert "<code>" not in shown


# --- widgets ---------------------------------------------------------------------------------


def fields(shown: Answering) -> list:
    """The fields of text, which stand above the answer."""
    return list(shown.box.children[:-1])


def test_the_answer_follows_what_is_typed(explorer: Explorer) -> None:
    shown = type_two(explorer, "我喝茶", "老师喝茶")
    first, second = fields(shown)
    answer = shown.box.children[-1]
    assert "<table" in answer.value
    first.value = ""
    assert "type a sentence" in answer.value
    assert "<table" not in answer.value
    first.value = second.value
    assert answer.value.count(">1.000<") == 3  # one text twice, by each method


def test_neighbours_follow_what_is_typed(explorer: Explorer) -> None:
    shown = type_one(explorer, "囧", "zh")
    assert "一个字也不认识" in shown.box.children[-1].value
    fields(shown)[0].value = "我喝茶"
    assert shown.box.children[-1].value.count("<tr>") == 1 + N_NEIGHBOURS


def test_the_slider_shows_each_point_of_training(explorer: Explorer) -> None:
    shown = slide(explorer)
    slider, picture = shown.box.children
    assert [value for _, value in slider.options] == [0, 8, 20]
    pictures = set()
    for _, value in slider.options:
        slider.value = value
        pictures.add(bytes(picture.value))
    assert len(pictures) == 3
    assert all(png.startswith(b"\x89PNG") for png in pictures)


@pytest.mark.parametrize("make", [type_one, type_two, slide])
def test_without_a_kernel_there_is_text(explorer: Explorer, make: Callable) -> None:
    texts = {type_one: ["我喝茶"], type_two: ["我喝茶", "老师喝茶"], slide: []}[make]
    bundle = make(explorer, *texts)._repr_mimebundle_()
    assert WIDGET in bundle
    assert bundle["text/markdown"] == bundle["text/plain"]
    assert len(bundle["text/markdown"]) > 40


@pytest.mark.parametrize("typed", ["abc", ["一", "二"], ["一", 2, "三"], ["一"] * 4])
def test_there_are_three_fields_for_three_texts(typed: object) -> None:
    with pytest.raises(ParameterError, match="typed"):
        checked({"typed": typed})


def test_a_field_may_be_empty_at_first() -> None:
    assert checked({"typed": ["", "", ""]}) == {"typed": ["", "", ""]}


def test_a_table_is_stamped_with_the_code_that_made_it(run: Experiment, explorer: Explorer) -> None:
    run.table("08_checkpoints", explorer.rows)
    _, stamp = read_table(run.output_dir, "08_checkpoints")
    assert stamp["code"] == code_fingerprint("simcse_core.explorer.cells")
    named = import_closure(["simcse_core.explorer.cells"])
    assert {"simcse_core.training", "simcse_core.explorer.plane", "simcse_core.evaluation"} <= named
    assert not [name for name in named if name.startswith("simcse_core.report")]
