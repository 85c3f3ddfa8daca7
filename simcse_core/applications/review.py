"""Proposed labels in a CSV file for a person, and what the person made of them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from simcse_core.applications.inputs import InputError
from simcse_core.applications.tables import read_table, write_table

DECISIONS = ("yes", "no", "")


def write_review(proposals: pd.DataFrame, path: Path) -> None:
    """Writes proposals as CSV for a person, who corrects ``label`` and fills ``decision``.

    Raises:
        InputError: the file is there already; it may hold a person's work.
    """
    check_review_target(path)
    write_table(path, proposals)


def check_review_target(path: Path) -> None:
    """Refuses to write proposals over a file.

    Raises:
        InputError: the file is there already; it may hold a person's work.
    """
    if Path(path).exists():
        raise InputError(
            f"{path}: is there already and may hold a person's work; name another file"
        )


def read_review(
    path: Path, classes: Sequence[str], encoding: str = "utf-8"
) -> tuple[list[str], list[str]]:
    """Reads the proposals that a person has confirmed or corrected.

    A row counts if its ``decision`` is ``yes``, or if its label is another than the one proposed
    and the decision is not ``no``. Rows that nobody looked at are left out.

    Args:
        path: what :func:`write_review` wrote, edited since.
        classes: the class names there are.
        encoding: of the file, such as ``gb18030`` if a spreadsheet changed it.

    Returns:
        Texts and their labels.

    Raises:
        InputError: a column is missing, or a decision or a label is unknown; file and line named.
    """
    rows = read_table(path, ("text", "label", "decision", "proposed"), encoding, may_be_empty=True)
    kept: dict[str, str] = {}
    for line, row in rows:
        decision, name = row["decision"].strip().casefold(), row["label"].strip()
        where = f"{path}, line {line}"
        if decision not in DECISIONS:
            raise InputError(f"{where}: decision: yes, no or nothing, got {row['decision']!r}")
        if decision == "no" or (not decision and name == row["proposed"].strip()):
            continue
        if name not in classes:
            near = get_close_matches(name, classes, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(classes)}"
            raise InputError(f"{where}: label: {name!r} is no class{hint}")
        if not (text := row["text"].strip()):
            raise InputError(f"{where}: text: is empty")
        if kept.get(text, name) != name:
            raise InputError(f"{where}: {text!r} has two labels; keep one row of it")
        kept[text] = name
    return list(kept), list(kept.values())
