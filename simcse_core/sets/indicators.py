"""Whether SimCSE helps on a source, and what tells so without labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from simcse_core.label_free import HELD_OUT
from simcse_core.probes import PAIRS
from simcse_core.recipes import PLAIN
from simcse_core.sets.comparison import COUNTED, value_of
from simcse_core.statistics import spearman, unpack_cosines


def indicators(rows: pd.DataFrame, fixed_on: Collection[str]) -> pd.DataFrame:
    """How what is told without labels goes along with what SimCSE changes on test.

    Every encoder, pooling, size and seed of a source is a point: the change of an indicator from
    the untrained encoder, and the change of Spearman. An indicator that training alone has, such
    as the loss, counts as it is.

    Returns:
        A row for each source and indicator: ``correlation`` (Spearman over the ``n`` points) and
        ``agree``, the share of points in which the sign of the change tells the sign of the gain,
        with the direction (``sign``) that agrees more often on the sources of ``fixed_on``.
    """
    points = pd.DataFrame(list(_points(rows)))
    points["fixed"] = points["dataset"].isin(fixed_on)
    found = []
    for name, mine in points.groupby("indicator", sort=False):
        on = mine[mine["fixed"]] if mine["fixed"].any() else mine
        sign = 1 if _agreement(on, 1) >= _agreement(on, -1) else -1
        for (dataset, fixed), here in mine.groupby(["dataset", "fixed"], sort=False):
            changes, gained = here["change"].to_numpy(), here["gain"].to_numpy()
            varied = len(set(changes)) > 1 and len(set(gained)) > 1
            found.append(
                {
                    "dataset": dataset,
                    "fixed": fixed,
                    "indicator": name,
                    "sign": sign,
                    "n": len(here),
                    "correlation": float(spearmanr(changes, gained)[0]) if varied else np.nan,
                    "agree": _agreement(here, sign),
                    "helped": float((here["gain"] > 0).mean()),
                }
            )
    return pd.DataFrame(found)


def _agreement(points: pd.DataFrame, sign: int) -> float:
    return float(((sign * points["change"] > 0) == (points["gain"] > 0)).mean())


def _points(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    keys = ["dataset", "encoder", "pooling", "seed"]
    counted = rows[(rows["method"] == COUNTED) & (rows["metric"] == PAIRS)]
    studied = rows[rows["method"].isin(["untrained", PLAIN])]
    of_seeds = _of_seeds(studied)
    for key, mine in studied.groupby(keys, sort=False):
        start = mine[mine["n_train"] == 0]
        named = dict(zip(keys, key, strict=True))
        text = counted[(counted["dataset"] == key[0]) & (counted["seed"] == key[3])]
        for n in sorted(set(mine["n_train"]) - {0}):
            here = mine[mine["n_train"] == n]
            gain = value_of(here, "test", "spearman") - value_of(start, "test", "spearman")
            told = {**named, "n_train": n, "gain": gain}
            others = [cosines for seed, cosines in of_seeds[*key[:3], n] if seed != key[3]]
            changes = _changes(start, here, text[text["n_train"] == n], others)
            for name, change in changes.items():
                if np.isfinite(change) and np.isfinite(gain):
                    yield {**told, "indicator": name, "change": change}


def _of_seeds(rows: pd.DataFrame) -> dict[tuple[Any, ...], list[tuple[int, np.ndarray]]]:
    """Each seed's cosines of the kept pairs, by source, encoder, pooling and sentences."""
    found: dict[tuple[Any, ...], list[tuple[int, np.ndarray]]] = defaultdict(list)
    keys = ["dataset", "encoder", "pooling", "n_train"]
    for key, mine in rows[rows["metric"] == PAIRS].groupby(keys, sort=False):
        for seed, own in mine.groupby("seed", sort=False):
            if (cosines := _pair_cosines(own)) is not None:
                found[key].append((int(str(seed)), cosines))
    return found


def _changes(
    start: pd.DataFrame,
    here: pd.DataFrame,
    text: pd.DataFrame,
    others: Sequence[np.ndarray],
) -> dict[str, float]:
    """Each indicator's change from the start; agreements are rank correlations of kept cosines.

    Args:
        text: rows of TF-IDF on the same sentences.
        others: cosines under other seeds, which agree wholly before training.
    """
    found = {}
    for name in here.loc[here["split"] == HELD_OUT, "metric"]:
        before = value_of(start, HELD_OUT, name)
        found[str(name)] = value_of(here, HELD_OUT, name) - (before if np.isfinite(before) else 0.0)
    ours, first, counted = (_pair_cosines(part) for part in (here, start, text))
    if ours is not None and first is not None:
        found["with start"] = spearman(ours, first) - 1.0
        if counted is not None:
            found["with TF-IDF"] = spearman(ours, counted) - spearman(first, counted)
        if others:
            agreed = [spearman(ours, one) for one in others]
            found["between seeds"] = float(np.mean(agreed)) - 1.0
    return found


def _pair_cosines(rows: pd.DataFrame) -> np.ndarray | None:
    packed = rows.loc[rows["metric"] == PAIRS, "cosines"]
    return unpack_cosines(packed.iloc[0]) if len(packed) and packed.iloc[0] else None
