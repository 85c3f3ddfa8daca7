"""The loop of the public Chinese SimCSE scripts, written anew from its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from tools.benchmark.task import EVALUATION_BATCH, MAX_LENGTH, Task, device


def interleaved_loss(embeddings: Tensor, temperature: float) -> Tensor:
    """NT-Xent over (2 * batch, hidden) whose rows 2i and 2i + 1 are two views of one sentence."""
    rows = torch.arange(len(embeddings), device=embeddings.device)
    unit = F.normalize(embeddings, dim=-1)
    logits = unit @ unit.T / temperature
    logits = logits - torch.eye(len(rows), device=rows.device) * 1e12
    return F.cross_entropy(logits, rows + 1 - rows % 2 * 2)


class PlainLoop:
    """Every row padded to 64 tokens, each sentence twice in a row, one tokenizer call a step.

    float32, AdamW with a constant learning rate; evaluation in batches of 64 in file order, each
    side of the pairs for itself.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.tokenizer = AutoTokenizer.from_pretrained(task.model)
        model = AutoModel.from_pretrained(task.model, dtype=torch.float32)
        self.model = model.to(device())

    def train(self, pace: Callable[[], None]) -> None:
        """One pass over the sentences."""
        settings = self.task.settings
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=settings["learning_rate"])
        self.model.train()
        for start in range(0, len(self.task.sentences), self.task.batch_size):
            batch = self.task.sentences[start : start + self.task.batch_size]
            twice = [view for sentence in batch for view in (sentence, sentence)]
            loss = interleaved_loss(self._forward(twice), settings["temperature"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if start + len(batch) in self.task.points:
                pace()

    @torch.no_grad()
    def embed(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors without dropout, (n, hidden)."""
        self.model.eval()
        batches = [
            self._forward(sentences[start : start + EVALUATION_BATCH])
            for start in range(0, len(sentences), EVALUATION_BATCH)
        ]
        return torch.cat(batches).cpu().numpy()

    def evaluate(self) -> float:
        """Spearman of cosine and label."""
        first, second, labels = self.task.pairs
        first_vectors, second_vectors = (
            torch.from_numpy(self.embed(side)) for side in (first, second)
        )
        cosines = F.cosine_similarity(first_vectors, second_vectors)
        return float(spearmanr(cosines.numpy(), labels).statistic)

    def _forward(self, texts: Sequence[str]) -> Tensor:
        inputs = self.tokenizer(
            list(texts),
            max_length=MAX_LENGTH,
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        )
        return self.model(**inputs.to(device())).last_hidden_state[:, 0]
