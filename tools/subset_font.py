"""Cuts Noto Sans CJK to the Chinese that charts are labelled in, for simcse_core/assets/fonts.

Kept are the 3,755 most frequent characters of simplified Chinese (level 1 of GB 2312), its signs,
ASCII, and every character of the package and the notebooks. Run with the path of
NotoSansCJK-Regular.ttc, as Debian's fonts-noto-cjk has it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

from simcse_core.config import PACKAGE, PROJECT_ROOT
from simcse_core.report.style import BUNDLED_FONT, BUNDLED_NAME

FACE = "Noto Sans CJK SC"
# Rows of GB 2312, as their first bytes: signs, and level 1.
ROWS = (*range(0xA1, 0xA4), *range(0xB0, 0xD8))


def characters() -> str:
    """What the font is cut to."""
    codes = bytes(b for row in ROWS for cell in range(0xA1, 0xFF) for b in (row, cell))
    files = [*PACKAGE.rglob("*.py"), *(PROJECT_ROOT / "notebooks").glob("*.ipynb")]
    own = "".join(path.read_text(encoding="utf-8") for path in files)
    found = {c for c in own if "\u2000" <= c <= "\uffef"}
    return "".join(sorted({*codes.decode("gb2312", "ignore"), *map(chr, range(32, 127)), *found}))


def main(collection: str, target: Path = BUNDLED_FONT) -> None:
    """Writes the font under a name of its own, so that it is never taken for the whole one."""
    faces = [face["name"].getDebugName(1) for face in TTCollection(collection).fonts]
    options = subset.Options()
    options.layout_features, options.hinting = [], False
    options.name_IDs = [*range(7), 13, 14]
    options.font_number = faces.index(FACE)
    font = subset.load_font(collection, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters())
    subsetter.subset(font)
    names = {1: BUNDLED_NAME, 4: BUNDLED_NAME, 6: BUNDLED_NAME.replace(" ", "")}
    for record in font["name"].names:
        record.string = names.get(record.nameID, record.toUnicode())
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    main(sys.argv[1])
