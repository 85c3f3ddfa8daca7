"""Writes the folder of an encoder: weights, tokenizer and settings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from transformers.utils import logging as transformers_logging

from simcse_core.config import Pooling
from simcse_core.encoding.persistence import SavedSettings, write_settings
from simcse_core.files import write_json
from tools.ready_made.q4_file import Q4Model
from tools.ready_made.tokenizer import unigram_tokenizer
from tools.ready_made.vocabulary import cut, pieces_for_chinese
from tools.ready_made.weights import bert

# Wang et al. (2024): E5 averages over tokens, normalises, and wants this before both texts of a
# symmetric task.
PREFIX = "query: "


def write_encoder(model: Q4Model, folder: Path, keep_all: bool) -> int:
    """Writes weights in float16, tokenizer and settings; returns the number of pieces.

    Args:
        keep_all: every piece instead of those that Chinese text needs.
    """
    vocabulary, ids = model.vocabulary, np.arange(len(model.vocabulary.pieces))
    if not keep_all:
        ids = pieces_for_chinese(vocabulary, PREFIX)
        vocabulary = cut(vocabulary, ids)
    tokenizer = unigram_tokenizer(vocabulary, model.normaliser, model.shape.positions)
    transformers_logging.disable_progress_bar()
    encoder = bert(model, ids, vocabulary.pad)
    # Not encoder.half(): the configuration is to go on asking for float32.
    halved = {name: weight.half() for name, weight in encoder.state_dict().items()}
    encoder.save_pretrained(folder, state_dict=halved)
    tokenizer.save_pretrained(folder)
    _name_tokenizer_class(folder / "tokenizer_config.json")
    settings = SavedSettings(Pooling.MEAN, model.shape.positions, PREFIX, normalize=True)
    write_settings(folder, settings)
    return len(ids)


def megabytes(folder: Path) -> float:
    """What the files of a folder take, in units of 10**6 bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _name_tokenizer_class(path: Path) -> None:
    """By the name that releases of transformers before 5 know as well."""
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, config | {"tokenizer_class": "PreTrainedTokenizerFast"})
