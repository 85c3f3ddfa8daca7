"""A small vocabulary of what BERT's own tokenizer emits, and that tokenizer over it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from transformers import BertTokenizer, PreTrainedTokenizerBase

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(len(SPECIAL))
# CJK punctuation and what Chinese text takes from general punctuation.
PUNCTUATION = "、。〃〈〉《》「」『』【】〔〕〖〗〝〞·–—―‘’“”•…‰′″※"
SYMBOLS = "￥￠￡€£¥§°℃℉№±×÷≈≠≤≥∞√→←↑↓★☆●○◆◇■□▲△▼♀♂♪♥♡✓✔①②③④⑤⑥⑦⑧⑨⑩"
EMOJI = (
    "🏻🏼🏽🏾🏿❤💔💕💖💗💯💪👍👎👌👏👋👀🙏✌🤝🤔🤗🤣🤭🤪🥰🥺🥳🥱🤩🤮🤦🤷"
    "🌹🌸🌺🎉🎂🎁🎵🔥☕🍺🍻🍎🍉🐶🐱🐷⭐🌟🌞🌙☀☔❄⚡💰📱💻📷🚗✈🏠"
)


def build_vocabulary(
    sentences: Iterable[str], min_count: int = 5, max_latin_words: int = 200
) -> list[str]:
    """Special tokens, pieces of words in either width, frequent characters, a few Latin words.

    What is counted is what the tokenizer itself makes of the sentences, so that nothing it emits
    often is missing. A small vocabulary keeps the output layer small, the dearest part of a tiny
    model.

    Args:
        min_count: how often a character must occur; a Latin word, four times as often.
        max_latin_words: the most frequent ones become a token of their own.
    """
    words = _count_words(sentences)
    pieces: Counter[str] = Counter()
    for word, n in words.items():
        for i, character in enumerate(word):
            pieces["##" * (i > 0) + character] += n
    latin = {w: n for w, n in words.items() if len(w) > 1 and w.isascii() and w.isalnum()}
    frequent = _most_frequent(pieces, min_count)
    whole = _most_frequent(latin, 4 * min_count)[:max_latin_words]
    return list(dict.fromkeys([*SPECIAL, *always_known(), *frequent, *whole]))


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


def make_tokenizer(vocabulary: Sequence[str], max_length: int) -> BertTokenizer:
    """BERT's own tokenizer over ``vocabulary``: single Chinese characters, pieces of Latin words.

    Args:
        max_length: tokens that the model was trained on, [CLS] and [SEP] included.
    """
    vocab = {token: i for i, token in enumerate(vocabulary)}
    return BertTokenizer(vocab=vocab, do_lower_case=True, model_max_length=max_length)


def check_special_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    """Batches are put together by the numbers of :data:`SPECIAL`.

    Raises:
        ValueError: the tokenizer has other numbers for them.
    """
    if (ids := tokenizer.convert_tokens_to_ids(list(SPECIAL))) != [PAD, UNK, CLS, SEP, MASK]:
        raise ValueError(
            f"tokenizer: {' '.join(SPECIAL)} must have the ids 0 to 4, got {ids}; leave out "
            "--tokenizer and --init for a vocabulary made from the text"
        )


def _count_words(sentences: Iterable[str]) -> Counter[str]:
    """How often the tokenizer meets each word, before it cuts words into pieces."""
    backend = make_tokenizer(SPECIAL, 512).backend_tokenizer
    words: Counter[str] = Counter()
    for sentence in sentences:
        text = backend.normalizer.normalize_str(sentence)
        words.update(word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text))
    return words


def _most_frequent(counts: Mapping[str, int], least: int) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [text for text, n in ordered if n >= least]
