"""sentence-transformers as a competitor of the benchmark; imported only where it is measured."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, TrainerCallback

from tools.benchmark.task import MAX_LENGTH, Task, device


class SentenceTransformersTrainer:
    """Its trainer with its multiple-negatives loss, on pairs of a sentence and itself.

    At its defaults (batches padded to the longest, a forward for each column, fused AdamW, linear
    schedule, gradient clipping), but nothing saved or logged, and the sentences in the order given.
    """

    def __init__(self, task: Task) -> None:
        logging.disable(logging.WARNING)
        self.task = task
        transformer = Transformer(task.model, max_seq_length=MAX_LENGTH)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="cls")
        self.model = SentenceTransformer(modules=[transformer, pooling], device=device())

    def train(self, pace: Callable[[], None]) -> None:
        """One pass over the sentences."""
        texts = list(self.task.sentences)
        with tempfile.TemporaryDirectory() as folder:
            trainer = SentenceTransformerTrainer(
                self.model,
                SentenceTransformerTrainingArguments(
                    folder,
                    num_train_epochs=1,
                    per_device_train_batch_size=self.task.batch_size,
                    learning_rate=self.task.settings["learning_rate"],
                    batch_sampler=_in_order,
                    bf16=self.task.bf16,
                    use_cpu=device() == "cpu",  # else it looks for a GPU before it grants bf16
                    save_strategy="no",
                    report_to="none",
                    disable_tqdm=True,
                ),
                train_dataset=Dataset.from_dict({"anchor": texts, "positive": texts}),
                loss=MultipleNegativesRankingLoss(self.model),
                callbacks=[_Pace(self.task, pace)],
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()

    def embed(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors without dropout, (n, hidden)."""
        return self.model.encode(list(sentences), show_progress_bar=False)

    def evaluate(self) -> float:
        """Spearman of cosine and label, by the package's own evaluator."""
        scores = EmbeddingSimilarityEvaluator(*self.task.pairs, show_progress_bar=False)(self.model)
        return scores["spearman_cosine"]


class _Pace(TrainerCallback):
    """Says where the trainer stands."""

    def __init__(self, task: Task, pace: Callable[[], None]) -> None:
        self.task, self.pace = task, pace

    def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:
        if state.global_step * self.task.batch_size in self.task.points:
            self.pace()


def _in_order(
    dataset: Dataset, batch_size: int, drop_last: bool, **_: object
) -> DefaultBatchSampler:
    return DefaultBatchSampler(SequentialSampler(dataset), batch_size, drop_last)
