"""Search beyond 10^6 questions by faiss, near the exact answer for much less work.

Needs the extra ``search`` (faiss-cpu); ``search`` alone is exact and needs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from simcse_core.applications.inputs import Encode, InputError, check_width, unit_vectors
from simcse_core.applications.search import DAMAGE, Hits, QuestionIndex, check_k
from simcse_core.files import whole_file
from simcse_core.translation import translated

try:
    import faiss
except ModuleNotFoundError:  # the extra is not installed; exact search does without
    INSTALLED = False
else:
    INSTALLED = True

# Links of a node in HNSW and candidates while building: between faiss's default (32, 40) and what
# Malkov and Yashunin (2018, section 4.1) use for dimensions of this size.
HNSW_LINKS = 32
HNSW_BUILD_CANDIDATES = 80
# IVF: faiss's guideline is 4 to 16 times the square root of n lists, and 30 to 256 training vectors
# for each list (wiki, "Guidelines to choose an index"; ClusteringParameters).
IVF_LISTS_PER_ROOT = 4
IVF_TRAINING_PER_LIST = 40
ADDED_AT_ONCE = 10_000  # between two steps of the progress bar


@dataclass(frozen=True)
class Kind:
    """A faiss index: how it is made for n vectors, and how its effort at search time is set.

    ``efforts`` are values worth trying, from fast to thorough; ``effort`` is the default.
    """

    make: Callable[[int, int], Any]
    set_effort: Callable[[Any, int], None]
    efforts: tuple[int, ...]
    effort: int


def _flat(n: int, hidden: int) -> Any:
    return faiss.IndexFlatIP(hidden)


def _hnsw(n: int, hidden: int) -> Any:
    made = faiss.IndexHNSWFlat(hidden, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    made.hnsw.efConstruction = HNSW_BUILD_CANDIDATES
    return made


def _ivf(n: int, hidden: int) -> Any:
    lists = max(1, min(int(IVF_LISTS_PER_ROOT * n**0.5), n // IVF_TRAINING_PER_LIST))
    made = faiss.IndexIVFFlat(faiss.IndexFlatIP(hidden), hidden, lists, faiss.METRIC_INNER_PRODUCT)
    made.cp.min_points_per_centroid = 1  # few vectors make few lists; no warning is due
    return made


def _set_nothing(made: Any, effort: int) -> None:
    pass


def _set_candidates(made: Any, effort: int) -> None:
    made.hnsw.efSearch = effort


def _set_probes(made: Any, effort: int) -> None:
    made.nprobe = min(effort, made.nlist)


# By name: all vectors; a graph of near neighbours (effort: candidates kept); lists of which only
# the nearest are searched (effort: lists).
KINDS = {
    "flat": Kind(_flat, _set_nothing, (1,), 1),
    "hnsw": Kind(_hnsw, _set_candidates, (16, 32, 64, 128, 256), 64),
    "ivf": Kind(_ivf, _set_probes, (1, 4, 16, 64, 256), 16),
}


@dataclass(frozen=True)
class ApproximateIndex:
    """A faiss index over the vectors of a :class:`QuestionIndex`, whose checksum it holds."""

    kind: str
    made: Any
    checksum: str


def build(
    vectors: np.ndarray, kind: str, checksum: str = "", progress: bool = False
) -> ApproximateIndex:
    """Builds a faiss index.

    Args:
        vectors: float32 of shape (n, hidden), rows of length 1.
        kind: a key of :data:`KINDS`.
        checksum: of the question index that the vectors are of.
        progress: whether to draw a bar.

    Raises:
        InputError: an unknown kind, or the extra ``search`` is not installed.
    """
    check_installed()
    if kind not in KINDS:
        raise InputError(f"kind: unknown value {kind!r}; use one of: {', '.join(KINDS)}")
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    made = KINDS[kind].make(*vectors.shape)
    if not made.is_trained:
        made.train(_drawn(vectors, made.nlist * IVF_TRAINING_PER_LIST))
    with tqdm(
        total=len(vectors), unit=translated("vector"), desc=kind, disable=not progress
    ) as bar:
        for start in range(0, len(vectors), ADDED_AT_ONCE):
            made.add(vectors[start : start + ADDED_AT_ONCE])
            bar.update(min(ADDED_AT_ONCE, len(vectors) - start))
    set_effort(ApproximateIndex(kind, made, checksum), KINDS[kind].effort)
    return ApproximateIndex(kind, made, checksum)


def found(approximate: ApproximateIndex, queries: np.ndarray, k: int) -> Hits:
    """The k nearest vectors of each row of ``queries`` as faiss finds them; -1 fills up."""
    scores, rows = approximate.made.search(queries, k)
    return Hits(rows, scores)


def n_bytes(approximate: ApproximateIndex) -> int:
    """Bytes that faiss stores the index in: vectors and links or lists."""
    return len(faiss.serialize_index(approximate.made))


def set_effort(index: ApproximateIndex, effort: int) -> None:
    """Sets how thoroughly later searches look: ``efSearch`` of HNSW, ``nprobe`` of IVF."""
    KINDS[index.kind].set_effort(index.made, effort)


def query(
    approximate: ApproximateIndex,
    index: QuestionIndex,
    queries: Iterable[str],
    encode: Encode,
    k: int = 10,
) -> Hits:
    """The k nearest questions of each query as faiss finds them; -1 where it found fewer.

    Raises:
        InputError: as ``search.query``, or the faiss index is of another question index.
    """
    check_same(approximate, index)
    check_k(k, len(index))
    vectors = unit_vectors(encode, queries, "queries")
    check_width(vectors, approximate.made.d, "queries")
    return found(approximate, vectors, k)


def check_same(approximate: ApproximateIndex, index: QuestionIndex) -> None:
    """Refuses a faiss index of other questions.

    Raises:
        InputError: the checksums differ.
    """
    if approximate.checksum != index.checksum:
        raise InputError(
            f"{approximate.kind}: the faiss index is of other questions or another encoder than "
            "the index; build it again"
        )


def save(approximate: ApproximateIndex, path: Path) -> None:
    """Writes a faiss index as one file, whole or not at all."""
    head = f"{approximate.kind} {approximate.checksum}".encode()
    with whole_file(Path(path)) as file:
        np.savez(
            file,
            head=np.frombuffer(head, np.uint8),
            faiss=faiss.serialize_index(approximate.made),
        )


def load(path: Path) -> ApproximateIndex:
    """Reads what :func:`save` wrote.

    Raises:
        InputError: no such file, a damaged one, or the extra ``search`` is not installed.
    """
    check_installed()
    path = Path(path)
    if not path.is_file():
        raise InputError(f"faiss index: no file {path}; build it first")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            kind, checksum = stored["head"].tobytes().decode().split()
            made = faiss.deserialize_index(stored["faiss"])
        KINDS[kind].set_effort(made, KINDS[kind].effort)
    except (*DAMAGE, RuntimeError) as error:
        raise InputError(
            f"faiss index: {path} is damaged ({type(error).__name__}); build it again"
        ) from error
    return ApproximateIndex(kind, made, checksum)


def _drawn(vectors: np.ndarray, n: int) -> np.ndarray:
    if n >= len(vectors):
        return vectors
    return vectors[np.sort(np.random.default_rng(0).choice(len(vectors), n, replace=False))]


def check_installed() -> None:
    """Refuses to go on without faiss.

    Raises:
        InputError: the extra ``search`` is not installed.
    """
    if not INSTALLED:
        raise InputError(
            "faiss is not installed; pip install 'simcse-core[search]', or search exactly, which "
            "needs nothing"
        )
