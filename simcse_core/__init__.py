"""Unsupervised SimCSE on Chinese sentence similarity with small unlabelled samples."""

from simcse_core.config import Pooling, TrainConfig
from simcse_core.data import (
    NliTriplets,
    StsPairs,
    load_sentences,
    load_sts,
    load_triplets,
    sample_sentences,
)
from simcse_core.encoder import SentenceEncoder
from simcse_core.evaluation import evaluate_sts
from simcse_core.loss import sup_simcse_loss, unsup_simcse_loss
from simcse_core.training import train_simcse

__all__ = [
    "NliTriplets",
    "Pooling",
    "SentenceEncoder",
    "StsPairs",
    "TrainConfig",
    "evaluate_sts",
    "load_sentences",
    "load_sts",
    "load_triplets",
    "sample_sentences",
    "sup_simcse_loss",
    "train_simcse",
    "unsup_simcse_loss",
]
