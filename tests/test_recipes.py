"""Recipes: which weights move, for how long, and what is read off on the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from simcse_core import SentenceEncoder, TrainConfig, train_simcse, whiten
from simcse_core.evaluation import normalize
from simcse_core.recipes import PLAIN, RECIPES, Moment, Reading

Load = Callable[..., SentenceEncoder]
SENTENCES = ["今天下雨", "明天晴天", "我喜欢猫", "他看电影", "她写文章", "我们吃饭"]
CONFIG = TrainConfig(batch_size=3, learning_rate=1e-2)


def trained(load: Load, recipe: str) -> tuple[SentenceEncoder, SentenceEncoder]:
    """An encoder before and after one epoch with the weights that the recipe holds fast."""
    encoder = load()
    start = encoder.copy_for_inference()
    RECIPES[recipe].hold(encoder)
    train_simcse(encoder, SENTENCES, CONFIG)
    return start, encoder


def moved(start: SentenceEncoder, encoder: SentenceEncoder) -> set[str]:
    before = dict(start.model.named_parameters())
    after = encoder.model.named_parameters()
    return {name for name, weights in after if not torch.equal(weights, before[name])}


def test_the_plain_recipe_is_unsupervised_simcse_with_all_weights(load: Load) -> None:
    start, encoder = trained(load, PLAIN)
    assert PLAIN == "unsup-simcse"
    assert RECIPES[PLAIN].objective == PLAIN
    changed = moved(start, encoder)
    assert {name.split(".")[0] for name in changed} == {"embeddings", "encoder"}
    assert RECIPES[PLAIN].config(CONFIG) == CONFIG


def test_embeddings_held_fast_stay_and_all_else_moves(load: Load) -> None:
    words = "embeddings.word_embeddings.weight"
    assert moved(*trained(load, PLAIN)) - moved(*trained(load, "simcse-no-embeddings")) == {words}


def test_last_layers_alone_are_the_last_third_and_one_at_least(load: Load) -> None:
    changed = moved(*trained(load, "simcse-last-layers"))
    layers = {name.split(".")[2] for name in changed if name.startswith("encoder.layer")}
    assert layers == {"1"}  # of two
    assert not [name for name in changed if name.startswith("embeddings")]


@pytest.mark.parametrize(
    ("recipe", "encoded", "trained"),
    [
        (PLAIN, 2 * 1000, 200),  # two points
        ("simcse-slower", 2 * 1000, 3 * (50 + 200)),  # three epochs, a run for each size
        ("simcse-mixed", 2 * 1000, 2 * 200),
        ("simcse-last-layers", 2 * 1000, 200),
    ],
)
def test_how_many_sentences_a_recipe_encodes_and_trains_on(
    recipe: str, encoded: int, trained: int
) -> None:
    assert RECIPES[recipe].sentences([200, 50], 1000) == (encoded, trained)


def test_slower_means_three_epochs_at_a_third_of_the_rate() -> None:
    config = RECIPES["simcse-slower"].config(CONFIG)
    assert config.num_epochs == 3
    assert config.learning_rate == pytest.approx(1e-2 / 3)


def moment(load: Load) -> Moment:
    start, encoder = trained(load, PLAIN)
    return Moment(encoder, start, SENTENCES[:4], SENTENCES)


def reading(recipe: str, method: str) -> Reading:
    return RECIPES[recipe].read(recipe)[method]


def test_interpolation_is_half_way_in_every_weight(load: Load) -> None:
    now = moment(load)
    between = load()
    for name, weights in between.model.state_dict().items():
        ends = [one.model.state_dict()[name] for one in (now.start, now.encoder)]
        if weights.is_floating_point():
            weights.copy_((ends[0] + ends[1]) / 2)
    found = reading("simcse-interpolated", "simcse-interpolated")(now)(SENTENCES)
    assert found == pytest.approx(between.encode(SENTENCES), abs=1e-6)
    assert now.encoder.model.training is False


def test_whitening_is_fitted_on_the_trained_vectors_of_what_was_seen(load: Load) -> None:
    now = moment(load)
    found = reading(PLAIN, "simcse-whitening")(now)(SENTENCES)
    expected = whiten(now.encoder, now.seen).encode(SENTENCES)
    assert normalize(found) == pytest.approx(normalize(expected), abs=1e-4)


def test_the_encoder_as_it_is_gives_its_own_vectors(load: Load) -> None:
    now = moment(load)
    found = reading(PLAIN, PLAIN)(now)(SENTENCES[2:])
    assert np.array_equal(found, now.encoder.encode([*SENTENCES])[2:])
