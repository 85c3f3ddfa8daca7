"""What a tokenizer knows, on tokenizers of a few words."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from simcse_core.encoding.vocabulary import (
    all_token_ids,
    begins_with_own_token,
    known_words,
    special_ids,
    unknown_ids,
    unknown_share,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [*SPECIAL, "我", "茶", "##喝", "tea", "!"]
PAD, UNK, CLS, SEP, ME, TEA = range(6)


def wordpiece(
    unknown: str = "[UNK]", named: str = "[UNK]", framed: bool = True
) -> PreTrainedTokenizerBase:
    """Of nine words; what stands for others is ``unknown`` and goes by ``named``."""
    ids = {word: i for i, word in enumerate(WORDS)}
    pipeline = Tokenizer(models.WordPiece(ids, unk_token=unknown))
    pipeline.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if framed:
        frame = [("[CLS]", CLS), ("[SEP]", SEP)]
        pipeline.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, frame)
    names = {"pad_token": "[PAD]", "unk_token": named, "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=pipeline, **names)


def bytewise() -> PreTrainedTokenizerBase:
    """Reads every text, by its bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pipeline = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    pipeline.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=pipeline)


def test_ids_reach_to_the_last_one_over_those_without_a_token() -> None:
    ids = {"[UNK]": 0, "我": 7}
    pipeline = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pipeline, unk_token="[UNK]")
    assert all_token_ids(tokenizer) == range(8)


@pytest.mark.parametrize("framed", [True, False])
def test_a_token_of_its_own_before_every_text(framed: bool) -> None:
    assert begins_with_own_token(wordpiece(framed=framed)) is framed


def test_known_words_are_what_is_read_as_itself() -> None:
    # "##喝" is known inside a word alone; "!" is no word, and there are others.
    assert known_words(wordpiece()) == ["我", "茶", "tea"]


def test_a_tokenizer_that_reads_nothing_knows_no_word() -> None:
    pipeline = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pipeline, unk_token="[UNK]")
    assert known_words(tokenizer) == []


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        (wordpiece(), {UNK}),
        (wordpiece(unknown="[PAD]"), {PAD, UNK}),  # the pipeline's own, and the one it is called
        (bytewise(), set()),
    ],
    ids=["one", "two", "bytes"],
)
def test_unknown_is_what_the_pipeline_takes_and_what_it_is_called(
    tokenizer: PreTrainedTokenizerBase, expected: set[int]
) -> None:
    assert unknown_ids(tokenizer) == expected


def test_the_unknown_token_stands_for_text_and_so_is_no_special_one() -> None:
    assert special_ids(wordpiece()) == {PAD, CLS, SEP}
    assert special_ids(bytewise()) == set()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], 0.0),
        ([[CLS, SEP]], 0.0),
        ([[CLS, ME, TEA, SEP]], 0.0),
        ([[CLS, ME, UNK, SEP], [CLS, UNK, UNK, UNK, SEP]], 4 / 5),
    ],
)
def test_the_share_of_unknown_ones_is_of_the_texts_own_tokens(
    rows: list[list[int]], expected: float
) -> None:
    assert unknown_share(rows, wordpiece()) == pytest.approx(expected)
