"""The tables that the notebooks wrote, each with the stamp beside it, and what a caption says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simcse_core.config import NOTEBOOK_STEM, PROJECT_ROOT, Kind
from simcse_core.report.rows import cls_first, of_kind, splits
from simcse_core.report.wording import COLON, COMMA, LIST_COMMA, listed, pooling_name, say, spaced
from simcse_core.results import read_table

_TIDY = "encoder method kind pooling n_train epoch seed dataset split metric value ci_low ci_high"
_USE = f"use way {_TIDY}".replace(" epoch", "").replace(" split", "").replace(" ci_low ci_high", "")
_DIFFERENCES = (
    "encoder after after_kind after_at before before_kind before_at split n_seeds value seed_low "
    "seed_high pair_low pair_high"
)
# What a claim is told by under a protocol; those of the second one begin with ``second_``.
JUDGED = ("encoder", "pooling", "effect", "over_seeds", "over_pairs", "verdict")
# What a table must hold to be drawn, by its name without the notebook's number.
COLUMNS = {
    "differences": _DIFFERENCES,
    "scores_by_label": (
        "encoder pooling method kind n_train split seed spearman label n q05 q25 q50 q75 q95"
    ),
    "lengths": "n_tokens n_sentences is_cut encoder",
    "sample": "n_sentences method kind split mean min max n_seeds pair_low pair_high",
    "projection": "encoder pooling n_train pair side label x y",
    "search": f"{_USE} ci_low ci_high",
    "intents": f"{_USE} examples at",
    "pseudo_labels": f"{_USE} examples at",
    "out_of_scope": f"{_USE} examples unknown at",
    "effects": (
        "use way examples unknown at metric encoder pooling after before before_kind n_seeds value "
        "seed_low seed_high"
    ),
    "gains": f"dataset {_DIFFERENCES}",
    "rule": "dataset seed n_train policy encoder method value best regret fixed rule",
    "indicators": "dataset fixed indicator sign n correlation agree helped",
    "labels": "dataset n_train pairs right regret",
    "answer": (
        "n_train at_hand policy regret counted_regret sets encoder change change_low change_high "
        "helped harmed"
    ),
    "shared": "encoder pooling method kind split all kept pairs kept_pairs",
    "grid": (
        "protocol encoder pooling n_train learning_rate batch_size dropout temperature seed "
        "spearman"
    ),
    "claims": " ".join(["claim criterion", *JUDGED, *(f"second_{key}" for key in JUDGED)]),
}
# What a stamp's parts are, and what each of a list of them must name.
_STAMP: dict[str, tuple[type, tuple[str, ...]]] = {
    "dataset": (str, ()),
    "datasets": (list, ()),
    "plans": (list, ("encoder", "pooling")),
    "ready_made": (
        list,
        ("encoder", "pooling", "prefix", "parameters", "megabytes", "licence"),
    ),
    "encoders": (dict, ()),
    "versions": (dict, ()),
    "made_from": (dict, ()),
    "published": (dict, ()),
    "ceilings": (dict, ()),
}
# These are shown as they were written: +0.10 is no number to be rounded again.
_TEXTS = ("claim", "criterion", *JUDGED, *(f"second_{key}" for key in JUDGED))
_SETTINGS = {
    "batch_size": ("batch {}", "批大小 {}"),
    "learning_rate": ("learning rate {:g}", "学习率 {:g}"),
    "dropout": ("dropout {:g}", "dropout {:g}"),
    "temperature": ("temperature {:g}", "温度 {:g}"),
    "precision": ("precision {}", "精度 {}"),
}
_USUAL = {"precision": "float32"}  # settings that are told where they are another


@dataclass(frozen=True)
class Records:
    """A table, and what it was made from as its stamp says.

    ``stamp`` has the keys ``experiment``, ``dataset``, ``plans`` (a list of ``encoder``,
    ``fingerprint``, ``pooling``, ``train``), ``versions``, ``code``, ``command``; ``published``
    (split to encoder to Spearman) where the report's own numbers belong beside the data;
    ``ready_made`` (a list of ``encoder``, ``pooling``, ``prefix``, ``parameters``, ``megabytes``,
    ``licence``) where encoders of others stand beside those that are studied;
    ``made_from`` (table to SHA-256) in a table derived from others; ``datasets``, where it is of
    several.
    """

    name: str
    frame: pd.DataFrame
    stamp: Mapping[str, Any]


def read_records(directory: Path, name: str) -> Records:
    """Reads ``<name>.csv`` and the stamp ``<name>.json`` beside it.

    Raises:
        FileNotFoundError: one of them is not there; the message names the notebook that writes it.
        ValueError: what is there is no table with the columns of its kind, no stamp, or not of the
            data that the stamp names; the message says what to run again.
    """
    table, again = directory / f"{name}.csv", f"run {notebook_of(name)} with this output_dir"
    try:
        frame, content = read_table(directory, name, _TEXTS)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error.filename} is not there; {again}") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{table.name}: damaged ({error}); {again}") from error
    _check(frame, content, table, again)
    return Records(name, frame, content)


def _check(frame: pd.DataFrame, stamp: Mapping[str, Any], table: Path, again: str) -> None:
    wanted = COLUMNS.get(table.stem.partition("_")[2], _TIDY).split()
    if lacking := [column for column in wanted if column not in frame]:
        raise ValueError(f"{table} has no column {lacking[0]!r}; {again}")
    if frame.empty:
        raise ValueError(f"{table} holds no rows; {again}")
    if not stamp.get("dataset"):
        raise ValueError(f"{table.with_suffix('.json')} names no dataset; {again}")
    if strange := next(_strange(stamp), ""):
        raise ValueError(
            f"{table.with_suffix('.json')}: {strange}, as if another version had written it; "
            f"{again}"
        )
    others = set(frame.get("dataset", ())) - set(stamp.get("datasets") or [stamp["dataset"]])
    if others:
        raise ValueError(
            f"{table} was measured on {min(map(str, others))}, while its stamp names "
            f"{stamp['dataset']}; {again}"
        )


def _strange(stamp: Mapping[str, Any]) -> Iterator[str]:
    """What of a stamp is not what this version writes."""
    for key, (kind, named) in _STAMP.items():
        part = stamp.get(key, kind())
        if not isinstance(part, kind):
            yield f"{key} is no {_KINDS[kind]}"
        for one in part if named else ():
            if lacking := [name for name in named if not isinstance(one, dict) or name not in one]:
                yield f"one of {key} has no {lacking[0]}"


_KINDS: dict[type, str] = {str: "text", list: "list", dict: "mapping"}


def notebook_of(name: str) -> str:
    """The notebook that writes a table: they share their number."""
    number = name.partition("_")[0]
    found = sorted((PROJECT_ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    own = [path.name for path in found if NOTEBOOK_STEM.fullmatch(path.stem)]
    return f"notebooks/{own[0] if own else f'{number}_*.ipynb'}"


def caption(records: Records, language: str = "en") -> str:
    """What stands below a chart: the data and its parts, the seeds, each encoder's settings.

    Seeds are those in the rows, never those that were asked for. Training settings are told where a
    row was trained. Encoders with the same poolings and settings share a line.
    """
    names = [say(name, language) for name in str(records.stamp["dataset"]).split(", ")]
    parts = [LIST_COMMA[language].join(names), *_split_names(records.frame, language)]
    parts += _seeds(records.frame, language)
    lines = [" · ".join(parts), *_encoder_lines(records, language)]
    lines += [_ready_made_line(records, language), bounds(records, language)]
    return "\n".join(filter(None, lines))


def bounds(records: Records, language: str = "en") -> str:
    """The highest Spearman that is possible, where labels take two values; empty elsewhere."""
    ceilings = records.stamp.get("ceilings") or {}
    if not ceilings:
        return ""
    if language == "zh":
        told = [f"{say(split, language)} {value:.3f}" for split, value in ceilings.items()]
        return f"标注只有两种取值，Spearman 至多为：{listed(told, language)}"
    told = [f"{value:.3f} on {split}" for split, value in ceilings.items()]
    return f"labels take two values: Spearman is at most {listed(told, language)}"


def _split_names(frame: pd.DataFrame, language: str) -> list[str]:
    names = [say(split, language) for split in splits(frame)] if "split" in frame else []
    return [listed(names, language)] if names else []


def _seeds(frame: pd.DataFrame, language: str) -> list[str]:
    """The seeds by number, or how many a mean is over; nothing where the rows do not tell."""
    if "seed" in frame:
        if "kind" in frame:  # no seed decides anything of a ready-made encoder
            frame = frame[frame["kind"] != Kind.READY_MADE]
        seeds = sorted(set(frame["seed"].dropna().astype(int)))
        told = LIST_COMMA[language].join(map(str, seeds))
        return [f"种子 {told}" if language == "zh" else f"{_plural('seed', len(seeds))} {told}"]
    counts = frame["n_seeds"][lambda n: n > 0] if "n_seeds" in frame else ()
    if not len(counts):
        return []
    low, high = int(min(counts)), int(max(counts))
    if language == "zh":
        return [f"{low} 个种子" if low == high else f"{low} 至 {high} 个种子"]
    told = f"{low}" if low == high else f"{low} to {high}"
    return [f"{told} {_plural('seed', high)}"]


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _encoder_lines(records: Records, language: str) -> list[str]:
    """A line for encoders with the same poolings and settings; those in the rows alone."""
    frame, plans = records.frame, records.stamp.get("plans", [])
    lines: dict[str, list[str]] = {}
    for encoder in dict.fromkeys(plan["encoder"] for plan in plans):
        mine = frame[frame["encoder"] == encoder] if "encoder" in frame else frame
        if len(mine):
            own = {p["pooling"]: p.get("train", {}) for p in plans if p["encoder"] == encoder}
            for line in _settings(mine, own, language):
                lines.setdefault(line, []).append(encoder)
    return [
        f"{LIST_COMMA[language].join(encoders)}{COLON[language]}{told}"
        for told, encoders in lines.items()
    ]


def _ready_made_line(records: Records, language: str) -> str:
    """The ready-made encoders in the rows, each with its pooling and prefix."""
    there = set(records.frame.get("encoder", ()))
    told = []
    for made in records.stamp.get("ready_made") or []:
        if made["encoder"] in there:
            pooling, prefix = pooling_name(made["pooling"], language), made["prefix"]
            parts = COMMA[language].join([pooling, *([f'"{prefix}"'] if prefix else [])])
            told.append(
                f"{made['encoder']}（{parts}）"
                if language == "zh"
                else f"{made['encoder']} ({parts})"
            )
    head = {"en": "ready-made", "zh": "现成编码器"}[language]
    return f"{head}{COLON[language]}{listed(told, language)}" if told else ""


def _settings(
    rows: pd.DataFrame, train: Mapping[str, Mapping[str, Any]], language: str
) -> list[str]:
    """The poolings of some rows with what they were trained with, those that share it together."""
    trained = "kind" not in rows or len(of_kind(rows, Kind.TRAINED, Kind.LABELLED))
    alike: dict[str, list[str]] = {}
    for pooling in _poolings(rows) or list(train):
        settings = train.get(pooling, {}) if trained else {}
        told = [
            form[language == "zh"].format(settings[name])
            for name, form in _SETTINGS.items()
            if name in settings and settings[name] != _USUAL.get(name)
        ]
        alike.setdefault(COMMA[language].join(told), []).append(pooling)
    lines = []
    for told_settings, poolings in alike.items():
        names = listed([pooling_name(pooling, language) for pooling in poolings], language)
        told_poolings = spaced(f"{names}池化") if language == "zh" else f"{names} pooling"
        lines.append(COMMA[language].join(filter(None, (told_poolings, told_settings))))
    return lines


def _poolings(rows: pd.DataFrame) -> list[str]:
    """Those of the encoder itself; an IDF-weighted mean has its own, whatever the encoder has."""
    if "pooling" not in rows:
        return []
    if "kind" not in rows:
        columns = rows.columns.intersection(["pooling", "second_pooling"])
        return cls_first(pd.Series(rows[columns].to_numpy().ravel()).replace("", None).dropna())
    own = of_kind(rows, Kind.UNTRAINED, Kind.TRAINED, Kind.LABELLED, Kind.READY_MADE)
    return cls_first((rows if own.empty else own)["pooling"].dropna())
