"""Result tables as people read them: frames in, frames of texts out, and those as Markdown.

Methods stand in the order of :data:`~simcse_core.report.methods.METHODS` and under its names; what
is the same in every line (the encoder, the pooling) has no column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from simcse_core.config import BEST, Kind, Pooling
from simcse_core.report.claim_words import claim_name, criterion_words
from simcse_core.report.methods import in_order, method
from simcse_core.report.phrases import in_words
from simcse_core.report.rows import (
    Facet,
    at_last,
    at_point,
    best_on_dev,
    facets,
    of_kind,
    on,
    report_encoder,
    spearman,
    splits,
    trained_methods,
)
from simcse_core.report.wording import COLON, COMMA, pooling_name, quantity, say

_BRACKETS = {"en": " ({})", "zh": "（{}）"}
# What a grid of training settings varies.
SETTINGS = ["learning_rate", "batch_size", "dropout", "temperature"]

# What tells results apart beside the seed.
_DECIDING = ("encoder", "pooling", "method", "n_train", "epoch")


def spearman_table(
    results: pd.DataFrame, keys: Sequence[str], *, language: str = "en"
) -> pd.DataFrame:
    """Spearman by split, mean over seeds with lowest and highest, a line for each of ``keys``.

    Raises:
        ValueError: rows that differ in more than seed and split would fall together.
    """
    rows = _without_gaps(spearman(results), keys)
    _check_seeds_alone_differ(rows, keys)
    groups = rows.groupby([*keys, "split"], sort=False)[_told(rows)]
    table = groups.apply(mean_and_range, language=language).unstack("split", fill_value="")
    return _in_words(table[splits(rows)], language)


def _check_seeds_alone_differ(rows: pd.DataFrame, keys: Sequence[str]) -> None:
    if rows.duplicated([*keys, "split", "seed"]).any():
        counts = rows.groupby([*keys, "split", "seed"]).nunique(dropna=False).max()
        several = [key for key in _DECIDING if key not in keys and counts[key] > 1]
        raise ValueError(
            f"keys {list(keys)}: lines would be means over {', '.join(several) or 'equal rows'}; "
            "add that column or leave rows out"
        )


def curve_table(
    results: pd.DataFrame, x: str, split: str = "test", *, language: str = "en"
) -> pd.DataFrame:
    """Spearman on one split, a line for each point of a curve and a column for each method."""
    parts = {}
    rows = on(spearman(results), split)
    for facet, mine in facets(rows).items():
        groups = mine.groupby([x, "method"], sort=True)[_told(mine)]
        cells = groups.apply(mean_and_range, language=language).unstack("method", fill_value="")
        cells.index = pd.Index([f"{point:,.0f}" for point in cells.index], name=x)
        parts[facet] = cells
    table = _stacked(parts).fillna("")
    table = table[in_order(table.columns)]
    table.columns = pd.Index([method(name).name(language) for name in table.columns])
    table = _in_words(table, language)
    unit = say({"n_train": "sentences", "epoch": "epochs"}[x], language)
    return table.rename_axis(index={say(x, language): _with_split(unit, split, language)})


def last_table(results: pd.DataFrame, keys: Sequence[str], *, language: str = "en") -> pd.DataFrame:
    """:func:`spearman_table` of each method at its largest number of sentences."""
    return spearman_table(at_last(spearman(results)), keys, language=language)


def chosen_table(results: pd.DataFrame, x: str, *, language: str = "en") -> pd.DataFrame:
    """The untrained encoder, and each trained method at its best point on dev and at its last.

    Not to train is a choice on dev like any other.
    """
    parts = {}
    for facet, mine in facets(spearman(results)).items():
        lines = {("", say("untrained", language)): of_kind(mine, Kind.UNTRAINED)}
        for name in trained_methods(mine):
            lines |= _choices(mine, name, x, language)
        cells = {
            key: {
                split: mean_and_range(on(part, split), language=language) for split in splits(mine)
            }
            for key, part in lines.items()
        }
        parts[facet] = pd.DataFrame.from_dict(cells, orient="index").rename_axis(
            ["method", "chosen"]
        )
    table = _stacked(parts)
    names = [name for name in table.index.unique("method") if name]
    if len(names) == 1:
        table = table.droplevel("method").rename_axis(
            index={"chosen": method(names[0]).name(language)}
        )
    return _in_words(table, language)


def _choices(
    rows: pd.DataFrame, name: str, x: str, language: str
) -> dict[tuple[str, str], pd.DataFrame]:
    last = rows.loc[rows["method"] == name, x].max()
    points = {"best on dev": best_on_dev(rows, name, x), "last": last}
    return {
        (name, f"{say(which, language)}{COLON[language]}{place(point, x, language)}"): at_point(
            rows, name, x, point
        )
        for which, point in points.items()
        if point is not None
    }


def place(point: float, x: str, language: str = "en") -> str:
    """A place on a curve: 400 sentences, 1 epoch; 0 is the untrained encoder."""
    return quantity(point, x, language) if point else say("untrained", language)


def difference_table(
    differences: pd.DataFrame, split: str = "test", *, language: str = "en"
) -> pd.DataFrame:
    """Differences at the last point of a curve, on one split, with both intervals.

    Of a method's last point minus earlier ones, the first alone; the table in the CSV has them all.
    """
    rows = on(differences, split)
    last, first = rows["after_at"].max(), rows.loc[rows["after_at"] > 0, "after_at"].min()
    rows = rows[(rows["after_at"] == last) & rows["before_at"].isin([0, first, last])]
    sides = [
        [_side(name, at, language) for name, at in rows[columns].to_numpy()]
        for columns in (["after", "after_at"], ["before", "before_at"])
    ]
    head = _with_split(say("difference", language), split, language)
    columns = {head: [f"{a} − {b}" for a, b in zip(*sides, strict=True)]}
    columns |= {key: rows[key].to_list() for key in ("encoder", "pooling") if key in rows}
    columns["mean"] = rows["value"].map("{:+.4f}".format).to_list()
    for interval in ("seed", "pair"):
        ends = rows[[f"{interval}_low", f"{interval}_high"]].to_numpy()
        columns[f"over {interval}s"] = [_interval(low, high) for low, high in ends]
    return _in_words(pd.DataFrame(columns).set_index(head), language)


def sample_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Every method at the same sizes: a column for each size, a line for split and method.

    Args:
        rows: columns ``n_sentences, method, kind, split, mean, min, max``.
    """
    parts = {}
    for facet, mine in facets(rows).items():
        cells = mine.set_index(["split", "method", "n_sentences"]).apply(_range, axis=1)
        table = cells.unstack("n_sentences", fill_value="–")
        order = {pair: i for i, pair in enumerate(product(splits(mine), in_order(mine["method"])))}
        parts[facet] = table.iloc[np.argsort([order[pair] for pair in table.index])]
    table = _stacked(parts)
    table.columns = pd.Index([quantity(float(n), "n_train", language) for n in table.columns])
    return _in_words(table, language)


def shared_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Spearman over all pairs and without those that share a sentence with another part."""
    keys = ["encoder", "pooling", "method"]
    rows = _without_gaps(rows, keys)
    columns = {}
    for split in splits(rows):
        here = on(rows, split).set_index(keys)
        for value, pairs in {"all": "pairs", "kept": "kept_pairs"}.items():
            count = here[pairs].iloc[0]
            columns[_pairs_head(split, value, count, language)] = here[value].map("{:.4f}".format)
    return _in_words(pd.DataFrame(columns), language)


def _pairs_head(split: str, which: str, count: int, language: str) -> str:
    if language == "zh":
        return f"{say(split, 'zh')}，{'全部' if which == 'all' else '无重复的'} {count:,} 对"
    return f"{split}, {'all' if which == 'all' else 'the unshared'} {count:,} pairs"


def claims_table(claims: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Each claim and criterion, with verdict, effect and intervals under each protocol.

    Verdicts come first, so that a narrow screen shows them before it is scrolled.
    """
    claims = claims.astype(object).where(claims.notna(), "")
    columns = {
        "claim": [claim_name(claim, language) for claim in claims["claim"]],
        "criterion": [criterion_words(words, language) for words in claims["criterion"]],
        "encoder": claims["encoder"].to_list(),
    }
    heads = {s: _protocol(claims[f"{s}pooling"], language) for s in ("", "second_")}
    judged = [second for second, head in heads.items() if head or not second]
    for keys in (("verdict",), ("effect", "over_seeds", "over_pairs")):
        for second, key in product(judged, keys):
            told = say(key.replace("_", " "), language)
            cells = claims[f"{second}{key}"].to_list()
            columns[COLON[language].join(filter(None, (heads[second], told)))] = (
                _effects(claims, second, language) if key == "effect" else cells
            )
    table = pd.DataFrame(columns).map(lambda cell: say(str(cell), language))
    table.columns = pd.Index([say(column, language) for column in table.columns])
    return table.set_index(say("claim", language))


def _protocol(poolings: pd.Series, language: str) -> str:
    """The pooling of a column of claims, or that each encoder has its own; empty if it has none."""
    distinct = list(dict.fromkeys(filter(None, poolings)))
    return pooling_name(distinct[0] if len(distinct) == 1 else BEST, language) if distinct else ""


def _effects(claims: pd.DataFrame, second: str, language: str) -> list[str]:
    """Effects, each with what its column and line do not say: another encoder, its own pooling."""
    several = claims[f"{second}pooling"].loc[lambda p: p != ""].nunique() > 1
    told = []
    for _, row in claims.iterrows():
        encoder, pooling = row[f"{second}encoder"], row[f"{second}pooling"]
        parts = [encoder] if encoder and encoder != row["encoder"] else []
        parts += [pooling_name(pooling, language)] if several and pooling else []
        beside = _BRACKETS[language].format(COMMA[language].join(parts)) if parts else ""
        told.append(f"{say(row[f'{second}effect'], language)}{beside}")
    return told


def published_table(
    published: Mapping[str, Mapping[str, float]], results: pd.DataFrame, *, language: str = "en"
) -> pd.DataFrame:
    """Numbers of the report beside ours, both untrained [CLS], a line for each of its encoders.

    Where none of ours takes the place of one of them, the report's stand alone.

    Args:
        published: split to encoder to Spearman.
        results: tidy rows; an encoder stands beside the one whose place it takes, if any does
            (:data:`~simcse_core.config.REPORT_ENCODERS`).
    """
    rows = of_kind(spearman(results), Kind.UNTRAINED)
    rows = rows[rows["pooling"] == Pooling.CLS]
    ours = {report_encoder(encoder): encoder for encoder in dict.fromkeys(rows["encoder"])}
    report = {"en": "the report", "zh": "原报告"}[language]
    lines = []
    for encoder in dict.fromkeys(name for split in published.values() for name in split):
        mine = rows[rows["encoder"] == ours.get(encoder)]
        line = {report: encoder}
        for split, numbers in published.items():
            line[f"{report}{COMMA[language]}{say(split, language)}"] = f"{numbers[encoder]:.4f}"
        line[{"en": "here", "zh": "本文"}[language]] = ours.get(encoder, "")
        for split in published:
            line[{"en": f"here, {split}", "zh": f"本文，{say(split, 'zh')}"}[language]] = (
                mean_and_range(on(mine, split), language=language)
            )
        lines.append(line)
    table = pd.DataFrame(lines).set_index(report)
    return table.loc[:, (table != "").any()]


def ready_made_table(
    made: Sequence[Mapping[str, Any]], results: pd.DataFrame, *, language: str = "en"
) -> pd.DataFrame:
    """Ready-made encoders: how each is used, what it costs, what it scores on each split.

    Args:
        made: of each ``encoder``, ``pooling``, ``prefix``, ``parameters``, ``megabytes``,
            ``licence``.
        results: tidy rows, with metric ``sentences_per_second`` beside Spearman.
    """
    rows = of_kind(results, Kind.READY_MADE)
    lines = []
    for row in made:
        mine = rows[rows["encoder"] == row["encoder"]]
        speed = mine.loc[mine["metric"] == "sentences_per_second", "value"].mean()
        line = {
            "encoder": row["encoder"],
            "pooling": pooling_name(row["pooling"], language),
            "prefix": f"`{row['prefix']}`" if row["prefix"] else "",
            "parameters": f"{row['parameters'] / 1e6:.1f} M",
            "MB": f"{row['megabytes']:.0f}",
            "licence": row["licence"] or say("not stated", language),
            "sentences a CPU-second": "" if pd.isna(speed) else f"{speed:,.0f}",
        }
        scores = spearman(mine)
        line |= {s: mean_and_range(on(scores, s), language=language) for s in splits(scores)}
        lines.append({say(head, language): cell for head, cell in line.items()})
    return pd.DataFrame(lines).set_index(say("encoder", language))


def settings_table(rows: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Every training setting under each protocol, mean on dev over encoders and seeds, best first.

    The untrained encoders come before them.

    Args:
        rows: columns ``protocol, n_train``, :data:`SETTINGS` and ``spearman``; ``n_train`` is 0 for
            untrained encoders.
    """
    sizes = sorted(set(rows["n_train"]) - {0})
    lines = []
    for protocol, mine in rows.groupby("protocol", sort=False):
        name = pooling_name(str(protocol), language)
        start = mine.loc[mine["n_train"] == 0, "spearman"].mean()
        lines.append([name, say("untrained", language), "", "", "", *[f"{start:.4f}"] * len(sizes)])
        scores = {
            n: settings_means(mine[mine["n_train"] == n]).set_index(SETTINGS)["spearman"]
            for n in sizes
        }
        for setting in scores[sizes[0]].index:
            told = [f"{scores[n][setting]:.4f}" if setting in scores[n] else "" for n in sizes]
            lines.append([name, *(f"{value:g}" for value in setting), *told])
    heads = [say(name, language) for name in ("protocol", *SETTINGS)]
    columns = [*heads, *(quantity(n, "n_train", language) for n in sizes)]
    return pd.DataFrame(lines, columns=columns).set_index(heads[0])


def settings_means(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of each setting under each protocol, best first; NaN where a run of it failed."""
    groups = rows.groupby(["protocol", *SETTINGS], sort=False)["spearman"]
    means = groups.agg(lambda values: values.mean(skipna=False)).reset_index()
    return means.sort_values("spearman", ascending=False, kind="stable", na_position="last")


def verdicts_table(claims: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """What the protocol changes in each claim: the verdict under either, and whether they agree."""
    claims = claims.astype(object).where(claims.notna(), "")
    head = {"en": "the same", "zh": "是否相同"}[language]
    words = {"en": ("no", "yes"), "zh": ("否", "是")}[language]
    same = claims["verdict"] == claims["second_verdict"]
    columns = {"claim": [claim_name(claim, language) for claim in claims["claim"]]}
    columns["encoder"] = claims["encoder"].to_list()
    columns[_protocol(claims["pooling"], language)] = claims["verdict"].to_list()
    if beside := _protocol(claims["second_pooling"], language):
        columns[beside] = claims["second_verdict"].to_list()
        columns[head] = [words[bool(equal)] for equal in same]
    table = pd.DataFrame(columns).map(lambda cell: say(str(cell), language))
    table.columns = pd.Index([say(column, language) for column in table.columns])
    return table.set_index(say("claim", language))


def to_markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table, its index as the first columns."""
    flat = table.reset_index()
    cells = [[str(column) for column in flat.columns], *flat.astype(str).to_numpy().tolist()]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(flat.columns), *lines[1:]])


def mean_and_range(rows: pd.DataFrame, *, digits: int = 4, language: str = "en") -> str:
    """Mean of ``value`` over seeds, lowest and highest where they differ, why one is missing."""
    values = rows["value"]
    gaps = rows[values.isna()]
    why = "".join(gaps["missing"].dropna()[:1] if "missing" in gaps else "").partition(";")[0]
    missing = say("missing", language)
    told_why = f"{missing}{COLON[language]}{in_words(why, language)}" if why else missing
    if len(gaps) == len(rows):
        return told_why if len(rows) else ""
    low, mean, high = (f"{v:.{digits}f}" for v in values.agg(["min", "mean", "max"]))
    told = mean if values.nunique() == 1 else f"{mean} [{low}, {high}]"
    if gaps.empty:
        return told
    return f"{told}{COMMA[language]}{_of(len(gaps), len(rows), language)}{told_why}"


def _of(some: int, every: int, language: str) -> str:
    return f"{every} 个中 {some} 个" if language == "zh" else f"{some} of {every} "


def _range(row: pd.Series) -> str:
    """The same of a row that holds ``mean``, ``min`` and ``max`` already."""
    if row["min"] == row["max"]:
        return f"{row['mean']:.4f}"
    return f"{row['mean']:.4f} [{row['min']:.4f}, {row['max']:.4f}]"


def _told(rows: pd.DataFrame) -> list[str]:
    return [column for column in ("value", "missing") if column in rows]


def _with_split(text: str, split: str, language: str) -> str:
    return f"{text}（{say(split, 'zh')}）" if language == "zh" else f"{text} ({split})"


def _side(name: str, at: float, language: str) -> str:
    told = method(name).name(language)
    if not at:
        return told
    return f"{told}{'' if told.endswith('）') else ' '}{at:,.0f}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"[{low:+.4f}, {high:+.4f}]"


def _without_gaps(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The same rows with empty texts for gaps, which would drop out of groups."""
    filled = {c: rows[c].astype(object).where(rows[c].notna(), "") for c in columns}
    return rows.assign(**filled)


def _stacked(parts: Mapping[Facet, pd.DataFrame]) -> pd.DataFrame:
    """The facets' tables on top of each other, with index levels for what tells facets apart."""
    table = pd.concat(list(parts.values()), keys=list(parts), names=list(Facet._fields))
    for level in Facet._fields:
        table = table.droplevel(level) if table.index.unique(level).size == 1 else table
    return table


def _in_words(table: pd.DataFrame, language: str) -> pd.DataFrame:
    """Methods, poolings and splits by their names in a language, heads likewise."""
    words = {
        "method": lambda name: method(name).name(language) if name else "",
        "pooling": lambda pooling: pooling_name(pooling, language),
        "split": lambda split: say(split, language),
        "encoder": lambda encoder: say(encoder, language),
    }
    flat = table.reset_index()
    for column in words.keys() & set(flat.columns):
        flat[column] = flat[column].map(words[column])
    heads = [say(str(column), language) for column in flat.columns]
    flat.columns = pd.Index(heads)
    return flat.set_index(heads[: table.index.nlevels])
