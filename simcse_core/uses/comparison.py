"""What unlabelled training changes in the uses: differences between methods on the same draws."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simcse_core.comparison import seed_interval
from simcse_core.config import Kind

# Which rows of each use are compared: how vectors are used, and the metric.
COMPARED: dict[str, tuple[tuple[str, str], ...]] = {
    "search": (("vectors", "recall@1"), ("vectors", "recall@5"), ("fused", "recall@5")),
    "intents": (("logistic", "recall@5"), ("logistic", "saved@95")),
    "pseudo-labels": (("few", "accuracy"), ("confirmed", "accuracy")),
    "out-of-scope": (("softmax", "auroc"), ("softmax", "fpr@95")),
}
_KEYS = ["use", "way", "examples", "unknown", "at", "metric"]


def application_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Each trained method minus every other of the same encoder and minus what needs none.

    Args:
        rows: of ``application_experiments.measure_methods``.

    Returns:
        Rows ``use, way, examples, unknown, at, metric, encoder, pooling, after, before,
        before_kind, n_seeds, value, seed_low, seed_high``: the mean over seeds, each with its own
        sentences, examples and training, and its 95 % interval by Student's t.
    """
    compared = {(use, *pair) for use, pairs in COMPARED.items() for pair in pairs}
    chosen = [key in compared for key in zip(rows["use"], rows["way"], rows["metric"], strict=True)]
    rows = rows[chosen]
    found = [
        dict(zip(_KEYS, keys, strict=True)) | difference
        for keys, mine in rows.groupby(_KEYS, sort=False, dropna=False)
        for difference in _differences(mine)
    ]
    return pd.DataFrame(found)


def _differences(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    after = rows[rows["kind"] == Kind.TRAINED]
    for (encoder, pooling, method), mine in after.groupby(["encoder", "pooling", "method"]):
        same = (rows["encoder"] == encoder) & (rows["pooling"] == pooling)
        others = rows[(same & (rows["method"] != method)) | rows["pooling"].isna()]
        for before, theirs in others.groupby("method", sort=False):
            by_seed = mine.set_index("seed")["value"] - theirs.set_index("seed")["value"]
            values = by_seed.dropna().to_numpy()
            low, high = seed_interval(values)
            yield {
                "encoder": encoder,
                "pooling": pooling,
                "after": method,
                "before": before,
                "before_kind": theirs["kind"].iloc[0],
                "n_seeds": len(values),
                "value": float(values.mean()) if len(values) else float("nan"),
                "seed_low": low,
                "seed_high": high,
            }
