from __future__ import annotations

import numpy as np
import pytest
from application_texts import STAMP, angles

from simcse_core.applications import search
from simcse_core.applications.data import Faq
from simcse_core.applications.inputs import InputError
from simcse_core.applications.search_measures import (
    cross_encoder_cost,
    joined,
    measure_cross_encoder,
    measure_latency,
    measure_recall,
)

# The nearest question of the last query is 90, its own one 0 comes second.
FAQ = Faq(["0", "90", "180"], ["10", "95", "170", "50"], np.array([0, 1, 2, 0]))


def test_recall_and_mrr_of_vectors_by_hand() -> None:
    table = measure_recall(angles, FAQ)
    found = table[table["search"] == "vectors"].set_index("metric")["value"]
    assert found.to_dict() == {
        "recall@1": 0.75,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "mrr@10": pytest.approx((3 + 1 / 2) / 4),
    }


def test_three_searches_are_measured_each_with_intervals() -> None:
    table = measure_recall(angles, FAQ)
    assert table["search"].value_counts().to_dict() == {"vectors": 4, "tfidf": 4, "fused": 4}
    assert (table["ci_low"] <= table["value"]).all()
    assert (table["value"] <= table["ci_high"]).all()


def test_a_query_that_shares_no_character_is_not_found_by_tfidf() -> None:
    faq = Faq(["12", "34"], ["5", "3"], np.array([0, 1]))
    table = measure_recall(angles, faq)
    found = table.set_index(["search", "metric"])["value"]
    assert found["tfidf", "recall@10"] == 0.5


def test_latency_has_a_row_for_each_batch_size_and_step() -> None:
    index = search.build(["0", "90"], angles, STAMP)
    queries = [str(n) for n in range(9)]
    table = measure_latency(angles, index, queries, batch_sizes=(1, 4), repeats=3, k=1)
    assert table.groupby("batch")["batches"].first().to_dict() == {1: 3, 4: 2}
    assert set(table["step"]) == {"encode", "search", "both"}
    assert (table["median"] <= table["p95"]).all()
    with pytest.raises(InputError, match="batches of 9 need more than as many queries"):
        measure_latency(angles, index, queries, batch_sizes=(9,), k=1)


def test_the_cost_of_a_cross_encoder_by_hand() -> None:
    # One layer of 2: 12 * 4 a token, 2 * 2 a pair of tokens.
    cost = cross_encoder_cost(10, query_tokens=3, question_tokens=2, layers=1, hidden=2)
    assert cost["vectors"] == 48 * 3 + 4 * 9 + 10 * 2
    assert cost["cross-encoder"] == 10 * (48 * 5 + 4 * 25)
    assert cost["ratio"] == pytest.approx(3400 / 200)


def test_a_cross_encoder_scores_every_question_of_every_query() -> None:
    index = search.build(["10", "20", "30"], angles, STAMP)
    seen: list[list[tuple[str, str]]] = []

    def score(pairs: list[tuple[str, str]]) -> np.ndarray:
        seen.append(pairs)
        return np.zeros(len(pairs))

    table = measure_cross_encoder(angles, score, index, ["1", "2"])
    assert seen == [[(query, q) for q in ("10", "20", "30")] for query in ("1", "2")]
    assert table["system"].tolist() == ["vectors", "cross-encoder"]
    with pytest.raises(InputError, match="at least two are needed"):
        measure_cross_encoder(angles, score, index, ["1"])


def test_joined_texts_stand_in_for_a_cross_encoder() -> None:
    assert np.allclose(joined(angles)([("6", "0"), ("9", "0")]), [0.5, 0.0], atol=1e-6)
