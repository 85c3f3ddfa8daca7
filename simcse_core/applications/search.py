"""Question recall: standard questions encoded once and kept, the nearest ones for any query.

Exact, by one matrix product: right up to some 10^6 questions. ``approximate`` goes beyond.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from simcse_core.applications.inputs import (
    Encode,
    InputError,
    check_texts,
    check_width,
    unit_vectors,
)
from simcse_core.applications.ranking import best, blocks
from simcse_core.applications.tfidf import LexicalIndex
from simcse_core.files import whole_file
from simcse_core.translation import translated

FORMAT = 1
RRF_K = 60  # Cormack et al. (2009), section 2
FUSION_DEPTH = 100  # candidates of each ranking that are fused


@dataclass(frozen=True)
class EncoderStamp:
    """Which encoder vectors come from: ``name`` for people, ``fingerprint`` for comparing."""

    name: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint})"


@dataclass(frozen=True)
class QuestionIndex:
    """Standard questions and their vectors.

    Attributes:
        questions: n different texts.
        vectors: float32 of shape (n, hidden), rows of length 1.
        encoder: what they were encoded with.
    """

    questions: list[str]
    vectors: np.ndarray
    encoder: EncoderStamp

    def __len__(self) -> int:
        return len(self.questions)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over encoder, questions and vectors."""
        digest = hashlib.sha256(f"{self.encoder}\n".encode() + _packed(self.questions))
        digest.update(np.ascontiguousarray(self.vectors).data)
        return digest.hexdigest()


class Hits(NamedTuple):
    """The nearest questions of each query, from the nearest on.

    ``rows`` holds places in the index, int64 of shape (queries, k), and ``scores`` float32 of the
    same shape: cosines, or sums of reciprocal ranks after fusion.
    """

    rows: np.ndarray
    scores: np.ndarray


def build(questions: Iterable[str], encode: Encode, encoder: EncoderStamp) -> QuestionIndex:
    """Encodes standard questions.

    Raises:
        InputError: a question is empty or stands twice, or ``encode`` gave no usable vectors.
    """
    questions = _different(check_texts(questions, "questions"))
    return QuestionIndex(questions, unit_vectors(encode, questions, "questions"), encoder)


def add(
    index: QuestionIndex, questions: Iterable[str], encode: Encode, encoder: EncoderStamp
) -> QuestionIndex:
    """A new index with further questions at its end; only they are encoded.

    Raises:
        InputError: as :func:`build`, a question is there already, or it is another encoder.
    """
    check_encoder(index, encoder)
    questions = check_texts(questions, "questions")
    _different([*index.questions, *questions])
    vectors = unit_vectors(encode, questions, "questions")
    check_width(vectors, index.vectors.shape[1], "questions")
    both = np.concatenate([index.vectors, vectors])
    return QuestionIndex([*index.questions, *questions], both, index.encoder)


def remove(index: QuestionIndex, questions: Iterable[str]) -> QuestionIndex:
    """A new index without these questions; nothing is encoded.

    Raises:
        InputError: one of them is not in the index, or none would be left.
    """
    gone = set(check_texts(questions, "questions"))
    if unknown := sorted(gone - set(index.questions)):
        raise InputError(f"questions: {unknown[0]!r} is not in the index, so nothing was removed")
    kept = [row for row, question in enumerate(index.questions) if question not in gone]
    if not kept:
        raise InputError("questions: these are all that the index holds; delete its file instead")
    return QuestionIndex([index.questions[i] for i in kept], index.vectors[kept], index.encoder)


def query(
    index: QuestionIndex,
    queries: Iterable[str],
    encode: Encode,
    k: int = 10,
    progress: bool = False,
) -> Hits:
    """The k nearest questions of each query by cosine, exactly.

    Args:
        index: what is searched.
        queries: any number of texts.
        encode: the encoder that the index was built with.
        k: how many.
        progress: whether to draw a bar.

    Raises:
        InputError: an empty query, k above the size of the index, or vectors of another width.
    """
    check_k(k, len(index))
    vectors = unit_vectors(encode, queries, "queries")
    check_width(vectors, index.vectors.shape[1], "queries")
    return nearest(index.vectors, vectors, k, progress)


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int, progress: bool = False) -> Hits:
    """The k rows of ``vectors`` with the highest product with each row of ``queries``."""
    rows = np.empty((len(queries), k), dtype=np.int64)
    scores = np.empty((len(queries), k), dtype=np.float32)
    parts = list(blocks(len(queries), len(vectors)))
    for block in tqdm(parts, desc=translated("search"), disable=not progress):
        products = queries[block] @ vectors.T  # (block, n)
        rows[block] = best(products, k)
        scores[block] = np.take_along_axis(products, rows[block], axis=1)
    return Hits(rows, scores)


def query_fused(
    index: QuestionIndex,
    lexical: LexicalIndex,
    queries: Iterable[str],
    encode: Encode,
    k: int = 10,
    progress: bool = False,
) -> Hits:
    """The k best questions by reciprocal ranks in two searches: vectors, and TF-IDF.

    Args:
        index: what is searched.
        lexical: ``LexicalIndex(index.questions)``, made once.
        queries: any number of texts.
        encode: the encoder that the index was built with.
        k: how many, at most :data:`FUSION_DEPTH`.
        progress: whether to draw bars.

    Raises:
        InputError: as :func:`query`, or k is above :data:`FUSION_DEPTH`.
    """
    check_k(k, min(len(index), FUSION_DEPTH))
    queries, depth = check_texts(queries, "queries"), min(FUSION_DEPTH, len(index))
    by_vectors = query(index, queries, encode, depth, progress).rows
    return fuse([by_vectors, lexical.rankings(queries, depth, progress)], k)


def fuse(rankings: Sequence[np.ndarray], k: int) -> Hits:
    """Reciprocal rank fusion: a candidate scores the sum of 1 / (60 + rank) (Cormack et al., 2009).

    Args:
        rankings: int arrays of shape (queries, depth), candidates from the best on; -1 is none.
            Equal sums go by the first ranking that has one of them.
        k: how many to keep, at most the number of candidates of any query.

    Returns:
        Candidates and sums; -1 and 0 where a query has fewer than k candidates.
    """
    n = len(rankings[0])
    rows, scores = np.full((n, k), -1, dtype=np.int64), np.zeros((n, k), dtype=np.float32)
    for i in range(n):
        sums: dict[int, float] = {}
        for ranking in rankings:
            for rank, candidate in enumerate(ranking[i].tolist(), start=1):
                if candidate >= 0:
                    sums[candidate] = sums.get(candidate, 0.0) + 1 / (RRF_K + rank)
        # sorted() is stable, and candidates entered in the order of the rankings.
        for place, candidate in enumerate(sorted(sums, key=lambda c: -sums[c])[:k]):
            rows[i, place], scores[i, place] = candidate, sums[candidate]
    return Hits(rows, scores)


def save(index: QuestionIndex, path: Path) -> None:
    """Writes an index as one file, whole or not at all; ``load`` reads it back.

    The file is NumPy's npz: ``vectors``, ``questions`` (JSON in UTF-8) and ``header`` (JSON: the
    format, the encoder, and the checksum).
    """
    encoder = {"name": index.encoder.name, "fingerprint": index.encoder.fingerprint}
    header = {"format": FORMAT, "encoder": encoder, "checksum": index.checksum}
    with whole_file(Path(path)) as file:
        np.savez(
            file,
            header=np.frombuffer(json.dumps(header, ensure_ascii=False).encode(), np.uint8),
            questions=np.frombuffer(_packed(index.questions), np.uint8),
            vectors=index.vectors,
        )


def load(path: Path, encoder: EncoderStamp | None = None) -> QuestionIndex:
    """Reads an index that :func:`save` wrote.

    Args:
        path: the file.
        encoder: what queries will be encoded with; without it, nothing is compared.

    Raises:
        InputError: there is no such file, it is damaged or of another format, or the index is of
            another encoder.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"index: no file {path}; build it first")
    try:
        index, checksum = _read(path)
        whole = index.checksum == checksum
    except DAMAGE as error:
        raise InputError(f"{_damaged(path)} ({type(error).__name__}: {error})") from error
    if not whole:
        raise InputError(f"{_damaged(path)} (the checksum differs)")
    if encoder:
        check_encoder(index, encoder)
    return index


def check_encoder(index: QuestionIndex, encoder: EncoderStamp) -> None:
    """Refuses another encoder than that of the index.

    Raises:
        InputError: it is another one; the message names both.
    """
    if index.encoder.fingerprint != encoder.fingerprint:
        raise InputError(
            f"encoder: the index was built with {index.encoder}, not with {encoder}; name that "
            "one, with the same pooling and length, or build the index again"
        )


def check_k(k: int, n: int) -> None:
    """Refuses a k that n candidates cannot give.

    Raises:
        InputError: k is not between 1 and n.
    """
    if not 1 <= k <= n:
        raise InputError(f"k: must be between 1 and the {n} questions to choose from, got {k}")


DAMAGE = (
    RecursionError,
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    MemoryError,
    NotImplementedError,  # of zipfile, at a compression that it does not know
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def _read(path: Path) -> tuple[QuestionIndex, str]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        header = json.loads(stored["header"].tobytes())
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']}, this version reads {FORMAT}")
        questions = json.loads(stored["questions"].tobytes())
        vectors = stored["vectors"]
    if vectors.shape[:1] != (len(questions),) or vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(f"{len(questions)} questions, vectors {vectors.dtype} {vectors.shape}")
    encoder = EncoderStamp(**header["encoder"])
    return QuestionIndex(questions, vectors, encoder), header["checksum"]


def _damaged(path: Path) -> str:
    return (
        f"index: {path} is damaged or no index, and nothing was changed; remove it and build it "
        "again, or name another file"
    )


def _packed(questions: Iterable[str]) -> bytes:
    return json.dumps(list(questions), ensure_ascii=False).encode()


def _different(questions: list[str]) -> list[str]:
    place: dict[str, int] = {}
    for i, question in enumerate(questions, start=1):
        if question in place:
            raise InputError(
                f"questions: {question!r} is there twice (numbers {place[question]} and {i}); "
                "keep one"
            )
        place[question] = i
    return questions
