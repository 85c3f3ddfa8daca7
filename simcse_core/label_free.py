"""What can be measured of an encoder without any label, on sentences it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from simcse_core.config import Pooling
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import normalize, uniformity

HELD_OUT = "held-out"  # the split of what is measured without labels
_ROWS_AT_ONCE = 64


def measure_label_free(encoder: SentenceEncoder, sentences: Sequence[str]) -> dict[str, float]:
    """Alignment and uniformity (Wang and Isola, 2020) of sentences, without labels.

    Alignment is over two views of each sentence under dropout, as the objective of SimCSE has them
    (Gao et al., 2021, section 3); uniformity is over the sentences without dropout. Both are better
    when lower, and say how vectors lie, not whether they mean the right thing.
    """
    pooling = encoder.pooling
    first, second = (
        normalize(dropout_views(encoder, sentences, seed, [pooling])[pooling]) for seed in (0, 1)
    )
    vectors = normalize(encoder.encode(sentences))
    return {
        "alignment": float(np.mean(np.sum((first - second) ** 2, axis=1))),
        "uniformity": uniformity(vectors),
    }


@torch.no_grad()
def dropout_views(
    encoder: SentenceEncoder, sentences: Sequence[str], seed: int, poolings: Sequence[Pooling]
) -> dict[Pooling, np.ndarray]:
    """Vectors under dropout, always the same for one seed: (n, hidden) under each pooling.

    [CLS] and the pooler draw other dropout alone than beside an average, which has the last layer
    computed at every token.
    """
    rows = encoder.tokenize(sentences)
    training = encoder.model.training
    encoder.model.train()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parts = [
                torch.stack(encoder.embed_poolings(rows[start : start + _ROWS_AT_ONCE], poolings))
                for start in range(0, len(rows), _ROWS_AT_ONCE)
            ]
    finally:
        encoder.model.train(training)
    vectors = torch.cat(parts, dim=1).cpu().numpy()  # (poolings, n, hidden)
    return dict(zip(poolings, vectors, strict=True))


def rows_of(scores: dict[str, float]) -> list[dict[str, object]]:
    """Tidy rows of :func:`measure_label_free`."""
    return [
        {"split": HELD_OUT, "metric": metric, "value": value, "missing": None}
        for metric, value in scores.items()
    ]
