"""Everything that talks to the Hugging Face hub: encoders in safetensors, data sets in parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from simcse_core.errors import PlainError
from simcse_core.translation import tell

# The hub's own retries can take minutes; one short question tells whether it is there at all.
PROBE_SECONDS = 10
_ENCODER_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "tokenizer*",
    "vocab*",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
    "merges.txt",
    # What the folder says of pooling, prefix and licence (see persistence and model_card).
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "*_*/config.json",
    "README.md",
)
# transformers itself takes the weights that this account offers for pickle-only repositories.
CONVERSION_BOT = "SFconvertbot"
_HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


class HubError(PlainError, RuntimeError):
    """The hub cannot give what was asked for; the message says why and how to go on."""


def fetch_encoder(name: str) -> tuple[Path, str]:
    """Fetches an encoder from the hub, or finds it in the local cache when the hub is away.

    Args:
        name: hub id, optionally with a revision: ``owner/name@revision``.

    Returns:
        The local folder and the commit it holds.

    Raises:
        HubError: unknown id or revision, no safetensors weights, or the hub cannot be reached and
            the encoder is not cached.
    """
    repository, _, revision = name.partition("@")
    try:
        info = huggingface_hub.HfApi().model_info(
            repository, revision=revision or None, timeout=PROBE_SECONDS
        )
    except (RepositoryNotFoundError, HFValidationError, RevisionNotFoundError) as error:
        raise HubError(
            f"encoder: {name!r} is neither bundled, nor a directory, nor on the hub "
            f"({type(error).__name__}); check its spelling and revision"
        ) from error
    except Exception as error:  # httpx, OS and hub errors alike mean: not reachable
        return _cached_encoder(name, repository, revision, error)
    if not _has_safetensors(info):
        revision = _converted(repository)
        if not revision:
            raise HubError(
                f"encoder: {name!r} has no safetensors weights, and pickled weights are not loaded "
                "because they can run code; convert them once with "
                "tools/convert_to_safetensors.py and give that folder"
            )
        tell(f"encoder: {name} has pickled weights; using the hub's own safetensors conversion")
    try:
        # By name, not by commit: so the cache knows what the name stood for when the hub is away.
        folder = huggingface_hub.snapshot_download(
            repository, revision=revision or None, allow_patterns=list(_ENCODER_FILES)
        )
    except Exception as error:
        raise HubError(
            f"encoder: {name!r} was found on the hub but not all of its files could be had "
            f"({type(error).__name__}: {error}); run again to go on with the download"
        ) from error
    return Path(folder), Path(folder).name


def _has_safetensors(info: huggingface_hub.ModelInfo) -> bool:
    return any(file.rfilename.endswith(".safetensors") for file in info.siblings or [])


def _converted(repository: str) -> str:
    """The revision in which the hub's conversion bot offers safetensors; empty if there is none."""
    api = huggingface_hub.HfApi()
    try:
        for offer in api.get_repo_discussions(
            repository, author=CONVERSION_BOT, discussion_type="pull_request"
        ):
            revision = f"refs/pr/{offer.num}"
            info = api.model_info(repository, revision=revision, timeout=PROBE_SECONDS)
            if _has_safetensors(info):
                return revision
    except (HfHubHTTPError, RevisionNotFoundError):
        pass
    return ""


def _cached_encoder(
    name: str, repository: str, revision: str, cause: Exception
) -> tuple[Path, str]:
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=list(_ENCODER_FILES),
                local_files_only=True,
            )
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, EntryNotFoundError, OSError) as error:
        raise HubError(
            f"encoder: {name!r} is neither bundled nor a directory, and the hub cannot be reached "
            f"({type(cause).__name__}: {cause}). To go on offline, use a bundled encoder "
            "(mini-bert, mini-bert-wwm, mini-bert-wwm-ext) or the path of a folder with "
            "config.json, model.safetensors and the tokenizer"
        ) from error
    return folder, folder.name


def load_hub_rows(
    dataset: str, revision: str | None, split: str, columns: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    """Yields the named columns of one split (``train``, ``dev`` or ``test``) of a hub data set.

    Args:
        dataset: hub id, optionally with a revision: ``owner/name@revision``.
        revision: the same, for an id without one.

    Raises:
        HubError: the data set, its split or one of its columns is not there, or no connection.
    """
    table = _load_split(dataset, revision, _HUB_SPLITS[split])
    if missing := [column for column in columns if column not in table.column_names]:
        raise HubError(
            f"hub data set {dataset}: no column {', '.join(missing)}; it has "
            f"{', '.join(table.column_names)}"
        )
    names = {c: f.names for c, f in table.features.items() if hasattr(f, "names")}
    for row in table:
        yield tuple(_named(row[column], names.get(column)) for column in columns)


def _named(value: object, names: Sequence[str] | None) -> object:
    """A class by its name, whatever its number; -1 is none."""
    if names is None or not isinstance(value, int):
        return value
    return names[value] if value >= 0 else None


def hub_columns(
    dataset: str, revision: str | None, split: str, forms: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    """The first of several sets of columns of which a hub data set has all.

    Raises:
        HubError: it has none of them, or see :func:`load_hub_rows`.
    """
    there = _load_split(dataset, revision, _HUB_SPLITS[split]).column_names
    for columns in forms:
        if set(columns) <= set(there):
            return columns
    wanted = "; or ".join(", ".join(columns) for columns in forms)
    raise HubError(f"hub data set {dataset}: needs the columns {wanted}; it has {', '.join(there)}")


def load_hub_sentences(dataset: str, columns: Sequence[str]) -> Iterator[str]:
    """Yields every text of the columns in ``columns`` that the data set's train split has.

    Args:
        dataset: hub id, optionally with a revision: ``owner/name@revision``.
        columns: those that are wanted where they are there; empty texts are left out.

    Raises:
        HubError: the data set or its train split is not there, it has none of the columns, or no
            connection.
    """
    table = _load_split(dataset, None, "train")
    present = [column for column in columns if column in table.column_names]
    if not present:
        raise HubError(
            f"hub data set {dataset}: none of the columns {', '.join(columns)}; it has "
            f"{', '.join(table.column_names)}"
        )
    for row in table:
        yield from (str(row[column]).strip() for column in present if row[column])


def _load_split(dataset: str, revision: str | None, split: str):  # type: ignore[no-untyped-def]
    # Imported late: datasets brings pyarrow, which nobody on bundled data should wait for.
    import datasets

    name, _, pinned = dataset.partition("@")
    revision = revision or pinned or None
    try:
        info = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=PROBE_SECONDS)
        away, commit = False, info.sha
    except (RepositoryNotFoundError, HFValidationError, RevisionNotFoundError) as error:
        raise HubError(
            f"hub data set {dataset!r}: not found ({type(error).__name__}); check its "
            "id and revision"
        ) from error
    except Exception:
        # What the cache holds is still good; a branch may have moved on since.
        away, commit = True, revision if re.fullmatch("[0-9a-f]{40}", revision or "") else None
    try:
        with _offline(datasets.config, away):
            table = datasets.load_dataset(name, split=split, revision=revision)
    except Exception as error:
        raise HubError(
            f"hub data set {dataset!r}, split {split}: cannot be loaded "
            f"({type(error).__name__}: {error}). Without a connection use "
            "source='sample' or a directory of CNSD files"
        ) from error
    _check_commit(dataset, split, commit, _commit_of(table))
    return table


def _commit_of(table: Any) -> str:
    """The commit that a table was read at, which datasets calls its folder in the cache."""
    return Path(table.cache_files[0]["filename"]).parent.name if table.cache_files else ""


def _check_commit(dataset: str, split: str, wanted: str | None, read: str) -> None:
    """Refuses what datasets has read from its cache in the place of what was asked for.

    It takes the newest of any revision that is there. Where nobody knows what was asked for, since
    the hub is away, it is told what was read.
    """
    if wanted is None:
        tell(f"hub data set {dataset}, split {split}: the hub is away; from the cache, {read}")
    elif read != wanted:
        raise HubError(
            f"hub data set {dataset!r}, split {split}: {wanted} cannot be loaded, and the cache "
            f"holds {read or 'another revision'}; name a revision that can be had: "
            f"{dataset.partition('@')[0]}@<commit>"
        )


@contextmanager
def _offline(config: Any, away: bool) -> Iterator[None]:
    """Keeps datasets from asking a hub that is away again and again, for this once."""
    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = before or away
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
