"""What charts, tables and prose ask of tidy rows: one metric, one split, a kind, a facet.

Kinds are those of the column ``kind`` (:class:`simcse_core.config.Kind`); no function here knows a
method by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from simcse_core.config import REPORT_ENCODERS, Kind, Pooling
from simcse_core.report.methods import ready_made_method
from simcse_core.report.wording import COMMA, pooling_name


class Facet(NamedTuple):
    """What is trained and measured alike: an encoder under a pooling; empty where not told."""

    encoder: str
    pooling: str


def spearman(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the metric ``spearman``."""
    return rows[rows["metric"] == "spearman"]


def on(rows: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of one split."""
    return rows[rows["split"] == split]


def of_kind(rows: pd.DataFrame, *kinds: Kind) -> pd.DataFrame:
    """The rows of methods of these kinds."""
    return rows[rows["kind"].isin([str(kind) for kind in kinds])]


def splits(rows: pd.DataFrame) -> list[str]:
    """dev and test, as far as they are there."""
    return [split for split in ("dev", "test") if split in set(rows["split"])]


def trained_methods(rows: pd.DataFrame) -> list[str]:
    """The methods that learn from unlabelled text by gradient; the first is the studied one."""
    return list(dict.fromkeys(of_kind(rows, Kind.TRAINED)["method"]))


def cls_first(poolings: Iterable[str]) -> list[str]:
    """Distinct poolings as they come, but [CLS], the report's, before all others."""
    return sorted(dict.fromkeys(poolings), key=lambda pooling: pooling != Pooling.CLS)


def facets(rows: pd.DataFrame) -> dict[Facet, pd.DataFrame]:
    """The rows of each encoder and pooling that is trained, [CLS] first.

    A facet has its own rows; those of methods without an encoder; what is fitted on its encoder but
    was measured under another pooling alone, since it does not depend on it; and every encoder that
    is trained nowhere. Without the columns ``encoder`` and ``pooling``, or without a row that names
    them, all is one facet. Ready-made encoders are methods of their own in it.

    Raises:
        ValueError: a method has rows of several encoders or poolings in one facet; a mean over them
            would be no result of any.
    """
    if not {"encoder", "pooling"} <= set(rows):
        return {Facet("", ""): rows}
    rows = each_ready_made(rows)
    learnt = of_kind(rows, Kind.TRAINED, Kind.LABELLED)
    learnt = of_kind(rows, Kind.UNTRAINED) if learnt.empty else learnt
    found = list(dict.fromkeys(zip(learnt["encoder"], learnt["pooling"], strict=True)))
    order = cls_first(pooling for _, pooling in found)
    found.sort(key=lambda pair: order.index(pair[1]))
    parts = {Facet(*pair): _of_facet(rows, Facet(*pair), found) for pair in found}
    for facet, part in parts.items():
        _check_one_each(part, facet)
    return parts or {Facet("", ""): rows}


def each_ready_made(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a method for each ready-made encoder (see :func:`ready_made_method`)."""
    mine = rows["kind"] == Kind.READY_MADE
    place = {encoder: i for i, encoder in enumerate(dict.fromkeys(rows.loc[mine, "encoder"]))}
    methods = [
        ready_made_method(method, place[encoder], encoder) if own else method
        for own, method, encoder in zip(mine, rows["method"], rows["encoder"], strict=True)
    ]
    return rows.assign(method=methods) if place else rows


def _of_facet(rows: pd.DataFrame, facet: Facet, every: Sequence[tuple[str, str]]) -> pd.DataFrame:
    studied = rows["encoder"].isin([encoder for encoder, _ in every])
    of_encoder = rows["encoder"] == facet.encoder
    own = of_encoder & (rows["pooling"] == facet.pooling)
    known = rows["method"].isin(set(rows.loc[own, "method"]))
    elsewhere = of_encoder & (rows["kind"] == Kind.FITTED) & ~known
    return rows[own | ~studied | elsewhere]


def _check_one_each(rows: pd.DataFrame, facet: Facet) -> None:
    for name, mine in rows.groupby("method", sort=False)[["encoder", "pooling"]]:
        if len(found := mine.drop_duplicates()) > 1:
            whose = "; ".join(f"{e}, {p}" for e, p in found.itertuples(index=False))
            raise ValueError(
                f"method {name!r}: rows of several encoders or poolings ({whose}) beside "
                f"{facet.encoder}, {facet.pooling}; keep those of one"
            )


def facet_titles(found: Iterable[Facet], language: str = "en") -> dict[Facet, str]:
    """What tells facets apart: the encoder where several are there, the pooling likewise."""
    found = list(found)
    encoders, poolings = ({facet[place] for facet in found} for place in (0, 1))
    return {
        facet: COMMA[language].join(
            [facet.encoder] * (len(encoders) > 1)
            + [pooling_name(facet.pooling, language)] * (len(poolings) > 1)
        )
        for facet in found
    }


def report_encoder(name: str) -> str:
    """The encoder of the report in whose place this one stands; empty if in none's.

    A label may end with a revision or a fingerprint.
    """
    return REPORT_ENCODERS.get(re.split("[@#]", name)[0], "")


def best_on_dev(rows: pd.DataFrame, method: str, x: str) -> float | None:
    """Where on a curve a trained method is best on dev, mean over seeds; 0 is not to train at all.

    Args:
        rows: Spearman rows of one facet.
        x: ``n_train`` or ``epoch``.

    Returns:
        The place; where two are equal, the earlier. None where dev has no value at all.
    """
    dev = on(rows, "dev")
    means = dev[dev["method"] == method].groupby(x)["value"].mean()
    untrained = pd.Series({0.0: of_kind(dev, Kind.UNTRAINED)["value"].mean()})
    means = pd.concat([untrained, means]).dropna()
    return float(means.index[int(np.argmax(means))]) if len(means) else None


def at_point(rows: pd.DataFrame, method: str, x: str, point: float) -> pd.DataFrame:
    """The rows of a method at a place on a curve; at 0 those of the untrained encoder."""
    if point == 0:
        return of_kind(rows, Kind.UNTRAINED)
    return rows[(rows["method"] == method) & (rows[x] == point)]


def at_last(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each encoder, pooling and method the rows at its largest number of sentences."""
    keys = ["encoder", "pooling", "method"]
    return rows[rows["n_train"] == rows.groupby(keys, dropna=False)["n_train"].transform("max")]
