"""Unsupervised SimCSE on Chinese sentence similarity with small unlabelled samples.

Names are imported when they are first asked for (PEP 562), so that a part that needs no torch, such
as :mod:`simcse_core.report`, loads none.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from simcse_core.encoder_protocol import Encoder
    from simcse_core.evaluation import evaluate_sts
    from simcse_core.fitted_encoders import weigh_by_idf, whiten
    from simcse_core.loss import sup_simcse_loss, unsup_simcse_loss
    from simcse_core.mteb_encoder import MtebEncoder
    from simcse_core.reading.columns import Columns
    from simcse_core.tfidf_encoder import TfidfEncoder
    from simcse_core.training import train_simcse

__all__ = [
    "Columns",
    "Encoder",
    "MtebEncoder",
    "NliTriplets",
    "Pooling",
    "SentenceEncoder",
    "StsPairs",
    "TfidfEncoder",
    "TrainConfig",
    "evaluate_sts",
    "load_sentences",
    "load_sts",
    "load_triplets",
    "sample_sentences",
    "sup_simcse_loss",
    "train_simcse",
    "unsup_simcse_loss",
    "weigh_by_idf",
    "whiten",
]

_HOMES = {
    "config": ("Pooling", "TrainConfig"),
    "data": (
        "NliTriplets",
        "StsPairs",
        "load_sentences",
        "load_sts",
        "load_triplets",
        "sample_sentences",
    ),
    "encoder": ("SentenceEncoder",),
    "encoder_protocol": ("Encoder",),
    "evaluation": ("evaluate_sts",),
    "fitted_encoders": ("weigh_by_idf", "whiten"),
    "loss": ("sup_simcse_loss", "unsup_simcse_loss"),
    "mteb_encoder": ("MtebEncoder",),
    "reading.columns": ("Columns",),
    "tfidf_encoder": ("TfidfEncoder",),
    "training": ("train_simcse",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
