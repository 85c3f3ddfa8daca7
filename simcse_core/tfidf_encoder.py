"""TF-IDF as an encoder: fitted on unlabelled sentences, kept as JSON, read back bit for bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from simcse_core.arguments import as_numbers, as_sentences
from simcse_core.errors import DataError, EncoderError, ParameterError, one_line
from simcse_core.files import read_sealed, sha256, write_sealed
from simcse_core.results import library_versions
from simcse_core.segmentation import cut_words

FORMAT = "simcse_core TF-IDF, version 2"
# Of units that were not there when document frequencies were counted. With so many, those that
# share a column move Spearman on Chinese STS-B by less than 0.001.
UNSEEN_COLUMNS = 4096


class Unit(StrEnum):
    """What is counted: characters, those and pairs of neighbours, or words; no spaces."""

    CHARACTER = "character"
    CHARACTER_BIGRAM = "character-bigram"
    WORD = "word"


def _characters(sentence: str) -> list[str]:
    return [character for character in sentence if not character.isspace()]


def _character_bigrams(sentence: str) -> list[str]:
    characters = _characters(sentence)
    return characters + [a + b for a, b in itertools.pairwise(characters)]


def _words(sentence: str) -> list[str]:
    return [word for word in cut_words(sentence) if not word.isspace()]


_CUT: dict[Unit, Callable[[str], list[str]]] = {
    Unit.CHARACTER: _characters,
    Unit.CHARACTER_BIGRAM: _character_bigrams,
    Unit.WORD: _words,
}


class TfidfEncoder:
    """Rows of TF-IDF (Salton and Buckley, 1988), scaled to length 1.

    A unit that occurred nowhere where it was fitted is one with df = 0, and so the rarest of all
    (plus-one smoothing, as BERTScore has it: Zhang et al., 2020, section 3). Its column is its hash
    (Weinberger et al., 2009). Without it, a count on few sentences would not see most of what other
    sentences are made of.

    Attributes:
        unit: what is counted.
        terms: the units that occurred where it was fitted, a column each.
        idf: of each term, ln((1 + n) / (1 + df)) + 1 for df of n sentences, as scikit-learn has it.
        unseen_idf: of any other unit: ln(1 + n) + 1.
    """

    def __init__(
        self, unit: Unit | str, terms: Sequence[str], idf: Sequence[float], unseen_idf: float
    ) -> None:
        self.unit = _unit(unit)
        _check(terms, [*idf, unseen_idf])
        self.unseen_idf = float(unseen_idf)
        self._counts = TfidfVectorizer(analyzer=list, vocabulary=list(terms), norm=None)
        self._counts.idf_ = np.array(idf, dtype=np.float64)
        self._hashes = FeatureHasher(UNSEEN_COLUMNS, input_type="string", alternate_sign=False)

    @classmethod
    def fit(cls, sentences: Iterable[str], unit: Unit | str = Unit.CHARACTER) -> Self:
        """Counts in how many of the sentences each unit occurs.

        Raises:
            ParameterError: no texts, an unknown unit, or sentences without any unit.
        """
        texts, cut = as_sentences(sentences, "sentences"), _CUT[_unit(unit)]
        if not any(cut(text) for text in texts):
            raise ParameterError(
                f"sentences: none of the {len(texts):,} has a {_unit(unit)} to count; give some "
                "text"
            )
        fitted = TfidfVectorizer(analyzer=cut).fit(texts)
        terms, unseen_idf = fitted.get_feature_names_out().tolist(), math.log(1 + len(texts)) + 1
        return cls(unit, terms, fitted.idf_, unseen_idf)

    @property
    def terms(self) -> list[str]:
        """The unit of each column, before those of units that were not seen."""
        return list(self._counts.get_feature_names_out())

    @property
    def idf(self) -> np.ndarray:
        """What each term weighs, (terms,)."""
        return self._counts.idf_

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256 over all that decides a vector."""
        parts = (self.unit.value, self.terms, self.idf.tolist(), self.unseen_idf)
        return sha256(repr(parts))[:12]

    def encode(self, sentences: str | Iterable[str]) -> np.ndarray:
        """A float32 array of shape (n, terms + :data:`UNSEEN_COLUMNS`); one row of it for one text
        that is not in a list.

        A sentence without any unit, an empty one or of spaces alone, has a zero row.
        """
        texts = [sentences] if isinstance(sentences, str) else sentences
        rows = self.transform(texts).toarray().astype(np.float32)
        return rows[0] if isinstance(sentences, str) else rows

    def transform(self, sentences: Iterable[str]) -> csr_matrix:
        """The same rows in float64, sparse."""
        texts = as_sentences(sentences, "sentences")
        if not texts:
            return csr_matrix((0, len(self.idf) + UNSEEN_COLUMNS))
        units, seen = [_CUT[self.unit](text) for text in texts], self._counts.vocabulary_
        unseen = self._hashes.transform([u for u in row if u not in seen] for row in units)
        both = hstack([self._counts.transform(units), self.unseen_idf * unseen])
        return csr_matrix(normalize(both.tocsr()))

    def save(self, path: str | Path) -> None:
        """Writes a JSON file: the unit, the terms and what they and others weigh, with a checksum.

        Raises:
            EncoderError: ``path`` is a folder, or cannot be written.
        """
        content: dict[str, Any] = {"format": FORMAT, "unit": self.unit.value}
        if self.unit is Unit.WORD:
            content["dictionary"] = _dictionary()
        weights = {"idf": self.idf.tolist(), "unseen_idf": self.unseen_idf}
        try:
            write_sealed(Path(path), {**content, "terms": self.terms, **weights})
        except OSError as error:
            raise EncoderError(
                f"save: {path} cannot be written ({error.strerror}); name another file"
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What :meth:`save` wrote, with the same bits.

        Raises:
            EncoderError: it cannot be read, was changed, or counts words by another dictionary.
        """
        try:
            content = read_sealed(Path(path))
            return cls(*_checked(content))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EncoderError(
                f"load: {path} is nothing that TfidfEncoder.save wrote here ({one_line(error)}); "
                "fit and save it again"
            ) from error


def _unit(unit: Unit | str) -> Unit:
    if unit not in {*Unit}:
        raise ParameterError(f"unit: one of {', '.join(Unit)} is needed, got {unit!r}")
    return Unit(unit)


def _dictionary() -> str:
    """The hash of the dictionary that words are cut by."""
    return library_versions()["jieba dictionary"]


def _checked(content: dict[str, Any]) -> tuple[Unit, list[str], list[float], float]:
    """Unit, terms and weights; an error if they are of another format or dictionary."""
    if content["format"] != FORMAT:
        raise DataError(f"its format is {content['format']!r}, here is {FORMAT!r}")
    unit, terms, idf = _unit(content["unit"]), content["terms"], content["idf"]
    if unit is Unit.WORD and content["dictionary"] != _dictionary():
        raise DataError("its words were cut by another dictionary of jieba than is installed here")
    return unit, terms, idf, content["unseen_idf"]


def _check(terms: Sequence[str], idf: Sequence[float]) -> None:
    if not len(terms) or len({*terms}) != len(terms) or not all(isinstance(t, str) for t in terms):
        raise DataError("terms must be different texts")
    weights = as_numbers(idf, "idf")
    if len(weights) != len(terms) + 1 or not (weights > 0).all():
        raise DataError("idf must be a finite number above 0 for each term, and for others")
