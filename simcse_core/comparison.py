"""Differences between methods on the same pairs, from kept cosines, with two intervals each.

The interval over seeds (Student's t) says how far another draw of sentences, another order and
other dropout could move a difference; the interval over pairs (paired bootstrap), how far another
set of pairs could. They are kept apart: neither holds what the other measures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t
from tqdm.auto import tqdm

from simcse_core.config import Kind, Pooling
from simcse_core.data import StudyData
from simcse_core.objectives import OBJECTIVES
from simcse_core.protocols import protocols
from simcse_core.statistics import (
    CONFIDENCE,
    percentiles,
    resampled_spearman,
    spearman,
    unpack_cosines,
)
from simcse_core.translation import translated

MEAN_OF_ENCODERS = "mean of encoders"
# Sizes this near to each other count as the same: labelled examples hold several sentences each.
SAME_SIZE = 0.05
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Side(NamedTuple):
    """One side of a difference: a method, where on the curve, and the tidy rows of it."""

    method: str
    kind: str
    at: float
    rows: pd.DataFrame


class Contrast(NamedTuple):
    """What is subtracted from what, for which encoder under which pooling."""

    encoder: str
    pooling: str
    after: Side
    before: Side


def baseline_differences(
    results: pd.DataFrame, data: StudyData, studied: Collection[tuple[str, str]]
) -> pd.DataFrame:
    """Untrained encoders minus the counting that is best on dev; nothing has seeds.

    Args:
        studied: encoder and pooling of those that are compared.
    """
    rows = with_cosines(results)
    counting = rows[rows["pooling"].isna()]
    best = counting[counting["split"] == "dev"].nlargest(1, "value")["method"].item()
    before = _side(counting[counting["method"] == best], 0)
    untrained = rows[rows["kind"] == Kind.UNTRAINED]
    contrasts = [
        Contrast(encoder, pooling, _side(mine, 0), before)
        for encoder, pooling in studied
        if len(mine := untrained[_is(untrained, encoder, pooling)])
    ]
    return differences(contrasts, data).assign(n_seeds=0)


def _is(rows: pd.DataFrame, encoder: str, pooling: str) -> pd.Series:
    return (rows["encoder"] == encoder) & (rows["pooling"] == pooling)


def curve_differences(results: pd.DataFrame, data: StudyData, x: str = "n_train") -> pd.DataFrame:
    """Differences along a curve over ``n_train`` or ``epoch``.

    For each encoder under each pooling: each point of each method minus the untrained encoder, the
    objective that is studied (the first in the rows) minus each other method at the same point, and
    the last point of each objective minus its earlier ones. Where there are several encoders, what
    is trained is told for their mean too, under each of the :func:`protocols`.

    Returns:
        A row for each difference and split: ``encoder``, ``pooling``, ``after`` and ``before``
        (methods) with ``after_kind`` and ``before_kind``, ``after_at`` and ``before_at`` (places on
        the curve), ``n_seeds``, ``value`` (mean over seeds) and the ends of its two 95 % intervals:
        ``seed_low``, ``seed_high``, ``pair_low``, ``pair_high``.
    """
    return differences(list(_curve_contrasts(with_cosines(results), x)), data)


def overview_differences(
    overview: pd.DataFrame, fitted: pd.DataFrame, data: StudyData
) -> pd.DataFrame:
    """Trained minus untrained for each encoder and over all; for the last, minus every method.

    Args:
        overview, fitted: what ``compare_encoders`` gives.
    """
    return differences(
        list(_overview_contrasts(with_cosines(overview), with_cosines(fitted))), data
    )


def without_shared(results: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Spearman with and without the pairs that share a sentence with another part of the data.

    Returns:
        A row for each encoder, method and split at the method's largest size, means over seeds:
        ``all`` over all ``pairs``, ``kept`` over the ``kept_pairs`` that share none, and their
        difference as ``change``.
    """
    labels = {split: pairs.scores for split, pairs in data.splits().items()}
    keep = {split: ~shared for split, shared in data.shared().items()}
    rows = with_cosines(results).rename(columns={"value": "all"})
    rows = rows[rows["n_train"] == rows.groupby(["encoder", "method"])["n_train"].transform("max")]
    rows["kept"] = [
        spearman(unpack_cosines(cosines)[keep[split]], labels[split][keep[split]])
        for split, cosines in zip(rows["split"], rows["cosines"], strict=True)
    ]
    keys = ["encoder", "pooling", "method", "kind", "n_train", "split"]
    groups = rows.groupby(keys, sort=False, dropna=False)
    means = groups[["all", "kept"]].mean().reset_index()
    return means.assign(
        change=means["kept"] - means["all"],
        pairs=means["split"].map({split: len(mask) for split, mask in keep.items()}),
        kept_pairs=means["split"].map({split: mask.sum() for split, mask in keep.items()}),
        dataset=data.name,
    )


def same_sizes(
    small: pd.DataFrame, large: pd.DataFrame, overview: pd.DataFrame, sizes: Sequence[int]
) -> pd.DataFrame:
    """What about n sentences buy by each method, from the rows of three notebooks.

    Of several encoders it is the last one that was trained in the overview and in ``small``.

    Each of ``sizes`` stands for the nearest size that training was measured at; labelled training
    is there where it saw as many sentences. Where several have a size, the small sample's rows win
    and the overview's come next: both draw from one pool, while ``large`` may have text added.

    Ready-made encoders of the overview stand at every size.

    Returns:
        A row for each size, encoder, pooling, method and split: ``n_sentences``, ``mean``, ``min``
        and ``max`` over ``n_seeds``, and ``pair_low`` and ``pair_high``, the mean ends of the
        intervals over pairs.
    """
    trained = overview.loc[overview["kind"] == Kind.TRAINED, "encoder"]
    last = trained[trained.isin(small["encoder"])].iloc[-1]
    ready_made = overview[(overview["metric"] == "spearman") & _ready_made(overview)]
    curves, large, overview = (
        rows[
            (rows["metric"] == "spearman")
            & ((rows["encoder"] == last) | rows["pooling"].isna())
            & ~_ready_made(rows)
        ]
        for rows in (small, large, overview)
    )
    with_labels = overview["kind"] == Kind.LABELLED
    labelled = overview[with_labels]
    per_example = labelled["method"].map(
        {method: row.sentences_per_example for method, row in OBJECTIVES.items()}
    )
    labelled = labelled.assign(n_train=labelled["n_train"] * per_example)
    for more in (overview[~with_labels], large):
        curves = pd.concat([curves, more[~more["n_train"].isin(curves["n_train"])]])
    measured = sorted(curves.loc[curves["kind"] == Kind.TRAINED, "n_train"].unique())
    frames = []
    for n in dict.fromkeys(min(measured, key=lambda m: abs(m - size)) for size in sizes):
        untrained = curves[curves["kind"] == Kind.UNTRAINED]
        near = labelled[(labelled["n_train"] / n - 1).abs() < SAME_SIZE]
        here = pd.concat([untrained, curves[curves["n_train"] == n], near, ready_made])
        frames.append(here.assign(n_sentences=n))
    keys = ["n_sentences", "encoder", "pooling", "method", "kind", "split", "dataset"]
    return (
        pd.concat(frames)
        .groupby(keys, sort=False, dropna=False)
        .agg(
            mean=("value", "mean"),
            min=("value", "min"),
            max=("value", "max"),
            n_seeds=("seed", "nunique"),
            pair_low=("ci_low", "mean"),
            pair_high=("ci_high", "mean"),
        )
        .reset_index()
    )


def _ready_made(rows: pd.DataFrame) -> pd.Series:
    return rows["kind"] == Kind.READY_MADE


def cosine_quantiles(results: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """How the cosines of dev pairs spread within each human label, for single methods.

    Args:
        results: tidy rows; the Spearman rows on dev of one seed count, a method in each.

    Returns:
        A row for each method and label: the tidy columns of the method, its ``spearman``, the
        ``label``, the number ``n`` of pairs with it, and quantiles ``q05`` to ``q95``.
    """
    rows = with_cosines(results)
    rows = rows[rows["split"] == "dev"]
    columns = ["dataset", "encoder", "pooling", "method", "kind", "n_train", "split", "seed"]
    table = []
    for row in rows.to_dict(orient="records"):
        cosines = unpack_cosines(row["cosines"])
        for label in np.unique(data.dev.scores):
            mine = cosines[data.dev.scores == label]
            spread = zip(QUANTILES, np.quantile(mine, QUANTILES), strict=True)
            table.append(
                {column: row[column] for column in columns}
                | {"spearman": row["value"], "label": label, "n": len(mine)}
                | {f"q{100 * q:02.0f}": float(value) for q, value in spread}
            )
    return pd.DataFrame(table)


def best_of_each(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of what counts text, of untrained [CLS] and of any pooling that are best on dev."""
    rows = with_cosines(results)
    dev = rows[rows["split"] == "dev"]
    untrained = dev[dev["kind"] == Kind.UNTRAINED]
    cls = untrained[untrained["pooling"] == Pooling.CLS]
    best = [
        part.nlargest(1, "value")[["encoder", "method", "pooling"]]
        for part in (dev[dev["pooling"].isna()], cls, untrained)
    ]
    return pd.concat(best).drop_duplicates().merge(rows, on=["encoder", "method", "pooling"])


def ends_of_curve(results: pd.DataFrame) -> pd.DataFrame:
    """The first seed's rows of the last encoder: as it is, and after each objective's last point.

    Under each of its poolings.
    """
    rows = results[results["seed"] == results["seed"].min()]
    rows = rows[rows["encoder"] == rows.loc[rows["kind"] == Kind.TRAINED, "encoder"].iloc[-1]]
    trained = rows[rows["kind"] == Kind.TRAINED]
    last = trained.groupby("method")["n_train"].transform("max")
    return pd.concat([rows[rows["kind"] == Kind.UNTRAINED], trained[trained["n_train"] == last]])


def seed_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over seeds by Student's t; NaN twice for a single seed."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = (
        student_t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
        * values.std(ddof=1)
        / np.sqrt(len(values))
    )
    return float(values.mean() - half), float(values.mean() + half)


def with_cosines(results: pd.DataFrame) -> pd.DataFrame:
    """The Spearman rows that have a value, and so have cosines."""
    return results[(results["metric"] == "spearman") & results["value"].notna()]


def of_protocol(rows: pd.DataFrame, encoder: str, pooling: str) -> pd.DataFrame:
    """The rows that stand beside an encoder under a pooling.

    They are its own, those without an encoder, and those of methods of this encoder that do not
    depend on the pooling, and so were measured under another one alone.
    """
    of_encoder, of_pooling = rows["encoder"] == encoder, rows["pooling"] == pooling
    own = of_encoder & of_pooling
    known = set(rows.loc[own, "method"])
    rest = of_encoder & ~of_pooling & (rows["kind"] == Kind.FITTED) & ~rows["method"].isin(known)
    return rows[own | rows["pooling"].isna() | rest]


def _curve_contrasts(rows: pd.DataFrame, x: str) -> Iterator[Contrast]:
    untrained = rows[rows["kind"] == Kind.UNTRAINED]
    for (encoder, pooling), start in untrained.groupby(["encoder", "pooling"], sort=False):
        learnt = of_protocol(rows, str(encoder), str(pooling))
        learnt = learnt[learnt["kind"] != Kind.UNTRAINED]
        for after, before in _curve_sides(_side(start, 0), learnt, x):
            yield Contrast(str(encoder), str(pooling), after, before)
    if untrained["encoder"].nunique() > 1:
        for protocol in protocols(rows):
            mine = protocol.rows(rows)
            start = mine[mine["kind"] == Kind.UNTRAINED]
            learnt = mine[mine["kind"] == Kind.TRAINED]
            for after, before in _curve_sides(_side(start, 0), learnt, x):
                yield Contrast(MEAN_OF_ENCODERS, protocol.name, after, before)


def _curve_sides(start: Side, learnt: pd.DataFrame, x: str) -> Iterator[tuple[Side, Side]]:
    points = {
        (method, at): _side(learnt[(learnt["method"] == method) & (learnt[x] == at)], at)
        for method, at in dict.fromkeys(zip(learnt["method"], learnt[x], strict=True))
    }
    trained = list(dict.fromkeys(learnt.loc[learnt["kind"] == Kind.TRAINED, "method"]))
    for side in points.values():
        yield side, start
    for side in points.values():
        if trained and side.method != trained[0] and (trained[0], side.at) in points:
            yield points[trained[0], side.at], side
    for method in trained:
        places = sorted(at for name, at in points if name == method)
        for at in places[:-1]:
            yield points[method, places[-1]], points[method, at]


def _overview_contrasts(overview: pd.DataFrame, fitted: pd.DataFrame) -> Iterator[Contrast]:
    overview = overview[~_ready_made(overview)]
    before, after, labelled = (
        overview[overview["kind"] == kind] for kind in (Kind.UNTRAINED, Kind.TRAINED, Kind.LABELLED)
    )
    after = after[after["method"] == after["method"].iloc[0]] if len(after) else after
    n = after["n_train"].max()
    for protocol in protocols(overview) if overview["encoder"].nunique() > 1 else []:
        mine, start = protocol.rows(after), protocol.rows(before)
        if len(mine):
            yield Contrast(MEAN_OF_ENCODERS, protocol.name, _side(mine, n), _side(start, 0))
    own = list(after.groupby(["pooling", "encoder"], sort=False))
    for (pooling, encoder), mine in own:
        start = before[_is(before, str(encoder), str(pooling))]
        yield Contrast(str(encoder), str(pooling), _side(mine, n), _side(start, 0))
    last = str(overview["encoder"].iloc[-1])
    for (pooling, encoder), mine in own:
        if encoder == last:
            most = labelled[_is(labelled, last, str(pooling))]
            most = most[most["n_train"] == most["n_train"].max()]
            beside = pd.concat([most, of_protocol(fitted, last, str(pooling))])
            for _, other in beside.groupby("method", sort=False):
                yield Contrast(last, str(pooling), _side(mine, n), _side(other, n))


def _side(rows: pd.DataFrame, at: float) -> Side:
    return Side(str(rows["method"].iloc[0]), str(rows["kind"].iloc[0]), at, rows)


def differences(
    contrasts: Sequence[Contrast], data: StudyData, splits: Sequence[str] = ("dev", "test")
) -> pd.DataFrame:
    """A row for each contrast and split, as :func:`curve_differences` has them."""
    there = data.splits()
    labels = {split: there[split].scores for split in splits if split in there}

    @cache
    def resampled(split: str, cosines: str) -> np.ndarray:
        return resampled_spearman(unpack_cosines(cosines), labels[split])

    rows = []
    for contrast in tqdm(
        contrasts, desc=translated("compare"), unit=translated("difference"), leave=False
    ):
        sides = {"after": contrast.after, "before": contrast.before}
        told: dict[str, object] = {"encoder": contrast.encoder, "pooling": contrast.pooling}
        for name, side in sides.items():
            told |= {name: side.method, f"{name}_kind": side.kind, f"{name}_at": side.at}
        for split in labels:
            rows_of = [side.rows[side.rows["split"] == split] for side in sides.values()]
            numbers = _difference(rows_of[0], rows_of[1], partial(resampled, split))
            rows.append({**told, "split": split, **numbers, "dataset": data.name})
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
