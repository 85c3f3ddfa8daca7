"""The profile of the report, from its command to its claims, on a hub of tiny encoders and data."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import pandas as pd
import pytest
import torch
from conftest import CHARACTERS, SENTENCES, save_bert
from notebooks_for_tests import run_study_apart
from test_hub import LoopbackHub, files_of, parquet
from test_ready_plans import nested

from simcse_core import SentenceEncoder
from simcse_core.applications.data import SAMPLE_DIRECTORY
from simcse_core.config import Pooling, TrainConfig
from simcse_core.encoding.persistence import SavedSettings, write_settings
from simcse_core.results import read_table
from simcse_core.study.profiles import load_profile

REDUCED = {
    "sizes": [4, 8],
    "n_train": 8,
    "num_epochs": 2,
    "whitening_sentences": 10,
    "table_sizes": [4, 8],
    "seeds": [0, 1],
}
DEV, TEST, TRAIN = SENTENCES[:12], SENTENCES[12:24], SENTENCES[24:36]


def pairs(sentences: Sequence[str]) -> bytes:
    """Pairs in the columns of C-MTEB/STSB, with all six grades."""
    first, second = list(sentences[::2]), list(sentences[1::2])
    return parquet(sentence1=first, sentence2=second, score=[float(i % 6) for i in range(6)])


def snli() -> bytes:
    """Premises with an entailed, a neutral and a contradicted sentence, classes as numbers."""
    rows = [
        (premise, f"{kind}{premise[1:]}", label)
        for premise in SENTENCES[36:]
        for label, kind in enumerate("我老孩")
    ]
    columns = dict(
        zip(("premise", "hypothesis", "label"), map(list, zip(*rows, strict=True)), strict=True)
    )
    features = {"premise": datasets.Value("string"), "hypothesis": datasets.Value("string")}
    names = ["entailment", "neutral", "contradiction"]
    features["label"] = datasets.ClassLabel(names=names)
    file = io.BytesIO()
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(file)
    return file.getvalue()


def known_characters() -> list[str]:
    """Those of the data here and of the bundled texts of services, lower case as BERT's."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SAMPLE_DIRECTORY.glob("*.csv"))]
    return sorted({*CHARACTERS, *"".join("".join(texts).lower().split())})


def encoder_files(folder: Path, factor: float) -> dict[str, bytes]:
    """The files of a tiny BERT, of weights of its own."""
    save_bert(folder, known_characters())
    encoder = SentenceEncoder.from_pretrained(folder, "cls")
    with torch.no_grad():
        encoder.model.embeddings.word_embeddings.weight.mul_(factor)
    encoder.model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    return files_of(folder)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    """All that the profile names, at the very revisions that it names."""
    server = LoopbackHub()
    asked = load_profile("report")["05_summary"]
    for i, name in enumerate(asked["encoders"]):
        repository, _, revision = name.partition("@")
        files = encoder_files(tmp_path / f"encoder{i}", 1 + i / 2)
        server.repositories[repository] = {revision: files}
    for i, made in enumerate(asked["ready_made"]):
        name = made if isinstance(made, str) else made["encoder"]
        repository, _, revision = name.partition("@")
        folder = tmp_path / f"made{i}"
        encoder_files(folder, 3 + i / 2)
        write_settings(folder, SavedSettings(Pooling.MEAN, 32))
        server.repositories[repository] = {revision: nested(folder)}
    sts, _, revision = asked["hub"]["sts"].partition("@")
    part = "data/{}-00000-of-00001.parquet"
    splits = {"train": TRAIN, "validation": DEV, "test": TEST}
    server.repositories[f"datasets/{sts}"] = {
        revision: {part.format(split): pairs(of) for split, of in splits.items()}
    }
    nli, _, revision = asked["hub"]["nli"].partition("@")
    server.repositories[f"datasets/{nli}"] = {
        "main": {"snli-zh.py": b"raise SystemExit"},
        revision: {"plain_text/train/0000.parquet": snli()},
    }
    yield server
    server.stop()


@pytest.mark.soak
def test_the_reports_profile_runs_from_the_hub_to_its_claims(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["--profile", "report", "--out", str(out)]
    for name, value in {**REDUCED, "checkpoints": [4, 8]}.items():
        words += ["-p", f"{name}={value}"]
    run_study_apart(words, tmp_path, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"))

    small, stamp = read_table(out, "02_small_sample")
    assert stamp["dataset"] == "C-MTEB/STSB@0cde68302b3541bb8b3c340dc0644b0b745b3dc0"
    assert small["encoder"].nunique() == 3 + 1 + 3  # none, of TF-IDF; those of others
    assert [made["prefix"] for made in stamp["ready_made"]] == ["query: ", "", ""]
    for plan in stamp["plans"]:
        report = {"batch_size": 16, "learning_rate": 1e-5, "dropout": 0.3, "temperature": 0.05}
        assert report.items() <= plan["train"].items()
        assert plan["train"] == TrainConfig().__dict__
    trained = small[(small["method"] == "unsup-simcse") & (small["pooling"] == "cls")]
    assert trained.groupby("encoder")["n_train"].unique().map(list).tolist() == [[4, 8]] * 3
    overview, _ = read_table(out, "05_before_after")
    assert set(overview["method"]) == {"untrained", "unsup-simcse", "sup-simcse", "ready-made"}
    claims, _ = read_table(out, "05_claims")
    assert set(claims["pooling"].dropna()) == {"cls"}
    assert "mean of encoders" in set(claims["encoder"])
    page = (out / "notebooks" / "01_baselines.ipynb").read_text(encoding="utf-8")
    assert "BERT-wwm-ext | 0.3251 | 0.3172 | hfl/chinese-bert-wwm-ext@2a995a8" in page
    assert pd.notna(small["value"]).all()
