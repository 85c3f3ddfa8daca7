"""Writes the two files of the sample that a grammar expands to.

python -m tools.sample           # write the files
python -m tools.sample --check   # fail if the files are out of date
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from simcse_core.config import ASSETS, PROJECT_ROOT
from simcse_core.files import write_bytes
from tools.sample.grammar import SEPARATOR, expand, load_field, split_lines

SAMPLE_DIR = ASSETS / "sample"
SENTENCES_FILE = SAMPLE_DIR / "sample-sentences.txt"
TRIPLETS_FILE = SAMPLE_DIR / "sample-nli-train.txt"
STS_FILES = (SAMPLE_DIR / "sample-sts-dev.txt", SAMPLE_DIR / "sample-sts-test.txt")

FIELDS = (
    "cooking",
    "travel",
    "weather",
    "sports",
    "animals",
    "home",
    "health",
    "work",
    "school",
    "shopping",
    "music",
    "news",
)
SEED = 20210930
MIN_LENGTH, MAX_LENGTH = 6, 40  # characters of a sentence
SENTENCES_PER_TEMPLATE = 25
SENTENCES_PER_FIELD = 1085
TRIPLETS_PER_TEMPLATE = 7
TRIPLET_COUNT = 1000

NOT_A_WORD = re.compile(r"[\W_]+")
UNWANTED = re.compile(r"""[\s,;:?!()\[\]{}<>|/"'.~]""")

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the sample files, or checks them; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the files are out of date"
    )
    options = parser.parse_args(arguments)
    files = make_files()
    if not options.check:
        write_files(files)
        return 0
    stale = stale_files(files)
    for path in stale:
        print(f"out of date: {path.relative_to(PROJECT_ROOT)}", file=sys.stderr)
    return 1 if stale else 0


def make_files() -> dict[Path, bytes]:
    """The content of each of the two files."""
    held_out = sts_sentences()
    contents = {SENTENCES_FILE: make_sentences(held_out), TRIPLETS_FILE: make_triplets(held_out)}
    return {
        path: "".join(line + "\n" for line in lines).encode("utf-8")
        for path, lines in contents.items()
    }


def write_files(files: Mapping[Path, bytes]) -> None:
    """Writes the files and says how many lines each has."""
    for path, content in files.items():
        write_bytes(path, content)
        print(f"{path.relative_to(PROJECT_ROOT)}: {len(content.splitlines())} lines")


def stale_files(files: Mapping[Path, bytes]) -> list[Path]:
    """The paths whose contents on disk are missing or different."""
    return [p for p, content in files.items() if not p.exists() or p.read_bytes() != content]


def make_sentences(held_out: Collection[str]) -> list[str]:
    """All unlabelled sentences, shuffled, without those held out.

    Raises:
        ValueError: a sentence is badly formed.
    """
    by_bare: dict[str, str] = {}
    for field in FIELDS:
        for sentence in field_sentences(field):
            by_bare.setdefault(bare(sentence), sentence)
    sentences = list(by_bare.values())
    require_well_formed(sentences)
    random.Random(SEED).shuffle(sentences)
    return [s for s in sentences if bare(s) not in held_out]


def make_triplets(held_out: Collection[str]) -> list[str]:
    """Exactly :data:`TRIPLET_COUNT` shuffled triplets without held-out sentences.

    Raises:
        ValueError: a sentence is badly formed, or there are too few triplets.
    """
    pool = list(dict.fromkeys(t for field in FIELDS for t in field_triplets(field)))
    require_well_formed(part for line in pool for part in line.split(SEPARATOR))
    random.Random(SEED + 1).shuffle(pool)
    kept = [t for t in pool if not any(bare(p) in held_out for p in t.split(SEPARATOR))]
    if len(kept) < TRIPLET_COUNT:
        raise ValueError(f"{TRIPLET_COUNT} triplets are needed, got {len(kept)}; add templates")
    return kept[:TRIPLET_COUNT]


def field_sentences(field: str) -> list[str]:
    """One field's sentences: the hand-written ones, then the expansions."""
    grammar = load_field(field)
    groups = [
        expand(template, grammar["lists"], SENTENCES_PER_TEMPLATE, SEED)
        for template in grammar["templates"]
    ]
    sentences = dict.fromkeys(grammar["sentences"] + in_rounds(groups))
    return list(sentences)[:SENTENCES_PER_FIELD]


def field_triplets(field: str) -> list[str]:
    """One field's triplets as lines ``premise||entailed||contradicted``."""
    grammar = load_field(field)
    triplets: list[str] = []
    for template in grammar["triplets"]:
        triplets += expand(template, grammar["lists"], TRIPLETS_PER_TEMPLATE, SEED)
    return triplets


def sts_sentences(paths: Iterable[Path] = STS_FILES) -> set[str]:
    """The bare sentences of those STS files (id||a||b||label) that exist."""
    found: set[str] = set()
    for path in paths:
        if path.exists():
            for line in split_lines(path.read_text(encoding="utf-8")):
                found.update(bare(part) for part in line.split(SEPARATOR)[1:3])
    return found


def require_well_formed(sentences: Iterable[str]) -> None:
    """Raises a ValueError that names every sentence whose form is wrong."""
    if bad := [f"{s} ({problem_with(s)})" for s in sentences if problem_with(s)]:
        raise ValueError("badly formed sentences:\n" + "\n".join(bad))


def problem_with(sentence: str) -> str:
    """What is wrong with the form of a sentence; empty if nothing is."""
    if not MIN_LENGTH <= len(sentence) <= MAX_LENGTH:
        return f"length {len(sentence)}"
    if UNWANTED.search(sentence):
        return "white space, markup or half-width punctuation"
    return ""


def bare(sentence: str) -> str:
    """A sentence without punctuation, for comparing sentences."""
    return NOT_A_WORD.sub("", sentence)


def in_rounds(groups: Iterable[Iterable[T]]) -> list[T]:
    """The first items of all groups, then the second ones, and so on."""
    rounds = itertools.zip_longest(*groups)
    return [item for items in rounds for item in items if item is not None]
