"""Under which protocols encoders were measured: [CLS], and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from simcse_core.config import BEST, Kind, Pooling


class Protocol(NamedTuple):
    """What encoders are measured under alike: a pooling for all, or each one's best untrained."""

    name: str
    pooling: Mapping[str, str]  # by encoder

    def rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of each encoder under its pooling."""
        return rows[rows["encoder"].map(self.pooling) == rows["pooling"]]


def protocols(rows: pd.DataFrame) -> list[Protocol]:
    """The protocols that untrained encoders were measured under, [CLS] first.

    Every pooling that all of them have is one. Where one of them has a pooling that another lacks,
    so that *best* is not the same for all, the last is :data:`BEST`: of each encoder the pooling
    that is best untrained on dev.
    """
    untrained = rows[(rows["kind"] == Kind.UNTRAINED) & (rows["metric"] == "spearman")]
    own = {
        str(encoder): list(dict.fromkeys(mine["pooling"]))
        for encoder, mine in untrained.groupby("encoder", sort=False)
    }
    every = list(dict.fromkeys(pooling for mine in own.values() for pooling in mine))
    shared = [pooling for pooling in every if all(pooling in mine for mine in own.values())]
    shared.sort(key=lambda pooling: pooling != Pooling.CLS)
    found = [Protocol(pooling, dict.fromkeys(own, pooling)) for pooling in shared]
    if len(shared) < len(every):
        dev = untrained[untrained["split"] == "dev"]
        means = dev.groupby(["encoder", "pooling"], sort=False)["value"].mean()
        found.append(Protocol(BEST, {encoder: str(means[encoder].idxmax()) for encoder in own}))
    return found
