"""The experiments behind the notebooks: each is one call that returns tidy rows.

Every trained run is kept in the output folder and used again while nothing that decides it changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from simcse_core.baselines import TFIDF_UNITS, tfidf_encode, whitened_encode
from simcse_core.config import Pooling, TrainConfig, encoder_settings
from simcse_core.data import DataError, StudyData, sample_sentences, sample_triplets
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, measure_spearman, pair_cosines, spearman
from simcse_core.results import run_provenance, stored, tidy
from simcse_core.training import train_simcse, train_sup_simcse

NLI_PARTS = ("anchor", "positive", "hard_negative")


@dataclass(frozen=True)
class Recipe:
    """An encoder with the pooling and training settings it is studied with."""

    encoder: str
    pooling: Pooling
    train: TrainConfig

    def load(self) -> SentenceEncoder:
        """A fresh copy of the encoder, untrained."""
        return SentenceEncoder.from_pretrained(self.encoder, self.pooling)

    def describe(self) -> str:
        """One line for people."""
        t = self.train
        return (
            f"{self.encoder}: {self.pooling} pooling, batch {t.batch_size}, learning rate "
            f"{t.learning_rate:g}, dropout {t.dropout:g}, temperature {t.temperature:g}"
        )


def recipe(encoder: str, pooling: str = "", training: Mapping[str, object] | None = None) -> Recipe:
    """An encoder's own settings, with ``pooling`` and ``training`` in their place where given.

    Raises:
        ValueError: an unknown pooling, an unknown training setting or a value out of range.
    """
    settings = encoder_settings(encoder)
    train = TrainConfig.from_mapping({**asdict(settings.train), **(training or {})})
    return Recipe(encoder, Pooling(pooling) if pooling else settings.pooling, train)


def untrained(
    experiment: str,
    data: StudyData,
    encoders: Sequence[str],
    whitening_sentences: int,
    seeds: Sequence[int],
    output_dir: Path,
) -> pd.DataFrame:
    """TF-IDF, and every pooling of every encoder as it is and whitened, on dev and test.

    TF-IDF is fitted on the whole unlabelled pool, whitening on ``whitening_sentences`` of it, drawn
    anew for each seed.
    """
    _check_sizes([whitening_sentences], data)
    _check_seeds(seeds)
    tables = [("none", "", partial(_tfidf_rows, data))]
    for name in encoders:
        encoder = recipe(name).load()
        compute = partial(_untrained_rows, data, encoder, whitening_sentences, seeds)
        tables.append((encoder.name, encoder.fingerprint, compute))
    frames = []
    for name, weights, compute in tqdm(tables, desc="untrained", unit="encoder", leave=False):
        provenance = data_provenance(
            data,
            experiment=experiment,
            encoder=name,
            weights=weights,
            whitening_sentences=whitening_sentences,
            seeds=list(seeds),
        )
        rows = stored(output_dir, f"{experiment}-{_slug(name)}", provenance, compute)
        frames.append(rows.assign(experiment=experiment))
    return pd.concat(frames, ignore_index=True)


def label_cosines(data: StudyData, encoder: str) -> pd.DataFrame:
    """Cosine and human label of every dev pair, by character TF-IDF and by an untrained encoder.

    Returns:
        Columns ``panel`` (the method and its Spearman), ``label``, ``cosine``.
    """
    loaded = recipe(encoder).load()
    encodes = {
        "tfidf-char": tfidf_encode("tfidf-char", data.pool.sentences),
        f"{loaded.name}, {loaded.pooling}": loaded.encode,
    }
    frames = []
    for name, encode in encodes.items():
        cosines = pair_cosines(encode, data.dev)
        panel = f"{name}: Spearman {spearman(cosines, data.dev.scores):.3f}"
        columns = {"panel": panel, "label": data.dev.scores, "cosine": cosines}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def train_sizes(
    experiment: str,
    data: StudyData,
    plan: Recipe,
    sizes: Sequence[int],
    seeds: Sequence[int],
    output_dir: Path,
) -> pd.DataFrame:
    """One epoch on each number of sentences: one trajectory a seed, measured at every size."""
    _check_sizes(sizes, data)
    return _trajectories(experiment, data, plan, max(sizes), [0, *sizes], seeds, output_dir)


def train_epochs(
    experiment: str,
    data: StudyData,
    plan: Recipe,
    n_train: int,
    num_epochs: int,
    seeds: Sequence[int],
    output_dir: Path,
) -> pd.DataFrame:
    """One to ``num_epochs`` epochs on ``n_train`` sentences: one trajectory a seed."""
    _check_sizes([n_train], data)
    plan = replace(plan, train=replace(plan.train, num_epochs=num_epochs))
    points = [epoch * n_train for epoch in range(num_epochs + 1)]
    return _trajectories(experiment, data, plan, n_train, points, seeds, output_dir)


def compare_encoders(
    experiment: str,
    data: StudyData,
    plans: Sequence[Recipe],
    n_train: int,
    seeds: Sequence[int],
    output_dir: Path,
) -> pd.DataFrame:
    """Each encoder before and after one epoch, and the last of them trained with NLI labels too.

    Supervised training takes triplets of three sentences each, so it gets a third as many of them:
    both see the same number of sentences. It is left out where the source has no triplets.
    """
    _check_sizes([n_train], data)
    frames = [
        _trajectories(experiment, data, plan, n_train, [0, n_train], seeds, output_dir)
        for plan in plans
    ]
    if data.triplets is not None:
        n_triplets = min(n_train // len(NLI_PARTS), len(data.triplets))
        frames.append(
            _trajectories(
                experiment,
                data,
                plans[-1],
                n_triplets,
                [n_triplets],
                seeds,
                output_dir,
                method="sup-simcse",
            )
        )
    return pd.concat(frames, ignore_index=True)


def _trajectories(
    experiment: str,
    data: StudyData,
    plan: Recipe,
    n_train: int,
    points: Sequence[int],
    seeds: Sequence[int],
    output_dir: Path,
    method: str = "unsup-simcse",
) -> pd.DataFrame:
    _check_seeds(seeds)
    start = plan.load()
    frames = []
    for seed in seeds:
        train = replace(plan.train, seed=seed)
        provenance = data_provenance(
            data,
            experiment=experiment,
            encoder=start.name,
            weights=start.fingerprint,
            method=method,
            pooling=plan.pooling.value,
            max_seq_length=start.max_seq_length,
            train=asdict(train),
            n_train=n_train,
            points=list(points),
            device=start.device.type,
        )
        frames.append(
            stored(
                output_dir,
                f"{experiment}-{_slug(start.name)}-{method}-seed{seed}",
                provenance,
                partial(_trajectory, experiment, data, plan, train, n_train, points, method),
            )
        )
    return pd.concat(frames, ignore_index=True)


def _trajectory(
    experiment: str,
    data: StudyData,
    plan: Recipe,
    train: TrainConfig,
    n_train: int,
    points: Sequence[int],
    method: str,
) -> pd.DataFrame:
    encoder = plan.load()
    score = measure_spearman({"dev": data.dev, "test": data.test})

    def measure(trained: SentenceEncoder) -> list[dict[str, object]]:
        return score(trained.encode)

    if method == "sup-simcse":
        triplets = sample_triplets(data.triplets, n_train, train.seed)
        frame = train_sup_simcse(encoder, triplets, train, points, measure, progress=True)
    else:
        sentences = sample_sentences(data.pool.sentences, n_train, train.seed)
        frame = train_simcse(encoder, sentences, train, points, measure, progress=True)
    seen = frame["sentences_seen"]
    frame["n_train"] = seen.clip(upper=n_train)
    frame["method"] = seen.map(lambda n: method if n else "untrained")
    frame["epoch"] = frame["epoch"].where(seen >= n_train, (seen > 0).astype(float))
    return tidy(
        frame,
        experiment=experiment,
        encoder=encoder.name,
        pooling=plan.pooling.value,
        seed=train.seed,
        dataset=data.name,
    )


def _tfidf_rows(data: StudyData) -> pd.DataFrame:
    return pd.concat(
        [
            _score(data, tfidf_encode(method, data.pool.sentences), encoder="none", method=method)
            for method in TFIDF_UNITS
        ],
        ignore_index=True,
    )


def _untrained_rows(
    data: StudyData, encoder: SentenceEncoder, n_whitening: int, seeds: Sequence[int]
) -> pd.DataFrame:
    samples = {seed: sample_sentences(data.pool.sentences, n_whitening, seed) for seed in seeds}
    needed = [*data.dev.sentences(), *data.test.sentences(), *chain(*samples.values())]
    unique = list(dict.fromkeys(needed))
    row = {sentence: i for i, sentence in enumerate(unique)}
    frames = []
    for pooling, vectors in encoder.encode_poolings(unique, encoder.poolings(), True).items():
        encode = partial(_look_up, vectors, row)
        score = partial(_score, data, encoder=encoder.name, pooling=pooling.value)
        frames.append(score(encode, method="untrained"))
        frames += [
            score(whitened_encode(encode, sample), method="whitening", seed=seed)
            for seed, sample in samples.items()
        ]
    return pd.concat(frames, ignore_index=True)


def _look_up(vectors: np.ndarray, row: Mapping[str, int], sentences: Sequence[str]) -> np.ndarray:
    return vectors[[row[sentence] for sentence in sentences]]


def _score(data: StudyData, encode: Encode, **fixed: str | float) -> pd.DataFrame:
    rows = pd.DataFrame(measure_spearman({"dev": data.dev, "test": data.test})(encode))
    return tidy(rows, **{"n_train": 0, "epoch": 0, "seed": 0, "dataset": data.name, **fixed})


def data_provenance(data: StudyData, **parts: object) -> dict[str, Any]:
    """What decides a result on this data: the parts given, the data, versions, threads, code."""
    threads = torch.get_num_threads()
    return run_provenance(dataset=data.name, data=data.fingerprint, threads=threads, **parts)


def table_provenance(
    data: StudyData, plans: Sequence[Recipe], seeds: Sequence[int], **parameters: object
) -> dict[str, Any]:
    """What a table or chart was made from: its parameters and those of :func:`data_provenance`."""
    encoders = {
        plan.encoder: {
            "weights": plan.load().fingerprint,
            "pooling": plan.pooling.value,
            "train": asdict(plan.train),
        }
        for plan in plans
    }
    return data_provenance(data, encoders=encoders, seeds=list(seeds), **parameters)


def caption(data: StudyData, plans: Sequence[Recipe] = (), seeds: Sequence[int] = ()) -> str:
    """What every chart carries: the data, the seeds, the encoders with their settings."""
    said = f" · seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else ""
    return "\n".join([data.name + said, *(plan.describe() for plan in plans)])


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise DataError(f"seeds: distinct numbers from 0 up are needed, got {list(seeds)}")


def _check_sizes(sizes: Sequence[int], data: StudyData) -> None:
    if not sizes:
        raise DataError("sizes: at least one number of sentences is needed")
    if len(set(sizes)) != len(sizes) or min(sizes) < 2:
        raise DataError(f"sizes: must be distinct numbers of at least 2, got {list(sizes)}")
    if max(sizes) > len(data.pool.sentences):
        sample_sentences(data.pool.sentences, max(sizes), seed=0)  # raises, saying what to do


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
