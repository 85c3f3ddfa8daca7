"""Texts to use and to measure the uses with: the bundled sample, and data sets as they come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from simcse_core.applications.inputs import InputError
from simcse_core.applications.tables import read_columns
from simcse_core.config import ASSETS

SAMPLE_DIRECTORY = ASSETS / "applications"
# Services of dialogflow_zh that no intent of SMP2020 is of; its others are weather and translation.
FOREIGN_SERVICES = ("small-talk", "support")


@dataclass(frozen=True)
class Faq:
    """Standard questions, and queries whose right question is known.

    Attributes:
        questions: n standard questions, all different.
        queries: m other wordings.
        answers: int64 of shape (m,), the place of each query's standard question.
    """

    questions: list[str]
    queries: list[str]
    answers: np.ndarray


@dataclass(frozen=True)
class Labelled:
    """Texts, all different, and a class name for each."""

    texts: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts, and whether both mean the same: bool of shape (n,)."""

    first: list[str]
    second: list[str]
    same: np.ndarray


def load_faq() -> Faq:
    """The bundled FAQ: standard questions with four other wordings each."""
    return read_faq(SAMPLE_DIRECTORY / "faq.csv")


def load_intents() -> Labelled:
    """The bundled intents: utterances to an assistant on a phone."""
    return read_labelled(SAMPLE_DIRECTORY / "intents.csv")


def load_out_of_scope() -> list[str]:
    """The bundled utterances that belong to none of the bundled intents."""
    return read_columns(SAMPLE_DIRECTORY / "out_of_scope.csv", ["text"])[0]


def read_faq(path: Path, encoding: str = "utf-8") -> Faq:
    """Reads a CSV file with the columns ``question`` and ``rewording``, a row a rewording.

    Raises:
        InputError: see ``tables.read_table``.
    """
    questions, queries = read_columns(path, ["question", "rewording"], encoding)
    place = {question: i for i, question in enumerate(dict.fromkeys(questions))}
    return Faq(list(place), queries, np.array([place[q] for q in questions], dtype=np.int64))


def read_labelled(
    path: Path, text: str = "text", label: str = "label", encoding: str = "utf-8"
) -> Labelled:
    """Reads a CSV file of labelled texts; a text that stands twice with one label is read once.

    Args:
        path: the file.
        text: the column of texts.
        label: the column of class names.
        encoding: of the file.

    Raises:
        InputError: see ``tables.read_table``.
    """
    texts, labels = read_columns(path, [text, label], encoding)
    rows = dict.fromkeys(zip(texts, labels, strict=True))
    return Labelled([t for t, _ in rows], [name for _, name in rows])


def read_smp2020(path: Path) -> Labelled:
    """Reads SMP2020-ECDT: a JSON list of ``text, domain, intent``; the class is domain.intent.

    Of a text that stands twice the first label counts.

    Raises:
        InputError: no such file, no JSON, or other keys.
    """
    labels: dict[str, str] = {}
    for row in _list(_json(path), path):
        try:
            labels.setdefault(row["text"].strip(), f"{row['domain']}.{row['intent']}")
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: a row needs text, domain and intent, got {row!r}") from error
    return Labelled(list(labels), list(labels.values()))


def read_dialogflow(folder: Path, services: Sequence[str] = FOREIGN_SERVICES) -> Labelled:
    """Reads dialogflow_zh: a JSON file a service, in Rasa's format; the class is its intent.

    Of a text that stands twice the first label counts.

    Raises:
        InputError: no such file, no JSON, or other keys.
    """
    labels: dict[str, str] = {}
    for service in services:
        path = Path(folder) / f"{service}.json"
        try:
            rows = _json(path)["rasa_nlu_data"]["common_examples"]
            for row in _list(rows, path):
                labels.setdefault(row["text"].strip(), row["intent"])
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: needs rasa_nlu_data.common_examples with text and intent ({error!r})"
            ) from error
    return Labelled(list(labels), list(labels.values()))


def read_bq(path: Path) -> Pairs:
    """Reads BQ: a CSV file of ``sentence1, sentence2, label``, label 1 for the same meaning.

    Raises:
        InputError: see ``tables.read_table``; or a label that is neither 0 nor 1.
    """
    first, second, labels = read_columns(path, ["sentence1", "sentence2", "label"])
    if odd := sorted(set(labels) - {"0", "1"}):
        raise InputError(f"{path}: label: 0 or 1, got {odd[0]!r}")
    return Pairs(first, second, np.array(labels) == "1")


def clusters(pairs: Pairs) -> list[list[str]]:
    """Texts that mean the same: the connected components of the positive pairs, largest first.

    Texts of negative pairs alone are left out.
    """
    chosen = np.flatnonzero(pairs.same)
    both = [(pairs.first[i], pairs.second[i]) for i in chosen]
    texts = list(dict.fromkeys(text for pair in both for text in pair))
    place = {text: i for i, text in enumerate(texts)}
    rows, columns = (np.array([place[pair[side]] for pair in both], int) for side in (0, 1))
    links = coo_matrix((np.ones(len(both)), (rows, columns)), shape=(len(texts),) * 2)
    n, component = connected_components(links, directed=False)
    found: list[list[str]] = [[] for _ in range(n)]
    for text, number in zip(texts, component, strict=True):
        found[number].append(text)
    return sorted((c for c in found if len(c) > 1), key=len, reverse=True)


def faq_from_clusters(groups: Sequence[Sequence[str]], seed: int | None = 0) -> Faq:
    """One text of each cluster as standard question, the others as queries.

    Args:
        groups: texts that mean the same.
        seed: of the draw of standard questions; None takes the first of each cluster.
    """
    rng = np.random.default_rng(seed)
    standard = [0 if seed is None else int(rng.integers(len(group))) for group in groups]
    others = [
        (text, number)
        for number, (group, place) in enumerate(zip(groups, standard, strict=True))
        for text in [*group[:place], *group[place + 1 :]]
    ]
    return Faq(
        [group[place] for group, place in zip(groups, standard, strict=True)],
        [text for text, _ in others],
        np.array([number for _, number in others], dtype=np.int64),
    )


def labelled_from_clusters(groups: Sequence[Sequence[str]], smallest: int) -> Labelled:
    """Clusters of at least ``smallest`` texts as classes, named after their first text."""
    large = [group for group in groups if len(group) >= smallest]
    return Labelled(
        [text for group in large for text in group],
        [group[0] for group in large for _ in group],
    )


def at_least(labelled: Labelled, smallest: int) -> Labelled:
    """The classes that have at least ``smallest`` texts."""
    counts = Counter(labelled.labels)
    kept = [
        (text, label)
        for text, label in zip(labelled.texts, labelled.labels, strict=True)
        if counts[label] >= smallest
    ]
    return Labelled([text for text, _ in kept], [label for _, label in kept])


def _json(path: Path) -> Any:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON in UTF-8 ({error}); fetch it again") from error


def _list(rows: object, path: Path) -> list[Any]:
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: a list of texts is needed")
    return rows
