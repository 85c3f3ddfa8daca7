"""What charts, tables and prose on the uses ask of their rows.

Rows are those of ``07_search``, ``07_intents``, ``07_pseudo_labels`` and ``07_out_of_scope``: tidy
columns, and ``way, examples, unknown, at`` as far as the use has them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import in_order, method
from simcse_core.report.rows import cls_first, of_kind
from simcse_core.report.wording import COMMA, pooling_name, say

KEYS = ["encoder", "pooling", "method"]


def only(rows: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows with these values in these columns."""
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def lines(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """The rows of each encoder, pooling and method: what needs no encoder first, then [CLS]."""
    without = rows["pooling"].isna()
    for name in in_order(rows.loc[without, "method"]):
        mine = rows[without & (rows["method"] == name)]
        yield (str(mine["encoder"].iloc[0]), "", name), mine
    for pooling in cls_first(rows.loc[~without, "pooling"]):
        for encoder in dict.fromkeys(rows.loc[rows["pooling"] == pooling, "encoder"]):
            here = rows[(rows["pooling"] == pooling) & (rows["encoder"] == encoder)]
            for name in in_order(here["method"]):
                yield (str(encoder), pooling, name), here[here["method"] == name]


def line_name(key: tuple[str, str, str], language: str) -> str:
    """Method, encoder and pooling of a line in words."""
    encoder, pooling, name = key
    parts = [method(name).name(language)]
    if pooling:
        parts += [encoder, pooling_name(pooling, language)]
    return COMMA[language].join(parts)


def best_line(rows: pd.DataFrame) -> tuple[tuple[str, str, str], pd.DataFrame]:
    """The line with the highest mean; what has no value at all is none."""
    return max(lines(rows[rows["value"].notna()]), key=lambda line: line[1]["value"].mean())


def with_encoder(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of methods that need an encoder."""
    return rows[rows["pooling"].notna()]


def changes(rows: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """By seed, what training without labels changed for each encoder under each pooling."""
    found = {}
    trained, untrained = of_kind(rows, Kind.TRAINED), of_kind(rows, Kind.UNTRAINED)
    for (encoder, pooling), after in trained.groupby(["encoder", "pooling"], sort=False):
        before = only(untrained, encoder=encoder, pooling=pooling).set_index("seed")["value"]
        after = after[after["method"] == after["method"].iloc[0]].set_index("seed")["value"]
        found[str(encoder), str(pooling)] = (after - before).dropna()
    return found


def unknown_name(unknown: str, share: float, language: str, between: str = "") -> str:
    """What is out of scope: a share of the intents, or text of its own.

    Args:
        between: stands before the share; a comma, or nothing in Chinese, if empty.
    """
    told = say(unknown, language)
    if pd.isna(share):
        return told
    return f"{told}{between or _BETWEEN[language]}{percent(share)}"


def percent(share: float) -> str:
    """A share as a whole per cent."""
    return f"{100 * share:.0f} %"


_BETWEEN = {"en": ", ", "zh": " "}


def unknowns(rows: pd.DataFrame) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """What is out of scope, the share held out (NaN for text of its own), and the rows."""
    for (unknown, share), mine in rows.groupby(["unknown", "at"], sort=False, dropna=False):
        yield str(unknown), float(str(share)), mine
