"""Text for masked language modelling: filter, vocabulary, encoded corpus, batches, masks.

Everything random is drawn from a generator that the caller passes, so a run that knows its
seed and step can rebuild any batch without having kept a state.
"""

import json
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jieba
import numpy as np
from tqdm.auto import tqdm
from transformers import BertTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
HELD_OUT_ONE_IN = 100  # one line in a hundred is never trained on
MASKED_SHARE = 0.15
LINES_PER_CHUNK = 32_768  # lines sorted by length at a time: enough that a batch hardly pads
LINES_PER_FLUSH = 1_000  # lines encoded at a time: what bounds the memory of encoding


# ---------------------------------------------------------------- reading and filtering


def normal_form(sentence: str) -> str:
    """`sentence` without case, spaces, punctuation and width, so that near-copies compare equal."""
    text = unicodedata.normalize("NFKC", sentence).lower()
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN")


def read_excluded(paths) -> set[str]:
    """Normal forms of all sentences in STS files (`id||a||b||label`) or plain lists.

    Raises FileNotFoundError when a file is missing.
    """
    excluded = set()
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8-sig").splitlines():
            fields = line.split("||")
            excluded.update(map(normal_form, fields[1:3] if len(fields) == 4 else fields))
    return excluded - {""}


def drop_excluded(lines, excluded: set[str]):
    """Yield the stripped, non-empty `lines` whose normal form is not in `excluded`."""
    for line in lines:
        line = line.strip()
        if line and normal_form(line) not in excluded:
            yield line


def is_held_out(sentence: str) -> bool:
    """Whether `sentence` is kept for measuring; depends on its content, so copies go together."""
    return zlib.crc32(normal_form(sentence).encode()) % HELD_OUT_ONE_IN == 0


def read_lines(path, excluded: set[str]):
    """Yield the sentences of a text file, one a line, without the excluded ones."""
    with open(path, encoding="utf-8-sig") as file:
        yield from drop_excluded(file, excluded)


# ---------------------------------------------------------------- vocabulary


def build_vocabulary(lines, min_count: int = 5, max_latin_words: int = 200) -> list[str]:
    """Special tokens, ASCII pieces, frequent characters and a few Latin words, best first.

    A small vocabulary keeps the output layer, the dearest part of a tiny model, small.
    """
    characters, latin = Counter(), Counter()
    for line in lines:
        text = unicodedata.normalize("NFKD", line.lower())
        text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cc", "Cf"))
        characters.update(c for c in unicodedata.normalize("NFC", text) if not c.isspace())
        latin.update(
            w
            for w in "".join(c if c.isascii() and c.isalnum() else " " for c in text).split()
            if len(w) > 1
        )
    ascii_pieces = [c for c in map(chr, range(33, 127)) if not c.isupper()]
    suffixes = ["##" + c for c in ascii_pieces if c.isalnum()]
    frequent = [
        c
        for c, n in sorted(characters.items(), key=lambda item: (-item[1], item[0]))
        if n >= min_count
    ]
    words = [
        w
        for w, n in sorted(latin.items(), key=lambda item: (-item[1], item[0]))
        if n >= 4 * min_count
    ]
    return list(
        dict.fromkeys(SPECIAL + ascii_pieces + suffixes + frequent + words[:max_latin_words])
    )


def make_tokenizer(vocabulary: list[str], max_length: int) -> BertTokenizerFast:
    """BERT's own tokenizer over `vocabulary`: single Chinese characters, pieces of Latin words."""
    vocab = {token: i for i, token in enumerate(vocabulary)}
    return BertTokenizerFast(vocab=vocab, do_lower_case=True, model_max_length=max_length)


# ---------------------------------------------------------------- encoded corpus


@dataclass
class Corpus:
    """Encoded sentences on disk, read through memory maps.

    tokens: uint16 (total,), token ids without [CLS] and [SEP].
    words: uint8 (total,), 1 where a jieba word begins.
    offsets: int64 (lines + 1,), where each sentence begins.
    """

    tokens: np.ndarray
    words: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def __getitem__(self, line: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(self.offsets[line], self.offsets[line + 1])
        return self.tokens[part], self.words[part]


def word_starts(sentence: str, offsets) -> np.ndarray:
    """uint8, one per token: 1 where the token begins another jieba word than the one before.

    offsets: (start, end) of each token in `sentence`, as a fast tokenizer gives them.
    """
    word_of = np.repeat(*np.array([(i, len(w)) for i, w in enumerate(jieba.lcut(sentence))]).T)
    words = word_of[[start for start, _ in offsets]]
    return np.concatenate([[1], np.diff(words) != 0]).astype(np.uint8)


def encode_corpus(
    paths, tokenizer, excluded: set[str], folder, max_tokens: int, held_out: bool
) -> Corpus:
    """Encode the training (or held-out) lines of `paths` below `folder`; a finished one is reused.

    max_tokens: longer sentences are cut. Lines go to disk as they are encoded: constant memory.
    Raises ValueError when no line is left.
    """
    folder = Path(folder)
    made_from = {
        "paths": [[str(p), Path(p).stat().st_size] for p in paths],
        "vocab": sorted(tokenizer.get_vocab().items()),
        "excluded": len(excluded),
        "max_tokens": max_tokens,
        "held_out": held_out,
    }
    key = f"{zlib.crc32(json.dumps(made_from).encode()):08x}"
    folder = folder / f"{'held-out' if held_out else 'train'}-{key}"
    if not (folder / "offsets.npy").exists():
        _write_corpus(paths, tokenizer, excluded, folder, max_tokens, held_out)
    offsets = np.load(folder / "offsets.npy")
    if len(offsets) < 2:
        raise ValueError(f"no sentence is left in {', '.join(map(str, paths))}")
    return Corpus(
        np.memmap(folder / "tokens.bin", np.uint16, "r"),
        np.memmap(folder / "words.bin", np.uint8, "r"),
        offsets,
    )


def _write_corpus(paths, tokenizer, excluded, folder, max_tokens, held_out):
    folder.mkdir(parents=True, exist_ok=True)
    jieba.setLogLevel("WARNING")
    lengths, pending = [], []

    def flush():
        encoded = tokenizer(pending, add_special_tokens=False, return_offsets_mapping=True)
        rows = zip(pending, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        for sentence, ids, offsets in rows:
            if len(ids) < 2:
                continue
            np.array(ids[:max_tokens], np.uint16).tofile(tokens)
            word_starts(sentence, offsets)[:max_tokens].tofile(words)
            lengths.append(min(len(ids), max_tokens))
        pending.clear()

    with open(folder / "tokens.bin", "wb") as tokens, open(folder / "words.bin", "wb") as words:
        for path in paths:
            for line in tqdm(
                read_lines(path, excluded), desc=f"encoding {Path(path).name}", unit=" lines"
            ):
                if is_held_out(line) == held_out:
                    pending.append(line)
                if len(pending) >= LINES_PER_FLUSH:
                    flush()
        if pending:
            flush()
    # offsets come last: their file is the sign that the folder is complete
    np.save(
        folder / "offsets.npy",
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
    )


# ---------------------------------------------------------------- batches


def plan_batches(lengths: np.ndarray, batch_tokens: int, rng: np.random.Generator):
    """Yield arrays of line numbers: every line once, like lengths together, batches shuffled.

    lengths: (lines,) in tokens. A batch, with padding and [CLS] [SEP], stays within `batch_tokens`.
    """
    order = rng.permutation(len(lengths))
    for start in range(0, len(order), LINES_PER_CHUNK):
        chunk = order[start : start + LINES_PER_CHUNK]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches, first = [], 0
        for i in range(1, len(chunk) + 1):
            if i == len(chunk) or (i + 1 - first) * (lengths[chunk[i]] + 2) > batch_tokens:
                batches.append(chunk[first:i])
                first = i
        for b in rng.permutation(len(batches)):
            yield batches[b]


def halves(sentences) -> list:
    """Cut each sentence at the word boundary nearest its middle.

    sentences: list of (tokens, words), at least two tokens each. Returns twice as many: all first
    halves, then all second halves in the same order.
    """
    first, second = [], []
    for tokens, words in sentences:
        inner = np.flatnonzero(words[1:]) + 1  # a cut leaves something on both sides
        cut = (
            int(inner[np.abs(inner - len(tokens) / 2).argmin()]) if len(inner) else len(tokens) // 2
        )
        first.append((tokens[:cut], words[:cut]))
        second.append((tokens[cut:], words[cut:]))
    return first + second


def assemble(sentences) -> dict[str, np.ndarray]:
    """Put [CLS] and [SEP] in place and pad.

    sentences: list of (tokens, words). Returns int64 arrays (batch, longest): input_ids,
    attention_mask, and words, the number of the jieba word within the row, -1 for special tokens
    and padding.
    """
    longest = max(len(tokens) for tokens, _ in sentences) + 2
    ids = np.full((len(sentences), longest), PAD, np.int64)
    numbers, mask = np.full_like(ids, -1), np.zeros_like(ids)
    for row, (tokens, words) in enumerate(sentences):
        end = len(tokens) + 1
        ids[row, 0], ids[row, 1:end], ids[row, end] = CLS, tokens, SEP
        numbers[row, 1:end] = np.cumsum(words, dtype=np.int64)
        mask[row, : end + 1] = 1
    return {"input_ids": ids, "attention_mask": mask, "words": numbers}


def mask_tokens(
    ids: np.ndarray, words: np.ndarray, whole_words: bool, vocab_size: int, rng: np.random.Generator
):
    """Choose 15 % of the characters, or of the words, and hide them as BERT does.

    ids, words: (batch, length) as `assemble` returns them. Of the chosen tokens 80 % become [MASK],
    10 % a random token, 10 % stay. Returns the new ids and a bool array of what was chosen.
    """
    lots = rng.random(ids.shape)
    if whole_words:
        lots = np.take_along_axis(lots, np.maximum(words, 0), axis=1)  # one lot for a whole word
    chosen = (words >= 0) & (lots < MASKED_SHARE)
    action = rng.random(ids.shape)
    masked = np.where(chosen & (action < 0.8), MASK, ids)
    replaced = chosen & (action >= 0.8) & (action < 0.9)
    return np.where(replaced, rng.integers(len(SPECIAL), vocab_size, ids.shape), masked), chosen
