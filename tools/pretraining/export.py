"""The trained encoder as transformers reads it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file
from transformers import BertForPreTraining, BertModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from tools.files import whole_folder
from tools.pretraining.model import HEADS_FILE

# float32 in use: AutoModel follows this field, not the width on disk. The dropouts are BERT's, for
# whoever fine-tunes, whatever the recipe's was.
IN_USE = {
    "dtype": "float32",
    "architectures": ["BertModel"],
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}


def export(model: BertForPreTraining, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Writes the encoder as ``AutoModel`` reads it, float16 on disk, and the heads to train on."""
    transformers_logging.disable_progress_bar()  # writing takes less than drawing its bar
    encoder = BertModel(model.config)
    encoder.load_state_dict(model.bert.state_dict())
    tied = model.bert.embeddings.word_embeddings.weight
    heads = {
        name: weight.half().contiguous()
        for name, weight in model.cls.named_parameters()
        if weight is not tied
    }
    with whole_folder(folder) as unfinished:
        encoder.half().save_pretrained(unfinished)
        save_file(heads, unfinished / HEADS_FILE)
        config = json.loads((unfinished / "config.json").read_text(encoding="utf-8")) | IN_USE
        (unfinished / "config.json").write_text(
            json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        tokenizer.save_pretrained(unfinished)
