from __future__ import annotations

import numpy as np
import pytest
from application_texts import CLASS_LABELS, CLASS_TEXTS, angles
from sklearn.linear_model import LogisticRegression

from simcse_core.applications import intents
from simcse_core.applications.inputs import InputError
from simcse_core.applications.intents import fit_logistic

EXAMPLES = angles(["0", "80", "90"])
CODES = np.array([0, 1, 0])


def cosine(degrees: float) -> float:
    return float(np.cos(np.deg2rad(degrees)))


def test_the_same_examples_are_fitted_once_and_others_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted: list[np.ndarray] = []
    fit = LogisticRegression.fit

    def noting(self: LogisticRegression, examples: np.ndarray, codes: np.ndarray) -> object:
        fitted.append(codes)
        return fit(self, examples, codes)

    monkeypatch.setattr(LogisticRegression, "fit", noting)
    monkeypatch.setattr(intents, "_FITTED", {})
    monkeypatch.setattr(intents, "FITS_KEPT", 2)
    examples, codes = angles(["0", "10", "90", "100"]), np.array([0, 0, 1, 1])
    first = fit_logistic(examples, codes)
    assert fit_logistic(examples.copy(), codes.copy()) is first
    assert len(fitted) == 1
    turned = fit_logistic(examples, codes[::-1])
    assert (turned.predict(examples) == codes[::-1]).all()
    assert (first.predict(examples) == codes).all()
    fit_logistic(examples[1:], codes[1:])  # the first one goes
    assert len(fitted) == 3
    assert fit_logistic(examples, codes) is not first
    assert len(fitted) == 4


def test_the_nearest_example_of_each_intent_decides() -> None:
    scores = intents.by_nearest_example(EXAMPLES, CODES, angles(["20"]))
    assert np.allclose(scores, [[cosine(20), cosine(60)]], atol=1e-6)


def test_a_class_mean_is_the_direction_between_its_examples() -> None:
    scores = intents.by_class_mean(EXAMPLES, CODES, angles(["20"]))
    assert np.allclose(scores, [[cosine(45 - 20), cosine(60)]], atol=1e-6)


@pytest.mark.parametrize("method", intents.METHODS)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_method_ranks_well_separated_classes_right(method: str, classes: int) -> None:
    n = 10 * classes
    table = intents.likeliest(
        CLASS_TEXTS[:n], CLASS_LABELS[:n], ["2.5", "88.5"], angles, n=2, method=method
    )
    assert table["utterance"].tolist() == ["2.5", "2.5", "88.5", "88.5"]
    assert table["rank"].tolist() == [1, 2, 1, 2]
    assert table.loc[table["rank"] == 1, "intent"].tolist() == ["east", "north"]
    assert (table["score"].diff()[1::2] < 0).all()


def test_one_example_an_intent_is_enough_for_recall() -> None:
    table = intents.likeliest(["0", "90"], ["east", "north"], ["10"], angles, n=1)
    assert table["intent"].tolist() == ["east"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 3}, "n: must be between 1 and the 2 intents, got 3"),
        ({"n": 0}, "n: must be between 1 and the 2 intents, got 0"),
        ({"n": 1, "method": "magic"}, "method: unknown value 'magic'; use one of: nearest"),
        ({"n": 1, "utterances": [""]}, "utterances: number 1 is empty"),
        ({"n": 1, "labels": ["East", "east"]}, "one name twice"),
    ],
)
def test_what_cannot_be_recalled_is_named(arguments: dict[str, object], message: str) -> None:
    usual = {"texts": ["0", "90"], "labels": ["a", "b"], "utterances": ["1"], "encode": angles}
    with pytest.raises(InputError, match=message):
        intents.likeliest(**{**usual, **arguments})
