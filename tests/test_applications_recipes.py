from __future__ import annotations

import re

import pytest

from simcse_core.applications.__main__ import parser
from simcse_core.config import PROJECT_ROOT

MOST_LINES = 15
PAGES = ("search", "intents", "pseudo_labels", "out_of_scope")


def recipe(page: str) -> str:
    text = (PROJECT_ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return code


@pytest.mark.parametrize("page", PAGES)
def test_a_recipe_is_short(page: str) -> None:
    lines = [line for line in recipe(page).splitlines() if line.strip() and line[0] != "#"]
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("search", "怎么申请退货？"),
        ("intents", "设闹钟"),
        ("pseudo_labels", "proposals; margin of at least"),
        ("out_of_scope", "mahalanobis"),
    ],
)
def test_a_recipe_runs_as_it_is_printed(
    page: str, says: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    exec(compile(recipe(page), f"docs/{page}.md", "exec"), {"__name__": "recipe"})
    assert says in capsys.readouterr().out


def test_the_commands_of_the_pages_are_understood() -> None:
    for page in PAGES:
        text = (PROJECT_ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        commands = re.findall(r"^python -m simcse_core\.applications (.*)$", text, re.MULTILINE)
        assert commands
        for command in commands:
            assert callable(parser().parse_args(command.split()).run)
