"""STS pairs, NLI triplets and unlabelled sentences: read, check, sample.

A *source* is ``"sample"`` (bundled), ``"hub"`` (Hugging Face), or any file or folder of text; see
:mod:`simcse_core.sources`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from simcse_core.arguments import as_integer, as_numbers, as_sentences, check_lengths
from simcse_core.config import REPORT_UNTRAINED, HubData
from simcse_core.duplicates import count_repeated, written_form
from simcse_core.errors import DataError
from simcse_core.reading.columns import Columns
from simcse_core.reading.found import Found, describe
from simcse_core.sources import FORMS, PAIR, SPLITS, Source, open_source, sentence_lines
from simcse_core.statistics import spearman_ceiling

# Pairs that are known by their content, wherever they lie: name, and numbers published on them.
RECOGNISED = {"61fa5d42939b": ("CNSD STS-B", REPORT_UNTRAINED)}


@dataclass(frozen=True)
class StsPairs:
    """Sentence pairs with a similarity: ``scores`` is float64 of shape (n,), on any one scale.

    Raises:
        ParameterError: a column of another length, a sentence that is no text, a score that is no
            finite number; the message names column and item.
    """

    first: list[str]
    second: list[str]
    scores: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", as_sentences(self.first, "first"))
        object.__setattr__(self, "second", as_sentences(self.second, "second"))
        object.__setattr__(self, "scores", as_numbers(self.scores, "scores"))
        check_lengths({"first": self.first, "second": self.second, "scores": self.scores})

    def __len__(self) -> int:
        return len(self.first)

    @property
    def two_valued(self) -> bool:
        """Whether there are two labels, such as 0 and 1: same meaning or not."""
        return len(np.unique(self.scores)) == 2

    def sentences(self) -> list[str]:
        """Every unique sentence, in order of first appearance."""
        return _unique(self.all_sentences())

    def all_sentences(self) -> list[str]:
        """Every sentence as often as it stands in a pair."""
        return [*self.first, *self.second]


@dataclass(frozen=True)
class NliTriplets:
    """Premises (anchor), sentences they entail (positive), sentences they contradict (negative).

    Raises:
        ParameterError: a column of another length, or a sentence that is no text.
    """

    anchor: list[str]
    positive: list[str]
    hard_negative: list[str]

    def __post_init__(self) -> None:
        columns = {
            name: as_sentences(getattr(self, name), name)
            for name in ("anchor", "positive", "hard_negative")
        }
        check_lengths(columns)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.anchor)

    def sentences(self) -> list[str]:
        """Every unique sentence, in order of first appearance."""
        return _unique(self.all_sentences())

    def all_sentences(self) -> list[str]:
        """Every sentence as often as it stands in a triplet."""
        return [*self.anchor, *self.positive, *self.hard_negative]

    def without(self, sentences: Iterable[str]) -> NliTriplets:
        """Those in which none of these stands, up to width, case, punctuation and spaces."""
        forms, columns = _forms(sentences), (self.anchor, self.positive, self.hard_negative)
        clear = [forms.isdisjoint(_forms(row)) for row in zip(*columns, strict=True)]
        return NliTriplets(*(list(compress(column, clear)) for column in columns))


@dataclass(frozen=True)
class SentencePool:
    """The unlabelled sentences of a source and what was left out on the way."""

    sentences: list[str]
    n_read: int
    n_duplicates: int
    n_in_dev_or_test: int
    # The sentences of dev or test that the text held, up to width, case, punctuation and spaces.
    left_out: frozenset[str] = frozenset()

    def describe(self) -> str:
        """One line for people: how many sentences there are and how many were left out."""
        return (
            f"{len(self.sentences):,} unique unlabelled sentences ({self.n_read:,} read, "
            f"{self.n_duplicates:,} duplicates and {self.n_in_dev_or_test:,} sentences of dev or "
            "test left out)"
        )


@dataclass(frozen=True)
class StudyData:
    """All that a source holds, read once; ``dev`` and ``test`` are empty where it has no labels.

    Attributes:
        triplets: those that hold no sentence of dev or test; None where the source has no NLI part.
        published: split to encoder to Spearman, where somebody published numbers on these pairs.
        found: what each file gave, where that is not known beforehand.
        n_triplets_left_out: those that hold such a sentence.
    """

    name: str
    dev: StsPairs
    test: StsPairs
    pool: SentencePool
    triplets: NliTriplets | None
    fingerprint: str
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    found: Sequence[Found] = ()
    n_triplets_left_out: int = 0

    MEASURED: ClassVar[str] = "sentences of dev and test"  # what held_out() holds, in words

    def splits(self) -> dict[str, StsPairs]:
        """The labelled parts that methods are scored on, by name; those that are there."""
        return {name: p for name, p in (("dev", self.dev), ("test", self.test)) if len(p)}

    def require_pairs(self, *splits: str) -> None:
        """Raises a DataError unless these splits have labelled pairs; both where none is named."""
        if lacking := [name for name in splits or ("dev", "test") if name not in self.splits()]:
            raise DataError(
                f"source: {self.name} has no labelled pairs for {' and '.join(lacking)}, on which "
                "this is measured; add them, or run 06_your_sentences, which needs text alone"
            )

    def held_out(self) -> list[str]:
        """Every unique sentence of dev and test."""
        return _unique([*self.dev.sentences(), *self.test.sentences()])

    def describe(self) -> str:
        """Lines for people: where the data is from, how much there is, what parts share.

        What each file gave, triplets that were left out, pairs that stand in a part more than once,
        and labels that bound Spearman, have lines of their own where there are any.
        """
        found = [describe(self.found)] if self.found else []
        if not self.splits():
            return "\n".join([*found, f"{self.name}: text without labels", self.pool.describe()])
        shared = self.shared()
        both = _forms(self.dev.sentences()) & _forms(self.test.sentences())
        lines = [
            *found,
            f"{self.name}: {len(self.dev):,} dev pairs, {len(self.test):,} test pairs",
            self.pool.describe(),
            f"{len(both):,} sentences stand in both dev and test; {shared['dev'].sum():,} dev and "
            f"{shared['test'].sum():,} test pairs hold a sentence that stands in another part too",
        ]
        return "\n".join([*lines, *self._left_out(), *self._repeated(), *self._bounds()])

    def _left_out(self) -> Iterator[str]:
        if self.n_triplets_left_out:
            yield (
                f"{self.n_triplets_left_out:,} NLI triplets hold a sentence of dev or test and are "
                "left out"
            )

    def _repeated(self) -> Iterator[str]:
        for split, pairs in self.splits().items():
            rows = zip(pairs.first, pairs.second, pairs.scores.tolist(), strict=True)
            repeated, contradicting = count_repeated(rows)
            if repeated:
                yield (
                    f"{repeated:,} pairs of {split} stand there more than once, "
                    f"{contradicting:,} of them with two scores"
                )

    def _bounds(self) -> Iterator[str]:
        for split, ceiling in self.ceilings().items():
            yield (
                f"labels of {split} take two values: Spearman is at most {ceiling:.3f} there, and "
                "the area under the ROC curve is told beside it"
            )

    def ceilings(self) -> dict[str, float]:
        """The highest Spearman of splits whose labels take two values (see spearman_ceiling)."""
        return {
            split: spearman_ceiling(pairs.scores)
            for split, pairs in self.splits().items()
            if pairs.two_valued
        }

    def shared(self) -> dict[str, np.ndarray]:
        """Which pairs of dev and of test have a sentence that also stands in another part.

        Other parts are the text of the pool, from which such sentences are left out, and the other
        one of dev and test. Sentences are compared up to width, case, punctuation and spaces.

        Returns:
            ``dev`` and ``test`` to bool arrays of shape (n,).
        """
        parts = {"dev": (self.dev, self.test), "test": (self.test, self.dev)}
        found = {}
        for split, (pairs, other) in parts.items():
            seen = _forms(self.pool.left_out) | _forms(other.sentences())
            both = zip(pairs.first, pairs.second, strict=True)
            found[split] = np.array(
                [written_form(a) in seen or written_form(b) in seen for a, b in both], dtype=bool
            )
        return found


def load_sts(
    source: str | Path, split: str, hub: HubData = HubData(), columns: Columns = Columns()
) -> StsPairs:
    """Reads the pairs of one split (``train``, ``dev`` or ``test``) of a source, and no other part.

    Where the source's labelled pairs have to be cut, because a part has no file, it is this split's
    share of them.

    Raises:
        DataError: a file is missing or malformed (file and line named), or the split is unknown.
    """
    if split not in SPLITS:
        raise DataError(f"split: unknown value {split!r}; use one of: {', '.join(SPLITS)}")
    opened = open_source(source, hub, columns)
    if split not in opened.parts:
        raise DataError(f"source {source!s}: has no {split} part")
    return _pairs(opened, split)


def _pairs(opened: Source, split: str) -> StsPairs:
    """The pairs of a split; none where the source has no such part."""
    read = opened.read(split) if split in opened.parts else ()
    rows = [(*texts[-3:-1], opened.score(texts[-1], at)) for at, texts in read]
    first, second, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return StsPairs(list(first), list(second), np.array(scores, dtype=np.float64))


def load_triplets(source: str | Path, hub: HubData = HubData()) -> NliTriplets:
    """Reads the NLI triplets of a source, without those that hold a sentence of dev or test.

    Raises:
        DataError: a file is missing or malformed, or the source has no NLI part.
    """
    opened = open_source(source, hub)
    if "nli" not in opened.parts:
        raise DataError(
            f"source: {opened.name} has no NLI part; a folder needs CNSD's cnsd-snli-train.txt, "
            "the hub a data set named in hub: nli, with the columns anchor, positive, negative, "
            "or premise, hypothesis, label"
        )
    return _triplets(opened).without(_measured_on(opened))


def _triplets(opened: Source) -> NliTriplets:
    """Every triplet of a source that has some."""
    return NliTriplets(*(list(column) for column in zip(*_fields(opened, "nli"), strict=True)))


def _measured_on(opened: Source) -> list[str]:
    """Every sentence of dev and test."""
    return [s for split in ("dev", "test") for s in _pairs(opened, split).all_sentences()]


def _fields(source: Source, part: str) -> Iterator[tuple[Any, ...]]:
    return (texts for _, texts in source.read(part))


def load_pool(
    source: str | Path,
    extra: Sequence[str] = (),
    hub: HubData = HubData(),
    columns: Columns = Columns(),
) -> SentencePool:
    """Gathers the unlabelled sentences of a source, unique and without those of dev and test.

    Those of dev and test are left out up to width, case, punctuation and spaces.

    They are the sentences of STS-train, of the NLI triplets and of files without labels, and those
    of every file named in ``extra`` (one sentence a line, relative to the source directory). The
    order is that of reading.

    Raises:
        DataError: a file is missing or malformed.
    """
    opened = open_source(source, hub, columns)
    return _pool(opened, extra, _measured_on(opened))


def _pool(opened: Source, extra: Sequence[str], measured_on: Iterable[str]) -> SentencePool:
    if isinstance(extra, str | Path):
        raise DataError(f"extra_sentences: a list of files is needed, got {str(extra)!r} alone")
    read = list(_pool_sentences(opened, extra))
    unique = _unique(read)
    held_out = set(measured_on)
    forms, held_forms = [written_form(sentence) for sentence in unique], _forms(held_out)
    kept = [s for s, form in zip(unique, forms, strict=True) if form not in held_forms]
    there = held_forms.intersection(forms)
    return SentencePool(
        kept,
        len(read),
        len(read) - len(unique),
        len(unique) - len(kept),
        frozenset(sentence for sentence in held_out if written_form(sentence) in there),
    )


def load_sentences(
    source: str | Path,
    extra: Sequence[str] = (),
    hub: HubData = HubData(),
    columns: Columns = Columns(),
) -> list[str]:
    """The sentences of :func:`load_pool`: unique, none of them in dev or test."""
    return load_pool(source, extra, hub, columns).sentences


def load_study_data(
    source: str | Path,
    extra: Sequence[str] = (),
    hub: HubData = HubData(),
    columns: Columns = Columns(),
) -> StudyData:
    """Reads what a source has of dev, test, text and triplets, with a fingerprint of the content.

    Raises:
        DataError: a file is malformed, or all labels of dev or of test are the same.
    """
    opened = open_source(source, hub, columns)
    dev, test = _pairs(opened, "dev"), _pairs(opened, "test")
    for split, part in {"dev": dev, "test": test}.items():
        if len(part) and (part.scores == part.scores[0]).all():
            raise DataError(
                f"source {opened.name}: all pairs of {split} have the label {part.scores[0]:g}, so "
                "that no method can be told from another; give pairs of different labels"
            )
    measured_on = [*dev.all_sentences(), *test.all_sentences()]
    pool = _pool(opened, extra, measured_on)
    pairs = {"dev": _columns(dev), "test": _columns(test)}
    name, published = RECOGNISED.get(fingerprint(pairs), (opened.name, opened.published))
    parts: dict[str, Sequence[Sequence[str]]] = {**pairs, "pool": [pool.sentences]}
    triplets, n_left_out = None, 0
    if "nli" in opened.parts:
        every = _triplets(opened)
        triplets = every.without(measured_on)
        n_left_out = len(every) - len(triplets)
        parts["nli"] = [triplets.anchor, triplets.positive, triplets.hard_negative]
    found, made_of = opened.found(), fingerprint(parts)
    return StudyData(name, dev, test, pool, triplets, made_of, published, found, n_left_out)


def _columns(pairs: StsPairs) -> list[Sequence[str]]:
    return [pairs.first, pairs.second, [repr(float(score)) for score in pairs.scores]]


def sample_sentences(pool: Sequence[str], n: int, seed: int) -> list[str]:
    """Draws ``n`` sentences without replacement; a smaller draw is a prefix of a larger one.

    Raises:
        DataError: ``n`` is below 1 or larger than the pool.
        ParameterError: ``pool`` is no list of texts, ``n`` or ``seed`` no whole number.
    """
    pool = as_sentences(pool, "pool")
    n, seed = as_integer(n, "n"), as_integer(seed, "seed", at_least=0)
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
        ParameterError: ``n`` or ``seed`` is no whole number.
    """
    n, seed = as_integer(n, "n"), as_integer(seed, "seed", at_least=0)
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
    for part in source.pool_parts:
        if part in source.parts:
            texts = list(_fields(source, part))
            labelled = FORMS[part] is PAIR
            columns = zip(*((row[-3:-1] if labelled else row) for row in texts), strict=True)
            yield from (text for column in columns for text in column)
    for name in extra:
        yield from (text for _, text in sentence_lines(source.folder / name))


def _forms(sentences: Iterable[str]) -> set[str]:
    return {written_form(sentence) for sentence in sentences}


def _unique(sentences: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(sentences))
