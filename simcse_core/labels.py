"""What encoders and data are called on results, whatever their folders are called."""

from __future__ import annotations

LONGEST_LABEL = 48  # characters that fit below a chart
# What means something to a Markdown table or to the mathematics of a chart.
_NOT_IN_LABELS = frozenset("|$`\\*<>[]")


def label(name: str, otherwise: str = "encoder") -> str:
    """A name as it can stand in a table, on a chart and in a file's name.

    Args:
        otherwise: where nothing is left of it.
    """
    plain = "".join(c if c.isprintable() and c not in _NOT_IN_LABELS else "-" for c in name)
    plain = plain if len(plain) <= LONGEST_LABEL else f"{plain[: LONGEST_LABEL - 1]}…"
    plain = plain.strip() or otherwise
    # A legend leaves out what begins so.
    return f"-{plain[1:]}" if plain.startswith("_") else plain
