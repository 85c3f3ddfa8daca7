"""Which file of a folder is which part, and what is cut where a part has no file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from simcse_core.errors import DataError
from simcse_core.reading.columns import Columns
from simcse_core.reading.content import Content, Pair, Sentence, read_content
from simcse_core.reading.cut import cut
from simcse_core.reading.found import Found, found_in
from simcse_core.reading.tables import KINDS, read_table

# Words in a file's name that say which part it is.
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "dev"),
    "test": "test",
}
TEXT = "sentences"  # the part of unlabelled text
_TOLD = {TEXT: "pool", "train": "pool"}  # what is trained on has no labels here


@dataclass(frozen=True)
class Layout:
    """Which files give which parts.

    Attributes:
        files: a split, or :data:`TEXT`, to its files.
        donor: the split, or a file's name, whose pairs are cut; empty if none is.
        cut_into: the parts it is cut into.
    """

    files: dict[str, list[Path]]
    donor: Path | None = None
    cut_into: tuple[str, ...] = ()

    def parts(self) -> list[str]:
        """All that can be read."""
        return list(dict.fromkeys([*self.files, *self.cut_into, TEXT]))


@dataclass
class TextFiles:
    """A file or a folder of text, read as far as it is asked for, each file once."""

    path: Path
    columns: Columns = field(default_factory=Columns)
    _read: dict[Path, Content] = field(default_factory=dict)

    @cached_property
    def layout(self) -> Layout:
        """Which files give which parts; reads nothing where the names of files tell.

        Raises:
            DataError: no file of a known kind, two for one part, or it is not clear which is which.
        """
        files = text_files(self.path)
        self.check_columns()
        named = _by_split(files) if len(files) > 1 else {}
        if not {"dev", "test"} & named.keys():
            return self._without_names(files)
        _refuse_several(named)
        others = [path for path in files if not any(path in mine for mine in named.values())]
        pool = [*named.get("train", []), *others]
        missing = [split for split in ("dev", "test") if split not in named]
        missing += [] if pool else [TEXT]
        giver = "dev" if "dev" in named else "test"
        known = {**named, **({TEXT: others} if others else {})}
        if not missing:
            return Layout(known)
        return Layout(known, named[giver][0], (giver, *missing))

    def _without_names(self, files: Sequence[Path]) -> Layout:
        """One labelled file has to give all that is measured on; the others are text."""
        labelled = [path for path in files if self.content(path).pairs]
        if len(labelled) > 1:
            raise DataError(
                f"{self.path}: {labelled[0].name} and {labelled[1].name} both hold labelled pairs, "
                "and no name says which is for what; name them train, dev and test"
            )
        text = [path for path in files if path not in labelled]
        known = {TEXT: text} if text else {}
        if not labelled:
            return Layout(known)
        return Layout(known, labelled[0], ("dev", "test", *([] if text else [TEXT])))

    def check_columns(self) -> None:
        """Raises a DataError for columns that are named where no file has any."""
        files = text_files(self.path)
        plain = all(path.suffix.lower() == ".txt" for path in files)
        if self.columns.parameters() and plain and all(read_table(f).width == 1 for f in files):
            self.columns.refuse(self.path.name, "has one sentence a line and no columns")

    def content(self, path: Path) -> Content:
        """What a file holds."""
        if path not in self._read:
            self._read[path] = read_content(path, self.columns)
        return self._read[path]

    @cached_property
    def _cut(self) -> dict[str, list[Pair]]:
        layout = self.layout
        assert layout.donor is not None
        return cut(self._labelled(layout.donor, layout.cut_into[0]), layout.cut_into)

    def _labelled(self, path: Path, split: str) -> list[Pair]:
        if pairs := self.content(path).pairs:
            return pairs
        raise DataError(
            f"{path}: its name says {split}, but it holds no labelled pairs; name label_column if "
            "it does, or give the file another name if it is text alone"
        )

    def pairs(self, split: str) -> list[Pair]:
        """The labelled pairs of a split; raises a DataError where there are none."""
        if split in self.layout.cut_into:
            return self._cut[split]
        if split not in self.layout.files:
            raise DataError(f"{self.path}: has no labelled pairs for {split}")
        return [pair for path in self.layout.files[split] for pair in self._labelled(path, split)]

    def sentences(self) -> list[Sentence]:
        """The text of every file that is not measured on, and what was cut for it."""
        layout = self.layout
        files = [*layout.files.get("train", []), *layout.files.get(TEXT, [])]
        text = [sentence for path in files for sentence in self.content(path).text()]
        if TEXT in layout.cut_into:
            pairs = self._cut[TEXT]
            text += [(where, (pair[0],)) for where, pair in pairs]
            text += [(where, (pair[1],)) for where, pair in pairs]
        return text

    def found(self) -> list[Found]:
        """What each file gave, all of them read."""
        layout = self.layout
        given = {
            path: _TOLD.get(part, part) for part, mine in layout.files.items() for path in mine
        }
        if layout.donor:
            cut = [
                f"{_TOLD.get(part, part)} ({len(self._cut[part]):,})" for part in layout.cut_into
            ]
            given[layout.donor] = f"cut into {', '.join(cut)}"
        return [found_in(self.content(path), part) for path, part in given.items()]


def text_files(path: Path) -> list[Path]:
    """The file, or those of a folder that are of a known kind, by name."""
    if path.is_file():
        return [path]
    if not path.is_dir():  # a pipe or a device, which gives its content once
        raise DataError(f"source: {path} is neither a file nor a folder; save it as a file first")
    try:
        files = _of_known_kinds(path)
    except OSError as error:
        raise DataError(f"source: {path} cannot be listed ({error.strerror})") from error
    if not files:
        raise DataError(f"source: {path} holds no file of text; known kinds are {', '.join(KINDS)}")
    return files


def _of_known_kinds(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in KINDS and not path.name.startswith(".") and path.is_file()
    )


def _by_split(files: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files:
        words = re.split(r"[\W_\d]+", path.stem.lower())
        splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        if len(splits) > 1:
            raise DataError(
                f"{path}: its name says {' and '.join(sorted(splits))}; which is it? Rename it"
            )
        for split in splits:
            found.setdefault(split, []).append(path)
    return found


def _refuse_several(named: dict[str, list[Path]]) -> None:
    for split in ("dev", "test"):
        if len(mine := named.get(split, [])) > 1:
            raise DataError(
                f"{mine[0].parent}: {mine[0].name} and {mine[1].name} both say {split}; move one "
                "away"
            )
