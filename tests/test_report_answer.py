from __future__ import annotations

import pandas as pd
import pytest

from simcse_core.report.prose import tell_answer

KINDS = {"untrained": "untrained", "unsup-simcse": "trained"}


def row(method: str, n: int, test: float, dev: float) -> list[dict[str, object]]:
    kind = KINDS.get(method, "fitted")
    fixed = {"n_sentences": n, "method": method, "kind": kind, "dataset": "data"}
    return [{**fixed, "split": "dev", "mean": dev}, {**fixed, "split": "test", "mean": test}]


def table(trained_at_800: float) -> pd.DataFrame:
    rows = [
        *row("untrained", 50, 0.4, 0.4),
        *row("unsup-simcse", 50, 0.45, 0.4),
        *row("tfidf-char", 50, 0.99, 0.1),
        *row("unsup-simcse", 800, trained_at_800, 0.4),
        *row("whitening", 800, 0.6, 0.7),  # best on dev, and so it counts
        *row("tfidf-char", 800, 0.65, 0.6),
        *row("unsup-simcse", 10000, 0.9, 0.4),
        *row("tfidf-char", 10000, 0.95, 0.9),
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("trained", "ahead"),
    [(0.5, "**Whitening is ahead there, by 0.100.**"), (0.7, "SimCSE is ahead there, by 0.100.**")],
)
def test_the_answer_tells_every_size_and_who_is_ahead_at_few_sentences(
    trained: float, ahead: str
) -> None:
    said = tell_answer(table(trained))
    assert "an untrained encoder scores 0.400" in said
    assert f"0.450 (50 sentences), {trained:.3f} (800 sentences) and 0.900 (10,000" in said
    assert (
        "whitening, fitted on 800 sentences and the best such method on dev, scores 0.600" in said
    )
    assert said.endswith(ahead)


def test_ready_made_encoders_follow_the_best_on_dev_first() -> None:
    tiny = table(0.5).assign(encoder="tiny", pooling="cls")
    for name, test, dev in (("small-zh", 0.71, 0.7), ("large-zh", 0.7, 0.8)):
        ready = [one | {"kind": "ready-made"} for n in (50, 800) for one in row("r", n, test, dev)]
        own = pd.DataFrame(ready).assign(encoder=name, pooling="mean", method="ready-made")
        tiny = pd.concat([tiny, own])
    told = tell_answer(tiny).split("\n\n")
    assert told[-1].endswith("used as they are: large-zh 0.700 and small-zh 0.710.")
    assert len(told) == 2
    zh = tell_answer(tiny, language="zh").split("\n\n")
    assert zh[-1].endswith("直接使用时：large-zh 0.700 和 small-zh 0.710。")


def test_the_answer_is_told_for_each_pooling_cls_first() -> None:
    mean = table(0.7).assign(encoder="tiny", pooling="mean")
    cls = table(0.5).assign(encoder="tiny", pooling="cls")
    without = pd.concat([mean, cls]).assign(
        encoder=lambda t: t["encoder"].where(t["method"] != "tfidf-char", "none"),
        pooling=lambda t: t["pooling"].where(t["method"] != "tfidf-char"),
    )
    first, second = tell_answer(without.drop_duplicates()).split("\n\n")
    assert first.startswith("[CLS]: On data")
    assert first.endswith("**Whitening is ahead there, by 0.100.**")
    assert second.startswith("mean: On data")
    assert second.endswith("SimCSE is ahead there, by 0.100.**")


def test_the_answer_is_there_in_chinese() -> None:
    said = tell_answer(table(0.5), language="zh")
    assert "得 0.400" in said
    assert said.endswith("领先 0.100。**")
