"""What the uses of sentence vectors are measured on: the bundled sample, or a folder of texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from simcse_core.applications.data import (
    SAMPLE_DIRECTORY,
    Faq,
    Labelled,
    at_least,
    clusters,
    faq_from_clusters,
    read_bq,
    read_dialogflow,
    read_faq,
    read_labelled,
    read_smp2020,
)
from simcse_core.applications.tables import read_columns
from simcse_core.data import SentencePool, StsPairs, StudyData, fingerprint, load_sts
from simcse_core.duplicates import written_form
from simcse_core.errors import DataError
from simcse_core.files import expanded
from simcse_core.labels import label

SAMPLE = "sample"
SAMPLE_NAME = "bundled sample (hand-written FAQ and intents)"


@dataclass(frozen=True, kw_only=True)
class ApplicationData(StudyData):
    """Texts of services. ``dev`` tells the best pooling of an encoder alone; ``test`` is empty.

    Attributes:
        groups: questions of one meaning each.
        standard_first: whether the first of a group is its standard question; else one is drawn.
        intents: utterances with their intents.
        others: what utterances of no intent are, to these utterances.
    """

    groups: Sequence[Sequence[str]]
    standard_first: bool
    intents: Labelled
    others: Mapping[str, Sequence[str]]

    MEASURED: ClassVar[str] = "texts that are measured"

    def faq(self, seed: int) -> Faq:
        """Standard questions, and the other wordings as queries."""
        return faq_from_clusters(self.groups, None if self.standard_first else seed)

    def require_pairs(self, *splits: str) -> None:
        """Nothing more than there is: dev is always there, and what is measured needs no pairs."""

    def held_out(self) -> list[str]:
        """Every unique text that is measured."""
        others = [text for texts in self.others.values() for text in texts]
        grouped = [text for group in self.groups for text in group]
        return list(dict.fromkeys([*grouped, *self.intents.texts, *others]))

    def without(self, seen: Collection[str]) -> ApplicationData:
        """The same without texts that a method was fitted or trained on."""
        gone = set(seen)
        pairs = zip(self.intents.texts, self.intents.labels, strict=True)
        kept = [(text, label) for text, label in pairs if text not in gone]
        return replace(
            self,
            groups=[[text for text in group if text not in gone] for group in self.groups],
            intents=Labelled([text for text, _ in kept], [label for _, label in kept]),
            others={
                name: [text for text in texts if text not in gone]
                for name, texts in self.others.items()
            },
        )

    def describe(self) -> str:
        """Three lines for people: where the texts are from, how many, what can be drawn."""
        queries = sum(map(len, self.groups)) - len(self.groups)
        counts = [f"{len(texts):,} {name}" for name, texts in self.others.items()]
        others = f"; {', '.join(counts)}" if counts else ""
        return (
            f"{self.name}: {len(self.groups):,} standard questions, {queries:,} other wordings\n"
            f"{len(self.intents.texts):,} utterances of {len(set(self.intents.labels)):,} intents"
            f"{others}\n"
            f"{len(self.pool.sentences):,} of the texts can be drawn as unlabelled ones; what is "
            "drawn is never measured"
        )


@dataclass(frozen=True)
class _Texts:
    """What a source holds, before some of it is set aside."""

    name: str
    groups: list[list[str]]
    standard_first: bool
    intents: Labelled
    others: dict[str, list[str]]
    unlabelled: list[str]  # questions that may be drawn as unlabelled text


def load_application_data(source: str | Path, smallest: int) -> ApplicationData:
    """Reads the texts of a source.

    A folder holds files as the bundled sample does (``faq.csv``, ``intents.csv``,
    ``out_of_scope.csv``), or the data sets ``bq``, ``smp2020`` and ``dialogflow_zh``, or is ``bq``
    itself (``dev.csv``, ``test.csv``): there the wordings of a question are the utterances of an
    intent, and no text is of another kind.

    Args:
        source: ``sample`` or a folder.
        smallest: utterances that every intent keeps; those of smaller ones are left out, and what
            is beyond may be drawn as unlabelled text, but for what is another text up to width,
            case, punctuation and spaces.

    Raises:
        DataError: the source is neither; or fewer than three intents are large enough.
        InputError: a file cannot be used.
    """
    texts = _open(source)
    intents = at_least(texts.intents, smallest)
    if (n := len(set(intents.labels))) < 3:
        raise DataError(
            f"application_source: {texts.name} has {n} intents of at least {smallest} utterances, "
            "three are needed; lower examples"
        )
    known = {*intents.texts, *(text for group in texts.groups for text in group)}
    others = {
        name: [text for text in dict.fromkeys(others) if text not in known]
        for name, others in texts.others.items()
    }
    drawable = list(dict.fromkeys([*texts.unlabelled, *_spare(intents, smallest)]))
    pool = _unlike(drawable, [*known, *(text for given in others.values() for text in given)])
    dev = load_sts(SAMPLE, "dev")  # these texts have no graded pairs of their own
    columns: dict[str, Sequence[Sequence[str]]] = {
        "dev": [dev.first, dev.second, [repr(float(score)) for score in dev.scores]],
        "questions": _columns({str(i): group for i, group in enumerate(texts.groups)}),
        "intents": [intents.texts, intents.labels],
        "others": _columns(others),
        "pool": [pool],
    }
    return ApplicationData(
        texts.name,
        dev,
        StsPairs([], [], np.empty(0)),
        SentencePool(pool, len(pool), 0, 0),
        None,
        fingerprint(columns),
        groups=texts.groups,
        standard_first=texts.standard_first,
        intents=intents,
        others=others,
    )


def _open(source: str | Path) -> _Texts:
    if str(source) == SAMPLE:
        return _read_own(SAMPLE_DIRECTORY, SAMPLE_NAME)
    folder = expanded(source)
    for mark, read in _LAYOUTS.items():
        if os.path.exists(folder / mark):
            return read(folder, label(folder.resolve().name, "texts"))
    raise DataError(
        f"application_source: {str(source)!r} is neither 'sample' nor a folder with "
        f"{' or '.join(_LAYOUTS)} in it"
    )


def _read_own(folder: Path, name: str) -> _Texts:
    """Files as those of the bundled sample; other wordings may be drawn as unlabelled text."""
    faq = read_faq(folder / "faq.csv")
    groups = [[question] for question in faq.questions]
    for query, answer in zip(faq.queries, faq.answers, strict=True):
        groups[answer].append(query)
    others = {"out of scope": read_columns(folder / "out_of_scope.csv", ["text"])[0]}
    intents = read_labelled(folder / "intents.csv")
    return _Texts(name, groups, True, intents, others, list(faq.queries))


def _read_bq(folder: Path, name: str) -> _Texts:
    """BQ, every question an intent; the questions of its dev part may be drawn as unlabelled."""
    groups = clusters(read_bq(folder / "test.csv"))
    measured = [text for group in groups for text in group]
    questions = [f"question {i}" for i, group in enumerate(groups) for _ in group]
    dev = [text for group in clusters(read_bq(folder / "dev.csv")) for text in group]
    known = set(measured)
    unlabelled = [text for text in dev if text not in known]
    return _Texts("BQ", groups, False, Labelled(measured, questions), {}, unlabelled)


def _read_published(folder: Path, name: str) -> _Texts:
    """BQ's questions, SMP2020-ECDT's intents, and other services of DialogFlow."""
    return replace(
        _read_bq(folder / "bq", name),
        name="BQ, SMP2020-ECDT, DialogFlow",
        intents=read_smp2020(folder / "smp2020" / "2020train.json"),
        others={"other services": read_dialogflow(folder / "dialogflow_zh").texts},
    )


# The file or folder that tells a layout, and its reader.
_LAYOUTS: dict[str, Callable[[Path, str], _Texts]] = {
    "faq.csv": _read_own,
    "smp2020": _read_published,
    "test.csv": _read_bq,
}


def _spare(intents: Labelled, smallest: int) -> list[str]:
    """The utterances beyond the ``smallest`` that every intent keeps, drawn once and for all."""
    order = np.random.default_rng(0).permutation(len(intents.texts))
    kept: dict[str, int] = {}
    spare = []
    for place in order:
        label = intents.labels[place]
        kept[label] = kept.get(label, 0) + 1
        if kept[label] > smallest:
            spare.append(intents.texts[place])
    return spare


def _unlike(drawable: Sequence[str], others: Collection[str]) -> list[str]:
    """Those of the texts that are no other text but for width, case, punctuation and spaces."""
    writings: dict[str, set[str]] = {}
    for text in {*drawable, *others}:
        writings.setdefault(written_form(text), set()).add(text)
    return [text for text in drawable if len(writings[written_form(text)]) == 1]


def _columns(named: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Texts, and what each stands under."""
    rows = [(text, name) for name, texts in named.items() for text in texts]
    return [[text for text, _ in rows], [name for _, name in rows]]
