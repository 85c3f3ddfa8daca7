"""A source as one of several that are compared: so many pairs, and sentences set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from simcse_core.data import StsPairs, StudyData, fingerprint
from simcse_core.errors import DataError
from simcse_core.probes import of_several_words

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
