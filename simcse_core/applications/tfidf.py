"""TF-IDF of characters and pairs of them: the lexical half of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from tqdm.auto import tqdm

from simcse_core.applications.inputs import check_texts
from simcse_core.applications.ranking import best, blocks
from simcse_core.translation import translated


class LexicalIndex:
    """TF-IDF rows of questions, kept sparse (Salton and Buckley, 1988).

    What a query holds and no question does cannot be found, and is left out.
    """

    def __init__(self, questions: Iterable[str], progress: bool = False) -> None:
        questions = check_texts(questions, "questions")
        self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
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
