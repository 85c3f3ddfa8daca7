"""Whitening, IDF-weighted averages and TF-IDF as encoders that are kept, here and elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SENTENCES

from simcse_core import Encoder, SentenceEncoder, TfidfEncoder, weigh_by_idf, whiten
from simcse_core.baselines import BASELINES, EncodedText
from simcse_core.config import Kind, Pooling
from simcse_core.encoding.projection import Projection
from simcse_core.errors import EncoderError, ParameterError
from simcse_core.fitted_encoders import FITTED_ENCODERS
from simcse_core.training import TrainConfig, train_simcse

FITTED, NEW = SENTENCES[:30], SENTENCES[20:]


def spread_out(folder: Path, pooling: str, normalize: bool = False) -> SentenceEncoder:
    """The tiny encoder with weights so large that its sentences lie well apart."""
    encoder = SentenceEncoder.from_pretrained(folder, pooling, 12, "cpu")
    torch.manual_seed(1)
    for weight in encoder.model.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.3)
    encoder.normalize = normalize
    return encoder


def baseline(method: str, encoder: SentenceEncoder) -> np.ndarray:
    """Cosines of new sentences under a row of BASELINES."""
    text = EncodedText(encoder.encode, encoder.tokenize, encoder.encode_tokens)
    return cosines(BASELINES[method].fit(FITTED, text)(NEW))


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def test_every_fitted_baseline_can_be_kept() -> None:
    assert {*FITTED_ENCODERS} == {m for m, row in BASELINES.items() if row.kind is Kind.FITTED}


@pytest.mark.parametrize("method", FITTED_ENCODERS)
def test_it_is_the_baseline_of_its_name(bert_dir: Path, method: str) -> None:
    encoder = spread_out(bert_dir, "mean")
    fitted = FITTED_ENCODERS[method](encoder, FITTED)
    assert isinstance(fitted, Encoder)
    np.testing.assert_allclose(cosines(fitted.encode(NEW)), baseline(method, encoder), atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("pooling", Pooling)
def test_whitening_is_kept_under_every_pooling(
    bert_dir: Path, tmp_path: Path, pooling: str, normalize: bool
) -> None:
    encoder = spread_out(bert_dir, pooling, normalize)
    before = encoder.fingerprint
    fitted = whiten(encoder, (s for s in FITTED))
    np.testing.assert_allclose(
        cosines(fitted.encode(NEW)), baseline("whitening", encoder), atol=1e-5
    )
    assert encoder.fingerprint == before != fitted.fingerprint
    fitted.save(tmp_path / "it")
    loaded = SentenceEncoder.from_pretrained(tmp_path / "it", device="cpu")
    assert (loaded.fingerprint, loaded.pooling) == (fitted.fingerprint, pooling)
    np.testing.assert_array_equal(loaded.encode(NEW), fitted.encode(NEW))


def test_fewer_directions_than_numbers_are_kept(bert_dir: Path, tmp_path: Path) -> None:
    fitted = whiten(spread_out(bert_dir, "mean"), ["我喝茶", "我看书"])
    assert fitted.encode("我喝茶").shape == (fitted.hidden_size,) == (1,)
    np.testing.assert_allclose(fitted.encode(["我喝茶", "我看书"]).prod(), -1, atol=1e-5)
    fitted.save(tmp_path / "it")
    assert SentenceEncoder.from_pretrained(tmp_path / "it").hidden_size == 1


def test_a_projection_by_hand(bert_dir: Path) -> None:
    encoder = spread_out(bert_dir, "cls")
    plain = encoder.encode(NEW)
    encoder.projection = Projection(2 * np.eye(32)[:3], np.array([0, 1, 0]))
    np.testing.assert_allclose(encoder.encode(NEW), 2 * plain[:, :3] + [0, 1, 0], atol=1e-5)
    assert encoder.poolings() == ["cls"]


@pytest.mark.parametrize("fitted", ["idf-mean", "whitening"])
@pytest.mark.parametrize("pooling", ["mean", "first-last-mean"])
def test_sentence_transformers_gives_the_same_vectors(
    bert_dir: Path, tmp_path: Path, pooling: str, fitted: str
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    encoder = spread_out(bert_dir, pooling)
    encoder.prefix = "茶"
    kept = FITTED_ENCODERS[fitted](encoder, FITTED)
    if fitted == "idf-mean":
        kept.pooling = pooling
    kept.save(tmp_path / "it")
    model = library.SentenceTransformer(str(tmp_path / "it"), device="cpu")
    # An empty sentence has no token but [CLS], the prefix and [SEP], which stand in every one.
    texts = [*SENTENCES, ""]
    found = model.encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(found, kept.encode(texts), rtol=0, atol=1e-5)


def test_tokens_of_every_sentence_count_only_where_there_are_no_others(bert_dir: Path) -> None:
    encoder = spread_out(bert_dir, "mean")
    weighed = weigh_by_idf(encoder, ["茶书", "茶水", "茶"])
    np.testing.assert_allclose(weighed.encode("茶"), encoder.encode("茶"), atol=1e-6)
    vectors = encoder.encode_tokens(["茶书"])[0]  # [CLS], 茶, 书, [SEP]
    np.testing.assert_allclose(weighed.encode("茶书"), vectors[2], atol=1e-5)


def test_token_weights_are_kept_with_the_pooling(bert_dir: Path, tmp_path: Path) -> None:
    fitted = weigh_by_idf(spread_out(bert_dir, "cls"), FITTED)
    assert fitted.pooling is Pooling.MEAN
    fitted.save(tmp_path / "it")
    loaded = SentenceEncoder.from_pretrained(tmp_path / "it", device="cpu")
    assert loaded.fingerprint == fitted.fingerprint
    np.testing.assert_array_equal(loaded.encode(NEW), fitted.encode(NEW))
    plain = SentenceEncoder.from_pretrained(tmp_path / "it", "cls", device="cpu")
    np.testing.assert_array_equal(plain.encode(NEW), spread_out(bert_dir, "cls").encode(NEW))


def test_what_has_a_projection_is_trained_through_it(bert_dir: Path) -> None:
    encoder = whiten(spread_out(bert_dir, "mean"), FITTED)
    encoder.model.requires_grad_(True)
    before = encoder.projection
    frame = train_simcse(encoder, FITTED, TrainConfig(batch_size=8, learning_rate=1e-3))
    assert np.isfinite(frame["loss"]).all()
    assert encoder.projection is before


def test_what_was_fitted_is_not_fitted_again(bert_dir: Path) -> None:
    for fit in (whiten, weigh_by_idf):
        with pytest.raises(EncoderError, match="was fitted already; give the one"):
            whiten(fit(spread_out(bert_dir, "mean"), FITTED), FITTED)


def test_another_pooling_than_that_of_the_projection_is_refused(
    bert_dir: Path, tmp_path: Path
) -> None:
    fitted = whiten(spread_out(bert_dir, "mean"), FITTED)
    fitted.save(tmp_path / "it")
    for ask in (
        lambda: SentenceEncoder.from_pretrained(tmp_path / "it", "cls"),
        lambda: setattr(fitted, "pooling", "cls"),
        lambda: fitted.encode_poolings(NEW, ["cls"]),
    ):
        with pytest.raises(EncoderError, match="a projection of its mean vectors"):
            ask()


@pytest.mark.parametrize("sentences", ["一句", ["我喝茶", 3]])
@pytest.mark.parametrize("fit", [whiten, weigh_by_idf, lambda _, s: TfidfEncoder.fit(s)])
def test_what_is_no_list_of_texts_is_refused(
    bert_dir: Path, fit: object, sentences: object
) -> None:
    with pytest.raises(ParameterError, match="sentences: "):
        fit(spread_out(bert_dir, "mean"), sentences)


@pytest.mark.parametrize(
    ("weight", "bias", "complaint"),
    [
        (np.eye(32), np.zeros(3), r"a bias of shape \(32,\)"),
        (np.zeros(3), np.zeros(3), "a weight of shape"),
        (np.zeros((0, 32)), np.zeros(0), "a weight of shape"),
        (np.eye(32) * np.nan, np.zeros(32), "not finite"),
        (np.eye(3), np.zeros(3), "it takes vectors of 3, those of"),
    ],
)
def test_a_projection_that_does_not_fit_is_refused(
    bert_dir: Path, weight: np.ndarray, bias: np.ndarray, complaint: str
) -> None:
    with pytest.raises(EncoderError, match=rf"projection: .*{complaint}"):
        spread_out(bert_dir, "mean").projection = Projection(weight, bias)


@pytest.mark.parametrize("weights", [[1.0], "all", np.full(5000, -1.0), np.full(5000, np.nan)])
def test_weights_of_tokens_that_do_not_fit_are_refused(bert_dir: Path, weights: object) -> None:
    encoder = spread_out(bert_dir, "mean")
    with pytest.raises((EncoderError, ValueError), match=r"token_weights|could not convert"):
        encoder.token_weights = weights


def test_weights_of_tokens_need_an_average_and_their_tokenizer(bert_dir: Path) -> None:
    encoder = spread_out(bert_dir, "cls")
    with pytest.raises(EncoderError, match="token_weights: they weigh in averages"):
        encoder.token_weights = np.ones(len(encoder.tokenizer))
    weighed = weigh_by_idf(encoder, FITTED)
    with pytest.raises(EncoderError, match="tokenizer: the tokens of"):
        weighed.tokenizer = encoder.tokenizer
