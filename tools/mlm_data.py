"""Text for masked language modelling: filter, vocabulary, encoded corpus, batches, masks.

Everything random is drawn from a generator that the caller passes, so a run that knows its
seed and step can rebuild any batch without having kept a state.
"""

import json
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping
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
# CJK punctuation and what Chinese text takes from general punctuation.
PUNCTUATION = "、。〃〈〉《》「」『』【】〔〕〖〗〝〞·–—―‘’“”•…‰′″※"
SYMBOLS = "￥￠￡€£¥§°℃℉№±×÷≈≠≤≥∞√→←↑↓★☆●○◆◇■□▲△▼♀♂♪♥♡✓✔①②③④⑤⑥⑦⑧⑨⑩"
EMOJI = "🏻🏼🏽🏾🏿❤💔💕💖💗💯💪👍👎👌👏👋👀🙏✌🤝🤔🤗🤣🤭🤪🥰🥺🥳🥱🤩🤮🤦🤷🌹🌸🌺🎉🎂🎁🎵🔥☕🍺🍻🍎🍉🐶🐱🐷⭐🌟🌞🌙☀☔❄⚡💰📱💻📷🚗✈🏠"
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
    """Special tokens, pieces of words in either width, frequent characters, a few Latin words.

    What is counted is what the tokenizer itself makes of the lines, so that nothing it emits often
    is missing. A small vocabulary keeps the output layer, the dearest part of a tiny model, small.
    """
    backend = make_tokenizer(SPECIAL, 512).backend_tokenizer
    words: Counter[str] = Counter()
    for line in lines:
        text = backend.normalizer.normalize_str(line)
        words.update(word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text))
    pieces: Counter[str] = Counter()
    for word, n in words.items():
        for i, character in enumerate(word):
            pieces["##" * (i > 0) + character] += n
    latin = {w: n for w, n in words.items() if len(w) > 1 and w.isascii() and w.isalnum()}
    frequent = _most_frequent(pieces, min_count)
    whole = _most_frequent(latin, 4 * min_count)[:max_latin_words]
    return list(dict.fromkeys([*SPECIAL, *always_known(), *frequent, *whole]))


def _most_frequent(counts: Mapping[str, int], least: int) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [text for text, n in ordered if n >= least]


def always_known() -> list[str]:
    """Characters that Chinese is typed with, however rare in the text: both widths, and emoji.

    Punctuation always stands alone; of all else, what may follow in a word is there with ``##``.
    """
    half_width = [c for c in map(chr, range(0x21, 0x7F)) if not c.isupper()]
    full_width = [c for c in map(chr, range(0xFF01, 0xFF5F)) if not c.isupper()]
    emoticons = list(map(chr, range(0x1F600, 0x1F650)))
    known = [*half_width, *full_width, *PUNCTUATION, *SYMBOLS, *emoticons, *EMOJI]
    in_words = [c for c in known if c not in PUNCTUATION and unicodedata.category(c)[0] in "LNS"]
    return [*known, *("##" + c for c in in_words)]


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
    """Yield arrays of line numbers: every line once, equal lengths together, batches shuffled.

    Equal lengths need no padding, and few shapes recur, which a processor's bfloat16 kernels are
    compiled for one by one.

    lengths: (lines,) in tokens. A batch, with [CLS] [SEP] [SEP], stays within `batch_tokens`.
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = []
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        rows = max(1, batch_tokens // (lengths[group[0]] + 3))
        batches += np.split(group, range(rows, len(group), rows))
    for b in rng.permutation(len(batches)):
        yield batches[b]


def two_segments(sentences, rng: np.random.Generator) -> tuple[list, list, np.ndarray]:
    """Cut each sentence at the word boundary nearest its middle, and swap half of the second parts.

    Parts are swapped among sentences cut at the same place, so that all rows keep their length.

    sentences: list of (tokens, words), at least two tokens each. Returns the first parts, the
    second parts, and int64 (batch,), 0 where the second part is the sentence's own and 1 where it
    is another's: the labels of BERT's next-sentence objective (Devlin et al., 2019).
    """
    cuts = np.array([_middle(words) for _, words in sentences])
    second_of = np.arange(len(sentences))
    for cut in np.unique(cuts):
        chosen = np.flatnonzero((cuts == cut) & (rng.random(len(cuts)) < 0.5))
        second_of[chosen] = np.roll(chosen, 1)
    first = [(tokens[:cut], words[:cut]) for (tokens, words), cut in zip(sentences, cuts, strict=True)]
    parts = [(tokens[cut:], words[cut:]) for (tokens, words), cut in zip(sentences, cuts, strict=True)]
    swapped = (second_of != np.arange(len(sentences))).astype(np.int64)
    return first, [parts[i] for i in second_of], swapped


def _middle(words: np.ndarray) -> int:
    """Where the word begins that is nearest the middle; both sides keep a token."""
    inner = np.flatnonzero(words[1:]) + 1
    if not len(inner):
        return len(words) // 2
    return int(inner[np.abs(inner - len(words) / 2).argmin()])


def assemble(sentences, second=None) -> dict[str, np.ndarray]:
    """Put [CLS] and [SEP] in place and pad.

    sentences: list of (tokens, words); second: the same for second segments, if rows have two.
    Returns int64 arrays (batch, longest): input_ids, token_type_ids, attention_mask, and words, the
    number of the jieba word within the row, -1 for special tokens and padding.
    """
    segments = [sentences] if second is None else [sentences, second]
    longest = max(sum(len(tokens) + 1 for tokens, _ in row) for row in zip(*segments, strict=True))
    ids = np.full((len(sentences), longest + 1), PAD, np.int64)
    numbers, mask, types = np.full_like(ids, -1), np.zeros_like(ids), np.zeros_like(ids)
    for row, parts in enumerate(zip(*segments, strict=True)):
        ids[row, 0], end, n_words = CLS, 1, 0
        for kind, (tokens, words) in enumerate(parts):
            begin, end = end, end + len(tokens)
            ids[row, begin:end], ids[row, end] = tokens, SEP
            numbers[row, begin:end] = n_words + np.cumsum(words, dtype=np.int64)
            n_words = numbers[row, end - 1] + 1
            types[row, begin : end + 1] = kind
            end += 1
        mask[row, :end] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "words": numbers}


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
