"""Measuring an encoder and its model card, on a tiny encoder and texts counted by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from transformers import BertTokenizer

from simcse_core import SentenceEncoder, StsPairs, evaluate_sts
from simcse_core.config import Pooling
from simcse_core.dropout import set_dropout
from tools.pretraining import measure, model, vocabulary
from tools.pretraining.export import export
from tools.pretraining.recipe import Recipe

TINY = Recipe(masking="character", tokens=6_000_000, layers=1, hidden=16, heads=2)
LOG: dict[str, Any] = {
    "recipe": asdict(TINY),
    "text": ["base.txt", "mine.txt"],
    "excluded": ["cnsd-sts-dev.txt"],
    "init": None,
    "sentences": 12_345,
    "machine": {"processor": "AMD EPYC", "threads": 1, "bfloat16 in hardware": True},
    "step": 1486,
    "tokens": 6_000_400,
    "seconds": 2304.0,
    "passes": 1.5,
    "final": {
        "character": {"accuracy": 0.5519, "loss": 2.371, "masked_tokens": 4783},
        "word": {"accuracy": 0.36, "loss": 3.88, "masked_tokens": 4768},
    },
}
SENTENCES = (
    "他在看书。",
    "他正在看一本书。",
    "她在唱歌。",
    "明天下雨吗？",
    "明天会下雨吗？",
    "猫睡着了。",
)
PAIRS = StsPairs(list(SENTENCES[:5]), list(SENTENCES[1:]), np.array([4.0, 1, 0, 5, 0]))


@pytest.fixture
def encoder_folder(tmp_path: Path) -> Path:
    tokenizer = vocabulary.make_tokenizer(vocabulary.build_vocabulary(SENTENCES, 1), 64)
    folder = tmp_path / "tiny-bert"
    export(model.new_model(TINY, len(tokenizer)), tokenizer, folder)
    (folder / "log.json").write_text(json.dumps(LOG), encoding="utf-8")
    return folder


def test_shares_of_unknown_tokens_by_hand() -> None:
    tokenizer = BertTokenizer(
        vocab={t: i for i, t in enumerate([*vocabulary.SPECIAL, "猫", "睡", "。"])}
    )
    # 4 + 3 + 3 tokens, of which 着, 狗 and ！ are not held: two of the three sentences have one.
    texts = {"cats": ["猫睡着。", "狗睡！", "猫睡。"], "known": ["猫"]}
    table = measure.unknown_shares(tokenizer, texts)
    shares = {"sentences": 3, "tokens": 0.3, "with one": 2 / 3}
    assert table.loc["cats"].to_dict() == pytest.approx(shares)
    assert table.loc["known", "tokens"] == 0


def test_untrained_scores_are_those_of_each_pooling_by_itself(encoder_folder: Path) -> None:
    table = measure.untrained_spearman(
        SentenceEncoder.from_pretrained(encoder_folder, Pooling.CLS), {"dev": PAIRS}
    )
    assert list(table.index) == [(pooling.value, "dev") for pooling in Pooling]
    for pooling in Pooling:
        encoder = SentenceEncoder.from_pretrained(encoder_folder, pooling)
        scores = evaluate_sts(encoder.encode, PAIRS)
        expected = [scores[key] for key in ("spearman", "ci_low", "ci_high")]
        assert table.loc[pooling.value, "dev"].tolist() == pytest.approx(expected)


def test_cosines_of_views_by_hand(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = SentenceEncoder.from_pretrained(encoder_folder, Pooling.MEAN)
    # Own views have cosines of 1 and 0.8; those of different sentences are 0.6 and 0.
    views = [np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [0.6, 0.8]])]
    monkeypatch.setattr(
        measure,
        "dropout_views",
        lambda encoder, sentences, seed, poolings: dict.fromkeys(poolings, views[seed]),
    )
    table = measure.view_cosines(encoder, SENTENCES[:2])
    assert list(table.index) == [pooling.value for pooling in Pooling]
    assert table.loc["cls"].tolist() == pytest.approx([0.9, 0.3])


def test_views_without_dropout_are_one_and_each_pooling_has_its_own(encoder_folder: Path) -> None:
    encoder = SentenceEncoder.from_pretrained(encoder_folder, Pooling.MEAN)
    set_dropout(encoder.model, 0.0)
    table = measure.view_cosines(encoder, SENTENCES)
    assert table["own"].tolist() == pytest.approx([1.0] * len(Pooling))
    for pooling, vectors in encoder.encode_poolings(SENTENCES, Pooling).items():
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        others = (unit @ unit.T)[~np.eye(len(SENTENCES), dtype=bool)].mean()
        assert table.loc[pooling.value, "others"] == pytest.approx(others, abs=1e-5)


def test_a_card_tells_the_run_and_the_measurements(
    encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("他在看书\t龘龘龘龘\t0\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- encoders -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    given = [str(encoder_folder), "--pairs", str(pairs), "--page", str(page)]
    assert measure.main(given) == 0
    table = capsys.readouterr().out
    assert "| masked accuracy, whole words | 0.360 (loss 3.88) |" in table
    assert page.read_text(encoding="utf-8") == (
        f"before\n<!-- encoders -->\n{table}<!-- end -->\nafter\n"
    )
    card = (encoder_folder / "README.md").read_text(encoding="utf-8")
    _, front_matter, body = card.split("---\n", 2)
    metadata = yaml.safe_load(front_matter)
    assert metadata["language"] == "zh"
    assert metadata["license"] == "other"
    assert "sentence-similarity" in metadata["tags"]
    size = (encoder_folder / "model.safetensors").stat().st_size
    weights = SentenceEncoder.from_pretrained(encoder_folder).model.parameters()
    parameters = sum(weight.numel() for weight in weights)
    for told in (
        "# tiny-bert",
        "1 layers, width 16, 2 heads",
        f"{parameters:,}\nparameters",
        f"{size / 1e6:.1f} MB",
        "12,345 sentences: image captions",
        "Tatoeba; mine.txt",
        "| masking | single characters, 15 %",
        "| next sentence | no such objective |",
        "| tokens seen | 6.0 M, 1.5 passes",
        "| steps | 1,486 of at most 4,096 tokens",
        "0.64 h on AMD EPYC, 1 thread, bfloat16 autocast",
        "| masked accuracy, single characters | 0.552 (loss 2.37) |",
        "| masked accuracy, whole words | 0.360 (loss 3.88) |",
        "The pooler was never trained",
        "| first-last-mean | ",
        "| pairs | 2 | 50.00% | 50.00% |",
        "No sentence of cnsd-sts-dev.txt was trained on",
        "research use only",
    ):
        assert told in body, told
    assert "{" not in body  # no place of the template left unfilled


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (None, r"log.json is not there; give the pretraining command again"),
        ("{", r"log.json is damaged .*give the pretraining command again"),
        ('{"recipe": {}, "text": []}', r"log.json does not tell excluded, sentences, passes"),
    ],
)
def test_a_log_that_cannot_be_told_from_is_named(
    tmp_path: Path, log: str | None, said: str
) -> None:
    if log is not None:
        (tmp_path / "log.json").write_text(log, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        measure.read_log(tmp_path / "log.json")


def test_what_is_wrong_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("measure: ")
