"""An encoder handed to mteb gives the Spearman that is measured here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import SENTENCES
from datasets import Dataset, DatasetDict

from simcse_core import Encoder, MtebEncoder, SentenceEncoder, StsPairs, TfidfEncoder, evaluate_sts
from simcse_core.errors import ParameterError

PAIRS = StsPairs(list(SENTENCES[:24:2]), list(SENTENCES[1:24:2]), np.arange(12) % 6)


def test_texts_of_batches_are_encoded_in_their_order(load: Callable[..., SentenceEncoder]) -> None:
    encoder = load()
    batches = [{"text": list(SENTENCES[:3])}, {"text": [SENTENCES[0]], "id": ["3"]}]
    found = MtebEncoder(encoder).encode(batches, task_metadata=None, prompt_type="query")
    np.testing.assert_array_equal(found, encoder.encode([*SENTENCES[:3], SENTENCES[0]]))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["一句话"], "inputs: batches with a list under 'text' are needed.*got '一句话'"),
        ([{"texts": ["一句话"]}], "inputs: batches with a list under 'text' are needed"),
        ([{"text": "一句话"}], "inputs, text: a list of texts is needed, got one str"),
        ([{"text": ["一句话", None]}], "inputs, text: item 1 is no text but None"),
    ],
)
def test_batches_of_another_form_are_refused(inputs: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        MtebEncoder(TfidfEncoder.fit(SENTENCES)).encode(inputs)


@pytest.mark.parametrize("encoder", ["mini-bert", None, 5, SentenceEncoder.from_pretrained])
def test_what_does_not_encode_is_no_encoder(encoder: Any) -> None:
    with pytest.raises(ParameterError, match=r"encoder: an encoder is needed, such as Sentence"):
        MtebEncoder(encoder)


def test_similarities_are_cosines() -> None:
    model = MtebEncoder(TfidfEncoder.fit(SENTENCES))
    one, other = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 5.0]])
    np.testing.assert_allclose(model.similarity(one, other), [[0.6, 0.8], [0.0, 1.0]])
    np.testing.assert_allclose(model.similarity_pairwise(one, other), [0.6, 1.0])


@pytest.mark.parametrize("kind", ["trained", "fitted"])
def test_mteb_measures_what_is_measured_here(
    kind: str, load: Callable[..., SentenceEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    reason = "mteb is not among what the project needs; pip install mteb"
    mteb = pytest.importorskip("mteb", reason=reason)
    encoder: Encoder = load() if kind == "trained" else TfidfEncoder.fit(SENTENCES[24:])
    task = mteb.get_task("STSB")
    columns = {"sentence1": PAIRS.first, "sentence2": PAIRS.second, "score": PAIRS.scores.tolist()}
    splits = dict.fromkeys(task.metadata.eval_splits, Dataset.from_dict(columns))
    task.dataset, task.data_loaded = DatasetDict(splits), True
    (result,) = mteb.evaluate(MtebEncoder(encoder), task, cache=None)
    here = evaluate_sts(encoder.encode, PAIRS)["spearman"]
    for split in task.metadata.eval_splits:
        (found,) = result.scores[split]
        assert found["cosine_spearman"] == pytest.approx(here, abs=1e-6)
        assert found["main_score"] == found["cosine_spearman"]
