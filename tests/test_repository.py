"""What stands around the code is read by services that cannot be asked: held to their schemas."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted(
    path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"
)
HELD_TO = {
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
    "vendor.github-workflows": sorted((ROOT / ".github/workflows").glob("*.yml")),
    "custom.github-workflows-require-timeout": sorted((ROOT / ".github/workflows").glob("*.yml")),
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [ROOT / ".github/ISSUE_TEMPLATE/config.yml"],
}


def checked(schema: str, files: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    # A CITATION.cff has no suffix that tells its format.
    command += ["--default-filetype", "yaml", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", HELD_TO)
def test_a_file_for_a_service_is_what_the_service_reads(schema):
    assert HELD_TO[schema], f"no file for {schema}"
    result = checked(schema, HELD_TO[schema])
    assert result.returncode == 0, result.stdout


def test_a_spoilt_workflow_fails_that_check(tmp_path):
    (tmp_path / "spoilt.yml").write_text("on: push\njobs: {test: {runs-on: 3, steps: none}}\n")
    assert checked("vendor.github-workflows", [tmp_path / "spoilt.yml"]).returncode == 1


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (ruff,) = (d for d in PROJECT["optional-dependencies"]["test"] if d.startswith("ruff=="))
    assert [repo["rev"] for repo in hooks["repos"]] == [ruff.replace("ruff==", "v")]


def test_the_workflow_runs_the_readme_s_test_command_on_the_oldest_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert job["strategy"]["matrix"]["python"][0] == oldest
    assert "make test" in [step.get("run") for step in job["steps"]]
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["Dockerfile", ".devcontainer/devcontainer.json", "binder/postBuild"]
)
def test_containers_install_the_pinned_versions(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "make setup" in text or "-c constraints.txt" in text


def test_the_devcontainer_names_files_that_are_there():
    folder = ROOT / ".devcontainer"
    build = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))["build"]
    assert (folder / build["dockerfile"]).is_file()
    assert (folder / build["context"]).resolve() == ROOT.resolve()


def test_a_user_of_the_devcontainer_is_one_of_the_image():
    made = re.findall(r"useradd.* (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    config = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert config["remoteUser"] in made


def test_the_changelog_has_a_part_for_what_is_not_released():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
