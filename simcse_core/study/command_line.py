"""What is typed after ``python -m simcse_core.study``: read, checked, nothing of it ignored."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from simcse_core.cluster import is_address
from simcse_core.config import LANGUAGES
from simcse_core.errors import PlainError, print_any_name
from simcse_core.folders import resolved
from simcse_core.sources import SOURCES
from simcse_core.yaml_values import parse_yaml

CELL_SECONDS = 6 * 3600  # after which a cell counts as hanging
_DESCRIPTION = "Runs the notebooks of a profile in order, and says what failed."


class ArgumentError(PlainError, ValueError):
    """Something typed that cannot be used; the message names the option and what to do."""


@dataclass(frozen=True)
class Options:
    """What a study is asked for.

    Attributes:
        overrides: parameters for every notebook that has them.
        only: names of notebooks; all if empty.
        copy_notebooks: the folder to copy the notebooks to, in the place of a run.
        workers: processes; None for as many as physical cores.
        threads: of each process; None for one.
        scheduler: address of a dask cluster; None for this machine.
    """

    profile: str
    overrides: dict[str, Any]
    out: str
    only: list[str]
    cell_timeout: int
    workers: int | None
    threads: int | None
    scheduler: str | None = None
    copy_notebooks: str = ""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ArgumentError(f"{message}; --help lists the options")


class _Once(argparse.Action):
    """Takes an option once and not empty: of two, one would be without effect."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, f"given_{self.dest}", False):
            raise ArgumentError(f"{option}: given twice; once is meant")
        if values == "":
            raise ArgumentError(f"{option}: is empty; leave it out, or say what is meant")
        setattr(namespace, f"given_{self.dest}", True)
        setattr(namespace, self.dest, values)


def parse_arguments(arguments: Sequence[str] | None = None) -> Options:
    """What the command line says; without arguments, that of this process.

    Raises:
        ArgumentError: an unknown option, one given twice or empty, or a value of no use.
        YamlError: a parameter's value that is not YAML.
    """
    _check_encoding()
    options = _parser().parse_args(arguments)
    if options.scheduler and options.workers:
        raise ArgumentError(
            "--workers: is for this machine, and --scheduler has workers of its own; leave one out"
        )
    return Options(
        options.profile,
        _overrides(options),
        options.out,
        _only(options.only),
        options.cell_timeout,
        options.workers,
        options.threads,
        options.scheduler,
        options.copy_notebooks,
    )


def asked_language(arguments: Sequence[str] | None = None) -> str:
    """The language that ``-p language=`` names, whatever else cannot be used; else English."""
    typed = sys.argv[1:] if arguments is None else arguments
    named = [text.rpartition("language=")[2].strip("'\"") for text in typed if "language=" in text]
    return named[-1] if named and named[-1] in LANGUAGES else "en"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m simcse_core.study", description=_DESCRIPTION, allow_abbrev=False
    )
    add = parser.add_argument
    add("--profile", action=_Once, default="quick", help="quick, or a file of notebooks/profiles")
    add("--source", action=_Once, help="sample, hub, or a file or folder of your own")
    add("--seeds", action=_Once, help="for example 0,1,2; for every notebook")
    add("--out", action=_Once, default="", help="folder for charts, tables, executed notebooks")
    add("--only", action=_Once, help="notebooks to run, for example 02_small_sample")
    add("--workers", action=_Once, type=_count, help="processes; as many as cores by default")
    add("--threads", action=_Once, type=_count, help="of each process; 1 by default")
    add("--scheduler", action=_Once, type=_scheduler, help="of a dask cluster: tcp://host:8786")
    add("--cell-timeout", action=_Once, type=_seconds, default=CELL_SECONDS, help="seconds")
    add(
        "--copy-notebooks",
        action=_Once,
        default="",
        metavar="FOLDER",
        help="copies the notebooks and profiles to a folder of yours, and runs nothing",
    )
    add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other notebook parameter, its value in YAML; once for each",
    )
    return parser


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a number of seconds is needed, got {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 9999 is needed, got {text!r}")
    return int(text)


def _scheduler(text: str) -> str:
    if not is_address(text):
        raise argparse.ArgumentTypeError(
            f"an address such as tcp://10.0.0.1:8786 is needed, got {text!r}"
        )
    return text


def _only(text: str | None) -> list[str]:
    names = [name.strip() for name in text.split(",")] if text is not None else []
    if not all(names):
        raise ArgumentError(f"--only: names of notebooks are needed, with a comma, got {text!r}")
    return names


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in options.parameter:
        name, found, text = pair.partition("=")
        if not found or not name.isidentifier():
            raise ArgumentError(f"--parameter: expected NAME=VALUE, got {pair!r}")
        if name in values:
            raise ArgumentError(f"--parameter {name}: given twice; once is meant")
        values[name] = _value(text, f"--parameter {name}")
    for name, read in {"source": _source, "seeds": _seeds}.items():
        if (text := getattr(options, name)) is not None:
            if name in values:
                raise ArgumentError(f"--{name}: given as -p {name} too; once is meant")
            values[name] = read(text)
    return values


def _value(text: str, where: str) -> Any:
    value = parse_yaml(text, where)
    if not text.strip():
        raise ArgumentError(f"{where}: has no value; '\"\"' is empty text")
    if isinstance(value, str) and value != text.strip() and text.lstrip()[0] not in "'\"":
        raise ArgumentError(f"{where}: YAML reads {value!r}; put all of it in quotes")
    return value


def _source(text: str) -> str:
    if text not in SOURCES:
        return str(resolved(text, "--source"))
    if Path(text).is_dir():
        raise ArgumentError(
            f"--source: {text!r} is a source of its own and a folder here; write ./{text} for the "
            f"folder, or -p source={text} for the other"
        )
    return text


def _seeds(text: str) -> list[int]:
    seeds = re.split(r"\s*,\s*|\s+", text.strip())
    if not all(re.fullmatch(r"[0-9]+", seed) for seed in seeds):
        raise ArgumentError(f"--seeds: expected whole numbers like 0,1,2; got {text!r}")
    return [int(seed) for seed in seeds]


def _check_encoding() -> None:
    """Raises unless file names and what is printed can be Chinese."""
    print_any_name()
    try:
        "中文".encode(sys.getfilesystemencoding())
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"locale: names of files are {sys.getfilesystemencoding()} here, in which there is no "
            "Chinese; set PYTHONUTF8=1, or LC_ALL=C.UTF-8"
        ) from error
