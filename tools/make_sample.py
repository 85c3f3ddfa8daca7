"""Write the bundled sample: unlabelled Chinese sentences and NLI triplets.

The material stands in ``tools/sample_grammar/*.toml``: one file per field of
life, plus ``common.toml`` with word lists that every field may use.  A field
file has four parts:

``sentences``  complete sentences, one a line, taken over as they are;
``templates``  sentence templates, one a line;
``triplets``   templates of the form ``premise||entailed||contradicted``;
``lists``      word lists, entries separated by white space.

In a template

``{dish}``     is an entry of the list ``dish``;
``{dish2}``    is another entry of the same list, never the same one;
``{dish.b}``   is the second column of the entry chosen for ``{dish}``; the
               columns of an entry are separated by ``/``;
``<a|b>``      is one of the alternatives written there.

Usage::

    python tools/make_sample.py           # write the files
    python tools/make_sample.py --check   # fail if the files are out of date
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRAMMAR_DIR = ROOT / "tools" / "sample_grammar"
SAMPLE_DIR = ROOT / "simcse_core" / "assets" / "sample"
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
SEPARATOR = "||"
MIN_LENGTH, MAX_LENGTH = 6, 40
SENTENCES_PER_TEMPLATE = 25
SENTENCES_PER_FIELD = 1085
TRIPLETS_PER_TEMPLATE = 7
TRIPLET_COUNT = 1000

SLOT = re.compile(r"\{([a-z]+)(\d?)(?:\.([a-z]))?\}")
CHOICE = re.compile(r"<([^<>]*)>")
NOT_A_WORD = re.compile(r"[\W_]+")
UNWANTED = re.compile(r"""[\s,;:?!()\[\]{}<>|/"'.~]""")


class Deck:
    """Deals the entries of a list in random order, all of them once before any twice."""

    def __init__(self, entries, rng):
        self.entries = list(entries)
        self.rng = rng
        self.waiting = []

    def draw(self, taken=()):
        """Return the next entry that is not in ``taken``."""
        if len(set(self.entries) - set(taken)) == 0:
            raise ValueError(f"too few entries to draw from: {self.entries}")
        while True:
            for position, entry in enumerate(self.waiting):
                if entry not in taken:
                    return self.waiting.pop(position)
            fresh = list(self.entries)
            self.rng.shuffle(fresh)
            self.waiting.extend(fresh)


def split_lines(text):
    """Return the non-empty lines of a block of text, stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def parse_list(text):
    """Turn the text of a word list into a list of entries, each a tuple of columns."""
    return [tuple(word.split("/")) for word in text.split()]


def load_field(field, grammar_dir=GRAMMAR_DIR):
    """Read one field's grammar; its own lists hide common lists of the same name."""
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


def slots_of(template):
    """Return the distinct (list name, number) slots of a template, in order."""
    return list(dict.fromkeys((m[1], m[2]) for m in SLOT.finditer(template)))


def column_of(entry, letter):
    """Return the column of an entry that a slot's letter names (none: the first)."""
    return entry[ord(letter) - ord("a")] if letter else entry[0]


def repeats_a_filler(text, template, chosen):
    """Tell whether a filler occurs more often in the text than its slots ask for."""
    wanted = {}
    for m in SLOT.finditer(template):
        filler = column_of(chosen[m[1], m[2]], m[3])
        wanted[filler] = wanted.get(filler, 0) + 1
    return any(len(filler) > 1 and text.count(filler) > count for filler, count in wanted.items())


def fill_once(template, lists, decks, choice_decks):
    """Fill one template from its decks; return the text and the entries it took."""
    choices = iter(choice_decks)
    form = CHOICE.sub(lambda m: next(choices).draw(), template)
    chosen = {}
    for name, number in slots_of(form):
        taken = [entry for (other, _), entry in chosen.items() if other == name]
        chosen[name, number] = decks[name, number].draw(taken)
    text = SLOT.sub(lambda m: column_of(chosen[m[1], m[2]], m[3]), form)
    parts = text.split(SEPARATOR)
    repeats = any(
        repeats_a_filler(part, part_form, chosen)
        for part, part_form in zip(parts, form.split(SEPARATOR), strict=True)
    )
    if repeats or len(set(parts)) < len(parts):
        return None, ()
    return text, tuple(chosen.values())


def differ_enough(values, others):
    """Tell whether a filling differs from each other one in two slots (or its only slot)."""
    needed = min(2, len(values))
    return all(
        sum(a != b for a, b in zip(values, other, strict=True)) >= needed for other in others
    )


def expand(template, lists, limit, seed):
    """Return up to ``limit`` fillings of a template, no two of them alike but for one slot.

    Slot values are dealt like cards, so that they spread evenly over the fillings.
    """
    rng = random.Random(f"{seed}:{template}")
    decks = {slot: Deck(lists[slot[0]], rng) for slot in slots_of(template)}
    choice_decks = [Deck(m[1].split("|"), rng) for m in CHOICE.finditer(template)]
    found = {}
    for _ in range(limit * 12):
        if len(found) == limit:
            break
        text, values = fill_once(template, lists, decks, choice_decks)
        if text is not None and differ_enough(values, found.values()):
            found[text] = values
    return list(found)


def problem_with(sentence):
    """Say what is wrong with the form of a sentence, or return an empty string."""
    if not MIN_LENGTH <= len(sentence) <= MAX_LENGTH:
        return f"length {len(sentence)}"
    if UNWANTED.search(sentence):
        return "white space, markup or half-width punctuation"
    return ""


def require_well_formed(sentences):
    """Raise ValueError naming every sentence whose form is wrong."""
    bad = [f"{s} ({problem_with(s)})" for s in sentences if problem_with(s)]
    if bad:
        raise ValueError("badly formed sentences:\n" + "\n".join(bad))


def bare(sentence):
    """Return a sentence without punctuation, for comparing sentences."""
    return NOT_A_WORD.sub("", sentence)


def sts_sentences(paths=STS_FILES):
    """Return the bare sentences of those STS files (id||a||b||label) that exist."""
    found = set()
    for path in paths:
        if path.exists():
            for line in split_lines(path.read_text(encoding="utf-8")):
                found.update(bare(part) for part in line.split(SEPARATOR)[1:3])
    return found


def in_rounds(groups):
    """Return the first items of all groups, then the second ones, and so on."""
    rounds = itertools.zip_longest(*groups)
    return [item for items in rounds for item in items if item is not None]


def field_sentences(field):
    """Return one field's sentences: the hand-written ones, then the expansions."""
    grammar = load_field(field)
    groups = [
        expand(template, grammar["lists"], SENTENCES_PER_TEMPLATE, SEED)
        for template in grammar["templates"]
    ]
    sentences = dict.fromkeys(grammar["sentences"] + in_rounds(groups))
    return list(sentences)[:SENTENCES_PER_FIELD]


def field_triplets(field):
    """Return one field's triplets as lines ``premise||entailed||contradicted``."""
    grammar = load_field(field)
    triplets = []
    for template in grammar["triplets"]:
        triplets += expand(template, grammar["lists"], TRIPLETS_PER_TEMPLATE, SEED)
    return triplets


def make_sentences(held_out):
    """Return all unlabelled sentences, shuffled, without those held out."""
    by_bare = {}
    for field in FIELDS:
        for sentence in field_sentences(field):
            by_bare.setdefault(bare(sentence), sentence)
    sentences = list(by_bare.values())
    require_well_formed(sentences)
    random.Random(SEED).shuffle(sentences)
    return [s for s in sentences if bare(s) not in held_out]


def make_triplets(held_out):
    """Return exactly TRIPLET_COUNT shuffled triplets without held-out sentences."""
    pool = list(dict.fromkeys(t for field in FIELDS for t in field_triplets(field)))
    require_well_formed(part for line in pool for part in line.split(SEPARATOR))
    random.Random(SEED + 1).shuffle(pool)
    kept = [t for t in pool if not any(bare(p) in held_out for p in t.split(SEPARATOR))]
    if len(kept) < TRIPLET_COUNT:
        raise ValueError(f"only {len(kept)} triplets")
    return kept[:TRIPLET_COUNT]


def make_files():
    """Return the two files as a mapping from path to bytes."""
    held_out = sts_sentences()
    contents = {SENTENCES_FILE: make_sentences(held_out), TRIPLETS_FILE: make_triplets(held_out)}
    return {
        path: "".join(line + "\n" for line in lines).encode("utf-8")
        for path, lines in contents.items()
    }


def write_files(files):
    """Write the files and say how many lines each has."""
    SAMPLE_DIR.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        path.write_bytes(data)
        print(f"{path.relative_to(ROOT)}: {len(data.splitlines())} lines")


def stale_files(files):
    """Return the paths whose contents on disk are missing or different."""
    return [p for p, data in files.items() if not p.exists() or p.read_bytes() != data]


def main(argv=None):
    """Write the sample files, or check them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the files are out of date"
    )
    args = parser.parse_args(argv)
    files = make_files()
    if not args.check:
        write_files(files)
        return 0
    stale = stale_files(files)
    for path in stale:
        print(f"out of date: {path.relative_to(ROOT)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
