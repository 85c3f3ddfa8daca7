from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import jieba
import numpy as np
import pytest
from conftest import SENTENCES
from sklearn.covariance import LedoitWolf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from simcse_core import SentenceEncoder
from simcse_core.baselines import BASELINES, EncodedText, Reads, fit_on_text
from simcse_core.config import Kind
from simcse_core.evaluation import Encode

FITTED, NEW = SENTENCES[:30], SENTENCES[20:]
METHODS = ("tfidf-char", "tfidf-char-bigram", "tfidf-word")


def nothing(_: object) -> list[object]:
    raise AssertionError("asked the encoder for something that the method does not read")


def fit_text(method: str, sentences: Sequence[str]) -> Encode:
    return BASELINES[method].fit(sentences, EncodedText(nothing, nothing, nothing))


def whiten(encode: Encode, sentences: Sequence[str]) -> Encode:
    return BASELINES["whitening"].fit(sentences, EncodedText(encode, nothing, nothing))


def units(method: str, sentence: str) -> list[str]:
    if method == "tfidf-word":
        return jieba.lcut(sentence)
    pairs = [a + b for a, b in pairwise(sentence)] if method == "tfidf-char-bigram" else []
    return [*sentence, *pairs]


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


# --- TF-IDF ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_cosines_equal_those_of_scikit_learns_full_matrix(method: str) -> None:
    every = sorted({unit for text in [*FITTED, *NEW] for unit in units(method, text)})
    cut = partial(units, method)
    # With all units in its vocabulary, it counts those of NEW alone as in no sentence.
    full = TfidfVectorizer(analyzer=cut, vocabulary=every).fit(FITTED)
    expected = cosine_similarity(full.transform(NEW))
    found = cosines(fit_text(method, FITTED)(NEW))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_weights_of_two_sentences_by_hand() -> None:
    # Of 2 sentences 天 is in both: idf 1. 气 and 空 are in one each: idf ln(3 / 2) + 1.
    rare = math.log(3 / 2) + 1
    vectors = fit_text("tfidf-char", ["天气", "天空"])(["天气", "天空"])
    assert cosines(vectors)[0, 1] == pytest.approx(1 / (1 + rare**2))


@pytest.mark.parametrize("method", METHODS)
def test_units_that_are_not_in_the_pool_weigh_most_and_are_told_apart(method: str) -> None:
    encode = fit_text(method, ["我喝茶", "我看书"])
    found = cosines(encode(["我喝茶", "我喝酒", "鲸鱼", "鲸鱼", "熊猫"]))
    assert found[2, 3] == pytest.approx(1)
    assert found[2, 4] == 0
    assert 0 < found[0, 1] < 0.5


def test_a_unit_that_is_not_in_the_pool_weighs_as_one_of_no_sentence_by_hand() -> None:
    # Of 2 sentences 天 is in both: idf 1. 海 is in none: idf ln(3) + 1.
    new = math.log(3) + 1
    vectors = fit_text("tfidf-char", ["天气", "天空"])(["天海", "天"])
    assert cosines(vectors)[0, 1] == pytest.approx(1 / math.hypot(1, new))


def test_frequencies_are_those_of_the_pool_whatever_is_encoded() -> None:
    encode = fit_text("tfidf-char", FITTED)
    pair = encode(NEW[:2])
    among_others = encode(NEW)[:2]
    assert cosines(among_others)[0, 1] == pytest.approx(cosines(pair)[0, 1], abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_white_space_is_no_unit(method: str) -> None:
    spaced, dense = fit_text(method, ["我 喝茶", "我　看书"])(["我 喝茶", "我喝茶"])
    assert np.array_equal(spaced, dense)


# --- whitening -------------------------------------------------------------------------------


def points(n: int, hidden: int) -> tuple[list[str], Callable[[Sequence[str]], np.ndarray]]:
    """n sentences with skewed, correlated vectors far from the origin, and their encoder."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, hidden)) @ rng.normal(size=(hidden, hidden)) + 5.0
    table = {str(i): vector for i, vector in enumerate(vectors)}
    return list(table), lambda sentences: np.array([table[s] for s in sentences])


def mahalanobis_cosines(centred: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    products = centred @ np.linalg.inv(covariance) @ centred.T
    return products / np.sqrt(np.outer(np.diag(products), np.diag(products)))


@pytest.mark.parametrize("n_fitted", [4, 40], ids=["fewer than dimensions", "more"])
def test_cosines_of_new_sentences_are_those_of_mahalanobis(n_fitted: int) -> None:
    sentences, encode = points(60, 7)
    fitted, new = sentences[:n_fitted], sentences[40:]
    covariance = LedoitWolf().fit(encode(fitted)).covariance_
    expected = mahalanobis_cosines(encode(new) - encode(fitted).mean(axis=0), covariance)
    found = cosines(whiten(encode, fitted)(new))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_with_many_sentences_hardly_anything_is_shrunk() -> None:
    vectors = np.random.default_rng(0).normal(size=(4000, 5)) * [1.0, 2.0, 3.0, 4.0, 5.0] + 5.0
    table = {str(i): vector for i, vector in enumerate(vectors)}
    found = whiten(lambda batch: np.array([table[s] for s in batch]), list(table))
    expected = mahalanobis_cosines(vectors[:50] - vectors.mean(axis=0), np.cov(vectors.T))
    np.testing.assert_allclose(cosines(found(list(table)[:50])), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("n", [12, 25, 40])
def test_few_sentences_do_not_ruin_the_vectors(n: int) -> None:
    # Whitening by the plain covariance is at its worst where n is near the 24 dimensions.
    sentences, encode = points(3000, 24)
    truth = cosines(whiten(encode, sentences)(sentences[-50:]))
    centred = encode(sentences[-50:]) - encode(sentences[:n]).mean(axis=0)
    pairs = np.triu_indices(50, k=1)

    def likeness(found: np.ndarray) -> float:
        return float(np.corrcoef(found[pairs], truth[pairs])[0, 1])

    shrunk = likeness(cosines(whiten(encode, sentences[:n])(sentences[-50:])))
    plain = np.linalg.pinv(np.cov(encode(sentences[:n]).T))
    products = centred @ plain @ centred.T
    diagonal = np.diag(products)
    assert shrunk > likeness(products / np.sqrt(np.outer(diagonal, diagonal)))
    assert shrunk > 0.3


def test_two_sentences_are_whitened_along_the_line_between_them() -> None:
    sentences, encode = points(2, 10)
    found = cosines(whiten(encode, sentences)(sentences))
    np.testing.assert_allclose(found, [[1, -1], [-1, 1]], rtol=0, atol=1e-9)


def test_a_direction_in_which_nothing_varies_does_no_harm() -> None:
    sentences, encode = points(20, 5)

    def with_constant(batch: Sequence[str]) -> np.ndarray:
        return np.hstack([encode(batch), np.full((len(batch), 1), 3.0)])

    whitened = whiten(with_constant, sentences)(sentences)
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), 1.0)


@pytest.mark.parametrize("sentences", [["甲", "甲", "甲"], ["甲", "乙"]])
def test_identical_vectors_cannot_be_whitened(sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="sentences: all their vectors are the same"):
        whiten(lambda batch: np.ones((len(batch), 3)), sentences)


def test_one_sentence_cannot_be_whitened() -> None:
    with pytest.raises(ValueError, match="sentences: whitening needs at least 2, got 1"):
        whiten(lambda batch: np.ones((len(batch), 3)), ["甲"])


# --- IDF-weighted averages -------------------------------------------------------------------

IDS = {"甲": [1, 5, 6, 2], "乙": [1, 6, 2], "丙": [1, 2]}  # 1 and 2 as [CLS] and [SEP]
TOKENS = {
    "甲": np.array([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]),
    "乙": np.array([[9.0, 9.0], [2.0, 4.0], [9.0, 9.0]]),
    "丙": np.array([[1.0, 3.0], [3.0, 5.0]]),
}
SEEN = {"a": [1, 5, 6, 2], "b": [1, 6, 6, 2], "c": [1, 7, 2], "d": [1, 6, 2], "e": [1, 2]}


def weigh(fitted: Sequence[str]) -> Encode:
    ids, tokens = (lambda batch, of=of: [of[s] for s in batch] for of in (SEEN | IDS, TOKENS))
    return BASELINES["idf-mean"].fit(fitted, EncodedText(nothing, ids, tokens))


def test_an_idf_weighted_average_by_hand() -> None:
    # Of 3 sentences, token 5 is in one and 6 in two (twice in one of them, which counts once).
    rare, common = math.log(4 / 2), math.log(4 / 3)
    found = weigh("abc")(["甲", "乙"])
    expected = [[rare / (rare + common), common / (rare + common)], [2.0, 4.0]]
    np.testing.assert_allclose(found, expected)


def test_a_token_of_every_sentence_weighs_nothing_unless_there_is_no_other() -> None:
    found = weigh("abc")(["丙"])
    np.testing.assert_allclose(found, [[2.0, 4.0]])  # the plain average


def test_a_token_that_was_never_seen_weighs_most() -> None:
    found = weigh("da")(["甲"])
    np.testing.assert_allclose(found, [[1.0, 0.0]])  # 6 stands in both, 5 in one
    unseen = weigh("de")(["甲"])
    weight = math.log(3) / (math.log(3) + math.log(1.5))
    np.testing.assert_allclose(unseen, [[weight, 1 - weight]])


def test_equal_weights_give_the_encoders_own_average(load: Callable[..., SentenceEncoder]) -> None:
    # No fitted sentence at all: every token weighs log(1 / 1) = 0, so all the same.
    encoder = load("mean")
    sentences = list(SENTENCES[:10])
    text = EncodedText(nothing, encoder.tokenize, encoder.encode_tokens)
    found = BASELINES["idf-mean"].fit([], text)(sentences)
    np.testing.assert_allclose(found, encoder.encode(sentences), rtol=0, atol=1e-6)


# --- the table -------------------------------------------------------------------------------


def test_a_baseline_takes_of_the_encoder_what_its_row_says(
    load: Callable[..., SentenceEncoder],
) -> None:
    encoder, sentences = load("mean"), list(SENTENCES[:12])
    allowed = {
        Reads.TEXT: EncodedText(nothing, nothing, nothing),
        Reads.TOKENS: EncodedText(nothing, encoder.tokenize, encoder.encode_tokens),
        Reads.VECTORS: EncodedText(encoder.encode, nothing, nothing),
    }
    for method, baseline in BASELINES.items():
        vectors = baseline.fit(sentences, allowed[baseline.reads])(sentences)
        assert len(vectors) == len(sentences), method
        assert np.isfinite(vectors).all(), method


def test_what_needs_an_encoder_is_refused_without_one() -> None:
    with pytest.raises(ValueError, match=r"'whitening' needs an encoder; without one: tfidf-char,"):
        fit_on_text("whitening", SENTENCES)
    assert len(fit_on_text("tfidf-char", SENTENCES)(SENTENCES[:3])) == 3


def test_what_is_untrained_takes_nothing_from_the_sentences() -> None:
    for baseline in BASELINES.values():
        assert baseline.kind in (Kind.UNTRAINED, Kind.FITTED)
    encode = BASELINES["untrained"].fit([], EncodedText(len, nothing, nothing))
    assert encode(["甲", "乙"]) == 2
