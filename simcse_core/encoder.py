"""SentenceEncoder: any Hugging Face encoder with a pooling on top."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor
from tqdm.auto import tqdm
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from simcse_core.config import (
    ASSETS,
    BUNDLED_ENCODERS,
    Pooling,
    Precision,
    own_pooling,
)
from simcse_core.dropout import replace_dropout
from simcse_core.hub import fetch_encoder
from simcse_core.packing import Group, can_pack, max_tokens, packed_forward, padded_forward
from simcse_core.persistence import SavedSettings, read_settings, write_settings
from simcse_core.ready_made import READY_MADE, ready_made_folder

# Real tokens in one forward of encode(): large enough to fill the matrix units, small enough to
# stay in cache on a laptop.
TOKENS_PER_FORWARD = 2048
DEFAULT_MAX_SEQ_LENGTH = 64  # what the Chinese SimCSE scripts use
TOKENIZER_FILES = ("tokenizer.json", "vocab*", "*.model", "tokenizer_config.json")


class EncoderError(ValueError):
    """An encoder that cannot be loaded or used; the message says why and what to do."""


class SentenceEncoder:
    """A transformer encoder, its tokenizer and a pooling.

    Attributes:
        name: what it is called on results: a bundled name, a hub id, or a folder's name.
        prefix: stands before each sentence, as in "query: " of E5 (Wang et al., 2024).
        normalize: whether vectors are brought to length 1.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        pooling: Pooling | str = Pooling.CLS,
        max_seq_length: int = DEFAULT_MAX_SEQ_LENGTH,
        name: str = "encoder",
        prefix: str = "",
        normalize: bool = False,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.pooling = Pooling(pooling)
        self.name = name
        limit = max_tokens(model)
        if not 3 <= max_seq_length <= limit:
            raise EncoderError(
                f"max_seq_length: must be between 3 and the {limit} positions of "
                f"{name}, got {max_seq_length}"
            )
        self.max_seq_length = max_seq_length
        if self.pooling not in self.poolings():
            raise EncoderError(
                f"pooling: {name} has no pooler layer; use cls, mean or first-last-mean"
            )
        self.prefix = prefix
        self.normalize = normalize
        replace_dropout(model)
        # Off, every batch is padded to its longest row; for models that packing does not know, too.
        self.packing = can_pack(model)
        # Of the forward in training; encode() is always float32. See has_bf16 for "auto".
        self.precision = Precision.FLOAT32
        self._token_cache: dict[str, list[int]] = {}

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        pooling: Pooling | str | None = None,
        max_seq_length: int | None = None,
        device: str | torch.device | None = None,
        prefix: str | None = None,
    ) -> SentenceEncoder:
        """Loads a bundled or ready-made encoder, a local directory or a hub id, in float32.

        What is not given is what the folder says (see :mod:`simcse_core.persistence`).

        Args:
            name: ``mini-bert``, ``mini-bert-wwm``, ``mini-bert-wwm-ext``, ``e5-small-zh``, a
                directory, or a hub id with an optional revision (``owner/name@revision``).
            pooling: one of :class:`Pooling`; else the folder's or the bundled encoder's setting.
            max_seq_length: tokens, [CLS] and [SEP] included, after which a sentence is cut; else
                the folder's setting, else 64.
            device: where it runs; CUDA if there is a GPU, else the CPU.
            prefix: stands before each sentence; else the folder's setting, else nothing.

        Raises:
            EncoderError: the folder lacks files or holds something else, or lacks the pooling.
            SettingsError: the folder's settings cannot be read or followed.
            ReadyMadeError: a ready-made encoder that was not made yet, or can only encode.
            HubError: the hub does not have it or cannot be reached.
        """
        asked = Pooling(pooling) if pooling else None
        folder, label = locate_encoder(str(name))
        saved = read_settings(folder) or SavedSettings(own_pooling(str(name)))
        if max_seq_length is None:
            max_seq_length = saved.max_seq_length or DEFAULT_MAX_SEQ_LENGTH
        prefix = saved.prefix if prefix is None else prefix
        transformers_logging.disable_progress_bar()  # loading takes less than drawing its bar
        try:
            model = _load_weights(folder)
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise EncoderError(
                f"encoder: {name} cannot be loaded ({error}); a folder holds "
                "config.json, model.safetensors and the tokenizer"
            ) from error
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        pooling = asked or saved.pooling
        return cls(
            model.to(device), tokenizer, pooling, max_seq_length, label, prefix, saved.normalize
        )

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256 over all that decides a vector, as it is now.

        That is the weights, the configuration, the tokenizer, the pooling, the length at which
        sentences are cut, the prefix, and whether vectors are normalised.
        """
        content = _content(self.model, self.tokenizer)
        settings = (content, self.pooling, self.max_seq_length, self.prefix, self.normalize)
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:12]

    @property
    def hidden_size(self) -> int:
        """Width of a sentence vector."""
        return int(self.model.config.hidden_size)

    def copy_for_inference(self) -> SentenceEncoder:
        """The same encoder with weights of its own, in evaluation mode and without gradients."""
        twin = copy.copy(self)
        twin.model = copy.deepcopy(self.model).eval().requires_grad_(False)
        return twin

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def set_dropout(self, probability: float) -> None:
        """Sets ``hidden_dropout_prob`` and ``attention_probs_dropout_prob`` of every layer."""
        for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if hasattr(self.model.config, key):
                setattr(self.model.config, key, probability)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = probability
            elif hasattr(module, "dropout_prob"):
                module.dropout_prob = probability

    def tokenize(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each sentence, special tokens included; each sentence is tokenized once."""
        if new := [s for s in dict.fromkeys(sentences) if s not in self._token_cache]:
            ids = self.tokenizer(
                self._prefixed(new), truncation=True, max_length=self.max_seq_length
            )["input_ids"]
            self._token_cache.update(zip(new, ids, strict=True))
        return [self._token_cache[sentence] for sentence in sentences]

    def embed(self, token_ids: Sequence[list[int]]) -> Tensor:
        """One forward over rows of token ids, without padding where the model allows it.

        Follows the model's mode: dropout in training, none in evaluation; gradients as set outside.
        Matrix products have the encoder's ``precision``; weights stay float32.

        Returns:
            float32 embeddings of shape (rows, hidden).
        """
        in_bf16 = self.precision is Precision.BFLOAT16 or (
            self.precision is Precision.AUTO and has_bf16(self.device)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=in_bf16):
            return self._forward(token_ids, [self.pooling])[0].float()

    def encode(self, sentences: Sequence[str], progress: bool = False) -> np.ndarray:
        """Embeds sentences without dropout, in length order, each unique sentence once.

        Returns:
            float32 array of shape (n, hidden), in the order given; (0, hidden) for no sentences.
        """
        return self.encode_poolings(sentences, [self.pooling], progress)[self.pooling]

    @torch.no_grad()
    def encode_poolings(
        self, sentences: Sequence[str], poolings: Sequence[Pooling], progress: bool = False
    ) -> dict[Pooling, np.ndarray]:
        """What :meth:`encode` gives under each of several poolings, from one forward for all."""
        unique = list(dict.fromkeys(sentences))
        rows = self.tokenize(unique)
        order = sorted(range(len(unique)), key=lambda i: len(rows[i]))
        shape = (len(poolings), len(unique), self.model.config.hidden_size)
        vectors = np.empty(shape, dtype=np.float32)
        training = self.model.training
        self.model.eval()
        try:
            with tqdm(
                total=len(unique),
                desc=f"encode with {self.name}",
                unit="sentence",
                disable=not progress,
                leave=False,
            ) as bar:
                for batch in _token_batches(order, rows):
                    embedded = torch.stack(self._forward([rows[i] for i in batch], poolings))
                    vectors[:, batch] = embedded.float().cpu().numpy()
                    bar.update(len(batch))
        finally:
            self.model.train(training)
        index = {sentence: i for i, sentence in enumerate(unique)}
        picked = vectors[:, [index[sentence] for sentence in sentences]]
        return dict(zip(poolings, picked, strict=True))

    @torch.no_grad()
    def encode_tokens(self, sentences: Sequence[str]) -> list[np.ndarray]:
        """The last layer's vector of every token, special tokens included, without dropout.

        Returns:
            A float32 array of shape (length, hidden) for each sentence, tokens as in ``tokenize``.
        """
        rows = self.tokenize(sentences)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        forward = packed_forward if self.packing else padded_forward
        vectors: list[np.ndarray] = [np.empty(0)] * len(rows)
        training = self.model.training
        self.model.eval()
        try:
            for batch in _token_batches(order, rows):
                for group in forward(self.model, [rows[i] for i in batch]):
                    states = group.last_hidden_state.float().cpu().numpy()
                    for i, state in zip([batch[row] for row in group.rows], states, strict=True):
                        vectors[i] = state[: len(rows[i])]
        finally:
            self.model.train(training)
        return vectors

    def poolings(self) -> list[Pooling]:
        """The poolings this encoder has: all, or all but the pooler."""
        has_pooler = getattr(self.model, "pooler", None) is not None
        return [p for p in Pooling if has_pooler or p is not Pooling.POOLER]

    def _forward(self, token_ids: Sequence[list[int]], poolings: Sequence[Pooling]) -> list[Tensor]:
        forward = packed_forward if self.packing else padded_forward
        rows: list[int] = []
        pooled: list[list[Tensor]] = []
        for group in forward(self.model, token_ids):
            rows += group.rows
            pooled.append([pool(group, pooling) for pooling in poolings])
        back = torch.argsort(torch.tensor(rows, device=self.device))
        vectors = [torch.cat(parts)[back] for parts in zip(*pooled, strict=True)]
        return [F.normalize(v, dim=-1) for v in vectors] if self.normalize else vectors

    def _prefixed(self, sentences: Sequence[str]) -> list[str]:
        return [self.prefix + sentence for sentence in sentences]

    def n_truncated(self, sentences: Sequence[str]) -> int:
        """How many of the sentences are cut at ``max_seq_length``."""
        if not sentences:
            return 0
        rows = self.tokenizer(self._prefixed(sentences), truncation=False, verbose=False)
        return sum(len(row) > self.max_seq_length for row in rows["input_ids"])

    def save(self, directory: str | Path) -> None:
        """Writes config, safetensors weights, tokenizer and settings.

        transformers and sentence-transformers alone load them back.

        Raises:
            EncoderError: ``directory`` is a file, or a link to one or to nothing.
        """
        folder = Path(directory)
        # transformers itself only logs this, and returns as if it had written.
        if os.path.lexists(folder) and not folder.is_dir():
            raise EncoderError(f"save: {folder} is not a folder; give the name of a folder")
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)
        write_settings(
            folder,
            SavedSettings(self.pooling, self.max_seq_length, self.prefix, self.normalize),
        )


def has_bf16(device: torch.device) -> bool:
    """Whether a GPU or CPU multiplies bfloat16 in hardware; without, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def pool(group: Group, pooling: Pooling) -> Tensor:
    """Sentence vectors from the outputs of a group; averages leave padding out.

    Returns:
        (rows, hidden).
    """
    last = group.last_hidden_state  # (rows, length, hidden)
    if pooling is Pooling.CLS:
        return last[:, 0]
    if pooling is Pooling.POOLER:
        assert group.pooler_output is not None
        return group.pooler_output
    if pooling is Pooling.FIRST_LAST_MEAN:
        last = (group.hidden_states[1] + last) / 2
    if group.attention_mask is None:
        return last.mean(dim=1)
    weights = group.attention_mask.unsqueeze(-1).to(last.dtype)  # (rows, length, 1)
    return (last * weights).sum(dim=1) / weights.sum(dim=1)


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
    folder = Path(name).expanduser()
    if not folder.is_dir():
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


def _load_weights(folder: Path) -> Any:
    model, info = AutoModel.from_pretrained(
        folder,
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
    return model


def _token_batches(order: Sequence[int], rows: Sequence[list[int]]) -> Iterator[list[int]]:
    """Cuts ``order`` (sorted by length) into batches that fit the token budget."""
    batch: list[int] = []
    for i in order:
        if batch and len(rows[i]) * (len(batch) + 1) > TOKENS_PER_FORWARD:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


# What a configuration says of where it lies and what wrote it.
_NOT_CONTENT = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}


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
