"""What breaks a person's files: two at a time, a full disk, a limit. The old ones stay."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from application_texts import STAMP, angles

from simcse_core.applications import search
from simcse_core.applications.__main__ import _held, main
from simcse_core.applications.review import write_review

FORK = multiprocessing.get_context("fork")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "faq.index"
    search.save(search.build(["0", "90", "180"], angles, STAMP), path)
    return path


def test_a_limit_on_file_sizes_leaves_the_old_index(index: Path) -> None:
    before = index.read_bytes()
    more = search.build([str(i) for i in range(500)], angles, STAMP)
    with files_of_at_most(2000), pytest.raises(OSError, match="File too large"):
        search.save(more, index)
    assert index.read_bytes() == before
    assert [path.name for path in index.parent.iterdir()] == [index.name]


def test_the_command_line_tells_a_limit_in_one_line_and_keeps_the_index(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.csv"
    pd.DataFrame({"text": ["90"]}).to_csv(gone, index=False)
    before = index.read_bytes()
    with files_of_at_most(200):
        code = main(["search", "remove", "--index", str(index), "--questions", str(gone)])
    said = capsys.readouterr().err
    assert (code, said.count("\n"), "File too large" in said) == (1, 1, True), said
    assert index.read_bytes() == before


def test_a_limit_on_file_sizes_leaves_no_half_review(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": ["某句话"] * 500, "label": "a", "decision": ""})
    with files_of_at_most(500), pytest.raises(OSError, match="File too large"):
        write_review(table, tmp_path / "review.csv")
    assert list(tmp_path.iterdir()) == []


def remove_one(index: Path, question: str) -> None:
    gone = index.with_name(f"{question}.csv")
    pd.DataFrame({"text": [question]}).to_csv(gone, index=False)
    raise SystemExit(main(["search", "remove", "--index", str(index), "--questions", str(gone)]))


def test_a_change_waits_for_another_one_and_none_is_lost(index: Path) -> None:
    """Two processes remove a question each while a third holds the index."""
    with _held(index):
        workers = [FORK.Process(target=remove_one, args=(index, text)) for text in ("0", "180")]
        for worker in workers:
            worker.start()
        time.sleep(0.5)
        assert all(worker.is_alive() for worker in workers)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert search.load(index).questions == ["90"]


def test_a_lock_whose_holder_was_killed_does_not_count(index: Path) -> None:
    def hold() -> None:
        with _held(index):
            time.sleep(60)

    holder = FORK.Process(target=hold)
    holder.start()
    while not index.with_name(f".{index.name}.lock").exists():
        time.sleep(0.01)
    holder.kill()
    holder.join(60)
    gone = index.with_name("gone.csv")
    pd.DataFrame({"text": ["0"]}).to_csv(gone, index=False)
    assert main(["search", "remove", "--index", str(index), "--questions", str(gone)]) == 0
    assert search.load(index).questions == ["90", "180"]
