"""Executed notebooks as HTML that opens from disk: no script, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from simcse_core.report.topics import CHARTS, Topic
from simcse_core.report.wording import COLON

WIDGET = "application/vnd.jupyter.widget-view+json"
_TEMPLATES = Path(__file__).parent / "templates"
# Comments in the theme's styles hold addresses, which nothing would fetch.
_STYLE, _COMMENT = re.compile(r"<style.*?</style>", re.DOTALL), re.compile(r"/\*.*?\*/", re.DOTALL)
_CHART = re.compile(r"\.chart\(\"(\w+)\"\)")


def without_widgets(notebook: NotebookNode) -> NotebookNode:
    """Takes widgets out of a notebook, in place: bars as a whole, of others the text stays."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            is_widget = WIDGET in output.get("data", {})
            output.get("data", {}).pop(WIDGET, None)
            if is_widget and set(output.data) == {"text/plain"}:
                output.data.clear()
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    notebook.metadata.pop("widgets", None)
    return notebook


def in_language(notebook: NotebookNode, language: str) -> NotebookNode:
    """Gives the text of a notebook in a language, in place; what has no such text stays.

    A cell of text has its Chinese beside it, as ``zh`` of its metadata; its English goes there, as
    ``en``, where Chinese takes its place.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and language in cell.metadata:
            cell.metadata.setdefault("en", cell.source)
            cell.source = cell.metadata[language]
    return notebook


def notebook_page(path: Path, language: str = "en") -> str:
    """An executed notebook as one HTML file, its text in a language.

    What cells have said when they ran stays in the language that they ran with.

    Raises:
        ValueError: the file is no notebook; the message names it.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        raise ValueError(f"{path.name}: is no notebook ({error}); run it again") from error
    for cell in without_widgets(in_language(notebook, language)).cells:
        _tell_pictures(cell, language)
    exporter = HTMLExporter(
        template_name="notebook",
        extra_template_basedirs=[str(_TEMPLATES)],
        embed_images=True,
        language_code=language,
    )
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    return _STYLE.sub(lambda style: _COMMENT.sub("", style[0]), page)


def _tell_pictures(cell: NotebookNode, language: str) -> None:
    """Gives each picture of a cell the text for those who do not see it."""
    names = _CHART.findall(cell.source)
    texts = [_describe(CHARTS[name], language) for name in names if name in CHARTS]
    for output, text in zip(_pictures(cell), texts, strict=False):
        output.setdefault("metadata", {}).setdefault("image/png", {})["alt"] = text


def _describe(topic: Topic, language: str) -> str:
    return f"{topic.title[language]}{COLON[language]}{(topic.alt or {}).get(language, '')}"


def _pictures(cell: NotebookNode) -> Iterator[NotebookNode]:
    return (o for o in cell.get("outputs", ()) if "image/png" in o.get("data", {}))
