"""Several sources compared: what is gained on each, and what can be told without labels.

The rule is fixed on some sources and judged on others; nothing of the latter goes into it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from simcse_core.baselines import BASELINES, Reads
from simcse_core.comparison import Contrast, Side, differences, with_cosines
from simcse_core.config import Kind
from simcse_core.data import StudyData
from simcse_core.errors import DataError
from simcse_core.label_free import HELD_OUT
from simcse_core.probes import PAIRS, PROBES
from simcse_core.ready_made import READY_MADE
from simcse_core.recipes import PLAIN
from simcse_core.set_data import FEWEST_PAIRS
from simcse_core.statistics import (
    bootstrap_interval,
    pack_cosines,
    spearman,
    unpack_cosines,
)

COUNTED = "tfidf-char"  # what an encoder has to beat, and is fused with
FUSED = {"untrained": "untrained-fused", PLAIN: "simcse-fused"}
EARLY = "simcse-early"
# What is at hand without any label, beside ready-made encoders as they are.
AT_HAND = (
    *(method for method, row in BASELINES.items() if row.on_curves),
    *("untrained", PLAIN, *FUSED.values()),
)
# What averages tokens whatever the pooling, and so belongs to every pooling of its encoder.
WITHOUT_POOLING = [method for method, row in BASELINES.items() if row.reads is Reads.TOKENS]
NEAR = 0.01  # of Spearman: who loses no more by a choice has chosen right
LABELLED = (FEWEST_PAIRS, 20, 50, 100, 200, 400)  # pairs
N_DRAWS = 200
BETWEEN = "; "  # names of sources in one cell of a table


class Choice(NamedTuple):
    """Who can be chosen: encoder, pooling (empty without an encoder) and method."""

    encoder: str
    pooling: str
    method: str


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


# ---------------------------------------------------------------- the rule


def choices(rows: pd.DataFrame, n: int) -> dict[Choice, pd.DataFrame]:
    """The rows of what is at hand with ``n`` sentences of one source and one seed.

    What is not fitted or trained is the same for all numbers of sentences.
    """
    at_hand = rows["method"].isin(AT_HAND) | (rows["kind"] == Kind.READY_MADE)
    here = rows[at_hand & rows["n_train"].isin([0, n])]
    named = here.assign(pooling=here["pooling"].fillna(""))
    return {
        Choice(*map(str, key)): mine
        for key, mine in named.groupby(["encoder", "pooling", "method"], sort=False)
    }


def judge(rows: pd.DataFrame, fixed_on: Collection[str]) -> pd.DataFrame:
    """Who is chosen on each source by the rule and by habits, and what it loses to the best.

    The rule takes what one probe finds best. Which probe, and whether more or less of it is better,
    is what loses least on the sources of ``fixed_on``, over sizes and seeds. Habits always take one
    method: TF-IDF, or an encoder untrained or after SimCSE, under the pooling that is best on dev.

    Returns:
        A row for each source, size, seed and policy: ``encoder``, ``pooling`` and ``method`` that
        it chose, their Spearman on test as ``value``, the highest at hand as ``best``, their
        difference ``regret``, and whether the source was one of ``fixed``.

    Raises:
        DataError: the untrained encoder or plain SimCSE has no Spearman anywhere.
    """
    for method, split in (("untrained", "dev"), ("untrained", "test"), (PLAIN, "test")):
        if with_cosines(rows[(rows["method"] == method) & (rows["split"] == split)]).empty:
            raise DataError(
                f"09_elsewhere: {method} has a Spearman on {split} of no source, so that there is "
                "nothing to compare; lower learning_rate in training where it broke off, or name "
                "another pooling or encoder"
            )
    found = pd.DataFrame(list(_policies(rows)))
    found["fixed"] = found["dataset"].isin(fixed_on)
    rules = found[found["policy"].str.startswith(_BY_PROBE)]
    on_fixed = rules[rules["fixed"]] if rules["fixed"].any() else rules
    taken = str(on_fixed.groupby("policy", sort=False)["regret"].mean().idxmin())
    kept = found[(found["policy"] == taken) | ~found["policy"].str.startswith(_BY_PROBE)]
    return kept.assign(rule=taken.removeprefix(_BY_PROBE)).reset_index(drop=True)


_BY_PROBE = "rule "


def rule_of(judged: pd.DataFrame) -> tuple[str, int]:
    """The probe of the rule, and 1 where more of it is better, -1 where less."""
    name = str(judged["rule"].iloc[0])
    return name[1:], 1 if name[0] == "+" else -1


def _policies(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for (dataset, seed, n), here in _situations(rows):
        test = {choice: _value(mine, "test", "spearman") for choice, mine in here.items()}
        test = {choice: value for choice, value in test.items() if np.isfinite(value)}
        best = max(test.values(), default=np.nan)
        for policy, choice in _chosen(here, test):
            yield {
                "dataset": dataset,
                "seed": seed,
                "n_train": n,
                "policy": policy,
                **choice._asdict(),
                "value": test[choice],
                "best": best,
                "regret": best - test[choice],
            }


def _chosen(
    here: Mapping[Choice, pd.DataFrame], test: Mapping[Choice, float]
) -> Iterator[tuple[str, Choice]]:
    for probe, sign in product(PROBES, (1, -1)):
        values = {choice: sign * _value(here[choice], HELD_OUT, probe) for choice in test}
        known = {choice: value for choice, value in values.items() if np.isfinite(value)}
        if known:
            mark = "+" if sign > 0 else "-"
            yield f"{_BY_PROBE}{mark}{probe}", max(known, key=known.__getitem__)
    best = best_poolings(here)
    for choice in test:
        own = ("", best.get(choice.encoder, choice.pooling))
        if choice.pooling in own or choice.method in WITHOUT_POOLING:
            where = f" {choice.encoder}" if choice.pooling else ""
            yield f"always {choice.method}{where}", choice


def best_poolings(here: Mapping[Choice, pd.DataFrame]) -> dict[str, str]:
    """Of each encoder the pooling that is best untrained, on dev; none where none has a value."""
    dev: dict[str, dict[str, float]] = {}
    for choice, mine in here.items():
        if choice.method == "untrained":
            value = _value(mine, "dev", "spearman")
            dev.setdefault(choice.encoder, {})[choice.pooling] = value
    known = {
        encoder: {pooling: value for pooling, value in mine.items() if np.isfinite(value)}
        for encoder, mine in dev.items()
    }
    return {encoder: max(v, key=v.__getitem__) if v else "" for encoder, v in known.items()}


def _situations(
    rows: pd.DataFrame,
) -> Iterator[tuple[tuple[str, int, int], dict[Choice, pd.DataFrame]]]:
    """Source, seed, number of sentences, and what is at hand there.

    What has no seed, such as a ready-made encoder, is at hand for all.
    """
    trained = rows[rows["method"] == PLAIN]
    ready = rows[rows["kind"] == Kind.READY_MADE]
    for dataset, seed in dict.fromkeys(zip(trained["dataset"], trained["seed"], strict=True)):
        beside = ready[ready["dataset"] == dataset]
        own = rows[(rows["dataset"] == dataset) & (rows["seed"] == seed)]
        mine = pd.concat([own[own["kind"] != Kind.READY_MADE], beside])
        for n in sorted(trained.loc[trained["dataset"] == dataset, "n_train"].unique()):
            yield (str(dataset), int(seed), int(n)), choices(mine, int(n))


def _value(rows: pd.DataFrame, split: str, metric: str) -> float:
    found = rows.loc[(rows["split"] == split) & (rows["metric"] == metric), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")


# ---------------------------------------------------------------- whether SimCSE helps


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
            gain = _value(here, "test", "spearman") - _value(start, "test", "spearman")
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
        before = _value(start, HELD_OUT, name)
        found[str(name)] = _value(here, HELD_OUT, name) - (before if np.isfinite(before) else 0.0)
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


# ---------------------------------------------------------------- what to label instead


def labels_needed(rows: pd.DataFrame, sets: Sequence[StudyData]) -> pd.DataFrame:
    """How often a few labelled pairs of dev choose right among what is at hand.

    That is at the largest number of unlabelled sentences.

    Right is what loses at most :data:`NEAR` on test to the best. Pairs are drawn without
    replacement, :data:`N_DRAWS` times for each seed and number. What has no value on dev or on test
    cannot be chosen.

    Returns:
        A row for each source and number of ``pairs``: ``right``, the share of draws, and the mean
        ``regret``.
    """
    dev = {data.name: data.dev.scores for data in sets}
    scored = with_cosines(rows)
    largest = scored.loc[scored["method"] == PLAIN, "n_train"].max()
    found = []
    for (dataset, seed, n), here in _situations(scored):
        if n != largest:
            continue
        split = {choice: set(mine["split"]) for choice, mine in here.items()}
        known = [mine for choice, mine in here.items() if {"dev", "test"} <= split[choice]]
        if not known:
            continue
        best = max(_value(here[c], "test", "spearman") for c in here if "test" in split[c])
        cosines = [_cosines(mine, "dev") for mine in known]
        test = np.array([_value(mine, "test", "spearman") for mine in known])
        for pairs, chosen in _by_few_labels(cosines, dev[dataset], seed):
            regret = best - test[chosen]
            found.append(
                {
                    "dataset": dataset,
                    "n_train": n,
                    "pairs": pairs,
                    "right": float((regret <= NEAR).mean()),
                    "regret": float(regret.mean()),
                }
            )
    keys = ["dataset", "n_train", "pairs"]
    table = pd.DataFrame(found, columns=[*keys, "right", "regret"])
    return table.groupby(keys, sort=False).mean().reset_index()


def _by_few_labels(
    cosines: Sequence[np.ndarray], scores: np.ndarray, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers of pairs, and which of the choices is best on each draw of so many."""
    rng = np.random.default_rng(seed)
    for n_pairs in LABELLED:
        if n_pairs > len(scores):
            return
        draws = [rng.choice(len(scores), n_pairs, replace=False) for _ in range(N_DRAWS)]
        chosen = []
        for draw in draws:
            values = [spearman(mine[draw], scores[draw]) for mine in cosines]
            known = np.nan_to_num(values, nan=-np.inf)
            chosen.append(int(known.argmax()))
        yield n_pairs, np.array(chosen)


def _cosines(rows: pd.DataFrame, split: str) -> np.ndarray:
    return unpack_cosines(rows.loc[rows["split"] == split, "cosines"].iloc[0])


# ---------------------------------------------------------------- the answer


def answer(judged: pd.DataFrame, differences_: pd.DataFrame) -> pd.DataFrame:
    """What to take with so many sentences, with and without a ready-made encoder at hand.

    Returns:
        A row for each number of sentences and ``at_hand`` (``own`` or ``ready-made``): the habit
        that loses least over the sources (``policy``), its mean ``regret`` among what is at hand,
        that of TF-IDF, and what SimCSE changed on the encoder of that policy (where that is none
        that was trained, on the one that loses least after SimCSE): mean, lowest and highest over
        sources, and the names of the sources where the interval over pairs is above 0 (``helped``)
        or below it (``harmed``), with :data:`BETWEEN` between.
    """
    habits = judged[judged["policy"].str.startswith("always ")]
    ready = habits["encoder"].isin(list(READY_MADE)) | (habits["method"] == Kind.READY_MADE)
    parts = {"own": habits[~ready], "ready-made": habits if ready.any() else habits[:0]}
    return pd.DataFrame(
        [
            {
                "n_train": n,
                "at_hand": at_hand,
                **_least(here, differences_, n),
            }
            for n in sorted({int(n) for n in habits["n_train"]})
            for at_hand, mine in parts.items()
            # Else there is nothing that was trained.
            if (here := mine[mine["n_train"] == n])["method"].eq(PLAIN).any()
        ]
    )


def _least(here: pd.DataFrame, changes: pd.DataFrame, n: int) -> dict[str, Any]:
    best = here.groupby(["dataset", "seed"])["value"].transform("max")
    lost = (best - here["value"]).groupby(here["policy"], sort=False).mean()
    encoders = dict(zip(here["policy"], here["encoder"], strict=True))
    policy = str(lost.idxmin())
    trained = str(lost[lost.index.str.startswith(f"always {PLAIN}")].idxmin())
    own = f"always {PLAIN} {encoders[policy]}"  # not there for what counts, or cannot be trained
    encoder = encoders[own if own in lost.index else trained]
    pooling = here[here["policy"] == f"always {PLAIN} {encoder}"].drop_duplicates("dataset")
    best_pooling = dict(zip(pooling["dataset"], pooling["pooling"], strict=True))
    mine = changes[
        (changes["encoder"] == encoder)
        & (changes["after"] == PLAIN)
        & (changes["before"] == "untrained")
        & (changes["after_at"] == n)
        & (changes["dataset"].map(best_pooling) == changes["pooling"])
    ]
    return {
        "policy": policy,
        "regret": float(lost[policy]),
        "counted_regret": float(lost.get(f"always {COUNTED}", np.nan)),
        "sets": int(here["dataset"].nunique()),
        "encoder": encoder,
        "change": float(mine["value"].mean()),
        "change_low": float(mine["value"].min()),
        "change_high": float(mine["value"].max()),
        "helped": BETWEEN.join(mine.loc[mine["pair_low"] > 0, "dataset"]),
        "harmed": BETWEEN.join(mine.loc[mine["pair_high"] < 0, "dataset"]),
    }
