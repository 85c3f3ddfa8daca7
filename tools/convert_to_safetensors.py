"""Converts an encoder folder with pickled weights into one with safetensors, once.

    python tools/convert_to_safetensors.py FOLDER OUT

torch reads the pickle in its weights-only mode, which refuses all but tensors; the study itself
never opens a pickle.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from simcse_core.exit_code import exit_code


def convert(folder: Path, out: Path) -> None:
    """Writes the encoder in ``folder`` to ``out`` as float32 safetensors, tokenizer included.

    Raises:
        OSError: ``folder`` is none, or holds no config or no pytorch_model.bin.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a directory")
    model = AutoModel.from_pretrained(
        folder, use_safetensors=False, weights_only=True, dtype=torch.float32
    )
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder).save_pretrained(out)
    print(f"written: {out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds config.json and pytorch_model.bin")
    parser.add_argument("out", type=Path, help="where the safetensors encoder goes")
    options = parser.parse_args(arguments)
    run = partial(convert, options.folder, options.out)
    return exit_code("convert", run, also=(ValueError,))


if __name__ == "__main__":
    sys.exit(main())
