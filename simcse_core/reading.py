"""Prose that cites measured numbers, and the tables beside it, as Markdown for the notebooks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

SEEDS_NOTE = "mean over seeds, lowest to highest seed in brackets"


def read_baselines(results: pd.DataFrame) -> str:
    """Which untrained method is best, and where the encoders stand, on the test split."""
    rows = _spearman(results, "test")
    words = rows[rows["encoder"] == "none"]
    encoders = rows[(rows["encoder"] != "none") & (rows["method"] == "untrained")]
    best_word, best = _top(words), _top(encoders)
    cls = encoders[encoders["pooling"] == "cls"]
    white = _top(rows[rows["method"] == "whitening"])
    return (
        f"On test, counting alone reaches **{best_word.value:.3f}** ({best_word.method}). Without "
        f"training, [CLS] gives {cls['value'].min():.3f} to {cls['value'].max():.3f} over the "
        f"encoders, and the best pooling of any, {best.pooling} of {best.encoder}, "
        f"{best.value:.3f}. Whitening, which needs unlabelled sentences but no training, reaches "
        f"{white.value:.3f} ({white.encoder}, {white.pooling})."
    )


def read_curve(results: pd.DataFrame, x: str) -> str:
    """Start, first, last and best-on-dev point of a curve, on the test split."""
    unit = "epochs" if x == "epoch" else "sentences"
    rows = _spearman(results, "test")
    before = rows.loc[rows["epoch"] == 0, "value"].mean()
    trained = rows[rows["epoch"] > 0]
    points = sorted(trained[x].unique())
    chosen = _best_on_dev(results, x)
    said = ", ".join(
        f"{_seeds(trained[trained[x] == point])} at {point:,.0f} {unit}"
        for point in (points[0], points[len(points) // 2], points[-1])
    )
    n_seeds = trained["seed"].nunique()
    return (
        f"On test the untrained encoder has {before:.3f}. Trained, it has {said} ({SEEDS_NOTE}; "
        f"{n_seeds} seed{'s' if n_seeds > 1 else ''}). Choosing the point on dev gives "
        f"{chosen:,.0f} {unit} and on test {_seeds(trained[trained[x] == chosen])}; the last point "
        f"gives {_seeds(trained[trained[x] == points[-1]])}."
    )


def read_comparison(results: pd.DataFrame) -> str:
    """Before and after of each encoder, and supervised training, on the test split."""
    rows = _spearman(results, "test")
    lines = []
    for encoder, mine in rows.groupby("encoder", sort=False):
        before = mine.loc[mine["method"] == "untrained", "value"].mean()
        after = mine[mine["method"] == "unsup-simcse"]
        line = f"- {encoder}: {before:.3f} before, {_seeds(after)} after SimCSE"
        supervised = mine[mine["method"] == "sup-simcse"]
        if len(supervised):
            line += f", {_seeds(supervised)} after supervised SimCSE on as many sentences"
        lines.append(line)
    return f"On test ({SEEDS_NOTE}):\n\n" + "\n".join(lines)


def spearman_table(results: pd.DataFrame, rows: list[str]) -> pd.DataFrame:
    """Spearman by split, mean over seeds with lowest and highest, one line for each of ``rows``."""
    spearman = results[results["metric"] == "spearman"].fillna(dict.fromkeys(rows, ""))
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


def _spearman(results: pd.DataFrame, split: str) -> pd.DataFrame:
    return results[(results["metric"] == "spearman") & (results["split"] == split)]


def _best_on_dev(results: pd.DataFrame, x: str) -> float:
    dev = _spearman(results, "dev")
    means = dev[dev["epoch"] > 0].groupby(x)["value"].mean()
    return float(means.index[int(means.argmax())])


def _top(rows: pd.DataFrame):  # type: ignore[no-untyped-def]
    return next(rows.sort_values("value", ascending=False).itertuples())


def _seeds(rows: pd.DataFrame) -> str:
    values = rows["value"]
    if len(values) == 1:
        return f"{values.iloc[0]:.3f}"
    return f"{values.mean():.3f} [{values.min():.3f}, {values.max():.3f}]"


def _cell(row: pd.Series) -> str:
    if row["min"] == row["max"]:
        return f"{row['mean']:.4f}"
    return f"{row['mean']:.4f} [{row['min']:.4f}, {row['max']:.4f}]"
