"""Hand-made rows of several sources, for the tests of what is compared and told of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simcse_core.data import SentencePool, StsPairs, StudyData
from simcse_core.statistics import pack_cosines, spearman

SETS = ("sample", "bank")
LABELS = np.arange(8.0)
# Spearman with LABELS: 1, 20/21 and 16/21 (sums of squared differences of ranks 0, 4 and 20).
PERFECT, GOOD, FAIR = (
    np.array(order) / 10
    for order in (
        [0, 1, 2, 3, 4, 5, 6, 7],
        [1, 0, 2, 3, 4, 5, 7, 6],
        [1, 0, 3, 2, 4, 5, 7, 6],
    )
)


def study(name: str) -> StudyData:
    """Eight pairs on dev and on test, labelled 0 to 7."""
    pairs = StsPairs([f"a{i}" for i in range(8)], [f"b{i}" for i in range(8)], LABELS)
    return StudyData(name, pairs, pairs, SentencePool([], 0, 0, 0), None, name)


def scored(
    dataset: str,
    method: str,
    kind: str,
    cosines: Sequence[float] | np.ndarray,
    n: int = 0,
    encoder: str = "tiny",
    pooling: str | None = "cls",
    **probes: float,
) -> pd.DataFrame:
    """The rows of a method on dev and test, and of its probes."""
    value = spearman(np.asarray(cosines), LABELS)
    own = {"dataset": dataset, "method": method, "kind": kind, "n_train": n, "seed": 0}
    own |= {"encoder": encoder, "pooling": pooling, "epoch": float(n > 0)}
    rows = [
        {"split": split, "metric": "spearman", "value": value, "cosines": pack_cosines(cosines)}
        for split in ("dev", "test")
    ]
    rows += [{"split": "held-out", "metric": name, "value": v} for name, v in probes.items()]
    return pd.DataFrame([{**own, **row} for row in rows])


def two_sets() -> pd.DataFrame:
    """On the sample SimCSE gains and its probes rise; on the bank it loses and they rise too."""
    frames = []
    for name, trained in (("sample", PERFECT), ("bank", FAIR)):
        kept = {"cosines": [0.1, 0.2, 0.3]}
        pairs = pack_cosines(np.array(kept["cosines"]))
        frames += [
            scored(name, "tfidf-char", "fitted", FAIR, 20, "none", None, halves=0.2, deletion=0.9),
            scored(name, "untrained", "untrained", GOOD, halves=0.3, deletion=0.5),
            scored(name, "unsup-simcse", "trained", trained, 20, halves=0.4, deletion=0.4),
            scored(name, "esimcse", "trained", GOOD, 20, halves=0.35, deletion=0.4),
        ]
        for method, n, encoder in (
            ("tfidf-char", 20, "none"),
            ("untrained", 0, "tiny"),
            ("unsup-simcse", 20, "tiny"),
        ):
            own = {"dataset": name, "method": method, "n_train": n, "encoder": encoder, "seed": 0}
            own |= {"pooling": None if encoder == "none" else "cls", "epoch": float(n > 0)}
            own |= {"kind": "", "split": "held-out", "metric": "pairs", "value": 0.1}
            frames.append(pd.DataFrame([own | {"cosines": pairs}]))
    return pd.concat(frames, ignore_index=True)


def gains_frame() -> pd.DataFrame:
    """SimCSE gains 0.02 on the sample and loses 0.03 on the bank; ESimCSE is 0.01 above it."""
    rows = []
    for dataset, change in (("sample", 0.02), ("bank", -0.03)):
        for n, more in ((50, 0.0), (200, 0.01)):
            for after, before, value in (
                ("unsup-simcse", "untrained", change + more),
                ("unsup-simcse", "tfidf-char", change - 0.05),
                ("esimcse", "unsup-simcse", 0.01),
                ("simcse-early", "unsup-simcse", -0.01 if dataset == "bank" else 0.02),
            ):
                rows.append(
                    {"dataset": dataset, "after": after, "before": before, "after_at": float(n)}
                    | {"before_at": 0.0 if before == "untrained" else float(n), "value": value}
                )
    fixed = {"encoder": "tiny", "pooling": "cls", "split": "test", "n_seeds": 2}
    fixed |= {"after_kind": "trained", "before_kind": "untrained"}
    frame = pd.DataFrame(rows).assign(**fixed)
    ends = {"pair_low": frame["value"] - 0.005, "pair_high": frame["value"] + 0.005}
    return frame.assign(seed_low=frame["value"] - 0.01, seed_high=frame["value"] + 0.01, **ends)


def rule_frame() -> pd.DataFrame:
    """The rule was fixed on the sample; on the bank it loses 0.05, and TF-IDF nothing."""
    lost = {"rule +halves": (0.0, 0.05), "always tfidf-char": (0.03, 0.0)}
    lost |= {"always unsup-simcse tiny": (0.01, 0.06)}
    rows = [
        {"dataset": dataset, "policy": policy, "regret": values[place], "fixed": place == 0}
        | {"method": policy.split()[1], "encoder": "tiny", "value": 0.6 - values[place]}
        for policy, values in lost.items()
        for place, dataset in enumerate(SETS)
    ]
    return pd.DataFrame(rows).assign(n_train=50, seed=0, pooling="cls", best=0.6, rule="+halves")


def indicators_frame() -> pd.DataFrame:
    """The loss tells all of the sample and half of the bank."""
    rows = [
        {"dataset": "sample", "fixed": True, "agree": 1.0, "correlation": 0.8, "helped": 0.75},
        {"dataset": "bank", "fixed": False, "agree": 0.5, "correlation": -0.2, "helped": 0.25},
    ]
    return pd.DataFrame(rows).assign(indicator="loss", sign=-1, n=4)


def labels_frame() -> pd.DataFrame:
    """50 pairs are enough on the sample, and 100 too few on the bank."""
    right = {"sample": (0.5, 0.92, 0.97), "bank": (0.3, 0.5, 0.8)}
    rows = [
        {"dataset": dataset, "pairs": pairs, "right": share, "regret": 0.1 * (1 - share)}
        for dataset, shares in right.items()
        for pairs, share in zip((10, 50, 100), shares, strict=True)
    ]
    return pd.DataFrame(rows).assign(n_train=200)


def answer_frame() -> pd.DataFrame:
    """TF-IDF without a ready-made encoder, the ready-made one with it."""
    common = {
        "sets": 2,
        "regret": 0.012,
        "counted_regret": 0.015,
        "helped": "bank; news",
        "harmed": np.nan,
    }
    common |= {"change": -0.005, "change_low": -0.03, "change_high": 0.02}
    own = {"at_hand": "own", "policy": "always tfidf-char", "encoder": "tiny"}
    ready = {"at_hand": "ready-made", "policy": "always untrained e5-small-zh"}
    rows = [own | common, ready | common | {"encoder": "e5-small-zh", "counted_regret": 0.1}]
    return pd.DataFrame(rows).assign(n_train=50)


SET_TABLES = {
    "09_elsewhere": two_sets().drop(columns="cosines").assign(ci_low=None, ci_high=None),
    "09_gains": gains_frame(),
    "09_rule": rule_frame(),
    "09_indicators": indicators_frame(),
    "09_labels": labels_frame(),
    "09_answer": answer_frame(),
}
