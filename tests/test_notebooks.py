"""What holds of every committed notebook, and that validation by nbval bites."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import nbformat
import pytest
from nbformat import NotebookNode

from simcse_core.report.topics import CHARTS
from simcse_core.study.notebooks import NOTEBOOKS, notebook_paths

NAMES = tuple(path.stem for path in notebook_paths())
MARK = "# NBVAL_CHECK_OUTPUT"
MAX_LINES = 15
PATHS_OF_A_MACHINE = re.compile(r"/(home|root|Users|tmp|work|mnt|var)/|[A-Z]:\\\\|/ipykernel_\d+/")


@pytest.fixture(params=NAMES)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameter_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]


def streams(cell: NotebookNode, name: str) -> str:
    return "".join(out.text for out in cell.outputs if out.get("name") == name)


# --- shape -----------------------------------------------------------------------------------


def test_a_notebook_is_valid(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)


def test_a_notebook_begins_with_its_question_expectation_and_time(notebook: NotebookNode) -> None:
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    for word in ("**Question.**", "**Expected.**", "**Time.**"):
        assert word in first.source


def test_code_cells_are_short(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        # A parameter a line, with its help: no code that could move elsewhere.
        if "parameters" not in cell.metadata.get("tags", ()):
            assert len(cell.source.splitlines()) <= MAX_LINES, cell.source


def test_logic_lives_in_the_package(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda), cell.source


def test_imports_are_in_the_first_code_cell_alone(notebook: NotebookNode) -> None:
    first, *others = code(notebook)
    assert all(isinstance(s, ast.Import | ast.ImportFrom) for s in ast.parse(first.source).body)
    for cell in others:
        nodes = ast.walk(ast.parse(cell.source))
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes)


def test_there_is_one_parameters_cell_right_after_the_imports(notebook: NotebookNode) -> None:
    assert parameter_cells(notebook) == [code(notebook)[1]]


def lines_with_comment(source: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and len(token.string) > len("# x"):
            yield token.start[0]


def test_every_parameter_has_a_trailing_comment_that_papermill_shows(
    notebook: NotebookNode,
) -> None:
    source = parameter_cells(notebook)[0].source
    commented = set(lines_with_comment(source))
    for statement in ast.parse(source).body:
        assert statement.end_lineno in commented, ast.unparse(statement)


def calls(notebook: NotebookNode, name: str) -> Iterator[str]:
    """The first argument of every ``run.<name>(...)``, as it is written."""
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            match node:
                case ast.Call(ast.Attribute(ast.Name("run"), attr), [ast.Constant(value), *_]):
                    if attr == name:
                        yield str(value)


def test_what_reads_a_source_can_be_told_its_columns(notebook: NotebookNode) -> None:
    (cell,) = parameter_cells(notebook)
    named = {line.split(" = ")[0] for line in cell.source.splitlines()}
    columns = {"text_column", "pair_columns", "label_column"}
    assert named & columns == (columns if "source" in named else set())


def test_what_is_drawn_and_told_stands_in_a_table_that_was_written(notebook: NotebookNode) -> None:
    tables = set(calls(notebook, "table"))
    drawn = {CHARTS[name].table or name for name in calls(notebook, "chart")}
    told = {part.split()[1] for part in calls(notebook, "tell")}
    assert drawn | told <= tables
    assert drawn, "a notebook without a chart"


def test_every_table_of_a_notebook_is_drawn_or_told(notebook: NotebookNode) -> None:
    number = notebook.cells[0].source.removeprefix("# ").split(" ")[0].zfill(2)
    shown = [CHARTS[name].table or name for name in calls(notebook, "chart")]
    shown += [part.split()[1] for part in calls(notebook, "tell")]
    for table in calls(notebook, "table"):
        assert table.startswith(f"{number}_")
        assert table in shown


# --- stored outputs --------------------------------------------------------------------------


def test_a_notebook_is_committed_as_it_ran_from_top_to_bottom(notebook: NotebookNode) -> None:
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_wrote_to_stderr_or_failed(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        assert not streams(cell, "stderr"), cell.source
        assert not [out for out in cell.outputs if out.output_type == "error"], cell.source


def test_nothing_stored_names_a_path_of_the_machine(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        for out in cell.outputs:
            texts = {k: v for k, v in out.get("data", {}).items() if not k.startswith("image/")}
            said = out.get("text", "") + json.dumps(texts, ensure_ascii=False)
            assert not PATHS_OF_A_MACHINE.search(said), said


def test_a_chart_is_stored_and_shown(notebook: NotebookNode) -> None:
    charts = [out for cell in code(notebook) for out in cell.outputs if "image/png" in str(out)]
    assert charts


def test_charts_and_facts_say_that_the_data_is_the_bundled_sample(notebook: NotebookNode) -> None:
    assert "bundled sample (" in "".join(streams(c, "stdout") for c in code(notebook))


def facts(notebook: NotebookNode) -> str:
    """What the last code cell printed when the notebook was committed."""
    return streams(code(notebook)[-1], "stdout")


def test_the_last_code_cell_states_facts_that_nbval_compares(notebook: NotebookNode) -> None:
    # nbval compares text alone, and lets a cell pass that was stored without output.
    last = code(notebook)[-1]
    assert last.source.startswith(MARK)
    assert {out.output_type for out in last.outputs} == {"stream"}
    assert facts(notebook).count("\n") >= 3
    assert re.search(r"\d", facts(notebook))


# --- validation bites ------------------------------------------------------------------------


def other_digit(text: str) -> str:
    """The text with its last digit changed."""
    head, digit, tail = re.fullmatch(r"(?s)(.*)(\d)(\D*)", text).groups()
    return f"{head}{(int(digit) + 1) % 10}{tail}"


def checked_cell(source: str, stored: str) -> NotebookNode:
    output = nbformat.v4.new_output("stream", name="stdout", text=stored)
    return nbformat.v4.new_code_cell(f"{MARK}\n{source}", execution_count=1, outputs=[output])


def warned(fact: str) -> NotebookNode:
    return checked_cell(f"import warnings\nwarnings.warn('careful')\nprint({fact!r})", f"{fact}\n")


def cases() -> dict[str, tuple[NotebookNode, bool]]:
    """Cells as they might have been committed, and whether nbval may pass them."""
    fact = "sentences: 48, spearman: 0.61"
    found: dict[str, tuple[NotebookNode, bool]] = {
        "a fact": (checked_cell(f"print({fact!r})", f"{fact}\n"), True),
        "another digit": (checked_cell(f"print({fact!r})", f"{other_digit(fact)}\n"), False),
        "a line less": (checked_cell(f"print({fact!r})\nprint(2)", f"{fact}\n"), False),
        "a warning": (warned(fact), False),
    }
    for name in NAMES:
        stored = facts(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)) or "none: 0"
        again = f"print({stored!r}, end='')"
        found[f"facts of {name}"] = (checked_cell(again, stored), True)
        found[f"another digit in {name}"] = (checked_cell(again, other_digit(stored)), False)
    return found


CASES = cases()


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Which of the cases pass, in one run of nbval with the options that CI gives it."""
    folder = tmp_path_factory.mktemp("nbval")
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    cells = [cell for cell, _ in CASES.values()]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "cases.ipynb")
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-kernel-startup-timeout=180"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--junitxml=report.xml", "cases.ipynb"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (folder / "report.xml").is_file(), ended.stdout + ended.stderr
    found = [
        test.find("failure") is None for test in ET.parse(folder / "report.xml").iter("testcase")
    ]
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_nbval_passes_what_is_true_and_nothing_else(passed: dict[str, bool], case: str) -> None:
    assert passed[case] is CASES[case][1]


def test_changing_a_digit_changes_the_last_one_alone() -> None:
    assert other_digit("a 1, b 0.69 end\n") == "a 1, b 0.60 end\n"
