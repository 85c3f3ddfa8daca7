"""Tables of several sources, as people read them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import method
from simcse_core.report.rows import at_last
from simcse_core.report.set_rows import (
    BETWEEN,
    COUNTED,
    PLAIN,
    at_place,
    gains_of,
    habit_name,
    moved,
    places,
    policies,
    policy_name,
    recipes,
)
from simcse_core.report.tables import mean_and_range
from simcse_core.report.use_rows import line_name, lines
from simcse_core.report.wording import in_brackets, listed, pooling_name, quantity, say


def methods_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Every method on every source at its largest size: Spearman on test, mean over seeds.

    Lowest and highest seed stand in brackets; the best of a source is bold.
    """
    scored = at_last(rows[(rows["metric"] == "spearman") & (rows["split"] == "test")])
    table = {}
    for key, mine in lines(scored):
        groups = mine.groupby("dataset", sort=False)
        table[line_name(key, language)] = {
            str(source): (here["value"].mean(), mean_and_range(here, digits=3, language=language))
            for source, here in groups
        }
    best = {
        source: max((c[source][0] for c in table.values() if source in c), key=_known_first)
        for source in dict.fromkeys(rows["dataset"])
    }
    told = {
        name: {s: f"**{t}**" if value == best[s] else t for s, (value, t) in cells.items()}
        for name, cells in table.items()
    }
    frame = pd.DataFrame(told).T.fillna("")
    frame.index.name = say("method", language)
    return frame


def _known_first(value: float) -> float:
    """For max: a missing value is below any other."""
    return -math.inf if math.isnan(value) else value


def gains_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What SimCSE changes on each source, with the interval over pairs; test."""
    found = []
    parts = {before: gains_of(rows, PLAIN, before) for before in ("untrained", COUNTED)}
    for place in places(parts["untrained"]):
        for size in sorted(at_place(parts["untrained"], place)["after_at"]):
            line = _of_place(place, language) | {say("sentences", language): f"{size:,.0f}"}
            for before, part in parts.items():
                here = at_place(part, place)
                minus = f"− {method(before).name(language)}"
                line[minus] = _with_interval(here[here["after_at"] == size])
            found.append(line)
    return pd.DataFrame(found).set_index(say("source", language))


def by_size_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What SimCSE changes on each source at the sizes that all have, with the interval over pairs.

    It is of test, and bold where the interval leaves out 0.
    """
    gains = gains_of(rows[rows["split"] == "test"], PLAIN, "untrained")
    curves = {place: at_place(gains, place).set_index("after_at") for place in places(gains)}
    sizes = sorted(set.intersection(*(set(curve.index) for curve in curves.values())))
    found = []
    for place, curve in curves.items():
        line = _of_place(place, language)
        for size in sizes:
            told = _with_interval(curve.loc[[size]])
            clear = moved(curve.loc[[size]]) != (0, 0)
            line[quantity(size, "n_train", language)] = f"**{told}**" if clear else told
        found.append(line)
    return pd.DataFrame(found).set_index(say("source", language))


def _of_place(place: tuple[str, str, str], language: str) -> dict[str, str]:
    dataset, encoder, pooling = place
    return {
        say("source", language): dataset,
        say("encoder", language): encoder,
        say("pooling", language): pooling_name(pooling, language),
    }


def _with_interval(rows: pd.DataFrame) -> str:
    if rows.empty or pd.isna(rows["value"].iloc[0]):
        return ""
    row = rows.iloc[0]
    return f"{row['value']:+.3f} [{row['pair_low']:+.3f}, {row['pair_high']:+.3f}]"


def recipes_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Each recipe minus plain SimCSE: mean, lowest and highest, and how many places it moved."""
    sizes = sorted(rows.loc[rows["before"] == PLAIN, "after_at"].unique())
    table = {}
    for name in recipes(rows):
        mine = gains_of(rows, name, PLAIN)
        table[method(name).name(language)] = {
            quantity(size, "n_train", language): _over_places(mine[mine["after_at"] == size])
            for size in sizes
        }
    frame = pd.DataFrame(table).T
    frame.index.name = say("recipe", language)
    return frame


def _over_places(rows: pd.DataFrame) -> str:
    values = rows["value"].dropna()
    if values.empty:
        return ""
    up, down = moved(rows)
    spread = f"[{values.min():+.3f}, {values.max():+.3f}]"
    return f"{values.mean():+.4f} {spread}, {up} ↑ {down} ↓"


def rule_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What each policy loses on each source, mean over sizes and seeds, and over the sources."""
    rule = str(rows["rule"].iloc[0])
    mean = say("mean", language)
    mean = f"({mean})" if mean in set(rows["dataset"]) else mean  # a source may be called so
    table = {}
    for policy, mine in policies(rows):
        lost = mine.groupby("dataset", sort=False)["regret"].mean()
        cells = {str(source): f"{value:.3f}" for source, value in lost.items()}
        table[policy_name(policy, rule, language)] = cells | {mean: f"{lost.mean():.3f}"}
    frame = pd.DataFrame(table).T.fillna("")
    frame.index.name = say("policy", language)
    return frame


def indicators_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """How often the sign of each indicator tells whether SimCSE helps, source by source.

    The last line is the share of points in which it helps: what always saying yes would tell.
    """
    table: dict[str, dict[str, str]] = {}
    for name, mine in rows.groupby("indicator", sort=False):
        mark = "+" if mine["sign"].iloc[0] > 0 else "−"
        cells = {
            str(row["dataset"]): _agreement(row["agree"], row["correlation"], language)
            for row in mine.to_dict(orient="records")
        }
        table[f"{mark} {say(str(name), language)}"] = cells
    helped = rows.drop_duplicates("dataset").set_index("dataset")["helped"]
    table[say("SimCSE helps", language)] = {str(d): f"{share:.0%}" for d, share in helped.items()}
    frame = pd.DataFrame(table).T.fillna("")
    frame.index.name = say("indicator", language)
    return frame


def _agreement(agree: float, correlation: float, language: str) -> str:
    """How often signs agree, and the correlation where there is one: a single point has none."""
    told = f"{agree:.0%}"
    return told if math.isnan(correlation) else in_brackets(told, f"{correlation:+.2f}", language)


def labels_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """How often so many labelled pairs choose right on each source, and what they lose."""
    table = {
        str(source): {
            f"{row['pairs']:.0f}": in_brackets(
                f"{row['right']:.0%}", f"{row['regret']:.3f}", language
            )
            for row in mine.to_dict(orient="records")
        }
        for source, mine in rows.groupby("dataset", sort=False)
    }
    frame = pd.DataFrame(table).T.fillna("")
    frame.index.name = say("labelled pairs", language)
    return frame


def answer_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What to take with so many sentences, with and without a ready-made encoder, and SimCSE on it.

    What SimCSE changes is the mean over sources, with the lowest and highest of them in brackets.
    """
    table = [
        {
            say("sentences", language): f"{row['n_train']:,.0f}",
            say("at hand", language): _at_hand(row, language),
            say("take", language): f"**{_taken(row, language)}**",
            say("below the best", language): f"{row['regret']:.3f}",
            say("TF-IDF below it", language): _known(row["counted_regret"], "{:.3f}"),
            say("SimCSE changes", language): _known(
                row["change"], f"{{:+.3f}} [{row['change_low']:+.3f}, {row['change_high']:+.3f}]"
            ),
            say("clear gain", language): _sources(row["helped"], language),
            say("clear loss", language): _sources(row["harmed"], language),
        }
        for row in rows.to_dict(orient="records")
    ]
    return pd.DataFrame(table).set_index(say("sentences", language))


def _at_hand(row: dict[Hashable, Any], language: str) -> str:
    """The encoder; in brackets that others made it, if so."""
    if row["at_hand"] != Kind.READY_MADE:
        return str(row["encoder"])
    return in_brackets(str(row["encoder"]), method(Kind.READY_MADE).name(language), language)


def _taken(row: dict[Hashable, Any], language: str) -> str:
    """A method; with its encoder, if it is another than the line's."""
    return habit_name(str(row["policy"]).removesuffix(f" {row['encoder']}"), language)


def _known(value: float, form: str) -> str:
    return "" if math.isnan(value) else form.format(value)


def _sources(names: object, language: str) -> str:
    """The sources of a cell, or a dash; an empty one is read as no value."""
    found = [say(name, language) for name in str(names).split(BETWEEN)] if names == names else []
    return listed([name for name in found if name], language) or "–"


TABLES = {
    "elsewhere": methods_table,
    "gains": gains_table,
    "rule": rule_table,
    "indicators": indicators_table,
    "labels": labels_table,
    "answer": answer_table,
}
