"""Full disks, read-only folders and want of memory, made to happen for real."""

from __future__ import annotations

import logging
import multiprocessing
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from simcse_core import SentenceEncoder, TrainConfig, checkpoint, train_simcse
from simcse_core.config import Pooling
from simcse_core.data import DataError, StudyData, load_sts, load_triplets
from simcse_core.experiments import Experiment, train_sizes
from simcse_core.files import write_text
from simcse_core.folders import output_directory
from simcse_core.plans import Plan
from simcse_core.study.run import main

HERE = Path(__file__).parent
SIZES = [6, 10, 16]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 1, "", str(error))


def fill(disk: Path) -> Path:
    """Takes all the space that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    return ballast


@pytest.fixture(scope="module")
def plan(bert_dir: Path) -> Plan:
    train = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1)
    return Plan(str(bert_dir), Pooling.MEAN, train)


# --- the disk --------------------------------------------------------------------------------


def test_a_disk_that_is_full_leaves_what_was_finished_and_lets_the_run_go_on(
    disk: Path, study_data: StudyData, plan: Plan, tmp_path: Path
) -> None:
    run = Experiment("02", study_data, [plan], [0, 1], disk / "out")
    train_sizes(replace(run, seeds=[0]), SIZES)
    finished = {path: path.read_bytes() for path in (disk / "out" / "cells").glob("*.json")}
    ballast = fill(disk)
    with pytest.raises(OSError, match="No space left on device"):
        train_sizes(run, SIZES)
    assert {path: path.read_bytes() for path in (disk / "out" / "cells").glob("*.json")} == finished
    ballast.unlink()
    found = train_sizes(run, SIZES)
    expected = train_sizes(replace(run, output_dir=tmp_path / "undisturbed"), SIZES)
    assert_frame_equal(found, expected, check_exact=True)
    assert {path.suffix for path in (disk / "out" / "cells").iterdir()} == {".json"}


def test_a_disk_too_full_for_a_state_ends_the_run_and_keeps_its_points(
    disk: Path, study_data: StudyData, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A state of the tiny BERT takes more than the disk has, its points take little.
    monkeypatch.setattr(checkpoint.Checkpoint.__init__, "__defaults__", (0.0,))
    (disk / "ballast").write_bytes(b"\0" * 150_000)
    run = Experiment("02", study_data, [plan], [0], disk / "out")
    with pytest.raises(OSError, match="No space left on device"):
        train_sizes(run, [4, *SIZES])  # the first batch ends at a point, and then with a state
    (unfinished,) = (disk / "out" / "cells").iterdir()
    assert [path.name for path in unfinished.iterdir()] == ["points.json"]


def test_a_study_on_a_full_disk_says_what_to_do(
    disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(disk)
    assert main(["--only", "02_small_sample", "--out", str(disk / "out")]) == 1
    said = capfd.readouterr().err
    assert said.startswith("study: ")
    assert "No space left on device" in said
    assert "Traceback" not in said


def test_a_limit_on_file_sizes_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_text(path, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"table.csv": "old"}


def test_a_read_only_folder_is_refused_by_name_before_anything_runs(
    disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert mount("-o", "remount,ro", str(disk)).returncode == 0
    with pytest.raises(OSError, match=f"output_dir: {disk} is read-only; name another folder"):
        output_directory(disk)
    assert main(["--only", "02_small_sample", "--out", str(disk)]) == 1
    assert f"study: output_dir: {disk} is read-only" in capfd.readouterr().err
    assert main(["--only", "02_small_sample", "--out", str(disk / "new")]) == 1
    assert "Read-only file system" in capfd.readouterr().err


# --- memory ----------------------------------------------------------------------------------

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["simcse_core.experiments"])


def train_with_little_memory(bert_dir: Path, told: Path, n: int, mib: int) -> None:
    encoder = SentenceEncoder.from_pretrained(bert_dir, "mean", 64, "cpu")
    texts = [f"{a}{b}{c}" * 3 for a in SENTENCES for b in SENTENCES for c in "一二三"][:n]
    small, large = TrainConfig(batch_size=4), TrainConfig(batch_size=len(texts))
    train_simcse(encoder, texts[:8], small)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + mib * 2**20, -1))
    try:
        with told.open("w", encoding="utf-8") as stderr, redirect_stderr(stderr):
            logging.basicConfig(stream=stderr, force=True)
            train_simcse(encoder, texts, large)
            stderr.write("trained")
    except (RuntimeError, MemoryError) as error:
        with told.open("a", encoding="utf-8") as stderr:
            stderr.write(repr(error))
    train_simcse(encoder, texts[:8], small)  # the process is none the worse for it


def test_a_batch_too_large_for_the_memory_is_an_error_that_names_memory(
    bert_dir: Path, tmp_path: Path
) -> None:
    told = limited(bert_dir, tmp_path, 24 * 48, mib=64)
    assert "memory" in told.lower()  # which the study turns into a way out
    assert "trained" not in told


def test_a_batch_whose_activations_alone_are_too_large_is_trained_in_chunks(
    bert_dir: Path, tmp_path: Path
) -> None:
    told = limited(bert_dir, tmp_path, 24 * 20, mib=256)
    assert "does not fit into memory" in told
    assert told.endswith("trained")


def limited(bert_dir: Path, tmp_path: Path, n: int, mib: int) -> str:
    """What is told by a process that trains on a batch of ``n`` with so much memory to spare."""
    told = tmp_path / "told"
    worker = SERVER.Process(target=train_with_little_memory, args=(bert_dir, told, n, mib))
    worker.start()
    worker.join(300)
    assert worker.exitcode == 0
    return told.read_text()


# --- files that are something else -----------------------------------------------------------

OTHER_FORMATS = {
    "UTF-16 without a mark": "1||天气好||今天好||3\n".encode("utf-16-le"),
    "a zip file": b"PK\x03\x04\x14\x00\x00\x00",
    "a parquet file": b"PAR1\x15\x04\x15\x00PAR1",
    "JSON": b'{"sentence1": "a", "sentence2": "b", "score": 3}\n',
    "CSV": b"id,sentence1,sentence2,score\n1,a,b,3\n",
    "a character cut in half": "1||天气好||今天好".encode()[:-1],
    "a label cut off": "1||天气好||今天好||".encode(),
    "one line with old line ends": "1||天||气||3\r2||今||天||4\r".encode(),
}


@pytest.mark.parametrize("format_", OTHER_FORMATS)
def test_a_file_of_another_format_is_named_with_its_line(cnsd_dir: Path, format_: str) -> None:
    path = cnsd_dir / "cnsd-sts-dev.txt"
    path.write_bytes(OTHER_FORMATS[format_])
    with pytest.raises(DataError, match=r"cnsd-sts-dev\.txt, line 1: "):
        load_sts(cnsd_dir, "dev")


def test_a_folder_in_the_place_of_a_file_is_named(cnsd_dir: Path) -> None:
    (cnsd_dir / "cnsd-snli-train.txt").unlink()
    (cnsd_dir / "cnsd-snli-train.txt").mkdir()
    with pytest.raises(DataError, match=r"nli"):
        load_triplets(cnsd_dir)


def test_a_file_that_cannot_be_read_is_named_with_the_cause(
    cnsd_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:  # root may read anything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"dev\.txt: cannot be read \(Permission denied\)"):
        load_sts(cnsd_dir, "dev")


# --- any text --------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@pytest.fixture(scope="module")
def encoder(bert_dir: Path) -> SentenceEncoder:
    return SentenceEncoder.from_pretrained(bert_dir, "mean", 32, "cpu")


@given(texts=st.lists(_TEXT, max_size=6))
def test_any_text_has_a_finite_vector_of_its_own(
    encoder: SentenceEncoder, texts: list[str]
) -> None:
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), encoder.model.config.hidden_size)
    assert np.isfinite(vectors).all()
    assert encoder.n_truncated(texts) <= len(texts)


@settings(max_examples=15)
@given(texts=st.lists(_TEXT, min_size=2, max_size=6))
def test_any_text_can_be_trained_on(bert_dir: Path, texts: list[str]) -> None:
    fresh = SentenceEncoder.from_pretrained(bert_dir, "mean", 32, "cpu")
    config = TrainConfig(batch_size=4, learning_rate=1e-3)
    losses = train_simcse(fresh, texts, config, [2, len(texts)])["loss"]
    assert np.isfinite(losses).all()


# --- the list of faults ----------------------------------------------------------------------

LISTED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (HERE / "FAULTS.md").read_text("utf-8"))


@pytest.mark.parametrize(("file", "test"), sorted(set(LISTED)))
def test_every_fault_listed_has_its_test(file: str, test: str) -> None:
    assert re.search(rf"^def {test}\(", (HERE / file).read_text(encoding="utf-8"), re.M)
