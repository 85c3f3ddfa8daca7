"""Encoded sentences on disk, read through memory maps: made once, shared by runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import jieba
import numpy as np
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from simcse_core.segmentation import cut_words
from tools.files import whole_folder
from tools.pretraining.text import Text, is_held_out

SENTENCES_AT_A_TIME = 1_000  # what bounds the memory of encoding
MIN_TOKENS = 2  # what a cut in two segments needs
# Token ids, and for each whether a jieba word begins there: two arrays of one length.
Encoded = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Corpus:
    """Encoded sentences.

    Attributes:
        tokens: uint16 (total,), token ids without [CLS] and [SEP].
        words: uint8 (total,), 1 where a jieba word begins.
        offsets: int64 (sentences + 1,), where each sentence begins.
    """

    tokens: np.ndarray
    words: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> Encoded:
        part = slice(self.offsets[i], self.offsets[i + 1])
        return self.tokens[part], self.words[part]

    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, int64 (sentences,)."""
        return np.diff(self.offsets)

    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256 over all sentences."""
        digest = hashlib.sha256()
        for array in (self.offsets, self.tokens, self.words):
            digest.update(array.tobytes())
        return digest.hexdigest()[:12]


def encode_corpus(
    text: Text, tokenizer: PreTrainedTokenizerBase, folder: Path, max_tokens: int, held_out: bool
) -> Corpus:
    """Encodes the training or the held-out sentences below ``folder``; a finished one is reused.

    Args:
        max_tokens: longer sentences are cut; shorter ones than :data:`MIN_TOKENS` are left out.

    Raises:
        ValueError: no sentence is left, or the vocabulary does not fit 16 bits.
    """
    if len(tokenizer) > 2**16:
        raise ValueError(f"tokenizer: at most {2**16:,} tokens can be kept, got {len(tokenizer):,}")
    folder = folder / _folder_name(text, tokenizer, max_tokens, held_out)
    if not folder.exists():
        with whole_folder(folder) as unfinished:
            _write(text, tokenizer, unfinished, max_tokens, held_out)
    offsets = np.load(folder / "offsets.npy")
    if len(offsets) < 2:
        kind = "held-out" if held_out else "training"
        raise ValueError(f"text: no {kind} sentence is left in {_names(text)}; give more text")
    return Corpus(
        np.memmap(folder / "tokens.bin", np.uint16, "r"),
        np.memmap(folder / "words.bin", np.uint8, "r"),
        offsets,
    )


def word_starts(sentence: str, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """uint8 (tokens,): 1 where a token begins another jieba word than the one before.

    Args:
        spans: start and end of each token in ``sentence``, as a fast tokenizer gives them.
    """
    word_of = np.repeat(*np.array([(i, len(w)) for i, w in enumerate(cut_words(sentence))]).T)
    words = word_of[[start for start, _ in spans]]
    return np.concatenate([[1], np.diff(words) != 0]).astype(np.uint8)


def _folder_name(
    text: Text, tokenizer: PreTrainedTokenizerBase, max_tokens: int, held_out: bool
) -> str:
    """Another name for each content of the files, and for whatever else decides the encoding."""
    made_from = {
        "files": [hashlib.sha256(path.read_bytes()).hexdigest() for path in text.paths],
        "excluded": sorted(text.excluded),
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "max_tokens": max_tokens,
        "jieba": jieba.__version__,
    }
    digest = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
    return f"{'held-out' if held_out else 'train'}-{digest[:12]}"


def _write(
    text: Text, tokenizer: PreTrainedTokenizerBase, folder: Path, max_tokens: int, held_out: bool
) -> None:
    """Sentences go to disk as they are encoded: constant memory."""
    bar = tqdm(text.sentences(), desc=f"encoding {_names(text)}", unit=" sentences")
    chosen = (sentence for sentence in bar if is_held_out(sentence) == held_out)
    lengths = [0]
    with open(folder / "tokens.bin", "wb") as tokens, open(folder / "words.bin", "wb") as words:
        for ids, starts in _encode(chosen, tokenizer):
            ids[:max_tokens].tofile(tokens)
            starts[:max_tokens].tofile(words)
            lengths.append(min(len(ids), max_tokens))
    np.save(folder / "offsets.npy", np.cumsum(lengths, dtype=np.int64))


def _encode(sentences: Iterator[str], tokenizer: PreTrainedTokenizerBase) -> Iterator[Encoded]:
    while some := list(islice(sentences, SENTENCES_AT_A_TIME)):
        encoded = tokenizer(
            some, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        spans = encoded["offset_mapping"]
        for sentence, ids, span in zip(some, encoded["input_ids"], spans, strict=True):
            if len(ids) >= MIN_TOKENS:
                yield np.array(ids, np.uint16), word_starts(sentence, span)


def _names(text: Text) -> str:
    return ", ".join(path.name for path in text.paths)
