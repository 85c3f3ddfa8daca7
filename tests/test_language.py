"""A notebook that is run in Chinese stores nothing in English that has a Chinese form."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from test_ready_profile import source

from simcse_core.report.pages import differing, draw_chart, make
from simcse_core.report.records import read_records
from simcse_core.report.style import set_style
from simcse_core.study.notebooks import NOTEBOOKS
from simcse_core.study.run import main

__all__ = ["source"]  # a fixture
NAME = "01_baselines"
CHARTS = (NAME, "01_scores_by_label")
CHINESE = re.compile(r"[\u4e00-\u9fff]")

pytestmark = pytest.mark.usefixtures("english_again")


def markdowns(cell: NotebookNode) -> list[str]:
    return [o.data["text/markdown"] for o in cell.outputs if "text/markdown" in o.get("data", {})]


def test_a_notebook_run_in_chinese_stores_chinese(
    source: Path, tmp_path: Path, bert_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    words = [f"--source={source}", f"--out={out}", "--only", NAME, "--seeds=0", "-planguage=zh"]
    words += [f"-pencoders=[{bert_dir}]", "-pwhitening_sentences=8"]
    assert main(words) == 0
    notebook = nbformat.read(out / "notebooks" / f"{NAME}.ipynb", as_version=4)
    written = nbformat.read(NOTEBOOKS / f"{NAME}.ipynb", as_version=4)

    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    english = [cell.source for cell in written.cells if cell.cell_type == "markdown"]
    assert len(texts) == len(english)
    assert all(CHINESE.search(text) for text in texts)
    assert set(texts).isdisjoint(english)

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    told = [text for cell in code for text in markdowns(cell) if text]  # some have nothing to tell
    heads = [text.splitlines()[0] for text in told if text.startswith("|")]
    assert len(told) > len(heads) >= 2  # prose and tables
    assert [text for text in [*told, *heads] if not CHINESE.search(text)] == []
    for head in heads:
        names = [name.strip() for name in head.strip("|").split("|")]
        assert not {"encoder", "pooling", "method", "dev", "test", "difference"} & set(names)

    said = "".join(o.text for cell in code for o in cell.outputs if o.get("name") == "stderr")
    assert "Glyph" not in said
    assert "missing from font" not in said

    # What is kept as pictures is what is drawn in Chinese, titles and all.
    assert not {f"{name}.png" for name in CHARTS} & set(differing(out, make(out, "zh")))
    assert {f"{name}.png" for name in CHARTS} <= set(differing(out, make(out, "en")))
    set_style("zh")
    for name in CHARTS:
        figure = draw_chart({name: read_records(out, name)}, name)
        assert CHINESE.search(figure.legends[0].get_title().get_text())
        assert all(CHINESE.search(ax.get_title()) for ax in figure.axes)
