"""SentenceEncoder: any Hugging Face encoder with a pooling on top."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from simcse_core.arguments import as_integer, as_sentences
from simcse_core.config import BUNDLED_ENCODERS, Pooling, Precision, own_pooling
from simcse_core.dropout import replace_dropout, set_dropout
from simcse_core.encoding.fingerprint import fingerprint
from simcse_core.encoding.loading import load_folder, locate_encoder, vocabulary_rows
from simcse_core.encoding.persistence import AVERAGES, SavedSettings, read_settings, write_settings
from simcse_core.encoding.pooling import pool_rows, project
from simcse_core.encoding.projection import Projection
from simcse_core.encoding.self_check import ENCODING, TRAINING, Trial, find_fault
from simcse_core.encoding.vocabulary import (
    all_token_ids,
    begins_with_own_token,
    known_words,
    unknown_share,
)
from simcse_core.errors import EncoderError
from simcse_core.packing import Group, can_pack, max_tokens, packed_forward, padded_forward
from simcse_core.precision import takes_bf16
from simcse_core.translation import translated

__all__ = ["EncoderError", "SentenceEncoder", "locate_encoder"]

logger = logging.getLogger(__name__)

# Real tokens in one forward of encode(): large enough to fill the matrix units, small enough to
# stay in cache on a laptop.
TOKENS_PER_FORWARD = 2048
DEFAULT_MAX_SEQ_LENGTH = 64  # what the Chinese SimCSE scripts use
SHORTEST_SEQUENCE = 3  # [CLS], a token, [SEP]
OF_FIRST_TOKEN = (Pooling.CLS, Pooling.POOLER)

# Encoders that have passed their trial in this process, by fingerprint and device, and why they
# cannot be trained, if so.
_passed: dict[tuple[str, str], str] = {}


class SentenceEncoder:
    """A transformer encoder, its tokenizer and a pooling.

    Attributes:
        name: what it is called on results: a bundled name, a hub id, or a folder's name.
        training_fault: why it can encode and not be trained, in words; empty if it can.
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
        replace_dropout(model)
        self.model = model.eval()
        self.name = name
        self.training_fault = ""
        # Off, every batch is padded to its longest row; for models that packing does not know, too.
        self.packing = can_pack(model)
        self._token_weights: Tensor | None = None
        self._projection: Projection | None = None
        self.tokenizer = tokenizer
        self.pooling = Pooling(pooling)
        self.max_seq_length = max_seq_length
        self.prefix = prefix
        self.normalize = normalize
        self.precision = Precision.FLOAT32
        # None: as many as there are. Training sets it where memory has no room for a batch.
        self.rows_at_once: int | None = None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Text to token ids; may be changed in place, since no tokens are kept."""
        return self._tokenizer

    @tokenizer.setter
    def tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not callable(tokenizer):
            raise EncoderError(f"tokenizer: a tokenizer is needed, got {tokenizer!r}")
        if self._token_weights is not None:
            raise EncoderError(
                f"tokenizer: the tokens of {self.name} have weights; set its token_weights to None "
                "first"
            )
        self._tokenizer = tokenizer

    @property
    def pooling(self) -> Pooling:
        """How token vectors become one; text is taken for the :class:`Pooling` it names."""
        return self._pooling

    @pooling.setter
    def pooling(self, pooling: Pooling | str) -> None:
        self._pooling = self._own_pooling(pooling)

    @property
    def max_seq_length(self) -> int:
        """Tokens, special ones included, after which a sentence is cut."""
        return self._max_seq_length

    @max_seq_length.setter
    def max_seq_length(self, length: int) -> None:
        number, limit = as_integer(length, "max_seq_length"), max_tokens(self.model)
        if not SHORTEST_SEQUENCE <= number <= limit:
            raise EncoderError(
                f"max_seq_length: must be between {SHORTEST_SEQUENCE} and the {limit} positions of "
                f"{self.name}, got {number}"
            )
        self._max_seq_length = number

    @property
    def prefix(self) -> str:
        """Stands before each sentence, as in "query: " of E5 (Wang et al., 2024)."""
        return self._prefix

    @prefix.setter
    def prefix(self, prefix: str) -> None:
        if not isinstance(prefix, str):
            raise EncoderError(f"prefix: a text is needed, got {prefix!r}")
        self._prefix = prefix

    @property
    def normalize(self) -> bool:
        """Whether vectors are brought to length 1."""
        return self._normalize

    @normalize.setter
    def normalize(self, normalize: bool) -> None:
        if not isinstance(normalize, bool | np.bool_):
            raise EncoderError(f"normalize: True or False is needed, got {normalize!r}")
        self._normalize = bool(normalize)

    @property
    def token_weights(self) -> np.ndarray | None:
        """What each token weighs in an average, by its id, (tokens,); None: all the same."""
        return None if self._token_weights is None else self._token_weights.numpy()

    @token_weights.setter
    def token_weights(self, weights: np.ndarray | None) -> None:
        if weights is None:
            self._token_weights = None
            return
        found, n_tokens = np.array(weights, dtype=np.float32), len(all_token_ids(self.tokenizer))
        if found.ndim != 1 or len(found) < n_tokens:
            raise EncoderError(
                f"token_weights: a weight for each of the {n_tokens:,} tokens of {self.name} is "
                f"needed, got an array of shape {found.shape}"
            )
        if not (np.isfinite(found).all() and (found >= 0).all()):
            raise EncoderError("token_weights: they must be finite numbers from 0 up")
        if self.pooling not in AVERAGES:
            raise EncoderError(
                f"token_weights: they weigh in averages, and {self.name} takes {self.pooling}; set "
                f"its pooling to {' or '.join(AVERAGES)} first"
            )
        self._token_weights = torch.from_numpy(found)

    @property
    def projection(self) -> Projection | None:
        """A linear map that follows the pooling, before ``normalize``; training leaves it as it is.

        It was made for the vectors of one pooling, so the encoder has no other then.
        """
        return self._projection

    @projection.setter
    def projection(self, projection: Projection | None) -> None:
        if projection is not None:
            if not isinstance(projection, Projection):
                raise EncoderError(f"projection: a Projection is needed, got {projection!r}")
            width_in, width = projection.weight.shape[1], self.model.config.hidden_size
            if width_in != width:
                raise EncoderError(
                    f"projection: it takes vectors of {width_in}, those of {self.name} have {width}"
                )
        self._projection = projection

    @property
    def precision(self) -> Precision:
        """Of the forward in training; encode() is always float32.

        "auto" is bfloat16 where the hardware has it; training tries which is faster.
        """
        return self._precision

    @precision.setter
    def precision(self, precision: Precision | str) -> None:
        self._precision = Precision(precision)

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

        What is not given is what the folder says (see :mod:`simcse_core.encoding.persistence`).
        One that says nothing is read as the report reads its encoders, and that is logged.

        Args:
            name: ``mini-bert``, ``mini-bert-wwm``, ``mini-bert-wwm-ext``, ``e5-small-zh``, a
                directory, or a hub id with an optional revision (``owner/name@revision``).
            pooling: one of :class:`Pooling`; else the folder's or the bundled encoder's setting.
            max_seq_length: tokens, [CLS] and [SEP] included, after which a sentence is cut; else
                the folder's setting, else 64.
            device: where it runs; CUDA if there is a GPU, else the CPU.
            prefix: stands before each sentence; else the folder's setting, else nothing.

        Raises:
            EncoderError: the folder lacks files or holds something else, or lacks the pooling; or
                the encoder fails its trial (see :mod:`simcse_core.encoding.self_check`).
            SettingsError: the folder's settings cannot be read or followed.
            ReadyMadeError: a ready-made encoder that was not made yet, or can only encode.
            HubError: the hub does not have it or cannot be reached.
        """
        if not isinstance(name, str | os.PathLike) or not str(name):
            raise EncoderError(f"encoder: a name, a folder or a hub id is needed, got {name!r}")
        asked = Pooling(pooling) if pooling else None
        folder, label = locate_encoder(str(name))
        found = read_settings(folder)
        saved = found or SavedSettings(own_pooling(str(name)))
        if max_seq_length is None:
            max_seq_length = saved.max_seq_length or DEFAULT_MAX_SEQ_LENGTH
        if not found and asked is None and str(name) not in BUNDLED_ENCODERS:
            _tell_assumed(label, saved.pooling, max_seq_length)
        prefix = saved.prefix if prefix is None else prefix
        model, tokenizer = load_folder(folder, str(name), _device(device))
        # Under the pooling of the folder first, which is that of its token weights and projection.
        encoder = cls(
            model,
            tokenizer,
            saved.pooling if saved.projection or saved.token_weights else asked or saved.pooling,
            max_seq_length,
            label,
            prefix,
            saved.normalize,
        )
        if saved.token_weights:
            encoder.token_weights = np.array([*saved.token_weights.values()])
        encoder.projection = saved.projection
        encoder.pooling = asked or encoder.pooling
        encoder._check_itself()
        return encoder

    def with_pooling(self, pooling: Pooling | str) -> SentenceEncoder:
        """The same encoder under another pooling, with the same weights in memory.

        Raises:
            EncoderError: it lacks the pooling, or fails its trial under it.
        """
        twin = copy.copy(self)
        twin.pooling = Pooling(pooling)
        twin._check_itself()
        return twin

    def under_first_pooling(self) -> SentenceEncoder:
        """The same encoder under the first pooling that it has, whichever is its own.

        Its fingerprint is thus one for all that differ in the pooling alone.
        """
        twin = copy.copy(self)
        twin.pooling = self.poolings()[0]
        return twin

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256 over all that decides a vector, as it is now.

        That is the weights, the configuration, the tokenizer, the pooling, the length at which
        sentences are cut, the prefix, whether vectors are normalised, and the weights of tokens and
        the projection, if there are any.
        """
        settings: list[object] = [self.pooling, self.max_seq_length, self.prefix, self.normalize]
        if self._token_weights is not None:
            settings.append(sha256(self._token_weights.numpy().tobytes()).hexdigest())
        if self._projection is not None:
            settings.append(self._projection.fingerprint)
        return fingerprint(self.model, self.tokenizer, *settings)

    @property
    def hidden_size(self) -> int:
        """Width of a sentence vector."""
        projection = self._projection
        return len(projection.weight) if projection else int(self.model.config.hidden_size)

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
        set_dropout(self.model, probability)

    def tokenize(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each sentence, special tokens included.

        Raises:
            ParameterError: ``sentences`` is no list of texts.
            EncoderError: a sentence without any token, or with one that the model has no vector of.
        """
        sentences = as_sentences(sentences, "sentences")
        unique = list(dict.fromkeys(sentences))
        rows = dict(zip(unique, self._token_ids(unique), strict=True)) if unique else {}
        return [list(rows[sentence]) for sentence in sentences]

    def _token_ids(self, sentences: Sequence[str]) -> list[list[int]]:
        rows = self.tokenizer(
            [self.prefix + sentence for sentence in sentences],
            truncation=True,
            max_length=self.max_seq_length,
        )["input_ids"]
        known = vocabulary_rows(self.model)
        for sentence, row in zip(sentences, rows, strict=True):
            if not row:
                raise EncoderError(
                    f"sentences: {self.name} has no token for {sentence[:40]!r}; leave it out"
                )
            if known is not None and max(row) >= known:
                raise EncoderError(
                    f"tokenizer: it gives token {max(row)} and {self.name} has vectors for "
                    f"{known:,} tokens; give the tokenizer that belongs to the weights"
                )
        return rows

    def unknown_share(self, sentences: Sequence[str]) -> float:
        """The share of unknown tokens among those of the sentences, special ones left out."""
        return unknown_share(self.tokenize(sentences), self.tokenizer)

    def embed(self, token_ids: Sequence[list[int]]) -> Tensor:
        """One forward over rows of token ids, without padding where the model allows it.

        Follows the model's mode: dropout in training, none in evaluation; gradients as set outside.
        Matrix products have the encoder's ``precision``; weights stay float32. More rows than
        ``rows_at_once`` go through in chunks that keep their vectors alone: for the gradient, each
        is computed once more (Gao et al., 2021, GradCache), to rounding the same but for where
        dropout falls.

        Returns:
            float32 embeddings of shape (rows, hidden).
        """
        return self.embed_poolings(token_ids, [self.pooling])[0]

    def embed_poolings(
        self, token_ids: Sequence[list[int]], poolings: Sequence[Pooling]
    ) -> list[Tensor]:
        """What :meth:`embed` gives under each of several poolings, from one forward for all."""
        size = self.rows_at_once or len(token_ids)
        if size >= len(token_ids):
            return self._embed_chunk(token_ids, poolings)
        chunks = [token_ids[start : start + size] for start in range(0, len(token_ids), size)]
        embedded = [
            checkpoint(self._embed_chunk, chunk, poolings, use_reentrant=False) for chunk in chunks
        ]
        return [torch.cat(parts) for parts in zip(*embedded, strict=True)]

    def _embed_chunk(
        self, token_ids: Sequence[list[int]], poolings: Sequence[Pooling]
    ) -> list[Tensor]:
        in_bf16 = takes_bf16(self.precision, self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=in_bf16):
            return [vectors.float() for vectors in self._forward(token_ids, poolings)]

    @overload
    def encode(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        normalize_embeddings: bool = False,
        convert_to_tensor: Literal[False] = False,
    ) -> np.ndarray: ...

    @overload
    def encode(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        normalize_embeddings: bool = False,
        convert_to_tensor: Literal[True],
    ) -> Tensor: ...

    def encode(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        normalize_embeddings: bool = False,
        convert_to_tensor: bool = False,
    ) -> np.ndarray | Tensor:
        """Embeds sentences without dropout, in length order, each unique sentence once.

        Names and meanings are those of sentence-transformers.

        Args:
            sentences: any iterable of texts, or one text.
            batch_size: sentences in a forward, at most; else as many as have about 2,000 tokens.
            show_progress_bar: whether to draw a bar; not, unless asked for.
            normalize_embeddings: brings vectors to length 1, whatever the encoder's own setting.
            convert_to_tensor: gives a tensor on the encoder's device.

        Returns:
            float32 array of shape (n, hidden), in the order given; (0, hidden) for no sentences,
            (hidden,) for one text that is not in a list.

        Raises:
            ParameterError: no texts, such as bytes, a whole table, or an item that is none; or a
                batch size that is no whole number from 1.
        """
        texts = [sentences] if isinstance(sentences, str) else sentences
        shown = bool(show_progress_bar)
        vectors = self.encode_poolings(texts, [self.pooling], shown, batch_size)[self.pooling]
        if normalize_embeddings:
            vectors = F.normalize(torch.from_numpy(vectors), dim=-1).numpy()
        found = vectors[0] if isinstance(sentences, str) else vectors
        return torch.from_numpy(found).to(self.device) if convert_to_tensor else found

    def encode_poolings(
        self,
        sentences: Sequence[str],
        poolings: Sequence[Pooling | str],
        progress: bool = False,
        batch_size: int | None = None,
    ) -> dict[Pooling, np.ndarray]:
        """What :meth:`encode` gives under each of several poolings, from one forward for all.

        Equal to rounding: under [CLS] and the pooler alone, the last layer is computed for first
        tokens only.

        Raises:
            ParameterError: ``sentences`` or ``poolings`` is no list of texts.
            EncoderError: a pooling that the encoder lacks.
        """
        return self._encode(sentences, poolings, (), progress, batch_size)[0]

    def encode_tokens(self, sentences: Sequence[str]) -> list[np.ndarray]:
        """The last layer's vector of every token, special tokens included, without dropout.

        Returns:
            A float32 array of shape (length, hidden) for each sentence, tokens as in ``tokenize``.
        """
        sentences = as_sentences(sentences, "sentences")
        tokens = self.encode_with_tokens(sentences, [], sentences)[1]
        return [tokens[sentence] for sentence in sentences]

    def encode_with_tokens(
        self,
        sentences: Sequence[str],
        poolings: Sequence[Pooling | str],
        with_tokens: Collection[str],
        progress: bool = False,
    ) -> tuple[dict[Pooling, np.ndarray], dict[str, np.ndarray]]:
        """What :meth:`encode_poolings` gives, and of some of the sentences what
        :meth:`encode_tokens` does, from one forward for both.

        Args:
            with_tokens: these sentences; vectors of all tokens take far more memory.

        Raises:
            ParameterError, EncoderError: see :meth:`encode_poolings`.
        """
        return self._encode(sentences, poolings, with_tokens, progress)

    @torch.no_grad()
    def _encode(
        self,
        sentences: Sequence[str],
        poolings: Sequence[Pooling | str],
        with_tokens: Collection[str],
        progress: bool,
        batch_size: int | None = None,
    ) -> tuple[dict[Pooling, np.ndarray], dict[str, np.ndarray]]:
        sentences = as_sentences(sentences, "sentences")
        chosen = [self._own_pooling(pooling) for pooling in as_sentences(poolings, "poolings")]
        if batch_size is not None:
            batch_size = as_integer(batch_size, "batch_size", at_least=1)
        unique = list(dict.fromkeys(sentences))
        rows = self.tokenize(unique)
        order = sorted(range(len(unique)), key=lambda i: len(rows[i]))
        shape = (len(chosen), len(unique), self.hidden_size)
        vectors = np.empty(shape, dtype=np.float32)
        wanted, tokens = set(with_tokens), dict[str, np.ndarray]()
        training = self.model.training
        self.model.eval()
        try:
            with tqdm(
                total=len(unique),
                desc=translated(f"encode with {self.name}"),
                unit=translated("sentence"),
                disable=not progress,
                leave=False,
            ) as bar:
                for batch in _token_batches(order, rows, batch_size):
                    token_ids = [rows[i] for i in batch]
                    groups = list(self._groups(token_ids, chosen, bool(wanted)))
                    if chosen:
                        embedded = torch.stack(self._pooled(groups, token_ids, chosen))
                        vectors[:, batch] = embedded.float().cpu().numpy()
                    for group in groups if wanted else ():
                        for row, state in zip(group.rows, group.last_hidden_state, strict=True):
                            if (sentence := unique[batch[row]]) in wanted:
                                # A copy, without which those of the whole batch would be kept.
                                own = state[: len(token_ids[row])].float().cpu().numpy().copy()
                                tokens[sentence] = own
                    bar.update(len(batch))
        finally:
            self.model.train(training)
        index = {sentence: i for i, sentence in enumerate(unique)}
        picked = vectors[:, [index[sentence] for sentence in sentences]]
        return dict(zip(chosen, picked, strict=True)), tokens

    def poolings(self) -> list[Pooling]:
        """The poolings this encoder has; with a projection, its own alone."""
        if self._projection is not None:
            return [self.pooling]
        return [p for p in Pooling if not self._lack(p)]

    def _lack(self, pooling: Pooling) -> str:
        """What the encoder lacks for a pooling, in words; empty if nothing."""
        if pooling is Pooling.POOLER and getattr(self.model, "pooler", None) is None:
            return "pooler layer"
        if pooling in OF_FIRST_TOKEN and not begins_with_own_token(self.tokenizer):
            return f"token such as [CLS] before a sentence, so no vector for {pooling}"
        return ""

    def _own_pooling(self, pooling: Pooling | str) -> Pooling:
        found = Pooling(pooling)
        if self._projection is not None and found is not self.pooling:
            raise EncoderError(
                f"pooling: {self.name} has a projection of its {self.pooling} vectors, such as "
                f"whitening; use {self.pooling}, not {found}"
            )
        if self._projection is None and (lacking := self._lack(found)):
            known = ", ".join(self.poolings())
            raise EncoderError(f"pooling: {self.name} has no {lacking}; use one of: {known}")
        return found

    def _groups(
        self,
        token_ids: Sequence[list[int]],
        poolings: Sequence[Pooling],
        with_tokens: bool = False,
    ) -> Iterator[Group]:
        """The outputs that the poolings need, or those of every token."""
        if not (self.packing and can_pack(self.model)):
            return padded_forward(self.model, token_ids)
        first_only = not with_tokens and all(pooling in OF_FIRST_TOKEN for pooling in poolings)
        return packed_forward(self.model, token_ids, first_only)

    def _forward(self, token_ids: Sequence[list[int]], poolings: Sequence[Pooling]) -> list[Tensor]:
        return self._pooled(self._groups(token_ids, poolings), token_ids, poolings)

    def _pooled(
        self,
        groups: Iterable[Group],
        token_ids: Sequence[list[int]],
        poolings: Sequence[Pooling],
    ) -> list[Tensor]:
        """The vectors of the rows of a batch under each pooling, (rows, width) each."""
        vectors = pool_rows(groups, token_ids, poolings, self._token_weights)
        if self._projection is not None:
            vectors = [project(v, self._projection) for v in vectors]
        return [F.normalize(v, dim=-1) for v in vectors] if self.normalize else vectors

    def _check_itself(self) -> None:
        """Raises an EncoderError that says why, if the encoder fails its trial; tried once.

        One that fails of training alone is let in, with the reason as its ``training_fault``.
        """
        key = (self.fingerprint, str(self.device))
        if key not in _passed:
            trial = self._trial()
            if said := find_fault(trial, ENCODING):
                raise EncoderError(f"encoder: {self.name} cannot be used: {said}")
            _passed[key] = find_fault(trial, TRAINING)
        self.training_fault = _passed[key]

    def _trial(self) -> Trial:
        # A projection may enlarge what rounding does to the vectors of a sound encoder.
        bare = copy.copy(self)
        bare.projection = bare.token_weights = None
        words, poolings = known_words(self.tokenizer), bare.poolings()
        last = words[1:3] if len(words) > 2 else words[:1] * 2
        texts = [words[0] + " " + word for word in last]
        texts += [" ".join(words[:n]) for n in (1, 5, 8, 12)]
        many = (words * self.max_seq_length)[: self.max_seq_length]
        (longest,) = self._token_ids([" ".join(many)])
        return Trial(
            self.model,
            lambda rows: torch.stack(bare._forward(rows, poolings)),
            poolings.index(self.pooling),
            self._token_ids(texts),
            longest,
        )

    def check_trainable(self) -> None:
        """Raises an EncoderError that says why, if its trial told that it cannot be trained."""
        if self.training_fault:
            raise EncoderError(
                f"encoder: {self.name} can encode and not be trained: {self.training_fault}"
            )

    def n_truncated(self, sentences: Sequence[str]) -> int:
        """How many of the sentences are cut at ``max_seq_length``."""
        texts = [self.prefix + sentence for sentence in as_sentences(sentences, "sentences")]
        if not texts:
            return 0
        rows = self.tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        return sum(len(row) > self.max_seq_length for row in rows)

    def save(self, directory: str | Path) -> None:
        """Writes config, safetensors weights, tokenizer and settings.

        transformers and sentence-transformers alone load them back.

        Raises:
            EncoderError: ``directory`` is empty, no path, a file, a link to one or to nothing, or
                cannot be made.
        """
        if not isinstance(directory, str | os.PathLike) or not str(directory):
            raise EncoderError(f"save: the name of a folder is needed, got {directory!r}")
        folder = Path(directory)
        # transformers itself only logs this, and returns as if it had written.
        if os.path.lexists(folder) and not folder.is_dir():
            raise EncoderError(f"save: {folder} is not a folder; give the name of a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EncoderError(
                f"save: {folder} cannot be made ({error.strerror}); name another folder"
            ) from error
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)
        write_settings(
            folder,
            SavedSettings(
                self.pooling,
                self.max_seq_length,
                self.prefix,
                self.normalize,
                self._named_weights(),
                self.projection,
            ),
            self.model.config.hidden_size,
            self.model.config.num_hidden_layers,
        )

    def _named_weights(self) -> dict[str, float] | None:
        """The weight of each token by its name, in the order of ids."""
        if self._token_weights is None:
            return None
        weights = self._token_weights.tolist()
        # Some vocabularies have ids without a token; no text has them.
        names = {i: f"[no token {i}]" for i in range(len(weights))}
        names |= {i: token for token, i in self.tokenizer.get_vocab().items()}
        return {name: weights[i] for i, name in names.items()}


@cache
def _tell_assumed(name: str, pooling: Pooling, max_seq_length: int) -> None:
    """Says, once for each encoder, that nothing tells how its vectors are meant."""
    logger.warning(
        "%s has no settings beside its weights (modules.json); assumed are pooling %s, "
        "max_seq_length %d, no prefix and no normalisation; name a pooling to choose",
        name,
        pooling,
        max_seq_length,
    )


def _device(device: str | torch.device | None) -> torch.device:
    """Where to run; CUDA if nothing is said and there is a GPU, else the CPU."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise EncoderError(f"device: 'cpu' or 'cuda' is needed, got {device!r}") from error


def _token_batches(
    order: Sequence[int], rows: Sequence[list[int]], most: int | None = None
) -> Iterator[list[int]]:
    """Cuts ``order`` (sorted by length) into batches that fit the token budget, or of ``most``."""
    batch: list[int] = []
    for i in order:
        full = len(batch) >= most if most else len(rows[i]) * (len(batch) + 1) > TOKENS_PER_FORWARD
        if batch and full:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
