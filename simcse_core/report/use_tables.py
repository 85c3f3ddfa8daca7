"""Tables of the four uses and of what unlabelled training changed in them, as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import method
from simcse_core.report.tables import mean_and_range
from simcse_core.report.use_rows import lines, only, unknown_name, unknowns
from simcse_core.report.wording import pooling_name, say

# Column heads, and which rows stand below.
Columns = Mapping[str, Mapping[str, str]]

SEARCH: Columns = {
    "Recall@1": {"way": "vectors", "metric": "recall@1"},
    "Recall@5": {"way": "vectors", "metric": "recall@5"},
    "Recall@10": {"way": "vectors", "metric": "recall@10"},
    "MRR@10": {"way": "vectors", "metric": "mrr@10"},
    "Recall@5, fused": {"way": "fused", "metric": "recall@5"},
}
INTENTS: Columns = {
    "Recall@1": {"metric": "recall@1"},
    "Recall@3": {"metric": "recall@3"},
    "Recall@5": {"metric": "recall@5"},
    "Recall@10": {"metric": "recall@10"},
    "not run at 95 %": {"metric": "saved@95"},
    "not run at 99 %": {"metric": "saved@99"},
}
PSEUDO_LABELS: Columns = {
    "proposed": {"way": "as they are", "metric": "coverage"},
    "right": {"way": "as they are", "metric": "precision"},
    "accuracy, few": {"way": "few", "metric": "accuracy"},
    "as they are": {"way": "as they are", "metric": "accuracy"},
    "confirmed": {"way": "confirmed", "metric": "accuracy"},
    "corrected": {"way": "corrected", "metric": "accuracy"},
}
OUT_OF_SCOPE: Columns = {
    "AUROC": {"metric": "auroc"},
    "AUPR": {"metric": "aupr"},
    "FPR@95": {"metric": "fpr@95"},
    "accepted": {"metric": "accepted"},
    "in-scope accuracy": {"metric": "in-scope accuracy"},
    "out-of-scope recall": {"metric": "out-of-scope recall"},
}


def search_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """A line a method; of Recall@5 also the interval over queries, mean of its ends over seeds."""
    found = []
    for key, mine in lines(rows):
        line = _head(key, language) | _cells(mine, SEARCH, language)
        found.append(line | {say("Recall@5 over queries", language): over_queries(mine)})
    return _table(found)


def over_queries(rows: pd.DataFrame) -> str:
    """The mean ends of the interval of Recall@5 over queries."""
    ends = only(rows, way="vectors", metric="recall@5")[["ci_low", "ci_high"]].mean()
    return "" if ends.isna().any() else f"[{ends['ci_low']:.3f}, {ends['ci_high']:.3f}]"


def intents_table(
    rows: pd.DataFrame, classifier: str = "logistic", *, language: str = "en"
) -> pd.DataFrame:
    """A line for each method and number of examples, by one classifier."""
    found = []
    rows = rows[rows["metric"] != "recall"]  # the curve
    for key, mine in lines(only(rows, way=classifier)):
        for n, here in mine.groupby("examples"):
            line = _head(key, language) | {say("examples", language): f"{n:.0f}"}
            found.append(line | _cells(here, INTENTS, language))
    return _table(found)


def pseudo_labels_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """A line a method: how many texts get a proposal, how many are right, and what it gains."""
    found = [_head(key, language) | _cells(m, PSEUDO_LABELS, language) for key, m in lines(rows)]
    return _table(found)


def out_of_scope_table(
    rows: pd.DataFrame, score: str = "softmax", *, language: str = "en"
) -> pd.DataFrame:
    """A line for each method and what is unknown, by one score."""
    found = []
    for key, mine in lines(only(rows, way=score)):
        for unknown, share, here in unknowns(mine):
            told = {say("unknown", language): unknown_name(unknown, share, language)}
            found.append(_head(key, language) | told | _cells(here, OUT_OF_SCOPE, language))
    return _table(found)


def effects_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What training changed against the untrained encoder, with the interval over draws."""
    rows = rows[rows["before_kind"] == Kind.UNTRAINED]
    found = []
    for row in rows.to_dict(orient="records"):
        interval = [row["seed_low"], row["seed_high"]]
        told = {
            "use": say(row["use"], language),
            "measured": _measured(row, language),
            "encoder": row["encoder"],
            "pooling": pooling_name(row["pooling"], language),
            "mean": f"{row['value']:+.4f}",
            "over draws": "" if pd.isna(interval[0]) else "[{:+.4f}, {:+.4f}]".format(*interval),
        }
        found.append({say(name, language): cell for name, cell in told.items()})
    return _table(found)


def _measured(row: Mapping[Any, Any], language: str) -> str:
    """The metric with how vectors are used, examples and what is unknown, as far as there."""
    parts = [say(str(row["metric"]), language), say(str(row["way"]), language)]
    if isinstance(unknown := row.get("unknown"), str):
        parts.append(unknown_name(unknown, float(str(row["at"])), language))
    elif row["examples"] == row["examples"]:  # a number, not a gap
        parts.append(f"{say('examples', language)} {row['examples']:.0f}")
    return " · ".join(parts)


def _head(key: tuple[str, str, str], language: str) -> dict[str, str]:
    encoder, pooling, name = key
    told = {
        "encoder": say(encoder, language),
        "pooling": pooling_name(pooling, language),
        "method": method(name).name(language),
    }
    return {say(column, language): cell for column, cell in told.items()}


def _cells(rows: pd.DataFrame, columns: Columns, language: str) -> dict[str, str]:
    rows = rows[rows["metric"].ne("precision") | rows["way"].ne("curve")]
    return {
        say(head, language): mean_and_range(only(rows, **wanted), digits=3, language=language)
        for head, wanted in columns.items()
    }


def _table(found: list[dict[str, str]]) -> pd.DataFrame:
    """Lines as a frame; the first column is the index, and one alike in every line is left out."""
    table = pd.DataFrame(found)
    return table.set_index(str(table.columns[0]))


# By the name of the table without the notebook's number.
TABLES: dict[str, Callable[..., pd.DataFrame]] = {
    "search": search_table,
    "intents": intents_table,
    "pseudo_labels": pseudo_labels_table,
    "out_of_scope": out_of_scope_table,
    "effects": effects_table,
}
