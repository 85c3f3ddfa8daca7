"""Converts an encoder folder with pickled weights into one with safetensors, once.

    python tools/convert_to_safetensors.py FOLDER OUT

torch reads the pickle in its weights-only mode, which refuses all but tensors; the study itself
never opens a pickle.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer


def convert(folder: Path, out: Path) -> None:
    """Writes the encoder in ``folder`` to ``out`` as float32 safetensors, tokenizer included.

    Raises:
        OSError: ``folder`` holds no config or no pytorch_model.bin.
    """
    model = AutoModel.from_pretrained(
        folder, use_safetensors=False, weights_only=True, dtype=torch.float32
    )
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder).save_pretrained(out)


def main() -> int:
    """Command line entry; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds config.json and pytorch_model.bin")
    parser.add_argument("out", type=Path, help="where the safetensors encoder goes")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"convert: {options.folder} is not a directory", file=sys.stderr)
        return 1
    try:
        convert(options.folder, options.out)
    except (OSError, ValueError) as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    print(f"written: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
