from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import jieba
import numpy as np
import pytest
from conftest import SENTENCES
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from simcse_core.baselines import tfidf_encode, whitened_encode

FITTED, NEW = SENTENCES[:30], SENTENCES[20:]
METHODS = ("tfidf-char", "tfidf-char-bigram", "tfidf-word")


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
    full = TfidfVectorizer(analyzer=lambda sentence: units(method, sentence)).fit(FITTED)
    expected = cosine_similarity(full.transform(NEW))
    found = cosines(tfidf_encode(method, FITTED)(NEW))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_weights_of_two_sentences_by_hand() -> None:
    # Of 2 sentences 天 is in both: idf 1. 气 and 空 are in one each: idf ln(3 / 2) + 1.
    rare = math.log(3 / 2) + 1
    vectors = tfidf_encode("tfidf-char", ["天气", "天空"])(["天气", "天空"])
    assert cosines(vectors)[0, 1] == pytest.approx(1 / (1 + rare**2))


@pytest.mark.parametrize("method", METHODS)
def test_a_unit_that_is_not_in_the_pool_has_no_weight(method: str) -> None:
    encode = tfidf_encode(method, ["我喝茶", "我看书"])
    plain, with_new_word, all_new = encode(["我喝茶", "我喝茶鲸鱼", "鲸鱼"])
    np.testing.assert_allclose(with_new_word, plain, rtol=0, atol=1e-7)
    assert not all_new.any()


def test_frequencies_are_those_of_the_pool_whatever_is_encoded() -> None:
    encode = tfidf_encode("tfidf-char", FITTED)
    pair = encode(NEW[:2])
    among_others = encode(NEW)[:2]
    assert cosines(among_others)[0, 1] == pytest.approx(cosines(pair)[0, 1], abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_white_space_is_no_unit(method: str) -> None:
    spaced, dense = tfidf_encode(method, ["我 喝茶", "我　看书"])(["我 喝茶", "我喝茶"])
    assert np.array_equal(spaced, dense)


# --- whitening -------------------------------------------------------------------------------


def points(n: int, hidden: int) -> tuple[list[str], Callable[[Sequence[str]], np.ndarray]]:
    """n sentences with skewed, correlated vectors far from the origin, and their encoder."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, hidden)) @ rng.normal(size=(hidden, hidden)) + 5.0
    table = {str(i): vector for i, vector in enumerate(vectors)}
    return list(table), lambda sentences: np.array([table[s] for s in sentences])


def test_whitened_vectors_have_identity_covariance_over_the_fitted_sentences() -> None:
    sentences, encode = points(60, 7)
    directions = whitened_encode(encode, sentences)(sentences)  # of unit length
    # Mahalanobis lengths put back the lengths that normalising took away.
    centred = encode(sentences) - encode(sentences).mean(axis=0)
    inverse = np.linalg.inv(np.cov(centred.T))
    lengths = np.sqrt(np.einsum("nh,hk,nk->n", centred, inverse, centred))
    covariance = np.cov((directions * lengths[:, None]).T)
    np.testing.assert_allclose(covariance, np.eye(7), rtol=0, atol=1e-8)


def test_cosines_of_new_sentences_are_those_of_mahalanobis() -> None:
    sentences, encode = points(60, 7)
    fitted, new = sentences[:40], sentences[40:]
    inverse = np.linalg.inv(np.cov(encode(fitted).T))
    centred = encode(new) - encode(fitted).mean(axis=0)
    products = centred @ inverse @ centred.T
    expected = products / np.sqrt(np.outer(np.diag(products), np.diag(products)))
    found = cosines(whitened_encode(encode, fitted)(new))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [2, 4, 6])
def test_fewer_sentences_than_dimensions_become_a_regular_simplex(n: int) -> None:
    # n points in general position, white in n - 1 dimensions: all angles are the same.
    sentences, encode = points(n, 10)
    found = cosines(whitened_encode(encode, sentences)(sentences))
    expected = np.where(np.eye(n) > 0, 1.0, -1 / (n - 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_direction_in_which_nothing_varies_is_left_out() -> None:
    sentences, encode = points(20, 5)

    def with_constant(batch: Sequence[str]) -> np.ndarray:
        return np.hstack([encode(batch), np.full((len(batch), 1), 3.0)])

    whitened = whitened_encode(with_constant, sentences)(sentences)
    assert whitened.shape == (20, 5)
    assert np.isfinite(whitened).all()


@pytest.mark.parametrize("sentences", [["甲", "甲", "甲"], ["甲", "乙"]])
def test_identical_vectors_cannot_be_whitened(sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="sentences: all their vectors are the same"):
        whitened_encode(lambda batch: np.ones((len(batch), 3)), sentences)


def test_one_sentence_cannot_be_whitened() -> None:
    with pytest.raises(ValueError, match="sentences: whitening needs at least 2, got 1"):
        whitened_encode(lambda batch: np.ones((len(batch), 3)), ["甲"])
