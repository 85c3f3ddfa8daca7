"""The folder of an encoder read: weights and tokenizer, checked for what they would do unseen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from simcse_core.config import ASSETS, BUNDLED_ENCODERS
from simcse_core.encoding.vocabulary import known_words
from simcse_core.errors import EncoderError, one_line
from simcse_core.files import expanded
from simcse_core.hub import fetch_encoder
from simcse_core.ready_made import READY_MADE, ready_made_folder

TOKENIZER_FILES = ("tokenizer.json", "vocab*", "*.model", "tokenizer_config.json")
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
# Buffers that older releases kept beside the weights.
_BUFFERS = ("position_ids", "token_type_ids", "inv_freq")


def locate_encoder(name: str) -> tuple[Path, str]:
    """The folder of a bundled encoder, a directory or a hub id, and what it is called on results.

    Raises:
        EncoderError: a directory without config or safetensors weights.
        ReadyMadeError: a ready-made encoder that was not made yet, or can only encode.
        HubError: neither bundled nor a directory, and the hub does not have it or is away.
    """
    if name in BUNDLED_ENCODERS:
        return ASSETS / name, name
    if name in READY_MADE:
        return ready_made_folder(name), name
    folder = expanded(name)
    if not os.path.isdir(folder):  # which raises for no name, as pathlib does for long ones
        path, commit = fetch_encoder(name)
        return path, f"{name.partition('@')[0]}@{commit[:7]}"
    if not (folder / "config.json").is_file():
        raise EncoderError(
            f"encoder: {folder} has no config.json; give a folder written by save_pretrained"
        )
    if not any(list(folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise EncoderError(
            f"encoder: {folder} has no tokenizer; copy tokenizer.json or the vocabulary there"
        )
    if not list(folder.glob("*.safetensors")):
        raise EncoderError(
            f"encoder: {folder} has no safetensors weights, and pickled weights are "
            "not loaded because they can run code; convert them once with "
            "tools/convert_to_safetensors.py"
        )
    return folder, folder.resolve().name


def load_folder(
    folder: Path, name: str, device: torch.device
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model of a folder in float32, and its tokenizer.

    Raises:
        EncoderError: whatever fails on the way, in one line that names the encoder.
    """
    if there := [file for file in ADAPTER_FILES if (folder / file).is_file()]:
        raise EncoderError(
            f"encoder: {name} has an adapter ({there[0]}) beside its weights, which would be left "
            "out; merge it into them (merge_and_unload of peft) and save that"
        )
    try:
        with _quiet():
            model = _load_weights(folder).to(device)
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        check_weights(model, name)
        check_vocabulary(model, tokenizer, name, folder)
    except (MemoryError, EncoderError):
        raise
    except Exception as error:
        raise EncoderError(
            f"encoder: {name} cannot be loaded ({one_line(error)}); a folder holds config.json, "
            "model.safetensors and the tokenizer"
        ) from error
    return model, tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the loader's bar, which takes longer than loading, and its tables of what is amiss.

    What is amiss is refused here.
    """
    before = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _load_weights(folder: Path) -> Any:
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    _check_kind(config)
    model, info = AutoModel.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    missing = sorted(info["missing_keys"])
    if missing and all(name.startswith("pooler.") for name in missing):
        # Pretraining heads leave no pooler behind; transformers would make one up at random.
        model.pooler = None
    elif missing:
        raise ValueError(f"its weights lack {missing[0]} and {len(missing) - 1} more")
    _check_stored(folder, model, info["unexpected_keys"])
    return model


def _check_kind(config: Any) -> None:
    """Raises a ValueError for what is no text encoder of plain weights."""
    if getattr(config, "quantization_config", None):
        raise ValueError("its weights are quantised; give the folder of the plain ones")
    if getattr(config, "is_encoder_decoder", False):
        raise ValueError(
            f"{config.model_type} is an encoder with a decoder; an encoder alone is needed"
        )
    if not isinstance(getattr(config, "hidden_size", None), int):
        raise ValueError(f"{config.model_type} is no text encoder: it has no hidden_size")


def _check_stored(folder: Path, model: PreTrainedModel, unexpected: Iterable[str]) -> None:
    """Raises a ValueError for stored weights that are no floats, or that the model leaves out."""
    parts = {name for name, _ in model.named_children()} - {"pooler"}
    for key in sorted(unexpected):
        own = key.removeprefix(f"{model.base_model_prefix}.")
        if own.partition(".")[0] in parts and not own.endswith(_BUFFERS):
            raise ValueError(f"its weights hold {key}, which the model of config.json has not")
    parameters = {name for name, _ in model.named_parameters()}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stored:
            for key in stored.keys():  # noqa: SIM118  # it is no mapping
                kind = stored.get_slice(key).get_dtype()
                names = {key, key.removeprefix(f"{model.base_model_prefix}.")}
                if kind not in _FLOATS and names & parameters:
                    raise ValueError(f"its weights hold {key} as {kind}, which is no float")


def check_weights(model: PreTrainedModel, name: str) -> None:
    """Raises an EncoderError unless every weight is a finite number of a float type."""
    for key, weight in model.named_parameters():
        if not weight.is_floating_point() or not torch.isfinite(weight).all():
            raise EncoderError(
                f"encoder: {name} has weights that are no finite numbers ({key}); fetch or export "
                "it again"
            )


def vocabulary_rows(model: Any) -> int | None:
    """How many tokens the model has a vector for; None where that is not a table of them."""
    try:
        return int(model.get_input_embeddings().num_embeddings)
    except (AttributeError, NotImplementedError):
        return None


def check_vocabulary(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, folder: Path
) -> None:
    """Raises an EncoderError for a tokenizer that knows nothing, or more than the model."""
    if not known_words(tokenizer):
        kind = type(tokenizer).__name__
        way = "copy tokenizer.json or the vocabulary there"
        if (folder / "vocab.txt").is_file():
            way = (
                f"{kind} does not read the vocab.txt there, so set "
                '"tokenizer_class": "BertTokenizer" in tokenizer_config.json'
            )
        raise EncoderError(
            f"encoder: {name} has a tokenizer ({kind}) that knows no words, every text would be "
            f"{tokenizer.unk_token or 'empty'}; {way}"
        )
    ids = tokenizer.get_vocab().values()
    if len({*ids}) < len(ids) / 2:
        raise EncoderError(
            f"encoder: {name} has {len(ids):,} tokens with {len({*ids}):,} ids between them, so "
            "that most are taken for others; give the tokenizer that belongs to the weights"
        )
    rows = vocabulary_rows(model)
    if rows is not None and tokenizer.vocab_size > rows:
        raise EncoderError(
            f"encoder: {name} has a vocabulary of {tokenizer.vocab_size:,} tokens and vectors for "
            f"{rows:,}; give the tokenizer that belongs to the weights"
        )
