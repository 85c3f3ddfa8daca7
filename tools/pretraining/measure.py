"""Measures finished encoders and writes their model cards.

    python -m tools.pretraining.measure simcse_core/assets/mini-bert --source DIRECTORY \\
        --pairs lcqmc-dev.txt

Each folder holds an encoder and its log.json, as pretraining writes them; its README.md is written
anew. Untrained scores are on the pairs of the source. Printed is a table of all encoders side by
side, which --page puts into docs/pretraining.md.
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
from simcse_core.config import PROJECT_ROOT, Pooling
from simcse_core.data import StsPairs, StudyData, load_study_data, sample_sentences
from simcse_core.evaluation import Encode, normalize
from simcse_core.exit_code import exit_code
from simcse_core.files import write_text
from simcse_core.label_free import dropout_views
from simcse_core.report.tables import to_markdown
from tools.pages import fill_part
from tools.pretraining.card import Measured, make_card, side_by_side
from tools.pretraining.command_line import LOG
from tools.pretraining.text import read_lines

VIEWED_SENTENCES = 500
PAGE = PROJECT_ROOT / "docs" / "pretraining.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = _parse(arguments)
    return exit_code("measure", lambda: measure_all(options), also=(ValueError,))


def measure_all(options: argparse.Namespace) -> None:
    """Measures, writes the cards and prints the table."""
    logs = {folder: read_log(folder / LOG) for folder in options.folder}
    data = load_study_data(options.source)
    texts = read_texts(data, options.pairs)
    encoders = {}
    for folder, log in tqdm(logs.items(), unit="encoder"):
        name = folder.resolve().name
        encoders[name] = log, measure(folder, data, texts)
        write_text(folder / "README.md", make_card(name, *encoders[name]))
    table = to_markdown(side_by_side(encoders))
    if options.page:
        fill_part(options.page, "encoders", table)
    print(table)


def measure(folder: Path, data: StudyData, texts: dict[str, list[str]]) -> Measured:
    """What a card tells of the encoder in a folder, besides its log.

    Args:
        texts: unique sentences of each text whose share of [UNK] is told.

    Raises:
        EncoderError: no encoder can be loaded from the folder.
    """
    encoder = SentenceEncoder.from_pretrained(folder, Pooling.CLS)
    return Measured(
        parameters=sum(p.numel() for p in encoder.model.parameters()),
        vocabulary=len(encoder.tokenizer),
        file_bytes=(folder / "model.safetensors").stat().st_size,
        data=data.name,
        spearman=untrained_spearman(encoder, {"dev": data.dev, "test": data.test}),
        views=view_cosines(encoder, sample_sentences(data.pool.sentences, VIEWED_SENTENCES, 0)),
        unknown=unknown_shares(encoder.tokenizer, texts),
    )


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
        A row a text: how many ``sentences``, the share of [UNK] in ``tokens``, and the share of
        sentences ``with one``.
    """
    rows: dict[str, dict[str, float]] = {}
    for name, sentences in texts.items():
        encoded = tokenizer(sentences, add_special_tokens=False, verbose=False)["input_ids"]
        lengths = np.array([len(ids) for ids in encoded])
        unknown = np.array([ids.count(tokenizer.unk_token_id) for ids in encoded])
        rows[name] = {
            "sentences": len(sentences),
            "tokens": float(unknown.sum() / lengths.sum()),
            "with one": float(np.mean(unknown > 0)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("text")


def untrained_spearman(encoder: SentenceEncoder, splits: dict[str, StsPairs]) -> pd.DataFrame:
    """Spearman under every pooling the encoder has, with its bootstrap interval over pairs.

    Returns:
        ``value``, ``ci_low`` and ``ci_high`` in a row for each ``pooling`` and ``split``.
    """
    rows = []
    for split, pairs in splits.items():
        sentences = pairs.sentences()
        row = {sentence: i for i, sentence in enumerate(sentences)}
        by_pooling = encoder.encode_poolings(sentences, encoder.poolings())
        for pooling, vectors in by_pooling.items():
            found = evaluate_sts(_look_up(row, vectors), pairs)
            interval = {key: found[key] for key in ("ci_low", "ci_high")}
            value = {"value": found["spearman"], **interval}
            rows.append({"pooling": pooling.value, "split": split, **value})
    return pd.DataFrame(rows).set_index(["pooling", "split"])


def view_cosines(encoder: SentenceEncoder, sentences: Sequence[str]) -> pd.DataFrame:
    """Whether a vector tells sentences apart better than dropout does: what SimCSE starts from.

    Returns:
        ``own``, the mean cosine of two dropout views of a sentence, and ``others``, that of two
        different sentences under one view each, in a row for each ``pooling``.
    """
    rows = []
    views = [dropout_views(encoder, sentences, seed, encoder.poolings()) for seed in (0, 1)]
    for pooling in encoder.poolings():
        first, second = (normalize(view[pooling]) for view in views)
        cosines = first @ second.T
        own = float(np.trace(cosines)) / len(sentences)
        others = (float(cosines.sum()) - np.trace(cosines)) / (cosines.size - len(sentences))
        rows.append({"pooling": pooling.value, "own": own, "others": others})
    return pd.DataFrame(rows).set_index("pooling")


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
    add(
        "--page",
        nargs="?",
        type=Path,
        const=PAGE,
        help="fill the table of a page, docs/pretraining.md if none is named",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
