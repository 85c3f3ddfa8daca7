"""One method on the four uses: what is drawn for all alike, and what each row says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from application_frames import write_source

from simcse_core import TrainConfig
from simcse_core.config import Pooling
from simcse_core.data import sample_sentences
from simcse_core.plans import Plan
from simcse_core.uses.cells import (
    MAIN,
    USES,
    Draws,
    at_coverages,
    measure_uses,
    of_encoder,
    of_text,
    trained,
)
from simcse_core.uses.data import ApplicationData, load_application_data

DRAWS = Draws(examples=(1, 2), labelled_examples=3, unknown_shares=(0.5,))
N = 6


@pytest.fixture
def data(tmp_path: Path) -> ApplicationData:
    return load_application_data(write_source(tmp_path / "texts"), DRAWS.smallest)


@pytest.fixture
def plan(bert_dir: Path) -> Plan:
    return Plan(str(bert_dir), Pooling.MEAN, TrainConfig(batch_size=4, learning_rate=1e-3))


def values(rows: pd.DataFrame, **wanted: object) -> list[float]:
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows["value"].to_list()


def test_an_intent_needs_its_examples_and_one_utterance_to_test() -> None:
    assert Draws((1, 3), 5, ()).smallest == 6
    assert Draws((1, 10), 5, ()).smallest == 11


def test_vectors_that_name_the_intent_are_right_in_every_use(data: ApplicationData) -> None:
    names = sorted(set(data.intents.labels))
    place = dict(zip(data.intents.texts, map(names.index, data.intents.labels), strict=True))
    place |= {text: i for i, group in enumerate(data.groups) for text in group}
    place |= dict.fromkeys(data.others["out of scope"], len(names))

    def encode(texts: list[str]) -> np.ndarray:
        vectors = np.eye(len(names) + 2)[[place[text] for text in texts]]
        vectors[:, -1] = [len(text) / 1000 for text in texts]  # alike, but not the same
        return vectors

    rows = measure_uses(encode, data, DRAWS, seed=0)
    assert values(rows, use="search", way="vectors", metric="recall@1") == [1.0]
    assert values(rows, use="intents", way="nearest", metric="recall@1") == [1.0, 1.0]
    # One of four models has to run.
    assert values(rows, use="intents", way="logistic", metric="saved@99") == [0.75, 0.75]
    assert values(rows, use="intents", metric="recall", at=1) == [1.0]
    assert set(values(rows, use="pseudo-labels", metric="accuracy")) == {1.0}
    curve = rows[(rows["use"] == "pseudo-labels") & (rows["way"] == "curve")]
    assert (len(curve), set(curve["value"])) == (20, {1.0})
    assert set(values(rows, use="out-of-scope", way="nearest", metric="auroc")) == {1.0}
    unknown = rows[(rows["use"] == "out-of-scope") & (rows["metric"] == "auroc")]
    kinds = unknown[["unknown", "at"]].drop_duplicates().astype(object).to_numpy().tolist()
    assert kinds[0] == ["held-out intents", 0.5]
    assert kinds[1][0] == "out of scope"
    assert np.isnan(kinds[1][1])


def test_precision_is_told_at_the_first_place_that_covers_as_much() -> None:
    curve = pd.DataFrame({"coverage": [0.1, 0.5, 1.0], "precision": [1.0, 0.8, 0.6]})
    found = at_coverages(curve).set_index("at")["value"]
    assert [round(at, 2) for at in found.index[:3]] == [0.05, 0.1, 0.15]
    assert found.to_list()[:3] == [1.0, 1.0, 0.8]
    assert found.to_list()[9:11] == [0.8, 0.6]
    assert found.iloc[-1] == 0.6


def told(rows: pd.DataFrame) -> list[str]:
    keys = ["use", "way", "examples", "unknown", "at", "metric"]
    return ["|".join(map(str, row)) for row in rows[keys].itertuples(index=False)]


def test_every_method_has_the_same_rows_on_the_same_texts(
    data: ApplicationData, plan: Plan
) -> None:
    counted = of_text(data, DRAWS, N, seed=1)
    fitted = of_encoder(data, plan, DRAWS, N, seeds=[0, 1])
    after = trained(data, plan, "unsup-simcse", DRAWS, N)
    rows = {name: told(mine) for name, mine in fitted[fitted["seed"] == 1].groupby("method")}
    rows |= {"counted": told(counted), "trained": told(after)}
    assert len(set(map(tuple, rows.values()))) == 1
    assert set(counted["use"]) == set(USES)
    assert fitted.groupby("method")["n_train"].first().to_dict() == {"untrained": 0, "whitening": N}
    # How many examples a classifier has is the same for all, whatever their vectors.
    n = {"use": "pseudo-labels", "way": "few", "metric": "n"}
    assert values(counted, **n) == values(after, **n) == [12.0]


def test_training_starts_where_the_untrained_encoder_stands(
    data: ApplicationData, plan: Plan
) -> None:
    still = Plan(plan.encoder, plan.pooling, TrainConfig(batch_size=4, learning_rate=1e-12))
    after = trained(data, still, "unsup-simcse", DRAWS, N)
    before = of_encoder(data, plan, DRAWS, N, seeds=[0])
    before = before[before["method"] == "untrained"]
    recalls = {"use": "search", "way": "vectors"}
    assert values(after, **recalls) == values(before, **recalls)


def test_a_loss_that_is_no_number_leaves_a_reason_for_each_use(
    data: ApplicationData, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = Plan(plan.encoder, plan.pooling, TrainConfig(batch_size=2, learning_rate=1e30))
    rows = trained(data, wild, "unsup-simcse", DRAWS, N)
    assert rows["value"].isna().all()
    assert rows["use"].to_list() == [use for use, _ in MAIN]
    assert all("lower learning_rate" in why for why in rows["missing"])
    assert "the loss is" in capsys.readouterr().out


def test_the_sentences_of_a_seed_are_those_that_training_draws(data: ApplicationData) -> None:
    drawn = sample_sentences(data.pool.sentences, N, 1)
    assert not set(drawn) & set(data.without(drawn).held_out())
