"""Cells of the study of uses: one method on the four uses, fitted or trained on drawn sentences.

For each seed the same sentences are drawn for every method, and what was drawn is measured by none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import pandas as pd

from simcse_core.applications.inputs import Encode
from simcse_core.applications.intent_measures import measure_intents, recall_curve
from simcse_core.applications.out_of_scope_measures import measure_unknown
from simcse_core.applications.pseudo_label_measures import coverage_curve, measure_gain
from simcse_core.applications.search_measures import measure_recall
from simcse_core.baselines import BASELINES, EncodedText, Reads, fit_on_text
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Kind
from simcse_core.data import sample_sentences
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import look_up
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.training import TrainingError, train
from simcse_core.translation import tell
from simcse_core.uses.data import ApplicationData

NO_ENCODER = "none"
# What stands beside training: a count of characters, and what an encoder gives without it.
COUNTED = "tfidf-char"
FITTED = tuple(name for name, row in BASELINES.items() if row.reads is Reads.VECTORS)
# Shares of the hidden texts, the surest labels first, at which precision is told.
COVERAGES = np.linspace(0.05, 1, 20)
NOTHING_PROPOSED = "no label is sure enough to be proposed"  # where a precision is missing
LONGEST_LIST = 20  # intents, up to which recall is told


@dataclass(frozen=True)
class Draws:
    """How much is labelled and held out.

    Attributes:
        examples: an intent, in pre-recall.
        labelled_examples: an intent, for pseudo-labels, out-of-scope and the curve of recall. Three
            at least: a covariance needs two, where one is left out.
        unknown_shares: of the intents, held out as unknown.
    """

    examples: Sequence[int]
    labelled_examples: int
    unknown_shares: Sequence[float]

    @property
    def smallest(self) -> int:
        """Utterances that every intent needs: examples, and one to test."""
        return max(*self.examples, self.labelled_examples) + 1


def of_text(data: ApplicationData, draws: Draws, n_train: int, seed: int) -> pd.DataFrame:
    """TF-IDF of characters, with document frequencies of the drawn sentences."""
    sample = sample_sentences(data.pool.sentences, n_train, seed)
    texts = data.held_out()
    encode = look_up(texts, fit_on_text(COUNTED, sample)(texts))
    rows = measure_uses(encode, data.without(sample), draws, seed)
    return _named(rows, COUNTED, BASELINES[COUNTED].kind, n_train, seed, data)


def of_encoder(
    data: ApplicationData, plan: Plan, draws: Draws, n_train: int, seeds: Sequence[int]
) -> pd.DataFrame:
    """An encoder as it is, and whitened on the drawn sentences; everything is encoded once."""
    encoder = plan.load()
    samples = {seed: sample_sentences(data.pool.sentences, n_train, seed) for seed in seeds}
    texts = list(dict.fromkeys([*data.held_out(), *(s for one in samples.values() for s in one)]))
    vectors = look_up(texts, encoder.encode(texts, show_progress_bar=True))
    text = EncodedText(vectors, encoder.tokenize, lambda batch: [])
    frames = []
    for seed, sample in samples.items():
        measured = data.without(sample)
        for method in FITTED:
            encode = BASELINES[method].fit(sample, text)
            rows = measure_uses(encode, measured, draws, seed)
            kind = BASELINES[method].kind
            n = 0 if kind is Kind.UNTRAINED else n_train
            rows = _named(rows, method, kind, n, seed, data)
            frames.append(rows.assign(encoder=encoder.name, pooling=plan.pooling.value))
    return pd.concat(frames, ignore_index=True)


def trained(
    data: ApplicationData,
    plan: Plan,
    method: str,
    draws: Draws,
    n_train: int,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """An encoder trained on the drawn sentences for one epoch; the seed is that of the plan.

    Where the loss is not finite, the first row of each use is there, missing, with the reason.
    """
    encoder, objective, seed = plan.load(), OBJECTIVES[method], plan.train.seed
    measured = data.without(sample_sentences(data.pool.sentences, n_train, seed))
    texts = measured.held_out()

    def measure(after: SentenceEncoder) -> list[dict[str, object]]:
        encode = look_up(texts, after.encode(texts))
        rows = measure_uses(encode, measured, draws, seed).to_dict(orient="records")
        return [{str(key): value for key, value in row.items()} for row in rows]

    examples = objective.draw(data, n_train, seed)
    try:
        rows = train(encoder, objective, examples, plan.train, [n_train], measure, True, checkpoint)
    except TrainingError as error:
        tell(str(error))
        lost = {"value": nan, "missing": str(error)}
        rows = pd.DataFrame([{"use": use, **main, **lost} for use, main in MAIN])
    rows = _named(rows, method, objective.kind, n_train, seed, data)
    return rows.assign(encoder=encoder.name, pooling=plan.pooling.value)


def measure_uses(encode: Encode, data: ApplicationData, draws: Draws, seed: int) -> pd.DataFrame:
    """What vectors are worth in each use, with the examples of one draw.

    Args:
        encode: any encoder; called a few times for the same texts.
        data: without what the encoder was fitted on.

    Returns:
        Rows ``use, way, examples, unknown, at, metric, value, ci_low, ci_high, missing``. ``way``
        is how vectors are used: a kind of search, a classifier, what a classifier is trained on, a
        score; ``unknown`` what is out of scope; ``at`` a place on a curve, or the share held out.
    """
    frames = [measure(encode, data, draws, seed).assign(use=use) for use, measure in USES.items()]
    columns = ["use", *DETAILS, "metric", "value", "ci_low", "ci_high", "missing"]
    return pd.concat(frames, ignore_index=True).reindex(columns=columns)


# What tells the rows of one use apart beside the metric.
DETAILS = ("way", "examples", "unknown", "at")
Measure = Callable[[Encode, ApplicationData, Draws, int], pd.DataFrame]


def _search(encode: Encode, data: ApplicationData, draws: Draws, seed: int) -> pd.DataFrame:
    rows = measure_recall(encode, data.faq(seed))
    rows = rows[rows["search"] != "tfidf"]  # is of no encoder, and has rows of its own
    return rows.rename(columns={"search": "way"})


def _intents(encode: Encode, data: ApplicationData, draws: Draws, seed: int) -> pd.DataFrame:
    texts, labels, n = data.intents.texts, data.intents.labels, draws.labelled_examples
    rows = measure_intents(encode, texts, labels, draws.examples, [seed])
    curve = recall_curve(encode, texts, labels, n, seed).head(LONGEST_LIST)
    curve = curve.rename(columns={"n": "at", "recall": "value"})
    curve = curve.assign(method="logistic", examples=n, metric="recall")
    return pd.concat([rows, curve]).rename(columns={"method": "way"})


def _pseudo_labels(encode: Encode, data: ApplicationData, draws: Draws, seed: int) -> pd.DataFrame:
    texts, labels, n = data.intents.texts, data.intents.labels, draws.labelled_examples
    rows = measure_gain(encode, texts, labels, n, [seed])
    rows["missing"] = rows["value"].map(lambda value: NOTHING_PROPOSED if isnan(value) else None)
    curve = at_coverages(coverage_curve(encode, texts, labels, n, seed)).assign(examples=n)
    return pd.concat([rows.rename(columns={"training": "way"}), curve])


def at_coverages(curve: pd.DataFrame) -> pd.DataFrame:
    """Precision of the surest labels at :data:`COVERAGES`, the first place that covers as much."""
    places = np.searchsorted(curve["coverage"], COVERAGES - 1e-9)
    precision = curve["precision"].to_numpy()[np.minimum(places, len(curve) - 1)]
    return pd.DataFrame(
        {"way": "curve", "metric": "precision", "at": COVERAGES, "value": precision}
    )


def _out_of_scope(encode: Encode, data: ApplicationData, draws: Draws, seed: int) -> pd.DataFrame:
    rows = measure_unknown(
        encode,
        data.intents.texts,
        data.intents.labels,
        data.others,
        draws.unknown_shares,
        draws.labelled_examples,
        [seed],
    )
    rows = rows.assign(at=rows["share"].where(rows["share"] > 0), examples=draws.labelled_examples)
    return rows.rename(columns={"score": "way"})


USES: dict[str, Measure] = {
    "search": _search,
    "intents": _intents,
    "pseudo-labels": _pseudo_labels,
    "out-of-scope": _out_of_scope,
}
# The row of each use by which methods are compared.
MAIN: tuple[tuple[str, dict[str, str]], ...] = (
    ("search", {"way": "vectors", "metric": "recall@5"}),
    ("intents", {"way": "logistic", "metric": "recall@5"}),
    ("pseudo-labels", {"way": "confirmed", "metric": "accuracy"}),
    ("out-of-scope", {"way": "softmax", "metric": "auroc"}),
)


def _named(
    rows: pd.DataFrame, method: str, kind: Kind, n_train: int, seed: int, data: ApplicationData
) -> pd.DataFrame:
    return rows.assign(
        encoder=NO_ENCODER,
        method=method,
        kind=kind.value,
        pooling=None,
        n_train=n_train,
        seed=seed,
        dataset=data.name,
    )
