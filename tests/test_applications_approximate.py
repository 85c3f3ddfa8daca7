from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from application_texts import OTHER_STAMP, STAMP, angles

from simcse_core.applications import approximate, search
from simcse_core.applications.inputs import InputError
from simcse_core.applications.search import QuestionIndex

QUESTIONS = [str(angle) for angle in range(0, 180, 2)]
needs_faiss = pytest.mark.skipif(not approximate.INSTALLED, reason="the extra search is missing")


@pytest.fixture
def index() -> QuestionIndex:
    return search.build(QUESTIONS, angles, STAMP)


def test_without_the_extra_a_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, index: QuestionIndex
) -> None:
    monkeypatch.setattr(approximate, "INSTALLED", False)
    with pytest.raises(InputError, match=r"pip install 'simcse-core\[search\]'"):
        approximate.build(index.vectors, "flat")


@needs_faiss
@pytest.mark.parametrize("kind", approximate.KINDS)
def test_at_full_effort_every_kind_finds_what_exact_search_finds(
    kind: str, index: QuestionIndex
) -> None:
    made = approximate.build(index.vectors, kind, index.checksum)
    approximate.set_effort(made, max(approximate.KINDS[kind].efforts))
    queries = ["31.3", "100.7"]
    found = approximate.query(made, index, queries, angles, k=5)
    exact = search.query(index, queries, angles, k=5)
    assert found.rows.tolist() == exact.rows.tolist()
    assert np.allclose(found.scores, exact.scores, atol=1e-6)


@needs_faiss
def test_a_kept_index_finds_the_same(index: QuestionIndex, tmp_path: Path) -> None:
    made = approximate.build(index.vectors, "hnsw", index.checksum)
    approximate.save(made, tmp_path / "faq.hnsw")
    again = approximate.load(tmp_path / "faq.hnsw")
    assert (again.kind, again.checksum) == ("hnsw", index.checksum)
    queries = angles(["31.3"])
    assert np.array_equal(
        approximate.found(again, queries, 5).rows, approximate.found(made, queries, 5).rows
    )


@needs_faiss
def test_an_index_of_other_questions_or_another_encoder_is_refused(index: QuestionIndex) -> None:
    made = approximate.build(index.vectors, "flat", index.checksum)
    others = (
        search.remove(index, ["0"]),
        QuestionIndex(index.questions, index.vectors, OTHER_STAMP),
    )
    for other in others:
        with pytest.raises(InputError, match="of other questions or another encoder"):
            approximate.query(made, other, ["1"], angles, k=1)


@needs_faiss
def test_what_cannot_be_searched_is_named(index: QuestionIndex) -> None:
    made = approximate.build(index.vectors, "flat", index.checksum)
    with pytest.raises(InputError, match="k: must be between 1 and the 90 questions"):
        approximate.query(made, index, ["1"], angles, k=91)
    with pytest.raises(InputError, match="queries: number 1 is empty"):
        approximate.query(made, index, [""], angles, k=1)
    with pytest.raises(InputError, match="kind: unknown value 'tree'; use one of: flat"):
        approximate.build(index.vectors, "tree")


@needs_faiss
def test_a_damaged_file_is_told(index: QuestionIndex, tmp_path: Path) -> None:
    path = tmp_path / "faq.flat"
    with pytest.raises(InputError, match="no file"):
        approximate.load(path)
    approximate.save(approximate.build(index.vectors, "flat"), path)
    content = path.read_bytes()
    for length in range(0, len(content), 101):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="is damaged"):
            approximate.load(path)
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0x55
    path.write_bytes(changed)
    with pytest.raises(InputError, match="is damaged"):
        approximate.load(path)
