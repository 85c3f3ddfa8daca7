"""Texts of the uses in whatever holds them: listed once, or refused by the parameter's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcse_core import TfidfEncoder
from simcse_core.applications import (
    intent_measures,
    intents,
    out_of_scope,
    out_of_scope_measures,
    pseudo_label_measures,
    pseudo_labels,
    search,
    search_measures,
    tfidf,
)
from simcse_core.applications.inputs import InputError

TEXTS = [f"{head}{tail}" for head in ("退款", "发货", "发票") for tail in "一二三四五六七八"]
LABELS = [text[:2] for text in TEXTS]
OTHERS = ["退款呢", "发货呢", "发票呢", "天气好"]
STAMP = search.EncoderStamp("tfidf", "0")

Hold = Callable[[list[str]], Any]
HOLDERS: dict[str, Hold] = {
    "generator": lambda texts: (text for text in texts),
    "map": lambda texts: map(str, texts),
    "tuple": tuple,
    "array": lambda texts: np.array(texts, dtype=object),
    "column": lambda texts: pd.Series(texts, index=range(len(texts), 0, -1)),
    "keys": lambda texts: dict.fromkeys(texts).keys(),
}


def encode(texts: Iterable[str]) -> np.ndarray:
    return TfidfEncoder.fit(TEXTS).encode(texts)


def index() -> search.QuestionIndex:
    return search.build(TEXTS, encode, STAMP)


# A function of what its texts and labels are held in; "keys" holds no label twice.
CALLS: dict[str, Callable[[Hold, Hold], Any]] = {
    "build": lambda hold, _: search.build(hold(TEXTS), encode, STAMP).vectors,
    "add": lambda hold, _: search.add(index(), hold(OTHERS[:3]), encode, STAMP).questions,
    "remove": lambda hold, _: search.remove(index(), hold(TEXTS[:3])).questions,
    "query": lambda hold, _: search.query(index(), hold(OTHERS), encode, 2).rows,
    "query_fused": lambda hold, _: (
        search.query_fused(
            index(), tfidf.LexicalIndex(hold(TEXTS)), hold(OTHERS[:3]), encode, 2
        ).rows
    ),
    "scores": lambda hold, _: tfidf.LexicalIndex(TEXTS).scores(hold(OTHERS)),
    "likeliest": lambda hold, labels: intents.likeliest(
        hold(TEXTS), labels(LABELS), hold(OTHERS), encode, 2
    ),
    "propose": lambda hold, labels: (
        pseudo_labels.propose(hold(TEXTS), labels(LABELS), hold(OTHERS), encode, 0.5).table
    ),
    "detect": lambda hold, labels: out_of_scope.detect(
        hold(TEXTS), labels(LABELS), hold(OTHERS), encode
    ),
    "measure_intents": lambda hold, labels: intent_measures.measure_intents(
        encode, hold(TEXTS), labels(LABELS), examples=(2,), seeds=(0,)
    ),
    "recall_curve": lambda hold, labels: intent_measures.recall_curve(
        encode, hold(TEXTS), labels(LABELS), 2
    ),
    "measure_unknown": lambda hold, labels: out_of_scope_measures.measure_unknown(
        encode,
        hold(TEXTS),
        labels(LABELS),
        foreign={"weather": hold(OTHERS)},
        shares=(0.34,),
        n_examples=3,
        seeds=(0,),
    ),
    "measure_gain": lambda hold, labels: pseudo_label_measures.measure_gain(
        encode, hold(TEXTS), labels(LABELS), 2, seeds=(0,)
    ),
    "coverage_curve": lambda hold, labels: pseudo_label_measures.coverage_curve(
        encode, hold(TEXTS), labels(LABELS), 2
    ),
    "measure_latency": lambda hold, _: search_measures.measure_latency(
        encode, index(), hold(OTHERS), (1,), 2, 1, clock=lambda: 0.0
    ),
    "measure_cross_encoder": lambda hold, _: search_measures.measure_cross_encoder(
        encode, search_measures.joined(encode), index(), hold(OTHERS), clock=lambda: 0.0
    ),
}


@cache
def of_lists(name: str) -> Any:
    return CALLS[name](list, list)


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", CALLS)
def test_what_holds_the_texts_makes_no_difference(name: str, holder: str) -> None:
    hold = HOLDERS[holder]
    found = CALLS[name](hold, list if holder == "keys" else hold)
    expected = of_lists(name)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        np.testing.assert_array_equal(found, expected)


NO_LISTS: dict[str, Hold] = {
    "one text": lambda texts: texts[0],
    "bytes": lambda texts: texts[0].encode(),
    "a table": lambda texts: pd.DataFrame({"text": texts}),
    "a set": set,
    "a mapping": dict.fromkeys,
    "a number": lambda texts: 3,
    "nothing": lambda texts: None,
}


@pytest.mark.parametrize("holder", NO_LISTS)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_list_of_texts_is_refused_by_the_parameter(name: str, holder: str) -> None:
    with pytest.raises(InputError, match=r"^\w+: a list of texts is needed") as refused:
        CALLS[name](NO_LISTS[holder], list)
    assert "\n" not in str(refused.value)
