"""Hand-made result frames, and a results folder of them, for the tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from application_frames import use_frame
from set_frames import SET_TABLES, SETS

from simcse_core.results import write_table
from simcse_core.uses.comparison import application_differences
from simcse_core.uses.experiments import of_use

KINDS = {
    "untrained": "untrained",
    "tfidf-char": "fitted",
    "tfidf-word": "fitted",
    "idf-mean": "fitted",
    "whitening": "fitted",
    "unsup-simcse": "trained",
    "esimcse": "trained",
    "sup-simcse": "labelled",
    "ready-made": "ready-made",
}
TRAIN = {"batch_size": 64, "learning_rate": 5e-4, "dropout": 0.3, "temperature": 0.05}


def rows(split: str, value: float | Sequence[float], **columns: object) -> pd.DataFrame:
    """Spearman rows of one method, one for each value: seeds 0, 1, ..."""
    values = value if isinstance(value, list) else [value]
    fixed = {"metric": "spearman", "encoder": "tiny", "pooling": "cls", "n_train": 0, "epoch": 0.0}
    own = {"split": split, "value": values, "seed": range(len(values)), "dataset": "sample"}
    frame = pd.DataFrame({**fixed, **own, **columns})
    ends = {"ci_low": frame["value"] - 0.05, "ci_high": frame["value"] + 0.05}
    return frame.assign(kind=frame["method"].map(KINDS), **ends)


def both(dev: float | list[float], test: float | list[float], **columns: object) -> pd.DataFrame:
    """The rows of one method on dev and on test."""
    return pd.concat([rows("dev", dev, **columns), rows("test", test, **columns)])


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    """The frames together with rows that must not be read: another metric, far off."""
    table = pd.concat(frames, ignore_index=True)
    return pd.concat([table, table.assign(metric="uniformity", value=-7.0)], ignore_index=True)


def curve(x: str = "n_train", **columns: object) -> pd.DataFrame:
    """Two seeds at 0, 1, 20 and 800: untrained, SimCSE above it and whitening below it."""
    start = {"pooling": "cls", **columns}
    learnt = [
        both(value, value, method=method, **{"epoch": 1.0, x: point, **start})
        for method, value in (("unsup-simcse", [0.4, 0.5]), ("whitening", [0.2, 0.22]))
        for point in (1, 20, 800)
    ]
    untrained = both([0.3, 0.3], [0.3, 0.3], method="untrained", **start)
    return pd.concat([untrained, *learnt], ignore_index=True)


def ready_made() -> pd.DataFrame:
    """Two encoders of others, of which the second is better."""
    return pd.concat(
        [
            both(0.61, 0.62, method="ready-made", encoder="e5", pooling="mean"),
            both(0.71, 0.72, method="ready-made", encoder="bge", pooling="cls"),
        ],
        ignore_index=True,
    )


# Their stamps.
MADE = [
    {"encoder": "e5", "pooling": "mean", "prefix": "query: ", "parameters": 32_184_192}
    | {"megabytes": 66.1, "licence": "MIT"},
    {"encoder": "bge", "pooling": "cls", "prefix": "", "parameters": 24_000_000}
    | {"megabytes": 95.8, "licence": ""},
]


def geometry() -> pd.DataFrame:
    """Alignment and uniformity, of which both fall along training."""
    frames = [
        table.assign(metric=metric, value=start - table["n_train"] / 1000 + table["seed"] / 10)
        for metric, start in (("alignment", 1.0), ("uniformity", -1.0))
        for table in [curve()]
    ]
    return pd.concat([curve(), *frames], ignore_index=True)


def baselines() -> pd.DataFrame:
    """What needs no training, of two encoders."""
    return joined(
        both(0.6, 0.51, encoder="none", pooling=np.nan, method="tfidf-char"),
        both(0.5, 0.56, encoder="none", pooling=np.nan, method="tfidf-word"),
        both(0.3, 0.31, method="untrained"),
        both(0.4, 0.44, method="untrained", pooling="mean"),
        both(0.2, 0.22, method="untrained", encoder="other"),
        both(0.45, [0.48, 0.5], method="whitening", pooling="mean"),
        both(0.35, [0.7, 0.9], method="whitening", pooling="cls"),
        both(0.4, 0.46, method="idf-mean", pooling="mean"),
    )


def comparison() -> pd.DataFrame:
    """One encoder before and after, and with labels at two sizes."""
    return joined(
        both([0.3, 0.3], [0.3, 0.3], method="untrained"),
        both([0.5, 0.52], [0.5, 0.52], method="unsup-simcse", n_train=900),
        both([0.1, 0.11], [0.1, 0.11], method="sup-simcse", n_train=16),
        both([0.6, 0.61], [0.6, 0.61], method="sup-simcse", n_train=300),
    )


def sample() -> pd.DataFrame:
    """Four methods at 50 and 10,000 sentences, two to five seeds."""
    table = pd.DataFrame(
        [
            {"method": method, "n_sentences": n, "split": split, "mean": 0.4 + i / 20}
            for split in ("dev", "test")
            for i, method in enumerate(("untrained", "tfidf-char", "unsup-simcse", "sup-simcse"))
            for n in (50, 10000)
        ]
    )
    low, high = table["mean"] - 0.04, table["mean"] + 0.03
    ends = {"min": table["mean"], "max": table["mean"], "pair_low": low, "pair_high": high}
    seeds = np.where(table["n_sentences"] == 50, 5, 2)
    kinds = table["method"].map(KINDS)
    return table.assign(kind=kinds, n_seeds=seeds, dataset="sample", **ends)


def quantiles(**columns: object) -> pd.DataFrame:
    """Quantiles of cosines by label, of one seed: untrained, and after 800 sentences."""
    spread = {"q05": 0.1, "q25": 0.2, "q50": 0.3, "q75": 0.4, "q95": 0.5}
    fixed = {"encoder": "tiny", "pooling": "cls", "split": "dev", "seed": 0, "dataset": "sample"}
    methods = {"untrained": (0, 0.3), "unsup-simcse": (800, 0.45)}
    return pd.DataFrame(
        [
            {"method": method, "kind": KINDS[method], "n_train": n, "spearman": value}
            | {"label": label, "n": 10 + label}
            | {name: q + label / 10 for name, q in spread.items()}
            | {**fixed, **columns}
            for method, (n, value) in methods.items()
            for label in range(6)
        ]
    )


def differences() -> pd.DataFrame:
    """SimCSE's last point minus four others, on dev and test."""
    ends = {"value": 0.1, "seed_low": 0.05, "seed_high": 0.15, "pair_low": -0.1, "pair_high": 0.3}
    places = [
        ("unsup-simcse", 50, "untrained", 0),
        ("unsup-simcse", 800, "untrained", 0),
        ("unsup-simcse", 800, "whitening", 800),
        ("unsup-simcse", 800, "unsup-simcse", 50),
        ("unsup-simcse", 800, "unsup-simcse", 400),
    ]
    frame = pd.DataFrame(places, columns=["after", "after_at", "before", "before_at"])
    kinds = {f"{side}_kind": frame[side].map(KINDS) for side in ("after", "before")}
    frame = frame.assign(encoder="tiny", dataset="sample", n_seeds=3, **kinds, **ends)
    frame.loc[2, ["seed_low", "seed_high"]] = float("nan")
    test, dev = frame.assign(split="test"), frame.assign(split="dev", value=9.0)
    return pd.concat([test, dev], ignore_index=True)


def shared() -> pd.DataFrame:
    """TF-IDF with and without pairs that share a sentence."""
    return pd.DataFrame(
        {
            "encoder": ["none", "none"],
            "pooling": [float("nan")] * 2,
            "method": ["tfidf-char"] * 2,
            "kind": ["fitted"] * 2,
            "split": ["dev", "test"],
            "all": [0.5, 0.6],
            "kept": [0.4, 0.7],
            "pairs": [1458, 1361],
            "kept_pairs": [1160, 1044],
            "dataset": ["sample"] * 2,
        }
    )


def claims() -> pd.DataFrame:
    """Two claims under two protocols, a verdict of each sort."""
    judged = ["encoder", "pooling", "effect", "over_seeds", "over_pairs", "verdict"]
    rise = ["tiny", "cls", "+0.200", "[+0.100, +0.300]", "[+0.1, +0.3]", "supported"]
    flat = ["tiny", "cls", "+0.010", "", "[-0.1, +0.3]", "undecided"]
    lower = ["tiny", "mean", "+0.050", "[+0.040, +0.060]", "[+0.0, +0.1]", "not supported"]
    return pd.DataFrame(
        [
            ["A rise", "at least 0.1", *rise, *lower],
            ["Flat after", "within 0.02", *flat, *flat[:1], "mean", *flat[2:]],
        ],
        columns=["claim", "criterion", *judged, *(f"second_{name}" for name in judged)],
    )


def settings_grid() -> pd.DataFrame:
    """A setting under one protocol, and the untrained encoder."""
    fixed = {"protocol": "cls", "encoder": "tiny", "pooling": "cls", "seed": 0}
    own = {"learning_rate": 5e-4, "batch_size": 64, "dropout": 0.3, "temperature": 0.05}
    rows = [{"n_train": 0, "spearman": 0.3}, {"n_train": 800, "spearman": 0.4, **own}]
    return pd.DataFrame([{**fixed, **row} for row in rows])


def lengths() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n_tokens": [5, 6, 9],
            "n_sentences": [3, 8, 1],
            "is_cut": [False, False, True],
            "encoder": "tiny",
            "dataset": "sample",
        }
    )


def own_text(labelled: bool = True) -> pd.DataFrame:
    """An encoder that is best on dev after 50 sentences, and kept there; 100 were trained on."""
    metrics = {
        ("loss", "held-out"): (None, 1.5, 0.5),
        ("alignment", "held-out"): (0.3, 0.4, 0.5),
        ("uniformity", "held-out"): (-1.3, -2.0, -2.5),
        ("kept", "held-out"): (0.0, 1.0, 0.0),
    }
    if labelled:
        metrics[("spearman", "dev")] = (0.5, 0.6, 0.55)
        metrics[("spearman", "test")] = (0.5, 0.55, 0.4)
    frames = [
        rows(split, value, metric=metric, n_train=n, epoch=float(n > 0), method=_METHOD[n > 0])
        for (metric, split), values in metrics.items()
        for n, value in zip((0, 50, 100), values, strict=True)
        if value is not None
    ]
    return pd.concat(frames, ignore_index=True)


_METHOD = ("untrained", "unsup-simcse")


def projection() -> pd.DataFrame:
    """A pair of the same meaning that stays and an unrelated one that grows, at three points."""
    places = {("same meaning", "first"): (0.1, 0.1), ("same meaning", "second"): (0.1, 0.2)}
    places |= {("unrelated", "first"): (-0.1, 0.0), ("unrelated", "second"): (-0.2, 0.1)}
    rows = [
        (n, int(label == "unrelated"), side, label, x * grown, y)
        for n, grown in ((0, 1), (50, 2), (200, 3))
        for (label, side), (x, y) in places.items()
    ]
    frame = pd.DataFrame(rows, columns=["n_train", "pair", "side", "label", "x", "y"])
    return frame.assign(encoder="tiny", pooling="cls", dataset="sample", split="dev", seed=0)


def checkpoints(
    spearman: Sequence[float] = (0.4, 0.45, 0.5), labelled: bool = True
) -> pd.DataFrame:
    """Along 200 sentences: unrelated pairs fall from 0.7 to 0.3, those of one meaning to 0.8."""
    metrics = {
        "spearman": spearman,
        "cosine, same meaning": (0.9, 0.85, 0.8),
        "cosine, unrelated": (0.7, 0.5, 0.3),
    }
    if not labelled:
        metrics = {"uniformity": (-1.0, -1.5, -2.0)}
    frames = [
        rows("dev" if labelled else "pool", value, metric=metric, n_train=n, method=_METHOD[n > 0])
        for metric, values in metrics.items()
        for n, value in zip((0, 50, 200), values, strict=True)
    ]
    return pd.concat(frames, ignore_index=True)


USES = use_frame().assign(dataset="sample")
TABLES = {
    "01_scores_by_label": quantiles(),
    "01_baselines": baselines(),
    "01_differences": differences(),
    "02_small_sample": geometry(),
    "02_differences": differences(),
    "02_scores_by_label": quantiles(),
    "03_large_data": curve(),
    "03_differences": differences(),
    "04_epochs": curve("epoch"),
    "04_differences": differences(),
    "05_before_after": comparison(),
    "05_differences": differences(),
    "05_sample": sample(),
    "05_shared": shared(),
    "05_claims": claims(),
    "06_lengths": lengths(),
    "06_training": own_text(),
    "07_search": of_use(USES, "search"),
    "07_intents": of_use(USES, "intents"),
    "07_pseudo_labels": of_use(USES, "pseudo-labels"),
    "07_out_of_scope": of_use(USES, "out-of-scope"),
    "07_effects": application_differences(USES),
    "08_projection": projection(),
    "08_checkpoints": checkpoints(),
    **SET_TABLES,
}


def write(directory: Path, name: str, frame: pd.DataFrame, **stamp: object) -> None:
    """A table with its stamp, as the notebooks write them."""
    fixed = {
        "experiment": name,
        "dataset": "sample",
        "seeds": [0, 1, 2],
        "plans": [{"encoder": "tiny", "fingerprint": "abc", "pooling": "cls", "train": TRAIN}],
        "versions": {"torch": "2.13.0", "numpy": "2.4.6"},
        "code": "0123456789ab",
        "command": f"python -m simcse_core.study --only {name[:2]}",
    }
    write_table(directory, name, frame, {**fixed, **stamp})


def write_all(directory: Path) -> Path:
    """A results folder with every table; returns it."""
    for name, frame in TABLES.items():
        several = {"datasets": list(SETS)} if name in SET_TABLES else {}
        write(directory, name, frame, **several)
    return directory
