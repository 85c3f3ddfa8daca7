"""Sentences, numbers and settings as people have them: the right value, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import SENTENCES

from simcse_core import (
    Columns,
    NliTriplets,
    SentenceEncoder,
    StsPairs,
    TfidfEncoder,
    TrainConfig,
    evaluate_sts,
    load_sts,
    sample_sentences,
    train_simcse,
    unsup_simcse_loss,
    weigh_by_idf,
    whiten,
)
from simcse_core.arguments import as_integer, as_integers, as_numbers, as_sentences
from simcse_core.baselines import fit_on_text
from simcse_core.errors import ParameterError
from simcse_core.tfidf_encoder import UNSEEN_COLUMNS

Load = Callable[..., SentenceEncoder]
TEXTS = list(SENTENCES[:6])
SHUFFLED = pd.Series(TEXTS, index=[3, 0, 5, 1, 4, 2])

SAME_TEXTS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: tuple(TEXTS),
    "generator": lambda: (text for text in TEXTS),
    "map": lambda: map(str, TEXTS),
    "array": lambda: np.array(TEXTS),
    "array of objects": lambda: np.array(TEXTS, dtype=object),
    "column with another index": lambda: SHUFFLED,
    "column of a table": lambda: pd.DataFrame({"text": SHUFFLED})["text"],
    "texts of numpy": lambda: [np.str_(text) for text in TEXTS],
}


@pytest.mark.parametrize("kind", SAME_TEXTS)
def test_texts_come_as_a_list_in_their_order_whatever_holds_them(kind: str) -> None:
    found = as_sentences(SAME_TEXTS[kind](), "sentences")
    assert found == TEXTS
    assert {type(text) for text in found} == {str}


NO_TEXTS: dict[str, tuple[Any, str]] = {
    "a text": ("我今天喝茶", r"got one str \('我今天喝茶'\); put it in brackets"),
    "bytes": ("我".encode(), "got one bytes"),
    "a table": (pd.DataFrame({"text": TEXTS}), r"got a DataFrame; .*such as it\['text'\]"),
    "a dict": ({"text": TEXTS}, r"got a dict; .*such as it\['text'\]"),
    "a set": ({"我"}, "a set has no order"),
    "a number": (5, "got 5 of type int"),
    "nothing": (None, "got None of type NoneType"),
    "an array of no dimension": (np.array("我"), "a list of texts is needed"),
    "bytes inside": (["我", "你".encode()], "item 1 is no text but .* of type bytes"),
    "a gap": (pd.Series(["我", None, "你"]), "item 1 is no text"),
    "a number inside": (["我", 3.5], "item 1 is no text but 3.5 of type float"),
    "lists inside": ([["我", "你"]], "item 0 is no text but .* of type list"),
    "rows of an array": (np.array([["我"], ["你"]]), "item 0 is no text"),
    "half a character": (["我", "\ud83d"], "item 1 is no text in UTF-8"),
}


@pytest.mark.parametrize("kind", NO_TEXTS)
def test_what_is_no_list_of_texts_is_refused_with_its_item(kind: str) -> None:
    value, said = NO_TEXTS[kind]
    with pytest.raises(ParameterError, match=f"^it: .*{said}") as caught:
        as_sentences(value, "it")
    assert "\n" not in str(caught.value)


# --- every public entry ----------------------------------------------------------------------

ENTRIES: dict[str, Callable[[SentenceEncoder, Any], Any]] = {
    "encode": lambda encoder, texts: encoder.encode(texts),
    "encode_poolings": lambda encoder, texts: encoder.encode_poolings(texts, ["mean"])["mean"],
    "encode_tokens": lambda encoder, texts: np.concatenate(encoder.encode_tokens(texts)),
    "tokenize": lambda encoder, texts: np.concatenate(encoder.tokenize(texts)),
    "n_truncated": lambda encoder, texts: encoder.n_truncated(texts),
    "unknown_share": lambda encoder, texts: encoder.unknown_share(texts),
    "train_simcse": lambda encoder, texts: train_simcse(encoder, texts, CONFIG, [6])["loss"][0],
    "sample_sentences": lambda _, texts: sample_sentences(texts, 4, 0),
    "fit_on_text": lambda _, texts: fit_on_text("tfidf-char", texts)(TEXTS),
    "StsPairs": lambda _, texts: StsPairs(texts, TEXTS, range(6)).sentences(),
    "NliTriplets": lambda _, texts: NliTriplets(TEXTS, texts, TEXTS).sentences(),
}
CONFIG = TrainConfig(batch_size=4, learning_rate=1e-3)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", ["generator", "array", "column with another index"])
def test_every_entry_takes_texts_by_their_place(load: Load, entry: str, kind: str) -> None:
    expected = ENTRIES[entry](load(), TEXTS)
    np.testing.assert_array_equal(ENTRIES[entry](load(), SAME_TEXTS[kind]()), expected)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", ["bytes", "a table", "a gap", "a dict", "nothing"])
def test_every_entry_refuses_what_is_no_list_of_texts(load: Load, entry: str, kind: str) -> None:
    with pytest.raises(ParameterError):
        ENTRIES[entry](load(), NO_TEXTS[kind][0])


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry != "encode"])
def test_every_entry_but_encode_refuses_a_text_alone(load: Load, entry: str) -> None:
    with pytest.raises(ParameterError, match="put it in brackets"):
        ENTRIES[entry](load(), TEXTS[0])


def test_encode_gives_one_vector_for_a_text_alone(load: Load) -> None:
    encoder = load()
    alone = encoder.encode("我今天喝茶")
    assert alone.shape == (encoder.hidden_size,)
    np.testing.assert_array_equal(alone, encoder.encode(["我今天喝茶"])[0])
    assert encoder.encode("").shape == (encoder.hidden_size,)
    assert encoder.encode([]).shape == (0, encoder.hidden_size)


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_a_whole_number_of_any_library_is_pythons_own(value: Any) -> None:
    assert type(as_integer(value, "n")) is int
    assert as_integer(value, "n", at_least=3) == 3


@pytest.mark.parametrize("value", [2.5, 3.0, np.float64(3), "3", None, True, np.True_, [3], 2])
def test_what_is_no_whole_number_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^n: a whole number from 3 up is needed, got"):
        as_integer(value, "n", at_least=3)


@pytest.mark.parametrize("value", ["50", 50, [0.5], [1, "2"], [None], {1: 2}, [True]])
def test_what_is_no_list_of_whole_numbers_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^points"):
        as_integers(value, "points")


def test_whole_numbers_come_from_whatever_holds_them() -> None:
    for value in ([1, 2], (1, 2), range(1, 3), np.array([1, 2]), pd.Series([1, 2], index=[7, 3])):
        assert as_integers(value, "points") == [1, 2]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([1.0, float("nan")], 1),
        ([float("inf"), 1.0], 0),
        ([1, 10**400], 1),
        (pd.Series([1, None, 2]), 1),
        (["1", "2"], 0),
        ([[1.0], [2.0]], 0),
        (np.array([1 + 2j]), 0),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), 0),
    ],
)
def test_what_is_no_finite_number_is_refused_with_its_item(value: Any, place: int) -> None:
    with pytest.raises(ParameterError, match=f"^scores: item {place} is no finite number"):
        as_numbers(value, "scores")


def test_numbers_are_a_copy_in_float64() -> None:
    for given in ([0, 5], np.array([0.0, 5.0]), np.array([0, 5], np.int8), pd.Series([0.0, 5.0])):
        numbers = as_numbers(given, "scores")
        assert (numbers.tolist(), numbers.dtype) == ([0.0, 5.0], np.float64)
        numbers[0] = 9
        assert next(iter(given)) == 0


# --- pairs, samples, seeds -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "scores", "said"),
    [
        (TEXTS[:5], range(6), "second: as many items as in first are needed, 6, got 5"),
        (TEXTS, range(5), "scores: as many items as in first are needed, 6, got 5"),
        (TEXTS, [0, 1, 2, 3, 4, float("nan")], "scores: item 5 is no finite number"),
        (TEXTS, "012345", "scores: a list of numbers is needed"),
        ([*TEXTS[:5], None], range(6), "second: item 5 is no text"),
    ],
)
def test_pairs_that_do_not_fit_together_are_refused(second: Any, scores: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        StsPairs(TEXTS, second, scores)


@pytest.mark.parametrize("column", ["anchor", "positive", "hard_negative"])
def test_triplets_of_unequal_columns_are_refused(column: str) -> None:
    columns = {"anchor": TEXTS, "positive": TEXTS, "hard_negative": TEXTS}
    with pytest.raises(ParameterError, match="as many items as in anchor are needed"):
        NliTriplets(**columns | {column: TEXTS[:4]})


@pytest.mark.parametrize("n", [2.5, "4", None, True])
def test_a_number_of_sentences_that_is_no_whole_number_is_refused(n: Any) -> None:
    with pytest.raises(ParameterError, match=r"^n: a whole number is needed"):
        sample_sentences(TEXTS, n, 0)


def test_a_number_of_sentences_may_be_numpys_own() -> None:
    assert sample_sentences(TEXTS, np.int64(3), np.int64(1)) == sample_sentences(TEXTS, 3, 1)


@pytest.mark.parametrize("seed", [None, -1, 0.5, "0"])
def test_a_seed_that_could_not_be_given_again_is_refused(seed: Any) -> None:
    pairs = StsPairs(TEXTS, TEXTS[::-1], range(6))
    with pytest.raises(ParameterError, match=r"^seed: a whole number from 0 up"):
        sample_sentences(TEXTS, 3, seed)
    with pytest.raises(ParameterError, match=r"^seed: a whole number from 0 up"):
        evaluate_sts(lambda texts: np.eye(len(texts)), pairs, seed=seed)
    with pytest.raises(ValueError, match="seed: must be an integer >= 0"):
        TrainConfig(seed=seed)


def test_settings_take_numbers_of_any_library_and_keep_pythons_own() -> None:
    config = TrainConfig(
        batch_size=np.int64(8), seed=np.int32(1), learning_rate=np.float32(0.5), dropout=0
    )
    assert (config.batch_size, config.seed, config.learning_rate) == (8, 1, 0.5)
    assert {type(config.batch_size), type(config.seed)} == {int}
    assert type(config.learning_rate) is float
    assert config == TrainConfig(batch_size=8, seed=1, learning_rate=0.5, dropout=0)


@pytest.mark.parametrize("value", [2.5, "8", True, 0, None])
def test_settings_refuse_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match="batch_size: must be an integer >= 1"):
        TrainConfig(batch_size=value)


BARE: dict[str, tuple[Callable[[SentenceEncoder, Path], object], str]] = {
    "an empty name saved to": (lambda e, _: e.save(""), "save: the name of a folder"),
    "no name saved to": (lambda e, _: e.save(None), "save: the name of a folder"),
    "a number loaded": (lambda *_: SentenceEncoder.from_pretrained(3), "encoder: a name, a folder"),
    "an empty name loaded": (
        lambda *_: SentenceEncoder.from_pretrained(""),
        "encoder: a name, a folder",
    ),
    "an encoder for its encode": (
        lambda e, _: evaluate_sts(e, StsPairs(["a", "b"], ["c", "d"], [0, 1])),
        "encode: a function is needed, such as encoder.encode, got SentenceEncoder",
    ),
    "an array for a tensor": (
        lambda *_: unsup_simcse_loss(np.ones((4, 4)), 0.05),
        "embeddings: a tensor is needed, got ndarray",
    ),
    "a name whitened": (lambda *_: whiten("mini-bert", ["a", "b"]), "encoder: a SentenceEncoder"),
    "nothing weighed": (lambda *_: weigh_by_idf(None, ["a"]), "encoder: a SentenceEncoder"),
    "weighed by nothing": (lambda e, _: weigh_by_idf(e, []), "sentences: there is none"),
    "TF-IDF of no terms": (lambda *_: TfidfEncoder("word", [], [], 1), "terms must be different"),
    "TF-IDF without weights": (
        lambda *_: TfidfEncoder("word", ["a"], [], 1),
        "idf must be a finite",
    ),
    "no source": (lambda *_: load_sts(None, "dev"), "source: a name, a file or a folder"),
    "an empty source": (lambda *_: load_sts("", "dev"), "source: a name, a file or a folder"),
    "a text for two columns": (lambda *_: Columns(pair_columns="ab"), "pair_columns: two columns"),
}


@pytest.mark.parametrize("case", BARE)
def test_what_is_of_another_kind_is_refused_by_its_name_and_writes_nothing(
    load: Callable[..., SentenceEncoder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    call, said = BARE[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said) as refused:
        call(load(), tmp_path)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_tfidf_of_no_sentences_has_no_rows() -> None:
    assert TfidfEncoder.fit(["茶", "水"]).encode([]).shape == (0, 2 + UNSEEN_COLUMNS)
