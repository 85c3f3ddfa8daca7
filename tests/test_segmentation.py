from __future__ import annotations

import marshal
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PathDistribution
from pathlib import Path

import jieba
import pytest

from simcse_core import results
from simcse_core.config import PROJECT_ROOT
from simcse_core.results import library_versions
from simcse_core.segmentation import cut_words

SENTENCE = "我来到北京清华大学"
WORDS = ["我", "来到", "北京", "清华大学"]  # as jieba's own page has it
CUT = f"from simcse_core.segmentation import cut_words; print(*cut_words({SENTENCE!r}))"


def cut_in_a_process(temporary: Path) -> list[str]:
    found = subprocess.run(
        [sys.executable, "-c", CUT],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return found.stdout.split()


def _single_characters(path: Path) -> None:
    with path.open("wb") as file:
        marshal.dump((dict.fromkeys(SENTENCE, 1), len(SENTENCE)), file)


def _no_cache(path: Path) -> None:
    path.write_bytes(b"\xff no marshal")


def _a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("plant", [_single_characters, _no_cache, _a_folder])
def test_a_file_that_somebody_put_into_the_temporary_folder_is_not_read(
    plant: Callable[[Path], None], tmp_path: Path
) -> None:
    plant(tmp_path / "jieba.cache")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert cut_in_a_process(tmp_path) == WORDS
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    assert cut_in_a_process(tmp_path) == WORDS
    assert not list(tmp_path.iterdir())


def test_words_that_somebody_added_to_jieba_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    private = jieba.Tokenizer()
    monkeypatch.setattr(jieba, "dt", private)
    private.add_word("来到北京", freq=10**9)
    assert "来到北京" in private.lcut(SENTENCE)
    assert cut_words(SENTENCE) == WORDS


def test_words_that_somebody_took_out_of_jieba_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence, word = "他来到了网易杭研大厦", "杭研"  # found by jieba's model, of no dictionary
    monkeypatch.setattr(jieba.finalseg, "Force_Split_Words", set())
    assert word in cut_words(sentence)
    jieba.finalseg.add_force_split(word)
    assert word not in jieba.Tokenizer().lcut(sentence)
    assert word in cut_words(sentence)
    assert jieba.finalseg.Force_Split_Words == {word}


def test_words_together_are_the_sentence() -> None:
    for sentence in ("", " ", "今天 喝茶，a b！", SENTENCE * 3):
        assert "".join(cut_words(sentence)) == sentence


def test_another_dictionary_is_another_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = library_versions()["jieba dictionary"]
    (tmp_path / "jieba").mkdir()
    (tmp_path / "jieba" / "dict.txt").write_text("北京 5 ns\n", encoding="utf-8")

    there = PathDistribution(tmp_path / "jieba-0.42.1.dist-info")
    monkeypatch.setattr(results.importlib.metadata, "distribution", lambda _: there)
    monkeypatch.setattr(results.importlib.metadata, "version", lambda _: "1.0")
    results._dictionary_hash.cache_clear()
    try:
        assert library_versions()["jieba dictionary"] not in (here, "")
    finally:
        results._dictionary_hash.cache_clear()
    assert len(here) == 12
