"""A short hash of all that decides a sentence vector, as it is now."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What decides tokens and does not stand in a tokenizer's own files, and what it is unless set: at
# which end a text is cut, and whether "[SEP]" in one is letters.
_UNWRITTEN = {"truncation_side": "right", "split_special_tokens": False}
# What a configuration says of where it lies and what wrote it.
_NOT_CONTENT = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}


def fingerprint(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *settings: object
) -> str:
    """First 12 hex digits of SHA-256 over weights, configuration, tokenizer and settings.

    Args:
        settings: what else decides a vector, such as the pooling.
    """
    parts = (_content(model, tokenizer), *settings)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _content(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over weights, configuration and tokenizer, in hex."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().cpu().contiguous().reshape(-1)
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype} ".encode())
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    config = {k: v for k, v in model.config.to_dict().items() if k not in _NOT_CONTENT}
    for part in (config, _tokenizer_content(tokenizer)):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _tokenizer_content(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    now = {name: getattr(tokenizer, name, usual) for name, usual in _UNWRITTEN.items()}
    set_otherwise = {name: value for name, value in now.items() if value != _UNWRITTEN[name]}
    if not tokenizer.is_fast:
        return {
            "class": type(tokenizer).__name__,
            "vocabulary": tokenizer.get_vocab(),
            "special": special,
            "settings": {k: v for k, v in tokenizer.init_kwargs.items() if not _is_place(k)},
            "files": _written(tokenizer),
            **set_otherwise,
        }
    pipeline = json.loads(tokenizer.backend_tokenizer.to_str())
    # Set anew by every call, so they say nothing of the tokenizer.
    pipeline |= {"truncation": None, "padding": None}
    return {"pipeline": pipeline, "special": special, **set_otherwise}


def _is_place(setting: str) -> bool:
    """Whether a tokenizer's setting says where it was read from, which is none of its content."""
    return setting.endswith("_file") or setting == "name_or_path"


def _written(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """SHA-256 of each file that a tokenizer without a pipeline writes, such as its merges."""
    with TemporaryDirectory() as folder:
        tokenizer.save_vocabulary(folder)
        files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
