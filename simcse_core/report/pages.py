"""A results folder's pictures and its pages, made from its tables alone."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from simcse_core.errors import one_line
from simcse_core.files import write_bytes
from simcse_core.report.markers import tell
from simcse_core.report.plotting import as_png, save_chart
from simcse_core.report.records import Records, caption, notebook_of, read_records
from simcse_core.report.style import language as chart_language
from simcse_core.report.style import set_style
from simcse_core.report.topics import CHARTS, SECTIONS, TOPICS, Topic
from simcse_core.report.wording import LIST_COMMA, say, spaced

PAGES = {"en": "README.md", "zh": "README.zh-CN.md"}
# Root mean square of the differences of two pictures' pixels (0 to 255) that counts as none: the
# same tables, drawn on another machine, differ in the last bit of few pixels.
SAME_PICTURE = 0.5

_INTRO = {
    "en": "Every chart, table and sentence below is made from the tables (`.csv`) of this folder "
    "by `make figures`. The `.json` beside a table says what it was made from.",
    "zh": "以下图、表与文字均由本目录中的表（`.csv`）经 `make figures` 生成；"
    "表旁的 `.json` 写明其来源。",
}

_MADE_BY = {
    "en": ": made by `{command}` (code `{code}`; {versions})",
    "zh": "：由 `{command}` 生成（代码 `{code}`；{versions}）",
}


@dataclass
class Made:
    """What a folder's tables give.

    Attributes:
        files: what is made of them, by name.
        absent: names of tables that are not there.
        broken: what is amiss with those that cannot be used.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def write_pages(directory: Path, language: str = "en") -> Made:
    """Draws every chart of a results folder and writes its page in each language.

    Args:
        language: of the charts' labels; the pages are in both.

    Raises:
        OSError: a file cannot be written.
    """
    made = make(directory, language)
    for name, content in made.files.items():
        write_bytes(directory / name, content)
    return made


def differing(directory: Path, made: Made) -> list[str]:
    """The files of a folder that are not what its tables give; pictures are compared by pixels."""
    return [
        name
        for name, content in made.files.items()
        if not (directory / name).is_file() or not _same((directory / name).read_bytes(), content)
    ]


def make(directory: Path, language: str = "en") -> Made:
    """Every chart and page that a folder's tables give; one that is broken stops no other."""
    made = Made()
    records = draw(directory, language, made)
    if records:
        for each, name in PAGES.items():
            made.files[name] = _page(records, each, made).encode("utf-8")
    made.broken = list(dict.fromkeys(made.broken))
    return made


def draw(directory: Path, language: str, made: Made) -> dict[str, Records]:
    """Reads a folder's tables and draws every chart of them into ``made``; returns the tables."""
    records = _read(directory, made)
    set_style(language)
    for name, topic in CHARTS.items():
        if (topic.table or name) in records:
            try:
                made.files[f"{name}.png"] = as_png(draw_chart(records, name))
            except Exception as error:  # what a table holds is not known to be what a chart needs
                again = f"run {notebook_of(name)} again"
                made.broken.append(f"{name}.png: cannot be drawn ({one_line(error)}); {again}")
    return records


def draw_chart(records: Mapping[str, Records], name: str) -> Figure:
    """One of :data:`~simcse_core.report.topics.CHARTS`, in the language that set_style chose.

    Args:
        records: by table; only the chart's own is needed.
    """
    topic, language = CHARTS[name], chart_language()
    drawn = records[topic.table or name]
    assert topic.draw is not None
    return topic.draw(drawn, topic.title[language], caption(drawn, language))


def write_chart(directory: Path, name: str) -> Figure:
    """Draws a chart from its table in a results folder, writes it there, and returns it.

    Raises:
        FileNotFoundError, ValueError: see :func:`~simcse_core.report.records.read_records`.
    """
    table = CHARTS[name].table or name
    return save_chart(draw_chart({table: read_records(directory, table)}, name), directory, name)


def told(directory: Path, part: str, language: str = "en") -> str:
    """A table or prose from a results folder, as Markdown.

    Args:
        part: as in a marker, the table by its name: ``curve 02_small_sample n_train``.

    Raises:
        FileNotFoundError, ValueError: see :func:`~simcse_core.report.records.read_records` and
            :func:`~simcse_core.report.markers.tell`.
    """
    kind, table, *words = part.split()
    return tell(kind, read_records(directory, table), words, language)


def _read(directory: Path, made: Made) -> dict[str, Records]:
    tables = [topic.table or name for name, topic in TOPICS.items()]
    tables += [part.split()[1] for topic in TOPICS.values() for part in topic.told]
    records = {}
    for table in sorted(set(tables)):
        try:
            records[table] = read_records(directory, table)
        except FileNotFoundError:
            made.absent.append(table)
        except ValueError as error:
            made.broken.append(str(error))
    return records


def _page(records: Mapping[str, Records], language: str, made: Made) -> str:
    head = heading(records, language)
    other = {"en": "[中文](README.zh-CN.md)", "zh": "[English](README.md)"}[language]
    parts = [f"# {head}", other, _INTRO[language]]
    for section in sections(records, language, made):
        parts += [f"## {section.title}"]
        for told in section.topics:
            parts += [
                f"### {told.title}",
                told.guide,
                *told.picture(f"{told.name}.png"),
                *told.parts,
            ]
        parts.append(_made_by(section.records, language))
    return "\n\n".join(parts) + "\n"


def heading(records: Mapping[str, Records], language: str) -> str:
    """The title of a folder's pages: its data by name."""
    # A notebook on several data sets names them in one line.
    named = ", ".join(str(record.stamp["dataset"]) for record in records.values()).split(", ")
    datasets = LIST_COMMA[language].join(say(name, language) for name in dict.fromkeys(named))
    return spaced(f"{datasets}上的结果") if language == "zh" else f"Results on {datasets}"


@dataclass(frozen=True)
class ToldTopic:
    """A topic as far as its tables are there.

    Attributes:
        name: the topic's, and its picture's.
        alt: what the picture shows; empty where there is no picture.
        parts: tables and prose, as Markdown.
    """

    name: str
    title: str
    guide: str
    alt: str
    parts: Sequence[str]

    def picture(self, file: str) -> list[str]:
        """The picture as Markdown, if there is one."""
        return [f"![{self.alt}]({file})"] if self.alt else []


@dataclass(frozen=True)
class Section:
    """What one notebook measured: its topics, and the tables that they stand on."""

    number: str
    title: str
    topics: Sequence[ToldTopic]
    records: Sequence[Records]


def sections(records: Mapping[str, Records], language: str, made: Made) -> list[Section]:
    """What a folder's tables tell, by notebook; what is broken is added to ``made``."""
    found = []
    for number, title in SECTIONS.items():
        topics = [
            _told_topic(name, topic, records, language, made)
            for name, topic in TOPICS.items()
            if name.startswith(number)
        ]
        topics = [topic for topic in topics if topic.alt or topic.parts]
        if topics:
            mine = [r for name, r in records.items() if name.startswith(number)]
            found.append(Section(number, f"{int(number)} · {title[language]}", topics, mine))
    return found


def _told_topic(
    name: str, topic: Topic, records: Mapping[str, Records], language: str, made: Made
) -> ToldTopic:
    parts = []
    for part in topic.told:
        kind, table, *words = part.split()
        if table in records:
            try:
                parts.append(tell(kind, records[table], words, language))
            except Exception as error:
                again = f"run {notebook_of(table)} again"
                made.broken.append(f"{table}: cannot be told ({one_line(error)}); {again}")
    alt = topic.alt[language] if topic.alt and f"{name}.png" in made.files else ""
    told = list(filter(None, parts))
    return ToldTopic(name, topic.title[language], topic.guide[language], alt, told)


def _made_by(records: Iterable[Records], language: str) -> str:
    """The command, code and versions behind a section's tables, and the tables themselves."""
    lines: dict[str, list[str]] = {}
    for r in records:
        versions = ", ".join(f"{name} {v}" for name, v in r.stamp.get("versions", {}).items())
        facts = {"versions": versions, **{k: r.stamp.get(k, "?") for k in ("command", "code")}}
        lines.setdefault(_MADE_BY[language].format(**facts), []).append(_link(r, language))
    return "\n".join(f"- {', '.join(tables)}{how}" for how, tables in lines.items())


def _link(records: Records, language: str) -> str:
    link = f"[{records.name}.csv]({records.name}.csv)"
    sources = records.stamp.get("made_from", {})
    if not sources:
        return link
    told = ", ".join(f"{name} `{sha[:12]}`" for name, sha in sources.items())
    return f"{link}（来自 {told}）" if language == "zh" else f"{link} (from {told})"


def _same(old: bytes, new: bytes) -> bool:
    if old == new or not new.startswith(b"\x89PNG"):
        return old == new
    try:
        one, other = (plt.imread(io.BytesIO(content), format="png") for content in (old, new))
    except (OSError, SyntaxError, ValueError):
        return False
    if one.shape != other.shape:
        return False
    return float(np.sqrt(np.mean((one - other) ** 2))) * 255 <= SAME_PICTURE
