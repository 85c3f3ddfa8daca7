"""A run: step after step until its tokens are seen, from its last checkpoint if there is one."""

from __future__ import annotations

import json
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import BertForPreTraining

from simcse_core.dropout import replace_dropout, set_dropout
from simcse_core.files import whole_file
from tools.pretraining.batches import make_batch, plan_batches
from tools.pretraining.corpus import Corpus
from tools.pretraining.recipe import BEFORE_NAMED, MAY_CHANGE, Recipe, learning_rate
from tools.pretraining.step import make_optimizer, take_step

CHECKPOINT = "checkpoint.pt"
STEPS_PER_SHOWN_LOSS = 20  # reading a loss makes a GPU wait


@dataclass
class Progress:
    """Where a run stands; every batch to come follows from this and the recipe.

    Attributes:
        batch: number of the next batch within the epoch.
        seconds: of training; evaluations and checkpoints are left out.
        evaluations: what was measured on the way, with step and tokens.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    seconds: float = 0.0
    evaluations: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Every:
    """How many steps lie between two checkpoints, and between two evaluations."""

    checkpoint: int = 200
    evaluation: int = 1000

    def __post_init__(self) -> None:
        for name, steps in asdict(self).items():
            if steps < 1:
                raise ValueError(f"{name}-every must be at least 1 step, not {steps}")


class Run:
    """Trains a model in place; can be stopped after any step and taken up from its checkpoint.

    Args:
        work: folder of the checkpoint; one that is there is taken up.
        text: names of the text files, which a checkpoint must share.

    Raises:
        ValueError: the checkpoint is damaged, or was made with another recipe, text or vocabulary.
    """

    def __init__(
        self,
        model: BertForPreTraining,
        corpus: Corpus,
        recipe: Recipe,
        work: Path,
        text: Sequence[str] = (),
    ) -> None:
        set_dropout(model, recipe.dropout)
        replace_dropout(model)
        torch.manual_seed(recipe.seed)  # of the dropout masks, unless a checkpoint goes on
        self.model, self.corpus, self.recipe = model.train(), corpus, recipe
        self.optimizer = make_optimizer(model, recipe)
        self.progress = Progress()
        self._made_with = asdict(recipe) | {
            "text": list(text),
            "vocabulary": model.config.vocab_size,
            "corpus": corpus.fingerprint(),
        }
        self._checkpoint = work / CHECKPOINT
        if self._checkpoint.exists():
            self._restore()

    def finished(self) -> bool:
        """Whether all tokens of the recipe are seen."""
        return self.progress.tokens >= self.recipe.tokens

    def passes(self) -> float:
        """How often the text has been seen."""
        rng = np.random.default_rng(0)
        plan = plan_batches(self.corpus.lengths(), self.recipe.batch_tokens, rng)
        return self.progress.epoch + self.progress.batch / sum(1 for _ in plan)

    def steps(self) -> Iterator[dict[str, Tensor]]:
        """Trains until the run is finished; yields the losses of each step."""
        progress, recipe = self.progress, self.recipe
        while not self.finished():
            order = np.random.default_rng([recipe.seed, progress.epoch])
            plan = plan_batches(self.corpus.lengths(), recipe.batch_tokens, order)
            for chosen in islice(plan, progress.batch, None):
                started = time.perf_counter()
                losses = self._step(chosen)
                progress.seconds += time.perf_counter() - started
                yield losses
                if self.finished():
                    return
            progress.epoch += 1
            progress.batch = 0

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        with whole_file(self._checkpoint) as file:
            torch.save(
                {
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "rng": torch.get_rng_state(),
                    "state": asdict(self.progress),
                    "recipe": self._made_with,
                },
                file,
            )

    def _step(self, chosen: np.ndarray) -> dict[str, Tensor]:
        progress, recipe = self.progress, self.recipe
        rng = np.random.default_rng([recipe.seed, 1, progress.step])
        batch = make_batch(
            [self.corpus[i] for i in chosen],
            vocab_size=self.model.config.vocab_size,
            next_sentence=rng.random() < recipe.next_sentence,
            whole_words=recipe.masking == "word",
            rng=rng,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress.tokens)
        shown = {}
        if len(batch.labels):  # a batch of one short sentence may have nothing hidden
            losses = take_step(self.model, self.optimizer, batch.to(self.model.device))
            shown["loss"] = losses.masked.detach()
            if losses.next_sentence is not None:
                shown["next"] = losses.next_sentence.detach()
        progress.step += 1
        progress.batch += 1
        progress.tokens += batch.n_tokens
        return shown

    def _restore(self) -> None:
        saved = _load(self._checkpoint, self.model.device)
        self._check_same_run(saved["recipe"])
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"].cpu())
        self.progress = Progress(**saved["state"])

    def _check_same_run(self, saved: Mapping[str, Any]) -> None:
        """Compares what the checkpoint names: an early one names neither vocabulary nor corpus."""
        saved = {**BEFORE_NAMED, **saved}
        different = [
            name
            for name, value in self._made_with.items()
            if name in saved and name not in MAY_CHANGE and saved[name] != value
        ]
        if different:
            raise ValueError(
                f"{self._checkpoint} was made with another {', '.join(different)}; "
                "give another --work or the same settings"
            )


def _load(path: Path, device: torch.device) -> dict[str, Any]:
    """The content of a checkpoint; torch does not look at the checksums in its file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
        return torch.load(path, map_location=device, weights_only=True)
    except (zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read ({error}); remove it to begin afresh") from error


def train(
    run: Run, evaluate: Callable[[], Mapping[str, float]], every: Every = Every()
) -> Progress:
    """Takes the steps that are left, with checkpoints and evaluations on the way.

    Args:
        evaluate: measures the model as it stands.

    Returns:
        Where the run stands at its end.
    """
    progress = run.progress
    shown: dict[str, Tensor] = {}
    with tqdm(
        total=run.recipe.tokens, initial=progress.tokens, unit="tok", unit_scale=True, mininterval=5
    ) as bar:
        for losses in run.steps():
            bar.update(progress.tokens - bar.n)
            shown |= losses
            if progress.step % STEPS_PER_SHOWN_LOSS == 0:
                bar.set_postfix({k: f"{float(v):.3f}" for k, v in shown.items()}, refresh=False)
            if progress.step % every.evaluation == 0:
                measured = {"step": progress.step, "tokens": progress.tokens, **evaluate()}
                progress.evaluations.append(measured)
                tqdm.write(json.dumps(measured))
            if progress.step % every.checkpoint == 0:
                run.save()
    run.save()
    return progress
