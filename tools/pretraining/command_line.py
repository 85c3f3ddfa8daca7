"""The command line: from text files to an encoder on disk.

    python -m tools.pretraining --text base.txt --masking character --tokens 20e6 \\
        --exclude cnsd-sts-dev.txt cnsd-sts-test.txt --work runs/pretrain/mini-bert --out mini-bert

A killed run goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, BertForPreTraining, PreTrainedTokenizerBase

from simcse_core.exit_code import GOES_ON, exit_code
from simcse_core.files import write_json
from tools.files import whole_folder
from tools.machine import describe_machine
from tools.pretraining.corpus import Corpus, encode_corpus
from tools.pretraining.export import export
from tools.pretraining.model import continued_model, new_model, set_character_vectors
from tools.pretraining.recipe import MASKINGS, Recipe
from tools.pretraining.run import Every, Run, train
from tools.pretraining.step import masked_accuracy
from tools.pretraining.text import Text, read_excluded
from tools.pretraining.vocabulary import build_vocabulary, check_special_tokens, make_tokenizer

LOG = "log.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Pretrains as the command line says; returns the exit code."""
    options = _parse(arguments)
    return exit_code(
        "pretraining", lambda: _pretrain_and_tell(options), GOES_ON, also=(ValueError,)
    )


def _pretrain_and_tell(options: argparse.Namespace) -> None:
    log = pretrain(options)
    print(json.dumps({k: v for k, v in log.items() if k != "evaluations"}, indent=1))


def pretrain(options: argparse.Namespace) -> dict[str, Any]:
    """Trains, and writes the encoder to ``--out`` and the log there and to ``--work``.

    Returns:
        The log: recipe, text, machine, steps, seconds, evaluations and the final accuracies.

    Raises:
        ValueError: text, settings or a checkpoint that cannot be used.
    """
    recipe = Recipe(**{name: getattr(options, name) for name in asdict(Recipe())})
    every = Every(options.checkpoint_every, options.evaluate_every)
    _make_repeatable()
    text = Text(tuple(options.text), read_excluded(options.exclude))
    tokenizer = _tokenizer(options, recipe, text)
    cache = options.cache or options.work
    corpus, held_out = (
        encode_corpus(text, tokenizer, cache, recipe.max_tokens - 2, held) for held in (False, True)
    )
    device = torch.device(options.device)
    model = _model(options, recipe, corpus, len(tokenizer))
    model.to(device)  # type: ignore[arg-type]  # transformers wraps torch's method
    made_from = _made_from(options, recipe, corpus, model)
    print(_describe(made_from, corpus, len(tokenizer)), flush=True)
    run = Run(model, corpus, recipe, options.work, made_from["text"])

    def evaluate() -> dict[str, float]:
        export(model, tokenizer, options.work / "latest")
        return masked_accuracy(model, held_out, recipe.masking, device)

    progress = train(run, evaluate, every)
    final = {name: masked_accuracy(model, held_out, name, device) for name in MASKINGS}
    log = {**made_from, **asdict(progress), "passes": run.passes(), "final": final}
    export(model, tokenizer, options.out)
    for folder in (options.out, options.work):
        write_json(folder / LOG, log)
    return log


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.pretraining",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    paths: dict[str, Any] = {"nargs": "+", "type": Path}
    add("--text", **paths, required=True, help="training text, one sentence a line")
    add("--exclude", **paths, default=[], help="STS files whose sentences are dropped")
    add("--vocab-text", **paths, default=[], help="text of the vocabulary (default: --text)")
    add("--tokenizer", type=Path, help="folder of a tokenizer, instead of a new vocabulary")
    add("--init", type=Path, help="encoder to continue from, tokenizer and shape included")
    add("--work", type=Path, required=True, help="folder for checkpoints")
    add("--cache", type=Path, help="folder for encoded text, shared by runs (default: --work)")
    add("--out", type=Path, required=True, help="folder for the finished encoder")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--checkpoint-every", type=int, default=Every.checkpoint, help="steps")
    add("--evaluate-every", type=int, default=Every.evaluation, help="steps; exports, too")
    _add_recipe(parser)
    options = parser.parse_args(arguments)
    needed = [*options.text, *options.exclude, *options.vocab_text, options.tokenizer, options.init]
    for path in filter(None, needed):
        if not path.exists():
            parser.error(f"{path} does not exist")
    return options


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """An option for each field of the recipe; whole numbers may be written like 6e6."""
    for name, default in asdict(Recipe()).items():
        option = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            kind = _whole_number if isinstance(default, int) else type(default)
            parser.add_argument(option, type=kind, default=default, help=f"(default: {default})")


def _whole_number(text: str) -> int:
    number = float(text)
    if not number.is_integer():
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text}")
    return int(number)


def _make_repeatable() -> None:
    """Sets what makes two runs of one seed end with the same bits; before the first product."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Every length is a shape of its own to oneDNN, which would else forget compiled ones.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True, warn_only=True)


def _tokenizer(options: argparse.Namespace, recipe: Recipe, text: Text) -> PreTrainedTokenizerBase:
    """The tokenizer to continue with, the one asked for, this run's own, or one from the text."""
    own = options.work / "tokenizer"
    given = options.init or options.tokenizer
    if given is None and not own.exists():
        vocabulary_text = Text(tuple(options.vocab_text), text.excluded)
        sentences = (vocabulary_text if options.vocab_text else text).sentences()
        with whole_folder(own) as unfinished:
            made = make_tokenizer(build_vocabulary(sentences), recipe.max_tokens)
            made.save_pretrained(unfinished)
    tokenizer = AutoTokenizer.from_pretrained(given or own)
    check_special_tokens(tokenizer)
    return tokenizer


def _model(
    options: argparse.Namespace, recipe: Recipe, corpus: Corpus, vocab_size: int
) -> BertForPreTraining:
    """The encoder to continue, or a new one."""
    if options.init:
        return continued_model(options.init)
    model = new_model(recipe, vocab_size)
    if recipe.character_vectors:
        set_character_vectors(model, corpus, recipe)
    return model


def _made_from(
    options: argparse.Namespace, recipe: Recipe, corpus: Corpus, model: BertForPreTraining
) -> dict[str, Any]:
    """The part of the log that is known before the first step."""
    return {
        "recipe": asdict(recipe),
        "text": [path.name for path in options.text],
        "excluded": [path.name for path in options.exclude],
        "init": options.init and options.init.name,
        "sentences": len(corpus),
        "parameters": sum(p.numel() for p in model.bert.parameters()),
        "device": str(model.device),
        "machine": describe_machine(model.device),
    }


def _describe(made_from: dict[str, Any], corpus: Corpus, vocab_size: int) -> str:
    in_bf16 = made_from["machine"]["bfloat16 in hardware"]
    return (
        f"{len(corpus):,} sentences, {len(corpus.tokens):,} tokens, vocabulary {vocab_size:,}, "
        f"{made_from['parameters']:,} parameters, {made_from['device']}, "
        f"{'bfloat16' if in_bf16 else 'float32'}"
    )
