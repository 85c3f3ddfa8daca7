"""An encoder trained on somebody's own sentences, measured as far as they allow, and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Kind
from simcse_core.data import StudyData, sample_sentences
from simcse_core.encoder import SentenceEncoder
from simcse_core.errors import DataError, EncoderError
from simcse_core.evaluation import look_up, measure_spearman
from simcse_core.experiment import STUDIED, Experiment, Told
from simcse_core.experiments import fitted_curve_cells
from simcse_core.files import write_sealed, write_text
from simcse_core.fitted_encoders import FITTED_ENCODERS
from simcse_core.folders import FolderError, only_run
from simcse_core.label_free import HELD_OUT, measure_label_free, rows_of
from simcse_core.model_card import fitted_card, model_card
from simcse_core.neighbours import neighbour_table
from simcse_core.objectives import OBJECTIVES
from simcse_core.plans import Plan
from simcse_core.report.own_text import beside_table, recommended, tell_near_duplicates
from simcse_core.report.tables import to_markdown
from simcse_core.report.wording import say
from simcse_core.results import Stamp, from_rows, library_versions, read_kept, stamp, tidy, to_rows
from simcse_core.text_profile import near_duplicates, token_lengths
from simcse_core.tfidf_encoder import TfidfEncoder
from simcse_core.trained_cells import UNTRAINED
from simcse_core.training import train
from simcse_core.workers import n_threads

ENCODER = "encoder"  # the folder of the encoder within the results
RECORD = "simcse_run.json"  # in it: what it was made from, and what was measured
TFIDF = "tfidf.json"  # in the folder of a TF-IDF
# One sentence of ten is not trained on, so that something can be measured on it; no more than:
HELD_OUT_SHARE, MOST_HELD_OUT = 0.1, 200
BEST_STATE = "best"  # what the weights at the best point are kept under while training goes on
FEWEST = 20  # sentences, below which neither half says anything
POINTS = 4  # along a single epoch, the untrained encoder not counted: dev is encoded at each
# Sentences among which neighbours and near-duplicates are looked for.
LOOKED_AMONG = 2000


@dataclass(frozen=True)
class Samples:
    """Sentences that are trained on, and others that are not."""

    train: list[str]
    held_out: list[str]


def draw(data: StudyData, max_sentences: int, seed: int) -> Samples:
    """Sentences of the pool to train on, at most so many, and some that are held out.

    Raises:
        DataError: there are fewer than :data:`FEWEST`.
    """
    there = len(data.pool.sentences)
    if there < FEWEST:
        raise DataError(
            f"source: {data.name} has {there} sentences; at least {FEWEST} are needed to train and "
            "to measure on others"
        )
    n_held_out = min(MOST_HELD_OUT, max(2, int(there * HELD_OUT_SHARE)))
    n_train = min(max_sentences, there - n_held_out)
    drawn = sample_sentences(data.pool.sentences, n_train + n_held_out, seed)
    return Samples(drawn[:n_train], drawn[n_train:])


# ---------------------------------------------------------------- looking


def lengths(run: Experiment) -> pd.DataFrame:
    """How many sentences of the pool have how many tokens (see :func:`token_lengths`)."""
    plan = run.plans[0]
    own = {"encoder": plan.stamp["encoder"], "dataset": run.data.name}
    return token_lengths(run.data.pool.sentences, plan.untrained).assign(**own)


def show_near_duplicates(run: Experiment, n_shown: int = 5) -> Told:
    """How many sentences have a near-duplicate, and a few of them, for their reader alone."""
    among = _some(run)
    found = near_duplicates(among)
    said = tell_near_duplicates(
        len(among), len({s for d in found for s in d[:2]}), language=run.language
    )
    rows = pd.DataFrame(
        [(d.sentence, d.other, f"{d.cosine:.2f}") for d in found[:n_shown]],
        columns=["sentence", "another one", "cosine"],
    )
    return Told(f"{said}\n\n{_table(rows, run.language)}" if found else said)


def show_neighbours(run: Experiment, n: int = 12) -> Told:
    """The nearest other sentence before training and in the kept encoder; nothing is written.

    What is read here are the reader's own sentences, so they go into no table of results.
    """
    among = _some(run)
    encoders = {
        "before": run.plans[0].untrained,
        "kept": SentenceEncoder.from_pretrained(run.output_dir / ENCODER),
    }
    vectors = {
        name: encoder.encode(among, show_progress_bar=True) for name, encoder in encoders.items()
    }
    table = neighbour_table(among, range(min(n, len(among))), vectors)
    return Told(_table(table, run.language))


def _table(rows: pd.DataFrame, language: str) -> str:
    named = rows.set_axis([say(column, language) for column in rows.columns], axis="columns")
    return to_markdown(named.set_index(named.columns[0]))


def _some(run: Experiment) -> list[str]:
    pool = run.data.pool.sentences
    return sample_sentences(pool, min(LOOKED_AMONG, len(pool)), run.seeds[0])


# ---------------------------------------------------------------- training


def train_and_keep(run: Experiment, max_sentences: int, num_epochs: int = 1) -> pd.DataFrame:
    """Trains the run's encoder by unsupervised SimCSE and keeps it in the folder ``encoder``.

    Kept is the point that is best on dev, the untrained encoder being one of them, and without
    labelled pairs the last. What was trained before from the same data, encoder, settings and code
    is not trained again. What is fitted on the same sentences without training and ahead of it on
    dev is kept too, in a folder of its method's name.

    Returns:
        Tidy rows along training: ``loss``, ``alignment`` and ``uniformity`` on held-out sentences,
        all that labelled pairs allow, and ``kept``, 1 at the point that is kept and 0 elsewhere;
        with labelled pairs, what the same number of sentences gives without training too.

    Raises:
        DataError: too few sentences.
        FolderError: a folder that is written to holds something that is none of ours.
        EncoderError: an encoder that was fitted, which training would not follow, or that can
            encode alone.
    """
    plan = run.plans[0]
    plan.check_trainable()
    if plan.untrained.projection is not None or plan.untrained.token_weights is not None:
        raise EncoderError(
            f"encoder: {plan.untrained.name} has a projection or weights of tokens, which were "
            "fitted to the vectors that it has now; name the encoder that it was made from"
        )
    config = replace(plan.train, seed=run.seeds[0], num_epochs=num_epochs)
    plan = replace(plan, train=config)
    samples = draw(run.data, max_sentences, config.seed)
    folder = run.output_dir / ENCODER
    for name in (ENCODER, *FITTED_ENCODERS):
        _refuse_foreign(run.output_dir / name)
    made_by = stamp(
        [__name__],
        experiment=run.name,
        dataset=run.data.name,
        data=run.data.fingerprint,
        threads=n_threads(),
        device=plan.device,
        **plan.stamp,
        train=asdict(config),
        n_train=len(samples.train),
    )
    kept = _read(folder, made_by)
    if kept is None:
        with only_run(run.output_dir):
            kept = _train_or_go_on(run, plan, samples, folder, made_by)
    kept = kept.assign(experiment=run.name)
    if not run.data.splits():
        return kept
    cells = fitted_curve_cells(run, run.encoder_plans()[:1], [len(samples.train)])
    rows = pd.concat([kept, *run.compute(cells)], ignore_index=True)
    if ahead := recommended(rows):
        _keep_fitted(run, plan, samples.train, ahead[0], rows, made_by)
    return rows


def _refuse_foreign(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FolderError(f"output_dir: {folder} is no folder; move it away, for the encoder")
    if folder.is_dir() and any(folder.iterdir()) and not list(folder.glob(f"{RECORD}*")):
        raise FolderError(
            f"output_dir: {folder} holds what this notebook did not write; move it away, or name "
            "another output_dir"
        )


def _read(folder: Path, made_by: Stamp) -> pd.DataFrame | None:
    """What was measured of the encoder in a folder, if it is the one that would be made now."""

    def restore(content: Mapping[str, Any]) -> pd.DataFrame:
        fingerprint = _load(folder).fingerprint
        if fingerprint != content["fingerprint"]:
            raise ValueError(
                f"the encoder beside it is {fingerprint}, not {content['fingerprint']}"
            )
        return from_rows(content["rows"])

    return read_kept(folder / RECORD, made_by, restore)


def _load(folder: Path) -> SentenceEncoder | TfidfEncoder:
    tfidf = folder / TFIDF
    return TfidfEncoder.load(tfidf) if tfidf.is_file() else SentenceEncoder.from_pretrained(folder)


def _keep_fitted(
    run: Experiment, plan: Plan, sentences: list[str], name: str, rows: pd.DataFrame, made_by: Stamp
) -> None:
    """Fits a method on the sentences, and keeps it with its card in the folder of its name."""
    folder, mine = run.output_dir / name, {**made_by, "method": name}
    if _read(folder, mine) is not None:
        return
    fitted = FITTED_ENCODERS[name](plan.load(), sentences)
    own = {"pooling": getattr(fitted, "pooling", None), "versions": library_versions()}
    card = fitted_card({**mine, **own}, to_markdown(beside_table(rows)))
    with only_run(run.output_dir):
        _keep(folder, fitted, card, mine, rows[rows["method"] == name])


def _train_or_go_on(
    run: Experiment, plan: Plan, samples: Samples, folder: Path, made_by: Stamp
) -> pd.DataFrame:
    """Trains and keeps; what was broken off goes on where it was, and ends with the same bytes."""
    unfinished = run.output_dir / "cells" / f"{run.name}-{ENCODER}.unfinished"
    for _ in ("going on", "afresh"):
        checkpoint = Checkpoint(unfinished, made_by)
        rows = _train(run.data, plan, samples, folder, made_by, checkpoint)
        checkpoint.remove()
        if rows is not None:
            return rows
    raise FolderError(f"output_dir: what is written to {unfinished} cannot be read back")


def _train(
    data: StudyData,
    plan: Plan,
    samples: Samples,
    folder: Path,
    made_by: Stamp,
    checkpoint: Checkpoint,
) -> pd.DataFrame | None:
    """Trains and keeps; None if what a run that was broken off left is of no use."""
    encoder, objective = plan.load(), OBJECTIVES[STUDIED[0]]
    points = measure_points(len(samples.train), plan.train.batch_size, plan.train.num_epochs)
    best = _Best(encoder, points, checkpoint)
    score, held_out = measure_spearman(data.splits()), data.held_out()

    def measure(trained: SentenceEncoder) -> list[dict[str, object]]:
        rows = rows_of(measure_label_free(trained, samples.held_out))
        if held_out:
            rows += score(look_up(held_out, trained.encode(held_out)))
        best.offer(rows)
        return rows

    encoder.set_dropout(plan.train.dropout)
    frame = train(encoder, objective, samples.train, plan.train, points, measure, True, checkpoint)
    if not best.restore():
        return None
    place = points.index(best.point)
    rows = _tidy(frame, place, plan, data)
    _keep(folder, encoder, _card(made_by, rows, encoder, place, frame), made_by, rows)
    return from_rows(to_rows(rows))


def _keep(
    folder: Path,
    encoder: SentenceEncoder | TfidfEncoder,
    card: str,
    made_by: Stamp,
    rows: pd.DataFrame,
) -> None:
    """Writes an encoder, its card and its record into a folder that is ours from the start."""
    begun = folder / f"{RECORD}.unfinished"
    write_text(begun, "")
    encoder.save(folder / TFIDF if isinstance(encoder, TfidfEncoder) else folder)
    write_text(folder / "README.md", card)
    content = {"stamp": made_by, "fingerprint": encoder.fingerprint, "rows": to_rows(rows)}
    write_sealed(folder / RECORD, content)
    begun.unlink()


def measure_points(n_train: int, batch_size: int, num_epochs: int) -> list[int]:
    """Numbers of sentences seen at which to measure: along one epoch, else at the end of each."""
    if num_epochs > 1:
        return [epoch * n_train for epoch in range(num_epochs + 1)]
    n_batches = -(-n_train // batch_size)
    places = {round(i * n_batches / POINTS) * batch_size for i in range(POINTS + 1)}
    return sorted({min(place, n_train) for place in places})


class _Best:
    """The weights at the point that is best on dev; at the last one, where dev has no score.

    Those of the last point are the encoder's own when training has ended; others are kept beside
    its state, so that a run that was broken off has them too.
    """

    def __init__(self, encoder: SentenceEncoder, points: Sequence[int], kept: Checkpoint) -> None:
        self.encoder, self.kept, self.last = encoder, kept, points[-1]
        self.point, self.score = points[0], -math.inf
        before = {point: kept.measured(point) for point in points}
        self.pending = [point for point, rows in before.items() if rows is None]
        for point, rows in before.items():
            self._compare(point, rows or [])

    def offer(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Keeps the encoder's weights, if its rows are better than all before."""
        point = self.pending.pop(0)
        if self._compare(point, rows):
            weights = self.encoder.model.state_dict()
            self.kept.keep(BEST_STATE, {"point": point, "weights": weights})

    def _compare(self, point: int, rows: Sequence[Mapping[str, object]]) -> bool:
        """Whether a point is the best so far, and not the last, whose weights need no keeping."""
        dev = [r["value"] for r in rows if (r["split"], r["metric"]) == ("dev", "spearman")]
        if rows and not dev:
            self.point = self.last
        score = float(str(dev[0])) if dev else math.nan
        first = bool(dev) and point == 0
        if not (first or score > self.score):
            return False
        self.point, self.score = point, -math.inf if math.isnan(score) else score
        return point != self.last

    def restore(self) -> bool:
        """Gives the encoder those weights; False if what was kept of them is damaged or gone."""
        if self.point == self.last:
            return True

        def take(state: dict[str, Any]) -> bool:
            if state["point"] != self.point:
                raise ValueError(f"it is of point {state['point']}, not {self.point}")
            self.encoder.model.load_state_dict(state["weights"])
            return True

        return bool(self.kept.resume(take, BEST_STATE))


def _tidy(frame: pd.DataFrame, kept: int, plan: Plan, data: StudyData) -> pd.DataFrame:
    """One row a metric and point, the loss and what is kept among them."""
    n_train = int(frame["sentences_seen"].max() / plan.train.num_epochs)
    points = frame.drop_duplicates("sentences_seen")
    own = points[["sentences_seen", "epoch"]].assign(split=HELD_OUT)
    losses = own.assign(metric="loss", value=points["loss"])
    losses = losses[losses["sentences_seen"] > 0]  # of no step
    chosen = own.assign(metric="kept", value=[float(i == kept) for i in range(len(points))])
    rows = pd.concat([frame, losses, chosen], ignore_index=True)
    seen = rows["sentences_seen"]
    return tidy(
        rows.assign(
            n_train=seen.clip(upper=n_train),
            method=seen.map(lambda n: STUDIED[0] if n else UNTRAINED),
            kind=seen.map(lambda n: Kind.TRAINED if n else Kind.UNTRAINED),
            epoch=rows["epoch"].where(seen >= n_train, (seen > 0).astype(float)),
        ),
        experiment="",
        encoder=plan.stamp["encoder"],
        pooling=plan.pooling,
        seed=plan.train.seed,
        dataset=data.name,
    )


def _card(
    made_by: Stamp, rows: pd.DataFrame, encoder: SentenceEncoder, kept: int, frame: pd.DataFrame
) -> str:
    points = rows[rows["metric"] == "kept"].reset_index(drop=True)
    ends = [points.iloc[0], points.iloc[kept]]
    scores = []
    for split, metric in rows[["split", "metric"]].drop_duplicates().itertuples(index=False):
        if metric in ("kept", "loss"):
            continue
        mine = rows[(rows["split"] == split) & (rows["metric"] == metric)]
        scores.append((f"{metric}, {split}", _at(mine, ends[0]), _at(mine, ends[1])))
    seen = int(frame["sentences_seen"].drop_duplicates().iloc[kept])
    own = {"prefix": encoder.prefix, "seen": seen, "versions": library_versions()}
    return model_card({**made_by, **own}, scores)


def _at(rows: pd.DataFrame, point: pd.Series) -> str:
    here = rows[(rows["n_train"] == point["n_train"]) & (rows["epoch"] == point["epoch"])].iloc[0]
    if pd.isna(here["value"]):
        return "none"
    interval = f" [{here['ci_low']:.3f}, {here['ci_high']:.3f}]" if pd.notna(here["ci_low"]) else ""
    return f"{here['value']:.3f}{interval}"
