"""Files that appear whole or not at all, and what is kept with a checksum."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcse_core.files import (
    LONGEST_NAME,
    expanded,
    read_sealed,
    remove_unfinished,
    safe_name,
    set_aside,
    whole_file,
    write_bytes,
    write_json,
    write_sealed,
    write_text,
)
from simcse_core.results import write_table

# --- paths that users say --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("~", "{home}"),
        ("~/a b", "{home}/a b"),
        ("a/~", "a/~"),
        ("~nobody-of-that-name/x", "~nobody-of-that-name/x"),
        ("x" * 5000, "x" * 5000),
        ("a\0b", "a\0b"),
    ],
)
def test_a_path_that_is_read_is_what_the_user_means_and_raises_nothing(
    said: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (said, Path(said)):
        assert str(expanded(path)) == meant.format(home=tmp_path)
        assert os.path.exists(expanded(path)) == (said == "~")


# --- whole or not at all ---------------------------------------------------------------------

WRITERS: dict[str, Callable[[Path], object]] = {
    "new.bin": lambda folder: write_bytes(folder / "new.bin", b"new"),
    "new.txt": lambda folder: write_text(folder / "new.txt", "新"),
    "new.json": lambda folder: write_json(folder / "new.json", {"new": 1}),
    "new.csv": lambda folder: write_table(folder, "new", pd.DataFrame({"value": [1.0]}), {}),
}


def fail_to_write(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(os, step, fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"old"}


@pytest.mark.parametrize("name", WRITERS)
def test_a_first_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "replace", fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](tmp_path / "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_a_file_is_flushed_to_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    for step in ("fsync", "replace"):
        real = getattr(os, step)
        monkeypatch.setattr(
            os, step, lambda *args, real=real, step=step: steps.append(step) or real(*args)
        )
    write_text(tmp_path / "new.txt", "新")
    assert steps == ["fsync", "replace"]
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == "新"


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_has_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    write_text(tmp_path / "new.txt", "新")
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == 0o666 & ~umask


def test_json_that_no_other_reader_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "new.json", {"x": math.nan})
    assert not list(tmp_path.iterdir())


# --- what is left by a kill ------------------------------------------------------------------


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    theirs = [".env.local", ".gitlab-ci.yml", ".a.csv.x1y2", "simcse-tmp", ".config.d/x.simcse-tmp"]
    for name in theirs:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("theirs")
    (tmp_path / ".a.simcse-tmp.d").mkdir()
    names: list[str] = []
    with whole_file(tmp_path / "state.pt") as file:
        file.write(b"whole")
        names += [path.name for path in tmp_path.glob(".*.simcse-tmp")]
    (tmp_path / names[0]).write_bytes(b"half")  # as a kill would have left it
    (tmp_path / ".02_b.simcse-tmp.ipynb").write_bytes(b"half")
    remove_unfinished(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in files} == {*theirs, "state.pt"}


def test_a_file_of_the_longest_name_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("字" * 85), "whole")  # 255 bytes, as many as file systems take
    assert (tmp_path / ("字" * 85)).read_text() == "whole"


# --- with a checksum -------------------------------------------------------------------------

CONTENT: dict[str, Any] = {
    "stamp": {"seed": 0, "名": [1, 2.5, None, True]},
    "rows": [{"value": 0.1 + 0.2, "text": "我今天喝茶"}, {"value": -1e-17, "text": ""}],
}


def test_sealed_content_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", CONTENT)
    assert read_sealed(tmp_path / "a.json") == CONTENT


def test_sealed_numbers_of_numpy_come_back_as_python_has_them(tmp_path: Path) -> None:
    content = {"n": np.int64(3), "x": np.float64(1 / 3), "lost": math.nan}
    write_sealed(tmp_path / "a.json", content, allow_nan=True)
    found = read_sealed(tmp_path / "a.json")
    assert (found["n"], found["x"]) == (3, 1 / 3)
    assert math.isnan(found["lost"])
    with pytest.raises(ValueError, match="JSON"):
        write_sealed(tmp_path / "a.json", content)


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


SPOILT: dict[str, Callable[[str], str]] = {
    "another digit": lambda text: edited(text, "0.30000000000000004", "0.3000000000000001"),
    "a whole number for a float": lambda text: edited(text, "2.5", "2"),
    "no rows": lambda text: json.dumps(json.loads(text) | {"rows": []}),
    "a row less": lambda text: json.dumps(
        json.loads(text) | {"rows": json.loads(text)["rows"][:1]}
    ),
    "rows gone": lambda text: json.dumps(
        {key: part for key, part in json.loads(text).items() if key != "rows"}
    ),
    "a key more": lambda text: json.dumps(json.loads(text) | {"more": 1}),
    "another stamp": lambda text: edited(text, '"seed": 0', '"seed": 1'),
    "a letter of a text": lambda text: edited(text, "喝茶", "喝酒"),
    "no checksum": lambda text: json.dumps(CONTENT),
    "a checksum that is a list": lambda text: json.dumps({"checksum": [], **CONTENT}),
    "a list": lambda text: f"[{text}]",
    "a number": lambda text: "3",
    "cut off": lambda text: text[:-20],
    "empty": lambda text: "",
    "nested deeply": lambda text: "[" * 100_000,
    "no text": lambda text: "\x00\x01",
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_was_changed_after_it_was_sealed_is_not_read(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "a.json"
    write_sealed(path, CONTENT)
    path.write_text(SPOILT[spoil](path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises((ValueError, RecursionError)):
        read_sealed(path)


def test_a_file_is_set_aside_under_a_name_of_its_own_each_time(tmp_path: Path) -> None:
    names = []
    for content in ("one", "two", "three"):
        (tmp_path / "a.json").write_text(content)
        names.append(set_aside(tmp_path / "a.json").name)
    assert names == ["a.json.damaged-1", "a.json.damaged-2", "a.json.damaged-3"]
    assert (tmp_path / "a.json.damaged-2").read_text() == "two"


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("02_small-mini-bert", "02_small-mini-bert"),
        ("a|b/c d", "a-b-c-d"),
        ("模型", "模型"),
        ("bert#40855eb", "bert-40855eb"),
        ("../x", "..-x"),
    ],
)
def test_a_name_is_safe_in_any_folder(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("letter", ["x", "字", "𠮷", "|"])
def test_a_name_too_long_is_cut_and_stays_unlike_others(letter: str) -> None:
    names = {safe_name(letter * 80 + end) for end in ("seed0", "seed1", "seed10")}
    names |= {safe_name(letter * 300 + end) for end in ("seed0", "seed1", "seed10")}
    assert len(names) == 6
    assert max(len(name.encode()) for name in names) <= LONGEST_NAME
