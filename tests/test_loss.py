from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from simcse_core import sup_simcse_loss, unsup_simcse_loss
from simcse_core.loss import same_sentence, same_triplet

E1, E2, E3 = torch.eye(3).tolist()


def rows(*vectors: list[float]) -> Tensor:
    return torch.tensor(vectors, dtype=torch.float64)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def unsup_by_loops(embeddings: Tensor, temperature: float) -> float:
    """The definition, sentence by sentence: no matrix, no softmax, no mask."""
    z = embeddings.numpy()
    n = len(z) // 2
    losses = []
    for i in range(2 * n):
        partner = i + n if i < n else i - n
        others = sum(math.exp(cosine(z[i], z[j]) / temperature) for j in range(2 * n) if j != i)
        losses.append(-math.log(math.exp(cosine(z[i], z[partner]) / temperature) / others))
    return sum(losses) / len(losses)


def sup_by_loops(
    anchor: Tensor, positive: Tensor, negative: Tensor | None, temperature: float
) -> float:
    a, p = anchor.numpy(), positive.numpy()
    losses = []
    for i in range(len(a)):
        among = sum(math.exp(cosine(a[i], other) / temperature) for other in p)
        if negative is not None:
            among += sum(math.exp(cosine(a[i], n) / temperature) for n in negative.numpy())
        losses.append(-math.log(math.exp(cosine(a[i], p[i]) / temperature) / among))
    return sum(losses) / len(losses)


# --- worked by hand --------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_one_sentence_has_a_loss_of_exactly_zero(temperature: float) -> None:
    # Its own similarity is masked, so the other view is all there is: -log(x / x) = 0.
    assert unsup_simcse_loss(numbers(2, 8), temperature).item() == 0.0


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_two_sentences_at_right_angles(temperature: float) -> None:
    # Each row sees its other view at cosine 1 and two rows at cosine 0.
    loss = unsup_simcse_loss(rows(E1, E2, E1, E2), temperature)
    assert loss.item() == pytest.approx(math.log(1 + 2 / math.exp(1 / temperature)), abs=1e-12)


def test_two_sentences_whose_views_are_confused() -> None:
    # Each row sees its other view at cosine 0, one wrong row at 1 and one at 0.
    loss = unsup_simcse_loss(rows(E1, E2, E2, E1), 1.0)
    assert loss.item() == pytest.approx(math.log(2 + math.e), abs=1e-12)


def test_three_sentences_at_right_angles() -> None:
    # Each row sees its other view at cosine 1 and four rows at cosine 0.
    loss = unsup_simcse_loss(rows(E1, E2, E3, E1, E2, E3), 1.0)
    assert loss.item() == pytest.approx(math.log(1 + 4 / math.e), abs=1e-12)


def test_rows_i_and_i_plus_batch_are_the_views_and_not_neighbours() -> None:
    halves = unsup_simcse_loss(rows(E1, E2, E3, E1, E2, E3), 0.05)
    interleaved = unsup_simcse_loss(rows(E1, E1, E2, E2, E3, E3), 0.05)
    assert halves < 1e-6 < 1 < interleaved


def test_supervised_pairs_of_two() -> None:
    # Cosines: anchor 1 with 1, r; anchor 2 with 0, r, where r = 1 / sqrt(2).
    r = math.sqrt(0.5)
    loss = sup_simcse_loss(rows(E1, E2), rows(E1, [1.0, 1.0, 0.0]), temperature=1.0)
    first = math.log(1 + math.exp(r - 1))
    second = math.log(1 + math.exp(0 - r))
    assert loss.item() == pytest.approx((first + second) / 2, abs=1e-12)


def test_supervised_pairs_of_three_at_right_angles() -> None:
    # The anchor's own positive at cosine 1, the two others at 0.
    loss = sup_simcse_loss(rows(E1, E2, E3), rows(E1, E2, E3), temperature=0.5)
    assert loss.item() == pytest.approx(math.log(1 + 2 / math.e**2), abs=1e-12)


def test_hard_negatives_of_three_are_negatives_of_every_anchor() -> None:
    # Hard negatives are the positives moved on by one: e once more, and zeros, for each anchor.
    loss = sup_simcse_loss(rows(E1, E2, E3), rows(E1, E2, E3), rows(E2, E3, E1), temperature=1.0)
    assert loss.item() == pytest.approx(math.log(2 + 4 / math.e), abs=1e-12)


def test_one_pair_without_hard_negative_has_a_loss_of_exactly_zero() -> None:
    assert sup_simcse_loss(numbers(1, 4), numbers(1, 4, seed=1)).item() == 0.0


def test_one_triplet_is_decided_between_its_positive_and_its_hard_negative() -> None:
    loss = sup_simcse_loss(rows(E1), rows(E1), rows(E2), temperature=1.0)
    assert loss.item() == pytest.approx(math.log(1 + 1 / math.e), abs=1e-12)


# --- against the definition ------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("batch", [1, 2, 5, 16])
def test_unsupervised_loss_equals_its_definition(batch: int, temperature: float) -> None:
    z = numbers(2 * batch, 7, seed=batch)
    expected = unsup_by_loops(z, temperature)
    assert unsup_simcse_loss(z, temperature).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
@pytest.mark.parametrize("hard", [False, True], ids=["pairs", "triplets"])
@pytest.mark.parametrize("batch", [1, 2, 9])
def test_supervised_loss_equals_its_definition(batch: int, hard: bool, temperature: float) -> None:
    a, p, n = (numbers(batch, 6, seed=seed) for seed in (1, 2, 3))
    negative = n if hard else None
    expected = sup_by_loops(a, p, negative, temperature)
    found = sup_simcse_loss(a, p, negative, temperature).item()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_default_temperature_is_that_of_the_paper() -> None:
    z, a, p = numbers(6, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2)
    assert unsup_simcse_loss(z).item() == pytest.approx(unsup_by_loops(z, 0.05), rel=1e-9)
    assert sup_simcse_loss(a, p).item() == pytest.approx(sup_by_loops(a, p, None, 0.05), rel=1e-9)


# --- properties ------------------------------------------------------------------------------


def test_the_length_of_a_vector_does_not_matter() -> None:
    z = numbers(8, 5)
    stretched = z * torch.linspace(0.1, 30, 8, dtype=z.dtype)[:, None]
    assert unsup_simcse_loss(stretched).item() == pytest.approx(unsup_simcse_loss(z).item())
    a, p, n = numbers(4, 5, seed=1), numbers(4, 5, seed=2), numbers(4, 5, seed=3)
    expected = sup_simcse_loss(a, p, n).item()
    assert sup_simcse_loss(3 * a, 0.2 * p, 7 * n).item() == pytest.approx(expected)


def test_the_two_views_may_change_places() -> None:
    z = numbers(8, 5)
    assert unsup_simcse_loss(z.roll(4, dims=0)).item() == pytest.approx(unsup_simcse_loss(z).item())


def test_unsupervised_gradients_are_those_of_the_loss() -> None:
    z = numbers(6, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: unsup_simcse_loss(x, 0.5), z)


def test_supervised_gradients_are_those_of_the_loss_for_all_three_inputs() -> None:
    inputs = tuple(numbers(3, 4, seed=seed).requires_grad_() for seed in (1, 2, 3))
    assert torch.autograd.gradcheck(lambda a, p, n: sup_simcse_loss(a, p, n, 0.5), inputs)


def test_a_step_against_the_gradient_lowers_the_loss() -> None:
    z = numbers(8, 5).requires_grad_()
    loss = unsup_simcse_loss(z, 0.5)
    loss.backward()
    assert unsup_simcse_loss(z.detach() - 0.1 * z.grad, 0.5) < loss


def test_a_float32_loss_stays_finite_at_a_low_temperature() -> None:
    z = numbers(8, 5).float().requires_grad_()
    loss = unsup_simcse_loss(z, 0.001)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (0, 4), (4,), (2, 2, 4)])
def test_views_of_a_wrong_shape_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"embeddings: .*\(2 \* batch, hidden\)"):
        unsup_simcse_loss(torch.ones(shape))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("positive", [(3, 4), (2, 4), (3, 4)]),
        ("positive", [(3, 4), (3, 5), (3, 4)]),
        ("hard_negative", [(3, 4), (3, 4), (2, 4)]),
        ("hard_negative", [(3, 4), (3, 4), (3, 5)]),
        ("positive", [(4,), (4,), (4,)]),
    ],
)
def test_triplets_of_unequal_shape_are_refused_by_name(
    name: str, shapes: list[tuple[int, ...]]
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        sup_simcse_loss(*(torch.ones(shape) for shape in shapes))


@pytest.mark.parametrize("temperature", [0.0, -0.05, math.nan])
def test_a_temperature_that_is_not_positive_is_refused_by_name(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"^temperature: "):
        unsup_simcse_loss(torch.ones(4, 3), temperature)
    with pytest.raises(ValueError, match=r"^temperature: "):
        sup_simcse_loss(torch.ones(4, 3), torch.ones(4, 3), temperature=temperature)


# --- false negatives -------------------------------------------------------------------------


def by_definition(vectors: np.ndarray, sentences: list[str], temperature: float) -> float:
    """The 2N-row loss, counting as negatives only views of other sentences."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    n, texts, losses = len(sentences), sentences * 2, []
    for i in range(2 * n):
        positive = np.exp(unit[i] @ unit[(i + n) % (2 * n)] / temperature)
        others = [j for j in range(2 * n) if texts[j] != texts[i]]
        negatives = sum(np.exp(unit[i] @ unit[j] / temperature) for j in others)
        losses.append(-np.log(positive / (positive + negatives)))
    return float(np.mean(losses))


@pytest.mark.parametrize("sentences", ["ab", "aab", "abab", "aaaa", "abca", "aabbcc"])
def test_a_sentence_twice_in_a_batch_is_no_negative_of_itself(sentences: str) -> None:
    texts = list(sentences)
    vectors = np.random.default_rng(0).normal(size=(2 * len(texts), 5))
    loss = unsup_simcse_loss(torch.tensor(vectors), 0.5, same_sentence(texts))
    assert loss.item() == pytest.approx(by_definition(vectors, texts, 0.5), abs=1e-12)


def test_unique_sentences_need_no_mask() -> None:
    assert same_sentence(["a", "b", "c"]) is None
    assert same_triplet(["a", "b"], ["c", "d"], ["e", "f"]) is None


def test_a_batch_of_one_sentence_many_times_has_no_gradient() -> None:
    vectors = torch.randn(8, 5, requires_grad=True)
    loss = unsup_simcse_loss(vectors, 0.05, same_sentence(["a"] * 4))
    loss.backward()
    assert loss.item() == 0
    assert not vectors.grad.any()


@pytest.mark.parametrize(
    ("anchor", "positive", "hard_negative", "masked"),
    [
        ("ab", "cc", "ef", [(0, 1), (1, 0)]),  # another anchor has the same positive
        ("aa", "cd", "ef", [(0, 1), (1, 0)]),  # the same anchor has another positive
        ("ab", "bd", "ef", [(1, 0)]),  # another's positive is this anchor
        ("ab", "cd", "fc", [(0, 3)]),  # another's hard negative is this positive
        ("ab", "cd", "ea", [(0, 3)]),  # another's hard negative is this anchor
        ("ab", "cd", "cf", [(0, 2)]),  # its own hard negative is its positive
        ("ab", "cd", "ee", []),  # the same hard negative twice is a negative twice
    ],
)
def test_candidates_that_mean_the_anchor_are_no_negatives(
    anchor: str, positive: str, hard_negative: str, masked: list[tuple[int, int]]
) -> None:
    same = same_triplet(list(anchor), list(positive), list(hard_negative))
    found = [] if same is None else [tuple(at) for at in same.nonzero().tolist()]
    assert found == masked


def test_a_masked_candidate_leaves_the_supervised_loss() -> None:
    a, p, n = torch.randn(3, 2, 5, dtype=torch.float64, generator=torch.manual_seed(0))
    same = same_triplet(["a", "b"], ["c", "c"], ["e", "f"])
    loss = sup_simcse_loss(a, p, n, 0.5, same)
    logits = F.normalize(a, dim=-1) @ F.normalize(torch.cat([p, n]), dim=-1).T / 0.5
    own = torch.diagonal(logits)
    left = torch.stack([own, logits[:, 2], logits[:, 3]])  # its positive, the hard negatives
    assert loss.item() == pytest.approx((left.logsumexp(0) - own).mean().item(), abs=1e-12)


# --- shapes that would be spread over what they do not mean ----------------------------------

ROWS = torch.eye(4)[:4]


@pytest.mark.parametrize(
    "mask",
    [
        torch.zeros(4, dtype=torch.bool),
        torch.zeros(4, 1, dtype=torch.bool),
        torch.zeros(3, 4, dtype=torch.bool),
        torch.zeros(4, 4),
        torch.zeros(1, 4, 4, dtype=torch.bool),
    ],
)
def test_a_mask_of_another_shape_or_type_is_refused(mask: Tensor) -> None:
    with pytest.raises(ValueError, match=r"^same: a bool mask of shape \(4, 4\) is needed"):
        unsup_simcse_loss(ROWS, same=mask)
    with pytest.raises(ValueError, match=r"^same: a bool mask of shape \(4, 8\) is needed"):
        sup_simcse_loss(ROWS, ROWS, ROWS, same=mask)
    with pytest.raises(ValueError, match=r"^same_as_queued: a bool mask of shape \(4, 2\)"):
        unsup_simcse_loss(ROWS, queue=ROWS[:2], same_as_queued=mask)


@pytest.mark.parametrize("shape", [(3,), (3, 5), (2, 3, 4), ()])
def test_a_queue_of_another_width_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^queue: expected shape \(queued, 4\)"):
        unsup_simcse_loss(ROWS, queue=torch.ones(shape))


@pytest.mark.parametrize("shape", [(0, 4), (4,), (), (1, 2, 3)])
def test_no_rows_or_no_rows_of_vectors_are_refused(shape: tuple[int, ...]) -> None:
    rows = torch.ones(shape)
    with pytest.raises(ValueError, match=r"^(anchor|positive): expected "):
        sup_simcse_loss(rows, rows)
    with pytest.raises(ValueError, match=r"^embeddings: expected shape"):
        unsup_simcse_loss(rows)


def test_whole_numbers_are_no_vectors() -> None:
    rows = torch.ones(4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="floating-point numbers are needed"):
        unsup_simcse_loss(rows)
    with pytest.raises(ValueError, match="floating-point numbers are needed"):
        sup_simcse_loss(rows, rows)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf"), "0.05", None, True])
def test_a_temperature_that_is_none_is_refused(temperature: object) -> None:
    with pytest.raises(ValueError, match="temperature: must be > 0"):
        unsup_simcse_loss(ROWS, temperature)
    with pytest.raises(ValueError, match="temperature: must be > 0"):
        sup_simcse_loss(ROWS, ROWS, temperature=temperature)


def test_sentences_may_be_told_apart_by_tokens() -> None:
    tokens = [(2, 7, 3), (2, 8, 3), (2, 7, 3)]
    letters = ["a", "b", "a"]
    assert torch.equal(same_sentence(tokens), same_sentence(letters))
    assert torch.equal(same_sentence(tokens, tokens[:1]), same_sentence(letters, letters[:1]))
