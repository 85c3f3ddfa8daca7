"""When two sentences, or two pairs, say the same but for how they are written."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

# Punctuation, spaces, control and format characters, by the first letter of their category.
_NO_LETTERS = "PZC"
# They choose a glyph for the character before them, and are marks by their category.
_VARIATION_SELECTORS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))


class _Letters(dict[int, int | None]):
    """For str.translate: None for what is no letter, digit or symbol; worked out once for each."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code))[0] in _NO_LETTERS else code
        return self[code]


_LETTERS = _Letters(dict.fromkeys(_VARIATION_SELECTORS))


def written_form(sentence: str) -> str:
    """A sentence without punctuation and spaces, in one width and case (NFKC, case folded).

    One of punctuation alone keeps it, so that not all of those are one.
    """
    normal = unicodedata.normalize("NFKC", sentence).casefold()
    return normal.translate(_LETTERS) or "".join(normal.split())


def count_repeated(pairs: Iterable[tuple[str, str, float]]) -> tuple[int, int]:
    """How many pairs stand there more than once, in either order, and how many with two scores.

    Args:
        pairs: two sentences and their score each.
    """
    scores: dict[frozenset[str], list[float]] = defaultdict(list)
    for first, second, score in pairs:
        scores[frozenset((first, second))].append(score)
    repeated = [found for found in scores.values() if len(found) > 1]
    return len(repeated), sum(len(set(found)) > 1 for found in repeated)
