"""The explorer in JupyterLab, as somebody uses it in a browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import open_browser
from conftest import CHARACTERS, SENTENCES

from simcse_core.study.notebooks import NOTEBOOKS, parameters_cell

NAME = "08_explore.ipynb"
# A busy machine takes minutes to start a server and a kernel that imports torch.
PATIENCE = 180
BYTES = "async image => (await (await fetch(image.src)).bytes()).join()"
ERROR = "[data-mime-type='application/vnd.jupyter.error']"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bert_dir: Path) -> Path:
    """A folder with the notebook, set to a tiny encoder and few sentences, and not yet run."""
    made = tmp_path_factory.mktemp("lab")
    (made / "mine").mkdir()
    (made / "mine" / "text.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    for i, split in enumerate(("dev", "test")):
        pairs = [f"{a}吗\t{b}吗\t{n % 2}" for n, (a, b) in enumerate(pairwise(SENTENCES[i::2]))]
        (made / "mine" / f"{split}.tsv").write_text("\n".join(pairs), encoding="utf-8")
    notebook = nbformat.read(NOTEBOOKS / NAME, as_version=4)
    own = parameters_cell(NOTEBOOKS / NAME, notebook.cells)
    for name, value in {
        "source": str(made / "mine"),
        "encoder": str(bert_dir),
        "pooling": "mean",
        "checkpoints": [8, 20],
        "output_dir": str(made / "out"),
    }.items():
        changed = re.sub(rf"^{name} = .*$", f"{name} = {value!r}  # tried", own, flags=re.MULTILINE)
        assert changed != own
        own = changed
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = own
    nbformat.write(notebook, made / NAME)
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where a JupyterLab of its own serves the folder."""
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    options += ["--IdentityProvider.token=tried", f"--LabApp.user_settings_dir={_settings(folder)}"]
    said = folder / "server.log"
    with said.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
            stdout=log,
            stderr=log,
            env=_environment(folder),
        )
    try:
        yield _address(said, server)
    finally:
        server.terminate()
        server.wait(60)


def _environment(folder: Path) -> dict[str, str]:
    """This one's, without what would keep a kernel from drawing into the notebook."""
    own = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return {**own, "JUPYTER_CONFIG_DIR": str(folder / ".jupyter")}


def _settings(folder: Path) -> Path:
    """Settings under which cells out of sight are drawn too, and no news is asked for."""
    settings = folder / ".settings"
    for plugin, own in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false"},
    }.items():
        file = settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(own), encoding="utf-8")
    return settings


def _address(said: Path, server: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", said.read_text()):
            return found[0]
        time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start: {said.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def lab() -> Iterator[Any]:
    """A page of a browser."""
    with open_browser() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 1000})


@pytest.fixture(scope="module")
def ran(lab: Any, address: str) -> Any:
    """The page, after all cells have run."""
    lab.set_default_timeout(PATIENCE * 1000)
    lab.goto(f"{address}/lab/tree/{NAME}?token=tried")
    lab.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    lab.get_by_text("| Idle").wait_for()  # cells that are run before a kernel is there are not run
    lab.get_by_role("menuitem", name="Run", exact=True).click()
    lab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    lab.get_by_text("no missing value: True").or_(lab.locator(ERROR)).first.wait_for(
        state="attached"
    )
    lab.set_default_timeout(30_000)  # from now on only a kernel that is there has to answer
    return lab


def test_every_cell_runs_without_an_error(ran: Any) -> None:
    assert ran.locator(ERROR).all_inner_texts() == []
    assert ran.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert ran.get_by_text("Error displaying widget").count() == 0


def test_bars_and_charts_are_there(ran: Any) -> None:
    assert ran.locator(".jp-OutputArea-output .widget-hprogress").count() >= 1
    charts = ran.locator(".jp-RenderedImage img").all()
    assert len(charts) == 1  # the slider's picture is none of these
    assert charts[0].evaluate("image => image.naturalWidth") > 500


def answer(ran: Any, box: int, *texts: str) -> Any:
    """What stands below the fields of a box after a text is typed into each."""
    here = ran.locator(".widget-vbox", has=ran.locator(".widget-text")).nth(box)
    fields, told = here.locator("input"), here.locator(".widget-html-content")
    for place, text in enumerate(texts):
        fields.nth(place).fill(text)
    read = [told.locator("strong", has_text=re.compile(f"^{text}$")) for text in texts]
    for text, found in zip(texts, read, strict=True):
        found.nth(texts.count(text) - 1).wait_for()
    return told


def test_the_cosines_follow_what_is_typed(ran: Any) -> None:
    same = answer(ran, 0, SENTENCES[0], SENTENCES[0])
    assert cosines(same) == [1, 1, 1]  # before, after, and TF-IDF
    other = answer(ran, 0, SENTENCES[0], SENTENCES[-1])
    assert len(cosines(other)) == 3
    assert max(cosines(other)) < 1


def cosines(told: Any) -> list[float]:
    return [float(text) for text in told.locator("tbody td:nth-of-type(2)").all_inner_texts()]


def test_what_the_encoder_does_not_know_is_marked(ran: Any) -> None:
    assert "𠮷" not in CHARACTERS
    told = answer(ran, 1, f"{SENTENCES[0]}𠮷")
    assert "[UNK]" in told.inner_text()
    assert "[UNK]" not in answer(ran, 1, SENTENCES[1]).inner_text()


def test_the_nearest_follow_what_is_typed_and_are_never_it(ran: Any) -> None:
    told = answer(ran, 1, SENTENCES[0])
    rows = [row.split("\t") for row in told.locator("tbody tr").all_inner_texts()]
    assert [row[0].strip() for row in rows] == ["1", "2", "3", "4", "5"]
    found = {cell.rpartition(" (")[0] for row in rows for cell in row[1:]}
    assert found
    assert found < set(SENTENCES[1:])


def test_the_slider_moves_the_projection_and_back(ran: Any) -> None:
    picture, handle = ran.locator("img.widget-image"), ran.locator(".noUi-handle")
    untrained = picture.evaluate(BYTES)
    seen = [untrained]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"):
        before = picture.get_attribute("src")
        handle.press(key)
        ran.wait_for_function(
            "before => document.querySelector('img.widget-image').src !== before", arg=before
        )
        seen.append(picture.evaluate(BYTES))
    assert [seen.index(one) for one in seen] == [0, 1, 2, 1, 0]
