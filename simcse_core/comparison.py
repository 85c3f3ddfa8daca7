"""Differences between methods on the same pairs, from kept cosines, with two intervals each.

The interval over seeds (Student's t) says how far another draw of sentences, another order and
other dropout could move a difference; the interval over pairs (paired bootstrap), how far another
set of pairs could. They are kept apart: neither holds what the other measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t
from tqdm.auto import tqdm

from simcse_core.data import StudyData
from simcse_core.evaluation import percentiles, resampled_spearman, spearman, unpack_cosines

MEAN_OF_ENCODERS = "mean of encoders"
SIMCSE, SUPERVISED, UNTRAINED = "unsup-simcse", "sup-simcse", "untrained"


class Side(NamedTuple):
    """One side of a difference: a method, where on the curve, and the tidy rows of it."""

    method: str
    at: float
    rows: pd.DataFrame


# An encoder with what is subtracted from what: after, before.
Contrast = tuple[str, Side, Side]


def baseline_differences(results: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Each encoder's untrained [CLS] minus the TF-IDF that is best on dev; nothing has seeds."""
    rows = _with_cosines(results)
    counting = rows[rows["encoder"] == "none"]
    best = counting[counting["split"] == "dev"].nlargest(1, "value")["method"].item()
    before = Side(best, 0, counting[counting["method"] == best])
    cls = rows[(rows["method"] == UNTRAINED) & (rows["pooling"] == "cls")]
    contrasts = [
        (str(encoder), Side(UNTRAINED, 0, mine), before)
        for encoder, mine in cls.groupby("encoder", sort=False)
    ]
    return _differences(contrasts, data).assign(n_seeds=0)


def curve_differences(results: pd.DataFrame, data: StudyData, x: str = "n_train") -> pd.DataFrame:
    """Differences along a curve over ``n_train`` or ``epoch``.

    Each point of each method minus the untrained encoder, SimCSE minus each other method at the
    same point, and SimCSE's last point minus each earlier one.

    Returns:
        A row for each difference and split: ``encoder``, ``after`` and ``before`` (methods) with
        ``after_at`` and ``before_at`` (places on the curve), ``n_seeds``, ``value`` (mean over
        seeds) and the ends of its two 95 % intervals: ``seed_low``, ``seed_high``, ``pair_low``,
        ``pair_high``.
    """
    return _differences(list(_along(_with_cosines(results), x)), data)


def overview_differences(
    overview: pd.DataFrame, fitted: pd.DataFrame, data: StudyData
) -> pd.DataFrame:
    """SimCSE minus untrained for each encoder and over all; for the last, minus every method.

    Args:
        overview: rows of ``compare_encoders``.
        fitted: rows of ``fit_sizes`` for the last encoder, at the same number of sentences.
    """
    return _differences(list(_overview(_with_cosines(overview), _with_cosines(fitted))), data)


def without_shared(results: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Spearman with and without the pairs that share a sentence with another part of the data.

    Returns:
        A row for each encoder, method and split at the method's largest size, means over seeds:
        ``all`` over all ``pairs``, ``kept`` over the ``kept_pairs`` that share none, and their
        difference as ``change``.
    """
    labels = {"dev": data.dev.scores, "test": data.test.scores}
    keep = {split: ~shared for split, shared in data.shared().items()}
    rows = _with_cosines(results).rename(columns={"value": "all"})
    rows = rows[rows["n_train"] == rows.groupby(["encoder", "method"])["n_train"].transform("max")]
    rows["kept"] = [
        spearman(unpack_cosines(cosines)[keep[split]], labels[split][keep[split]])
        for split, cosines in zip(rows["split"], rows["cosines"], strict=True)
    ]
    keys = ["encoder", "pooling", "method", "n_train", "split"]
    groups = rows.groupby(keys, sort=False, dropna=False)
    means = groups[["all", "kept"]].mean().reset_index()
    return means.assign(
        change=means["kept"] - means["all"],
        pairs=means["split"].map({split: len(mask) for split, mask in keep.items()}),
        kept_pairs=means["split"].map({split: mask.sum() for split, mask in keep.items()}),
        dataset=data.name,
    )


def dev_cosines(results: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Cosine and human label of every dev pair before and after SimCSE, for the first seed.

    Returns:
        Columns ``panel`` (the method and its Spearman), ``label``, ``cosine``.
    """
    rows = _with_cosines(results)
    rows = rows[(rows["split"] == "dev") & (rows["seed"] == rows["seed"].min())]
    before = rows[rows["method"] == UNTRAINED].head(1)
    after = rows[rows["method"] == SIMCSE].nlargest(1, "n_train")
    frames = []
    for row in pd.concat([before, after]).itertuples():
        size = f", {row.n_train:,} sentences" if row.n_train else ""
        panel = f"{row.method}{size}: Spearman {row.value:.3f}"
        columns = {"label": data.dev.scores, "cosine": unpack_cosines(str(row.cosines))}
        frames.append(pd.DataFrame({"panel": panel, **columns}))
    return pd.concat(frames, ignore_index=True)


def seed_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over seeds by Student's t; NaN twice for a single seed."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def _with_cosines(results: pd.DataFrame) -> pd.DataFrame:
    """The Spearman rows that have a value, and so have cosines."""
    return results[(results["metric"] == "spearman") & results["value"].notna()]


def _along(rows: pd.DataFrame, x: str) -> Iterator[Contrast]:
    untrained = rows[rows["method"] == UNTRAINED]
    encoder, before = str(untrained["encoder"].iloc[0]), Side(UNTRAINED, 0, untrained)
    learnt = rows[rows["method"] != UNTRAINED]
    points = {
        (method, at): Side(method, at, learnt[(learnt["method"] == method) & (learnt[x] == at)])
        for method, at in dict.fromkeys(zip(learnt["method"], learnt[x], strict=True))
    }
    for side in points.values():
        yield encoder, side, before
    for side in points.values():
        if side.method != SIMCSE and (SIMCSE, side.at) in points:
            yield encoder, points[SIMCSE, side.at], side
    trained = sorted(at for method, at in points if method == SIMCSE)
    for at in trained[:-1]:
        yield encoder, points[SIMCSE, trained[-1]], points[SIMCSE, at]


def _overview(overview: pd.DataFrame, fitted: pd.DataFrame) -> Iterator[Contrast]:
    after, before = (overview[overview["method"] == m] for m in (SIMCSE, UNTRAINED))
    n = after["n_train"].max()
    yield MEAN_OF_ENCODERS, Side(SIMCSE, n, after), Side(UNTRAINED, 0, before)
    for encoder, mine in after.groupby("encoder", sort=False):
        start = before[before["encoder"] == encoder]
        yield str(encoder), Side(SIMCSE, n, mine), Side(UNTRAINED, 0, start)
    last = overview["encoder"].iloc[-1]
    trained = Side(SIMCSE, n, after[after["encoder"] == last])
    labelled = overview[overview["method"] == SUPERVISED]
    labelled = labelled[labelled["n_train"] == labelled["n_train"].max()]
    for method, mine in pd.concat([labelled, fitted]).groupby("method", sort=False):
        yield str(last), trained, Side(str(method), n, mine)


def _differences(contrasts: list[Contrast], data: StudyData) -> pd.DataFrame:
    labels = {"dev": data.dev.scores, "test": data.test.scores}

    @cache
    def resampled(split: str, cosines: str) -> np.ndarray:
        return resampled_spearman(unpack_cosines(cosines), labels[split])

    rows = []
    for encoder, after, before in tqdm(contrasts, desc="compare", unit="difference", leave=False):
        for split in labels:
            sides = [side.rows[side.rows["split"] == split] for side in (after, before)]
            row = {"encoder": encoder, "after": after.method, "after_at": after.at}
            row |= {"before": before.method, "before_at": before.at, "split": split}
            numbers = _difference(sides[0], sides[1], partial(resampled, split))
            rows.append({**row, **numbers, "dataset": data.name})
    return pd.DataFrame(rows)


def _difference(
    after: pd.DataFrame, before: pd.DataFrame, resampled: Callable[[str], np.ndarray]
) -> dict[str, float]:
    """Mean over the seeds of which both sides have as many rows; missing where there is none."""
    counts = [side.groupby("seed").size().to_dict() for side in (after, before)]
    seeds = [seed for seed in counts[0] if counts[0][seed] == counts[1].get(seed)]
    values, resamples = [], []
    for seed in seeds:
        ours, theirs = (side[side["seed"] == seed] for side in (after, before))
        values.append(ours["value"].mean() - theirs["value"].mean())
        drawn = [
            np.mean([resampled(c) for c in rows["cosines"]], axis=0) for rows in (ours, theirs)
        ]
        resamples.append(drawn[0] - drawn[1])
    if not values:
        return {"n_seeds": 0}
    seed_low, seed_high = seed_interval(np.array(values))
    pair_low, pair_high = percentiles(np.mean(resamples, axis=0))
    return {
        "n_seeds": len(values),
        "value": float(np.mean(values)),
        "seed_low": seed_low,
        "seed_high": seed_high,
        "pair_low": pair_low,
        "pair_high": pair_high,
    }
