from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import SENTENCES
from torch import Tensor, nn
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from simcse_core import Pooling, SentenceEncoder, TrainConfig, packing, train_simcse
from simcse_core.packing import Group, can_pack, packed_forward, padded_forward

Dirs = Callable[[str], Path]
EVERY_ARCHITECTURE = pytest.mark.parametrize(
    "architecture", ["bert", "roberta", "xlm-roberta", "electra"]
)


def loaded(encoder_dir: Dirs, architecture: str) -> SentenceEncoder:
    return SentenceEncoder.from_pretrained(encoder_dir(architecture), "mean", 32, "cpu")


def layers_of_each_row(groups: list[Group]) -> dict[int, Tensor]:
    """Every layer's output for the real tokens of each row, (layers, tokens, hidden)."""
    outputs = {}
    for group in groups:
        layers = torch.stack(list(group.hidden_states), dim=1)  # (rows, layers, length, hidden)
        for i, row in enumerate(group.rows):
            mask = group.attention_mask
            real = layers.shape[2] if mask is None else int(mask[i].sum())
            outputs[row] = layers[i, :, :real]
    return outputs


@EVERY_ARCHITECTURE
@pytest.mark.parametrize(
    "sentences",
    [SENTENCES[:12], SENTENCES[:1] * 3, SENTENCES[7:8]],
    ids=["several lengths", "one length", "one row"],
)
@torch.no_grad()
def test_every_layer_is_that_of_the_models_own_forward(
    encoder_dir: Dirs, architecture: str, sentences: tuple[str, ...]
) -> None:
    encoder = loaded(encoder_dir, architecture)
    rows = encoder.tokenize(sentences)
    packed = layers_of_each_row(list(packed_forward(encoder.model, rows)))
    for i, row in enumerate(rows):
        alone = encoder.model(input_ids=torch.tensor([row]), output_hidden_states=True)
        expected = torch.cat(list(alone.hidden_states))
        torch.testing.assert_close(packed[i], expected, rtol=0, atol=1e-5)


@EVERY_ARCHITECTURE
def test_gradients_are_those_of_the_models_own_forward(
    encoder_dir: Dirs, architecture: str
) -> None:
    gradients = []
    for packed in (True, False):
        encoder = loaded(encoder_dir, architecture)
        encoder.packing = packed
        encoder.embed(encoder.tokenize(SENTENCES[:9])).pow(3).sum().backward()
        named = encoder.model.named_parameters()
        gradients.append({name: p.grad for name, p in named if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        scale = max(1.0, gradient.abs().max().item())
        torch.testing.assert_close(gradient, gradients[1][name], rtol=0, atol=1e-5 * scale)


@EVERY_ARCHITECTURE
@pytest.mark.parametrize("pooling", ["cls", "pooler"])
def test_the_last_layer_at_first_tokens_alone_gives_the_same(
    encoder_dir: Dirs, architecture: str, pooling: str
) -> None:
    encoder = loaded(encoder_dir, architecture)
    if pooling not in encoder.poolings():
        pytest.skip(f"{architecture} has no {pooling}")
    found: list[dict[str, Tensor]] = []
    for poolings in ([pooling], [pooling, "mean"]):  # an average asks for every token
        encoder.model.zero_grad()
        vectors = encoder.embed_poolings(
            encoder.tokenize(SENTENCES[:9]), [Pooling(name) for name in poolings]
        )[0]
        vectors.pow(3).sum().backward()
        named = encoder.model.named_parameters()
        gradients = {name: p.grad.clone() for name, p in named if p.grad is not None}
        found.append({"vectors": vectors.detach(), **gradients})
    assert found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        scale = max(1.0, values.abs().max().item())
        torch.testing.assert_close(values, found[1][name], rtol=0, atol=1e-5 * scale, msg=name)


@pytest.mark.parametrize(
    ("asked", "last"),
    [("cls", "rows"), ("pooler", "rows"), ("mean", "tokens"), ("cls and tokens", "tokens")],
)
@torch.no_grad()
def test_the_last_layers_dense_parts_see_what_is_asked_for(
    encoder_dir: Dirs, asked: str, last: str
) -> None:
    encoder, seen = loaded(encoder_dir, "bert"), list[int]()
    for layer in encoder.model.encoder.layer:
        layer.intermediate.register_forward_hook(lambda _, args, out: seen.append(len(out)))
    sentences = list(dict.fromkeys(SENTENCES[:9]))
    n_tokens = sum(map(len, encoder.tokenize(sentences)))
    if asked == "cls and tokens":
        encoder.encode_with_tokens(sentences, ["cls"], sentences[:1])
    else:
        encoder.encode_poolings(sentences, [asked])
    assert seen == [n_tokens, {"rows": len(sentences), "tokens": n_tokens}[last]]


@EVERY_ARCHITECTURE
@torch.no_grad()
def test_dropout_is_as_strong_as_in_the_models_own_forward(
    encoder_dir: Dirs, architecture: str
) -> None:
    spread = []
    for packed in (True, False):
        encoder = loaded(encoder_dir, architecture)
        encoder.packing = packed
        encoder.set_dropout(0.3)
        encoder.model.train()
        torch.manual_seed(0)
        views = encoder.embed(encoder.tokenize(SENTENCES[:1]) * 400)
        spread.append(views.std(dim=0).mean().item())
    assert spread[0] == pytest.approx(spread[1], rel=0.05)
    assert spread[0] > 0.05


@torch.no_grad()
def test_packed_rows_have_no_padding_and_no_mask(encoder_dir: Dirs) -> None:
    encoder = loaded(encoder_dir, "bert")
    embedded: list[int] = []
    encoder.model.embeddings.register_forward_pre_hook(
        lambda _, args, kwargs: embedded.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    groups = list(packed_forward(encoder.model, encoder.tokenize(SENTENCES[:9])))
    assert embedded == [sum(len(sentence) + 2 for sentence in SENTENCES[:9])]
    assert all(group.attention_mask is None for group in groups)
    assert sorted(row for group in groups for row in group.rows) == list(range(9))


@pytest.mark.parametrize(
    ("n_groups", "shapes"), [(1, [(3, 5)]), (2, [(2, 3), (1, 5)]), (9, [(1, 2), (1, 3), (1, 5)])]
)
@torch.no_grad()
def test_padding_goes_to_the_longest_of_a_group_and_no_further(
    encoder_dir: Dirs,
    n_groups: int,
    shapes: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "PADDED_GROUPS", n_groups)
    model = loaded(encoder_dir, "bert").model
    groups = list(padded_forward(model, [[2, 5, 3], [2, 5, 6, 7, 3], [2, 3]]))
    assert [tuple(group.last_hidden_state.shape[:2]) for group in groups] == shapes
    assert sum(int(group.attention_mask.sum()) for group in groups) == 10


@EVERY_ARCHITECTURE
def test_berts_family_can_be_packed(encoder_dir: Dirs, architecture: str) -> None:
    encoder = loaded(encoder_dir, architecture)
    assert can_pack(encoder.model)
    assert encoder.packing


@pytest.mark.parametrize("changes", [{}, {"add_cross_attention": True}])
def test_a_decoder_is_padded(changes: dict[str, bool]) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=9, is_decoder=True, **sizes, **changes))
    assert not can_pack(model)


def test_a_model_of_another_family_is_padded_and_encoded_all_the_same(encoder_dir: Dirs) -> None:
    tokenizer = loaded(encoder_dir, "bert").tokenizer
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, hidden_dim=32, n_layers=2, n_heads=2, pad_token_id=0
    )
    model = DistilBertModel(config).eval()
    encoder = SentenceEncoder(model, tokenizer, "mean", 32)
    together = encoder.encode(SENTENCES[:9])
    assert not encoder.packing
    with torch.no_grad():
        for i, row in enumerate(encoder.tokenize(SENTENCES[:9])):
            expected = model(input_ids=torch.tensor([row])).last_hidden_state[0].mean(dim=0)
            torch.testing.assert_close(torch.tensor(together[i]), expected, rtol=0, atol=1e-5)


# --- only what is exactly what packing computes ----------------------------------------------


class Adapted(nn.Module):
    """A projection with something added, as an adapter of low rank."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.weight, self.bias = base.weight, base.bias  # as some adapters hand them on
        self.added = nn.Linear(base.in_features, base.out_features)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.base(hidden) + self.added(hidden)


def _own(model: Any) -> Any:
    return model.encoder.layer[0].attention.self


def _adapt(model: Any, name: str) -> None:
    torch.manual_seed(1)
    setattr(_own(model), name, Adapted(getattr(_own(model), name)))


def _hook(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, args, output: 2 * output)


def _override_forward(model: Any) -> None:
    query = _own(model).query
    query.forward = lambda hidden: 2 * F.linear(hidden, query.weight, query.bias)


def _without_bias(model: Any) -> None:
    own = _own(model)
    plain = nn.Linear(own.key.in_features, own.key.out_features, bias=False)
    own.query = plain


class OwnLinear(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def _subclass(model: Any) -> None:
    _own(model).value.__class__ = OwnLinear


def _parametrized(model: Any) -> None:
    nn.utils.parametrizations.weight_norm(_own(model).key)
    with torch.no_grad():
        _own(model).key.parametrizations.weight.original0.mul_(3)


REPLACED: dict[str, Callable[[Any], object]] = {
    "an adapter on the query": lambda model: _adapt(model, "query"),
    "an adapter on the value": lambda model: _adapt(model, "value"),
    "a hook on the value": lambda model: _hook(_own(model).value),
    "a hook on a whole layer": lambda model: _hook(model.encoder.layer[1]),
    "another forward of the query": _override_forward,
    "a query without bias": _without_bias,
    "a subclass of the projection": _subclass,
    "a parametrized weight": _parametrized,
    "another scaling": lambda model: setattr(_own(model), "scaling", 5.0),
    "an adapter on the output": lambda model: setattr(
        model.encoder.layer[0].output, "dense", Adapted(model.encoder.layer[0].output.dense)
    ),
}


@pytest.mark.parametrize("replaced", REPLACED)
def test_what_was_replaced_after_loading_counts(encoder_dir: Dirs, replaced: str) -> None:
    encoder = loaded(encoder_dir, "bert")
    before = encoder.encode(SENTENCES[:6])
    REPLACED[replaced](encoder.model)
    assert encoder.packing
    found = encoder.encode(SENTENCES[:6])
    assert abs(found - before).max() > 5e-5
    for vector, row in zip(found, encoder.tokenize(SENTENCES[:6]), strict=True):
        with torch.no_grad():
            own = encoder.model(input_ids=torch.tensor([row])).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(torch.tensor(vector), own, rtol=0, atol=3e-6)


def test_what_was_replaced_is_trained_and_counts_in_training(encoder_dir: Dirs) -> None:
    encoder = loaded(encoder_dir, "bert")
    _adapt(encoder.model, "query")
    encoder.model.requires_grad_(False)
    _own(encoder.model).query.added.requires_grad_(True)
    before = encoder.encode(SENTENCES[:6])
    config = TrainConfig(batch_size=4, learning_rate=1e-2, dropout=0.1)
    train_simcse(encoder, SENTENCES[:16], config)
    assert abs(encoder.encode(SENTENCES[:6]) - before).max() > 1e-4


def test_a_forward_of_the_model_itself_leaves_packing_on(encoder_dir: Dirs) -> None:
    encoder = loaded(encoder_dir, "bert")
    with torch.no_grad():  # transformers leaves hooks of its own at the first such forward
        encoder.model(input_ids=torch.tensor([[2, 5, 3]]), output_hidden_states=True)
    assert can_pack(encoder.model)
