"""TF-IDF that is kept as JSON and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SENTENCES
from sklearn.feature_extraction.text import TfidfVectorizer

from simcse_core import Encoder, TfidfEncoder
from simcse_core.errors import EncoderError, ParameterError
from simcse_core.files import write_sealed
from simcse_core.tfidf_encoder import FORMAT, UNSEEN_COLUMNS, Unit

THIRD = np.log(4 / 2) + 1  # idf of what is in one of three sentences
UNSEEN = np.log(4) + 1  # and of what is in none of them


def test_rows_of_three_sentences_by_hand() -> None:
    encoder = TfidfEncoder.fit(["茶", "茶 茶", "茶水"])
    assert encoder.terms == ["水", "茶"]
    np.testing.assert_allclose(encoder.idf, [THIRD, 1.0])
    assert encoder.unseen_idf == pytest.approx(UNSEEN)
    found = encoder.encode(["水茶茶", "茶", "茶书", " "])
    seen, unseen = np.split(found, [2], axis=1)
    length = np.hypot(THIRD, 2)
    expected = [[THIRD / length, 2 / length], [0, 1], [0, 1 / np.hypot(1, UNSEEN)], [0, 0]]
    np.testing.assert_allclose(seen, expected, atol=1e-7)
    np.testing.assert_allclose(
        unseen.sum(axis=1), [0, 0, UNSEEN / np.hypot(1, UNSEEN), 0], atol=1e-7
    )
    assert unseen.shape == (4, UNSEEN_COLUMNS)
    assert found.dtype == np.float32
    assert isinstance(encoder, Encoder)


def test_a_unit_that_was_not_seen_has_its_column_in_every_process() -> None:
    """Kept vectors are compared with new ones; Python's own hash of a text differs by process."""
    assert TfidfEncoder.fit(["茶"]).transform(["鲸"]).indices.tolist() == [2923]
    assert TfidfEncoder.fit(["茶"], "word").transform(["鲸鱼"]).indices.tolist() == [1504]


def test_characters_that_were_not_seen_share_columns_no_more_than_by_chance() -> None:
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + UNSEEN_COLUMNS)]
    columns = TfidfEncoder.fit(["a"]).transform(characters).indices
    shared = len(characters) - len({*columns.tolist()})
    assert shared / len(characters) == pytest.approx(np.exp(-1), abs=0.03)  # as by chance


def test_columns_are_the_same_at_every_call_and_one_text_is_one_vector() -> None:
    encoder = TfidfEncoder.fit(SENTENCES)
    together = encoder.encode(s for s in SENTENCES[:5])
    for sentence, row in zip(SENTENCES[:5], together, strict=True):
        np.testing.assert_array_equal(encoder.encode(sentence), row)


@pytest.mark.parametrize("unit", Unit)
def test_what_is_loaded_gives_the_same_bits_as_scikit_learn(unit: str, tmp_path: Path) -> None:
    TfidfEncoder.fit(SENTENCES[:30], unit).save(tmp_path / "it.json")
    found = TfidfEncoder.load(tmp_path / "it.json").encode(SENTENCES)
    if unit is Unit.CHARACTER:
        plain = TfidfVectorizer(analyzer="char").fit(SENTENCES[:30])
        expected = plain.transform(SENTENCES[:30]).toarray().astype(np.float32)
        np.testing.assert_array_equal(found[:30, :-UNSEEN_COLUMNS], expected)
    fitted = TfidfEncoder.fit(SENTENCES[:30], unit)
    np.testing.assert_array_equal(found, fitted.encode(SENTENCES))


def test_the_file_is_json_with_each_term_and_its_weight(tmp_path: Path) -> None:
    TfidfEncoder.fit(["茶", "茶水"]).save(tmp_path / "it.json")
    content = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))
    assert content["terms"] == ["水", "茶"]
    assert content["idf"] == [pytest.approx(np.log(3 / 2) + 1), 1.0]
    assert content["unseen_idf"] == pytest.approx(np.log(3) + 1)


@pytest.mark.parametrize(
    ("sentences", "complaint"),
    [
        ("一句", r"sentences: a list of texts"),
        ([], "sentences: none of the 0 has a character"),
        ([" ", "\t"], "sentences: none of the 2 has a character"),
        (["好", None], "sentences: item 1 is no text"),
    ],
)
def test_what_cannot_be_fitted_is_refused(sentences: Any, complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        TfidfEncoder.fit(sentences)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ParameterError, match="unit: one of character, character-bigram, word"):
        TfidfEncoder.fit(["好"], "letter")


def _edited(path: Path) -> None:
    path.write_text(path.read_text().replace("1.0", "1.5"))


def _resealed(**changed: Any) -> Callable[[Path], None]:
    good = {
        "format": FORMAT,
        "unit": "character",
        "terms": ["水", "茶"],
        "idf": [1.0, 2.0],
        "unseen_idf": 3.0,
    }
    return lambda path: write_sealed(path, good | changed, allow_nan=True)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_edited, "not what its checksum was made of"),
        (lambda path: path.write_text("{}"), "it has no checksum"),
        (lambda path: path.write_text("{"), "it.json is nothing that"),
        (lambda path: path.unlink(), "No such file"),
        (_resealed(format="other"), "its format is 'other'"),
        (_resealed(unit="letter"), "unit: one of"),
        (_resealed(terms=["水", "水"]), "terms must be different texts"),
        (_resealed(terms=[1, 2]), "terms must be different texts"),
        (_resealed(terms=[["水"], ["茶"]]), "it.json is nothing that"),
        (_resealed(idf=[1.0]), "idf must be a finite number above 0 for each"),
        (_resealed(idf=[1.0, float("nan")]), "item 1 is no finite number"),
        (_resealed(idf=[1.0, "2"]), "it.json is nothing that"),
        (_resealed(idf=[1.0, 10**400]), "item 1 is no finite number"),
        (_resealed(idf=[1.0, -2.0]), "idf must be a finite number above 0 for each"),
        (_resealed(idf=[1.0, 0]), "idf must be a finite number above 0 for each"),
        (_resealed(unseen_idf=0), "idf must be a finite number above 0 for each"),
        (_resealed(unseen_idf="3"), "it.json is nothing that"),
        (_resealed(format="simcse_core TF-IDF, version 1"), "its format is .* version 1"),
        (lambda path: path.write_text("[" * 100_000), "nested too deep"),
        (_resealed(unit="word", dictionary="0"), "another dictionary of jieba"),
        (_resealed(unit="word"), "dictionary"),
    ],
)
def test_a_file_that_was_changed_or_is_another_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    path = tmp_path / "it.json"
    TfidfEncoder.fit(["茶", "茶水"]).save(path)
    spoil(path)
    with pytest.raises(EncoderError, match=complaint) as refused:
        TfidfEncoder.load(path)
    assert "\n" not in str(refused.value)


def test_it_is_not_saved_onto_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"save: .* cannot be written"):
        TfidfEncoder.fit(["茶"]).save(tmp_path)
