from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import HIDDEN, POSITIONS, SENTENCES
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, normalizers, processors
from torch import Tensor
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    PhobertTokenizer,
    RobertaConfig,
    RobertaModel,
)

import simcse_core.encoder
import simcse_core.packing
import simcse_core.precision
from simcse_core import Encoder, SentenceEncoder
from simcse_core.config import Pooling, Precision
from simcse_core.encoder import EncoderError, locate_encoder

Load = Callable[..., SentenceEncoder]
Dirs = Callable[[str], Path]
POOLINGS = ("cls", "pooler", "mean", "first-last-mean")


BOTH_FORWARDS = pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])


# --- against transformers alone --------------------------------------------------------------


def by_hand(folder: Path, sentences: Sequence[str], pooling: str) -> np.ndarray:
    """The embeddings, one sentence at a time, so that nothing is padded."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    vectors = []
    for sentence in sentences:
        with torch.no_grad():
            out = model(**tokenizer(sentence, return_tensors="pt"), output_hidden_states=True)
        last, first = out.last_hidden_state[0], out.hidden_states[1][0]  # (tokens, hidden)
        if pooling == "cls":
            vectors.append(last[0])
        elif pooling == "pooler":
            vectors.append(torch.tanh(model.pooler.dense(last[0])).detach())
        elif pooling == "mean":
            vectors.append(last.mean(dim=0))
        else:
            vectors.append((first.mean(dim=0) + last.mean(dim=0)) / 2)
    return torch.stack(vectors).numpy()


@BOTH_FORWARDS
@pytest.mark.parametrize(
    ("architecture", "pooling"),
    [
        *((kind, p) for kind in ("bert", "roberta", "xlm-roberta") for p in POOLINGS),
        *(("electra", pooling) for pooling in POOLINGS if pooling != "pooler"),
    ],
)
def test_encode_equals_a_hand_written_forward(
    encoder_dir: Dirs, architecture: str, pooling: str, packing: bool
) -> None:
    folder = encoder_dir(architecture)
    encoder = SentenceEncoder.from_pretrained(folder, pooling, 32, "cpu")
    encoder.packing = packing
    sentences = SENTENCES[::5]
    expected = by_hand(folder, sentences, pooling)
    np.testing.assert_allclose(encoder.encode(sentences), expected, rtol=0, atol=1e-5)


def test_save_is_loaded_back_by_transformers_alone(load: Load, tmp_path: Path) -> None:
    encoder = load("mean")
    torch.nn.init.normal_(encoder.model.embeddings.word_embeddings.weight)
    encoder.save(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.bin"))
    expected = by_hand(tmp_path / "saved", SENTENCES[:3], "mean")
    np.testing.assert_allclose(encoder.encode(SENTENCES[:3]), expected, rtol=0, atol=1e-5)


def test_a_half_precision_checkpoint_is_float32_in_use(bert_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(bert_dir, tmp_path / "half")
    AutoModel.from_pretrained(bert_dir).half().save_pretrained(tmp_path / "half")
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.float16}
    encoder = SentenceEncoder.from_pretrained(tmp_path / "half", "mean", 32)
    assert {weight.dtype for weight in encoder.model.parameters()} == {torch.float32}


# --- encode ----------------------------------------------------------------------------------


def record_inputs(encoder: SentenceEncoder) -> list[Tensor]:
    """The token ids that every forward from now on embeds."""
    seen: list[Tensor] = []

    def note(_: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(kwargs["input_ids"])

    encoder.model.embeddings.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def n_sentences(encoder: SentenceEncoder, seen: list[Tensor]) -> int:
    return sum(int((ids == encoder.tokenizer.cls_token_id).sum()) for ids in seen)


@BOTH_FORWARDS
@pytest.mark.parametrize("pooling", ["cls", "first-last-mean"])
def test_vectors_do_not_depend_on_order_or_company(
    load: Load, pooling: str, packing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(pooling)
    encoder.packing = packing
    together = encoder.encode(SENTENCES)
    backwards = encoder.encode(SENTENCES[::-1])[::-1]
    alone = np.concatenate([encoder.encode([sentence]) for sentence in SENTENCES])
    monkeypatch.setattr(simcse_core.encoder, "TOKENS_PER_FORWARD", 50)
    in_small_batches = encoder.encode(SENTENCES)
    for vectors in (backwards, alone, in_small_batches):
        np.testing.assert_allclose(vectors, together, rtol=0, atol=1e-5)


def test_vectors_come_as_float32_in_the_order_given(load: Load) -> None:
    encoder = load()
    vectors = encoder.encode([SENTENCES[3], SENTENCES[0], SENTENCES[3]])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, HIDDEN)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


@pytest.mark.parametrize("architecture", ["bert", "electra"])
def test_several_poolings_at_once_are_what_each_gives_alone(
    encoder_dir: Dirs, architecture: str
) -> None:
    folder = encoder_dir(architecture)
    encoder = SentenceEncoder.from_pretrained(folder, "mean", 32, "cpu")
    expected = [p for p in POOLINGS if architecture == "bert" or p != "pooler"]
    assert encoder.poolings() == expected
    seen = record_inputs(encoder)
    together = encoder.encode_poolings(SENTENCES[:4], encoder.poolings())
    assert n_sentences(encoder, seen) == 4
    for pooling in expected:
        alone = SentenceEncoder.from_pretrained(folder, pooling, 32, "cpu")
        vectors = alone.encode(SENTENCES[:4])
        np.testing.assert_allclose(together[pooling], vectors, rtol=0, atol=2e-6)


@pytest.mark.parametrize("packing", [True, False])
def test_vectors_and_tokens_from_one_forward_are_those_of_each_alone(
    load: Load, packing: bool
) -> None:
    encoder = load()
    encoder.packing = packing
    texts = [*SENTENCES[:4], SENTENCES[1]]
    seen = record_inputs(encoder)
    vectors, tokens = encoder.encode_with_tokens(texts, ["cls", "mean"], SENTENCES[1:3])
    assert n_sentences(encoder, seen) == 4
    for pooling, alone in encoder.encode_poolings(texts, ["cls", "mean"]).items():
        assert np.array_equal(vectors[pooling], alone)
    assert tokens.keys() == set(SENTENCES[1:3])
    alone = dict(zip(texts, encoder.encode_tokens(texts), strict=True))
    lengths = dict(zip(texts, map(len, encoder.tokenize(texts)), strict=True))
    for sentence, rows in tokens.items():
        assert rows.shape == (lengths[sentence], HIDDEN)
        assert np.array_equal(rows, alone[sentence])
        assert np.array_equal(rows[0], vectors[Pooling.CLS][texts.index(sentence)])


def test_no_sentences_give_no_vectors(load: Load) -> None:
    vectors = load().encode([])
    assert (vectors.shape, vectors.dtype) == ((0, HIDDEN), np.float32)


def test_an_empty_sentence_has_a_vector(load: Load) -> None:
    assert np.isfinite(load().encode([""])).all()


def test_each_unique_sentence_is_encoded_once(load: Load) -> None:
    encoder = load()
    seen = record_inputs(encoder)
    encoder.encode(SENTENCES[:5] * 3)
    assert n_sentences(encoder, seen) == 5


@BOTH_FORWARDS
def test_batches_are_in_length_order_within_the_token_budget(
    load: Load, packing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simcse_core.encoder, "TOKENS_PER_FORWARD", 60)
    encoder = load()
    encoder.packing = packing
    seen = record_inputs(encoder)
    encoder.encode(SENTENCES)
    tokens = torch.cat([ids[ids != encoder.tokenizer.pad_token_id] for ids in seen])
    starts = torch.nonzero(tokens == encoder.tokenizer.cls_token_id)[:, 0].tolist()
    lengths = [end - start for start, end in pairwise([*starts, len(tokens)])]
    assert lengths == sorted(len(sentence) + 2 for sentence in SENTENCES)
    assert len(seen) > 5
    assert all(ids.numel() <= 60 for ids in seen)


class CountingTokenizer:
    """The real tokenizer, and a list of every sentence it was given."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.asked = tokenizer, []

    def __call__(self, sentences: list[str], **options: Any) -> Any:
        self.asked += sentences
        return self.tokenizer(sentences, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)


def test_each_sentence_of_a_call_is_tokenized_once(load: Load) -> None:
    encoder = load()
    encoder.tokenizer = CountingTokenizer(encoder.tokenizer)
    encoder.encode(SENTENCES[:6] * 2)
    assert sorted(encoder.tokenizer.asked) == sorted(SENTENCES[:6])


def _cut_at_the_other_end(tokenizer: Any) -> None:
    tokenizer.truncation_side = "left"


def _read_one_character_as_another(tokenizer: Any) -> None:
    backend = tokenizer.backend_tokenizer
    steps = [normalizers.Replace("我", "书"), backend.normalizer]
    backend.normalizer = normalizers.Sequence(steps)


def _without_special_tokens(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing("$A", None, [])


def _one_token_for_two_characters(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.add_tokens(["喝茶"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_cut_at_the_other_end, "[CLS]天喝茶[SEP]"),
        (_read_one_character_as_another, "[CLS]书今天[SEP]"),
        (_without_special_tokens, "我今天喝茶"),
        (_one_token_for_two_characters, "refused"),
    ],
)
def test_a_tokenizer_may_be_changed_in_place(
    load: Load, change: Callable[[Any], None], expected: str
) -> None:
    encoder = load()
    encoder.max_seq_length = 5
    before = encoder.encode(["我今天喝茶", "喝茶"])
    change(encoder.tokenizer)
    if expected == "refused":  # the model has no vector for it
        with pytest.raises(EncoderError, match=r"tokenizer: it gives token \d+"):
            encoder.encode(["喝茶"])
        return
    row, other = encoder.tokenize(["我今天喝茶", "喝茶"])
    assert "".join(encoder.tokenizer.convert_ids_to_tokens(row)) == expected
    fresh = encoder.embed([row, other]).detach().numpy()
    np.testing.assert_allclose(encoder.encode(["我今天喝茶", "喝茶"]), fresh, atol=1e-6)
    assert not np.array_equal(fresh, before)


@pytest.mark.parametrize("training", [True, False])
def test_encode_leaves_the_mode_as_it_was(load: Load, training: bool) -> None:
    encoder = load()
    encoder.model.train(training)
    encoder.encode(SENTENCES[:2])
    assert encoder.model.training is training


def test_encode_leaves_the_mode_as_it_was_after_a_failure(load: Load) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    encoder = load()
    encoder.model.train()
    encoder.model.embeddings.register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        encoder.encode(SENTENCES[:2])
    assert encoder.model.training


def test_encode_has_no_dropout_even_in_training_mode(load: Load) -> None:
    encoder = load()
    calm = encoder.encode(SENTENCES[:4])
    encoder.set_dropout(0.5)
    encoder.model.train()
    assert np.array_equal(encoder.encode(SENTENCES[:4]), calm)


def test_encode_keeps_no_gradients(load: Load) -> None:
    encoder = load()
    encoder.encode(SENTENCES[:2])
    assert encoder.embed([[2, 5, 3]]).requires_grad
    assert all(weight.grad is None for weight in encoder.model.parameters())


# --- dropout ---------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta", "electra"])
def test_both_dropouts_are_set(encoder_dir: Dirs, architecture: str) -> None:
    encoder = SentenceEncoder.from_pretrained(encoder_dir(architecture), "cls", 32)
    encoder.set_dropout(0.25)
    found = {
        name: module.p
        for name, module in encoder.model.named_modules()
        if isinstance(module, torch.nn.Dropout)
    }
    assert sum("attention.self" in name for name in found) == 2  # one a layer
    assert set(found.values()) == {0.25}
    assert encoder.model.config.hidden_dropout_prob == 0.25
    assert encoder.model.config.attention_probs_dropout_prob == 0.25


def two_views(encoder: SentenceEncoder) -> tuple[Tensor, Tensor]:
    ids = encoder.tokenize(SENTENCES[:1])[0]
    torch.manual_seed(0)
    first, second = encoder.embed([ids, ids]).detach()
    return first, second


@BOTH_FORWARDS
@pytest.mark.parametrize("pooling", POOLINGS)
def test_two_views_differ_in_training_and_not_in_evaluation(
    load: Load, pooling: str, packing: bool
) -> None:
    encoder = load(pooling)
    encoder.packing = packing
    encoder.set_dropout(0.3)
    encoder.model.train()
    first, second = two_views(encoder)
    assert not torch.allclose(first, second, atol=1e-3)
    encoder.model.eval()
    assert torch.allclose(*two_views(encoder), atol=1e-6)


@BOTH_FORWARDS
@pytest.mark.parametrize("kept", ["attention.self", "output.dropout"])
def test_each_of_the_dropouts_acts_by_itself(load: Load, kept: str, packing: bool) -> None:
    encoder = load()
    encoder.packing = packing
    encoder.set_dropout(0.5)
    for name, module in encoder.model.named_modules():
        if isinstance(module, torch.nn.Dropout) and kept not in name:
            module.p = 0.0
    encoder.model.train()
    assert not torch.allclose(*two_views(encoder), atol=1e-4)


# --- length ----------------------------------------------------------------------------------


def test_a_long_sentence_is_cut_at_max_seq_length(load: Load) -> None:
    encoder = load(max_seq_length=6)  # [CLS], 4 characters, [SEP]
    cut, shorter = encoder.tokenize(["我今天看书", "我今天看"])
    assert cut == shorter
    assert len(cut) == 6


def test_cut_sentences_are_counted_each_time_they_stand_there(load: Load) -> None:
    encoder = load(max_seq_length=6)
    four, five, nine = "我今天看", "我今天看书", "隔壁的孩子从来不喝"
    assert encoder.n_truncated(["看书", four, five, five, nine]) == 3


def test_nothing_is_cut_where_there_are_no_sentences(load: Load) -> None:
    assert load().n_truncated([]) == 0


@pytest.mark.parametrize("length", [2, 0, -1, POSITIONS + 1])
def test_a_max_seq_length_that_the_encoder_cannot_take_is_refused(load: Load, length: int) -> None:
    with pytest.raises(EncoderError, match=r"max_seq_length: must be between 3 and"):
        load(max_seq_length=length)


@pytest.mark.parametrize("architecture", ["bert", "electra"])
def test_every_position_of_the_encoder_can_be_used(encoder_dir: Dirs, architecture: str) -> None:
    encoder = SentenceEncoder.from_pretrained(encoder_dir(architecture), "mean", POSITIONS)
    assert np.isfinite(encoder.encode(["茶" * 2 * POSITIONS])).all()


@pytest.mark.parametrize("architecture", ["roberta", "xlm-roberta"])
def test_roberta_counts_positions_from_behind_its_padding_token(
    encoder_dir: Dirs, architecture: str
) -> None:
    # Position ids start at pad_token_id + 1 = 2, as roberta-base takes 512 tokens of its 514.
    folder = encoder_dir(architecture)
    encoder = SentenceEncoder.from_pretrained(folder, "mean", POSITIONS - 2)
    assert np.isfinite(encoder.encode(["茶" * 2 * POSITIONS])).all()
    with pytest.raises(EncoderError, match=f"max_seq_length: .*{POSITIONS - 2}"):
        SentenceEncoder.from_pretrained(folder, "mean", POSITIONS - 1)


# --- names and fingerprints ------------------------------------------------------------------


def test_a_directory_is_called_by_its_name_without_the_path(load: Load) -> None:
    assert load().name == "tiny-bert"


@pytest.mark.parametrize("name", ["mini-bert", "mini-bert-wwm", "mini-bert-wwm-ext"])
def test_a_bundled_name_stands_for_its_folder(name: str) -> None:
    folder, label = locate_encoder(name)
    assert (folder.name, folder.parent.name, label) == (name, "assets", name)


def test_the_fingerprint_is_of_the_content_and_stays_with_it(load: Load, tmp_path: Path) -> None:
    encoder = load()
    before = encoder.fingerprint
    encoder.encode(["看书"])  # a tokenizer remembers how it was last called
    encoder.save(tmp_path / "same")
    assert load().fingerprint == encoder.fingerprint == before
    assert SentenceEncoder.from_pretrained(tmp_path / "same", "mean", 32).fingerprint == before


def _heavier(folder: Path) -> None:
    encoder = SentenceEncoder.from_pretrained(folder, "mean", 32)
    with torch.no_grad():
        encoder.model.encoder.layer[0].output.dense.bias[0] += 1e-6
    encoder.model.save_pretrained(folder)


def _with_config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")

    return change


def _with_tokenizer(change: Callable[[dict[str, int]], dict[str, int]]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        path = folder / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["model"]["vocab"] = change(content["model"]["vocab"])
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    return rewrite


def _with_settings(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "tokenizer_config.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(content | changes), encoding="utf-8")

    return change


def _turned(vocabulary: dict[str, int]) -> dict[str, int]:
    words = [word for word in vocabulary if not word.startswith("[")]
    ids = [vocabulary[word] for word in words]
    return vocabulary | dict(zip(words, ids[::-1], strict=True))


@pytest.mark.parametrize(
    "change",
    [
        _heavier,
        _with_config(hidden_act="relu"),
        _with_config(layer_norm_eps=0.1),
        _with_config(num_attention_heads=4),
        _with_tokenizer(_turned),
        _with_tokenizer(lambda vocabulary: {w: i for w, i in vocabulary.items() if i < 20}),
        _with_settings(truncation_side="left"),
        _with_settings(split_special_tokens=True),
        _with_settings(tokenize_chinese_chars=False),
        _with_settings(cls_token="[MASK]"),
    ],
    ids=[
        *("weights", "activation", "epsilon", "heads", "vocabulary permuted", "vocabulary cut"),
        *("the end that is cut", "special tokens", "words of characters", "first token"),
    ],
)
def test_whatever_decides_a_vector_changes_the_fingerprint(
    change: Callable[[Path], None], bert_dir: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bert_dir, tmp_path / "changed"))
    texts = [*SENTENCES, "今天[MASK]看书", "老师从来不喝茶" * 6]
    before = SentenceEncoder.from_pretrained(folder, "mean", 32)
    change(folder)
    after = SentenceEncoder.from_pretrained(folder, "mean", 32)
    assert not np.array_equal(after.encode(texts), before.encode(texts))
    assert after.fingerprint != before.fingerprint


def test_of_a_tokenizer_without_a_pipeline_its_files_count_and_not_where_they_lie(
    tmp_path: Path,
) -> None:
    folder, merges = tmp_path / "one", "bpe.codes"
    config = RobertaConfig(vocab_size=20, type_vocab_size=1, hidden_size=32, num_hidden_layers=1)
    config.num_attention_heads, config.intermediate_size = 2, 64
    RobertaModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("a@@ 1\nb@@ 1\nc 1\nab@@ 1\nbc 1\n")
    (folder / merges).write_text("a b 5\nb c</w> 3\n")
    PhobertTokenizer(str(folder / "vocab.txt"), str(folder / merges)).save_pretrained(folder)
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    one = SentenceEncoder.from_pretrained(folder, "mean", 32)
    assert not one.tokenizer.is_fast
    before = one.fingerprint
    assert SentenceEncoder.from_pretrained(other, "mean", 32).fingerprint == before
    (folder / merges).write_text("b c</w> 5\na b 3\n")
    after = SentenceEncoder.from_pretrained(folder, "mean", 32)
    assert after.tokenize(["abc"]) != one.tokenize(["abc"])
    assert after.fingerprint != before


def _without_template(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"post_processor": None}), encoding="utf-8")
    _with_settings(tokenizer_class="PreTrainedTokenizerFast")(folder)


def _with_template(*tokens: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        _without_template(folder)
        path = str(folder / "tokenizer.json")
        tokenizer = Tokenizer.from_file(path)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=" ".join(tokens),
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
        )
        tokenizer.save(path)

    return change


@pytest.mark.parametrize(
    "change", [_without_template, _with_template("$A", "[SEP]"), _with_template("$A", "[CLS]")]
)
def test_without_a_first_token_of_its_own_a_sentence_has_no_vector_of_it(
    change: Callable[[Path], None], bert_dir: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bert_dir, tmp_path / "changed"))
    change(folder)
    for pooling in ("cls", "pooler"):
        with pytest.raises(EncoderError, match=r"pooling: changed has no token such as \[CLS\]"):
            SentenceEncoder.from_pretrained(folder, pooling, 32)
    assert SentenceEncoder.from_pretrained(folder, "mean", 32).poolings() == [
        Pooling.MEAN,
        Pooling.FIRST_LAST_MEAN,
    ]


def test_pooling_and_length_are_part_of_the_fingerprint(load: Load) -> None:
    assert len({load(*how).fingerprint for how in (("mean", 32), ("cls", 32), ("mean", 31))}) == 3


# --- refused ---------------------------------------------------------------------------------


def copy_without(folder: Path, target: Path, *patterns: str) -> Path:
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*patterns))
    return target


def test_under_the_first_pooling_those_that_differ_in_it_are_one(load: Load) -> None:
    encoders = [load(pooling) for pooling in Pooling]
    assert {e.under_first_pooling().fingerprint for e in encoders} == {encoders[0].fingerprint}
    assert [e.pooling for e in encoders] == list(Pooling)  # left as they were


def test_an_unknown_pooling_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ValueError, match=r"pooling: .*'max'"):
        SentenceEncoder.from_pretrained("no/such/folder", "max")


def test_an_encoder_without_pooler_layer_refuses_that_pooling(encoder_dir: Dirs) -> None:
    with pytest.raises(EncoderError, match=r"pooling: tiny-electra has no pooler .*: cls, mean"):
        SentenceEncoder.from_pretrained(encoder_dir("electra"), "pooler", 32)


def test_a_folder_without_config_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    folder = copy_without(bert_dir, tmp_path / "it", "config.json")
    with pytest.raises(EncoderError, match=r"no config\.json"):
        SentenceEncoder.from_pretrained(folder)


def test_a_folder_with_pickled_weights_alone_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    folder = copy_without(bert_dir, tmp_path / "it", "*.safetensors")
    torch.save(AutoModel.from_pretrained(bert_dir).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"no safetensors .* run code"):
        SentenceEncoder.from_pretrained(folder)


def test_a_folder_without_tokenizer_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    # transformers makes a tokenizer up that maps every character to [UNK].
    folder = copy_without(bert_dir, tmp_path / "it", "tokenizer*", "vocab*")
    with pytest.raises(EncoderError, match="tokenizer"):
        SentenceEncoder.from_pretrained(folder, "mean", 32)


@pytest.mark.parametrize("config", ["{", '{"model_type": "nonsense"}', "{}"])
def test_a_folder_with_a_bad_config_is_refused(bert_dir: Path, tmp_path: Path, config: str) -> None:
    folder = copy_without(bert_dir, tmp_path / "it")
    (folder / "config.json").write_text(config)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        SentenceEncoder.from_pretrained(folder)


def test_a_truncated_weight_file_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    folder = copy_without(bert_dir, tmp_path / "it")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        SentenceEncoder.from_pretrained(folder)


def test_weights_without_a_layer_are_refused_not_made_up(bert_dir: Path, tmp_path: Path) -> None:
    folder = copy_without(bert_dir, tmp_path / "it")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="layer"):
        SentenceEncoder.from_pretrained(folder, "mean", 32)


@pytest.fixture(scope="module")
def masked_language_model(bert_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as pretraining leaves it: with a head for words, without a pooler."""
    folder = copy_without(bert_dir, tmp_path_factory.mktemp("mlm") / "it", "*.safetensors")
    BertForMaskedLM(BertConfig.from_pretrained(bert_dir)).save_pretrained(folder)
    return folder


def test_a_checkpoint_without_pooler_has_one_fingerprint(masked_language_model: Path) -> None:
    # A pooler filled with random numbers at each load would make every kept result look stale.
    first, second = (
        SentenceEncoder.from_pretrained(masked_language_model, "mean", 32) for _ in range(2)
    )
    assert first.fingerprint == second.fingerprint


def test_a_checkpoint_without_pooler_refuses_that_pooling(masked_language_model: Path) -> None:
    with pytest.raises(EncoderError, match=r"pooling: .* no pooler"):
        SentenceEncoder.from_pretrained(masked_language_model, "pooler", 32)


# --- precision -------------------------------------------------------------------------------


def embedded_in(load: Load, precision: Precision) -> tuple[Tensor, Tensor]:
    """Embeddings without dropout, and the gradient of the word embeddings."""
    encoder = load("mean")
    encoder.precision = precision
    vectors = encoder.embed(encoder.tokenize(SENTENCES[:9]))
    vectors.pow(2).sum().backward()
    return vectors.detach(), encoder.model.embeddings.word_embeddings.weight.grad


def test_bfloat16_is_close_to_float32_on_any_machine(load: Load) -> None:
    exact, exact_gradient = embedded_in(load, Precision.FLOAT32)
    rounded, gradient = embedded_in(load, Precision.BFLOAT16)
    assert rounded.dtype == gradient.dtype == torch.float32
    # bfloat16 has 8 bits of mantissa.
    torch.testing.assert_close(rounded, exact, rtol=0, atol=0.05 * exact.abs().max().item())
    assert not torch.equal(rounded, exact)
    assert torch.cosine_similarity(gradient.flatten(), exact_gradient.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("able", [True, False])
def test_auto_follows_the_hardware(load: Load, able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simcse_core.precision, "has_bf16", lambda device: able)
    expected = embedded_in(load, Precision.BFLOAT16 if able else Precision.FLOAT32)[0]
    assert torch.equal(embedded_in(load, Precision.AUTO)[0], expected)


def test_vectors_are_measured_in_float32_whatever_training_takes(load: Load) -> None:
    encoder = load("mean")
    expected = encoder.encode(SENTENCES[:5])
    encoder.precision = Precision.BFLOAT16
    assert np.array_equal(encoder.encode(SENTENCES[:5]), expected)


# --- attributes that are set afterwards ------------------------------------------------------


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_pooling_that_is_set_as_text_is_the_one_it_names(load: Load, pooling: str) -> None:
    encoder = load("mean" if pooling != "mean" else "cls")
    encoder.pooling = pooling
    expected = load(pooling)
    assert np.array_equal(encoder.encode(SENTENCES[:4]), expected.encode(SENTENCES[:4]))
    assert encoder.fingerprint == expected.fingerprint
    together = load().encode_poolings(SENTENCES[:4], [pooling])
    assert np.array_equal(together[pooling], expected.encode(SENTENCES[:4]))


def test_a_pooling_that_is_none_is_refused_wherever_it_is_named(
    load: Load, encoder_dir: Dirs
) -> None:
    encoder, electra = load(), SentenceEncoder.from_pretrained(encoder_dir("electra"), "mean", 32)
    with pytest.raises(ValueError, match=r"pooling: unknown value 'max'"):
        encoder.pooling = "max"
    with pytest.raises(ValueError, match=r"pooling: unknown value 'max'"):
        encoder.encode_poolings(SENTENCES[:2], ["mean", "max"])
    with pytest.raises(ValueError, match=r"poolings: a list of texts is needed, got one str"):
        encoder.encode_poolings(SENTENCES[:2], "cls")
    for name in ("pooler", Pooling.POOLER):
        with pytest.raises(EncoderError, match="no pooler layer"):
            electra.pooling = name
        with pytest.raises(EncoderError, match="no pooler layer"):
            electra.encode_poolings(SENTENCES[:2], [name])


@pytest.mark.parametrize("precision", ["bfloat16", "auto", "float32"])
def test_a_precision_that_is_set_as_text_is_the_one_it_names(
    load: Load, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simcse_core.precision, "has_bf16", lambda device: True)
    expected = embedded_in(load, Precision(precision))[0]
    assert torch.equal(embedded_in(load, precision)[0], expected)
    assert torch.equal(expected, embedded_in(load, Precision.FLOAT32)[0]) is (
        precision == "float32"
    )
    with pytest.raises(ValueError, match="precision: unknown value 'half'"):
        load().precision = "half"


def _reversed_vocabulary(encoder: SentenceEncoder) -> Any:
    vocabulary = sorted(encoder.tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return type(encoder.tokenizer)(vocab=_turned(dict(vocabulary)))


CHANGES: dict[str, Callable[[SentenceEncoder], object]] = {
    "max_seq_length": lambda e: setattr(e, "max_seq_length", 6),
    "prefix": lambda e: setattr(e, "prefix", "喝茶"),
    "tokenizer": lambda e: setattr(e, "tokenizer", _reversed_vocabulary(e)),
    "normalize": lambda e: setattr(e, "normalize", True),
}


@pytest.mark.parametrize("attribute", CHANGES)
def test_what_is_changed_afterwards_is_as_if_it_had_been_so_from_the_start(
    load: Load, attribute: str
) -> None:
    encoder, fresh = load(), load()
    before, fingerprint = encoder.encode(SENTENCES), encoder.fingerprint
    CHANGES[attribute](encoder)
    CHANGES[attribute](fresh)
    after = encoder.encode(SENTENCES)
    assert not np.allclose(after, before)
    assert np.array_equal(after, fresh.encode(SENTENCES))
    assert encoder.fingerprint == fresh.fingerprint != fingerprint


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("max_seq_length", 6.5),
        ("max_seq_length", "64"),
        ("max_seq_length", POSITIONS + 1),
        ("max_seq_length", True),
        ("prefix", None),
        ("normalize", "no"),
        ("tokenizer", "bert"),
    ],
)
def test_an_attribute_that_cannot_be_is_refused_and_stays(
    load: Load, attribute: str, value: object
) -> None:
    encoder = load()
    before = getattr(encoder, attribute)
    with pytest.raises(ValueError, match=f"^{attribute}: "):
        setattr(encoder, attribute, value)
    assert getattr(encoder, attribute) is before


def test_a_length_may_be_a_whole_number_of_any_library(load: Load) -> None:
    encoder = load()
    encoder.max_seq_length = np.int64(6)
    assert (encoder.max_seq_length, type(encoder.max_seq_length)) == (6, int)


def test_rows_of_tokens_are_the_callers_own(load: Load) -> None:
    encoder = load()
    expected = encoder.encode(["我喝茶"])
    encoder.tokenize(["我喝茶"])[0].append(7)
    assert np.array_equal(encoder.encode(["我喝茶"]), expected)


def test_a_copy_that_is_cut_elsewhere_leaves_the_original_as_it_was(load: Load) -> None:
    encoder = load()
    expected = encoder.encode(SENTENCES[:6])
    twin = encoder.copy_for_inference()
    twin.max_seq_length = 4
    twin.encode(SENTENCES[:6])
    assert np.array_equal(encoder.encode(SENTENCES[:6]), expected)


# --- saved over something --------------------------------------------------------------------


def test_saving_onto_what_is_no_folder_is_refused_and_writes_nothing(
    load: Load, tmp_path: Path
) -> None:
    file, link, nowhere = tmp_path / "file", tmp_path / "link", tmp_path / "nowhere"
    file.write_text("mine")
    link.symlink_to(file)
    nowhere.symlink_to(tmp_path / "gone")
    for target in (file, link, nowhere, file / "below"):
        with pytest.raises(EncoderError, match=f"save: {target} "):
            load().save(target)
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "nowhere"]


# --- as in sentence-transformers -------------------------------------------------------------


def test_the_parameters_of_sentence_transformers_mean_the_same(
    load: Callable[..., SentenceEncoder],
) -> None:
    encoder, texts = load(), ["我喝茶", "老师今天看书", "我喝茶"]
    plain = encoder.encode(texts)
    np.testing.assert_allclose(encoder.encode(texts, batch_size=1), plain, atol=1e-6)
    unit = encoder.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(
        unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6
    )
    tensor = encoder.encode(texts, convert_to_tensor=True)
    assert isinstance(tensor, torch.Tensor)
    assert tensor.device == encoder.device
    np.testing.assert_array_equal(tensor.cpu().numpy(), plain)
    assert encoder.encode("我喝茶", normalize_embeddings=True).shape == (encoder.hidden_size,)
    assert encoder.encode([], normalize_embeddings=True).shape == (0, encoder.hidden_size)


@pytest.mark.parametrize("size", [0, -1, 1.5, "8"])
def test_a_batch_size_that_is_none_is_refused(
    load: Callable[..., SentenceEncoder], size: object
) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        load().encode(["我喝茶"], batch_size=size)


@pytest.mark.parametrize(("asked", "drawn"), [(None, False), (False, False), (True, True)])
def test_a_bar_is_drawn_where_it_is_asked_for(
    load: Callable[..., SentenceEncoder],
    capsys: pytest.CaptureFixture[str],
    asked: bool | None,
    drawn: bool,
) -> None:
    load().encode(["我喝茶"], show_progress_bar=asked)
    assert ("encode with" in capsys.readouterr().err) is drawn


def test_an_encoder_of_ours_is_an_encoder(load: Callable[..., SentenceEncoder]) -> None:
    assert isinstance(load(), Encoder)
    assert not isinstance(lambda sentences: sentences, Encoder)
