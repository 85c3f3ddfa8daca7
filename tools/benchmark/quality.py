"""Whether the cheap step learns as much: Spearman with every lever on against all off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm.auto import tqdm

from simcse_core import SentenceEncoder, sample_sentences, train_simcse
from simcse_core.config import encoder_settings, own_pooling
from simcse_core.data import StudyData
from simcse_core.evaluation import pair_cosines
from simcse_core.statistics import spearman
from tools.benchmark.ours import ALL_ON, LEVERS, Levers

ALL_OFF = "all off"


def compare_quality(
    name: str, data: StudyData, n: int, seeds: Sequence[int], bar: tqdm[Any]
) -> list[dict[str, Any]]:
    """Spearman on dev after training on ``n`` sentences, at the encoder's own settings.

    For each seed both train on the same sentences in the same order; their dropout masks differ.

    Returns:
        Rows of ``levers`` (all on, all off), ``seed`` and ``spearman``.
    """
    pooling = own_pooling(name)
    settings = encoder_settings(name, pooling)
    rows = []
    for seed in seeds:
        sentences = sample_sentences(data.pool.sentences, n, seed)
        for levers, off in ((ALL_ON, ()), (ALL_OFF, LEVERS[1:])):
            bar.set_description(f"{name}, seed {seed}: {levers}")
            encoder = SentenceEncoder.from_pretrained(name, pooling)
            switches = Levers(encoder, sentences)
            with switches.training():
                switches.turn_off(*off)
                train_simcse(encoder, sentences, replace(settings.train, seed=seed))
            score = spearman(pair_cosines(encoder.encode, data.dev), data.dev.scores)
            rows.append({"levers": levers, "seed": seed, "spearman": score})
            bar.update()
    return rows
