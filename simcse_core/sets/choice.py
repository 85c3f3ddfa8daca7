"""What to take on each of several sources: by a rule without labels, by habit, by a few labels.

The rule is fixed on some sources and judged on others; nothing of the latter goes into it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simcse_core.baselines import BASELINES, Reads
from simcse_core.comparison import with_cosines
from simcse_core.config import Kind
from simcse_core.data import StudyData
from simcse_core.errors import DataError
from simcse_core.label_free import HELD_OUT
from simcse_core.probes import PROBES
from simcse_core.ready_made import READY_MADE
from simcse_core.recipes import PLAIN
from simcse_core.sets.comparison import COUNTED, FUSED, value_of
from simcse_core.sets.data import FEWEST_PAIRS
from simcse_core.statistics import spearman, unpack_cosines

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


# ---------------------------------------------------------------- by a rule, or by habit


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
        test = {choice: value_of(mine, "test", "spearman") for choice, mine in here.items()}
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
        values = {choice: sign * value_of(here[choice], HELD_OUT, probe) for choice in test}
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
            value = value_of(mine, "dev", "spearman")
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


# ---------------------------------------------------------------- by a few labels


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
        best = max(value_of(here[c], "test", "spearman") for c in here if "test" in split[c])
        cosines = [_cosines(mine, "dev") for mine in known]
        test = np.array([value_of(mine, "test", "spearman") for mine in known])
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
