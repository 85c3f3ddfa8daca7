"""Cells of a study in which nothing is trained: every row of BASELINES, scored on dev and test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, product

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

# Encoder on the rows of what reads text alone.
NO_ENCODER = "none"
# The method on the rows of encoders that others trained.
READY_MADE = "ready-made"
SPEED = "sentences_per_second"
# What a method that reads tokens averages, whatever the pooling that is studied.
TOKEN_POOLING = Pooling.MEAN


def of_text(data: StudyData) -> pd.DataFrame:
    """What needs no encoder, fitted on the whole pool."""
    pool = data.pool.sentences
    rows = [
        _score(data, fit_on_text(method, pool), method, n_train=len(pool))
        for method, _ in _that_read(Reads.TEXT)
    ]
    return pd.concat(rows, ignore_index=True)


def of_encoder(data: StudyData, plan: Plan, n_sample: int, seeds: Sequence[int]) -> pd.DataFrame:
    """An encoder under each of its poolings, as it is and fitted, whatever the plan's own.

    What reads sentence vectors is fitted on ``n_sample`` sentences, drawn anew for each seed, since
    each has to be encoded; what reads tokens, on the whole pool.
    """
    encoder, pool = plan.load(), data.pool.sentences
    samples = {seed: sample_sentences(pool, n_sample, seed) for seed in seeds}
    frames = []
    for pooling, text in _encoded(encoder, data, samples, encoder.poolings()).items():
        score = partial(_score, data, encoder=encoder.name, pooling=pooling)
        for method, baseline in _that_read(Reads.VECTORS):
            if baseline.kind is Kind.UNTRAINED:
                frames.append(score(baseline.fit([], text), method))
                continue
            for seed, sample in samples.items():
                fitted = baseline.fit(sample, text)
                frames.append(score(fitted, method, seed=seed, n_train=n_sample))
    score = partial(_score, data, encoder=encoder.name, pooling=TOKEN_POOLING)
    for method, baseline in _that_read(Reads.TOKENS):
        frames.append(score(baseline.fit(pool, text), method, n_train=len(pool)))
    return pd.concat(frames, ignore_index=True)


def of_ready_made(data: StudyData, plan: ReadyPlan) -> pd.DataFrame:
    """A ready-made encoder as it is, and how fast it encodes: metric :data:`SPEED`, with dev."""
    encoder, held_out = plan.load(), data.held_out()
    scored = measure_spearman(data.splits())(look_up(held_out, encoder.encode(held_out)))
    speed = sentences_per_second(encoder.encode, data.dev.sentences())
    rows = [*scored, {"split": "dev", "metric": SPEED, "value": speed}]
    own = {"pooling": encoder.pooling, "kind": Kind.READY_MADE}
    return _tidy(data, rows, READY_MADE, encoder.name, **own)


def of_text_samples(data: StudyData, sizes: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
    """What stands on curves and needs no encoder, fitted on the samples that are trained on."""
    return _on_curve(data, sizes, seeds, Reads.TEXT)


def of_samples(
    data: StudyData,
    plan: Plan,
    poolings: Sequence[Pooling],
    sizes: Sequence[int],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """What stands on curves and builds on an encoder, fitted on the samples that are trained on.

    Under each of the poolings, but for what reads tokens, which is there once.
    """
    encoder, pool = plan.load(), data.pool.sentences
    samples = {seed: sample_sentences(pool, max(sizes), seed) for seed in seeds}
    encoded = _encoded(encoder, data, samples, poolings)
    fitted = partial(_on_curve, data, sizes, seeds, encoder=encoder.name)
    frames = [fitted(Reads.TOKENS, encoded[poolings[0]], pooling=TOKEN_POOLING)]
    for pooling, text in encoded.items():
        frames.append(fitted(Reads.VECTORS, text, pooling=pooling))
    return pd.concat(frames, ignore_index=True)


def _on_curve(
    data: StudyData,
    sizes: Sequence[int],
    seeds: Sequence[int],
    reads: Reads,
    text: EncodedText | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Every seed and size of the methods that stand on curves and read this."""
    pool = data.pool.sentences
    frames = []
    for seed, n in tqdm(list(product(seeds, sorted(sizes))), desc=reads, unit="fit", leave=False):
        sample = sample_sentences(pool, n, seed)
        for method, baseline in _that_read(reads):
            if baseline.on_curves:
                encode = baseline.fit(sample, text) if text else fit_on_text(method, sample)
                frames.append(_score(data, encode, method, seed=seed, n_train=n, **columns))
    return pd.concat(frames, ignore_index=True)


def _that_read(reads: Reads) -> Iterator[tuple[str, Baseline]]:
    return ((method, row) for method, row in BASELINES.items() if row.reads is reads)


def _encoded(
    encoder: SentenceEncoder,
    data: StudyData,
    samples: dict[int, list[str]],
    poolings: Sequence[Pooling],
) -> dict[Pooling, EncodedText]:
    """Dev, test and the samples under each pooling; of dev and test, the tokens too."""
    held_out = data.held_out()
    unique = list(dict.fromkeys([*held_out, *chain(*samples.values())]))
    tokens = dict(zip(held_out, encoder.encode_tokens(held_out), strict=True))
    return {
        pooling: EncodedText(
            look_up(unique, vectors),
            encoder.tokenize,
            lambda batch: [tokens[sentence] for sentence in batch],
        )
        for pooling, vectors in encoder.encode_poolings(unique, poolings, progress=True).items()
    }


def _score(
    data: StudyData, encode: Encode, method: str, encoder: str = NO_ENCODER, **own: str | int
) -> pd.DataFrame:
    rows = measure_spearman(data.splits())(encode)
    return _tidy(data, rows, method, encoder, **{"kind": BASELINES[method].kind, **own})


def _tidy(
    data: StudyData,
    rows: Sequence[Mapping[str, object]],
    method: str,
    encoder: str,
    **own: str | int,
) -> pd.DataFrame:
    known = {"encoder": encoder, "method": method, "dataset": data.name}
    return tidy(pd.DataFrame(rows), **{"n_train": 0, "epoch": 0, "seed": 0, **known, **own})
