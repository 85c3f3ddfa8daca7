from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from conftest import SENTENCES

from simcse_core import SentenceEncoder, TrainConfig
from simcse_core.config import Kind
from simcse_core.data import StudyData
from simcse_core.objectives import MOMENTUM, OBJECTIVES, Esimcse, repeat_tokens

Load = Callable[..., SentenceEncoder]
TEXTS = list(SENTENCES[:12])


# --- the table -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_an_objective_draws_nested_examples_and_gives_a_loss_to_step_on(
    name: str, load: Load, study_data: StudyData
) -> None:
    objective, encoder = OBJECTIVES[name], load()
    assert objective.kind in (Kind.TRAINED, Kind.LABELLED)
    assert objective.available(study_data) >= 8
    examples = objective.draw(study_data, 8, 3)
    assert len(examples) == 8
    encoder.model.train()
    loss = objective.prepare(encoder, examples, TrainConfig(batch_size=4))([0, 1, 2, 3])
    loss.backward()
    assert loss.item() > 0
    gradient = encoder.model.embeddings.word_embeddings.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_an_objective_that_needs_negatives_refuses_what_has_none() -> None:
    unsupervised, supervised = OBJECTIVES["unsup-simcse"], OBJECTIVES["sup-simcse"]
    with pytest.raises(ValueError, match="sentences: at least 2 are needed"):
        unsupervised.check(["甲"], TrainConfig())
    with pytest.raises(ValueError, match=r"batch_size: .* at least 2, for a negative; got 1"):
        unsupervised.check(["甲", "乙"], TrainConfig(batch_size=1))
    supervised.check(["a triplet"], TrainConfig(batch_size=1))


# --- ESimCSE ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_repeated_tokens_stand_beside_themselves_and_special_tokens_stay(seed: int) -> None:
    torch.manual_seed(seed)
    row = [2, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 3]
    found = repeat_tokens(row, 64)
    assert list(dict.fromkeys(found)) == row  # the order stays, nothing is lost
    repeated = [token for token in row if found.count(token) == 2]
    assert len(found) == len(row) + len(repeated)
    assert len(repeated) <= 3  # max(2, 0.32 * 10)
    assert not {2, 3} & set(repeated)


def test_every_number_of_repetitions_up_to_the_most_comes_up() -> None:
    torch.manual_seed(0)
    row = [2, *range(10, 20), 3]
    added = {len(repeat_tokens(row, 64)) - len(row) for _ in range(200)}
    assert added == {0, 1, 2, 3}


@pytest.mark.parametrize(("row", "longest"), [([2, 3], 64), ([2, 10, 11, 3], 4), ([2, 10, 3], 3)])
def test_a_row_without_tokens_or_room_stays_as_it_is(row: list[int], longest: int) -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        assert repeat_tokens(row, longest) == row


def test_a_row_never_grows_beyond_what_the_encoder_takes() -> None:
    for seed in range(30):
        torch.manual_seed(seed)
        assert len(repeat_tokens([2, *range(10, 30), 3], 23)) <= 23


def momentum(load: Load, batch_size: int = 4) -> tuple[SentenceEncoder, Esimcse]:
    encoder = load()
    return encoder, Esimcse(encoder, TEXTS, TrainConfig(batch_size=batch_size))


def test_the_queue_holds_the_last_two_and_a_half_batches_of_the_follower(load: Load) -> None:
    encoder, loss = momentum(load)
    for start in (0, 4, 8):
        loss(range(start, start + 4))
    assert loss.queued == list(range(2, 12))  # 2.5 batches of 4
    expected = torch.from_numpy(encoder.encode(TEXTS[2:]))  # nothing was trained: they are equal
    assert torch.allclose(loss.queue, expected, atol=1e-5)


def test_the_follower_moves_by_the_momentum_towards_the_encoder(load: Load) -> None:
    encoder, loss = momentum(load)
    weight = encoder.model.embeddings.word_embeddings.weight
    before = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1.0)
    loss([0, 1])
    followed = loss.follower.model.embeddings.word_embeddings.weight
    assert torch.allclose(followed, before + (1 - MOMENTUM), atol=1e-5)
    assert not followed.requires_grad


def test_the_follower_has_no_dropout(load: Load) -> None:
    encoder, loss = momentum(load)
    encoder.set_dropout(0.5)
    encoder.model.train()
    loss([0, 1])
    torch.manual_seed(7)
    loss([0, 1])
    assert torch.allclose(loss.queue[:2], loss.queue[2:], atol=1e-5)


def test_what_the_queue_adds_by_hand_and_never_the_sentence_itself(load: Load) -> None:
    _, loss = momentum(load)
    first = loss([0, 1])  # an empty queue
    again = loss([0, 1])  # whose queue holds these two alone: 0 meets 1 of the queue, and no 0
    assert again > first
    _, alone = momentum(load, batch_size=2)
    alone([0])
    assert alone([0]).item() == 0.0  # nothing but itself, in the batch and in the queue


def test_its_state_comes_back_to_the_last_bit(load: Load) -> None:
    _, loss = momentum(load)
    loss([0, 1, 2])
    state = copy.deepcopy(loss.state_dict())
    torch.manual_seed(1)
    expected = loss([3, 4, 5])
    loss([6, 7])
    loss.load_state_dict(state)
    torch.manual_seed(1)
    assert torch.equal(loss([3, 4, 5]), expected)
    assert loss.queued == [0, 1, 2, 3, 4, 5]
