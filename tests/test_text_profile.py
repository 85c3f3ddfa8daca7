"""Lengths, unknown tokens and near-duplicates, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simcse_core import SentenceEncoder
from simcse_core.text_profile import describe_tokens, near_duplicates, token_lengths

Load = Callable[..., SentenceEncoder]


def test_lengths_count_special_tokens_and_say_what_is_cut(
    load: Callable[..., SentenceEncoder],
) -> None:
    encoder = load()
    encoder.max_seq_length = 6
    frame = token_lengths(["我看书", "我喝茶", "我今天看书"], encoder)
    assert frame.to_dict("list") == {
        "n_tokens": [5, 7],
        "n_sentences": [2, 1],
        "is_cut": [False, True],
    }


def test_a_line_tells_lengths_cuts_and_unknown_tokens(load: Load) -> None:
    encoder = load()
    encoder.max_seq_length = 6
    # 3 and 5 characters, of which 象 is no token of the encoder: one of eight is unknown.
    said = describe_tokens(["我看书", "我今天看象"], encoder)
    assert "6 tokens a sentence" in said
    assert "at most 7" in said
    assert "1 of 2 sentences cut at 6" in said
    assert "12.50% of the tokens are [UNK]" in said
    assert describe_tokens([], encoder).endswith("no sentence")


def test_near_duplicates_are_found_once_and_others_not() -> None:
    long = "我们明天上午九点在学校门口集合一起去博物馆参观"
    found = near_duplicates([long, "今天天气很好", f"{long}！", "完全不同的另外一句话"])
    assert [(d.sentence, d.other) for d in found] == [(long, f"{long}！")]
    assert 0.9 <= found[0].cosine < 1


def test_the_most_alike_come_first() -> None:
    one, other = "早上好啊大家都好吗今天怎么样我们一起去吃早饭吧", "请问去火车站的公共汽车在哪里坐"
    found = near_duplicates([one, f"{one}呢", other, other.replace("请", "请 ")])
    assert [d.sentence for d in found] == [other, one]
    assert found[0].cosine == pytest.approx(1.0)


@pytest.mark.parametrize("sentences", [[], ["一句"]])
def test_fewer_than_two_sentences_have_no_duplicate(sentences: list[str]) -> None:
    assert near_duplicates(sentences) == []
