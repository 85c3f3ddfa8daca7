"""What unlabelled sentences tell of a way of encoding: a number each, without any label.

None of them is what a label would say. Which of them goes along with it is a question of
``09_elsewhere``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcse_core.errors import DataError
from simcse_core.evaluation import Encode, normalize, uniformity
from simcse_core.label_free import HELD_OUT
from simcse_core.segmentation import cut_words
from simcse_core.statistics import COSINE_DECIMALS, pack_cosines
from simcse_core.tfidf_encoder import TfidfEncoder, Unit

DELETED_SHARE = 0.3  # of a sentence's words, one at least
NEAREST, ANY = 5, 5  # sentences that each is paired with: near ones by characters, and any
PAIRS = "pairs"  # the metric of the row that keeps the cosines of these pairs
_SEED = 0  # of what is drawn here, so that all methods are asked the same


@dataclass(frozen=True)
class Probes:
    """Questions made of unlabelled sentences; each holds row numbers in ``texts``.

    Attributes:
        texts: all that is to be encoded, in one call: the sentences, and what is made of them.
        n_sentences: how many of them are the sentences themselves, which come first.
        whole: sentences of two words or more, int64 (n,).
        first, second: each of these cut at the word nearest its middle, (n,).
        shortened: each of these without some of its words, (n,).
        pairs: each sentence with its nearest by characters, and with others, (m, 2).
    """

    texts: list[str]
    n_sentences: int
    whole: np.ndarray
    first: np.ndarray
    second: np.ndarray
    shortened: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[str]) -> Probes:
        """The questions that distinct sentences give, always the same for the same sentences.

        Raises:
            DataError: fewer than two sentences have two words or more.
        """
        rng, cut = np.random.default_rng(_SEED), of_several_words(sentences)
        halves = [_halves(parts) for _, parts in cut]
        made = (
            [first for first, _ in halves],
            [second for _, second in halves],
            [_without_some(parts, rng) for _, parts in cut],
        )
        texts = list(dict.fromkeys([*sentences, *(text for part in made for text in part)]))
        row = {text: i for i, text in enumerate(texts)}
        first, second, shortened = (np.array([row[text] for text in part]) for part in made)
        whole = np.array([i for i, _ in cut])
        pairs = _pairs(sentences, rng)
        return cls(texts, len(sentences), whole, first, second, shortened, pairs)

    def measure(self, encode: Encode) -> list[dict[str, object]]:
        """A tidy row for each of :data:`PROBES`, and one that keeps the cosines of the pairs.

        Its value is their standard deviation: how far apart the encoder puts sentences.

        Args:
            encode: called once, with all texts.
        """
        vectors = normalize(encode(self.texts))  # (texts, hidden)
        rows: list[dict[str, object]] = [
            {"split": HELD_OUT, "metric": name, "value": probe(self, vectors), "missing": None}
            for name, probe in PROBES.items()
        ]
        cosines = np.einsum("nh,nh->n", vectors[self.pairs[:, 0]], vectors[self.pairs[:, 1]])
        cosines = np.round(cosines, COSINE_DECIMALS) + 0.0
        own = {"metric": PAIRS, "value": float(cosines.std()), "cosines": pack_cosines(cosines)}
        return [*rows, {"split": HELD_OUT, "missing": None, **own}]


def of_several_words(sentences: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The sentences that can be cut, each by its place with its words.

    Raises:
        DataError: fewer than two sentences have two words or more.
    """
    cut = [(row, cut_words(sentence)) for row, sentence in enumerate(sentences)]
    found = [(row, parts) for row, parts in cut if len(parts) > 1]
    if len(found) < 2:
        raise DataError("unlabelled sentences: at least two of two words or more are needed")
    return found


def _halves(parts: Sequence[str]) -> tuple[str, str]:
    """Two parts as nearly of one length as whole words allow."""
    ends = np.cumsum([len(part) for part in parts])
    cut = int(np.abs(ends[:-1] - ends[-1] / 2).argmin()) + 1
    return "".join(parts[:cut]), "".join(parts[cut:])


def _without_some(parts: Sequence[str], rng: np.random.Generator) -> str:
    n = min(max(1, round(DELETED_SHARE * len(parts))), len(parts) - 1)
    gone = set(rng.choice(len(parts), n, replace=False).tolist())
    return "".join(part for i, part in enumerate(parts) if i not in gone)


def _pairs(sentences: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    counted = TfidfEncoder.fit(sentences, Unit.CHARACTER).transform(sentences)
    cosines = (counted @ counted.T).toarray()
    np.fill_diagonal(cosines, -1.0)
    n = len(sentences)
    near = np.argsort(-cosines, axis=1, kind="stable")[:, : min(NEAREST, n - 1)]
    others = (np.arange(n)[:, None] + rng.integers(1, n, size=(n, ANY))) % n  # never itself
    rows = np.repeat(np.arange(n), near.shape[1] + ANY)
    return np.column_stack([rows, np.hstack([near, others]).ravel()])


def reciprocal_rank(asked: np.ndarray, among: np.ndarray, own: np.ndarray) -> float:
    """The mean of 1 over the rank of each row's own, by cosine (MRR); ties count against it.

    Args:
        asked: unit vectors (n, hidden).
        among: unit vectors (m, hidden).
        own: which of ``among`` is that of each row, (n,).
    """
    cosines = np.round(asked @ among.T, COSINE_DECIMALS)
    right = cosines[np.arange(len(asked)), own]
    return float(np.mean(1.0 / (cosines >= right[:, None]).sum(axis=1)))


def _find_second_half(probes: Probes, vectors: np.ndarray) -> float:
    among = np.unique(probes.second)  # two sentences may end alike
    own = np.searchsorted(among, probes.second)
    return reciprocal_rank(vectors[probes.first], vectors[among], own)


def _find_whole(probes: Probes, vectors: np.ndarray) -> float:
    return reciprocal_rank(vectors[probes.shortened], vectors[: probes.n_sentences], probes.whole)


def _spectrum(probes: Probes, vectors: np.ndarray) -> float:
    """The effective rank of the sentences' vectors (Roy and Vetterli, 2007).

    That is exp of the entropy of the shares of their singular values.
    """
    values = np.linalg.svd(vectors[: probes.n_sentences], compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


# Each is measured of every method. To add one: a row here, and its name in report.wording.
PROBES: dict[str, Callable[[Probes, np.ndarray], float]] = {
    "halves": _find_second_half,
    "deletion": _find_whole,
    "spectrum": _spectrum,
    "uniformity": lambda probes, vectors: uniformity(vectors[: probes.n_sentences]),
}
