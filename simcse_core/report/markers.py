"""Fills the generated parts of a Markdown file from result tables.

A generated part stands between two comments, each on a line of its own. The first says what goes
in: a kind, a table (its path from the Markdown file; several are read as one), and what else the
kind asks for.

    <!-- curve figures/mini/02_small_sample.csv n_train -->
    ...
    <!-- end -->

=============  ===========================  ========================================================
kind           after the table              what goes in
=============  ===========================  ========================================================
spearman       columns                      a table of Spearman, a line for each value of them
last           columns                      the same at each method's largest size
points         n_train|epoch [dev|test]     a table of a curve, point by method
chosen         n_train|epoch                a table: untrained, best on dev, last
differences    [dev|test]                   a table of differences with both intervals
sample                                      a table of every method at the same sizes
shared                                      a table with and without pairs that share a sentence
claims                                      a table of claims and verdicts
verdicts                                    a table of what the protocol changes in each verdict
settings                                    a table of training settings, best on dev first
published                                   a table of the report's own numbers beside ours
ready_made                                  a table of ready-made encoders and their costs, if any
baselines                                   prose on what needs no training
curve          n_train|epoch                prose on a curve
comparison                                  prose on before and after
answer                                      prose on what to do with few sentences
training                                    a table of what was measured along training on own text
beside                                      a table of the kept encoder and what needs no training
checkpoints                                 a table of cosines along training
explored                                    prose on them
kept                                        prose on the encoder that was kept
use                                         a table of one of the four uses, or of effects on them
practice                                    prose on what to do in one of the four uses
several                                     prose on a table of several sources
several_table                               a table of several sources
by_size                                     a table of what SimCSE changes on them, size by size
recipes                                     prose on recipes for few sentences
recipes_table                               a table of them
=============  ===========================  ========================================================

A file named ``*.zh-CN.md`` gets Chinese. Markers inside a fenced block are left as they are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import pandas as pd

from simcse_core.files import write_text
from simcse_core.report import (
    explorer_prose,
    own_text,
    prose,
    set_prose,
    set_tables,
    tables,
    use_prose,
    use_tables,
)
from simcse_core.report.records import Records, bounds, read_records
from simcse_core.report.rows import spearman
from simcse_core.report.set_rows import named
from simcse_core.report.tables import to_markdown
from simcse_core.report.wording import capitalised

# From the words after the kind to Markdown; a ValueError or OSError says what is wrong with them.
Fill = Callable[[Sequence[str]], str]
# From records, further words and a language to Markdown.
Tell = Callable[..., str]
T = TypeVar("T")

KINDS: dict[str, Tell] = {
    "spearman": lambda r, *keys, language: to_markdown(
        tables.spearman_table(r.frame, keys, language=language)
    ),
    "last": lambda r, *keys, language: to_markdown(
        tables.last_table(r.frame, keys, language=language)
    ),
    "points": lambda r, x, split="test", *, language: to_markdown(
        tables.curve_table(r.frame, x, split, language=language)
    ),
    "chosen": lambda r, x, *, language: to_markdown(
        tables.chosen_table(r.frame, x, language=language)
    ),
    "differences": lambda r, split="test", *, language: to_markdown(
        tables.difference_table(r.frame, split, language=language)
    ),
    "sample": lambda r, *, language: to_markdown(tables.sample_table(r.frame, language=language)),
    "shared": lambda r, *, language: to_markdown(tables.shared_table(r.frame, language=language)),
    "claims": lambda r, *, language: to_markdown(tables.claims_table(r.frame, language=language)),
    "verdicts": lambda r, *, language: to_markdown(
        tables.verdicts_table(r.frame, language=language)
    ),
    "settings": lambda r, *, language: to_markdown(
        tables.settings_table(r.frame, language=language)
    ),
    "published": lambda r, *, language: _published(r, language),
    "ready_made": lambda r, *, language: _ready_made(r, language),
    "baselines": lambda r, *, language: prose.tell_baselines(r.frame, language=language),
    "curve": lambda r, x, *, language: prose.tell_curve(r.frame, x, language=language),
    "training": lambda r, *, language: to_markdown(
        own_text.training_table(r.frame, language=language)
    ),
    "beside": lambda r, *, language: _beside(r, language),
    "kept": lambda r, *, language: own_text.tell_own_text(r.frame, language=language),
    "checkpoints": lambda r, *, language: to_markdown(
        explorer_prose.checkpoint_table(r.frame, language=language)
    ),
    "explored": lambda r, *, language: explorer_prose.tell_checkpoints(r.frame, language=language),
    "answer": lambda r, *, language: prose.tell_answer(r.frame, language=language),
    "use": lambda r, *, language: to_markdown(
        _of_use(use_tables.TABLES, r)(r.frame, language=language)
    ),
    "practice": lambda r, *, language: _of_use(use_prose.PRACTICE, r)(r.frame, language=language),
    "several": lambda r, *, language: _of_use(set_prose.TELL, r)(
        named(r.frame, language), language=language
    ),
    "several_table": lambda r, *, language: to_markdown(
        _of_use(set_tables.TABLES, r)(named(r.frame, language), language=language)
    ),
    "by_size": lambda r, *, language: to_markdown(
        set_tables.by_size_table(named(r.frame, language), language=language)
    ),
    "recipes": lambda r, *, language: set_prose.tell_recipes(r.frame, language=language),
    "recipes_table": lambda r, *, language: to_markdown(
        set_tables.recipes_table(r.frame, language=language)
    ),
    "comparison": lambda r, *, language: prose.tell_comparison(r.frame, language=language),
}


def _beside(records: Records, language: str) -> str:
    if spearman(records.frame).empty:
        return own_text.NO_PAIRS[language]
    return to_markdown(own_text.beside_table(records.frame, language=language))


def _published(records: Records, language: str) -> str:
    numbers = records.stamp.get("published")
    if not numbers:
        return _NOT_PUBLISHED[language]
    return to_markdown(tables.published_table(numbers, records.frame, language=language))


def _ready_made(records: Records, language: str) -> str:
    made = records.stamp.get("ready_made") or []
    if not made:
        return ""
    return to_markdown(tables.ready_made_table(made, records.frame, language=language))


# Tables below which the highest Spearman that is possible is told, where labels bound it.
_OF_SPEARMAN = ("spearman", "last", "points", "chosen", "sample", "shared", "beside")
_NOT_PUBLISHED = {
    "en": "The report measured other pairs than these, so none of its numbers belongs here.",
    "zh": "原报告所测的不是这些句对，故此处没有可以并列的数字。",
}
# Pages that are written before these tables are measured say so.
OPTIONAL = ("verdicts", "settings")
_NOT_YET = {"en": "Not measured yet: there is no {}.", "zh": "尚未测量：没有 {}。"}


def _of_use(functions: Mapping[str, Callable[..., T]], records: Records) -> Callable[..., T]:
    use = records.name.partition("_")[2]
    if use not in functions:
        raise ValueError(f"{records.name} is of no use; there are {', '.join(functions)}")
    return functions[use]


_COMMENT = re.compile(r"<!-- ([\w-]+)((?: \S+)*) -->")
_CLOSING = "<!-- end -->"


def tell(kind: str, records: Records, words: Sequence[str], language: str = "en") -> str:
    """What a part of a kind says of some records, as Markdown.

    Raises:
        ValueError: an unknown kind, words that it does not take, or a column that is not there.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    try:
        inspect.signature(KINDS[kind]).bind(records, *words, language=language)
    except TypeError as error:
        raise ValueError(f"{kind}: {error} (given: {' '.join(words) or 'nothing'})") from error
    try:
        made = KINDS[kind](records, *words, language=language)
        below = bounds(records, language) if kind in _OF_SPEARMAN else ""
        return f"{made}\n\n{capitalised(below)}" if below else made
    except KeyError as error:
        raise ValueError(f"{kind} {' '.join(words)}: no {error} in {records.name}") from error


def fill(text: str, kinds: Mapping[str, Fill], where: str = "text") -> str:
    """The text with every generated part made anew.

    Args:
        kinds: what makes a part, by the first word of its opening comment.
        where: the file's name, for messages.

    Raises:
        ValueError: a part of an unknown kind, one that is not closed, or whatever a kind refuses;
            the message names file and line.
    """
    lines: list[str] = []
    opened: re.Match[str] | None = None
    line_opened, fenced, unknown = 0, False, "nothing"
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        fenced ^= line.startswith("```")
        comment = None if fenced else _COMMENT.fullmatch(line.strip())
        if comment and comment[0] == _CLOSING:
            if not opened:
                known = f"known kinds: {', '.join(kinds)}"
                raise ValueError(f"{where}:{number}: {_CLOSING} closes {unknown}; {known}")
            words = opened[2].split()
            lines.append(_made(kinds[opened[1]], words, f"{where}:{line_opened}"))
            opened = None
        elif comment and comment[1] in kinds:
            if opened:
                break
            opened, line_opened = comment, number
            lines.append(line)
        elif comment:
            unknown = comment[0]
        if not opened:
            lines.append(line)
    if opened:
        raise ValueError(f"{where}:{line_opened}: this part is not closed by {_CLOSING}")
    return "".join(lines)


def _made(make: Fill, words: Sequence[str], where: str) -> str:
    try:
        return make(words) + "\n"
    except (ValueError, OSError) as error:
        raise ValueError(f"{where}: {error}") from error


def result_kinds(folder: Path, language: str = "en") -> dict[str, Fill]:
    """:data:`KINDS` for a Markdown file in ``folder``: the first words name tables from there."""
    return {kind: partial(_from_table, kind, folder, language) for kind in KINDS}


def _from_table(kind: str, folder: Path, language: str, words: Sequence[str]) -> str:
    paths = [folder / word for word in takewhile(lambda word: word.endswith(".csv"), words)]
    if not paths:
        raise ValueError(f"{kind}: a table (.csv) must come first")
    if kind in OPTIONAL and not paths[0].is_file():
        return _NOT_YET[language].format(paths[0].name)
    every = [read_records(path.parent, path.stem) for path in paths]
    frame = pd.concat([records.frame for records in every], ignore_index=True)
    return tell(kind, replace(every[0], frame=frame), words[len(paths) :], language)


def language_of(path: Path) -> str:
    """The language of a Markdown file, by its name."""
    return "zh" if path.name.endswith(".zh-CN.md") else "en"


def fill_file(path: Path, kinds: Mapping[str, Fill] | None = None, *, check: bool = False) -> bool:
    """Makes the generated parts of a Markdown file anew; returns whether it differed from that.

    Args:
        kinds: as for :func:`fill`; by default those that result tables give.
        check: leaves the file as it is.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: see :func:`fill`.
    """
    text = path.read_text(encoding="utf-8")
    made = fill(text, kinds or result_kinds(path.parent, language_of(path)), path.name)
    if made != text and not check:
        write_text(path, made)
    return made != text
