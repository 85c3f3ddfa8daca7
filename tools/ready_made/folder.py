"""Writes the folder of an encoder, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ready_made.q4_file import Q4Model
from ready_made.tokenizer import unigram_tokenizer
from ready_made.vocabulary import cut, pieces_for_chinese
from ready_made.weights import bert
from transformers.utils import logging as transformers_logging

from simcse_core.config import Pooling
from simcse_core.persistence import SavedSettings, write_settings
from simcse_core.results import write_json

CARD = "README.md"
# Wang et al. (2024): E5 averages over tokens, normalises, and wants this before both texts of a
# symmetric task.
PREFIX = "query: "


class FolderError(ValueError):
    """A place where the folder cannot be put; the message says why."""


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


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write to that stands under ``target`` when all is written, or not at all.

    Raises:
        FolderError: ``target`` is a file, or a folder with anything that is not written anew.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise FolderError(f"{target} is not a folder; name another")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as parent:
        new, old = Path(parent) / "new", Path(parent) / "old"
        new.mkdir()
        yield new
        if target.is_dir():
            if foreign := sorted(_files(target) - _files(new)):
                raise FolderError(f"{target} holds {foreign[0]}, which would be lost; name another")
            os.replace(target, old)
        os.replace(new, target)


def megabytes(folder: Path) -> float:
    """What the files of a folder take, in units of 10**6 bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def _name_tokenizer_class(path: Path) -> None:
    """By the name that releases of transformers before 5 know as well."""
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, config | {"tokenizer_class": "PreTrainedTokenizerFast"})
