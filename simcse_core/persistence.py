"""What a folder says of its encoder beside the weights, in the layout of sentence-transformers 6.2.

    file                               | what it holds here
    -----------------------------------|--------------------------------------------------------
    modules.json                       | the stock modules, in the order in which they are applied
    sentence_bert_config.json          | which output of the model is taken, max_seq_length
    config_sentence_transformers.json  | the prefix, as the default prompt
    N_Pooling/config.json              | cls or mean
    N_WeightedLayerPooling/            | first-last-mean: the weight of each layer's output
    N_Normalize/config.json            | vectors are brought to length 1

No module needs code of its own, so that sentence-transformers loads the folder without trusting it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from simcse_core.config import Pooling
from simcse_core.errors import PlainError
from simcse_core.files import write_bytes, write_json

MODULES = "modules.json"
TRANSFORMER = "sentence_bert_config.json"
PROMPTS = "config_sentence_transformers.json"
FORMAT = "6.2.0"  # of sentence-transformers, whose layout this is

_STOCK = {
    "Transformer": "sentence_transformers.base.modules.transformer",
    "WeightedLayerPooling": "sentence_transformers.sentence_transformer.modules"
    ".weighted_layer_pooling",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling",
    "Normalize": "sentence_transformers.base.modules.normalize",
}
# The modules between the transformer and the normalisation.
_BETWEEN: dict[Pooling, tuple[str, ...]] = {
    Pooling.CLS: ("Pooling",),
    Pooling.POOLER: (),
    Pooling.MEAN: ("Pooling",),
    Pooling.FIRST_LAST_MEAN: ("WeightedLayerPooling", "Pooling"),
}
_MODES = {"cls": Pooling.CLS, "mean": Pooling.MEAN}
# As releases before 6 wrote the mode: a truth value for each.
_OLD_MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}


class SettingsError(PlainError, ValueError):
    """A folder's settings that cannot be read or followed; the message names the file."""


@dataclass(frozen=True)
class SavedSettings:
    """What turns a model's outputs into sentence vectors.

    Attributes:
        max_seq_length: tokens after which a sentence is cut; None if the folder leaves it open.
        prefix: stands before each sentence.
        normalize: whether vectors are brought to length 1.
    """

    pooling: Pooling
    max_seq_length: int | None = None
    prefix: str = ""
    normalize: bool = False


def write_settings(folder: Path, settings: SavedSettings) -> None:
    """Writes the settings beside the weights of a model that ``save_pretrained`` has written.

    Raises:
        SettingsError: ``folder`` has no readable config.json.
    """
    model = _read_object(folder / "config.json")
    kinds = ["Transformer", *_BETWEEN[settings.pooling]]
    kinds += ["Normalize"] if settings.normalize else []
    paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(kinds) if i)]
    for kind, path in zip(kinds, paths, strict=True):
        if path:
            write_json(folder / path / "config.json", _module_config(kind, settings, model))
        if kind == "WeightedLayerPooling":
            weights = {"layer_weights": _layer_weights(model["num_hidden_layers"])}
            write_bytes(folder / path / "model.safetensors", save(weights))
    write_json(folder / TRANSFORMER, _transformer_config(settings))
    write_json(folder / PROMPTS, _prompts(settings.prefix))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"{_STOCK[kind]}.{kind}"}
        for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    write_json(folder / MODULES, modules)  # last: it says that the others are there


def read_settings(folder: Path) -> SavedSettings | None:
    """The settings of a folder in this layout or in that of older releases; None without one.

    Raises:
        SettingsError: a file that cannot be read, or a module or setting that is not followed here.
    """
    listed = folder / MODULES
    if not listed.is_file():
        return None
    kinds, paths = _read_modules(listed)
    normalize = len(kinds) > 1 and kinds[-1] == "Normalize"
    between = tuple(kinds[1:-1] if normalize else kinds[1:])
    if kinds[:1] != ["Transformer"] or between not in _BETWEEN.values():
        raise SettingsError(
            f"{listed}: the modules {', '.join(kinds) or 'none'} in this order are not supported; "
            "an encoder is a Transformer, a pooling and at most a Normalize"
        )
    transformer = _read_object(folder / TRANSFORMER, optional=True)
    if transformer.get("do_lower_case"):
        raise SettingsError(f"{folder / TRANSFORMER}: do_lower_case is not supported")
    prefix = _read_prefix(folder / PROMPTS)
    if not between:
        pooling = _read_pooler(folder / TRANSFORMER, transformer)
    else:
        pooling = _read_mode(folder / paths[len(between)] / "config.json", prefix)
        if between == _BETWEEN[Pooling.FIRST_LAST_MEAN]:
            pooling = _read_layers(folder / paths[1], pooling)
    return SavedSettings(pooling, _read_length(folder, transformer), prefix, normalize)


# --- written ---------------------------------------------------------------------------------


def _module_config(kind: str, settings: SavedSettings, model: Mapping[str, Any]) -> dict[str, Any]:
    mode = "cls" if settings.pooling is Pooling.CLS else "mean"
    width = model["hidden_size"]
    return {
        "WeightedLayerPooling": {
            "embedding_dimension": width,
            "layer_start": 1,  # 0 is the embeddings
            "num_hidden_layers": model["num_hidden_layers"],
        },
        "Pooling": {"embedding_dimension": width, "pooling_mode": mode, "include_prompt": True},
        "Normalize": {
            "module_input_name": "sentence_embedding",
            "module_output_name": "sentence_embedding",
        },
    }[kind]


def _layer_weights(layers: int) -> np.ndarray:
    """The first and the last of ``layers`` outputs, equally; of one layer, that one."""
    weights = np.zeros(layers, dtype=np.float32)
    weights[0] += 1
    weights[-1] += 1
    return weights


def _transformer_config(settings: SavedSettings) -> dict[str, Any]:
    pooler = settings.pooling is Pooling.POOLER
    output = "pooler_output" if pooler else "last_hidden_state"
    config: dict[str, Any] = {
        "transformer_task": "feature-extraction",
        "modality_config": {"text": {"method": "forward", "method_output_name": output}},
        "module_output_name": "sentence_embedding" if pooler else "token_embeddings",
    }
    if settings.pooling is Pooling.FIRST_LAST_MEAN:
        config["config_kwargs"] = {"output_hidden_states": True}
    if settings.max_seq_length is not None:
        config["processor_kwargs"] = {"model_max_length": settings.max_seq_length}
    return config


def _prompts(prefix: str) -> dict[str, Any]:
    return {
        "__version__": {"sentence_transformers": FORMAT},
        "model_type": "SentenceTransformer",
        # Queries and documents alike, because here every sentence has the same prefix.
        "prompts": {"query": prefix, "document": prefix},
        "default_prompt_name": "query" if prefix else None,
        "similarity_fn_name": "cosine",
    }


# --- read ------------------------------------------------------------------------------------


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON ({error})") from error


def _read_object(path: Path, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    content = _read(path)
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: a JSON object is needed, got {type(content).__name__}")
    return content


def _part(path: Path, content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under ``key``; empty if there is none."""
    part = content.get(key) or {}
    if not isinstance(part, dict):
        raise SettingsError(f"{path}: {key} must be a JSON object, got {part!r}")
    return part


def _number(path: Path, content: Mapping[str, Any], key: str) -> int | None:
    """The positive integer under ``key``; None if there is none."""
    value = content.get(key)
    # transformers writes "no limit" as 1e30, in digits.
    if value is not None and (not isinstance(value, int) or value < 1):
        raise SettingsError(f"{path}: {key} must be a positive integer, got {value!r}")
    return value


def _read_modules(path: Path) -> tuple[list[str], list[str]]:
    """The kind of each module and its folder."""
    rows = _read(path)
    try:
        types, paths = [str(row["type"]) for row in rows], [str(row["path"]) for row in rows]
    except (KeyError, TypeError) as error:
        raise SettingsError(f"{path}: a list of modules with type and path is needed") from error
    kinds = [name.rpartition(".")[2] for name in types]
    for name, kind in zip(types, kinds, strict=True):
        if not name.startswith("sentence_transformers.") or kind not in _STOCK:
            raise SettingsError(
                f"{path}: module {name} is not supported yet; known: {', '.join(_STOCK)}"
            )
    return kinds, paths


def _read_prefix(path: Path) -> str:
    config = _read_object(path, optional=True)
    name = config.get("default_prompt_name")
    if name is None:
        return ""
    prefix = _part(path, config, "prompts").get(name)
    if not isinstance(prefix, str):
        raise SettingsError(f"{path}: default_prompt_name {name!r} is not among the prompts")
    return prefix


def _read_pooler(path: Path, transformer: Mapping[str, Any]) -> Pooling:
    text = _part(path, _part(path, transformer, "modality_config"), "text")
    if (output := text.get("method_output_name")) != "pooler_output":
        raise SettingsError(
            f"{path}: without a pooling module the output must be pooler_output, got {output!r}"
        )
    return Pooling.POOLER


def _read_mode(path: Path, prefix: str) -> Pooling:
    config = _read_object(path)
    modes = config.get("pooling_mode") or [
        _OLD_MODES.get(key, key)
        for key, chosen in config.items()
        if key.startswith("pooling_mode_") and chosen
    ]
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or len(modes) != 1 or modes[0] not in _MODES:
        raise SettingsError(
            f"{path}: pooling mode {modes!r} is not supported; known: {', '.join(_MODES)}"
        )
    if prefix and not config.get("include_prompt", True):
        raise SettingsError(f"{path}: an average without the prompt is not supported")
    return _MODES[modes[0]]


def _read_layers(folder: Path, pooling: Pooling) -> Pooling:
    config, file = _read_object(folder / "config.json"), folder / "model.safetensors"
    try:
        weights = load_file(file)["layer_weights"]
    except (OSError, SafetensorError, KeyError) as error:
        raise SettingsError(f"{file}: layer_weights cannot be read ({error})") from error
    same = np.array_equal(weights, _layer_weights(weights.size or 1))
    counted = (config.get("layer_start"), config.get("num_hidden_layers")) == (1, weights.size)
    if not same or not counted or pooling is not Pooling.MEAN:
        raise SettingsError(
            f"{folder}: of the averages over layers only that of the first and the last, "
            "then over tokens, is supported"
        )
    return Pooling.FIRST_LAST_MEAN


def _read_length(folder: Path, transformer: Mapping[str, Any]) -> int | None:
    """As sentence-transformers finds it: its own setting, else the tokenizer's within positions."""
    path = folder / TRANSFORMER
    own = _number(path, _part(path, transformer, "processor_kwargs"), "model_max_length")
    if own := own or _number(path, transformer, "max_seq_length"):
        return own
    path, config = folder / "tokenizer_config.json", folder / "config.json"
    length = _number(path, _read_object(path, optional=True), "model_max_length")
    positions = _number(config, _read_object(config), "max_position_embeddings")
    return min(length, positions) if length and positions else None
