"""The model card of a ready-made encoder; card.md is its frame."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tools.ready_made.agreement import Agreement
from tools.ready_made.q4_file import Shape

_FRAME = Path(__file__).with_name("card.md")
_CUT = """\
**What was cut**: the pieces that Chinese text does not need. Kept are all pieces made of Chinese
characters, punctuation of both widths, digits, signs and emoji; single letters of Latin, Greek,
Cyrillic and kana; of Latin, the more frequent words, the names that begin with a capital unless
they are very rare, and everything with a capital inside, such as WiFi or GPS; the pieces of the
prefix. Text made of those is cut into pieces as before. Rarer Latin words fall into shorter pieces,
other scripts are unknown: for text in other languages make the folder with `--keep-all`."""
_UNCUT = "**What was cut**: nothing; every piece is there."


def model_card(
    shape: Shape,
    pieces: tuple[int, int],
    prefix: str,
    package: str,
    sha256: str,
    agreement: Agreement | None,
) -> str:
    """The card as Markdown.

    Args:
        pieces: how many are kept, of how many.
        agreement: None if the engine is not installed.
    """
    kept, total = pieces
    return _FRAME.read_text(encoding="utf-8").format(
        **dataclasses.asdict(shape),
        kept=f"{kept:,}",
        total=f"{total:,}",
        prefix=prefix,
        package=package,
        sha256=sha256,
        agreement=_told(agreement),
        cut=_CUT if kept < total else _UNCUT,
    )


def _told(agreement: Agreement | None) -> str:
    if agreement is None:
        return "not measured: the package is not installed"
    return (
        f"{agreement.same_length} of {agreement.sentences} sentences of the bundled sample are cut "
        f"into equally many pieces, with a cosine of {agreement.lowest:.4f} or more; the mean over "
        f"all is {agreement.mean:.4f}"
    )
