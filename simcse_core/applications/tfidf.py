"""TF-IDF of characters with fixed columns, as an encoder and as the lexical half of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from tqdm.auto import tqdm

from simcse_core.applications.inputs import Encode, check_texts
from simcse_core.applications.ranking import best, blocks
from simcse_core.translation import translated


def tfidf_encode(texts: Iterable[str], longest: int = 1) -> Encode:
    """An encoder of TF-IDF over characters, fitted on unlabelled texts (Salton and Buckley, 1988).

    Args:
        texts: what document frequencies are counted on; other characters are ignored later.
        longest: characters and their n-grams up to this length are counted.

    Returns:
        An encode function of dense float32 rows, with the same columns at every call.
    """
    vectorizer = _vectorizer(longest).fit(check_texts(texts, "texts"))
    return lambda batch: vectorizer.transform(batch).toarray().astype(np.float32)


class LexicalIndex:
    """TF-IDF rows of questions, characters and pairs of them, kept sparse."""

    def __init__(self, questions: Iterable[str], progress: bool = False) -> None:
        questions = check_texts(questions, "questions")
        self._vectorizer = _vectorizer(longest=2)
        read = tqdm(
            questions,
            desc=translated("count characters"),
            unit=translated("question"),
            disable=not progress,
        )
        self._matrix = csr_matrix(self._vectorizer.fit_transform(read))

    def scores(self, queries: Iterable[str]) -> np.ndarray:
        """Cosines of shape (queries, questions); 0 where no character is shared."""
        queries = check_texts(queries, "queries")
        return (self._vectorizer.transform(queries) @ self._matrix.T).toarray()

    def rankings(self, queries: Iterable[str], depth: int, progress: bool = False) -> np.ndarray:
        """The best questions of each query; those that share no character are not ranked.

        Returns:
            Rows of questions, int64 of shape (queries, depth or the number of questions); -1
            fills up.
        """
        n, queries = self._matrix.shape[0], check_texts(queries, "queries")
        bar = tqdm(list(blocks(len(queries), n)), desc=translated("compare"), disable=not progress)
        return np.concatenate([self._ranked(queries[rows], min(depth, n)) for rows in bar])

    def _ranked(self, queries: Sequence[str], depth: int) -> np.ndarray:
        scores = self.scores(queries)
        columns = best(scores, depth)
        return np.where(np.take_along_axis(scores, columns, axis=1) > 0, columns, -1)


def _vectorizer(longest: int) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(1, longest))
