"""What every parameter of the notebooks has to be, whoever sets it.

The command line, the profiles and the notebooks themselves go by the one table, so that a value
that cannot be used is refused by its name before anything runs.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from simcse_core.config import BEST, LANGUAGES, OWN, Pooling, TrainConfig
from simcse_core.errors import ParameterError
from simcse_core.objectives import OBJECTIVES
from simcse_core.recipes import PLAIN, RECIPES
from simcse_core.report.messages import speak

# A parameter's name and the value it was given, to the value as it is used.
Parse = Callable[[str, object], Any]

LARGEST_SEED = 2**32 - 1  # what every generator of random numbers takes
MOST_EPOCHS = 10_000
LONGEST_SHOWN = 80  # characters of a value in a message
INJECTED = "# Parameters\n"  # how papermill begins the cell of what it was given
PAPERMILLS_OWN = "PAPERMILL_"  # how the names begin that --inject-paths sets
SHORTEST_SEQUENCE = 3  # [CLS], a token, [SEP]
MOST_PROBED = 10_000  # sentences, whose cosines with one another take 8 bytes each


def refuse(name: str, wanted: str, value: object) -> ParameterError:
    """The error for a value: the parameter, what is needed, what was given."""
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
    return ParameterError(f"{name}: {wanted} is needed, got {shown}")


def text(wanted: str = "a text", empty: bool = False) -> Parse:
    """Text that can be written down; not empty, unless said so."""

    def parse(name: str, value: object) -> str:
        if not isinstance(value, str) or not (value.strip() or (empty and value == "")):
            raise refuse(name, wanted, value)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise refuse(name, "text in UTF-8", value) from error
        if "\0" in value:
            raise refuse(name, "text without a NUL byte", value)
        return str(value)

    return parse


def optional(item: Parse) -> Parse:
    """Nothing, or what ``item`` takes."""
    return lambda name, value: None if value is None else item(name, value)


def whole(at_least: int = 0, at_most: float = math.inf, or_zero: bool = False) -> Parse:
    """A whole number; a truth value is none."""
    wanted = f"a whole number from {at_least}"
    wanted += f" to {at_most:,}" if at_most < math.inf else ""
    wanted += ", or 0," if or_zero else ""

    def parse(name: str, value: object) -> int:
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise refuse(name, wanted, value)
        number = int(value)
        if not at_least <= number <= at_most and not (or_zero and number == 0):
            raise refuse(name, wanted, value)
        return number

    return parse


def share(name: str, value: object) -> float:
    """A number between 0 and 1, both left out."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < 1:  # type: ignore[operator]
        raise refuse(name, "a number between 0 and 1", value)
    return float(value)


def _typed(name: str, value: object) -> list[str]:
    """Three texts, each of which may be empty: what stands in fields to type into."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        raise refuse(name, "a list of three texts", value)
    return [text(empty=True)(f"{name}, item {i}", part) for i, part in enumerate(value, start=1)]


def one_of(known: Collection[str]) -> Parse:
    """One of some names; of those that are not empty, the message lists all."""

    def parse(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in known:
            listed = ", ".join(filter(None, known))
            raise ParameterError(f"{name}: unknown value {value!r}; use one of: {listed}")
        return str(value)

    return parse


def some(item: Parse, wanted: str, empty: bool = False) -> Parse:
    """A list of distinct items; not empty, unless said so."""

    def parse(name: str, value: object) -> list[Any]:
        if (
            not isinstance(value, Sequence)
            or isinstance(value, str | bytes)
            or not (value or empty)
        ):
            raise refuse(name, f"a list of {wanted}", value)
        parsed = [item(f"{name}, item {i}", part) for i, part in enumerate(value, start=1)]
        for i, part in enumerate(parsed):
            if part in parsed[:i]:
                raise ParameterError(f"{name}: {part!r} stands there twice; name it once")
        return parsed

    return parse


def one_or_some(item: Parse, wanted: str) -> Parse:
    """A list of distinct items, or one item as a text."""
    several = some(item, wanted)
    return lambda name, value: (
        [item(name, value)] if isinstance(value, str) else several(name, value)
    )


def mapping(keys: Mapping[str, Parse], example: str, elsewhere: Mapping[str, str]) -> Parse:
    """A mapping with some of the keys.

    Args:
        elsewhere: keys that would have no effect here, and where they are set.
    """

    def parse(name: str, value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise refuse(name, f"a mapping such as {example}", value)
        for key in value:
            if key in elsewhere:
                raise ParameterError(f"{name}: {key} has no effect here; {elsewhere[key]}")
            if key not in keys:
                raise ParameterError(f"{name}: unknown key {key!r}; known: {', '.join(keys)}")
        return {str(key): keys[key](f"{name}, {key}", part) for key, part in value.items()}

    return parse


def _setting(field: str) -> Parse:
    """A field of :class:`TrainConfig`, which knows its range."""

    def parse(name: str, value: object) -> Any:
        try:
            return getattr(TrainConfig.from_mapping({field: value}), field)
        except (ValueError, TypeError) as error:
            raise ParameterError(f"{name.partition(',')[0]}, {error}") from error

    return parse


_ELSEWHERE = {
    "seed": "a run is made for each of seeds",
    "num_epochs": "sizes are trained on for one epoch, and 04_epochs has num_epochs",
}
_IDS = some(text(), "hub ids", empty=True)
_HUB: dict[str, Parse] = {
    "sts": text(),
    "sts_revision": optional(text()),
    "nli": optional(text()),
    "nli_revision": optional(text()),
    "sentences": _IDS,
    "sentence_columns": some(text(), "columns"),
}
_READY_MADE: dict[str, Parse] = {
    "encoder": text("an encoder's name, folder or hub id"),
    "pooling": one_of([*Pooling]),
    "prefix": text(empty=True),
}


def _ready_made(name: str, value: object) -> str | dict[str, str]:
    """A ready-made encoder by its name, or with what its folder does not say."""
    if isinstance(value, str):
        return _READY_MADE["encoder"](name, value)
    example = '{"encoder": "owner/name", "pooling": "mean", "prefix": "query: "}'
    found = mapping(_READY_MADE, example, {})(name, value)
    if "encoder" not in found:
        raise refuse(name, f"an encoder, as in {example},", value)
    return found


def _recipes(name: str, value: object) -> list[str]:
    """Names of recipes, with the plain one, since without it there is no difference to tell."""
    found = some(one_of(RECIPES), "recipes")(name, value)
    if PLAIN not in found:
        raise ParameterError(f"{name}: the others are compared with {PLAIN}; name it too")
    return found


_SIZES = some(whole(2), "whole numbers from 2, such as [50, 200],")

# To add a parameter: a row here. One without a row has the type of its default.
PARAMETERS: dict[str, Parse] = {
    "source": text("sample, hub, a file or a folder"),
    "sources": some(text("sample, hub, a file or a folder"), "sources", empty=True),
    "extra_sentences": some(text(), "file names", empty=True),
    "text_column": text("the name of a column", empty=True),
    "pair_columns": some(text(), "two names of columns", empty=True),
    "label_column": text("the name of a column", empty=True),
    "hub": mapping(_HUB, '{"sts": "owner/name"}', {}),
    "encoder": text("an encoder's name, folder or hub id"),
    "encoders": some(text(), "names, folders or hub ids of encoders"),
    "ready_made": some(_ready_made, "names or mappings", empty=True),
    "pooling": one_or_some(one_of([*Pooling, BEST, OWN]), "poolings, such as [cls, best],"),
    "training": mapping(
        {f.name: _setting(f.name) for f in fields(TrainConfig) if f.name not in _ELSEWHERE},
        '{"learning_rate": 3e-5}',
        _ELSEWHERE,
    ),
    "max_seq_length": whole(SHORTEST_SEQUENCE, or_zero=True),
    "sizes": _SIZES,
    "table_sizes": _SIZES,
    "n_train": whole(2),
    "max_sentences": whole(2),
    "num_epochs": whole(1, MOST_EPOCHS),
    "whitening_sentences": whole(2),
    "objectives": some(one_of(OBJECTIVES), "objectives"),
    "recipes": _recipes,
    "recipe_encoders": some(text(), "names, folders or hub ids of encoders", empty=True),
    "max_pairs": whole(10, or_zero=True),
    "n_unlabelled": whole(20, MOST_PROBED),
    "fixed_on": some(text("the name of a data set"), "names of data sets", empty=True),
    "checkpoints": _SIZES,
    "typed": _typed,
    "application_source": text("sample or a folder"),
    "examples": some(whole(1), "whole numbers from 1, such as [1, 3, 5],"),
    "labelled_examples": whole(3),
    "unknown_shares": some(share, "shares, such as [0.25, 0.5],", empty=True),
    "seeds": some(whole(0, LARGEST_SEED), "whole numbers from 0, such as [0, 1],"),
    "output_dir": text("a folder, or nothing,", empty=True),
    "language": one_of(LANGUAGES),
}


def checked(
    values: Mapping[str, object], defaults: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """The values as they are used, by name.

    Args:
        defaults: whose types a parameter without a row in :data:`PARAMETERS` must have.

    Raises:
        ParameterError: one that cannot be used.
    """
    like = {name: _like(default) for name, default in (defaults or {}).items()}
    parse = {**like, **PARAMETERS}
    return {
        name: parse[name](name, value) if name in parse else value for name, value in values.items()
    }


def _like(default: object) -> Parse:
    """What has the type of a default; a whole number is a float too, a truth value is none."""
    wanted = type(default)

    def parse(name: str, value: object) -> Any:
        fits = default is None or (
            isinstance(value, Real if wanted is float else wanted)
            and (wanted is bool or not isinstance(value, bool))
        )
        if not fits:
            raise refuse(name, f"a value of type {wanted.__name__}, like {default!r},", value)
        if isinstance(default, list) and isinstance(value, list) and default:
            return [_like(default[0])(f"{name}, item {i}", v) for i, v in enumerate(value, 1)]
        return value

    return parse


# ---------------------------------------------------------------- in a notebook


def check_notebook(variables: Mapping[str, Any]) -> None:
    """Holds what papermill set against the parameters that a notebook has; call it with globals().

    papermill takes a misspelt name for a new one, says so in a note and goes on. What the notebook
    says from here on, its errors too, it says in its ``language``.

    Raises:
        ParameterError: a parameter that the notebook does not have, or one that cannot be used.
    """
    if variables.get("language") in LANGUAGES:
        speak(variables["language"])
    cells = ["", *(str(cell) for cell in variables.get("In", ()))]
    injected = max((i for i, cell in enumerate(cells) if cell.startswith(INJECTED)), default=0)
    has = _assigned(cells[injected - 1]) if injected else {}
    given = _assigned(cells[injected]) if injected else {}
    if unknown := [n for n in given if n not in has and not n.startswith(PAPERMILLS_OWN)]:
        raise ParameterError(
            f"{unknown[0]}: this notebook has no such parameter; it has {', '.join(has)}"
        )
    defaults = {name: default for name, default in has.items() if default is not None}
    for name in {*has, *PARAMETERS} & variables.keys():
        try:
            checked({name: variables[name]}, defaults)
        except ParameterError as error:
            as_text = isinstance(variables[name], str) and isinstance(has.get(name), list | dict)
            way = (
                f"; papermill takes lists and mappings with -y '{name}: …'"
                if as_text and name in given
                else ""
            )
            raise ParameterError(f"{error}{way}") from error


def _assigned(cell: str) -> dict[str, Any]:
    """The names that a cell assigns, with what is assigned where it is a literal, else None."""
    found: dict[str, Any] = {}
    try:
        statements = ast.parse(cell).body
    except SyntaxError as error:
        raise ParameterError(
            f"parameters, line {error.lineno}: only 'name = literal' belongs here ({error.msg})"
        ) from error
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                found[name] = None
                with suppress(ValueError):
                    found[name] = ast.literal_eval(value)
    return found
