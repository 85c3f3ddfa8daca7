"""What is fitted without training, as an encoder that can be saved and loaded like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from simcse_core.arguments import as_sentences
from simcse_core.baselines import token_idf, whitening_of
from simcse_core.config import Pooling
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoding.projection import Projection
from simcse_core.encoding.vocabulary import all_token_ids
from simcse_core.errors import EncoderError, ParameterError
from simcse_core.tfidf_encoder import TfidfEncoder, Unit

# What a token weighs that stands in every sentence, [CLS] and [SEP] among them, in the place of 0:
# nothing beside others, and enough that a sentence of such tokens alone has their plain average.
# sentence-transformers divides by a sum of weights of at least 1e-9.
LEAST_WEIGHT = 2e-9


def whiten(encoder: SentenceEncoder, sentences: Iterable[str]) -> SentenceEncoder:
    """An encoder with whitening behind its pooling (Su et al., 2021), fitted on sentences.

    It gives what the baseline ``whitening`` gives, of length 1. The encoder given is left as it is.

    Raises:
        ParameterError: no texts.
        EncoderError: the encoder has a projection already.
        ValueError: fewer than two sentences, or all their vectors are the same.
    """
    _refuse_fitted(encoder)
    mean, turn = whitening_of(encoder.encode(as_sentences(sentences, "sentences")))
    fitted = encoder.copy_for_inference()
    fitted.projection = Projection(turn.T, centre=mean, of_unit_vectors=encoder.normalize)
    fitted.normalize = True
    return fitted


def weigh_by_idf(encoder: SentenceEncoder, sentences: Iterable[str]) -> SentenceEncoder:
    """An encoder whose vectors are averages in which rare tokens weigh more, fitted on sentences.

    It gives what the baseline ``idf-mean`` gives: averages of the last layer, whatever the pooling
    of the encoder given, which is left as it is. Only where all that weighs anything stands in
    almost every sentence (weights below 0.01 together) do the two differ by more than 1e-5.

    Raises:
        ParameterError: no texts, or none at all.
        EncoderError: the encoder has a projection, which was made for other vectors, or weights.
    """
    _refuse_fitted(encoder)
    texts = as_sentences(sentences, "sentences")
    if not texts:
        raise ParameterError("sentences: there is none to count tokens in; give at least one")
    idf = token_idf(encoder.tokenize(texts))
    fitted = encoder.copy_for_inference()
    fitted.pooling = Pooling.MEAN
    fitted.token_weights = np.maximum(idf(all_token_ids(encoder.tokenizer)), LEAST_WEIGHT)
    return fitted


def _refuse_fitted(encoder: SentenceEncoder) -> None:
    if not isinstance(encoder, SentenceEncoder):
        raise ParameterError(f"encoder: a SentenceEncoder is needed, got {encoder!r}")
    if encoder.projection is not None or encoder.token_weights is not None:
        raise EncoderError(
            f"encoder: {encoder.name} was fitted already; give the one that it was made from"
        )


def _count(encoder: SentenceEncoder, sentences: Sequence[str], unit: Unit) -> TfidfEncoder:
    return TfidfEncoder.fit(sentences, unit)


# How a row of BASELINES that was fitted is made into an encoder that can be kept.
FITTED_ENCODERS: dict[
    str, Callable[[SentenceEncoder, Sequence[str]], SentenceEncoder | TfidfEncoder]
] = {
    "tfidf-char": partial(_count, unit=Unit.CHARACTER),
    "tfidf-char-bigram": partial(_count, unit=Unit.CHARACTER_BIGRAM),
    "tfidf-word": partial(_count, unit=Unit.WORD),
    "idf-mean": weigh_by_idf,
    "whitening": whiten,
}
