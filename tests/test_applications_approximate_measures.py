from __future__ import annotations

import numpy as np
import pytest

from simcse_core.applications import approximate
from simcse_core.applications.approximate_measures import (
    measure_speed,
    share_found,
    synthetic_vectors,
)


def test_recall_against_exact_search_by_hand() -> None:
    rows = np.array([[3, 1, 2], [7, -1, -1]])
    exact = np.array([[1, 2, 9], [7, 8, 9]])
    assert share_found(rows, exact) == pytest.approx((2 + 1) / 6)


def test_synthetic_vectors_have_length_one_and_near_neighbours() -> None:
    vectors = synthetic_vectors(1000, hidden=64, seed=1)
    assert vectors.shape == (1000, 64)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = vectors @ vectors.T - 2 * np.eye(1000)
    uniform = np.random.default_rng(0).normal(size=(1000, 64))
    uniform /= np.linalg.norm(uniform, axis=1, keepdims=True)
    assert cosines.max(axis=1).mean() > (uniform @ uniform.T - 2 * np.eye(1000)).max(axis=1).mean()
    assert np.array_equal(vectors, synthetic_vectors(1000, hidden=64, seed=1))


@pytest.mark.skipif(not approximate.INSTALLED, reason="the extra search is missing")
def test_a_flat_index_agrees_with_exact_search_and_every_effort_has_a_row() -> None:
    table = measure_speed(sizes=(500,), hidden=16, n_queries=40, k=5)
    assert (table.loc[table["kind"].isin(["exact", "flat"]), "recall"] == 1.0).all()
    assert table["recall"].between(0, 1).all()
    assert (table["queries_per_second"] > 0).all()
    efforts = {kind: len(made.efforts) for kind, made in approximate.KINDS.items()}
    assert table["kind"].value_counts().to_dict() == {"exact": 1, **efforts}
    ivf = table[table["kind"] == "ivf"].sort_values("effort")
    assert ivf["recall"].is_monotonic_increasing
    # 500 vectors of 16 float32 numbers.
    assert table.loc[table["kind"] == "exact", "bytes"].item() == 32_000
    assert (table["bytes"] >= 32_000).all()
