"""Prose that cites measured numbers, and the tables beside it, as Markdown for the notebooks.

What is best is chosen on dev and told on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

SEEDS_NOTE = "mean over seeds, lowest to highest seed in brackets"
SIMCSE, SUPERVISED, UNTRAINED = "unsup-simcse", "sup-simcse", "untrained"
# In the order of tables, from nothing to labels.
METHODS = (UNTRAINED, "idf-mean", "tfidf-char", "whitening", SIMCSE, SUPERVISED)
SENTENCES_PER_TRIPLET = 3
# Sizes this near to each other count as the same: triplets hold three sentences each.
SAME_SIZE = 0.05


def read_baselines(results: pd.DataFrame) -> str:
    """Which method without training is best, and where the encoders stand, on the test split."""
    rows = _spearman(results)
    untrained = rows[rows["method"] == UNTRAINED]
    cls = _on(untrained[untrained["pooling"] == "cls"], "test")["value"]
    ends = " to ".join(dict.fromkeys(f"{end:.3f}" for end in (cls.min(), cls.max())))
    word = _chosen(rows[rows["encoder"] == "none"])
    said = (
        f"Chosen on dev and told on test: counting alone reaches **{_seeds(word)}** "
        f"({word['method'].iloc[0]}). Without training, [CLS] gives {ends} over the encoders, and "
        f"the best pooling, {_name(_chosen(untrained))}."
    )
    for method, what in {
        "idf-mean": "Averages weighted by IDF reach",
        "whitening": "Whitening reaches",
    }.items():
        if len(mine := rows[rows["method"] == method]):
            said += f" {what} {_name(_chosen(mine))}."
    return said


def read_curve(results: pd.DataFrame, x: str) -> str:
    """SimCSE at the first, middle, last and best-on-dev point of a curve, on the test split."""
    rows = _on(_spearman(results), "test")
    before = rows.loc[rows["method"] == UNTRAINED, "value"].mean()
    trained = rows[rows["method"] == SIMCSE]
    points = sorted(trained[x].unique())
    chosen = best_on_dev(results, x)
    at = {point: trained[trained[x] == point] for point in points}
    places = dict.fromkeys((points[0], points[len(points) // 2], points[-1]))
    said = ", ".join(f"{_seeds(at[point])} at {_count(point, x)}" for point in places)
    n_seeds = trained["seed"].nunique()
    return (
        f"On test the untrained encoder has {before:.3f}. Trained, it has {said} ({SEEDS_NOTE}; "
        f"{n_seeds} seed{'s' if n_seeds > 1 else ''}). Choosing the point on dev gives "
        f"{_count(chosen, x)} and on test {_seeds(at[chosen])}; the last point gives "
        f"{_seeds(at[points[-1]])}.{_others(rows, x, points[-1])}"
    )


def read_comparison(results: pd.DataFrame) -> str:
    """Before and after of each encoder, and supervised training, on the test split."""
    rows = _on(_spearman(results), "test")
    lines = []
    for encoder, mine in rows.groupby("encoder", sort=False):
        before = mine.loc[mine["method"] == UNTRAINED, "value"].mean()
        line = f"- {encoder}: {before:.3f} before, {_seeds(_last(mine, SIMCSE))} after SimCSE"
        if len(supervised := _last(mine, SUPERVISED)):
            line += f", {_seeds(supervised)} after supervised SimCSE on as many sentences"
        lines.append(line)
    return f"On test ({SEEDS_NOTE}):\n\n" + "\n".join(lines)


def best_on_dev(results: pd.DataFrame, x: str) -> float:
    """The point of a curve at which SimCSE is best on dev, mean over seeds; never a missing one.

    Where all are missing, it is the first.
    """
    dev = _on(_spearman(results), "dev")
    means = dev[dev["method"] == SIMCSE].groupby(x)["value"].mean()
    return float(means.index[int(means.fillna(-np.inf).argmax())])


def chosen_table(results: pd.DataFrame, x: str) -> pd.DataFrame:
    """The untrained encoder, SimCSE's best point on dev and its last, on dev and test."""
    rows = _spearman(results)
    trained = rows[rows["method"] == SIMCSE]
    best, last = best_on_dev(results, x), trained[x].max()
    parts = {
        "untrained": rows[rows["method"] == UNTRAINED],
        f"best on dev: {_count(best, x)}": trained[trained[x] == best],
        f"last step: {_count(last, x)}": trained[trained[x] == last],
    }
    table = {
        name: {split: _seeds(_on(part, split), 4) for split in ("dev", "test")}
        for name, part in parts.items()
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("SimCSE")


def curve_table(results: pd.DataFrame, x: str, split: str) -> pd.DataFrame:
    """Spearman on one split, a line for each point of a curve and a column for each method."""
    rows = _on(_spearman(results), split).rename(columns={x: _UNITS[x]})
    told = [column for column in ("value", "missing") if column in rows]
    cells = rows.groupby([_UNITS[x], "method"], sort=True)[told].apply(_seeds, digits=4)
    table = cells.unstack("method", fill_value="")
    table.index = pd.Index(
        [f"{point:,.0f}" for point in table.index], name=f"{_UNITS[x]} ({split})"
    )
    return table[[method for method in METHODS if method in table]]


def sample_rows(
    small: pd.DataFrame, large: pd.DataFrame, overview: pd.DataFrame, sizes: Sequence[int]
) -> pd.DataFrame:
    """What about n unlabelled sentences buy by each method, from the rows of three notebooks.

    Each of ``sizes`` stands for the nearest size that SimCSE was measured at; supervised training
    is there where it saw as many sentences. Where several have a size, the small sample's rows win
    and the overview's come next: both draw from one pool, while ``large`` may have text added.

    Returns:
        A row for each size, method and split: ``n_sentences``, ``mean``, ``min`` and ``max`` over
        ``n_seeds``, and ``pair_low`` and ``pair_high``, the mean ends of the intervals over pairs.
    """
    curves, large, overview = (_spearman(rows) for rows in (small, large, overview))
    overview = overview[overview["encoder"].isin(curves["encoder"])]
    with_labels = overview["method"] == SUPERVISED
    labelled = overview[with_labels]
    labelled = labelled.assign(n_train=labelled["n_train"] * SENTENCES_PER_TRIPLET)
    for more in (overview[~with_labels], large):
        curves = pd.concat([curves, more[~more["n_train"].isin(curves["n_train"])]])
    measured = sorted(curves.loc[curves["method"] == SIMCSE, "n_train"].unique())
    frames = []
    for n in dict.fromkeys(min(measured, key=lambda m: abs(m - size)) for size in sizes):
        untrained = curves[curves["method"] == UNTRAINED]
        near = labelled[(labelled["n_train"] / n - 1).abs() < SAME_SIZE]
        here = pd.concat([untrained, curves[curves["n_train"] == n], near])
        frames.append(here.assign(n_sentences=n))
    keys = ["n_sentences", "method", "split", "dataset"]
    return (
        pd.concat(frames)
        .groupby(keys, sort=False)
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


def sample_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`sample_rows` with a column for each size, a line for split and method."""
    cells = rows.set_index(["split", "method", "n_sentences"]).apply(_cell, axis=1)
    table = cells.unstack("n_sentences", fill_value="–")
    order = [(split, m) for split in ("dev", "test") for m in METHODS if (split, m) in table.index]
    table = table.loc[order]
    table.columns = pd.Index([f"{n:,} sentences" for n in table.columns])
    return table


def difference_table(differences: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Differences at the last point of a curve, on one split, with both intervals.

    Of SimCSE's last point minus earlier ones, the first alone; the table in the CSV has them all.
    """
    rows = _on(differences, split)
    last, first = rows["after_at"].max(), rows.loc[rows["after_at"] > 0, "after_at"].min()
    rows = rows[(rows["after_at"] == last) & rows["before_at"].isin([0, first, last])]
    places = [
        [f"{method} {at:,.0f}" if at else method for method, at in rows[sides].to_numpy()]
        for sides in (["after", "after_at"], ["before", "before_at"])
    ]
    columns = {
        f"difference on {split}": [f"{a} − {b}" for a, b in zip(*places, strict=True)],
        "encoder": rows["encoder"],
        "mean": rows["value"].map("{:+.4f}".format),
    }
    for interval in ("seed", "pair"):
        ends = rows[[f"{interval}_low", f"{interval}_high"]].to_numpy()
        columns[f"over {interval}s"] = [_interval(low, high) for low, high in ends]
    return pd.DataFrame(columns).set_index(f"difference on {split}")


def shared_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Spearman over all pairs and without those that share a sentence with another part."""
    keys = ["encoder", "pooling", "method"]
    rows = _without_gaps(rows, keys).set_index([*keys, "split"])
    columns = {}
    for split in ("dev", "test"):
        here = rows.xs(split, level="split")
        for value, pairs in {"all": "pairs", "kept": "kept_pairs"}.items():
            name = f"{split}, {value} {here[pairs].iloc[0]:,} pairs"
            columns[name] = here[value].map("{:.4f}".format)
    return pd.DataFrame(columns)


def spearman_table(results: pd.DataFrame, rows: list[str]) -> pd.DataFrame:
    """Spearman by split, mean over seeds with lowest and highest, one line for each of ``rows``."""
    spearman = _without_gaps(_spearman(results), rows)
    keys = [*rows, "split"]
    cells = spearman.groupby(keys, sort=False)["value"].agg(["mean", "min", "max"])
    table = cells.apply(_cell, axis=1).unstack("split")
    return table[[split for split in ("dev", "test") if split in table]]


def report_table(report: Mapping[str, Mapping[str, float]]) -> str:
    """The report's own numbers (split to encoder to Spearman) as a Markdown table."""
    table = pd.DataFrame(report).rename_axis("encoder, untrained").map("{:.4f}".format)
    return to_markdown(table)


def to_markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table, its index as the first columns."""
    flat = table.reset_index()
    header = [str(column) for column in flat.columns]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += [
        "| " + " | ".join(str(value) for value in row) + " |"
        for row in flat.itertuples(index=False)
    ]
    return "\n".join(lines)


_UNITS = {"n_train": "sentences", "epoch": "epochs"}


def _count(point: float, x: str) -> str:
    unit = _UNITS[x].removesuffix("s") if point == 1 else _UNITS[x]
    return f"{point:,.0f} {unit}"


def _spearman(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["metric"] == "spearman"]


def _on(rows: pd.DataFrame, split: str) -> pd.DataFrame:
    return rows[rows["split"] == split]


def _without_gaps(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The same rows with empty texts for gaps, which would drop out of groups."""
    filled = {c: rows[c].astype(object).where(rows[c].notna(), "") for c in columns}
    return rows.assign(**filled)


def _last(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    mine = rows[rows["method"] == method]
    return mine[mine["n_train"] == mine["n_train"].max()]


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """The test rows of what is best on dev, mean over seeds."""
    keys = ["encoder", "method", "pooling"]
    rows = _without_gaps(rows, ["pooling"])
    best = _on(rows, "dev").groupby(keys)["value"].mean().idxmax()
    return _on(rows, "test").set_index(keys).loc[[best]].reset_index()


def _name(rows: pd.DataFrame) -> str:
    """Encoder, pooling and value of rows that differ in seed alone."""
    return f"{_seeds(rows)} ({rows['encoder'].iloc[0]}, {rows['pooling'].iloc[0]})"


def _others(rows: pd.DataFrame, x: str, point: float) -> str:
    """What the methods without training give at the same point, if they were fitted there."""
    here = rows[(rows[x] == point) & ~rows["method"].isin([SIMCSE, UNTRAINED])]
    if x != "n_train" or here.empty:
        return ""
    said = ", ".join(f"{m} {_seeds(mine)}" for m, mine in here.groupby("method", sort=False))
    return f" Fitted on the same {_count(point, x)}, without training: {said}."


def _seeds(rows: pd.DataFrame, digits: int = 3) -> str:
    """Mean over seeds, with lowest and highest where they differ, and why a value is missing."""
    gaps = rows[rows["value"].isna()]
    why = "".join(gaps["missing"].dropna()[:1] if "missing" in gaps else "").partition(";")[0]
    if len(rows) and len(gaps) == len(rows):
        return f"missing: {why}"
    low, mean, high = (f"{v:.{digits}f}" for v in rows["value"].agg(["min", "mean", "max"]))
    said = mean if rows["value"].nunique() == 1 else f"{mean} [{low}, {high}]"
    return f"{said}, {len(gaps)} of {len(rows)} missing: {why}" if len(gaps) else said


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"[{low:+.4f}, {high:+.4f}]"


def _cell(row: pd.Series) -> str:
    if pd.isna(row["mean"]):
        return "missing"
    if row["min"] == row["max"]:
        return f"{row['mean']:.4f}"
    return f"{row['mean']:.4f} [{row['min']:.4f}, {row['max']:.4f}]"
