from __future__ import annotations

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles

from simcse_core.applications.inputs import InputError
from simcse_core.applications.intent_measures import measure_intents, models_saved, recall_curve


def test_models_saved_by_hand() -> None:
    ranked = np.array([1] * 9 + [5])
    assert models_saved(ranked, n_intents=10, recall=0.9) == pytest.approx(0.9)
    assert models_saved(ranked, n_intents=10, recall=0.95) == pytest.approx(0.5)


def test_measured_rows_name_method_examples_and_seed() -> None:
    table = measure_intents(
        angles, CLASS_TEXTS, CLASS_LABELS, examples=(1, 3), seeds=(0, 1), methods=("nearest",)
    )
    keys = table[["method", "examples", "seed", "metric"]]
    assert not keys.duplicated().any()
    assert set(zip(table["examples"], table["seed"], strict=True)) == {
        (1, 0), (1, 1), (3, 0), (3, 1),
    }  # fmt: skip
    right = table.set_index("metric")["value"]
    assert (right["recall@1"] == 1).all()
    assert np.allclose(right["saved@99"], 2 / 3)


def test_a_test_without_utterances_is_refused() -> None:
    with pytest.raises(InputError, match="with 10 examples an intent none is left to test"):
        measure_intents(angles, CLASS_TEXTS, CLASS_LABELS, examples=(10,), seeds=(0,))


def test_the_recall_curve_ends_with_all_models_running() -> None:
    curve = recall_curve(angles, CLASS_TEXTS, CLASS_LABELS, n_examples=3)
    assert curve["n"].tolist() == [1, 2, 3]
    assert curve["recall"].is_monotonic_increasing
    assert curve.iloc[-1][["recall", "models_run"]].tolist() == [1.0, 1.0]
