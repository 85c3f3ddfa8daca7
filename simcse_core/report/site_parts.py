"""The HTML of a results folder in one language: headings, pictures, tables, stamps."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from simcse_core.report.as_html import as_html
from simcse_core.report.glossary import ABOUT, TERMS
from simcse_core.report.markers import tell
from simcse_core.report.messages import message
from simcse_core.report.pages import Made, Section, ToldTopic, draw, heading, sections
from simcse_core.report.records import Records, notebook_of
from simcse_core.report.wording import COLON, LIST_COMMA

TEMPLATES = Path(__file__).parent / "templates"
# What stands before .html and .png in each language.
_SUFFIX = {"en": "", "zh": ".zh-CN"}
OTHER = {"en": "zh", "zh": "en"}
# Those who hear a page choose a table by its name.
_REGION_NAME = re.compile(r'aria-label="([^"]*)"')
_ANSWER = ("answer", "05_sample")
_CLAIMS = "05_claims"

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "overview": "Overview",
        "skip": "To the content",
        "chapters": "Chapters",
        "other": "中文",
        "answer": "What to do with a few hundred sentences",
        "terms": "Words used here",
        "charts": "Every chart",
        "lacking": "Not in this folder",
        "broken": "Broken in this folder",
        "made": "Made from the tables of a results folder alone; each names what it was made from.",
        "how": "How these numbers were made",
        "command": "Command",
        "code": "Code",
        "data": "Data",
        "encoders": "Encoders",
        "versions": "Versions",
        "from": "Made from",
        "tables": "Tables",
        "notebooks": "The notebooks as they ran",
        "table": "Table: {}",
    },
    "zh": {
        "overview": "总览",
        "skip": "跳到正文",
        "chapters": "章节",
        "other": "English",
        "answer": "手头有几百条句子，怎么用",
        "terms": "用到的术语",
        "charts": "全部图表",
        "lacking": "本目录中没有的结果",
        "broken": "本目录中损坏的结果",
        "made": "全部由结果目录中的表生成；每张表都注明来源。",
        "how": "这些数字是怎么得到的",
        "command": "命令",
        "code": "代码",
        "data": "数据",
        "encoders": "编码器",
        "versions": "版本",
        "from": "来自",
        "tables": "表格",
        "notebooks": "运行后的 notebook",
        "table": "表格：{}",
    },
}


@dataclass(frozen=True)
class Telling:
    """What a folder's tables tell in one language.

    Attributes:
        single: whether all of it stands in one file.
    """

    language: str
    title: str
    records: Mapping[str, Records]
    sections: Sequence[Section]
    made: Made
    single: bool

    @classmethod
    def of(cls, directory: Path, language: str, single: bool = False) -> Telling:
        """Reads a folder's tables and draws its charts."""
        made = Made()
        records = draw(directory, language, made)
        found = sections(records, language, made)
        # Where the folder lies is nothing that a page passes on.
        made.broken = [line.replace(f"{directory}/", "") for line in dict.fromkeys(made.broken)]
        title = heading(records, language) if records else directory.name
        return cls(language, title, records, found, made, single)

    def something(self) -> bool:
        """Whether there is anything to tell: a table, or one that is broken."""
        return bool(self.sections or self.made.broken)

    @property
    def words(self) -> dict[str, str]:
        return _WORDS[self.language]

    def pictures(self) -> dict[str, bytes]:
        """Every chart by its file's name, which holds the language."""
        return {self.picture(name): content for name, content in self.made.files.items()}

    def picture(self, file: str) -> str:
        """A picture's file in this language."""
        return file.replace(".png", f"{_SUFFIX[self.language]}.png")

    def page(self, name: str, body: Markup) -> str:
        """A page with the links to all others."""
        pages = {"index": self.words["overview"]}
        pages |= {section.number: section.title for section in self.sections}
        links = [(page_file(page, self.language), text) for page, text in pages.items()]
        title = self.title if name == "index" else f"{pages[name]} – {self.title}"
        other = page_file(name, OTHER[self.language])
        return self.render(body, title, links, page_file(name, self.language), other)

    def render(
        self, body: Markup, title: str, links: Sequence[tuple[str, str]], here: str, other: str
    ) -> str:
        """A whole file around a body.

        Args:
            links: address and text of each page or part.
            here: the address that is this file.
            other: the same in the other language.
        """
        return _template().render(
            language=self.language,
            words=self.words,
            site=self.title,
            title=title,
            links=[{"href": h, "text": text, "here": h == here} for h, text in links],
            other=other,
            body=_distinct(body),
            style=Markup(_asset("page.css")),
            script=Markup(_asset("sort.js")),
        )

    def overview(self, notebooks: Sequence[str]) -> Markup:
        """What this is, the answer, the claims, every chart, and what is not there."""
        parts = [Markup("<h1>{}</h1>").format(self.title), self._broken(), self._about()]
        kind, table = _ANSWER
        if table in self.records:
            answer = as_html(tell(kind, self.records[table], (), self.language))
            head = Markup("<h2>{}</h2>").format(self.words["answer"])
            parts += [head, Markup('<div class="answer">{}</div>').format(answer)]
        told = {topic.name: topic for section in self.sections for topic in section.topics}
        if claims := told.get(_CLAIMS):
            parts.append(self._topic(claims, level=2))
        if not self.single:  # where the chapters do not follow at once
            parts += self._charts()
        if notebooks:
            links = [Markup('<li><a href="{0}">{0}</a></li>').format(name) for name in notebooks]
            parts.append(Markup("<h2>{}</h2>").format(self.words["notebooks"]))
            parts.append(Markup("<ul>{}</ul>").format(Markup("").join(links)))
        return Markup("\n").join([*parts, self._lacking()])

    def _charts(self) -> list[Markup]:
        """Every chart, small, above a link to where its chapter tells of it."""
        head = Markup("<h2>{}</h2>").format(self.words["charts"])
        caption = Markup('<figcaption><a href="{}#{}">{}</a></figcaption>')
        figures = [
            self._figure(topic, caption.format(self._page_of(section), topic.name, topic.title))
            for section in self.sections
            for topic in section.topics
        ]
        return [head, Markup('<div class="charts">{}</div>').format(Markup("").join(figures))]

    def _page_of(self, section: Section) -> str:
        return page_file(section.number, self.language)

    def _about(self) -> Markup:
        """What is measured, and the words for it folded away."""
        pair = Markup("<dt>{}</dt><dd>{}</dd>")
        terms = [pair.format(term[self.language], text[self.language]) for term, text in TERMS]
        told = Markup("<p>{}</p><details><summary>{}</summary><dl>{}</dl></details>")
        return told.format(ABOUT[self.language], self.words["terms"], Markup("").join(terms))

    def section(self, section: Section) -> Markup:
        """What one notebook measured."""
        level = 2 if self.single else 1
        head = Markup(f'<h{level} id="{{}}">{{}}</h{level}>')
        parts = [head.format(section.number, section.title)]
        parts += [self._topic(topic, level + 1) for topic in section.topics]
        parts += [self._made_by(section.records), self._downloads(section.records)]
        return Markup("\n").join(parts)

    def _broken(self) -> Markup:
        if not self.made.broken:
            return Markup("")
        lines = [message(line, self.language) for line in self.made.broken]
        items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
        head = Markup("<h2>{}</h2>").format(self.words["broken"])
        return Markup('<section class="warning">{}<ul>{}</ul></section>').format(head, items)

    def _lacking(self) -> Markup:
        """Tables that are not there, below the notebook that writes them."""
        by_notebook: dict[str, list[str]] = {}
        for table in self.made.absent:
            by_notebook.setdefault(notebook_of(table), []).append(table)
        if not by_notebook:
            return Markup("")
        item = Markup("<li><code>{}</code>{}{}</li>")
        colon, comma = COLON[self.language], LIST_COMMA[self.language]
        items = [item.format(name, colon, comma.join(t)) for name, t in by_notebook.items()]
        head = Markup("<h2>{}</h2>").format(self.words["lacking"])
        return Markup("{}<ul>{}</ul>").format(head, Markup("").join(items))

    def _topic(self, topic: ToldTopic, level: int) -> Markup:
        head = Markup(f'<h{level} id="{{}}">{{}}</h{level}>').format(topic.name, topic.title)
        guide = Markup('<div class="guide">{}</div>').format(as_html(topic.guide))
        told = [as_html(part, self.words["table"].format(topic.title)) for part in topic.parts]
        return Markup("\n").join([head, guide, self._figure(topic), *told])

    def _figure(self, topic: ToldTopic, caption: Markup = Markup("")) -> Markup:
        """A chart that opens alone where it is a file of its own; nothing where there is none."""
        if not topic.alt:
            return Markup("")
        file = self.picture(f"{topic.name}.png")
        text = f"{topic.title}{COLON[self.language]}{topic.alt}"
        image = Markup('<img src="{}" alt="{}">').format(file, text)
        if not self.single:
            image = Markup('<a href="{}">{}</a>').format(file, image)
        return Markup('<figure tabindex="0">{}{}</figure>').format(image, caption)

    def _made_by(self, records: Sequence[Records]) -> Markup:
        """What the stamps of a section's tables say, folded away."""
        items = [Markup("<h3>{}</h3><dl>{}</dl>").format(r.name, self._stamp(r)) for r in records]
        body = Markup("<details><summary>{}</summary>{}</details>")
        return body.format(self.words["how"], Markup("").join(items))

    def _stamp(self, records: Records) -> Markup:
        stamp, words = records.stamp, self.words
        told = {
            words["command"]: stamp.get("command"),
            words["code"]: stamp.get("code"),
            words["data"]: f"{stamp['dataset']} {stamp.get('data', '')}",
            words["encoders"]: _listed(stamp.get("encoders", {})),
            words["versions"]: _listed(stamp.get("versions", {})),
            words["from"]: _listed(stamp.get("made_from", {})),
        }
        rows = [
            Markup("<dt>{}</dt><dd><code>{}</code></dd>").format(name, value)
            for name, value in told.items()
            if value
        ]
        return Markup("").join(rows)

    def _downloads(self, records: Sequence[Records]) -> Markup:
        files = [f"{r.name}{suffix}" for r in records for suffix in (".csv", ".json")]
        items = [Markup('<li><a href="{0}">{0}</a></li>').format(file) for file in files]
        head = Markup("<h2>{}</h2>").format(self.words["tables"])
        return Markup("{}<ul>{}</ul>").format(head, Markup("").join(items))


def page_file(name: str, language: str) -> str:
    """The file of a page in a language."""
    return f"{name}{_SUFFIX[language]}.html"


def _distinct(body: Markup) -> Markup:
    """The same with a number behind each name of a region that stands there again."""
    seen: Counter[str] = Counter()

    def numbered(found: re.Match[str]) -> str:
        seen[found[1]] += 1
        times = seen[found[1]]
        return f'aria-label="{found[1]} ({times})"' if times > 1 else found[0]

    return Markup(_REGION_NAME.sub(numbered, body))


def _listed(content: Mapping[str, object]) -> str:
    return "; ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in content.items()
    )


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("page.html")


@cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
