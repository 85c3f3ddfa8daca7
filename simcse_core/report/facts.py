"""What holds of results on every machine, as lines that notebooks are checked against."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simcse_core.config import Kind


def facts(results: pd.DataFrame) -> list[str]:
    """Lines about tidy rows that rounding cannot change.

    They say how many rows there are, of which methods, sizes, epochs and seeds; the best Spearman
    on test to two digits of each method that nothing random decides, and how many seeds gain by the
    last point of each objective, source by source where there are several; and whether a value is
    missing.
    """
    test = _on_test(results)
    sources = list(dict.fromkeys(test["dataset"])) if "dataset" in test else []
    several = [(f"{source}: ", test[test["dataset"] == source]) for source in sources]
    told = several if len(several) > 1 else [("", test)]
    return [
        f"rows: {len(results)}",
        f"methods: {', '.join(dict.fromkeys(results['method']))}",
        *_extent(results),
        *(f"{of}{line}" for of, rows in told for line in _best_without_seeds(rows)),
        *(f"{of}{line}" for of, rows in told for line in _gains(rows)),
        f"no missing value: {bool(results['value'].notna().all())}",
    ]


def _on_test(results: pd.DataFrame) -> pd.DataFrame:
    return results[(results["metric"] == "spearman") & (results["split"] == "test")]


def _extent(results: pd.DataFrame) -> Iterator[str]:
    for column, name in {"encoder": "encoders", "n_train": "sentences", "epoch": "epochs"}.items():
        values = list(dict.fromkeys(results[column].dropna()))
        if column != "encoder":
            values = [f"{value:,.0f}" for value in sorted(values)]
        yield f"{name}: {', '.join(values)}"
    yield f"seeds: {', '.join(map(str, sorted(set(results['seed']))))}"


def _best_without_seeds(test: pd.DataFrame) -> Iterator[str]:
    still = test[test["kind"].isin([Kind.UNTRAINED, Kind.FITTED])]
    for method, rows in still.groupby("method", sort=False):
        if rows["seed"].nunique() == 1 or rows["kind"].iloc[0] == Kind.UNTRAINED:
            yield f"best {method} on test: {rows['value'].max():.2f}"


def _gains(test: pd.DataFrame) -> Iterator[str]:
    """Seeds whose last point is above the untrained encoder, for each encoder and pooling."""
    keys = ["encoder", "pooling", "seed"]
    before = test[test["kind"] == Kind.UNTRAINED].set_index(keys)["value"]
    learnt = test[test["kind"].isin([Kind.TRAINED, Kind.LABELLED])]
    for (encoder, pooling, method), rows in learnt.groupby(
        ["encoder", "pooling", "method"], sort=False
    ):
        last = rows[(rows["n_train"] == rows["n_train"].max())]
        last = last[last["epoch"] == last["epoch"].max()].set_index(keys)["value"]
        known = last.index.intersection(before.index)
        gained = int((last[known] > before[known]).sum())
        yield f"{method}, {encoder}, {pooling}: {gained} of {len(known)} seeds gain"


def use_facts(results: pd.DataFrame) -> list[str]:
    """Lines about the rows of the four uses that rounding cannot change.

    They say how many rows there are, of which uses, methods, encoders and seeds, and that nothing
    is missing or no share; a precision is missing where nothing was proposed.
    """
    told = [f"rows: {len(results)}"]
    for column in ("use", "method", "encoder", "seed"):
        told.append(f"{column}s: {', '.join(map(str, dict.fromkeys(results[column])))}")
    for (use, metric), rows in results.groupby(["use", "metric"], sort=False):
        if not rows["value"].dropna().between(0, 1).all() and metric != "n":
            told.append(f"{use}, {metric}: not between 0 and 1")
    gaps = results[results["value"].isna() & (results["metric"] != "precision")]
    return [*told, f"no missing value: {gaps.empty}"]
