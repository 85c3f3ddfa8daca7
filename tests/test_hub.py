from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import datasets
import huggingface_hub.constants
import numpy as np
import pytest
from conftest import NO_HUB, SENTENCES

from simcse_core import SentenceEncoder, hub
from simcse_core.config import HubData
from simcse_core.data import load_sts
from simcse_core.hub import HubError, fetch_encoder, load_hub_rows

Files = dict[str, bytes]


def commit(revision: str) -> str:
    """What a revision of any repository points to: its name, spelt as a commit."""
    return revision.encode().hex().ljust(40, "0")[:40]


COMMIT = commit("main")


class LoopbackHub:
    """The part of the hub's protocol that fetching a model takes, on loopback."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Files]] = {}  # id to revision to files
        self.offers: list[dict[str, object]] = []  # pull requests, of any repository
        self.missing: set[str] = set()  # files that are listed and cannot be had
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, url: str) -> tuple[int, bytes, str, str]:
        """Status, body, commit and error code of the answer to a request."""
        path, _, query = unquote(url).partition("?")
        self.asked.append(path)
        parts = path.removeprefix("/api/models").strip("/").split("/")
        name, kind, rest = "/".join(parts[:2]), "".join(parts[2:3]), parts[3:]
        if name not in self.repositories:
            return 404, b"", "", "RepoNotFound"
        if kind == "discussions":
            found = [o for o in self.offers if f"author={o['author']['name']}" in query]
            page = {"discussions": found, "count": len(found), "start": 0}
            return 200, json.dumps(page).encode(), "", ""
        known = self.repositories[name]
        wanted = "/".join(rest) or "main"
        revision = next((r for r in known if wanted.startswith((r, commit(r)))), None)
        if revision is None:
            return 404, b"", "", "RevisionNotFound"
        files, file = known[revision], rest[-1] if rest else ""
        if kind == "resolve" and file in self.missing:
            return 404, b"", commit(revision), "EntryNotFound"
        if kind == "resolve":
            return 200, files[file], commit(revision), ""
        if kind == "tree":
            tree = [
                {"type": "file", "path": file, "size": len(data), "oid": file}
                for file, data in files.items()
            ]
            return 200, json.dumps(tree).encode(), "", ""
        siblings = [{"rfilename": file} for file in files]
        info = {"id": name, "sha": commit(revision), "siblings": siblings}
        return 200, json.dumps(info).encode(), "", ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, at, error = hub.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
                self.send_header("X-Repo-Commit", at)
                self.send_header("X-Error-Code", error)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    server = LoopbackHub()
    point_at(server.url, monkeypatch)
    yield server
    server.stop()


def files_of(folder: Path, without: str = "") -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != without}


@pytest.fixture
def published(loopback: LoopbackHub, bert_dir: Path) -> LoopbackHub:
    """The hub with a real BERT in safetensors, and what repositories hold besides."""
    extra = {"README.md": b"# A BERT", "pytorch_model.bin": b"pickled", "modeling.py": b"raise"}
    loopback.repositories["owner/bert"] = {"main": {**files_of(bert_dir), **extra}}
    return loopback


# --- the hub is there ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["owner/bert", "owner/bert@main", f"owner/bert@{COMMIT}"])
def test_an_encoder_of_the_hub_is_fetched_and_stamped_with_its_commit(
    published: LoopbackHub, name: str, bert_dir: Path
) -> None:
    encoder = SentenceEncoder.from_pretrained(name, "mean", 32, "cpu")
    local = SentenceEncoder.from_pretrained(bert_dir, "mean", 32, "cpu")
    assert encoder.name == f"owner/bert@{COMMIT[:7]}"
    assert encoder.fingerprint == local.fingerprint
    assert np.array_equal(encoder.encode(SENTENCES[:3]), local.encode(SENTENCES[:3]))


def test_neither_pickled_weights_nor_code_are_fetched(published: LoopbackHub) -> None:
    folder, at = fetch_encoder("owner/bert")
    assert at == COMMIT
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not names & {"pytorch_model.bin", "modeling.py"}
    assert not [path for path in published.asked if path.endswith((".bin", ".py"))]


@pytest.fixture
def pickled(loopback: LoopbackHub, bert_dir: Path) -> LoopbackHub:
    """The hub with a BERT in pickled weights, and a pull request with safetensors."""
    pickled = {**files_of(bert_dir, "model.safetensors"), "pytorch_model.bin": b"pickled"}
    offered = {**pickled, **files_of(bert_dir)}
    loopback.repositories["owner/old"] = {"main": pickled, "refs/pr/7": offered}
    return loopback


def offer(author: str) -> dict[str, object]:
    return {
        "num": 7,
        "title": "Adding `safetensors` variant of this model",
        "author": {"name": author},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "status": "open",
        "isPullRequest": True,
        "repo": {"name": "owner/old", "type": "model"},
    }


@pytest.mark.parametrize("offers", [[], [offer("somebody")]], ids=["no offer", "a stranger's"])
def test_a_repository_with_pickled_weights_alone_is_refused_with_a_way_out(
    pickled: LoopbackHub, offers: list[dict[str, object]]
) -> None:
    pickled.offers = offers
    with pytest.raises(HubError, match=r"no safetensors .* run code.*convert_to_safetensors"):
        fetch_encoder("owner/old")
    assert not [path for path in pickled.asked if "resolve" in path]


def test_the_hubs_own_conversion_is_used_said_and_stamped(
    pickled: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    pickled.offers = [offer("SFconvertbot")]
    folder, at = fetch_encoder("owner/old")
    assert (folder / "model.safetensors").is_file()
    assert not (folder / "pytorch_model.bin").exists()
    assert at == commit("refs/pr/7")
    assert "owner/old has pickled weights" in capsys.readouterr().out


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", ["owner/none", "nobody", f"owner/bert@{'f' * 40}", "a//b", "a b"])
def test_what_the_hub_does_not_have_is_named(name: str) -> None:
    with pytest.raises(HubError, match="neither bundled, nor a directory, nor on the hub") as error:
        fetch_encoder(name)
    assert repr(name) in str(error.value)


def test_a_file_that_cannot_be_had_is_a_hub_error(published: LoopbackHub) -> None:
    published.missing.add("model.safetensors")
    with pytest.raises(HubError, match="owner/bert"):
        fetch_encoder("owner/bert")


# --- the hub is away -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["owner/bert", "bert-base-chinese", f"owner/bert@{COMMIT}"])
def test_without_the_hub_the_message_says_how_to_go_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(NO_HUB, monkeypatch)
    with pytest.raises(HubError, match="the hub cannot be reached") as caught:
        fetch_encoder(name)
    said = str(caught.value)
    assert repr(name) in said
    assert "To go on offline" in said
    assert "mini-bert-wwm-ext" in said
    assert "model.safetensors" in said


@pytest.mark.parametrize("name", ["owner/bert", "owner/bert@main", f"owner/bert@{COMMIT}"])
def test_an_encoder_fetched_before_is_used_when_the_hub_is_away(
    published: LoopbackHub, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fetch_encoder(name)
    point_at(NO_HUB, monkeypatch)
    assert fetch_encoder(name) == before


def test_a_hub_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point_at(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(fetch_encoder, "owner/bert").exception(timeout=40)
    assert isinstance(error, HubError)
    assert "cannot be reached" in str(error)


def test_a_fresh_process_without_the_hub_ends_with_the_message(tmp_path: Path) -> None:
    # HF_ENDPOINT is read when huggingface_hub is imported, which monkeypatching cannot show.
    code = f"import runpy; runpy.run_path({hub.__file__!r})['fetch_encoder']('owner/bert')"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_ENDPOINT": NO_HUB, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert "HubError: encoder: 'owner/bert' is neither bundled nor a directory" in last
    assert "To go on offline" in last


# --- data sets -------------------------------------------------------------------------------


@pytest.fixture
def hub_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, object]]], None]:
    """``hub_rows([...])``: what every split of every data set holds; the network is left out."""

    def set_rows(rows: list[dict[str, object]]) -> None:
        table = datasets.Dataset.from_list(rows)
        monkeypatch.setattr(hub, "_load_split", lambda *_: table)

    return set_rows


def test_pairs_of_the_hub_are_read(hub_rows: Callable[[list[dict[str, object]]], None]) -> None:
    hub_rows([{"sentence1": "甲", "sentence2": "乙", "score": 3}])
    pairs = load_sts("hub", "dev")
    assert (pairs.first, pairs.second, pairs.scores.tolist()) == (["甲"], ["乙"], [3.0])


def test_a_hub_data_set_without_a_column_names_it_and_what_there_is(
    hub_rows: Callable[[list[dict[str, object]]], None],
) -> None:
    hub_rows([{"sentence1": "甲", "sentence2": "乙", "label": 3}])
    with pytest.raises(HubError, match=r"no column score; it has sentence1, sentence2, label"):
        load_sts("hub", "dev")


@pytest.mark.parametrize("score", [6.0, -1.0, float("nan"), None])
def test_a_score_of_the_hub_that_is_none_names_its_row(
    hub_rows: Callable[[list[dict[str, object]]], None], score: float | None
) -> None:
    good = {"sentence1": "甲", "sentence2": "乙", "score": 3.0}
    hub_rows([good, {**good, "score": score}])
    with pytest.raises(ValueError, match=r"C-MTEB/STSB, dev, row 2: score must be"):
        load_sts("hub", "dev")


@pytest.mark.parametrize("sentence", [None, "", "  "])
def test_a_sentence_of_the_hub_that_is_empty_names_its_row(
    hub_rows: Callable[[list[dict[str, object]]], None], sentence: str | None
) -> None:
    good = {"sentence1": "甲", "sentence2": "乙", "score": 3.0}
    hub_rows([good, {**good, "sentence2": sentence}])
    with pytest.raises(ValueError, match=r"C-MTEB/STSB, dev, row 2: "):
        load_sts("hub", "dev")


def test_a_hub_data_set_without_the_hub_says_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(NO_HUB, monkeypatch)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(HubError, match=r"nobody/nothing.*source='sample' or a directory of CNSD"):
        list(load_hub_rows("nobody/nothing", None, "dev", ("sentence1",)))


def test_hub_ids_can_be_named() -> None:
    named = HubData.from_mapping({"sts": "owner/sts", "sts_revision": COMMIT})
    assert (named.sts, named.sts_revision) == ("owner/sts", COMMIT)
