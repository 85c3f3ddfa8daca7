"""Fills the generated parts of the READMEs from the tables in figures/.

    python tools/update_readme.py           # write
    python tools/update_readme.py --check   # exit 1 if a README differs from the results

A generated part stands between two comments, the first of which says what goes in:

    <!-- table figures/quick/02_small_sample.csv n_train -->   Spearman by the columns named
    <!-- rows figures/quick/05_claims.csv -->                  the table as it is
    <!-- points figures/quick/02_small_sample.csv n_train test -->   a curve: size by method
    <!-- chosen figures/quick/02_small_sample.csv n_train -->  last step and best-on-dev
    <!-- differences figures/quick/02_differences.csv test --> with intervals over seeds and pairs
    <!-- sample figures/quick/05_sample.csv -->                every method at the same sizes
    <!-- shared figures/quick/05_shared.csv -->                without pairs that parts share
    <!-- baselines|curve|comparison FILE [x] -->               the prose that the notebook shows
    <!-- end -->
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pandas as pd

from simcse_core.config import PROJECT_ROOT
from simcse_core.reading import (
    chosen_table,
    curve_table,
    difference_table,
    read_baselines,
    read_comparison,
    read_curve,
    sample_table,
    shared_table,
    spearman_table,
    to_markdown,
)

READMES = ("README.md", "README.zh-CN.md")
_PART = re.compile(r"(<!-- (\w+) (\S+\.csv)((?: \S+)*) -->\n).*?(<!-- end -->)", re.DOTALL)
_KINDS: dict[str, Callable[[pd.DataFrame, list[str]], str]] = {
    "table": lambda frame, keys: to_markdown(spearman_table(frame, keys)),
    "rows": lambda frame, _: to_markdown(frame.set_index(frame.columns[0])),
    "points": lambda frame, keys: to_markdown(curve_table(frame, *keys)),
    "chosen": lambda frame, keys: to_markdown(chosen_table(frame, *keys)),
    "differences": lambda frame, keys: to_markdown(difference_table(frame, *keys)),
    "sample": lambda frame, _: to_markdown(sample_table(frame)),
    "shared": lambda frame, _: to_markdown(shared_table(frame)),
    "baselines": lambda frame, _: read_baselines(frame),
    "curve": lambda frame, keys: read_curve(frame, keys[0]),
    "comparison": lambda frame, _: read_comparison(frame),
}


def filled(text: str) -> str:
    """The text with every generated part made anew from its table.

    Raises:
        KeyError: a part of an unknown kind.
        FileNotFoundError: a table that is not there.
    """

    def fill(part: re.Match[str]) -> str:
        opening, kind, file, keys, closing = part.groups()
        # A table shown as it is needs no numbers, and an empty cell stays empty.
        as_text = {"dtype": str} if kind == "rows" else {"na_values": [""]}
        frame = pd.read_csv(PROJECT_ROOT / file, keep_default_na=False, **as_text)
        return f"{opening}{_KINDS[kind](frame, keys.split())}\n{closing}"

    return _PART.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Command line entry; returns the exit code."""
    stale = []
    for name in READMES:
        path = PROJECT_ROOT / name
        text = path.read_text(encoding="utf-8")
        if filled(text) != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(filled(text), encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"{', '.join(stale)} differ from figures/; run python tools/update_readme.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
