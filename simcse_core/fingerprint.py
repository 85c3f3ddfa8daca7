"""A short hash of all that decides a sentence vector, as it is now."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
    if not tokenizer.is_fast:
        return {
            "class": type(tokenizer).__name__,
            "vocabulary": tokenizer.get_vocab(),
            "special": special,
            "settings": tokenizer.init_kwargs,
        }
    pipeline = json.loads(tokenizer.backend_tokenizer.to_str())
    # Set anew by every call, so they say nothing of the tokenizer.
    return {"pipeline": pipeline | {"truncation": None, "padding": None}, "special": special}
