"""What a folder says of its encoder beside the weights, in the layout of sentence-transformers 6.2.

    file                               | what it holds here
    -----------------------------------|--------------------------------------------------------
    modules.json                       | the stock modules, in the order in which they are applied
    sentence_bert_config.json          | which output of the model is taken, max_seq_length
    config_sentence_transformers.json  | the prefix, as the default prompt
    N_Pooling/config.json              | cls or mean
    N_WeightedLayerPooling/            | first-last-mean: the weight of each layer's output
    N_WordWeights/config.json          | what each token weighs in the average
    N_Dense/                           | a projection, such as whitening: weight and bias; of two,
                                       | the first takes the centre off
    N_Normalize/config.json            | vectors are brought to length 1, before Dense or at the end

No module needs code of its own, so that sentence-transformers loads the folder without trusting it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from simcse_core.config import Pooling
from simcse_core.encoding.projection import Projection
from simcse_core.errors import EncoderError, PlainError
from simcse_core.files import write_bytes, write_json

MODULES = "modules.json"
TRANSFORMER = "sentence_bert_config.json"
PROMPTS = "config_sentence_transformers.json"
FORMAT = "6.2.0"  # of sentence-transformers, whose layout this is

_STOCK = {
    "Transformer": "sentence_transformers.base.modules.transformer",
    "WeightedLayerPooling": "sentence_transformers.sentence_transformer.modules"
    ".weighted_layer_pooling",
    "WordWeights": "sentence_transformers.sentence_transformer.modules.word_weights",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling",
    "Dense": "sentence_transformers.base.modules.dense",
    "Normalize": "sentence_transformers.base.modules.normalize",
}
# The orders of modules that are an encoder of ours.
_ORDER = re.compile(
    "Transformer"
    "(?:(?P<layers> WeightedLayerPooling)?(?P<weighted> WordWeights)?(?P<pooled> Pooling))?"
    "(?P<unit> Normalize(?= Dense))?(?P<projected>(?: Dense){1,2})?"
    "(?P<normalized> Normalize)?"
)
AVERAGES = (Pooling.MEAN, Pooling.FIRST_LAST_MEAN)
_IDENTITY = "torch.nn.modules.linear.Identity"
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
        token_weights: what each token of the vocabulary, in the order of ids, weighs in an average;
            None where all weigh the same.
        projection: what follows the pooling, before ``normalize``.
    """

    pooling: Pooling
    max_seq_length: int | None = None
    prefix: str = ""
    normalize: bool = False
    token_weights: Mapping[str, float] | None = None
    projection: Projection | None = None


def write_settings(
    folder: Path, settings: SavedSettings, width: int | None = None, layers: int | None = None
) -> None:
    """Writes the settings beside the weights of a model that ``save_pretrained`` has written.

    Args:
        width: of the model's vectors, and ``layers``, how many it has; else as config.json says it,
            in which some families have names of their own.

    Raises:
        SettingsError: ``folder`` has no readable config.json, or it does not say.
    """
    described = folder / "config.json"
    model = _read_object(described)
    width = width or _number(described, model, "hidden_size")
    layers = layers or _number(described, model, "num_hidden_layers")
    if width is None or layers is None:
        raise SettingsError(f"{described}: hidden_size and num_hidden_layers are needed")
    modules = _modules(settings, width, layers)
    paths = ["", *(f"{i}_{kind}" for i, (kind, _) in enumerate(modules) if i)]
    for (_, files), path in zip(modules[1:], paths[1:], strict=True):
        write_json(folder / path / "config.json", files.config)
        if files.weights:
            write_bytes(folder / path / "model.safetensors", save(files.weights))
    write_json(folder / TRANSFORMER, _transformer_config(settings))
    write_json(folder / PROMPTS, _prompts(settings.prefix))
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"{_STOCK[kind]}.{kind}"}
        for i, ((kind, _), path) in enumerate(zip(modules, paths, strict=True))
    ]
    write_json(folder / MODULES, listed)  # last: it says that the others are there


def read_settings(folder: Path) -> SavedSettings | None:
    """The settings of a folder in this layout or in that of older releases; None without one.

    Raises:
        SettingsError: a file that cannot be read, or a module or setting that is not followed here.
    """
    listed = folder / MODULES
    if not listed.is_file():
        return None
    kinds, paths = _read_modules(listed)
    order = _ORDER.fullmatch(" ".join(kinds))
    if not order:
        raise SettingsError(
            f"{listed}: the modules {', '.join(kinds) or 'none'} in this order are not supported; "
            "an encoder is a Transformer, a pooling and at most a Dense and a Normalize"
        )
    found = {kind: folder / path for kind, path in zip(kinds, paths, strict=True)}
    dense = [folder / path for kind, path in zip(kinds, paths, strict=True) if kind == "Dense"]
    transformer = _read_object(folder / TRANSFORMER, optional=True)
    if transformer.get("do_lower_case"):
        raise SettingsError(f"{folder / TRANSFORMER}: do_lower_case is not supported")
    prefix = _read_prefix(folder / PROMPTS)
    if not order["pooled"]:
        pooling = _read_pooler(folder / TRANSFORMER, transformer)
    else:
        pooling = _read_mode(found["Pooling"] / "config.json", prefix)
        if order["layers"]:
            pooling = _read_layers(found["WeightedLayerPooling"], pooling)
    return SavedSettings(
        pooling,
        _read_length(folder, transformer),
        prefix,
        normalize=bool(order["normalized"]),
        token_weights=_read_token_weights(found["WordWeights"]) if order["weighted"] else None,
        projection=_read_projection(dense, bool(order["unit"])) if dense else None,
    )


# --- written ---------------------------------------------------------------------------------


def _modules(settings: SavedSettings, width: int, layers: int) -> list[tuple[str, Files]]:
    """The kind of each module and its files, in the order in which they are applied."""
    average = settings.pooling in AVERAGES
    found = [("Transformer", Files({}))]
    if settings.pooling is Pooling.FIRST_LAST_MEAN:
        found.append(("WeightedLayerPooling", _layers(width, layers)))
    if average and settings.token_weights is not None:
        found.append(("WordWeights", _word_weights(dict(settings.token_weights))))
    if settings.pooling is not Pooling.POOLER:
        mode = "mean" if average else "cls"
        config = {"embedding_dimension": width, "pooling_mode": mode, "include_prompt": True}
        found.append(("Pooling", Files(config)))
    if settings.projection:
        found += [("Normalize", _NORMALIZE)] if settings.projection.of_unit_vectors else []
        found += _dense(settings.projection)
    return [*found, ("Normalize", _NORMALIZE)] if settings.normalize else found


class Files(NamedTuple):
    """What is written for a module."""

    config: dict[str, Any]
    weights: dict[str, np.ndarray] | None = None


# Where a module takes its vectors from, and where it puts them.
_ENDS = dict.fromkeys(("module_input_name", "module_output_name"), "sentence_embedding")
_NORMALIZE = Files(_ENDS)


def _layers(width: int, layers: int) -> Files:
    start = 1  # 0 is the embeddings
    config = {"embedding_dimension": width, "layer_start": start, "num_hidden_layers": layers}
    return Files(config, {"layer_weights": _layer_weights(layers)})


def _word_weights(weights: dict[str, float]) -> Files:
    otherwise = 1.0  # of no token, since every one has a weight of its own
    vocabulary = {"vocab": list(weights), "word_weights": weights}
    return Files({**vocabulary, "unknown_word_weight": otherwise})


def _dense(projection: Projection) -> list[tuple[str, Files]]:
    weight, bias, centre = projection.parts()
    steps = [(weight, bias)]
    if centre.any():
        steps.insert(0, (np.eye(len(centre), dtype=np.float32), -centre))
    return [("Dense", _linear(*step)) for step in steps]


def _linear(weight: np.ndarray, bias: np.ndarray) -> Files:
    width_out, width_in = weight.shape
    config = {"in_features": width_in, "out_features": width_out, "bias": True, **_ENDS}
    weights = {"linear.weight": weight, "linear.bias": bias}
    return Files({**config, "activation_function": _IDENTITY}, weights)


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
    except (OSError, ValueError, RecursionError) as error:
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
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and (not whole or value < 1):
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
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise SettingsError(f"{file}: layer_weights cannot be read ({error})") from error
    same = np.array_equal(weights, _layer_weights(weights.size or 1))
    counted = (config.get("layer_start"), config.get("num_hidden_layers")) == (1, weights.size)
    if not same or not counted or pooling is not Pooling.MEAN:
        raise SettingsError(
            f"{folder}: of the averages over layers only that of the first and the last, "
            "then over tokens, is supported"
        )
    return Pooling.FIRST_LAST_MEAN


def _read_token_weights(folder: Path) -> dict[str, float]:
    """As sentence-transformers makes them of the configuration; other files count for nothing."""
    path = folder / "config.json"
    config = _read_object(path)
    given, own = config.get("vocab"), _part(path, config, "word_weights")
    vocabulary = given if isinstance(given, list) else []
    unlike = len({*map(str, vocabulary)}) == len(vocabulary)
    if not vocabulary or not unlike or _nested(vocabulary):
        raise SettingsError(f"{path}: vocab must be a list of different tokens")
    otherwise = config.get("unknown_word_weight", 1)
    weights = {str(t): own.get(t, own.get(str(t).lower(), otherwise)) for t in vocabulary}
    for token, weight in weights.items():
        if not isinstance(weight, int | float) or not 0 <= weight <= sys.float_info.max:
            raise SettingsError(f"{path}: {token!r} must weigh a number from 0 up, got {weight!r}")
    return weights


def _nested(values: Sequence[object]) -> bool:
    return any(isinstance(value, list | dict) for value in values)


def _read_projection(folders: Sequence[Path], of_unit_vectors: bool) -> Projection:
    weight, bias = _read_linear(folders[-1])
    centre = None
    if len(folders) == 2:
        first, off = _read_linear(folders[0])
        if not np.array_equal(first, np.eye(len(first))):
            raise SettingsError(
                f"{folders[0]}: of two Dense modules, only a first one that takes a centre off is "
                "supported"
            )
        centre = -off
    try:
        return Projection(weight, bias, centre, of_unit_vectors)
    except EncoderError as error:
        raise SettingsError(f"{folders[-1] / 'model.safetensors'}: {error}") from error


def _read_linear(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    path, file = folder / "config.json", folder / "model.safetensors"
    config = {"use_residual": False, **_ENDS} | _read_object(path)
    for key, value in {"activation_function": _IDENTITY, "use_residual": False, **_ENDS}.items():
        if (there := config.get(key)) != value:  # without a word, an activation is a tanh
            raise SettingsError(f"{path}: {key} {there!r} is not supported; known: {value!r}")
    try:
        stored = load_file(file)
        weight = stored["linear.weight"]
        bias = stored["linear.bias"] if config.get("bias", True) else np.zeros(len(weight))
        if weight.ndim != 2 or {weight.dtype.kind, bias.dtype.kind} != {"f"}:
            raise TypeError(f"{weight.dtype} of shape {weight.shape}, bias {bias.dtype}")
        return weight, bias
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise SettingsError(f"{file}: linear.weight and .bias cannot be read ({error})") from error


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
