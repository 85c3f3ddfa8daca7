"""Measures finished encoders and writes their model cards.

    python -m tools.pretraining.measure simcse_core/assets/mini-bert --source DIRECTORY \\
        --pairs lcqmc-dev.txt

Each folder holds an encoder and its log.json, as pretraining writes them; its README.md is written
anew. Untrained scores are on the pairs of the source.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from simcse_core import SentenceEncoder, evaluate_sts
from simcse_core.config import Pooling
from simcse_core.data import StsPairs, StudyData, load_study_data
from simcse_core.evaluation import Encode
from simcse_core.files import write_text
from tools.pretraining.card import Measured, make_card
from tools.pretraining.command_line import LOG
from tools.pretraining.text import read_lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, writes the cards and prints what they tell; returns the exit code."""
    options = _parse(arguments)
    try:
        data = load_study_data(options.source)
        texts = read_texts(data, options.pairs)
        for folder in tqdm(options.folder, unit="encoder", disable=len(options.folder) == 1):
            card = measure(folder, data, texts)
            write_text(folder / "README.md", card)
            tqdm.write(card)
    except (ValueError, OSError) as error:
        print(f"measure: {error}", file=sys.stderr)
        return 1
    return 0


def measure(folder: Path, data: StudyData, texts: dict[str, list[str]]) -> str:
    """The card of the encoder in a folder.

    Args:
        texts: unique sentences of each text whose share of [UNK] is told.

    Raises:
        EncoderError: no encoder can be loaded from the folder.
        ValueError: its log is not there, damaged or from an earlier version.
    """
    log = read_log(folder / LOG)
    encoder = SentenceEncoder.from_pretrained(folder, Pooling.CLS)
    measured = Measured(
        parameters=sum(p.numel() for p in encoder.model.parameters()),
        vocabulary=len(encoder.tokenizer),
        file_bytes=(folder / "model.safetensors").stat().st_size,
        data=data.name,
        spearman=untrained_spearman(encoder, {"dev": data.dev, "test": data.test}),
        unknown=unknown_shares(encoder.tokenizer, texts),
    )
    return make_card(folder.resolve().name, log, measured)


def read_log(path: Path) -> dict[str, Any]:
    """What pretraining wrote about its run.

    Raises:
        ValueError: not there, damaged, or without something that the card tells.
    """
    again = "give the pretraining command again: a finished run writes encoder and log anew"
    try:
        log = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path} is not there; {again}") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); {again}") from error
    needed = ("recipe", "text", "excluded", "sentences", "passes", "machine", "final")
    if missing := [name for name in needed if name not in log]:
        raise ValueError(f"{path} does not tell {', '.join(missing)}; {again}")
    return log


def read_texts(data: StudyData, pair_files: Sequence[Path]) -> dict[str, list[str]]:
    """The unique sentences of the source, of the bundled sample and of files of pairs, by name.

    Args:
        pair_files: two sentences and whatever else a line, separated by tabs.

    Raises:
        ValueError: a line of a file has no tab, or is not UTF-8.
    """
    sources = {source.name: source for source in (data, load_study_data("sample"))}
    texts = {
        name: [*source.dev.sentences(), *source.test.sentences(), *source.pool.sentences]
        for name, source in sources.items()
    }
    for path in pair_files:
        pairs = [line.split("\t") for line in read_lines(path)]
        if any(len(fields) < 2 for fields in pairs):
            raise ValueError(f"{path}: two sentences a line, separated by a tab, are needed")
        texts[path.stem] = [sentence for fields in pairs for sentence in fields[:2]]
    return {name: list(dict.fromkeys(sentences)) for name, sentences in texts.items()}


def unknown_shares(tokenizer: PreTrainedTokenizerBase, texts: dict[str, list[str]]) -> pd.DataFrame:
    """How much of each text the vocabulary does not hold.

    Returns:
        A row a text: ``sentences``, ``share of tokens`` that are [UNK], ``sentences with one``.
    """
    rows = {}
    for name, sentences in texts.items():
        encoded = tokenizer(sentences, add_special_tokens=False, verbose=False)["input_ids"]
        lengths = np.array([len(ids) for ids in encoded])
        unknown = np.array([ids.count(tokenizer.unk_token_id) for ids in encoded])
        rows[name] = {
            "sentences": f"{len(sentences):,}",
            "share of tokens": f"{unknown.sum() / lengths.sum():.2%}",
            "sentences with one": f"{np.mean(unknown > 0):.2%}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("text")


def untrained_spearman(encoder: SentenceEncoder, splits: dict[str, StsPairs]) -> pd.DataFrame:
    """Spearman under every pooling the encoder has, with its bootstrap interval over pairs.

    Returns:
        A row a pooling, a column a split, cells like ``0.433 [0.389, 0.476]``.
    """
    columns: dict[str, dict[str, str]] = {}
    for split, pairs in splits.items():
        sentences = pairs.sentences()
        row = {sentence: i for i, sentence in enumerate(sentences)}
        by_pooling = encoder.encode_poolings(sentences, encoder.poolings())
        columns[split] = {}
        for pooling, vectors in by_pooling.items():
            found = evaluate_sts(_look_up(row, vectors), pairs)
            columns[split][pooling.value] = (
                f"{found['spearman']:.3f} [{found['ci_low']:.3f}, {found['ci_high']:.3f}]"
            )
    return pd.DataFrame(columns).rename_axis("pooling")


def _look_up(row: dict[str, int], vectors: np.ndarray) -> Encode:
    return lambda sentences: vectors[[row[sentence] for sentence in sentences]]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.pretraining.measure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", nargs="+", type=Path, help="holds an encoder and its log.json")
    add("--source", default="sample", help="pairs to score on: sample, or a directory of CNSD")
    add("--pairs", nargs="+", type=Path, default=[], help="files whose share of [UNK] is told, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
