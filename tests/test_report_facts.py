from __future__ import annotations

import pandas as pd

from simcse_core.report.facts import facts


def row(method: str, kind: str, value: float, **columns: object) -> dict[str, object]:
    fixed = {"encoder": "tiny", "pooling": "cls", "n_train": 0, "epoch": 0.0, "seed": 0}
    fixed |= {"split": "test", "metric": "spearman"}
    return {**fixed, "method": method, "kind": kind, "value": value, **columns}


CURVE = [
    row("untrained", "untrained", 0.317),
    row("untrained", "untrained", 0.317, seed=1),
    row("unsup-simcse", "trained", 0.2, n_train=50, epoch=1.0),
    row("unsup-simcse", "trained", 0.4, n_train=800, epoch=1.0),
    row("unsup-simcse", "trained", 0.9, n_train=50, epoch=1.0, seed=1),
    row("unsup-simcse", "trained", 0.3, n_train=800, epoch=1.0, seed=1),
    row("whitening", "fitted", 0.5, n_train=800),
    row("whitening", "fitted", 0.6, n_train=800, seed=1),
    row("tfidf-char", "fitted", 0.678, encoder="none", pooling=None, n_train=900),
    row("tfidf-char", "fitted", 0.7, encoder="none", pooling=None, n_train=900, split="dev"),
]


def test_facts_are_counts_two_digits_of_what_has_no_seed_and_seeds_that_gain() -> None:
    assert facts(pd.DataFrame(CURVE)) == [
        "rows: 10",
        "methods: untrained, unsup-simcse, whitening, tfidf-char",
        "encoders: tiny, none",
        "sentences: 0, 50, 800, 900",
        "epochs: 0, 1",
        "seeds: 0, 1",
        "best untrained on test: 0.32",
        "best tfidf-char on test: 0.68",
        "unsup-simcse, tiny, cls: 1 of 2 seeds gain",  # at the last size: 0.4 and 0.3 to 0.317
        "no missing value: True",
    ]


def test_the_last_epoch_counts_where_the_size_stays() -> None:
    epochs = [
        row("untrained", "untrained", 0.3),
        row("unsup-simcse", "trained", 0.4, n_train=9, epoch=1.0),
        row("unsup-simcse", "trained", 0.2, n_train=9, epoch=2.0),
    ]
    assert "unsup-simcse, tiny, cls: 0 of 1 seeds gain" in facts(pd.DataFrame(epochs))


def test_of_several_sources_each_is_told_by_itself() -> None:
    bank = [{**line, "value": 0.3 - line["value"]} for line in CURVE]  # what gained loses there
    mixed = row("simcse-mixed", "trained", 0.4, n_train=800, epoch=1.0)  # on one source alone
    rows = [{**line, "dataset": "sample"} for line in CURVE]
    rows += [{**line, "dataset": "bank"} for line in [*bank, mixed]]
    assert facts(pd.DataFrame(rows))[6:-1] == [
        "sample: best untrained on test: 0.32",
        "sample: best tfidf-char on test: 0.68",
        "bank: best untrained on test: -0.02",
        "bank: best tfidf-char on test: -0.38",
        "sample: unsup-simcse, tiny, cls: 1 of 2 seeds gain",
        "bank: unsup-simcse, tiny, cls: 1 of 2 seeds gain",
        "bank: simcse-mixed, tiny, cls: 1 of 1 seeds gain",
    ]


def test_a_missing_value_is_told_and_gains_nothing() -> None:
    lost = [row("untrained", "untrained", 0.3), row("unsup-simcse", "trained", None, n_train=9)]
    assert facts(pd.DataFrame(lost))[-2:] == [
        "unsup-simcse, tiny, cls: 0 of 1 seeds gain",
        "no missing value: False",
    ]
