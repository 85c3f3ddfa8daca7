from __future__ import annotations

import copy
import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from conftest import SENTENCES
from torch import Tensor

from simcse_core import NliTriplets, SentenceEncoder, TrainConfig, train_simcse
from simcse_core.objectives import OBJECTIVES
from simcse_core.training import TrainingError
from simcse_core.training import train as train_for

Load = Callable[..., SentenceEncoder]
Weights = dict[str, Tensor]

TEXTS = SENTENCES[:13]
PROBES = SENTENCES[40:46]  # measured, never trained on
# Large enough that a step moves every vector visibly.
CONFIG = TrainConfig(batch_size=4, learning_rate=1e-3, dropout=0.1, seed=3)


def config(**changes: Any) -> TrainConfig:
    return replace(CONFIG, **changes)


def weights(encoder: SentenceEncoder) -> Weights:
    return {name: value.clone() for name, value in encoder.model.state_dict().items()}


def same_bits(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Probe:
    """A measure that keeps the exact weights and vectors of every point it sees."""

    def __init__(self) -> None:
        self.weights: list[Weights] = []
        self.vectors: list[np.ndarray] = []

    def __call__(self, encoder: SentenceEncoder) -> dict[str, Any]:
        self.weights.append(weights(encoder))
        self.vectors.append(encoder.encode(PROBES))
        return {"first": float(self.vectors[-1][0, 0])}


def triplets(n: int) -> NliTriplets:
    return NliTriplets(list(SENTENCES[:n]), list(SENTENCES[13 : 13 + n]), list(SENTENCES[26:][:n]))


def train_sup(encoder: SentenceEncoder, examples: NliTriplets, *args: Any) -> pd.DataFrame:
    return train_for(encoder, OBJECTIVES["sup-simcse"], examples, *args)


def unsupervised(encoder: SentenceEncoder, n: int, *args: Any) -> pd.DataFrame:
    return train_simcse(encoder, TEXTS[:n], *args)


def supervised(encoder: SentenceEncoder, n: int, *args: Any) -> pd.DataFrame:
    return train_sup(encoder, triplets(n), *args)


def with_a_queue(encoder: SentenceEncoder, n: int, *args: Any) -> pd.DataFrame:
    return train_for(encoder, OBJECTIVES["esimcse"], TEXTS[:n], *args)


BOTH = pytest.mark.parametrize("train", [unsupervised, supervised])


# --- shared prefixes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "num_epochs", "packing"),
    [
        (unsupervised, 1, True),
        (unsupervised, 2, True),
        (unsupervised, 1, False),
        (supervised, 1, True),
        (supervised, 2, False),
        (with_a_queue, 1, True),
        (with_a_queue, 2, False),
    ],
)
def test_a_point_is_to_the_last_bit_where_a_separate_run_ends(
    load: Load, train: Callable[..., pd.DataFrame], num_epochs: int, packing: bool
) -> None:
    def fresh() -> SentenceEncoder:
        encoder = load()
        encoder.packing = packing
        return encoder

    # Of 13 in batches of 4: points at the ends of batches, inside them, and two in one batch.
    points, probe = [0, 2, 4, 6, 7, 8, 11, 13], Probe()
    measured = train(fresh(), 13, config(num_epochs=num_epochs), points, probe)
    for i, n in enumerate(points[1:], start=1):
        alone, own_probe = fresh(), Probe()
        own = train(alone, n, CONFIG, [n], own_probe)
        assert same_bits(probe.weights[i], weights(alone)), f"weights at {n}"
        assert np.array_equal(probe.vectors[i], own_probe.vectors[0]), f"vectors at {n}"
        assert measured.loc[i, "first"] == own.loc[0, "first"]
        assert measured.loc[i, "loss"] == own.loc[0, "loss"]


@BOTH
def test_an_epochs_end_is_to_the_last_bit_where_a_run_of_so_many_epochs_ends(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    probe = Probe()
    train(load(), 10, config(num_epochs=3), [10, 20, 30], probe)
    for epochs, at_end in zip((1, 2, 3), probe.weights, strict=True):
        alone = load()
        train(alone, 10, config(num_epochs=epochs))
        assert same_bits(at_end, weights(alone)), f"after {epochs} epochs"


def test_the_untrained_encoder_is_measured_at_zero(load: Load) -> None:
    probe = Probe()
    train_simcse(load(), TEXTS, CONFIG, [0], probe)
    assert same_bits(probe.weights[0], weights(load()))


@BOTH
def test_measuring_does_not_disturb_training(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    def meddle(encoder: SentenceEncoder) -> dict[str, float]:
        torch.manual_seed(99)
        encoder.encode(PROBES)
        return {"draw": torch.rand(1).item()}

    undisturbed, measured = load(), load()
    train(undisturbed, 13, config(num_epochs=2))
    train(measured, 13, config(num_epochs=2), [0, 1, 3, 4, 9, 13, 14, 20, 26], meddle)
    assert same_bits(weights(undisturbed), weights(measured))


@BOTH
def test_the_callers_random_numbers_are_left_alone(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    encoder = load()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    python_state = random.getstate()
    train(encoder, 6, CONFIG, [5, 6], Probe())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert random.getstate() == python_state


@BOTH
def test_the_callers_random_state_does_not_move_the_result(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    ends = []
    for callers_seed in (1, 2):
        encoder = load()
        with torch.random.fork_rng():
            torch.manual_seed(callers_seed)
            train(encoder, 6, CONFIG)
        ends.append(weights(encoder))
    assert same_bits(*ends)


@BOTH
def test_another_seed_gives_another_result(load: Load, train: Callable[..., pd.DataFrame]) -> None:
    one, other = load(), load()
    train(one, 6, config(seed=0))
    train(other, 6, config(seed=1))
    assert not same_bits(weights(one), weights(other))


def test_later_epochs_are_shuffled_by_the_seed_and_the_first_is_not(load: Load) -> None:
    ends: dict[int, list[Weights]] = {1: [], 2: []}
    for epochs in ends:
        for seed in (0, 1):
            encoder = load()  # without dropout, the order alone depends on the seed
            train_simcse(encoder, TEXTS, config(dropout=0.0, num_epochs=epochs, seed=seed))
            ends[epochs].append(weights(encoder))
    assert same_bits(*ends[1])
    assert not same_bits(*ends[2])


STILL = replace(CONFIG, learning_rate=1e-12)  # steps too small to move a loss visibly


def test_every_step_has_dropout_of_its_own(load: Load) -> None:
    # The same batch three times over: without dropout the loss stays, with it each is another.
    batch = TEXTS[:4] * 3
    calm = train_simcse(load(), batch, replace(STILL, dropout=0.0), [4, 8, 12])["loss"]
    noisy = train_simcse(load(), batch, STILL, [4, 8, 12])["loss"]
    assert calm.tolist() == pytest.approx([calm[0]] * 3, abs=1e-5)
    assert len({round(loss, 4) for loss in noisy}) == 3


def test_every_epoch_after_the_first_has_an_order_of_its_own(load: Load) -> None:
    settings = replace(STILL, dropout=0.0, num_epochs=3)
    losses = train_simcse(load(), TEXTS[:12], settings, range(4, 37, 4))["loss"].round(4)
    first, second, third = (set(losses[start : start + 3]) for start in (0, 3, 6))
    assert first != second != third != first


# --- what a step does ------------------------------------------------------------------------


def by_plain_loop(encoder: SentenceEncoder, sentences: Sequence[str]) -> list[float]:
    """One epoch without dropout: the transformers model, its tokenizer and AdamW, no more."""
    model, tokenizer = encoder.model.train(), encoder.tokenizer
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    losses = []
    for start in range(0, len(sentences), 4):
        texts = list(sentences[start : start + 4])
        inputs = tokenizer(texts + texts, padding=True, return_tensors="pt")
        z = F.normalize(model(**inputs).last_hidden_state[:, 0], dim=-1)
        logits = (z @ z.T / 0.05) - 1e9 * torch.eye(len(z))
        partner = [i + len(texts) for i in range(len(texts))] + list(range(len(texts)))
        loss = F.cross_entropy(logits, torch.tensor(partner))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def test_training_equals_a_plain_loop(load: Load) -> None:
    ours, plain = load("cls"), load("cls")
    plain.set_dropout(0.0)
    expected = by_plain_loop(plain, TEXTS[:12])
    frame = train_simcse(ours, TEXTS[:12], config(dropout=0.0, learning_rate=1e-4), [4, 8, 12])
    assert frame["loss"].tolist() == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(ours.encode(PROBES), plain.encode(PROBES), rtol=0, atol=1e-3)
    assert np.abs(ours.encode(PROBES) - load("cls").encode(PROBES)).max() > 0.01


def test_supervised_loss_is_that_of_triplets(load: Load) -> None:
    encoder, few = load(), triplets(4)
    a, p, n = (
        encoder.encode(part).astype(np.float64)
        for part in (few.anchor, few.positive, few.hard_negative)
    )
    a, p, n = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, p, n))
    exponentials = np.exp(a @ np.concatenate([p, n]).T / 0.05)  # (4, 8)
    expected = -np.log(np.diag(exponentials) / exponentials.sum(axis=1)).mean()
    frame = train_sup(encoder, few, config(dropout=0.0), [4])
    assert frame["loss"][0] == pytest.approx(expected, rel=1e-4)


@BOTH
def test_packed_and_padded_training_are_the_same_mathematics(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    calm, at, packed, padded = config(dropout=0.0, learning_rate=1e-4), [4, 8, 12], load(), load()
    padded.packing = False
    expected = train(padded, 13, calm, at)["loss"].tolist()
    found = train(packed, 13, calm, at)["loss"].tolist()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(packed.encode(PROBES), padded.encode(PROBES), rtol=0, atol=1e-3)
    assert np.abs(packed.encode(PROBES) - load().encode(PROBES)).max() > 1e-2


def test_both_dropouts_are_set_by_training(load: Load) -> None:
    encoder = load()
    train_simcse(encoder, TEXTS[:4], config(dropout=0.2))
    settings = encoder.model.config
    assert settings.hidden_dropout_prob == settings.attention_probs_dropout_prob == 0.2
    probabilities = {m.p for m in encoder.model.modules() if isinstance(m, torch.nn.Dropout)}
    assert probabilities == {0.2}


def test_the_two_views_of_a_sentence_differ_while_training(load: Load) -> None:
    # Views that were equal would make every positive cosine 1, and dropout make no difference.
    calm, noisy = (
        train_simcse(load(), TEXTS[:4], config(dropout=p), [4])["loss"][0] for p in (0.0, 0.3)
    )
    assert abs(noisy - calm) > 1e-3


def test_measure_sees_the_encoder_in_evaluation_mode_and_so_does_the_caller(load: Load) -> None:
    encoder, modes = load(), []
    train_simcse(
        encoder, TEXTS, CONFIG, [0, 3, 4, 13], lambda e: modes.append(e.model.training) or {}
    )
    assert modes == [False] * 4
    assert not encoder.model.training


def uniformity_by_hand(vectors: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [
        np.exp(-2 * np.sum((unit[i] - unit[j]) ** 2)) for i in range(len(unit)) for j in range(i)
    ]
    return float(np.log(np.mean(pairs)))


def test_a_real_fit_lowers_the_loss_and_spreads_the_sentences(load: Load) -> None:
    encoder, sentences = load(), SENTENCES
    before = uniformity_by_hand(encoder.encode(sentences))
    settings = config(batch_size=16, num_epochs=8)
    frame = train_simcse(encoder, sentences, settings, range(16, 48 * 8 + 1, 16))
    assert frame["loss"].tail(3).mean() < 0.5 * frame["loss"].head(3).mean()
    assert uniformity_by_hand(encoder.encode(sentences)) < before - 0.5


# --- a batch of one --------------------------------------------------------------------------


def test_a_sentence_alone_in_its_batch_changes_nothing(load: Load) -> None:
    four, five = load(), load()
    train_simcse(four, TEXTS[:4], CONFIG)
    train_simcse(five, TEXTS[:5], CONFIG)
    assert same_bits(weights(four), weights(five))


def test_batches_of_one_are_refused_where_only_the_batch_gives_negatives(load: Load) -> None:
    encoder = load()
    with pytest.raises(ValueError, match="batch_size: unsupervised SimCSE needs at least 2"):
        train_simcse(encoder, TEXTS[:3], config(batch_size=1), [3])
    assert same_bits(weights(encoder), weights(load()))
    train_sup(encoder, triplets(3), config(batch_size=1))
    assert not same_bits(weights(encoder), weights(load()))


def test_a_triplet_alone_in_its_batch_still_has_its_hard_negative(load: Load) -> None:
    four, five = load(), load()
    train_sup(four, triplets(4), CONFIG)
    train_sup(five, triplets(5), CONFIG)
    assert not same_bits(weights(four), weights(five))


# --- duplicates in a batch -------------------------------------------------------------------


def test_a_sentence_twice_in_a_batch_is_no_negative_of_itself(load: Load) -> None:
    a, b = (list(load().encode([text])[0].astype(np.float64)) for text in TEXTS[:2])
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    unique, twice = (
        train_simcse(load(), texts, config(dropout=0.0), [len(texts)])["loss"][0]
        for texts in (TEXTS[:2], [TEXTS[0], TEXTS[0], TEXTS[1], TEXTS[1]])
    )
    positive, negative = math.exp(1 / 0.05), math.exp(cosine / 0.05)
    assert unique == pytest.approx(math.log1p(2 * negative / positive), rel=1e-3)
    assert twice == pytest.approx(math.log1p(4 * negative / positive), rel=1e-3)


def test_another_positive_of_the_same_anchor_is_no_negative(load: Load) -> None:
    few = triplets(3)
    repeated = NliTriplets([few.anchor[0]] * 3, few.positive, few.hard_negative)
    encoder = load()
    a, p, n = (encoder.encode(part) for part in (repeated.anchor, few.positive, few.hard_negative))
    a, p, n = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, p, n))
    own = np.exp(np.sum(a * p, axis=1) / 0.05)
    hard = np.exp(a @ n.T / 0.05).sum(axis=1)
    frame = train_sup(encoder, repeated, config(dropout=0.0), [3])
    assert frame["loss"][0] == pytest.approx(-np.log(own / (own + hard)).mean(), rel=1e-3)


# --- a schedule ------------------------------------------------------------------------------


@BOTH
def test_a_linear_schedule_runs_points_separately_and_says_so(
    load: Load, train: Callable[..., pd.DataFrame], caplog: pytest.LogCaptureFixture
) -> None:
    encoder, probe, points = load(), Probe(), [0, 4, 6, 13]
    with caplog.at_level(logging.WARNING):
        frame = train(encoder, 13, config(schedule="linear"), points, probe)
    assert "linear schedule" in caplog.text
    assert frame["sentences_seen"].tolist() == points
    assert same_bits(probe.weights[0], weights(load()))
    for n, measured in zip(points[1:], probe.weights[1:], strict=True):
        alone = load()
        train(alone, n, config(schedule="linear"))
        assert same_bits(measured, weights(alone)), f"at {n}"
    assert same_bits(weights(encoder), probe.weights[-1])


def test_a_linear_schedule_without_points_on_the_way_is_one_quiet_run(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    train_simcse(load(), TEXTS, config(schedule="linear"), [0, 13], Probe())
    assert not caplog.records


def test_a_linear_schedule_ends_lower_than_a_constant_one(load: Load) -> None:
    moved = {}
    for schedule in ("constant", "linear"):
        encoder = load()
        train_simcse(encoder, TEXTS[:12], config(schedule=schedule, weight_decay=0.0))
        start = weights(load())
        moved[schedule] = sum(
            (value - start[name]).abs().sum().item() for name, value in weights(encoder).items()
        )
    assert 0 < moved["linear"] < moved["constant"]


# --- rows ------------------------------------------------------------------------------------


def test_rows_come_in_order_of_the_points_with_epochs_and_loss(load: Load) -> None:
    frame = train_simcse(
        load(), TEXTS[:10], config(num_epochs=2), [20, 0, 5, 10, 5], lambda _: {"metric": "x"}
    )
    assert frame["sentences_seen"].tolist() == [0, 5, 10, 20]
    assert frame["epoch"].tolist() == [0.0, 0.5, 1.0, 2.0]
    assert np.isnan(frame["loss"][0])
    assert np.isfinite(frame["loss"][1:]).all()
    assert frame["metric"].tolist() == ["x"] * 4


def test_a_measure_may_give_several_rows(load: Load) -> None:
    frame = train_simcse(
        load(), TEXTS[:6], CONFIG, [4, 6], lambda _: [{"split": "dev"}, {"split": "test"}]
    )
    assert frame["split"].tolist() == ["dev", "test"] * 2
    assert frame["sentences_seen"].tolist() == [4, 4, 6, 6]


def test_nothing_asked_gives_the_losses(load: Load) -> None:
    assert len(train_simcse(load(), TEXTS[:4], CONFIG)) == 1  # the loss of its only step


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [[-1], [27], [0, 27], [-1, 13]])
def test_a_point_beyond_the_run_is_refused_before_training(load: Load, points: list[int]) -> None:
    encoder = load()
    with pytest.raises(ValueError, match=r"measure_at: .*0 and the 26 sentences"):
        train_simcse(encoder, TEXTS, config(num_epochs=2), points, Probe())
    assert same_bits(weights(encoder), weights(load()))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_sentences_are_refused(load: Load, n: int) -> None:
    with pytest.raises(ValueError, match=f"sentences: at least 2 .*{n}"):
        train_simcse(load(), TEXTS[:n], CONFIG)


@BOTH
def test_a_loss_that_is_not_a_number_stops_with_what_to_change(
    load: Load, train: Callable[..., pd.DataFrame]
) -> None:
    with pytest.raises(TrainingError, match=r"loss is nan at step \d.*learning_rate \(now 1e\+30"):
        train(load(), 13, config(learning_rate=1e30))


# --- what cannot be trained, or trained on ---------------------------------------------------


@pytest.mark.parametrize("points", ["50", 4, [0.5], [4, "6"], [True], {4: 1}, None])
def test_points_that_are_no_whole_numbers_are_refused(load: Load, points: Any) -> None:
    with pytest.raises(ValueError, match=r"^measure_at"):
        train_simcse(load(), TEXTS, CONFIG, points)


def test_points_may_be_whole_numbers_of_any_library(load: Load) -> None:
    expected = train_simcse(load(), TEXTS, CONFIG, [4, 8])
    found = train_simcse(load(), TEXTS, CONFIG, np.array([4, 8]))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("settings", [{"batch_size": 4}, None, 4])
def test_settings_that_are_no_train_config_are_refused(load: Load, settings: Any) -> None:
    with pytest.raises(ValueError, match=r"^config: a TrainConfig is needed, got"):
        train_simcse(load(), TEXTS, settings)


def test_frozen_weights_are_refused_and_weights_frozen_in_part_are_trained(load: Load) -> None:
    frozen, part = load(), load()
    frozen.model.requires_grad_(False)
    with pytest.raises(ValueError, match="all weights of tiny-bert are frozen"):
        train_simcse(frozen, TEXTS, CONFIG)
    part.model.embeddings.requires_grad_(False)
    before = weights(part)
    train_simcse(part, TEXTS, CONFIG)
    moved = {name for name, value in weights(part).items() if not torch.equal(value, before[name])}
    assert moved
    assert not any(name.startswith("embeddings.") for name in moved)


@pytest.mark.parametrize("switch", [torch.no_grad, torch.inference_mode])
def test_gradients_that_are_switched_off_around_change_nothing(
    load: Load, switch: Callable[[], Any]
) -> None:
    expected, found = load(), load()
    train_simcse(expected, TEXTS, CONFIG)
    with switch():
        train_simcse(found, TEXTS, CONFIG)
    assert same_bits(weights(found), weights(expected))


def test_an_encoder_loaded_for_inference_alone_is_refused(load: Load) -> None:
    encoder = load()
    with torch.inference_mode():
        encoder.model = copy.deepcopy(encoder.model)
    with pytest.raises(ValueError, match="loaded in torch's inference mode"):
        train_simcse(encoder, TEXTS, CONFIG)


def test_no_triplets_are_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="at least 1 "):
        train_sup(load(), NliTriplets([], [], []), CONFIG)


def test_texts_that_become_the_same_tokens_are_no_negatives_of_each_other(load: Load) -> None:
    plain = [TEXTS[0], TEXTS[0], TEXTS[1], TEXTS[1]]
    spaced = [TEXTS[0], f"{TEXTS[0][:2]} {TEXTS[0][2:]}", TEXTS[1], f" {TEXTS[1]}"]
    expected, found = (
        train_simcse(load(), texts, config(dropout=0.0), [4])["loss"][0]
        for texts in (plain, spaced)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("我今天 喝茶", "我今天喝茶"), ("我喝咖", "我喝啡"), ("我今天喝茶看书", "我今天喝茶做红")],
    ids=["spaces", "unknown characters", "cut at the limit"],
)
def test_a_batch_of_texts_of_the_same_tokens_has_no_negatives(
    load: Load, one: str, other: str
) -> None:
    encoder = load(max_seq_length=7)  # [CLS], five characters, [SEP]
    assert encoder.tokenize([one]) == encoder.tokenize([other])
    before = weights(encoder)
    settings = config(weight_decay=0.0)
    assert train_simcse(encoder, [one, other], settings, [2])["loss"].tolist() == [0.0]
    assert same_bits(weights(encoder), before)


def test_another_positive_of_the_same_tokens_is_no_negative(load: Load) -> None:
    few = triplets(3)
    spaced = [few.anchor[0], f"{few.anchor[0]} ", f"{few.anchor[0][:1]} {few.anchor[0][1:]}"]
    same = NliTriplets([few.anchor[0]] * 3, few.positive, few.hard_negative)
    losses = [
        train_sup(load(), NliTriplets(anchor, few.positive, few.hard_negative), CONFIG, [3])
        for anchor in (same.anchor, spaced)
    ]
    assert losses[0]["loss"][0] == losses[1]["loss"][0]


# --- a loss that is that of guessing ---------------------------------------------------------


def _collapse(encoder: SentenceEncoder) -> SentenceEncoder:
    """Every vector is the same, whatever the sentence: nothing of its words is left."""
    with torch.no_grad():
        encoder.model.encoder.layer[-1].output.LayerNorm.weight.zero_()
        encoder.model.encoder.layer[-1].output.LayerNorm.bias.fill_(1.0)
    return encoder


@pytest.mark.parametrize(
    ("method", "chance"),
    [
        ("unsup-simcse", math.log(2 * 4 - 1)),
        ("sup-simcse", math.log(2 * 4)),
    ],
)
def test_a_loss_that_stays_at_chance_is_told(
    load: Load, method: str, chance: float, caplog: pytest.LogCaptureFixture
) -> None:
    examples = TEXTS[:12] if method == "unsup-simcse" else triplets(12)
    still = config(learning_rate=1e-12, dropout=0.0)
    frame = train_for(_collapse(load()), OBJECTIVES[method], examples, still, [12])
    assert frame["loss"][0] == pytest.approx(chance, rel=1e-5)
    assert f"stays at chance ({chance:.3f}, guessing gives {chance:.3f})" in caplog.text
    assert "learning_rate" in caplog.text


def test_a_loss_that_falls_is_not_told(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    train_simcse(load(), TEXTS[:12], CONFIG)
    assert not caplog.records


# --- the loss of each step -------------------------------------------------------------------


def test_without_points_the_loss_of_every_step_comes_back(
    load: Callable[..., SentenceEncoder],
) -> None:
    text, config = list(SENTENCES[:20]), TrainConfig(batch_size=8, num_epochs=2, learning_rate=1e-3)
    frame = train_simcse(load(), text, config)
    assert frame["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["sentences_seen"].tolist() == [8, 16, 20, 28, 36, 40]
    assert frame["epoch"].tolist() == [0.4, 0.8, 1.0, 1.4, 1.8, 2.0]
    points = [8, 16, 20, 28, 36, 40]
    measured = train_simcse(load(), text, config, points, lambda encoder: {})
    assert frame["loss"].tolist() == measured["loss"].tolist()
