"""What charts, tables and prose on several sources ask of their rows.

Rows are those of ``09_gains``, ``09_rule``, ``09_indicators``, ``09_labels`` and ``09_answer``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import in_order, method
from simcse_core.report.rows import cls_first
from simcse_core.report.wording import COMMA, in_brackets, pooling_name, say, spaced

PLAIN = "unsup-simcse"  # what the study is about, and what recipes are compared with
COUNTED = "tfidf-char"
BETWEEN = "; "  # names of sources in one cell of a table
ALWAYS = "always "  # how a habit's policy begins


def gains_of(rows: pd.DataFrame, after: str, before: str) -> pd.DataFrame:
    """The differences of one method from another."""
    return rows[(rows["after"] == after) & (rows["before"] == before)]


def named(rows: pd.DataFrame, language: str) -> pd.DataFrame:
    """The same with data that have a name in a language under it: the bundled sample has one."""
    if "dataset" not in rows:
        return rows
    return rows.assign(dataset=[say(str(name), language) for name in rows["dataset"]])


def places(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Source, encoder and pooling, sources together, [CLS] first for each encoder."""
    columns = ["dataset", "encoder", "pooling"]
    found = list(dict.fromkeys(rows[columns].itertuples(index=False, name=None)))
    sources, encoders = (list(dict.fromkeys(rows[column])) for column in columns[:2])
    orders = (sources, encoders, cls_first(rows["pooling"]))
    return sorted(
        found,
        key=lambda place: [order.index(part) for order, part in zip(orders, place, strict=True)],
    )


def at_place(rows: pd.DataFrame, place: tuple[str, str, str]) -> pd.DataFrame:
    """The rows of a source, an encoder and a pooling."""
    dataset, encoder, pooling = place
    return rows[
        (rows["dataset"] == dataset) & (rows["encoder"] == encoder) & (rows["pooling"] == pooling)
    ]


def recipes(rows: pd.DataFrame) -> list[str]:
    """What was compared with plain training, in the order of charts."""
    trained = rows[(rows["before"] == PLAIN) & (rows["after_kind"] == Kind.TRAINED)]
    return in_order(trained["after"])


def moved(rows: pd.DataFrame) -> tuple[int, int]:
    """How many differences are above 0 and how many below, by the interval over pairs."""
    return int((rows["pair_low"] > 0).sum()), int((rows["pair_high"] < 0).sum())


def policy_name(policy: str, rule: str, language: str = "en") -> str:
    """A policy in words: the rule with its probe, or what is always taken."""
    if not policy.startswith(ALWAYS):
        return _RULE[language].format(rule_name(rule, language))
    return spaced(_ALWAYS[language].format(habit_name(policy, language)), language)


def habit_name(policy: str, language: str = "en") -> str:
    """What a habit always takes: a method, and in brackets the encoder if there is one."""
    name, _, encoder = policy.removeprefix(ALWAYS).partition(" ")
    told = method(name).name(language)
    return in_brackets(told, encoder, language) if encoder else told


def rule_name(rule: str, language: str = "en") -> str:
    """A probe with its direction, such as ``+halves``, in words."""
    return _DIRECTION[language][rule[0]].format(say(rule[1:], language))


def policies(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each policy with its rows, the rule first, then by what it loses."""
    lost = rows.groupby("policy", sort=False)["regret"].mean().sort_values(kind="stable")
    for policy in sorted(lost.index, key=lambda name: str(name).startswith(ALWAYS)):
        yield str(policy), rows[rows["policy"] == policy]


def protocol_name(encoder: str, pooling: str, language: str = "en") -> str:
    """An encoder and its pooling."""
    return COMMA[language].join([encoder, pooling_name(pooling, language)])


_RULE = {"en": "the rule: {}", "zh": "规则：{}"}
_ALWAYS = {"en": "always {}", "zh": "始终用{}"}
_DIRECTION = {
    "en": {"+": "the highest {}", "-": "the lowest {}"},
    "zh": {"+": "{}最高者", "-": "{}最低者"},
}
