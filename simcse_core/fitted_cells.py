"""Cells of a study in which nothing is trained: every row of BASELINES, scored on dev and test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, product
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from simcse_core.baselines import BASELINES, Baseline, EncodedText, Reads, fit_on_text
from simcse_core.config import Kind, Pooling
from simcse_core.data import StudyData, sample_sentences
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, look_up, measure_spearman
from simcse_core.plans import Plan
from simcse_core.ready_plans import ReadyPlan, sentences_per_second
from simcse_core.results import tidy
from simcse_core.translation import translated

# Encoder on the rows of what reads text alone.
NO_ENCODER = "none"
# The method on the rows of encoders that others trained.
READY_MADE = "ready-made"
SPEED = "sentences_per_second"
# What a method that reads tokens averages, whatever the pooling that is studied.
TOKEN_POOLING = Pooling.MEAN
# Tidy rows of a way of encoding.
Score = Callable[[Encode], list[dict[str, Any]]]


def on_pairs(data: StudyData) -> tuple[list[str], Score]:
    """All sentences that a method has to encode, and what scores it, on dev and test."""
    return data.held_out(), measure_spearman(data.splits())


def of_text(data: StudyData) -> pd.DataFrame:
    """What needs no encoder, fitted on the whole pool."""
    pool, (_, score) = data.pool.sentences, on_pairs(data)
    rows = [
        _score(data, score, fit_on_text(method, pool), method, n_train=len(pool))
        for method, _ in _that_read(Reads.TEXT)
    ]
    return pd.concat(rows, ignore_index=True)


def of_encoder(data: StudyData, plan: Plan, n_sample: int, seeds: Sequence[int]) -> pd.DataFrame:
    """An encoder under each of its poolings, as it is and fitted, whatever the plan's own.

    What reads sentence vectors is fitted on ``n_sample`` sentences, drawn anew for each seed, since
    each has to be encoded; what reads tokens, on the whole pool.
    """
    encoder, pool, (texts, score) = plan.load(), data.pool.sentences, on_pairs(data)
    samples = {seed: sample_sentences(pool, n_sample, seed) for seed in seeds}
    scored = partial(_score, data, score, encoder=encoder.name)
    frames = []
    for pooling, text in _encoded(encoder, texts, samples, encoder.poolings()).items():
        for method, baseline in _that_read(Reads.VECTORS):
            if baseline.kind is Kind.UNTRAINED:
                frames.append(scored(baseline.fit([], text), method, pooling=pooling))
                continue
            for seed, sample in samples.items():
                fitted = baseline.fit(sample, text)
                frames.append(scored(fitted, method, pooling=pooling, seed=seed, n_train=n_sample))
    for method, baseline in _that_read(Reads.TOKENS):
        fitted = baseline.fit(pool, text)
        frames.append(scored(fitted, method, pooling=TOKEN_POOLING, n_train=len(pool)))
    return pd.concat(frames, ignore_index=True)


def of_ready_made(data: StudyData, plan: ReadyPlan) -> pd.DataFrame:
    """A ready-made encoder as it is, and how fast it encodes: metric :data:`SPEED`, with dev."""
    encoder, (held_out, score) = plan.load(), on_pairs(data)
    scored = score(look_up(held_out, encoder.encode(held_out)))
    speed = sentences_per_second(encoder.encode, data.dev.sentences())
    rows = [*scored, {"split": "dev", "metric": SPEED, "value": speed}]
    own = {"pooling": encoder.pooling, "kind": Kind.READY_MADE}
    return _tidy(data, rows, READY_MADE, encoder.name, **own)


def of_text_samples(
    data: StudyData,
    sizes: Sequence[int],
    seeds: Sequence[int],
    measured: tuple[Sequence[str], Score] | None = None,
) -> pd.DataFrame:
    """What stands on curves and needs no encoder, fitted on the samples that are trained on.

    Args:
        measured: what is encoded and scored, as :func:`on_pairs` gives it, which is the default.
    """
    _, score = measured or on_pairs(data)
    return _on_curve(data, sizes, seeds, Reads.TEXT, score)


def of_samples(
    data: StudyData,
    plan: Plan,
    poolings: Sequence[Pooling],
    sizes: Sequence[int],
    seeds: Sequence[int],
    measured: tuple[Sequence[str], Score] | None = None,
) -> pd.DataFrame:
    """What stands on curves and builds on an encoder, fitted on the samples that are trained on.

    Under each of the poolings, but for what reads tokens, which is there once.

    Args:
        measured: as in :func:`of_text_samples`.
    """
    encoder, pool = plan.load(), data.pool.sentences
    texts, score = measured or on_pairs(data)
    samples = {seed: sample_sentences(pool, max(sizes), seed) for seed in seeds}
    encoded = _encoded(encoder, texts, samples, poolings)
    fitted = partial(_on_curve, data, sizes, seeds, score=score, encoder=encoder.name)
    frames = [fitted(Reads.TOKENS, text=encoded[poolings[0]], pooling=TOKEN_POOLING)]
    for pooling, text in encoded.items():
        frames.append(fitted(Reads.VECTORS, text=text, pooling=pooling))
    return pd.concat(frames, ignore_index=True)


def _on_curve(
    data: StudyData,
    sizes: Sequence[int],
    seeds: Sequence[int],
    reads: Reads,
    score: Score,
    text: EncodedText | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Every seed and size of the methods that stand on curves and read this."""
    pool = data.pool.sentences
    frames = []
    draws = list(product(seeds, sorted(sizes)))
    for seed, n in tqdm(draws, desc=translated(reads), unit=translated("fit"), leave=False):
        sample = sample_sentences(pool, n, seed)
        for method, baseline in _that_read(reads):
            if baseline.on_curves:
                encode = baseline.fit(sample, text) if text else fit_on_text(method, sample)
                frames.append(_score(data, score, encode, method, seed=seed, n_train=n, **columns))
    return pd.concat(frames, ignore_index=True)


def _that_read(reads: Reads) -> Iterator[tuple[str, Baseline]]:
    return ((method, row) for method, row in BASELINES.items() if row.reads is reads)


def _encoded(
    encoder: SentenceEncoder,
    texts: Sequence[str],
    samples: dict[int, list[str]],
    poolings: Sequence[Pooling],
) -> dict[Pooling, EncodedText]:
    """What is scored and the samples under each pooling; of the former, the tokens too."""
    unique = list(dict.fromkeys([*texts, *chain(*samples.values())]))
    under, tokens = encoder.encode_with_tokens(unique, poolings, texts, progress=True)
    return {
        pooling: EncodedText(
            look_up(unique, vectors),
            encoder.tokenize,
            lambda batch: [tokens[sentence] for sentence in batch],
        )
        for pooling, vectors in under.items()
    }


def _score(
    data: StudyData,
    score: Score,
    encode: Encode,
    method: str,
    encoder: str = NO_ENCODER,
    **own: str | int,
) -> pd.DataFrame:
    kind = BASELINES[method].kind
    return _tidy(data, score(encode), method, encoder, **{"kind": kind, **own})


def _tidy(
    data: StudyData,
    rows: Sequence[Mapping[str, object]],
    method: str,
    encoder: str,
    **own: str | int,
) -> pd.DataFrame:
    known = {"encoder": encoder, "method": method, "dataset": data.name}
    return tidy(pd.DataFrame(rows), **{"n_train": 0, "epoch": 0, "seed": 0, **known, **own})
