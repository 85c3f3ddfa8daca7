"""The grammar of the sample: word lists and templates, and what they expand to.

The material stands in ``grammar/*.toml``: one file per field of life, plus ``common.toml`` with
word lists that every field may use. A field file has four parts:

``sentences``  complete sentences, one a line, taken over as they are;
``templates``  sentence templates, one a line;
``triplets``   templates of the form ``premise||entailed||contradicted``;
``lists``      word lists, entries separated by white space.

In a template

``{dish}``     is an entry of the list ``dish``;
``{dish2}``    is another entry of the same list, never the same one;
``{dish.b}``   is the second column of the entry chosen for ``{dish}``; the columns of an entry are
               separated by ``/``;
``<a|b>``      is one of the alternatives written there.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

GRAMMAR_DIR = Path(__file__).parent / "grammar"
SEPARATOR = "||"
TRIES_PER_FILLING = 12  # before a template is taken to be exhausted

SLOT = re.compile(r"\{([a-z]+)(\d?)(?:\.([a-z]))?\}")
CHOICE = re.compile(r"<([^<>]*)>")

T = TypeVar("T")
Entry = tuple[str, ...]  # the columns of an entry of a word list
Slot = tuple[str, str]  # the name of a list, and the number that tells its slots apart


class Grammar(TypedDict):
    """What a field's file holds; ``lists`` has the common ones, too."""

    sentences: list[str]
    templates: list[str]
    triplets: list[str]
    own_lists: dict[str, list[Entry]]
    lists: dict[str, list[Entry]]


class Deck(Generic[T]):
    """Deals the entries of a list in random order, all of them once before any twice."""

    def __init__(self, entries: Iterable[T], rng: random.Random) -> None:
        self.entries = list(entries)
        self.rng = rng
        self.waiting: list[T] = []

    def draw(self, taken: Collection[T] = ()) -> T:
        """The next entry that is not in ``taken``.

        Raises:
            ValueError: every entry is in ``taken``.
        """
        if all(entry in taken for entry in self.entries):
            raise ValueError(f"too few entries to draw from: {self.entries}")
        while True:
            for position, entry in enumerate(self.waiting):
                if entry not in taken:
                    return self.waiting.pop(position)
            fresh = list(self.entries)
            self.rng.shuffle(fresh)
            self.waiting.extend(fresh)


def load_field(field: str, grammar_dir: Path = GRAMMAR_DIR) -> Grammar:
    """Reads one field's grammar; its own lists hide common lists of the same name."""
    common = tomllib.loads((grammar_dir / "common.toml").read_text(encoding="utf-8"))
    source = tomllib.loads((grammar_dir / f"{field}.toml").read_text(encoding="utf-8"))
    own = {name: parse_list(text) for name, text in source["lists"].items()}
    shared = {name: parse_list(text) for name, text in common["lists"].items()}
    return {
        "sentences": split_lines(source["sentences"]),
        "templates": split_lines(source["templates"]),
        "triplets": split_lines(source["triplets"]),
        "own_lists": own,
        "lists": {**shared, **own},
    }


def expand(template: str, lists: Mapping[str, Sequence[Entry]], limit: int, seed: int) -> list[str]:
    """Up to ``limit`` fillings of a template, no two of them alike but for one slot.

    Slot values are dealt like cards, so that they spread evenly over the fillings.

    Raises:
        ValueError: a list has fewer entries than the template has slots for it.
    """
    rng = random.Random(f"{seed}:{template}")
    decks = {slot: Deck(lists[slot[0]], rng) for slot in slots_of(template)}
    choice_decks = [Deck(m[1].split("|"), rng) for m in CHOICE.finditer(template)]
    found: dict[str, Sequence[Entry]] = {}
    for _ in range(limit * TRIES_PER_FILLING):
        if len(found) == limit:
            break
        text, values = _fill_once(template, decks, choice_decks)
        if text and _differ_enough(values, found.values()):
            found[text] = values
    return list(found)


def slots_of(template: str) -> list[Slot]:
    """The distinct slots of a template, in order."""
    return list(dict.fromkeys((m[1], m[2]) for m in SLOT.finditer(template)))


def split_lines(text: str) -> list[str]:
    """The non-empty lines of a block of text, stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def parse_list(text: str) -> list[Entry]:
    """The entries of a word list."""
    return [tuple(word.split("/")) for word in text.split()]


def _fill_once(
    template: str, decks: Mapping[Slot, Deck[Entry]], choice_decks: Iterable[Deck[str]]
) -> tuple[str, Sequence[Entry]]:
    """A template filled from its decks, and the entries it took; empty where a word repeats."""
    choices = iter(choice_decks)
    form = CHOICE.sub(lambda m: next(choices).draw(), template)
    chosen: dict[Slot, Entry] = {}
    for name, number in slots_of(form):
        taken = [entry for (other, _), entry in chosen.items() if other == name]
        chosen[name, number] = decks[name, number].draw(taken)
    text = SLOT.sub(lambda m: _column(chosen[m[1], m[2]], m[3]), form)
    parts = text.split(SEPARATOR)
    repeats = any(
        _repeats_a_filler(part, part_form, chosen)
        for part, part_form in zip(parts, form.split(SEPARATOR), strict=True)
    )
    if repeats or len(set(parts)) < len(parts):
        return "", ()
    return text, tuple(chosen.values())


def _column(entry: Entry, letter: str | None) -> str:
    """The column of an entry that a slot's letter names (none: the first)."""
    return entry[ord(letter) - ord("a")] if letter else entry[0]


def _repeats_a_filler(text: str, template: str, chosen: Mapping[Slot, Entry]) -> bool:
    """Whether a filler occurs more often in the text than its slots ask for."""
    wanted: dict[str, int] = {}
    for m in SLOT.finditer(template):
        filler = _column(chosen[m[1], m[2]], m[3])
        wanted[filler] = wanted.get(filler, 0) + 1
    return any(len(filler) > 1 and text.count(filler) > count for filler, count in wanted.items())


def _differ_enough(values: Sequence[Entry], others: Iterable[Sequence[Entry]]) -> bool:
    """Whether a filling differs from each other one in two slots (or its only slot)."""
    needed = min(2, len(values))
    return all(
        sum(a != b for a, b in zip(values, other, strict=True)) >= needed for other in others
    )
