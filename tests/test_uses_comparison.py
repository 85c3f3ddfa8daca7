"""What training changes, seed by seed: worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from application_frames import use_frame
from scipy import stats

from simcse_core.uses.comparison import COMPARED, application_differences


def test_a_difference_is_the_mean_over_seeds_with_its_interval() -> None:
    found = application_differences(use_frame())
    mine = found[(found["use"] == "search") & (found["metric"] == "recall@1")]
    by_method = mine.set_index("before")
    # 0.45 - 0.40 and 0.47 - 0.44
    row = by_method.loc["untrained"]
    assert row["value"] == pytest.approx(0.04)
    interval = stats.ttest_1samp([0.05, 0.03], 0).confidence_interval(0.95)
    assert (row["seed_low"], row["seed_high"]) == pytest.approx(tuple(interval))
    assert (row["n_seeds"], row["before_kind"]) == (2, "untrained")
    assert by_method.loc["tfidf-char", "value"] == pytest.approx(-0.15)
    assert by_method.loc["whitening", "value"] == pytest.approx(-0.04)


def test_each_use_is_compared_by_its_own_measures() -> None:
    found = application_differences(use_frame())
    for use, pairs in COMPARED.items():
        mine = found[found["use"] == use]
        assert set(zip(mine["way"], mine["metric"], strict=True)) == {
            pair for pair in pairs if pair[1] in set(use_frame()["metric"])
        }
    out = found[(found["use"] == "out-of-scope") & (found["before"] == "untrained")]
    assert out["unknown"].value_counts().to_dict() == {"held-out intents": 2, "out of scope": 2}


def test_a_seed_without_a_value_is_left_out_on_both_sides() -> None:
    rows = use_frame()
    gone = (rows["method"] == "unsup-simcse") & (rows["seed"] == 1)
    rows.loc[gone, "value"] = np.nan
    found = application_differences(rows)
    assert set(found["n_seeds"]) == {1}
    row = found[(found["metric"] == "recall@1") & (found["before"] == "untrained")].iloc[0]
    assert row["value"] == pytest.approx(0.05)
    assert np.isnan(row["seed_low"])
