"""Settings of the study: frozen dataclasses and tables whose every default names its source."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from numbers import Integral, Real
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
ASSETS = PACKAGE / "assets"
# The clone; where the package was installed without one, the folder that is worked in.
IN_CLONE = (PACKAGE.parent / "pyproject.toml").is_file()
PROJECT_ROOT = PACKAGE.parent if IN_CLONE else Path.cwd()
# The stem of a notebook's file; that of a copy, such as JupyterLab makes, is another.
NOTEBOOK_STEM = re.compile(r"(\d\d)_[a-z0-9_]+")


class Pooling(StrEnum):
    """How the token vectors of a sentence become one sentence vector.

    ``cls``: last layer's [CLS] vector, without the pooler's dense layer (the report's untrained
    numbers are these). ``pooler``: [CLS] through the pooler's dense layer and tanh. ``mean``:
    average of the last layer over real tokens. ``first-last-mean``: that average taken over the
    mean of the first transformer layer's output (``hidden_states[1]``) and the last layer's.
    """

    CLS = "cls"
    POOLER = "pooler"
    MEAN = "mean"
    FIRST_LAST_MEAN = "first-last-mean"

    @classmethod
    def _missing_(cls, value: object) -> Pooling:
        known = ", ".join(member.value for member in cls)
        raise ValueError(f"pooling: unknown value {value!r}; use one of: {known}")


class Precision(StrEnum):
    """In what the matrix products of a training step are computed; all else is float32.

    ``float32``: everywhere the same. ``bfloat16``: autocast to it, attention on a CPU left out.
    ``auto``: ``bfloat16`` where the CPU or GPU multiplies it in hardware and a trial on a run's
    first batches is faster in it, ``float32`` elsewhere, so that results depend on the machine.
    """

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    AUTO = "auto"

    @classmethod
    def _missing_(cls, value: object) -> Precision:
        known = ", ".join(member.value for member in cls)
        raise ValueError(f"precision: unknown value {value!r}; use one of: {known}")


class Kind(StrEnum):
    """What a method needs before it gives a sentence vector; comparisons ask for this alone.

    ``untrained``: an encoder as it is. ``fitted``: statistics of unlabelled sentences, no gradient.
    ``trained``: gradient steps on unlabelled sentences. ``labelled``: gradient steps on labels.
    ``ready-made``: an encoder that others trained for sentence similarity.
    """

    UNTRAINED = "untrained"
    FITTED = "fitted"
    TRAINED = "trained"
    LABELLED = "labelled"
    READY_MADE = "ready-made"


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def _check(name: str, value: object, accepts: Callable[[float], bool], wanted: str) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not _is_finite(value) or not accepts(value):  # type: ignore[arg-type]
        raise ValueError(f"{name}: must be {wanted}, got {value!r}")


_LARGEST = 2**63 - 1  # that lists and generators of random numbers count to


def _integer(name: str, value: Any, at_least: int) -> int:
    """A whole number of any library as Python's own."""
    _check(
        name,
        value,
        lambda v: isinstance(v, Integral) and v >= at_least,
        f"an integer >= {at_least}",
    )
    if value > _LARGEST:
        raise ValueError(f"{name}: must be at most {_LARGEST:,}, got {value!r}")
    return int(value)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a SimCSE training run, besides the encoder and the sentences.

    Defaults are the settings of the report being reproduced (BERT-wwm-ext on Chinese STS-B): batch
    16, learning rate 1e-5, temperature 0.05, dropout 0.3. Gao et al. (2021, Tables D.1 and D.2) use
    temperature 0.05, dropout 0.1 and batch 64 for English BERT-base.

    Raises:
        ValueError: a value outside its range; the message names the field.
    """

    batch_size: int = 16
    learning_rate: float = 1e-5
    num_epochs: int = 1
    temperature: float = 0.05
    dropout: float = 0.3
    seed: int = 0
    # torch.optim.AdamW's own default, which the report's family of scripts leaves as it is.
    weight_decay: float = 0.01
    # "constant" as in that family of scripts; "linear" decays to zero over the whole run, as the
    # transformers Trainer used by Gao et al. (2021) does.
    schedule: str = "constant"
    # As the report's family of scripts; the other values are faster on hardware made for them.
    precision: str = Precision.FLOAT32.value

    def __post_init__(self) -> None:
        for name, least in {"batch_size": 1, "num_epochs": 1, "seed": 0}.items():
            object.__setattr__(self, name, _integer(name, getattr(self, name), least))
        _check("learning_rate", self.learning_rate, lambda v: v > 0, "> 0")
        _check("temperature", self.temperature, lambda v: v > 0, "> 0")
        _check("dropout", self.dropout, lambda v: 0 <= v < 1, "in [0, 1)")
        _check("weight_decay", self.weight_decay, lambda v: v >= 0, ">= 0")
        for name in ("learning_rate", "temperature", "dropout", "weight_decay"):
            value = getattr(self, name)
            if not isinstance(value, int | float):  # a number of another library
                object.__setattr__(self, name, float(value))
        if self.schedule not in ("constant", "linear"):
            raise ValueError(f"schedule: must be 'constant' or 'linear', got {self.schedule!r}")
        Precision(self.precision)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object]) -> TrainConfig:
        """Builds a config from a mapping; a misspelt key is a ValueError that lists all keys."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(settings) - set(known)):
            raise ValueError(f"unknown training setting {unknown[0]!r}; known: {', '.join(known)}")
        return cls(**settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TrainSettings:
    """How an encoder is trained under a pooling, and why so."""

    train: TrainConfig
    reason: str


REPORT_SETTINGS = TrainSettings(
    TrainConfig(),
    "the report's settings: batch 16, learning rate 1e-5, dropout 0.3, temperature 0.05",
)

_MINI_CLS = TrainSettings(
    TrainConfig(batch_size=16, learning_rate=5e-4, dropout=0.1, temperature=0.05),
    "the report's batch size and temperature; an encoder this small needs a far larger learning "
    "rate than BERT-base, and gains less under the report's dropout of 0.3",
)
_MINI_MEAN = TrainSettings(
    TrainConfig(batch_size=64, learning_rate=5e-4, dropout=0.1, temperature=0.05),
    "the report's temperature; an encoder this small, pretrained for hours, needs a far larger "
    "learning rate than BERT-base",
)
# The same for all bundled encoders, so that they differ in their pretraining alone: the best on dev
# after 800 sentences, under [CLS] with the report's batch; docs/protocol.md has the whole grid.
MINI_SETTINGS: dict[Pooling, TrainSettings] = {
    Pooling.CLS: _MINI_CLS,
    Pooling.POOLER: _MINI_CLS,
    Pooling.MEAN: _MINI_MEAN,
    Pooling.FIRST_LAST_MEAN: _MINI_MEAN,
}

# Under which a bundled encoder serves where nothing is asked for: more meaning than in its [CLS].
BUNDLED_ENCODERS: dict[str, Pooling] = {
    "mini-bert": Pooling.FIRST_LAST_MEAN,
    "mini-bert-wwm": Pooling.FIRST_LAST_MEAN,
    "mini-bert-wwm-ext": Pooling.FIRST_LAST_MEAN,
}


READY_MADE_SETTINGS = TrainSettings(
    TrainConfig(batch_size=64, learning_rate=3e-5, dropout=0.3, temperature=0.05),
    "the report's dropout and temperature; on dev of CNSD this learning rate gains within 200 "
    "sentences what 1e-5 takes 800 for, and 1e-4 falls at once",
)

# Of encoders by name; any other has the report's.
OWN_SETTINGS: dict[str, Mapping[Pooling, TrainSettings]] = {
    **dict.fromkeys(BUNDLED_ENCODERS, MINI_SETTINGS),
    "e5-small-zh": dict.fromkeys(Pooling, READY_MADE_SETTINGS),
}


def encoder_settings(name: str, pooling: Pooling) -> TrainSettings:
    """Training settings of an encoder under a pooling: its own, if it has some, or the report's."""
    own = OWN_SETTINGS.get(name)
    return own[pooling] if own else REPORT_SETTINGS


def own_pooling(name: str) -> Pooling:
    """The pooling that an encoder serves under: that of the bundled ones, else the report's."""
    return BUNDLED_ENCODERS.get(name, Pooling.CLS)


# In the place of a pooling: the one that is best on dev without any training.
BEST = "best"
OWN = "own"  # the encoder's: what its folder says, or what a bundled one serves under
# The report's protocol, and the best that is to be had beside it.
PROTOCOLS = (Pooling.CLS.value, BEST)


@dataclass(frozen=True)
class HubData:
    """Which Hugging Face data sets stand behind ``source="hub"``, and at which revision.

    ``C-MTEB/STSB`` is Chinese STS-B in parquet (sentence1, sentence2, score). ``nli`` and
    ``sentences`` are optional ids: triplets need the columns anchor, positive, negative, or are
    made of pairs with premise, hypothesis (or sentence1, sentence2) and label; a sentence set gives
    every text column named in ``sentence_columns``.
    """

    sts: str = "C-MTEB/STSB"
    sts_revision: str | None = None
    nli: str | None = None
    nli_revision: str | None = None
    sentences: tuple[str, ...] = ()
    sentence_columns: tuple[str, ...] = ("sentence", "sentence1", "sentence2", "text")

    @classmethod
    def from_mapping(cls, ids: Mapping[str, object]) -> HubData:
        """Builds it from a mapping; a misspelt key is a ValueError that lists the right ones."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(ids) - set(known)):
            raise ValueError(f"hub: unknown key {unknown[0]!r}; known: {', '.join(known)}")
        frozen = {key: tuple(v) if isinstance(v, list) else v for key, v in ids.items()}
        return cls(**frozen)  # type: ignore[arg-type]


# The one table with numbers in the report: untrained encoders on Chinese STS-B, Spearman.
REPORT_UNTRAINED = {
    "dev": {"BERT-BASE": 0.4228, "BERT-wwm": 0.4465, "BERT-wwm-ext": 0.3251},
    "test": {"BERT-BASE": 0.3395, "BERT-wwm": 0.3408, "BERT-wwm-ext": 0.3172},
}

# Which encoder of ours stands in the place of which of the report's; hub ids without a revision.
REPORT_ENCODERS = {
    "mini-bert": "BERT-BASE",
    "mini-bert-wwm": "BERT-wwm",
    "mini-bert-wwm-ext": "BERT-wwm-ext",
    "bert-base-chinese": "BERT-BASE",
    "google-bert/bert-base-chinese": "BERT-BASE",
    "hfl/chinese-bert-wwm": "BERT-wwm",
    "hfl/chinese-bert-wwm-ext": "BERT-wwm-ext",
}

LANGUAGES = ("en", "zh")


def check_language(language: str) -> None:
    """Raises a ValueError unless charts can be labelled in ``language``."""
    if language not in LANGUAGES:
        raise ValueError(
            f"language: unknown value {language!r}; use one of: {', '.join(LANGUAGES)}"
        )
