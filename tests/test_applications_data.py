from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simcse_core.applications import data
from simcse_core.applications.data import Labelled, Pairs
from simcse_core.applications.inputs import InputError, check_labelled, check_texts

PAIRS = Pairs(
    ["a", "b", "d", "f", "x"], ["b", "c", "e", "f2", "a"], np.array([1, 1, 1, 0, 0], bool)
)


def test_the_bundled_faq_has_forty_questions_with_four_rewordings_each() -> None:
    faq = data.load_faq()
    assert len(faq.questions) >= 40
    assert np.bincount(faq.answers).tolist() == [4] * len(faq.questions)
    assert len({*faq.questions, *faq.queries}) == len(faq.questions) + len(faq.queries)


def test_the_bundled_intents_are_twenty_with_fifteen_utterances_each() -> None:
    sample = data.load_intents()
    counts = Counter(sample.labels)
    assert len(counts) >= 20
    assert set(counts.values()) == {15}
    assert len(check_labelled(sample.texts, sample.labels, 15).classes) == len(counts)


def test_the_bundled_out_of_scope_utterances_are_a_hundred_and_none_is_an_example() -> None:
    texts = check_texts(data.load_out_of_scope(), "texts")
    assert len(texts) == len(set(texts)) == 100
    assert not set(texts) & set(data.load_intents().texts)


def test_the_bundled_texts_are_short_chinese_without_spaces_or_half_width_marks() -> None:
    faq, sample = data.load_faq(), data.load_intents()
    for text in [*faq.questions, *faq.queries, *sample.texts, *data.load_out_of_scope()]:
        assert 2 <= len(text) <= 30, text
        assert not set(text) & set(" \t,?!;:"), text
        assert any(unicodedata.name(char, "").startswith("CJK UNIFIED") for char in text), text


def test_the_readme_of_the_sample_counts_right() -> None:
    readme = (data.SAMPLE_DIRECTORY / "README.md").read_text(encoding="utf-8")
    faq, sample = data.load_faq(), data.load_intents()
    assert f"| {len(faq.queries)} |" in readme
    assert f"{len(faq.questions)} questions" in readme
    assert f"{len(set(sample.labels))} intents" in readme
    assert f"| {len(sample.texts)} |" in readme


def test_clusters_are_connected_by_positive_pairs_alone() -> None:
    assert data.clusters(PAIRS) == [["a", "b", "c"], ["d", "e"]]


def test_a_faq_of_clusters_asks_with_all_texts_but_the_standard_one() -> None:
    groups = [["a", "b", "c"], ["d", "e"]]
    faq = data.faq_from_clusters(groups, seed=0)
    for number, group in enumerate(groups):
        queries = [
            q for q, answer in zip(faq.queries, faq.answers, strict=True) if answer == number
        ]
        assert sorted([faq.questions[number], *queries]) == group
    drawn = {tuple(data.faq_from_clusters(groups, seed).questions) for seed in range(20)}
    assert len(drawn) > 1


def test_large_clusters_are_classes_named_after_their_first_text() -> None:
    found = data.labelled_from_clusters([["a", "b", "c"], ["d", "e"]], smallest=3)
    assert found == Labelled(["a", "b", "c"], ["a", "a", "a"])


def test_small_classes_are_left_out() -> None:
    found = data.at_least(Labelled(["a", "b", "c"], ["x", "y", "x"]), 2)
    assert found == Labelled(["a", "c"], ["x", "x"])


def test_a_faq_file_is_read_in_any_order_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("rewording,question\na1,a\nb1,b\na2,a\n", encoding="utf-8")
    faq = data.read_faq(path)
    assert (faq.questions, faq.queries, faq.answers.tolist()) == (
        ["a", "b"], ["a1", "b1", "a2"], [0, 1, 0],
    )  # fmt: skip


def test_a_labelled_text_twice_with_one_label_is_read_once_and_with_two_is_kept_for_the_check(
    tmp_path: Path,
) -> None:
    path = tmp_path / "labelled.csv"
    path.write_text("words,class\na,x\na,x\na,y\n", encoding="utf-8")
    found = data.read_labelled(path, "words", "class")
    assert found == Labelled(["a", "a"], ["x", "y"])
    with pytest.raises(InputError, match="'a' is labelled 'x' and 'y' twice"):
        check_labelled(found.texts, found.labels)


def test_smp2020_is_read_as_domain_and_intent(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    rows = [
        {"text": " 放歌 ", "domain": "music", "intent": "PLAY", "slots": {}},
        {"text": "放歌", "domain": "other", "intent": "OPEN"},
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert data.read_smp2020(path) == Labelled(["放歌"], ["music.PLAY"])


def test_dialogflow_is_read_a_file_a_service(tmp_path: Path) -> None:
    for service in data.FOREIGN_SERVICES:
        rows = [{"text": f"{service}好", "intent": f"{service}.hello", "entities": []}]
        content = {"rasa_nlu_data": {"common_examples": rows}}
        (tmp_path / f"{service}.json").write_text(json.dumps(content), encoding="utf-8")
    found = data.read_dialogflow(tmp_path)
    assert found.texts == ["small-talk好", "support好"]
    assert found.labels == ["small-talk.hello", "support.hello"]


def test_bq_is_read_as_pairs(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('sentence1,sentence2,label\n"a,1",b,1\nc,d,0\n', encoding="utf-8")
    pairs = data.read_bq(path)
    assert (pairs.first, pairs.second, pairs.same.tolist()) == (
        ["a,1", "c"], ["b", "d"], [True, False],
    )  # fmt: skip
    path.write_text("sentence1,sentence2,label\na,b,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="label: 0 or 1, got '2'"):
        data.read_bq(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON in UTF-8"),
        ("{}", "a list of texts is needed"),
        ("[]", "a list of texts is needed"),
        ('[{"text": "a"}]', "a row needs text, domain and intent"),
        ('["a"]', "a row needs text, domain and intent"),
    ],
)
def test_a_damaged_json_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "train.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        data.read_smp2020(path)


def test_missing_or_odd_services_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small-talk\.json: no such file"):
        data.read_dialogflow(tmp_path)
    (tmp_path / "support.json").write_text('{"rasa_nlu_data": []}', encoding="utf-8")
    with pytest.raises(InputError, match=r"support\.json: needs rasa_nlu_data\.common_examples"):
        data.read_dialogflow(tmp_path, ["support"])
