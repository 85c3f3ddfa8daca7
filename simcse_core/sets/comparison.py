"""Several sources compared: what follows from the rows of each, and what is gained on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from simcse_core.comparison import Contrast, Side, differences, with_cosines
from simcse_core.config import Kind
from simcse_core.data import StudyData
from simcse_core.label_free import HELD_OUT
from simcse_core.recipes import PLAIN
from simcse_core.statistics import bootstrap_interval, pack_cosines, spearman, unpack_cosines

COUNTED = "tfidf-char"  # what an encoder has to beat, and is fused with
FUSED = {"untrained": "untrained-fused", PLAIN: "simcse-fused"}
EARLY = "simcse-early"


def value_of(rows: pd.DataFrame, split: str, metric: str) -> float:
    """The value of a metric on a split, the first of several; NaN where there is none."""
    found = rows.loc[(rows["split"] == split) & (rows["metric"] == metric), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")


# ---------------------------------------------------------------- rows that follow from others


def with_fused(rows: pd.DataFrame, sets: Sequence[StudyData]) -> pd.DataFrame:
    """The rows, with those of each encoder's mean of ranks with TF-IDF fitted on as many sentences.

    The rank of a pair's cosine among all pairs under the one is added to that under the other; no
    weight is chosen. Where one of both has no ranks, there is no row.
    """
    labels = {(data.name, split): p.scores for data in sets for split, p in data.splits().items()}
    scored = with_cosines(rows)
    counted = _by_place(scored[scored["method"] == COUNTED])
    sizes = sorted({n for *_, n in counted})
    found: list[dict[Any, Any]] = []
    for row in scored[scored["method"].isin(list(FUSED))].to_dict(orient="records"):
        at = (row["dataset"], row["split"], row["seed"])
        untrained = row["kind"] == Kind.UNTRAINED
        for n in sizes if untrained else [row["n_train"]]:
            if (*at, n) not in counted:
                continue
            ranks = _mean_rank(row["cosines"], counted[*at, n])
            scores = labels[row["dataset"], row["split"]]
            low, high = bootstrap_interval(ranks, scores)
            own: dict[str, object] = {"value": spearman(ranks, scores), "ci_low": low}
            own |= {"ci_high": high, "cosines": pack_cosines(ranks), "n_train": n}
            own |= {"kind": Kind.FITTED} if untrained else {}
            found.append({**row, **own, "method": FUSED[row["method"]]})
    return pd.concat([rows, pd.DataFrame(found)], ignore_index=True)


def _by_place(rows: pd.DataFrame) -> dict[tuple[str, str, int, int], str]:
    """Cosines by source, split, seed and number of sentences."""
    return {
        (str(row["dataset"]), str(row["split"]), int(row["seed"]), int(row["n_train"])): str(
            row["cosines"]
        )
        for row in rows.to_dict(orient="records")
    }


def _mean_rank(one: str, other: str) -> np.ndarray:
    ranks = [rankdata(unpack_cosines(cosines)) for cosines in (one, other)]
    return (ranks[0] + ranks[1]) / (2 * len(ranks[0]))


def with_early(rows: pd.DataFrame, probe: str, sign: int) -> pd.DataFrame:
    """The rows, with those of plain SimCSE stopped where a probe is best, the start included."""
    points = rows[rows["method"].isin(["untrained", PLAIN])]
    held_out = points[(points["split"] == HELD_OUT) & (points["metric"] == probe)]
    scored = points[points["metric"] == "spearman"]
    keys = ["dataset", "encoder", "pooling", "seed"]
    found = []
    for key, mine in held_out.groupby(keys, sort=False):
        here = scored[(scored[keys] == pd.Series(key, index=keys)).all(axis=1)]
        for n in sorted(mine.loc[mine["n_train"] > 0, "n_train"]):
            reached = mine[mine["n_train"] <= n]
            stop = reached.loc[(sign * reached["value"]).idxmax(), "n_train"]
            own = {"method": EARLY, "kind": Kind.TRAINED, "n_train": n}
            found.append(here[here["n_train"] == stop].assign(**own))
    return pd.concat([rows, *found], ignore_index=True)


# ---------------------------------------------------------------- gains


def gains(rows: pd.DataFrame, sets: Sequence[StudyData]) -> pd.DataFrame:
    """What each method gains on each source over the untrained encoder, TF-IDF and plain SimCSE.

    Returns:
        A row for each difference on test, as :func:`~simcse_core.comparison.differences` has them;
        ``after_at`` is the number of sentences, which TF-IDF and plain SimCSE have too.
    """
    frames = []
    for data in sets:
        mine = with_cosines(rows[rows["dataset"] == data.name])
        frames.append(differences(list(_contrasts(mine)), data, ["test"]))
    return pd.concat(frames, ignore_index=True)


def _contrasts(rows: pd.DataFrame) -> Iterator[Contrast]:
    counted = _sides(rows[rows["method"] == COUNTED])
    with_encoder = rows[rows["pooling"].notna() & (rows["kind"] != Kind.READY_MADE)]
    for (encoder, pooling), own in with_encoder.groupby(["encoder", "pooling"], sort=False):
        sides = _sides(own)
        start = sides.pop(("untrained", 0), None)
        pairs: list[tuple[Side, Side]] = []
        for (method, n), side in sides.items():
            pairs += [(side, start)] if start else []
            plain = sides.get((PLAIN, n))
            if plain and method not in (PLAIN, *FUSED.values()):
                pairs.append((side, plain))
            pairs += [(side, counted[COUNTED, n])] if (COUNTED, n) in counted else []
        if start:
            pairs += [(start, before) for before in counted.values()]
        for after, before in pairs:
            yield Contrast(str(encoder), str(pooling), after, before)


def _sides(rows: pd.DataFrame) -> dict[tuple[str, int], Side]:
    """By method and number of sentences."""
    places = dict.fromkeys(zip(rows["method"], rows["n_train"], strict=True))
    found = {}
    for method, n in places:
        here = rows[(rows["method"] == method) & (rows["n_train"] == n)]
        found[str(method), int(n)] = Side(str(method), str(here["kind"].iloc[0]), int(n), here)
    return found
