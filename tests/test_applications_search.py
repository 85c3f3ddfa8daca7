from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from application_texts import OTHER_STAMP, STAMP, angles

from simcse_core.applications import search
from simcse_core.applications.inputs import InputError
from simcse_core.applications.search import QuestionIndex
from simcse_core.applications.tfidf import LexicalIndex


@pytest.fixture
def index() -> QuestionIndex:
    return search.build(["0", "30", "90"], angles, STAMP)


def never(texts: object) -> np.ndarray:
    raise AssertionError("nothing was to be encoded")


def test_a_query_finds_the_questions_at_the_smallest_angles(index: QuestionIndex) -> None:
    hits = search.query(index, ["40", "-10"], angles, k=2)
    assert hits.rows.tolist() == [[1, 0], [0, 1]]
    by_hand = np.cos(np.deg2rad([[10, 40], [10, 40]]))
    assert np.allclose(hits.scores, by_hand, atol=1e-6)


def test_a_search_in_blocks_finds_what_one_product_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.normal(size=(40, 8)), rng.normal(size=(23, 8))
    whole = np.argsort(-queries @ vectors.T, axis=1)[:, :5]
    monkeypatch.setattr("simcse_core.applications.ranking.SCORES_AT_ONCE", 200)
    assert search.nearest(vectors, queries, 5).rows.tolist() == whole.tolist()


def test_adding_encodes_only_what_is_new(index: QuestionIndex) -> None:
    seen: list[str] = []
    more = search.add(index, ["60"], lambda texts: seen.extend(texts) or angles(texts), STAMP)
    assert seen == ["60"]
    assert more.questions == ["0", "30", "90", "60"]
    assert search.query(more, ["61"], angles, k=1).rows.tolist() == [[3]]
    assert len(index) == 3


def test_removing_encodes_nothing_and_keeps_the_other_vectors(index: QuestionIndex) -> None:
    fewer = search.remove(index, ["30"])
    assert fewer.questions == ["0", "90"]
    assert np.array_equal(fewer.vectors, index.vectors[[0, 2]])


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        (["7"], "'7' is not in the index, so nothing was removed"),
        (["0", "30", "90"], "all that the index holds"),
        ([], "there is none"),
    ],
)
def test_what_cannot_be_removed_is_named(
    index: QuestionIndex, questions: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        search.remove(index, questions)


def test_a_question_that_stands_twice_is_refused(index: QuestionIndex) -> None:
    with pytest.raises(InputError, match=r"'0' is there twice \(numbers 1 and 3\)"):
        search.build(["0", "1", "0"], angles, STAMP)
    with pytest.raises(InputError, match=r"'30' is there twice \(numbers 2 and 4\)"):
        search.add(index, ["30"], never, STAMP)


def test_an_index_of_another_encoder_is_refused(index: QuestionIndex, tmp_path: Path) -> None:
    search.save(index, tmp_path / "faq.index")
    message = "built with angles .0123456789ab., not with others .ba9876543210."
    with pytest.raises(InputError, match=message):
        search.load(tmp_path / "faq.index", OTHER_STAMP)
    with pytest.raises(InputError, match=message):
        search.add(index, ["60"], never, OTHER_STAMP)


def test_the_fingerprint_decides_and_not_the_name(index: QuestionIndex) -> None:
    search.check_encoder(index, search.EncoderStamp("renamed", STAMP.fingerprint))


@pytest.mark.parametrize("k", [0, 4, -1])
def test_a_k_that_the_index_cannot_give_is_refused(index: QuestionIndex, k: int) -> None:
    with pytest.raises(InputError, match="k: must be between 1 and the 3 questions"):
        search.query(index, ["1"], never, k)


def test_an_empty_query_is_refused(index: QuestionIndex) -> None:
    with pytest.raises(InputError, match="queries: number 2 is empty"):
        search.query(index, ["1", ""], never, 1)


def test_queries_of_another_width_are_refused(index: QuestionIndex) -> None:
    with pytest.raises(InputError, match="vectors of queries have 3 columns"):
        search.query(index, ["1"], lambda texts: np.ones((len(texts), 3)), 1)


def test_reciprocal_rank_fusion_by_hand() -> None:
    hits = search.fuse([np.array([[0, 1, 2]]), np.array([[2, 0, -1]])], k=3)
    # 0 is first and second, 2 third and first, 1 second in one ranking alone.
    assert hits.rows.tolist() == [[0, 2, 1]]
    by_hand = [1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62]
    assert np.allclose(hits.scores, [by_hand])


def test_equal_sums_go_by_the_first_ranking_and_short_lists_are_filled_up() -> None:
    hits = search.fuse([np.array([[5]]), np.array([[3]])], k=3)
    assert hits.rows.tolist() == [[5, 3, -1]]
    assert hits.scores[0, 2] == 0


def test_fusion_brings_up_what_shares_characters_with_the_query() -> None:
    faq = ["怎么退货", "怎么付款", "运费多少"]
    index = QuestionIndex(faq, np.eye(3, dtype=np.float32), STAMP)

    def blind(texts: object) -> np.ndarray:
        return np.array([[0.6, 0.5, 0.4]])

    assert search.query(index, ["运费"], blind, 1).rows.tolist() == [[0]]
    fused = search.query_fused(index, LexicalIndex(faq), ["运费"], blind, 1)
    assert fused.rows.tolist() == [[2]]


def test_a_kept_index_comes_back_as_it_was(index: QuestionIndex, tmp_path: Path) -> None:
    search.save(index, tmp_path / "faq.index")
    again = search.load(tmp_path / "faq.index", STAMP)
    assert again.questions == index.questions
    assert np.array_equal(again.vectors, index.vectors)
    assert again.encoder == index.encoder
    assert [path.name for path in tmp_path.iterdir()] == ["faq.index"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*faq\.index; build it first"):
        search.load(tmp_path / "faq.index")


def test_a_file_cut_short_anywhere_is_told(index: QuestionIndex, tmp_path: Path) -> None:
    path = tmp_path / "faq.index"
    search.save(index, path)
    content = path.read_bytes()
    for length in range(0, len(content), 17):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="is damaged or no index"):
            search.load(path)


def test_a_byte_changed_anywhere_is_told_or_changes_nothing(
    index: QuestionIndex, tmp_path: Path
) -> None:
    path = tmp_path / "faq.index"
    search.save(index, path)
    content = path.read_bytes()
    told: list[str] = []
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            assert search.load(path).checksum == index.checksum
        except InputError as error:
            told.append(str(error))
    assert told
    assert all("is damaged or no index" in message for message in told)


def test_a_text_or_array_that_is_no_index_is_told(tmp_path: Path) -> None:
    path = tmp_path / "faq.index"
    path.write_text("question\n怎么退货\n", encoding="utf-8")
    with pytest.raises(InputError, match="is damaged or no index"):
        search.load(path)
    with path.open("wb") as file:
        np.save(file, np.eye(2))
    with pytest.raises(InputError, match="is damaged or no index"):
        search.load(path)


@pytest.mark.parametrize("part", ["header", "questions"])
@pytest.mark.parametrize("text", ["[" * 100_000, "5", "{}", "null", '"a"', "[[1]]"])
def test_json_of_another_form_in_an_index_is_told(tmp_path: Path, part: str, text: str) -> None:
    parts = {"header": "{}", "questions": '["a"]'} | {part: text}
    packed = {name: np.frombuffer(own.encode(), np.uint8) for name, own in parts.items()}
    with (tmp_path / "faq.index").open("wb") as file:
        np.savez(file, **packed, vectors=np.eye(1, dtype=np.float32))
    with pytest.raises(
        InputError, match=r"is damaged or no index, .*; remove it and build it again"
    ):
        search.load(tmp_path / "faq.index")
