"""Cards of encoders: the one of an encoder trained on somebody's sentences, and what others say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simcse_core.yaml_values import parse_yaml

_POOLED = {
    "cls": "hidden[:, 0]",
    "pooler": "outputs.pooler_output",
    "mean": "(hidden * mask).sum(1) / mask.sum(1)",
    "first-last-mean": "((outputs.hidden_states[1] + hidden) / 2 * mask).sum(1) / mask.sum(1)",
}


# What a method without training makes of sentences, and how its encoder is loaded.
_FITTED = {
    "whitening": "Whitening (Su et al., 2021) of the encoder's vectors",
    "idf-mean": "An average of the encoder's last layer in which rare tokens weigh more",
    "tfidf-char": "TF-IDF of characters",
}
_LOADED = """```python
from simcse_core import SentenceEncoder

vectors = SentenceEncoder.from_pretrained("this-folder").encode(["一句话", "另一句话"])
```

```python
from sentence_transformers import SentenceTransformer

vectors = SentenceTransformer("this-folder").encode(["一句话", "另一句话"])
```
"""
_LOADED_TFIDF = """```python
from simcse_core import TfidfEncoder

vectors = TfidfEncoder.load("this-folder/tfidf.json").encode(["一句话", "另一句话"])
```
"""


def fitted_card(run: Mapping[str, Any], table: str) -> str:
    """Markdown for the folder of what was fitted without training.

    Args:
        run: ``method``, ``encoder``, ``pooling``, ``dataset``, ``data``, ``n_train``, ``versions``.
        table: what was measured, of this and of what stood beside it.
    """
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    of_text = run["method"].startswith("tfidf")
    encoder = "none" if of_text else f"{run['encoder']}, {run['pooling']} pooling"
    pipeline = "" if of_text else "library_name: sentence-transformers\n"
    return f"""---
{pipeline}pipeline_tag: sentence-similarity
language: zh
---

# {run["method"]} on {run["dataset"]}

{_FITTED.get(run["method"], run["method"])}.

Fitted on {run["n_train"]:,} sentences of {run["dataset"]}, without labels or training. On dev
it was ahead of the encoder that was trained on them.

| | |
|---|---|
| encoder | {encoder} |
| data | {run["dataset"]}, fingerprint `{run["data"]}` |
| versions | {versions} |

{table}

## Use it

{_LOADED_TFIDF if of_text else _LOADED}"""


def licence_of(folder: Path) -> str:
    """The licence that the card of an encoder's folder states; empty if it states none.

    It stands in the YAML between two lines of dashes at the head of README.md, as the hub has it.
    """
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        head = parse_yaml(text.split("---\n")[1], "README.md") if text.startswith("---\n") else {}
    except (OSError, ValueError, IndexError):  # YamlError is a ValueError
        return ""
    licence = head.get("license") if isinstance(head, dict) else None
    return licence.strip() if isinstance(licence, str) else ""


def model_card(run: Mapping[str, Any], scores: Sequence[tuple[str, str, str]]) -> str:
    """Markdown for the folder of the encoder.

    Args:
        run: ``encoder`` (what it was trained from), ``pooling``, ``max_seq_length``, ``prefix``,
            ``dataset``, ``data`` (its fingerprint), ``n_train``, ``seen`` (sentences until the
            kept point), ``train`` (settings), ``versions``.
        scores: what was measured, before training, and of what is kept, as text.
    """
    train = run["train"]
    trained = (
        f"Trained by unsupervised SimCSE (Gao et al., 2021) on {run['n_train']:,} sentences of "
        f"{run['dataset']}, without labels; kept after {run['seen']:,} sentences."
        if run["seen"]
        else f"Not trained: on dev of {run['dataset']}, no point of training beat the encoder as "
        "it was."
    )
    told = "\n".join(f"| {name} | {before} | {after} |" for name, before, after in scores)
    settings = ", ".join(f"{key} {value}" for key, value in train.items())
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
language: zh
---

# {run["encoder"]} on {run["dataset"]}

{trained}

| | |
|---|---|
| trained from | {run["encoder"]} |
| pooling | {run["pooling"]} |
| max_seq_length | {run["max_seq_length"]} |
| prefix | {run["prefix"] or "none"} |
| settings | {settings} |
| data | {run["dataset"]}, fingerprint `{run["data"]}` |
| versions | {versions} |

| measured | before training | this encoder |
|---|---|---|
{told}

Alignment and uniformity (Wang and Isola, 2020) are better when lower; they say how vectors lie, not
whether they mean the right thing. The terms of the encoder it was trained from apply to it too.

## Use it

{_LOADED}
```python
import torch
from transformers import AutoModel, AutoTokenizer

tokenizer, model = (kind.from_pretrained("this-folder") for kind in (AutoTokenizer, AutoModel))
texts = ["{run["prefix"]}" + text for text in ("一句话", "另一句话")]
batch = tokenizer(
    texts, padding=True, truncation=True, max_length={run["max_seq_length"]}, return_tensors="pt"
)
with torch.no_grad():
    outputs = model(**batch, output_hidden_states=True)
hidden, mask = outputs.last_hidden_state, batch["attention_mask"].unsqueeze(-1)
vectors = {_POOLED[str(run["pooling"])]}
```
"""
