"""STS pairs, NLI triplets and unlabelled sentences: read, check, sample.

A *source* is ``"sample"`` (bundled), a directory holding CNSD files, or ``"hub"`` (Hugging Face);
see :mod:`simcse_core.sources`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from simcse_core.config import REPORT_UNTRAINED, HubData
from simcse_core.sources import FORMS, PAIR, SPLITS, DataError, Source, open_source, sentence_lines

# Pairs that are known by their content, wherever they lie: name, and numbers published on them.
RECOGNISED = {"61fa5d42939b": ("CNSD STS-B", REPORT_UNTRAINED)}


@dataclass(frozen=True)
class StsPairs:
    """Sentence pairs with a graded similarity: ``scores`` is float64 of shape (n,), 0 to 5."""

    first: list[str]
    second: list[str]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def sentences(self) -> list[str]:
        """Every unique sentence, in order of first appearance."""
        return _unique(self.all_sentences())

    def all_sentences(self) -> list[str]:
        """Every sentence as often as it stands in a pair."""
        return [*self.first, *self.second]


@dataclass(frozen=True)
class NliTriplets:
    """Premises (anchor), sentences they entail (positive), sentences they contradict (negative)."""

    anchor: list[str]
    positive: list[str]
    hard_negative: list[str]

    def __len__(self) -> int:
        return len(self.anchor)

    def sentences(self) -> list[str]:
        """Every unique sentence, in order of first appearance."""
        return _unique(self.all_sentences())

    def all_sentences(self) -> list[str]:
        """Every sentence as often as it stands in a triplet."""
        return [*self.anchor, *self.positive, *self.hard_negative]


@dataclass(frozen=True)
class SentencePool:
    """The unlabelled sentences of a source and what was left out on the way."""

    sentences: list[str]
    n_read: int
    n_duplicates: int
    n_in_dev_or_test: int
    left_out: frozenset[str] = frozenset()  # the sentences of dev or test that the text held

    def describe(self) -> str:
        """One line for people: how many sentences there are and how many were left out."""
        return (
            f"{len(self.sentences):,} unique unlabelled sentences ({self.n_read:,} read, "
            f"{self.n_duplicates:,} duplicates and {self.n_in_dev_or_test:,} sentences of dev or "
            "test left out)"
        )


@dataclass(frozen=True)
class StudyData:
    """All that an experiment needs of a source, read once."""

    name: str
    dev: StsPairs
    test: StsPairs
    pool: SentencePool
    triplets: NliTriplets | None
    fingerprint: str
    # Split to encoder to Spearman, where somebody published numbers on these very pairs.
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    MEASURED: ClassVar[str] = "sentences of dev and test"  # what held_out() holds, in words

    def splits(self) -> dict[str, StsPairs]:
        """The labelled parts that methods are scored on, by name."""
        return {"dev": self.dev, "test": self.test}

    def held_out(self) -> list[str]:
        """Every unique sentence of dev and test."""
        return _unique([*self.dev.sentences(), *self.test.sentences()])

    def describe(self) -> str:
        """Three lines for people: where the data is from, how much there is, what parts share."""
        shared = self.shared()
        both = set(self.dev.sentences()) & set(self.test.sentences())
        return (
            f"{self.name}: {len(self.dev):,} dev pairs, {len(self.test):,} test pairs\n"
            f"{self.pool.describe()}\n"
            f"{len(both):,} sentences stand in both dev and test; {shared['dev'].sum():,} dev and "
            f"{shared['test'].sum():,} test pairs hold a sentence that stands in another part too"
        )

    def shared(self) -> dict[str, np.ndarray]:
        """Which pairs of dev and of test have a sentence that also stands in another part.

        Other parts are the text of the pool, from which such sentences are left out, and the other
        one of dev and test.

        Returns:
            ``dev`` and ``test`` to bool arrays of shape (n,).
        """
        parts = {"dev": (self.dev, self.test), "test": (self.test, self.dev)}
        found = {}
        for split, (pairs, other) in parts.items():
            seen = self.pool.left_out | set(other.sentences())
            both = zip(pairs.first, pairs.second, strict=True)
            found[split] = np.array([a in seen or b in seen for a, b in both])
        return found


def load_sts(source: str | Path, split: str, hub: HubData = HubData()) -> StsPairs:
    """Reads the pairs of one split (``train``, ``dev`` or ``test``) of a source.

    Raises:
        DataError: a file is missing or malformed (file and line named), or the split is unknown.
    """
    if split not in SPLITS:
        raise DataError(f"split: unknown value {split!r}; use one of: {', '.join(SPLITS)}")
    opened = open_source(source, hub)
    if split not in opened.parts:
        raise DataError(f"source {source!s}: has no {split} part")
    rows = [(*texts[-3:-1], opened.score(texts[-1], at)) for at, texts in opened.read(split)]
    first, second, scores = zip(*rows, strict=True)
    return StsPairs(list(first), list(second), np.array(scores, dtype=np.float64))


def load_triplets(source: str | Path, hub: HubData = HubData()) -> NliTriplets:
    """Reads the NLI triplets of a source.

    Raises:
        DataError: a file is missing or malformed, or the source has no NLI part.
    """
    opened = open_source(source, hub)
    if "nli" not in opened.parts:
        raise DataError(
            "hub_nli: no NLI data set is named; give the id of one with the columns "
            "anchor, positive, negative, or premise, hypothesis, label"
        )
    return NliTriplets(*(list(column) for column in zip(*_fields(opened, "nli"), strict=True)))


def _fields(source: Source, part: str) -> Iterator[tuple[Any, ...]]:
    return (texts for _, texts in source.read(part))


def load_pool(
    source: str | Path, extra: Sequence[str] = (), hub: HubData = HubData()
) -> SentencePool:
    """Gathers the unlabelled sentences of a source, unique and without those of dev and test.

    They are the sentences of STS-train and of the NLI triplets, and those of every file named in
    ``extra`` (one sentence a line, relative to the source directory). The order is that of reading.

    Raises:
        DataError: a file is missing or malformed.
    """
    read = list(_pool_sentences(open_source(source, hub), extra))
    unique = _unique(read)
    held_out = frozenset(
        s for split in ("dev", "test") for s in load_sts(source, split, hub).sentences()
    )
    kept = [sentence for sentence in unique if sentence not in held_out]
    return SentencePool(
        kept,
        len(read),
        len(read) - len(unique),
        len(unique) - len(kept),
        held_out & set(unique),
    )


def load_sentences(
    source: str | Path, extra: Sequence[str] = (), hub: HubData = HubData()
) -> list[str]:
    """The sentences of :func:`load_pool`: unique, none of them in dev or test."""
    return load_pool(source, extra, hub).sentences


def load_study_data(
    source: str | Path, extra: Sequence[str] = (), hub: HubData = HubData()
) -> StudyData:
    """Reads dev, test and the unlabelled pool of a source, with a fingerprint of their content."""
    opened = open_source(source, hub)
    dev, test = load_sts(source, "dev", hub), load_sts(source, "test", hub)
    pool = load_pool(source, extra, hub)
    triplets = load_triplets(source, hub) if "nli" in opened.parts else None
    pairs = {"dev": _columns(dev), "test": _columns(test)}
    name, published = RECOGNISED.get(fingerprint(pairs), (opened.name, opened.published))
    parts: dict[str, Sequence[Sequence[str]]] = {**pairs, "pool": [pool.sentences]}
    if triplets is not None:
        parts["nli"] = [triplets.anchor, triplets.positive, triplets.hard_negative]
    return StudyData(name, dev, test, pool, triplets, fingerprint(parts), published)


def _columns(pairs: StsPairs) -> list[Sequence[str]]:
    return [pairs.first, pairs.second, [repr(float(score)) for score in pairs.scores]]


def sample_sentences(pool: Sequence[str], n: int, seed: int) -> list[str]:
    """Draws ``n`` sentences without replacement; a smaller draw is a prefix of a larger one.

    Raises:
        DataError: ``n`` is below 1 or larger than the pool.
    """
    if not 1 <= n <= len(pool):
        raise DataError(
            f"n_train: must be between 1 and the {len(pool):,} sentences of the pool, "
            f"got {n:,}; lower n_train or name more files in extra_sentences"
        )
    order = np.random.default_rng(seed).permutation(len(pool))[:n]
    return [pool[i] for i in order]


def sample_triplets(triplets: NliTriplets | None, n: int, seed: int) -> NliTriplets:
    """Draws ``n`` triplets without replacement; a smaller draw is a prefix of a larger one.

    Raises:
        DataError: there are no triplets, or fewer than ``n``.
    """
    if triplets is None or not 1 <= n <= len(triplets):
        have = 0 if triplets is None else len(triplets)
        raise DataError(f"n_train: {n:,} NLI triplets wanted, the source has {have:,}")
    order = np.random.default_rng(seed).permutation(len(triplets))[:n]
    return NliTriplets(
        *(
            [column[i] for i in order]
            for column in (triplets.anchor, triplets.positive, triplets.hard_negative)
        )
    )


def fingerprint(parts: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """The first 12 hex digits of SHA-256 over named parts of equally long columns of text.

    Every part goes in with its name and length and every text with its length, so that nothing can
    move from one to another unseen.
    """
    digest = hashlib.sha256()
    for name, columns in parts.items():
        digest.update(f"{name} {len(columns)} {len(columns[0])}\n".encode())
        for row in zip(*columns, strict=True):
            for text in row:
                encoded = text.encode("utf-8")
                digest.update(b"%d " % len(encoded) + encoded)
    return digest.hexdigest()[:12]


def _pool_sentences(source: Source, extra: Sequence[str]) -> Iterator[str]:
    for part in ("train", "nli", "sentences"):
        if part in source.parts:
            texts = list(_fields(source, part))
            labelled = FORMS[part] is PAIR
            columns = zip(*((row[-3:-1] if labelled else row) for row in texts), strict=True)
            yield from (text for column in columns for text in column)
    for name in extra:
        yield from (text for _, text in sentence_lines(source.folder / name))


def _unique(sentences: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(sentences))
