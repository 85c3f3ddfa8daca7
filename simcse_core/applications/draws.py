"""Draws of labelled examples, of texts whose labels are hidden, and of classes held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simcse_core.applications.inputs import InputError


class Draw(NamedTuple):
    """Places of labelled examples, of texts whose labels are hidden, and of the test."""

    examples: np.ndarray
    pool: np.ndarray
    test: np.ndarray


def draw_examples(codes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draws n examples of every class; a smaller draw is part of a larger one of the same seed.

    Returns:
        Places in ``codes``, int64 of shape (n * classes,).

    Raises:
        InputError: a class has fewer than n.
    """
    counts = np.bincount(codes)
    if counts.min() < n:
        raise InputError(
            f"n: {n} examples of each class are wanted, class {counts.argmin()} has "
            f"{counts.min()}; lower n or leave small classes out"
        )
    order = np.random.default_rng(seed).permutation(len(codes))
    return np.concatenate([order[codes[order] == code][:n] for code in range(len(counts))])


def draw_with_pool(codes: np.ndarray, n_examples: int, seed: int) -> Draw:
    """Draws examples of every class, and halves the rest at random into pool and test.

    Raises:
        InputError: a class has too few examples, or hardly any text is left.
    """
    examples = draw_examples(codes, n_examples, seed)
    rest = np.setdiff1d(np.arange(len(codes)), examples)
    if len(rest) < 2:
        raise InputError(f"texts: {n_examples} examples a class leave none to label and to test")
    rest = np.random.default_rng(seed).permutation(rest)
    return Draw(examples, rest[: len(rest) // 2], rest[len(rest) // 2 :])


def hold_out(n_classes: int, share: float, seed: int) -> np.ndarray:
    """Draws the classes that are unknown; none for a share of 0.

    Raises:
        InputError: none would be unknown, or fewer than two known.
    """
    n = round(share * n_classes)
    if share and not 1 <= n <= n_classes - 2:
        raise InputError(
            f"shares: {share} of {n_classes} intents are {n} unknown ones; one at least must be "
            "unknown and two known"
        )
    return np.random.default_rng(seed).permutation(n_classes)[:n]
