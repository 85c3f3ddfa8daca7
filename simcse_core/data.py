"""STS pairs, NLI triplets and unlabelled sentences: read, check, sample.

A *source* is ``"sample"`` (bundled), a directory holding CNSD files, or ``"hub"`` (Hugging Face).
Files are UTF-8 (a BOM and CRLF are accepted), one record a line, fields separated by ``||``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcse_core.config import ASSETS, HubData
from simcse_core.hub import load_hub_rows, load_hub_sentences

SEPARATOR = "||"
SPLITS = ("train", "dev", "test")
SAMPLE_DIRECTORY = ASSETS / "sample"
# The sample ships no STS-train: its unlabelled pool comes from its sentence file and its triplets.
_FILES = {
    "cnsd": {
        "train": "cnsd-sts-train.txt",
        "dev": "cnsd-sts-dev.txt",
        "test": "cnsd-sts-test.txt",
        "nli": "cnsd-snli-train.txt",
    },
    "sample": {
        "dev": "sample-sts-dev.txt",
        "test": "sample-sts-test.txt",
        "nli": "sample-nli-train.txt",
        "sentences": "sample-sentences.txt",
    },
}


class DataError(ValueError):
    """Data that cannot be used; the message names the file, the line and what to do."""


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
        return _unique(self.read())

    def read(self) -> list[str]:
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
        return _unique(self.read())

    def read(self) -> list[str]:
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
    if source == "hub":
        rows = load_hub_rows(hub.sts, hub.sts_revision, split, ("sentence1", "sentence2", "score"))
        return _pairs(
            _hub_pair(row, f"{hub.sts}, {split}, row {i}") for i, row in enumerate(rows, start=1)
        )
    path = _file(source, split)
    return _pairs(
        (a, b, _label(label, path, line))
        for line, (_, a, b, label) in _records(path, 4, "id||sentence||sentence||label")
    )


def load_triplets(source: str | Path, hub: HubData = HubData()) -> NliTriplets:
    """Reads the NLI triplets of a source.

    Raises:
        DataError: a file is missing or malformed, or the hub source names no NLI data set.
    """
    if source == "hub":
        if not hub.nli:
            raise DataError(
                "hub_nli: no NLI data set is named; give the id of one with the columns "
                "anchor, positive and negative"
            )
        rows = load_hub_rows(hub.nli, hub.nli_revision, "train", ("anchor", "positive", "negative"))
        triplets = [(str(a), str(p), str(n)) for a, p, n in rows]
    else:
        path = _file(source, "nli")
        triplets = [
            (a, p, n) for _, (a, p, n) in _records(path, 3, "premise||entailed||contradicted")
        ]
    return NliTriplets(*(list(column) for column in zip(*triplets, strict=True)))


def load_pool(
    source: str | Path, extra: Sequence[str] = (), hub: HubData = HubData()
) -> SentencePool:
    """Gathers the unlabelled sentences of a source, unique and without those of dev and test.

    They are the sentences of STS-train and of the NLI triplets, and those of every file named in
    ``extra`` (one sentence a line, relative to the source directory). The order is that of reading.

    Raises:
        DataError: a file is missing or malformed.
    """
    read = list(_pool_sentences(source, extra, hub))
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
    dev, test = load_sts(source, "dev", hub), load_sts(source, "test", hub)
    pool = load_pool(source, extra, hub)
    triplets = load_triplets(source, hub) if source != "hub" or hub.nli else None
    labelled = [
        f"{a}{SEPARATOR}{b}{SEPARATOR}{score}"
        for pairs in (dev, test)
        for a, b, score in zip(pairs.first, pairs.second, pairs.scores, strict=True)
    ]
    return StudyData(
        source_name(source, hub),
        dev,
        test,
        pool,
        triplets,
        fingerprint([*labelled, *pool.sentences, *(triplets.read() if triplets else [])]),
    )


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


def fingerprint(texts: Iterable[str]) -> str:
    """The first 12 hex digits of SHA-256 over the texts, in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8") + b"\n")
    return digest.hexdigest()[:12]


def source_name(source: str | Path, hub: HubData = HubData()) -> str:
    """What a source is called on charts and results, without any path of the machine."""
    if source == "sample":
        return "bundled sample (not CNSD)"
    return hub.sts if source == "hub" else "CNSD STS-B"


def _file(source: str | Path, part: str) -> Path:
    if source == "sample":
        names, folder = _FILES["sample"], SAMPLE_DIRECTORY
    else:
        names, folder = _FILES["cnsd"], Path(source).expanduser()
    if part not in names:
        raise DataError(f"source {source!s}: has no {part} part")
    if not folder.is_dir():
        raise DataError(f"source: {str(source)!r} is neither 'sample', nor 'hub', nor a directory")
    if missing := [name for name in names.values() if not (folder / name).is_file()]:
        raise DataError(
            f"source: {folder} lacks {', '.join(missing)}; a CNSD directory holds "
            f"{', '.join(names.values())}"
        )
    return folder / names[part]


def _pool_sentences(source: str | Path, extra: Sequence[str], hub: HubData) -> Iterator[str]:
    if source == "hub":
        yield from load_sts(source, "train", hub).read()
        if hub.nli:
            yield from load_triplets(source, hub).read()
        for name in hub.sentences:
            yield from load_hub_sentences(name, hub.sentence_columns)
    elif source == "sample":
        yield from load_triplets(source).read()
        yield from _sentence_file(_file(source, "sentences"))
    else:
        yield from load_sts(source, "train").read()
        yield from load_triplets(source).read()
    for name in extra:
        folder = Path(
            "." if source == "hub" else SAMPLE_DIRECTORY if source == "sample" else source
        )
        yield from _sentence_file(folder.expanduser() / name)


def _sentence_file(path: Path) -> Iterator[str]:
    for line, text in _lines(path):
        if SEPARATOR in text:
            raise DataError(
                f"{path}, line {line}: one sentence a line expected, but it holds "
                f"'{SEPARATOR}'; is this a file of pairs or triplets?"
            )
        yield text


def _records(path: Path, n_fields: int, form: str) -> Iterator[tuple[int, list[str]]]:
    for line, text in _lines(path):
        record = [part.strip() for part in text.split(SEPARATOR)]
        if len(record) != n_fields:
            raise DataError(
                f"{path}, line {line}: expected {n_fields} fields ({form}), got "
                f"{len(record)}; mend or remove the line"
            )
        if not all(record):
            raise DataError(
                f"{path}, line {line}: field {record.index('') + 1} of {form} is empty; "
                "mend or remove the line"
            )
        yield line, record


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; name files relative to the source directory")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if (at := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, at) + 1
        raise DataError(
            f"{path}, line {line}: holds a NUL byte, so it is not a text file or it is "
            "damaged; fetch it again"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8; convert the file, for instance with "
            "iconv -f GB18030 -t UTF-8"
        ) from error
    rows = [row.strip() for row in text.rstrip().split("\n")]
    if rows == [""]:
        raise DataError(f"{path}: is empty; fetch it again")
    for line, row in enumerate(rows, start=1):
        if not row:
            raise DataError(f"{path}, line {line}: is empty; remove it")
        yield line, row


def _pairs(rows: Iterable[tuple[str, str, float]]) -> StsPairs:
    first, second, scores = zip(*rows, strict=True)
    return StsPairs(list(first), list(second), np.array(scores, dtype=np.float64))


def _label(text: str, path: Path, line: int) -> float:
    if text not in {"0", "1", "2", "3", "4", "5"}:
        raise DataError(f"{path}, line {line}: label must be an integer from 0 to 5, got {text!r}")
    return float(text)


def _hub_pair(row: tuple[object, ...], where: str) -> tuple[str, str, float]:
    first, second = (str(text or "").strip() for text in row[:2])
    if not (first and second):
        raise DataError(f"{where}: a sentence is empty; choose another data set or revision")
    score = row[2]
    if not isinstance(score, int | float) or not 0 <= score <= 5:
        raise DataError(f"{where}: score must be a number from 0 to 5, got {score!r}")
    return first, second, float(score)


def _unique(sentences: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(sentences))
