"""What was found in the files of a source, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simcse_core.reading.content import N_SHOWN, Content


@dataclass(frozen=True)
class Found:
    """One file: which part it is, and what became of its rows.

    Attributes:
        parts: what it gives, in words.
        first: its first sentences, for its user alone.
    """

    file: str
    parts: str
    columns: str
    n_rows: int
    n_kept: int
    dropped: str
    labels: str
    first: tuple[str, ...]


HEADINGS = ("file", "part", "columns", "rows", "kept", "dropped", "labels")


def found_in(content: Content, parts: str) -> Found:
    """What is told of a file's content."""
    dropped = ", ".join(f"{n:,} {why}" for why, n in content.dropped.items() if n) or "-"
    return Found(
        content.path.name,
        parts,
        content.columns,
        content.n_rows,
        content.n_kept,
        dropped,
        describe_labels(content.labels()),
        tuple(dict.fromkeys(text for _, (text,) in content.text()[:N_SHOWN])),
    )


def describe_labels(labels: Sequence[float]) -> str:
    """Distinct labels in few words."""
    if len(labels) > 2:
        return f"{labels[0]:g} to {labels[-1]:g}, {len(labels)} values"
    return " or ".join(f"{label:g}" for label in labels) or "-"


def describe(found: Sequence[Found]) -> str:
    """A line a file under headings, then each file's first sentences."""
    rows = [HEADINGS, *(_cells(one) for one in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    firsts = [f"{one.file} begins: {' / '.join(map(_short, one.first))}" for one in found]
    return "\n".join(line.rstrip() for line in [*lines, *firsts])


def _cells(one: Found) -> tuple[str, ...]:
    return (
        one.file,
        one.parts,
        one.columns,
        f"{one.n_rows:,}",
        f"{one.n_kept:,}",
        one.dropped,
        one.labels,
    )


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
