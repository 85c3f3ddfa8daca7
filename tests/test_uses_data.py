"""What the uses are measured on: sources, what is set aside, and what is left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from application_frames import FAQ, INTENTS, OTHERS, write_source

from simcse_core.applications.inputs import InputError
from simcse_core.sources import DataError
from simcse_core.uses.data import ApplicationData, load_application_data


@pytest.fixture
def data(tmp_path: Path) -> ApplicationData:
    return load_application_data(write_source(tmp_path / "texts"), smallest=3)


def test_a_folder_laid_out_as_the_sample_is_read(data: ApplicationData) -> None:
    assert data.groups == [[question, *others] for question, others in FAQ.items()]
    assert Counter(data.intents.labels) == dict.fromkeys(INTENTS, 5)
    assert data.others == {"out of scope": OTHERS}
    assert "3 standard questions, 6 other wordings\n20 utterances of 4 intents" in data.describe()


def test_the_pool_holds_rewordings_and_what_intents_can_spare(data: ApplicationData) -> None:
    pool = data.pool.sentences
    rewordings = [other for others in FAQ.values() for other in others]
    assert pool[:6] == rewordings
    label_of = {text: label for label, texts in INTENTS.items() for text in texts}
    assert Counter(label_of[text] for text in pool[6:]) == dict.fromkeys(INTENTS, 2)


def test_what_was_drawn_is_measured_nowhere_and_intents_stay_large_enough(
    data: ApplicationData,
) -> None:
    left = data.without(data.pool.sentences)
    assert not set(left.held_out()) & set(data.pool.sentences)
    assert Counter(left.intents.labels) == dict.fromkeys(INTENTS, 3)
    assert [group[0] for group in left.groups] == list(FAQ)
    assert len(left.faq(0).queries) == 0


@pytest.mark.parametrize("twin", ["{}？", "{} 。", "“{}”"])
def test_a_text_that_is_measured_in_another_writing_is_not_drawn(tmp_path: Path, twin: str) -> None:
    (rewording, *_), *_ = FAQ.values()
    folder = write_source(tmp_path / "texts")
    with (folder / "out_of_scope.csv").open("a", encoding="utf-8") as file:
        file.write(twin.format(rewording) + "\n")
    before = load_application_data(write_source(tmp_path / "as it was"), 3).pool.sentences
    data = load_application_data(folder, 3)
    assert data.pool.sentences == [text for text in before if text != rewording]
    assert rewording in data.held_out()


def test_the_samples_standard_questions_are_those_of_its_file(data: ApplicationData) -> None:
    for seed in (0, 1):
        faq = data.faq(seed)
        assert faq.questions == list(FAQ)
        assert faq.queries[:2] == FAQ["怎么看书"]
        assert faq.answers.tolist() == [0, 0, 1, 1, 2, 2]


def test_the_fingerprint_covers_every_part(tmp_path: Path) -> None:
    before = load_application_data(write_source(tmp_path / "a"), 3).fingerprint
    assert load_application_data(write_source(tmp_path / "b"), 3).fingerprint == before
    assert load_application_data(tmp_path / "b", 4).fingerprint != before
    for name in ("faq.csv", "intents.csv", "out_of_scope.csv"):
        folder = write_source(tmp_path / name)
        path = folder / name
        text = path.read_text(encoding="utf-8").rstrip()
        path.write_text(f"{text[:-1]}某\n", encoding="utf-8")
        assert load_application_data(folder, 3).fingerprint != before, name


def test_intents_that_are_too_small_are_left_out_and_three_must_stay(tmp_path: Path) -> None:
    folder = write_source(tmp_path / "texts")
    with pytest.raises(DataError, match=r"0 intents of at least 6 utterances.*lower examples"):
        load_application_data(folder, smallest=6)


def test_a_text_of_an_intent_is_not_out_of_scope(tmp_path: Path) -> None:
    folder = write_source(tmp_path / "texts")
    (folder / "out_of_scope.csv").write_text("text\n我今天看书\n刚才\n刚才\n", encoding="utf-8")
    assert load_application_data(folder, 3).others == {"out of scope": ["刚才"]}


@pytest.mark.parametrize("source", ["no/such/folder", ".", "~nobody-of-that-name/x", "x" * 300])
def test_a_source_that_is_none_says_what_a_folder_holds(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"application_source: .*faq\.csv or smp2020 or test\.csv"):
        load_application_data(source, 3)


def test_the_questions_of_bq_are_intents_too(tmp_path: Path) -> None:
    same = {"甲": "甲一 甲二 甲三", "乙": "乙一 乙二 乙三", "丙": "丙一 丙二 丙三", "丁": "丁一"}
    pairs = [f"{one},{other},1" for one, others in same.items() for other in others.split()]
    header = "sentence1,sentence2,label"
    (tmp_path / "test.csv").write_text("\n".join([header, *pairs, "甲,乙,0"]), encoding="utf-8")
    (tmp_path / "dev.csv").write_text(f"{header}\n甲,戊,1\n己,戊,1\n庚,辛,0\n", encoding="utf-8")
    data = load_application_data(tmp_path, smallest=3)
    assert [len(group) for group in data.groups] == [4, 4, 4, 2]
    assert Counter(data.intents.labels) == {"question 0": 4, "question 1": 4, "question 2": 4}
    named = zip(data.intents.texts, data.intents.labels, strict=True)
    second = [text for text, name in named if name == "question 1"]
    assert {text[0] for text in second} == {"乙"}
    assert data.others == {}
    assert data.pool.sentences[:2] == ["戊", "己"]  # of dev; those of negative pairs alone are out
    assert "utterances of 3 intents\n" in data.describe()


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = write_source(tmp_path / "texts")
    (folder / "intents.csv").unlink()
    with pytest.raises(InputError, match=r"intents\.csv: no such file"):
        load_application_data(folder, 3)


def test_the_bundled_sample_can_be_drawn_from() -> None:
    data = load_application_data("sample", smallest=6)
    assert data.name.startswith("bundled sample")
    assert len(data.pool.sentences) == 184 + 22 * 9
