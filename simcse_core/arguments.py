"""Sentences and whole numbers as people have them, made into what the package computes with."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from simcse_core.errors import ParameterError

_SHOWN = 40  # characters of a value in a message


def as_sentences(value: Any, parameter: str) -> list[str]:
    """Any iterable of texts as a list, in its order; each item is plain text afterwards.

    Args:
        value: see :func:`as_list`.
        parameter: what messages call it.

    Raises:
        ParameterError: what is no list, or an item that is no text; the message names the item by
            its place, counted from 0.
    """
    return [_text(item, parameter, i) for i, item in enumerate(as_list(value, parameter))]


def as_list(value: Any, parameter: str) -> list[Any]:
    """Any iterable that may hold texts, listed once, in its order.

    Args:
        value: a list, a generator, an array, a column of a table (by position, not by its index).
        parameter: what messages call it.

    Raises:
        ParameterError: one text, bytes, a table, or what has no order.
    """
    if isinstance(value, str | bytes | bytearray):
        raise ParameterError(
            f"{parameter}: a list of texts is needed, got one {_kind(value)} ({_shown(value)}); "
            "put it in brackets"
        )
    if hasattr(value, "columns") or isinstance(value, Mapping):
        names = list(getattr(value, "columns", value))
        first = f"such as {parameter}[{names[0]!r}]" if names else "by its name"
        raise ParameterError(
            f"{parameter}: a list of texts is needed, got a {_kind(value)}; give one column of it, "
            f"{first}"
        )
    if isinstance(value, set | frozenset):
        raise ParameterError(
            f"{parameter}: a list of texts is needed, and a set has no order; sort it first"
        )
    if not isinstance(value, Iterable):
        raise ParameterError(
            f"{parameter}: a list of texts is needed, got {_shown(value)} of type {_kind(value)}"
        )
    try:
        return list(value)
    except TypeError as error:  # an array without a dimension
        raise ParameterError(f"{parameter}: a list of texts is needed ({error})") from error


def _text(item: object, parameter: str, place: int) -> str:
    if not isinstance(item, str):
        raise ParameterError(
            f"{parameter}: item {place} is no text but {_shown(item)} of type {_kind(item)}; mend "
            "it or leave it out"
        )
    if not is_utf8(item):
        raise ParameterError(
            f"{parameter}: item {place} is no text in UTF-8 ({_shown(item)}); read it again with "
            "the right encoding"
        )
    return str(item)


def is_utf8(text: str) -> bool:
    """Whether a text can be written down: half a surrogate pair, such as JSON allows, cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def as_integer(value: Any, parameter: str, at_least: int | None = None) -> int:
    """A whole number of any library as Python's own.

    Raises:
        ParameterError: a truth value, a fraction, a text, nothing at all, or one below
            ``at_least``.
    """
    wanted = "a whole number" + ("" if at_least is None else f" from {at_least} up")
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (at_least is not None and number < at_least):
        raise ParameterError(f"{parameter}: {wanted} is needed, got {_shown(value)}")
    return number


def as_integers(value: Any, parameter: str) -> list[int]:
    """Any iterable of whole numbers as a list.

    Raises:
        ParameterError: no iterable, a text, or an item that is no whole number.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ParameterError(f"{parameter}: a list of whole numbers is needed, got {_shown(value)}")
    return [as_integer(item, f"{parameter}, item {i}") for i, item in enumerate(value)]


def as_numbers(value: Any, parameter: str) -> np.ndarray:
    """Finite numbers as float64 of shape (n,), a copy.

    Raises:
        ParameterError: more than one dimension, or an item that is no finite number; the message
            names it by its place, counted from 0.
    """
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else None
    if items is None:
        raise ParameterError(f"{parameter}: a list of numbers is needed, got {_shown(value)}")
    numbers = np.empty(len(items))
    for i, item in enumerate(items):
        plain = item.item() if isinstance(item, np.generic) else item
        if not isinstance(plain, int | float) or not abs(plain) <= sys.float_info.max:
            raise ParameterError(
                f"{parameter}: item {i} is no finite number but {_shown(item)} of type "
                f"{_kind(item)}; mend it or leave it out"
            )
        numbers[i] = plain
    return numbers


def check_lengths(columns: Mapping[str, Sequence[object] | np.ndarray]) -> None:
    """Raises a ParameterError that names a column unless all are equally long."""
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ParameterError(
                f"{name}: as many items as in {first} are needed, {lengths[first]:,}, got "
                f"{length:,}"
            )


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(value: object) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
