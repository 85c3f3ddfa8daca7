"""Several sources that are compared: of each so many pairs, and sentences set apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import ClassVar, Self

import numpy as np

from simcse_core.config import HubData
from simcse_core.data import SentencePool, StsPairs, StudyData, fingerprint, load_study_data
from simcse_core.errors import DataError
from simcse_core.probes import of_several_words
from simcse_core.reading.columns import Columns

FEWEST_PAIRS = 10  # of each part of a source: the fewest that a choice by labels is tried on
_SEED = 0  # of what is drawn here: the same for all methods and seeds


@dataclass(frozen=True, kw_only=True)
class SetData(StudyData):
    """A source's pairs and text, without some sentences that are probed and never trained on.

    Attributes:
        unlabelled: these sentences.
    """

    unlabelled: Sequence[str]

    def describe(self) -> str:
        """What the source holds, and how much of its text is set apart."""
        apart = f"{len(self.unlabelled):,} sentences of the text are set apart for probes"
        return f"{super().describe()}\n{apart}"


@dataclass(frozen=True, kw_only=True)
class Sets(StudyData):
    """Several sources under one name; what is asked of pairs is asked of each of them."""

    every: Sequence[SetData]

    MEASURED: ClassVar[str] = "sentences of dev and test of all sources"

    @classmethod
    def of(cls, every: Sequence[SetData]) -> Self:
        """These sources, told apart by their names.

        Raises:
            DataError: two have one name, so that their results would be mixed up, or one content.
        """
        names, prints = ([getattr(d, key) for d in every] for key in ("name", "fingerprint"))
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise DataError(
                f"sources: two are called {twice!r}; name one alone, or rename its folder or file"
            )
        for one, other in combinations(every, 2):
            if one.fingerprint == other.fingerprint:
                raise DataError(
                    f"sources: {one.name!r} and {other.name!r} hold the same pairs and text, which "
                    "would count twice; name one of them"
                )
        nothing = StsPairs([], [], every[0].dev.scores[:0])
        return cls(
            ", ".join(names),
            nothing,
            nothing,
            SentencePool([], 0, 0, 0),
            None,
            " ".join(prints),
            every=every,
        )

    def held_out(self) -> list[str]:
        """Every unique sentence that is measured."""
        return list(dict.fromkeys(s for data in self.every for s in data.held_out()))

    def describe(self) -> str:
        """Each source's own lines."""
        return "\n\n".join(data.describe() for data in self.every)


def set_apart(data: StudyData, max_pairs: int, n_unlabelled: int) -> SetData:
    """The same source with at most ``max_pairs`` pairs a part, and sentences set apart.

    Args:
        max_pairs: drawn without replacement and left in their order; 0 for all.
        n_unlabelled: sentences that leave the pool.

    Raises:
        DataError: the source has no labelled pairs, too little text, or text of single words; or
            all pairs that are drawn have one label.
    """
    data.require_pairs()
    pool = data.pool.sentences
    if n_unlabelled >= len(pool):
        raise DataError(
            f"n_unlabelled: {n_unlabelled:,} sentences are to be set apart, and {data.name} has "
            f"{len(pool):,} unlabelled ones; lower it, or leave this source out"
        )
    order = np.random.default_rng(_SEED).permutation(len(pool))
    apart = set(order[:n_unlabelled].tolist())
    kept = [sentence for i, sentence in enumerate(pool) if i not in apart]
    unlabelled = [pool[i] for i in order[:n_unlabelled]]
    try:
        of_several_words(unlabelled)
    except DataError as error:
        raise DataError(
            f"n_unlabelled: {data.name}: {error}; raise it, or leave this source out"
        ) from error
    own = {
        **{split: _drawn(data, split, max_pairs) for split in ("dev", "test")},
        "pool": replace(data.pool, sentences=kept),
        "fingerprint": fingerprint({data.fingerprint: [unlabelled], str(max_pairs): [[""]]}),
    }
    same = {field.name: getattr(data, field.name) for field in fields(StudyData)}
    return SetData(**{**same, **own}, unlabelled=unlabelled)


def _drawn(data: StudyData, split: str, max_pairs: int) -> StsPairs:
    pairs = _some(data.splits()[split], max_pairs)
    if (pairs.scores == pairs.scores[0]).all():
        raise DataError(
            f"max_pairs: all {len(pairs):,} pairs that are drawn of {split} of {data.name} have "
            f"the label {pairs.scores[0]:g}, so that no method can be told from another; raise it"
        )
    return pairs


def _some(pairs: StsPairs, n: int) -> StsPairs:
    if not n or n >= len(pairs):
        return pairs
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(pairs))[:n])
    return StsPairs(
        [pairs.first[i] for i in rows], [pairs.second[i] for i in rows], pairs.scores[rows]
    )


def load_sets(
    sources: Sequence[str],
    hub: Mapping[str, object],
    max_pairs: int,
    n_unlabelled: int,
    extra: Sequence[str] = (),
    columns: Columns = Columns(),
) -> Sets:
    """Reads the sources, each with sentences set apart.

    Args:
        extra, columns: further files and the columns of the first source.

    Raises:
        DataError: one that cannot be used, or has few pairs; the message names it.
    """
    ids, every = HubData.from_mapping(hub), []
    for i, source in enumerate(sources):
        own = (extra, ids, columns) if not i else ((), ids, Columns())
        try:
            data = load_study_data(source, *own)
            _check_enough(data)
            every.append(set_apart(data, max_pairs, n_unlabelled))
        except DataError as error:
            said = str(error)  # which knows of one source alone
            if not i or not said.startswith("source: "):
                raise
            raise DataError(said.replace("source", "sources", 1)) from error
    return Sets.of(every)


def _check_enough(data: StudyData) -> None:
    for split, pairs in data.splits().items():
        if len(pairs) < FEWEST_PAIRS:
            raise DataError(
                f"source: {data.name} has {len(pairs)} pairs of {split}, and at least "
                f"{FEWEST_PAIRS} are needed; give more, or leave it out"
            )


def check_fixed(data: Sets, fixed_on: Sequence[str]) -> None:
    """Raises a DataError unless each name is that of a source."""
    names = [one.name for one in data.every]
    if unknown := [name for name in fixed_on if name not in names]:
        raise DataError(
            f"fixed_on: no source is called {unknown[0]!r}; there are {', '.join(names)}"
        )
