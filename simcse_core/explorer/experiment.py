"""What can be asked of an encoder before and after SimCSE, and of TF-IDF beside it.

Typed text is looked at here and never raises: what cannot be compared has a :class:`Trouble`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np
import pandas as pd

from simcse_core.baselines import fit_on_text
from simcse_core.data import StsPairs, StudyData, sample_sentences
from simcse_core.encoder import SentenceEncoder
from simcse_core.encoding.vocabulary import special_ids, unknown_ids
from simcse_core.evaluation import (
    Encode,
    normalize,
    pair_cosines,
)
from simcse_core.experiment import STUDIED, Experiment
from simcse_core.explorer.cells import along_training
from simcse_core.neighbours import nearest
from simcse_core.trained_cells import UNTRAINED

COUNTED = "tfidf-char"
# More than any sentence has; what is pasted beyond it would only keep the reader waiting.
MOST_CHARACTERS = 2000
N_NEIGHBOURS = 5
LOOKED_AMONG = 2000  # sentences of the pool
# Pairs of dev whose cosine is nearest to one that is asked about, whose labels are told.
N_ALIKE = 20
# Pairs among which a cosine is placed where the source has no labelled ones.
N_RANDOM_PAIRS = 500


class Trouble(StrEnum):
    """Why a typed text cannot be compared."""

    EMPTY = "empty"
    LONG = "long"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Token:
    """A token of a typed text.

    Attributes:
        text: what of the typed text it stands for; a special token by its name.
        known: whether the encoder's vocabulary has it.
    """

    text: str
    known: bool


@dataclass(frozen=True)
class Typed:
    """A typed text as the encoder reads it.

    Attributes:
        n_cut: tokens at its end that the encoder does not read.
        trouble: why it cannot be compared; None if it can.
    """

    text: str
    tokens: Sequence[Token] = ()
    n_cut: int = 0
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Way:
    """One way from sentences to vectors.

    Attributes:
        encode: vectors of sentences that are compared with each other, (n, hidden).
        beside_pool: a sentence to its vector above those of the pool, (1 + pool, hidden).
        reference: cosines of the reference pairs, in their order.
    """

    encode: Encode
    beside_pool: Callable[[str], np.ndarray]
    reference: np.ndarray


@dataclass(frozen=True)
class Explorer:
    """All that typed text is held against.

    Attributes:
        encoder: the untrained one, for its tokens.
        ways: by method.
        pool: sentences among which neighbours are looked for.
        labels: of the reference pairs; None where they are random pairs of the pool.
        n_train: sentences that were trained on, and counted.
        rows: tidy rows along training.
        points: the projection of :func:`simcse_core.explorer.plane.project`.
    """

    encoder: SentenceEncoder
    ways: Mapping[str, Way]
    pool: Sequence[str]
    labels: np.ndarray | None
    n_train: int
    rows: pd.DataFrame
    points: pd.DataFrame


@dataclass(frozen=True)
class ExplorerExperiment(Experiment):
    """An experiment whose tables are those of :mod:`simcse_core.explorer.cells`."""

    modules: Sequence[str] = ("simcse_core.explorer.cells",)


# ---------------------------------------------------------------- made once


def open_explorer(
    run: Experiment, checkpoints: Sequence[int], among: int = LOOKED_AMONG
) -> Explorer:
    """Trains the run's first encoder and keeps what is needed to answer at once.

    Args:
        checkpoints: numbers of sentences of one run at which it is looked at; 0 always is.
        among: sentences of the pool among which neighbours are looked for, at most.

    Raises:
        DataError: a checkpoint beyond the pool.
        TrainingError: the loss is not finite.
    """
    run.check_drawable(checkpoints, "checkpoints")
    data, seed = run.data, run.seeds[0]
    plan = replace(run.plans[0], train=replace(run.plans[0].train, seed=seed))
    reference = reference_pairs(data, seed)
    drawn = sample_sentences(data.pool.sentences, max(checkpoints), seed)
    seen = [0, *sorted(checkpoints)]
    trained, rows, points = along_training(data, plan, STUDIED[0], drawn, seen, reference)
    size = min(among, len(data.pool.sentences))
    pool = sample_sentences(data.pool.sentences, size, seed)
    encoders = {UNTRAINED: plan.untrained, STUDIED[0]: trained}
    ways = {
        name: _way_of_encoder(encoder.encode, pool, reference) for name, encoder in encoders.items()
    }
    ways[COUNTED] = _way_of_text(fit_on_text(COUNTED, drawn), pool, reference)
    labels = reference.scores if len(data.dev) else None
    own = {
        **{"encoder": plan.stamp["encoder"], "pooling": plan.pooling, "dataset": data.name},
        **{"split": rows["split"].iloc[0], "seed": seed},
    }
    return Explorer(
        plan.untrained,
        ways,
        pool,
        labels,
        len(drawn),
        rows.assign(experiment=run.name),
        points.assign(**own),
    )


def reference_pairs(data: StudyData, seed: int) -> StsPairs:
    """The pairs of dev; where there are none, random pairs of the pool, all labelled 0."""
    if len(data.dev):
        return data.dev
    pool = data.pool.sentences
    generator = np.random.default_rng(seed)
    first, second = generator.integers(0, len(pool), (2, N_RANDOM_PAIRS))
    apart = first != second
    chosen = [[pool[i] for i in side[apart]] for side in (first, second)]
    return StsPairs(chosen[0], chosen[1], np.zeros(int(apart.sum())))


def _way_of_encoder(encode: Encode, pool: Sequence[str], reference: StsPairs) -> Way:
    kept = encode(pool)
    return Way(
        encode,
        lambda sentence: np.concatenate([encode([sentence]), kept]),
        pair_cosines(encode, reference),
    )


def _way_of_text(encode: Encode, pool: Sequence[str], reference: StsPairs) -> Way:
    """Of an encode function whose columns are those of one call."""
    return Way(encode, lambda sentence: encode([sentence, *pool]), pair_cosines(encode, reference))


# ---------------------------------------------------------------- asked of it


def read(explorer: Explorer, text: str) -> Typed:
    """A typed text as the encoder reads it, with what keeps it from being compared."""
    # Half of a character, as some keyboards send it on the way, is no text of UTF-8.
    text = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    if not text:
        return Typed(text, trouble=Trouble.EMPTY)
    if len(text) > MOST_CHARACTERS:
        return Typed(text, trouble=Trouble.LONG)
    tokens, n_read = _tokens(explorer.encoder, text)
    known = any(token.known and token.text.strip() for token in tokens[:n_read])
    trouble = None if known else Trouble.UNKNOWN
    return Typed(text, tokens[:n_read], len(tokens) - n_read, trouble)


def _tokens(encoder: SentenceEncoder, text: str) -> tuple[list[Token], int]:
    """The tokens of a text but for special ones and the prefix, and how many of them are read."""
    tokenizer, whole = encoder.tokenizer, encoder.prefix + text
    unknown = unknown_ids(tokenizer)
    special = special_ids(tokenizer)
    offsets = {"return_offsets_mapping": True} if tokenizer.is_fast else {}
    found = tokenizer(whole, truncation=False, verbose=False, **offsets)
    ids = found["input_ids"]
    places = found.get("offset_mapping", [(0, len(whole))] * len(ids))
    names = tokenizer.convert_ids_to_tokens(ids)
    own = [
        Token(whole[start:end] if tokenizer.is_fast else name, i not in unknown)
        for i, name, (start, end) in zip(ids, names, places, strict=True)
        if i not in special and end > len(encoder.prefix)
    ]
    return own, max(0, len(own) - max(0, len(ids) - encoder.max_seq_length))


def compare(explorer: Explorer, first: str, second: str) -> pd.DataFrame:
    """The cosine of two texts by each method, and its place among the reference pairs.

    Texts are those of :func:`read` without a trouble.

    Returns:
        A row for each method: ``method``, ``cosine`` (NaN if a vector is zero), ``below`` (the
        share of reference pairs with a lower cosine), ``label`` (the median label of the
        :data:`N_ALIKE` pairs whose cosine is nearest; NaN without labels).
    """
    rows = []
    for name, way in explorer.ways.items():
        one, other = normalize(way.encode([first, second]))
        cosine = float(one @ other) if one.any() and other.any() else float("nan")
        rows.append((name, cosine, *_place(cosine, way.reference, explorer.labels)))
    return pd.DataFrame(rows, columns=["method", "cosine", "below", "label"])


def _place(cosine: float, reference: np.ndarray, labels: np.ndarray | None) -> tuple[float, float]:
    if np.isnan(cosine):
        return float("nan"), float("nan")
    alike = np.argsort(np.abs(reference - cosine), kind="stable")[:N_ALIKE]
    label = float("nan") if labels is None else float(np.median(labels[alike]))
    return float(np.mean(reference < cosine)), label


def neighbours(explorer: Explorer, sentence: str) -> pd.DataFrame:
    """The nearest sentences of the pool by each method, the nearest first; never the text itself.

    Returns:
        Columns ``method, rank, sentence, cosine``; a method whose vector is zero has no row.
    """
    find = partial(nearest, queries=[0], n=N_NEIGHBOURS + 1)
    rows = []
    for name, way in explorer.ways.items():
        vectors = way.beside_pool(sentence)
        if not vectors[0].any():
            continue
        others = [
            (explorer.pool[i - 1], cosine)
            for i, cosine in find(vectors)[0]
            if i and explorer.pool[i - 1] != sentence  # 0 is the text, where the pool is short
        ]
        rows += [(name, rank, *found) for rank, found in enumerate(others[:N_NEIGHBOURS], start=1)]
    return pd.DataFrame(rows, columns=["method", "rank", "sentence", "cosine"])
