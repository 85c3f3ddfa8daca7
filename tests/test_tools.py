"""The small tools: weight conversion, notebook execution, whole folders, parts of pages."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output
from transformers import AutoModel

from simcse_core.config import PROJECT_ROOT
from simcse_core.report.notebook_pages import WIDGET, without_widgets
from tools.files import whole_folder
from tools.pages import fill_part


def tool(name: str) -> ModuleType:
    return importlib.import_module(f"tools.{name}")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_picture_and_file_a_readme_names_is_there(name: str) -> None:
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [link.split("#")[0] for link in links if not link.startswith(("http", "#"))]
    assert local
    assert [link for link in local if not (PROJECT_ROOT / link).exists()] == []


def test_pickled_weights_become_the_same_safetensors(bert_dir: Path, tmp_path: Path) -> None:
    pickled = Path(shutil.copytree(bert_dir, tmp_path / "pickled"))
    weights = AutoModel.from_pretrained(bert_dir).state_dict()
    (pickled / "model.safetensors").unlink()
    torch.save(weights, pickled / "pytorch_model.bin")
    tool("convert_to_safetensors").convert(pickled, tmp_path / "safe")
    converted = AutoModel.from_pretrained(tmp_path / "safe", use_safetensors=True).state_dict()
    assert weights.keys() == converted.keys()
    assert all(torch.equal(weights[name], converted[name]) for name in weights)


def executed(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell("1", execution_count=1, outputs=list(outputs))])


def test_progress_bars_are_taken_out_of_a_stored_notebook() -> None:
    bar = new_output("display_data", data={WIDGET: {}, "text/plain": "0%"})
    text = new_output("stream", name="stdout", text="kept")
    assert tool("execute_notebooks").checked(executed(bar, text)).cells[0].outputs == [text]


def test_of_a_widget_that_tells_its_state_as_text_the_text_stays() -> None:
    shown = new_output(
        "execute_result",
        data={WIDGET: {}, "text/markdown": "**1**", "text/plain": "**1**"},
        execution_count=1,
    )
    (kept,) = without_widgets(executed(shown)).cells[0].outputs
    assert kept.data == {"text/markdown": "**1**", "text/plain": "**1**"}


def test_a_warning_stops_the_storing_of_a_notebook() -> None:
    warning = new_output("stream", name="stderr", text="DeprecationWarning: old")
    with pytest.raises(RuntimeError, match=r"cell 1 .* DeprecationWarning"):
        tool("execute_notebooks").checked(executed(warning))


def test_a_part_of_a_page_is_filled_and_the_rest_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    fill_part(page, "one", r"new \1")
    assert page.read_text(encoding="utf-8") == ("a\n<!-- one -->\nnew \\1\n<!-- end -->\nb\n")
    with pytest.raises(ValueError, match=r"page.md: has no <!-- three -->"):
        fill_part(page, "three", "new")


def test_a_folder_appears_when_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "made" / "target"
    with whole_folder(target) as unfinished:
        (unfinished / "one").write_text("1", encoding="utf-8")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    assert (target / "one").read_text(encoding="utf-8") == "1"


def test_a_folder_that_is_there_gets_the_new_files_and_keeps_its_others(tmp_path: Path) -> None:
    for name in ("one", "kept"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    with whole_folder(tmp_path) as unfinished:
        (unfinished / "one").write_text("new", encoding="utf-8")
    assert (tmp_path / "one").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "kept").read_text(encoding="utf-8") == "old"


def test_folders_within_are_written_and_carried_over_as_well(tmp_path: Path) -> None:
    for name in ("both", "kept"):
        (tmp_path / "target" / name).mkdir(parents=True)
        (tmp_path / "target" / name / "old").write_text("old", encoding="utf-8")
    with whole_folder(tmp_path / "target") as unfinished:
        (unfinished / "both").mkdir()
        (unfinished / "both" / "new").write_text("new", encoding="utf-8")
    files = {path for path in (tmp_path / "target").rglob("*") if path.is_file()}
    names = {str(path.relative_to(tmp_path / "target")) for path in files}
    assert names == {"both/new", "both/old", "kept/old"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_folder_whose_writing_breaks_off_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "one").write_text("old", encoding="utf-8")

    def break_off(name: str) -> None:
        with whole_folder(tmp_path / name) as unfinished:
            (unfinished / "one").write_text("ne", encoding="utf-8")
            raise KeyboardInterrupt

    for name in ("target", "other"):
        with pytest.raises(KeyboardInterrupt):
            break_off(name)
    assert (tmp_path / "target" / "one").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
