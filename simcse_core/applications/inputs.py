"""What every use asks of its input: texts, labels, and the vectors that an encoder gives."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import normalize

from simcse_core.arguments import as_list, is_utf8
from simcse_core.errors import ParameterError, PlainError

# Encodes n texts to an array of shape (n, hidden), with the same columns at every call.
Encode = Callable[[Sequence[str]], np.ndarray]


class InputError(PlainError, ValueError):
    """Input that cannot be used; the message says what, where and what to do about it."""


def check_texts(texts: Iterable[str], name: str) -> list[str]:
    """The texts as a list.

    Args:
        texts: any number of texts, in anything that has an order; a generator is used up.
        name: what messages call them, such as ``queries``.

    Raises:
        InputError: no list of texts (one text, a table, a set), none in it, or one that is empty,
            no text, or not in UTF-8.
    """
    try:
        listed = as_list(texts, name)
    except ParameterError as error:
        raise InputError(str(error)) from error
    if not listed:
        raise InputError(f"{name}: there is none; give at least one text")
    for place, text in enumerate(listed, start=1):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{name}: number {place} is empty ({text!r}); leave it out")
        if not is_utf8(text):
            raise InputError(
                f"{name}: number {place} is no text in UTF-8 ({text[:40]!r}); read it again with "
                "the right encoding"
            )
    return [str(text) for text in listed]


def unit_vectors(encode: Encode, texts: Iterable[str], name: str) -> np.ndarray:
    """Encodes texts and scales each vector to length 1, so that products are cosines.

    Returns:
        float32 of shape (n, hidden); a zero row stays zero, and its cosine with anything is 0.

    Raises:
        InputError: a text is empty, or ``encode`` gave another shape or numbers that are not
            finite.
    """
    texts = check_texts(texts, name)
    vectors = np.asarray(encode(texts))
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise InputError(
            f"encode: {len(texts)} texts ({name}) need an array of shape ({len(texts)}, hidden), "
            f"got {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        place = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(
            f"encode: the vector of number {place + 1} of {name} holds numbers that are not "
            "finite; check the encoder's weights"
        )
    return normalize(vectors.astype(np.float32, copy=False))


def check_width(vectors: np.ndarray, width: int, name: str) -> None:
    """Refuses vectors of another width than those they are compared with.

    Raises:
        InputError: the widths differ.
    """
    if vectors.shape[1] != width:
        raise InputError(
            f"encode: vectors of {name} have {vectors.shape[1]} columns, those they are compared "
            f"with have {width}; use one encoder, with the same columns at every call"
        )


class Examples(NamedTuple):
    """Labelled texts, and the names of their classes, sorted."""

    texts: list[str]
    labels: list[str]
    classes: list[str]


def check_labelled(texts: Iterable[str], labels: Iterable[str], minimum: int = 1) -> Examples:
    """Checks labelled examples and lists them with their classes.

    Args:
        texts: n texts.
        labels: a class name for each.
        minimum: examples that every class needs.

    Raises:
        InputError: an empty text or label, fewer than two classes, a class name written in two
            ways, a text twice, or a class with fewer than ``minimum`` examples.
    """
    texts, labels = check_texts(texts, "texts"), check_texts(labels, "labels")
    if len(texts) != len(labels):
        raise InputError(f"labels: {len(texts)} texts need as many labels, got {len(labels)}")
    classes = check_class_names(sorted(set(labels)))
    seen: dict[str, str] = {}
    for text, label in zip(texts, labels, strict=True):
        if text in seen:
            also = f"labelled {seen[text]!r} and {label!r}" if seen[text] != label else "there"
            raise InputError(f"texts: {text!r} is {also} twice; keep one of them")
        seen[text] = label
    if len(classes) < 2:
        raise InputError(f"labels: at least two classes are needed, there is only {classes[0]!r}")
    for name in classes:
        if (n := labels.count(name)) < minimum:
            raise InputError(
                f"labels: {name!r} has {n} example{'s' if n > 1 else ''}, {minimum} are needed; "
                "add some or leave the class out"
            )
    return Examples(texts, labels, classes)


def check_class_names(names: Sequence[str]) -> list[str]:
    """The names as a list, each a different class.

    Raises:
        InputError: a name stands twice, be it in another case or width or with other spaces.
    """
    written: dict[str, str] = {}
    for name in names:
        form = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        if form in written:
            raise InputError(
                f"labels: the class names {written[form]!r} and {name!r} are one name twice; "
                "write it in one way, or give one of them another name"
            )
        written[form] = name
    return list(names)


def check_share(name: str, value: float) -> None:
    """Refuses what is no share.

    Raises:
        InputError: the value is not above 0 and at most 1.
    """
    if not 0 < value <= 1:
        raise InputError(f"{name}: must be above 0 and at most 1, got {value}")


def codes_of(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """The place of each label among the classes, int64 of shape (n,)."""
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place[label] for label in labels], dtype=np.int64)
