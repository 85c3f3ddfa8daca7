"""The experiments behind the notebooks: each is one call that returns tidy rows.

Every trained run is kept in the output folder and used again while nothing that decides it changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from simcse_core.baselines import TFIDF_UNITS, idf_mean_encode, tfidf_encode, whitened_encode
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Pooling, TrainConfig, encoder_settings
from simcse_core.data import DataError, StudyData, sample_sentences, sample_triplets
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import Encode, measure_spearman, pair_cosines, spearman
from simcse_core.results import run_provenance, stored, tidy
from simcse_core.training import TrainingError, train_simcse, train_sup_simcse

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
        """One line for people, without any path of the machine."""
        folder, t = Path(self.encoder).expanduser(), self.train
        name = folder.resolve().name if folder.is_dir() else self.encoder
        return (
            f"{name}: {self.pooling} pooling, batch {t.batch_size}, learning rate "
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


@dataclass(frozen=True)
class Experiment:
    """What every call of a notebook shares: its name, the data, the seeds, where results are kept.

    Raises:
        DataError: no seed, a negative one, or one twice.
    """

    name: str
    data: StudyData
    seeds: Sequence[int]
    output_dir: Path

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) != len(self.seeds):
            raise DataError(f"seeds: distinct numbers from 0 up are needed, got {self.seeds}")

    def caption(self, plans: Sequence[Recipe] = ()) -> str:
        """What every chart carries: the data, the seeds, the encoders with their settings."""
        seeds = ", ".join(map(str, self.seeds))
        lines = [f"{self.data.name} · seed{'s' if len(self.seeds) > 1 else ''} {seeds}"]
        return "\n".join([*lines, *(plan.describe() for plan in plans)])

    def provenance(self, plans: Sequence[Recipe], **parameters: object) -> dict[str, Any]:
        """What a table or chart was made from: parameters, encoders, data, versions, code."""
        encoders = {}
        for plan in plans:
            encoder = plan.load()
            encoders[encoder.name] = {
                "weights": encoder.fingerprint,
                "pooling": plan.pooling.value,
                "train": asdict(plan.train),
            }
        return self._stamp(encoders=encoders, seeds=list(self.seeds), **parameters)

    def kept(self, name: str, compute: Callable[[], pd.DataFrame], **parts: object) -> pd.DataFrame:
        """What ``compute`` gives, kept under ``name`` as long as ``parts`` and the data hold."""
        return stored(self.output_dir, self._file_name(name), self._stamp(**parts), compute)

    def kept_run(
        self, name: str, compute: Callable[[Checkpoint], pd.DataFrame], **parts: object
    ) -> pd.DataFrame:
        """The same for a training run, which goes on where it was broken off."""
        name, stamp = self._file_name(name), self._stamp(**parts)
        folder = self.output_dir / "cells" / f"{name}.unfinished"
        frame = stored(self.output_dir, name, stamp, lambda: compute(Checkpoint(folder, stamp)))
        shutil.rmtree(folder, ignore_errors=True)
        return frame

    def _file_name(self, name: str) -> str:
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{self.name}-{name}")

    def _stamp(self, **parts: object) -> dict[str, Any]:
        return run_provenance(
            experiment=self.name,
            dataset=self.data.name,
            data=self.data.fingerprint,
            threads=torch.get_num_threads(),
            **parts,
        )

    def check_sizes(self, sizes: Sequence[int], parameter: str = "sizes") -> None:
        """Raises a DataError that names the parameter unless every size can be drawn."""
        n_pool = len(self.data.pool.sentences)
        if (
            not sizes
            or len(set(sizes)) != len(sizes)
            or not 2 <= min(sizes) <= max(sizes) <= n_pool
        ):
            raise DataError(
                f"{parameter}: distinct numbers from 2 to the {n_pool:,} sentences of the pool are "
                f"needed, got {list(sizes)}; name more files in extra_sentences for a larger pool"
            )


def untrained(run: Experiment, plans: Sequence[Recipe], whitening_sentences: int) -> pd.DataFrame:
    """TF-IDF, and every pooling of every encoder as it is and whitened, on dev and test.

    TF-IDF and the weights of IDF-weighted averages are fitted on the whole unlabelled pool,
    whitening on ``whitening_sentences`` of it, drawn anew for each seed.
    """
    run.check_sizes([whitening_sentences], "whitening_sentences")
    frames = [run.kept("tfidf", partial(_tfidf_rows, run.data))]
    for plan in tqdm(plans, desc="untrained", unit="encoder", leave=False):
        encoder = plan.load()
        frames.append(
            run.kept(
                f"{encoder.name}-{encoder.fingerprint}",
                partial(_untrained_rows, run, encoder, whitening_sentences),
                encoder=encoder.name,
                weights=encoder.fingerprint,
                whitening_sentences=whitening_sentences,
                seeds=list(run.seeds),
            )
        )
    return pd.concat(frames, ignore_index=True).assign(experiment=run.name)


def label_cosines(data: StudyData, plan: Recipe) -> pd.DataFrame:
    """Cosine and human label of every dev pair, by character TF-IDF and by an untrained encoder.

    Returns:
        Columns ``panel`` (the method and its Spearman), ``label``, ``cosine``.
    """
    encoder = plan.load()
    encodes = {
        "tfidf-char": tfidf_encode("tfidf-char", data.pool.sentences),
        f"{encoder.name}, {encoder.pooling}": encoder.encode,
    }
    frames = []
    for name, encode in encodes.items():
        cosines = pair_cosines(encode, data.dev)
        panel = f"{name}: Spearman {spearman(cosines, data.dev.scores):.3f}"
        columns = {"panel": panel, "label": data.dev.scores, "cosine": cosines}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def sample_curves(run: Experiment, plan: Recipe, sizes: Sequence[int]) -> pd.DataFrame:
    """What n unlabelled sentences buy: by SimCSE, and by what is fitted on the same sentences."""
    return pd.concat(
        [train_sizes(run, plan, sizes), fit_sizes(run, plan, sizes)], ignore_index=True
    )


def fit_sizes(run: Experiment, plan: Recipe, sizes: Sequence[int]) -> pd.DataFrame:
    """Character TF-IDF, IDF-weighted averages and whitening, fitted on each number of sentences.

    The samples are those that :func:`train_sizes` trains on; whitening is of the plan's pooling.
    """
    run.check_sizes(sizes)
    encoder = plan.load()
    return run.kept(
        f"{encoder.name}-{encoder.fingerprint}-fitted",
        partial(_fitted_rows, run, encoder, sorted(sizes)),
        encoder=encoder.name,
        weights=encoder.fingerprint,
        pooling=plan.pooling.value,
        max_seq_length=encoder.max_seq_length,
        sizes=sorted(sizes),
        seeds=list(run.seeds),
    ).assign(experiment=run.name)


def train_sizes(run: Experiment, plan: Recipe, sizes: Sequence[int]) -> pd.DataFrame:
    """One epoch on each number of sentences: one trajectory a seed, measured at every size."""
    run.check_sizes(sizes)
    return _trajectories(run, plan, max(sizes), [0, *sizes])


def train_epochs(run: Experiment, plan: Recipe, n_train: int, num_epochs: int) -> pd.DataFrame:
    """One to ``num_epochs`` epochs on ``n_train`` sentences: one trajectory a seed."""
    run.check_sizes([n_train], "n_train")
    plan = replace(plan, train=replace(plan.train, num_epochs=num_epochs))
    points = [epoch * n_train for epoch in range(num_epochs + 1)]
    return _trajectories(run, plan, n_train, points)


def compare_encoders(
    run: Experiment, plans: Sequence[Recipe], n_train: int, sizes: Sequence[int] = ()
) -> pd.DataFrame:
    """Each encoder before and after one epoch, and the last of them trained with NLI labels too.

    Supervised training takes triplets of three sentences each, so it gets a third as many of them:
    both see the same number of sentences. It is left out where the source has too few triplets, and
    measured on the way at those of ``sizes`` (in sentences) that two triplets or more make up.
    """
    run.check_sizes([n_train], "n_train")
    frames = [_trajectories(run, plan, n_train, [0, n_train]) for plan in plans]
    n_triplets = n_train // len(NLI_PARTS)
    if run.data.triplets is not None and 2 <= n_triplets <= len(run.data.triplets):
        points = {n // len(NLI_PARTS) for n in [*sizes, n_train]}
        points = {n for n in points if 2 <= n <= n_triplets}
        frames.append(_trajectories(run, plans[-1], n_triplets, sorted(points), "sup-simcse"))
    return pd.concat(frames, ignore_index=True)


def _trajectories(
    run: Experiment,
    plan: Recipe,
    n_train: int,
    points: Sequence[int],
    method: str = "unsup-simcse",
) -> pd.DataFrame:
    start = plan.load()
    frames = []
    for seed in run.seeds:
        train = replace(plan.train, seed=seed)
        frames.append(
            run.kept_run(
                f"{start.name}-{start.fingerprint}-{method}-seed{seed}",
                partial(_trajectory, run, replace(plan, train=train), n_train, points, method),
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
        )
    return pd.concat(frames, ignore_index=True)


def _trajectory(
    run: Experiment,
    plan: Recipe,
    n_train: int,
    points: Sequence[int],
    method: str,
    checkpoint: Checkpoint,
) -> pd.DataFrame:
    encoder, data, train = plan.load(), run.data, plan.train
    score, held_out = measure_spearman({"dev": data.dev, "test": data.test}), _held_out(data)

    def measure(trained: SentenceEncoder) -> list[dict[str, object]]:
        return score(_encoded(held_out, trained.encode(held_out)))

    how = (train, points, measure, True, checkpoint)
    try:
        if method == "sup-simcse":
            triplets = sample_triplets(data.triplets, n_train, train.seed)
            frame = train_sup_simcse(encoder, triplets, *how)
        else:
            sentences = sample_sentences(data.pool.sentences, n_train, train.seed)
            frame = train_simcse(encoder, sentences, *how)
    except TrainingError as error:
        print(error)
        frame = _with_missing(error, points, n_train)
    seen = frame["sentences_seen"]
    frame["n_train"] = seen.clip(upper=n_train)
    frame["method"] = seen.map(lambda n: method if n else "untrained")
    frame["epoch"] = frame["epoch"].where(seen >= n_train, (seen > 0).astype(float))
    return tidy(
        frame,
        experiment=run.name,
        encoder=encoder.name,
        pooling=plan.pooling.value,
        seed=train.seed,
        dataset=data.name,
    )


def _with_missing(error: TrainingError, points: Sequence[int], n_train: int) -> pd.DataFrame:
    """What was measured before training broke down; every point after it is missing."""
    reached = {row["sentences_seen"] for row in error.measured}
    lost = [
        {"sentences_seen": point, "epoch": point / n_train, "split": split, "metric": metric}
        for point in sorted(set(points) - reached)
        for split in ("dev", "test")
        for metric in ("spearman", "alignment", "uniformity")
    ]
    return pd.DataFrame([*error.measured, *(row | {"missing": str(error)} for row in lost)])


def _tfidf_rows(data: StudyData) -> pd.DataFrame:
    pool = data.pool.sentences
    score = partial(_score, data, encoder="none", n_train=len(pool))
    frames = [score(tfidf_encode(method, pool), method=method) for method in TFIDF_UNITS]
    return pd.concat(frames, ignore_index=True)


def _untrained_rows(run: Experiment, encoder: SentenceEncoder, n_whitening: int) -> pd.DataFrame:
    data, pool = run.data, run.data.pool.sentences
    samples = {seed: sample_sentences(pool, n_whitening, seed) for seed in run.seeds}
    unique = list(dict.fromkeys([*_held_out(data), *chain(*samples.values())]))
    frames = []
    for pooling, vectors in encoder.encode_poolings(unique, encoder.poolings(), True).items():
        encode = _encoded(unique, vectors)
        score = partial(_score, data, encoder=encoder.name, pooling=pooling.value)
        frames.append(score(encode, method="untrained"))
        for seed, sample in samples.items():
            whitened = whitened_encode(encode, sample)
            frames.append(score(whitened, method="whitening", seed=seed, n_train=n_whitening))
    weighted = _idf_means(encoder, data)(pool)
    frames.append(
        _score(data, weighted, encoder.name, "idf-mean", pooling="mean", n_train=len(pool))
    )
    return pd.concat(frames, ignore_index=True)


def _fitted_rows(run: Experiment, encoder: SentenceEncoder, sizes: Sequence[int]) -> pd.DataFrame:
    data, pool = run.data, run.data.pool.sentences
    samples = {seed: sample_sentences(pool, sizes[-1], seed) for seed in run.seeds}
    unique = list(dict.fromkeys([*_held_out(data), *chain(*samples.values())]))
    encode = _encoded(unique, encoder.encode(unique, progress=True))
    weighted, pooling = _idf_means(encoder, data), encoder.pooling.value
    frames = []
    cells = list(product(run.seeds, sizes))
    for seed, n in tqdm(cells, desc="fit without training", unit="fit", leave=False):
        sample, score = samples[seed][:n], partial(_score, data, seed=seed, n_train=n)
        frames += [
            score(tfidf_encode("tfidf-char", sample), "none", "tfidf-char"),
            score(weighted(sample), encoder.name, "idf-mean", pooling="mean"),
            score(whitened_encode(encode, sample), encoder.name, "whitening", pooling=pooling),
        ]
    return pd.concat(frames, ignore_index=True)


def _idf_means(encoder: SentenceEncoder, data: StudyData) -> Callable[[Sequence[str]], Encode]:
    """From sentences to an encoder of dev and test whose token weights are fitted on them."""
    held_out = _held_out(data)
    ids = dict(zip(held_out, encoder.tokenize(held_out), strict=True))
    vectors = dict(zip(held_out, encoder.encode_tokens(held_out), strict=True))
    return lambda sentences: idf_mean_encode(ids, vectors, encoder.tokenize(sentences))


def _held_out(data: StudyData) -> list[str]:
    return list(dict.fromkeys([*data.dev.sentences(), *data.test.sentences()]))


def _encoded(sentences: Sequence[str], vectors: np.ndarray) -> Encode:
    """An encode function that looks up what has been encoded."""
    row = {sentence: i for i, sentence in enumerate(sentences)}
    return lambda batch: vectors[[row[sentence] for sentence in batch]]


def _score(
    data: StudyData, encode: Encode, encoder: str, method: str, **fixed: str | int
) -> pd.DataFrame:
    rows = pd.DataFrame(measure_spearman({"dev": data.dev, "test": data.test})(encode))
    known = {"encoder": encoder, "method": method, "dataset": data.name}
    return tidy(rows, **{"n_train": 0, "epoch": 0, "seed": 0, **known, **fixed})
