"""Labelled pairs in two dimensions, at several points of training, in one frame of axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from simcse_core.data import StsPairs
from simcse_core.evaluation import normalize

# Pairs drawn of each kind: as many as can be told apart.
N_SHOWN = 20
SAME, OTHER, UNLABELLED = "same meaning", "unrelated", "no label"


def shown_pairs(pairs: StsPairs, labelled: bool = True) -> pd.DataFrame:
    """The first pairs with the highest and with the lowest label; without labels, the first ones.

    Returns:
        Columns ``pair`` (row of ``pairs``), ``label``.
    """
    if not labelled or np.ptp(pairs.scores) == 0:
        return pd.DataFrame({"pair": range(min(N_SHOWN, len(pairs))), "label": UNLABELLED})
    ends = {SAME: pairs.scores.max(), OTHER: pairs.scores.min()}
    found = [
        pd.DataFrame({"pair": np.flatnonzero(pairs.scores == end)[:N_SHOWN], "label": name})
        for name, end in ends.items()
    ]
    return pd.concat(found, ignore_index=True)


def project(vectors: Mapping[int, np.ndarray], shown: pd.DataFrame) -> pd.DataFrame:
    """The two principal components of unit vectors, fitted once over all points of training.

    Each point is centred on its own mean first: what all vectors share moves as a whole while an
    encoder is trained and would else be the first component. So points move only as far as they
    move against each other.

    Args:
        vectors: sentences seen to the vectors of the pairs' first and second sentences, of shape
            (2 * pairs, hidden).
        shown: see :func:`shown_pairs`.

    Returns:
        Columns ``n_train, pair, side, label, x, y``, a row for each sentence and point.
    """
    units = {n: normalize(found) for n, found in vectors.items()}
    centred = {n: unit - unit.mean(axis=0) for n, unit in units.items()}
    pca = PCA(n_components=2, svd_solver="full").fit(np.concatenate(list(centred.values())))
    sides = np.repeat(["first", "second"], len(shown))
    twice = pd.concat([shown, shown], ignore_index=True).assign(side=sides)
    frames = []
    for n, rows in centred.items():
        x, y = pca.transform(rows).T
        frames.append(twice.assign(n_train=n, x=x, y=y))
    return pd.concat(frames, ignore_index=True)
