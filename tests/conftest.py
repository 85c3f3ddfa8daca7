"""Fixtures: tiny random encoders, a small CNSD directory, and charts that leave no trace.

Nothing here or in any test reaches the network: the hub's address is a closed loopback port.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

NO_HUB = "http://127.0.0.1:1"  # nothing listens there; read when huggingface_hub is imported
os.environ.update(
    HF_ENDPOINT=NO_HUB,
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    MPLBACKEND="Agg",
    OMP_NUM_THREADS="1",  # as a study computes; read when torch is imported
    SIMCSE_WORKERS="1",  # a pool takes seconds to start; tests of it ask for one
)

import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402
from notebooks_for_tests import save_notebook  # noqa: E402
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors  # noqa: E402
from transformers import (  # noqa: E402
    BertConfig,
    BertModel,
    BertTokenizer,
    ElectraConfig,
    ElectraModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from simcse_core import (  # noqa: E402
    NliTriplets,
    SentenceEncoder,
    StsPairs,
    folders,
)
from simcse_core.data import SentencePool, StudyData  # noqa: E402
from simcse_core.report.style import set_style  # noqa: E402
from simcse_core.study import checks, notebooks, run  # noqa: E402
from simcse_core.study.kernels import ForkedProvisioner, Server  # noqa: E402
from simcse_core.translation import translate_with  # noqa: E402

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("suite", max_examples=60, deadline=None, derandomize=True, database=None)
settings.load_profile("suite")

HIDDEN = 32
POSITIONS = 64
_SHAPE = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}

# 48 distinct sentences of 5 to 17 characters.
SENTENCES = tuple(
    f"{who}{when}{what}"
    for who in ("我", "老师", "隔壁的孩子")
    for when in ("今天", "每个周末都", "从来不", "刚才在厨房里")
    for what in ("看书", "做红烧肉", "喝茶", "听天气预报")
)
CHARACTERS = sorted(set("".join(SENTENCES)))


def save_bert(folder: Path, characters: Sequence[str] = CHARACTERS) -> None:
    """Writes a tiny random BERT that knows these characters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(words), **_SHAPE)).save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)


def _save_electra(folder: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    torch.manual_seed(0)
    config = ElectraConfig(vocab_size=len(words), embedding_size=16, **_SHAPE)
    ElectraModel(config).save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)


def _save_roberta(folder: Path, config: type = RobertaConfig, model: type = RobertaModel) -> None:
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *CHARACTERS]
    torch.manual_seed(0)
    model(config(vocab_size=len(words), type_vocab_size=1, **_SHAPE)).save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(words)}
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    characters.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>"}
    PreTrainedTokenizerFast(
        tokenizer_object=characters,
        unk_token="<unk>",
        **{f"{name}_token": token for name, token in names.items()},
    ).save_pretrained(folder)


def _save_xlm_roberta(folder: Path) -> None:
    _save_roberta(folder, XLMRobertaConfig, XLMRobertaModel)


ARCHITECTURES = {
    "bert": save_bert,
    "roberta": _save_roberta,
    "xlm-roberta": _save_xlm_roberta,
    "electra": _save_electra,
}


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """Bits depend on the thread count: no test leaves another one behind than it found."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A process speaks one language: no test leaves another one behind."""
    yield
    translate_with(str)


@pytest.fixture(scope="session")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``encoder_dir("roberta")``: a folder with a tiny random encoder of that architecture."""
    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = tmp_path_factory.mktemp("encoders") / f"tiny-{architecture}"
            ARCHITECTURES[architecture](made[architecture])
        return made[architecture]

    return make


@pytest.fixture(scope="session")
def bert_dir(encoder_dir: Callable[[str], Path]) -> Path:
    """A folder with a tiny random BERT: 2 layers of 32, a vocabulary of characters."""
    return encoder_dir("bert")


@pytest.fixture
def load(bert_dir: Path) -> Callable[..., SentenceEncoder]:
    """``load(pooling="mean")``: a fresh copy of the tiny BERT, on the CPU."""

    def fresh(pooling: str = "mean", max_seq_length: int = 32) -> SentenceEncoder:
        return SentenceEncoder.from_pretrained(bert_dir, pooling, max_seq_length, "cpu")

    return fresh


@pytest.fixture
def loaded_encoders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of encoders in the order in which they are loaded during a test."""
    names: list[str] = []
    load = SentenceEncoder.from_pretrained.__func__  # type: ignore[attr-defined]

    def noting(cls: type[SentenceEncoder], name: str, *given: Any, **named: Any) -> SentenceEncoder:
        names.append(str(name))
        return load(cls, name, *given, **named)

    monkeypatch.setattr(SentenceEncoder, "from_pretrained", classmethod(noting))
    return names


DEV = (
    ("我今天看书", "我今天喝茶", 2),
    ("老师从来不喝茶", "老师今天喝茶", 1),
    ("我喝茶", "他喝茶", 3),
)
TEST = (("孩子看书", "孩子在看书", 5), ("老师做红烧肉", "我听天气预报", 0), ("天气好", "今天好", 2))
TRAIN = (("我每个周末都看书", "周末都看书", 4), ("隔壁的孩子", "我喝茶", 0))  # 我喝茶 is in dev
NLI = (("老师刚才在厨房里", "老师在厨房", "老师从来不看书"), ("隔壁的孩子", "孩子", "天气预报"))


@pytest.fixture
def cnsd_dir(tmp_path: Path) -> Path:
    """A directory of CNSD files: 3 dev and 3 test pairs, 2 of train, 2 triplets."""
    folder = tmp_path / "cnsd"
    folder.mkdir()
    for split, pairs in {"dev": DEV, "test": TEST, "train": TRAIN}.items():
        lines = [f"{i}||{a}||{b}||{label}\n" for i, (a, b, label) in enumerate(pairs)]
        (folder / f"cnsd-sts-{split}.txt").write_text("".join(lines), encoding="utf-8")
    triplets = "".join("||".join(triplet) + "\n" for triplet in NLI)
    (folder / "cnsd-snli-train.txt").write_text(triplets, encoding="utf-8")
    return folder


def _graded(sentences: tuple[str, ...]) -> StsPairs:
    """Consecutive sentences as pairs, with all six labels."""
    first, second = list(sentences[::2]), list(sentences[1::2])
    return StsPairs(first, second, np.arange(len(first), dtype=np.float64) % 6)


@pytest.fixture(scope="session")
def study_data() -> StudyData:
    """12 dev and 12 test pairs, 24 pool sentences of which none is in them, 8 triplets."""
    dev, test, free = SENTENCES[:12], SENTENCES[12:24], SENTENCES[24:]
    pool = SentencePool(list(free), 30, 4, 2)
    triplets = NliTriplets(list(free[:8]), list(free[8:16]), list(free[16:24]))
    return StudyData("tiny data", _graded(dev), _graded(test), pool, triplets, "0123456789ab")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without notebooks in the place of this one."""
    (tmp_path / "notebooks" / "profiles").mkdir(parents=True)
    monkeypatch.setattr(checks, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(folders, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(run, "PROJECT_ROOT", tmp_path)
    # Whose notebooks need next to nothing of what those of this one import.
    monkeypatch.setattr(ForkedProvisioner, "server", Server(["ipykernel.ipkernel"]))
    return tmp_path


@pytest.fixture
def write_notebook(project: Path, cnsd_dir: Path, bert_dir: Path) -> Callable[..., Path]:
    """``write_notebook("01_a", "print(1)", n_train=4)``: cells after one of parameters."""

    def write(name: str, /, *cells: str, **changes: Any) -> Path:
        values = {
            "source": str(cnsd_dir),
            "extra_sentences": [],
            "hub": {},
            "encoder": str(bert_dir),
            "pooling": "mean",
            "training": {},
            "n_train": 4,
            "seeds": [0],
            "output_dir": "",
            "language": "en",
        }
        lines = [f"{key} = {value!r}" for key, value in {**values, **changes}.items()]
        return save_notebook(project / "notebooks" / f"{name}.ipynb", ["\n".join(lines)], cells)

    return write


@pytest.fixture
def english_again() -> Iterator[None]:
    """A test ends with matplotlib's own style, English labels and no open figure."""
    with mpl.rc_context():
        yield
        set_style("en")
        plt.close("all")
