"""One step: losses, optimizer, and the share of masked tokens that the model finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertForPreTraining, BertModel

from simcse_core.precision import has_bf16
from tools.pretraining.batches import FILLING, Batch, make_batch, plan_batches
from tools.pretraining.corpus import Corpus
from tools.pretraining.recipe import Recipe

HELD_OUT_BATCH_TOKENS = 8192
HELD_OUT_SENTENCES = 2000
HELD_OUT_SEED = 12345
MAX_GRADIENT_NORM = 1.0


class Losses(NamedTuple):
    """Means over a batch, and what they come from.

    Attributes:
        masked: of the tokens to find.
        next_sentence: of telling a sentence's own second segment; None in a batch without segments.
        logits: float32 (chosen, vocabulary), of the tokens to find.
    """

    masked: Tensor
    next_sentence: Tensor | None
    logits: Tensor


def compute_losses(model: BertForPreTraining, batch: Batch) -> Losses:
    """One forward, in bfloat16 where the hardware has it; logits only where a token is to find."""
    device, next_sentence = batch.input_ids.device, None
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        states, pooled = _encode(model.bert, batch)
        logits = model.cls.predictions(states).float()
        if pooled is not None and batch.swapped is not None:
            own_or_not = model.cls.seq_relationship(pooled).float()  # (rows, 2)
            next_sentence = F.cross_entropy(own_or_not, batch.swapped)
    masked = F.cross_entropy(logits, batch.labels, ignore_index=FILLING)
    return Losses(masked, next_sentence, logits)


def _encode(bert: BertModel, batch: Batch) -> tuple[Tensor, Tensor | None]:
    """The last layer's output where a token is to find, (chosen, hidden), and the pooler's.

    Of rows of one segment that are not padded, nothing else is asked of the last layer: its dense
    parts, a fifth of the arithmetic of three layers, see the chosen positions alone, and there is
    no pooler's output.
    """
    if batch.swapped is not None or batch.attention_mask is not None:
        out = bert(batch.input_ids, batch.attention_mask, token_type_ids=batch.token_type_ids)
        return _chosen(out.last_hidden_state, batch), out.pooler_output
    layers: list[Any] = list(bert.encoder.layer)
    last = layers.pop()
    hidden = bert.embeddings(batch.input_ids, token_type_ids=batch.token_type_ids)
    for layer in layers:
        hidden = layer(hidden)  # (rows, length, hidden)
    context, _ = last.attention.self(hidden)
    attended = last.attention.output(_chosen(context, batch), _chosen(hidden, batch))
    return last.feed_forward_chunk(attended), None


def _chosen(states: Tensor, batch: Batch) -> Tensor:
    """(rows, length, hidden) -> (chosen, hidden)."""
    return states.flatten(0, 1).index_select(0, batch.positions)


def take_step(model: BertForPreTraining, optimizer: torch.optim.Optimizer, batch: Batch) -> Losses:
    """Trains on a batch, both objectives with weight 1 (Devlin et al., 2019, appendix A.2)."""
    losses = compute_losses(model, batch)
    total = losses.masked
    if losses.next_sentence is not None:
        total = total + losses.next_sentence
    total.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return losses


def make_optimizer(model: BertForPreTraining, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW that spares biases, norms and embeddings from decay."""
    decayed = [p for n, p in model.named_parameters() if p.dim() > 1 and "embeddings" not in n]
    spared = [p for n, p in model.named_parameters() if p.dim() == 1 or "embeddings" in n]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    # RoBERTa's second beta and epsilon (Liu et al., 2019, section 3.1 and table 9).
    return torch.optim.AdamW(
        groups, lr=recipe.learning_rate, betas=(0.9, 0.98), eps=1e-6, fused=True
    )


@torch.no_grad()
def masked_accuracy(
    model: BertForPreTraining, held_out: Corpus, masking: str, device: torch.device
) -> dict[str, float]:
    """How many hidden tokens of the first held-out sentences the model finds.

    Every call has the same masks, so models with one tokenizer can be compared. There is no
    dropout meanwhile.

    Returns:
        ``accuracy``, the share found; ``loss``, their mean cross-entropy; ``masked_tokens``, how
        many there are.
    """
    rng = np.random.default_rng(HELD_OUT_SEED)
    was_training = model.training
    model.eval()
    vocab_size = model.config.vocab_size
    found = total = 0
    loss_sum = 0.0
    lengths = held_out.lengths()[:HELD_OUT_SENTENCES]
    for chosen in plan_batches(lengths, HELD_OUT_BATCH_TOKENS, rng):
        sentences = [held_out[i] for i in chosen]
        batch = make_batch(sentences, masking == "word", vocab_size, rng).to(device)
        if masked := int((batch.labels != FILLING).sum()):
            losses = compute_losses(model, batch)
            found += int((losses.logits.argmax(1) == batch.labels).sum())
            loss_sum += float(losses.masked) * masked
            total += masked
    model.train(was_training)
    return {
        "accuracy": found / max(total, 1),
        "loss": loss_sum / max(total, 1),
        "masked_tokens": total,
    }
