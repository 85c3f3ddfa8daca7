"""The model card of an encoder, from its log and what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import ModelCardData

from simcse_core.report.tables import to_markdown
from tools.pretraining.recipe import Recipe, recipe_of
from tools.pretraining.step import HELD_OUT_SENTENCES

TEMPLATE = Path(__file__).with_name("card.md")
# What stands in the files that the bundled encoders are made from; others are told by their names.
TEXTS = {
    "base.txt": "image captions, natural language inference, STS training sentences and Tatoeba",
    "ext.txt": "questions, reviews, news and Wikipedia",
}
MASKINGS = {"character": "single characters", "word": "whole words (jieba)"}
METADATA = ModelCardData(
    language="zh",
    license="other",
    license_name="research-use-only",
    library_name="transformers",
    pipeline_tag="feature-extraction",
    tags=["bert", "masked-language-modeling", "sentence-similarity", "simcse"],
)


@dataclass(frozen=True)
class Measured:
    """What is measured on an encoder as it stands.

    Attributes:
        data: what the pairs behind ``spearman`` are called.
        spearman: ``value``, ``ci_low`` and ``ci_high`` in a row for each ``pooling`` and ``split``.
        views: the mean cosine of two dropout views of a sentence, ``own``, and of two sentences,
            ``others``, in a row for each ``pooling``.
        unknown: a row a text: ``sentences``, the share of [UNK] in ``tokens``, and the share of
            sentences ``with one``.
    """

    parameters: int
    vocabulary: int
    file_bytes: int
    data: str
    spearman: pd.DataFrame
    views: pd.DataFrame
    unknown: pd.DataFrame


def make_card(name: str, log: Mapping[str, Any], measured: Measured) -> str:
    """The card as Markdown, with the metadata that the hub reads on top.

    Raises:
        KeyError: the log lacks something that the card tells.
    """
    recipe = recipe_of(log["recipe"])
    return TEMPLATE.read_text(encoding="utf-8").format(
        metadata=METADATA.to_yaml(),
        name=name,
        **_shape(recipe, measured),
        **_training(recipe, log),
        **_accuracies(log["final"]),
        data=measured.data,
        spearman=to_markdown(_spearman_table(measured.spearman)),
        views=to_markdown(measured.views.map("{:.3f}".format)),
        unknown=to_markdown(_unknown_table(measured.unknown)),
        pooler=(
            "The pooler was trained by the next-sentence objective."
            if recipe.next_sentence
            else "The pooler was never trained: it holds its random start."
        ),
        excluded=_excluded(log["excluded"]),
    )


def side_by_side(encoders: Mapping[str, tuple[Mapping[str, Any], Measured]]) -> pd.DataFrame:
    """What the cards of several encoders tell, a column an encoder."""
    return pd.DataFrame(
        {name: _column(log, measured) for name, (log, measured) in encoders.items()}
    ).rename_axis("")


def _column(log: Mapping[str, Any], measured: Measured) -> dict[str, str]:
    recipe = recipe_of(log["recipe"])
    training, accuracies = _training(recipe, log), _accuracies(log["final"])
    wide = measured.spearman["value"].unstack("split", sort=False)
    return {
        "text": ", ".join(log["text"]),
        "masking": training["masking"],
        "next sentence": training["next_sentence"],
        "tokens, passes over the text": f"{training['tokens']} M, {training['passes']}",
        "steps, hours": f"{training['steps']}, {training['hours']}",
        "masked accuracy, single characters": accuracies["character"],
        "masked accuracy, whole words": accuracies["word"],
        **{
            f"untrained, {pooling} ({' / '.join(wide.columns)})": " / ".join(
                f"{value:.3f}" for value in values
            )
            for pooling, values in wide.iterrows()
        },
        **{
            f"cosine of two views, of two sentences, {pooling}": f"{own:.3f}, {others:.3f}"
            for pooling, own, others in measured.views.itertuples()
        },
        "parameters, file": f"{measured.parameters:,}, {measured.file_bytes / 1e6:.1f} MB",
    }


def _spearman_table(spearman: pd.DataFrame) -> pd.DataFrame:
    cells = spearman.apply(
        lambda row: f"{row['value']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]", axis=1
    )
    return cells.unstack("split", sort=False).rename_axis(columns=None)


def _unknown_table(unknown: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sentences": unknown["sentences"].map("{:,}".format),
            "share of tokens": unknown["tokens"].map("{:.2%}".format),
            "sentences with one": unknown["with one"].map("{:.2%}".format),
        }
    )


def _shape(recipe: Recipe, measured: Measured) -> dict[str, str]:
    return {
        "layers": str(recipe.layers),
        "hidden": str(recipe.hidden),
        "heads": str(recipe.heads),
        "parameters": f"{measured.parameters:,}",
        "vocabulary": f"{measured.vocabulary:,}",
        "megabytes": f"{measured.file_bytes / 1e6:.1f}",
    }


def _training(recipe: Recipe, log: Mapping[str, Any]) -> dict[str, str]:
    return {
        "text": f"{log['sentences']:,} sentences: "
        + "; ".join(TEXTS.get(file, file) for file in log["text"]),
        "start": _start(recipe, log),
        "masking": MASKINGS[recipe.masking],
        "next_sentence": (
            f"in {recipe.next_sentence:.0%} of the batches: halves of a sentence, half of the "
            "second ones another sentence's"
            if recipe.next_sentence
            else "no such objective"
        ),
        "tokens": f"{log['tokens'] / 1e6:.1f}",
        "passes": f"{log['passes']:.1f}",
        "steps": f"{log['step']:,}",
        "batch_tokens": f"{recipe.batch_tokens:,}",
        "learning_rate": f"{recipe.learning_rate:g}",
        "dropout": f"{recipe.dropout:g}",
        "warmup": f"{recipe.warmup:.0%}",
        "decay": f"{recipe.decay:.0%}",
        "hours": f"{log['seconds'] / 3600:.2f}",
        "machine": _machine(log["machine"]),
    }


def _start(recipe: Recipe, log: Mapping[str, Any]) -> str:
    if log["init"]:
        return f"continues `{log['init']}`"
    if recipe.character_vectors:
        return "from scratch; embeddings from co-occurrence counts of the characters (PPMI, SVD)"
    return "from scratch, random"


def _machine(machine: Mapping[str, Any]) -> str:
    threads = machine["threads"]
    where = machine.get("gpu") or (f"{machine['processor']}, {threads} thread{'s' * (threads > 1)}")
    return f"{where}, {'bfloat16 autocast' if machine['bfloat16 in hardware'] else 'float32'}"


def _accuracies(final: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    told = {
        name: f"{found['accuracy']:.3f} (loss {found['loss']:.2f})" for name, found in final.items()
    }
    return {**told, "held_out": f"{HELD_OUT_SENTENCES:,}"}


def _excluded(files: list[str]) -> str:
    if not files:
        return "No sentence was kept out of the text."
    return (
        f"No sentence of {' or '.join(files)} was trained on: lines that equal one, punctuation, "
        "spaces, case and width apart, were dropped.\n"
    )
