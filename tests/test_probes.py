"""Questions made of unlabelled sentences, with answers worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simcse_core.evaluation import uniformity
from simcse_core.probes import PROBES, Probes, reciprocal_rank
from simcse_core.segmentation import cut_words
from simcse_core.statistics import unpack_cosines

SENTENCES = ["我们今天去公园", "他们昨天看电影", "小猫喜欢吃鱼", "老师正在讲课", "好"]


def value(probes: Probes, vectors: dict[str, Sequence[float]], metric: str) -> float:
    rows = probes.measure(lambda texts: np.array([vectors[text] for text in texts]))
    return float(next(str(row["value"]) for row in rows if row["metric"] == metric))


def test_a_row_that_is_its_own_nearest_counts_one_and_a_second_one_half() -> None:
    among = np.array([[1.0, 0.0], [0.0, 1.0]])
    asked = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert reciprocal_rank(asked, among, np.array([0, 1])) == pytest.approx((1 + 1 / 2) / 2)


def test_equal_cosines_count_against_it() -> None:
    same = np.ones((3, 1))
    assert reciprocal_rank(same, same, np.arange(3)) == pytest.approx(1 / 3)


def test_halves_and_shortened_sentences_are_made_of_whole_words() -> None:
    probes = Probes.of(SENTENCES)
    long = [sentence for sentence in SENTENCES if len(cut_words(sentence)) > 1]
    assert [probes.texts[i] for i in probes.whole] == long
    for row, sentence in enumerate(long):
        first, second, short = (
            probes.texts[part[row]] for part in (probes.first, probes.second, probes.shortened)
        )
        assert first + second == sentence
        assert first
        assert second
        words = cut_words(sentence)
        assert abs(len(first) - len(second)) <= max(map(len, words))
        left = iter(words)
        assert all(word in left for word in cut_words(short))  # in their order
        assert 0 < len(short) < len(sentence)
    assert probes.texts[: probes.n_sentences] == SENTENCES


def test_every_sentence_is_paired_with_its_nearest_by_characters_and_never_with_itself() -> None:
    sentences = [f"{a}{b}{c}" for a in "天地人" for b in "日月星" for c in "上下"]
    probes = Probes.of(sentences)
    assert (probes.pairs[:, 0] != probes.pairs[:, 1]).all()
    assert len(probes.pairs) == len(sentences) * 10
    first = probes.pairs[probes.pairs[:, 0] == 0]
    near = [len(set(sentences[0]) & set(sentences[i])) for i in first[:5, 1]]
    assert near == [2] * 5  # five others differ in one character alone


def test_the_same_sentences_give_the_same_questions() -> None:
    one, other = Probes.of(SENTENCES), Probes.of(SENTENCES)
    assert one.texts == other.texts
    assert (one.pairs == other.pairs).all()


def test_vectors_that_know_the_sentence_answer_everything() -> None:
    probes = Probes.of(SENTENCES)
    own = np.eye(len(SENTENCES))
    vectors = {text: own[i] for i, text in enumerate(SENTENCES)}
    for part in (probes.first, probes.second, probes.shortened):
        vectors |= {probes.texts[i]: own[row] for i, row in zip(part, probes.whole, strict=True)}
    assert value(probes, vectors, "halves") == 1.0
    assert value(probes, vectors, "deletion") == 1.0
    # Five orthogonal vectors: five equal singular values, and all distances are sqrt(2).
    assert value(probes, vectors, "spectrum") == pytest.approx(5.0)
    assert value(probes, vectors, "uniformity") == pytest.approx(-4.0)


def test_vectors_that_are_all_the_same_answer_nothing() -> None:
    probes = Probes.of(SENTENCES)
    vectors = {text: [1.0, 2.0] for text in probes.texts}
    n = len(probes.whole)
    assert value(probes, vectors, "halves") == pytest.approx(1 / n)
    assert value(probes, vectors, "deletion") == pytest.approx(1 / len(SENTENCES))
    assert value(probes, vectors, "spectrum") == pytest.approx(1.0)


def test_there_is_a_row_for_each_probe_and_one_that_keeps_the_cosines() -> None:
    probes = Probes.of(SENTENCES)
    rng = np.random.default_rng(0)
    vectors = {text: rng.normal(size=4) for text in probes.texts}
    rows = probes.measure(lambda texts: np.array([vectors[text] for text in texts]))
    assert [row["metric"] for row in rows] == [*PROBES, "pairs"]
    assert {row["split"] for row in rows} == {"held-out"}
    cosines = unpack_cosines(str(rows[-1]["cosines"]))
    i, j = probes.pairs[0]
    a, b = vectors[probes.texts[i]], vectors[probes.texts[j]]
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert cosines[0] == pytest.approx(expected, abs=1e-6)
    assert rows[-1]["value"] == pytest.approx(cosines.std(), abs=1e-6)
    unit = np.array([vectors[s] / np.linalg.norm(vectors[s]) for s in SENTENCES])
    assert rows[3]["value"] == pytest.approx(uniformity(unit))


def test_an_encoder_is_asked_once_with_every_text() -> None:
    probes, calls = Probes.of(SENTENCES), []

    def encode(texts: Sequence[str]) -> np.ndarray:
        calls.append(list(texts))
        return np.ones((len(texts), 2))

    probes.measure(encode)
    assert calls == [probes.texts]


@pytest.mark.parametrize("sentences", [["好", "坏"], ["我们今天去公园"]])
def test_sentences_of_single_words_are_too_little(sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="at least two of two words"):
        Probes.of(sentences)
