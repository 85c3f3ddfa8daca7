"""The uses on real data, where it is there: counts and figures that others measured.

No sentence of it stands here. ``SIMCSE_REAL_DATA`` names the folder; else ``../shared/data``.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from simcse_core import TfidfEncoder
from simcse_core.applications import data as texts
from simcse_core.applications.inputs import codes_of
from simcse_core.applications.intent_measures import measure_intents
from simcse_core.applications.search_measures import measure_recall
from simcse_core.config import PROJECT_ROOT
from simcse_core.uses.data import ApplicationData, load_application_data

FOLDER = Path(os.environ.get("SIMCSE_REAL_DATA") or PROJECT_ROOT.parent / "shared" / "data")
APPLICATIONS = FOLDER / "applications"

pytestmark = pytest.mark.skipif(
    not (APPLICATIONS / "smp2020").is_dir(),
    reason=f"no real data: {APPLICATIONS} is not there (SIMCSE_REAL_DATA names its folder)",
)


@pytest.fixture(scope="module")
def data() -> ApplicationData:
    return load_application_data(APPLICATIONS, smallest=6)


def test_the_data_sets_are_as_large_as_their_readmes_say() -> None:
    for part, n_clusters, n_questions in (("dev", 979, 3748), ("test", 971, 3760)):
        groups = texts.clusters(texts.read_bq(APPLICATIONS / "bq" / f"{part}.csv"))
        assert (len(groups), sum(map(len, groups))) == (n_clusters, n_questions)
    smp = texts.read_smp2020(APPLICATIONS / "smp2020" / "2020train.json")
    assert (len(smp.texts), len(set(smp.labels))) == (5009, 91)


def test_no_negative_pair_falls_inside_a_cluster() -> None:
    pairs = texts.read_bq(APPLICATIONS / "bq" / "test.csv")
    of = {text: i for i, group in enumerate(texts.clusters(pairs)) for text in group}
    negative = [
        (a, b) for a, b, same in zip(pairs.first, pairs.second, pairs.same, strict=True) if not same
    ]
    assert not [1 for a, b in negative if a in of and of.get(a) == of.get(b)]


def test_what_is_drawn_from_is_no_question_that_is_measured(data: ApplicationData) -> None:
    grouped = {text for group in data.groups for text in group}
    assert not grouped & set(data.pool.sentences)
    drawn = data.pool.sentences[::3]
    assert not set(data.without(drawn).held_out()) & set(drawn)


def test_tfidf_recalls_intents_as_it_did_elsewhere(data: ApplicationData) -> None:
    """Characters, 5 examples, nearest: 0.616, 0.856, 0.922 were measured independently.

    Here what ties with the right intent counts as before it: many share no character with an
    utterance and tie at 0, which shows in long lists.
    """
    encode = TfidfEncoder.fit(data.intents.texts).encode
    rows = measure_intents(
        encode, data.intents.texts, data.intents.labels, [5], range(5), ["nearest"]
    )
    found = rows.groupby("metric")["value"].mean()
    assert found["recall@1"] == pytest.approx(0.616, abs=0.02)
    assert found["recall@5"] == pytest.approx(0.856, abs=0.02)
    assert 0.922 - 0.04 < found["recall@10"] <= 0.922


def test_recall_over_lists_agrees_with_ranks_over_all_questions(data: ApplicationData) -> None:
    faq = data.faq(0)
    encode = TfidfEncoder.fit([*faq.questions, *faq.queries]).encode
    rows = measure_recall(encode, faq)
    found = rows[rows["search"] == "vectors"].set_index("metric")["value"]
    unit = [v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
            for v in (encode(faq.queries), encode(faq.questions))]  # fmt: skip
    cosines = unit[0] @ unit[1].T
    own = cosines[np.arange(len(cosines)), faq.answers][:, None]
    ahead = (cosines > own + 1e-6).sum(axis=1)
    assert found["recall@5"] == pytest.approx((ahead < 5).mean(), abs=0.01)


def test_every_intent_keeps_enough_utterances(data: ApplicationData) -> None:
    left = data.without(data.pool.sentences).intents
    counts = np.bincount(codes_of(left.labels, sorted(set(left.labels))))
    assert counts.min() == counts.max() == 6
