"""What a tokenizer knows: its ids, the words it reads, what stands for text that it does not."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

UNHEARD_OF = "\U00012219"  # a cuneiform sign
PROBED_WORDS = 60  # entries of a vocabulary that are tried
# What stands before or after the letters in an entry of a vocabulary: WordPiece, Unigram, BPE.
_MARKS = ("##", "▁", "Ġ", "</w>")


def all_token_ids(tokenizer: PreTrainedTokenizerBase) -> range:
    """All ids that a tokenizer may give; some may have no token."""
    return range(max(tokenizer.get_vocab().values()) + 1)


def begins_with_own_token(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a token such as [CLS] stands before every text, as before the empty one."""
    empty, text = tokenizer(["", "a"])["input_ids"]
    return bool(empty) and empty[0] == text[0]


def known_words(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Entries from all over the vocabulary, as text that does not become the unknown token."""
    vocabulary = tokenizer.get_vocab()
    special = {tokenizer.convert_ids_to_tokens(i) for i in tokenizer.all_special_ids}
    entries = [_letters(word) for word in sorted(vocabulary, key=vocabulary.__getitem__)]
    words = [word for word in dict.fromkeys(entries) if word and word not in special]
    words = [word for word in words if word.isalnum()] or words
    some = words[:: max(1, len(words) // PROBED_WORDS)][:PROBED_WORDS]
    if not some:
        return []
    rows = tokenizer(some, add_special_tokens=False)["input_ids"]
    unknown = unknown_ids(tokenizer)
    return [word for word, row in zip(some, rows, strict=True) if row and unknown.isdisjoint(row)]


def unknown_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids of what is not in the vocabulary: the unknown token, and what stands there instead.

    A pipeline may have another unknown token than the settings beside it name.
    """
    pipeline = getattr(tokenizer, "backend_tokenizer", None)
    found = [token.id for token in pipeline.model.tokenize(UNHEARD_OF)] if pipeline else []
    # Several stand for its bytes, which are known.
    ids = {tokenizer.unk_token_id, *(found if len(found) == 1 else [])}
    return {i for i in ids if i is not None}


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that stand for no text, which unknown ones do."""
    return set(tokenizer.all_special_ids) - unknown_ids(tokenizer)


def unknown_share(token_ids: Sequence[Sequence[int]], tokenizer: PreTrainedTokenizerBase) -> float:
    """The share of unknown ones among the tokens of rows, special ones left out; 0 of none."""
    special, unknown = special_ids(tokenizer), unknown_ids(tokenizer)
    own = [token for row in token_ids for token in row if token not in special]
    return sum(token in unknown for token in own) / max(len(own), 1)


def _letters(entry: str) -> str:
    for mark in _MARKS:
        entry = entry.removeprefix(mark).removesuffix(mark)
    return entry
