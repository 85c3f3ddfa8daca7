from __future__ import annotations

import hashlib
import io
import json
import os
import re
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
import huggingface_hub.file_download
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import NO_HUB, SENTENCES

from simcse_core import SentenceEncoder, hub
from simcse_core.config import HubData
from simcse_core.data import load_sts, load_triplets
from simcse_core.encoder import EncoderError
from simcse_core.hub import HubError, fetch_encoder, load_hub_rows, load_hub_sentences

Files = dict[str, bytes]


def commit(revision: str) -> str:
    """What a revision of any repository points to: itself, or its name, spelt as a commit."""
    if re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    return revision.encode().hex().ljust(40, "0")[:40]


COMMIT = commit("main")


class LoopbackHub:
    """The part of the hub's protocol that fetching models and data sets takes, on loopback."""

    def __init__(self) -> None:
        # Id (a data set's begins with datasets/) to revision to files.
        self.repositories: dict[str, dict[str, Files]] = {}
        self.offers: list[dict[str, object]] = []  # pull requests, of any repository
        self.missing: set[str] = set()  # files that are listed and cannot be had
        self.breaks: dict[str, int] = {}  # files to how often their transfer breaks off midway
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
        parts = path.removeprefix("/api").removeprefix("/models").strip("/").split("/")
        # Some of the oldest models have no owner.
        depth = 1 if parts[0] in self.repositories else 3 if parts[0] == "datasets" else 2
        name, kind = "/".join(parts[:depth]), "".join(parts[depth : depth + 1])
        if name not in self.repositories:
            return 404, b"", "", "RepoNotFound"
        if kind == "discussions":
            found = [o for o in self.offers if f"author={o['author']['name']}" in query]
            page = {"discussions": found, "count": len(found), "start": 0}
            return 200, json.dumps(page).encode(), "", ""
        known, wanted = self.repositories[name], "/".join(parts[depth + 1 :]) or "main"
        at = next(
            (
                r
                for known_as in known
                for r in (known_as, commit(known_as))
                if wanted == r or wanted.startswith(f"{r}/")
            ),
            None,
        )
        if at is None:
            return 404, b"", "", "RevisionNotFound"
        revision = at if at in known else next(r for r in known if commit(r) == at)
        files, file = known[revision], wanted.removeprefix(at).strip("/")
        if kind == "resolve" and (file in self.missing or file not in files):
            return 404, b"", commit(revision), "EntryNotFound"
        if kind == "resolve":
            return 200, files[file], commit(revision), ""
        if kind in ("tree", "paths-info"):
            below = {path: data for path, data in files.items() if path.startswith(file)}
            listed = [
                {"type": "file", "path": path, "size": len(data), "oid": path}
                for path, data in below.items()
                if kind == "paths-info"
                or "recursive=true" in query
                or Path(path).parent == Path(file)
            ]
            folders = {str(folder) for path in below for folder in Path(path).parents}
            folders = {folder for folder in folders - {".", file} if folder.startswith(file)}
            if "recursive=true" not in query:
                folders = {folder for folder in folders if Path(folder).parent == Path(file)}
            listed += [{"type": "directory", "path": path, "oid": path} for path in folders]
            return (
                (200 if below else 404),
                json.dumps(listed if below else {"error": "no such folder"}).encode(),
                "",
                "" if below else "EntryNotFound",
            )
        siblings = [{"rfilename": path} for path in files]
        info = {"id": name.removeprefix("datasets/"), "sha": commit(revision), "siblings": siblings}
        return 200, json.dumps(info).encode(), "", ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, at, error = hub.answer(self.path)
                tag = f'"{hashlib.sha256(body).hexdigest()}"'
                if wanted := self.headers.get("Range"):  # how a client goes on after a break
                    status, body = 206, body[int(wanted.removeprefix("bytes=").split("-")[0]) :]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", tag)
                self.send_header("X-Repo-Commit", at)
                self.send_header("X-Error-Code", error)
                self.end_headers()
                file = Path(unquote(self.path)).name
                if self.command == "GET" and hub.breaks.get(file):
                    hub.breaks[file] -= 1
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                elif self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET  # noqa: N815

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


def parquet(**columns: list[object]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def pairs_file(*scores: float) -> bytes:
    first, second = (list(SENTENCES[i : i + len(scores)]) for i in (0, 10))
    return parquet(sentence1=first, sentence2=second, score=list(scores))


@pytest.fixture
def data_sets(
    loopback: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LoopbackHub:
    """The hub with two data sets in parquet, one of them in two revisions."""
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", loopback.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets-cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    part = "data/{}-00000-of-00001.parquet"
    loopback.repositories["datasets/owner/sts"] = {
        "main": {part.format("validation"): pairs_file(1, 2, 3)},
        "older": {part.format("validation"): pairs_file(5)},
    }
    loopback.repositories["datasets/owner/text"] = {
        "main": {part.format("train"): parquet(text=["新", "  ", None])},
        "older": {part.format("train"): parquet(text=["旧"])},
    }
    return loopback


@pytest.mark.usefixtures("data_sets")
def test_a_data_set_in_parquet_is_read_from_the_hub() -> None:
    pairs = load_sts("hub", "dev", HubData(sts="owner/sts"))
    assert (pairs.first, pairs.second) == (list(SENTENCES[:3]), list(SENTENCES[10:13]))
    assert pairs.scores.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.usefixtures("data_sets")
@pytest.mark.parametrize(
    "pinned",
    [
        HubData(sts="owner/sts", sts_revision="older"),
        HubData(sts="owner/sts@older"),
        HubData(sts=f"owner/sts@{commit('older')}"),
    ],
)
def test_a_data_set_is_read_at_the_revision_it_is_pinned_to(pinned: HubData) -> None:
    assert load_sts("hub", "dev", pinned).scores.tolist() == [5.0]


@pytest.mark.usefixtures("data_sets")
@pytest.mark.parametrize(("name", "text"), [("owner/text", "新"), ("owner/text@older", "旧")])
def test_sentences_of_the_hub_can_be_pinned_too(name: str, text: str) -> None:
    assert [s for s in load_hub_sentences(name, ("text", "sentence")) if s] == [text]


@pytest.mark.usefixtures("data_sets")
@pytest.mark.parametrize("name", ["owner/none", "owner/sts@gone", f"owner/sts@{'f' * 40}"])
def test_a_data_set_or_a_revision_that_the_hub_does_not_have_is_named(name: str) -> None:
    with pytest.raises(HubError, match=f"'{name}': not found .*check its id and revision"):
        load_sts("hub", "dev", HubData(sts=name))


@pytest.mark.usefixtures("data_sets")
def test_a_split_that_a_data_set_lacks_is_named() -> None:
    with pytest.raises(HubError, match="'owner/sts', split test: cannot be loaded"):
        load_sts("hub", "test", HubData(sts="owner/sts"))


def test_a_data_set_that_is_a_script_is_refused(data_sets: LoopbackHub) -> None:
    data_sets.repositories["datasets/owner/sts"]["main"]["sts.py"] = b"raise SystemExit"
    with pytest.raises(HubError, match=r"scripts are no longer supported.*source='sample'"):
        load_sts("hub", "dev", HubData(sts="owner/sts"))


def test_a_data_set_fetched_before_is_used_when_the_hub_is_away_and_asked_for_when_it_is_back(
    data_sets: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = HubData(sts="owner/sts")
    before = load_sts("hub", "dev", named)
    with monkeypatch.context() as away:
        point_at(NO_HUB, away)
        away.setattr(datasets.config, "HF_ENDPOINT", NO_HUB)
        assert load_sts("hub", "dev", named).first == before.first
    data_sets.asked.clear()
    load_sts("hub", "dev", HubData(sts="owner/sts@older"))  # not cached
    assert any(path.endswith(".parquet") for path in data_sets.asked)


def test_another_revision_in_the_cache_is_no_stand_in_for_one_that_cannot_be_loaded(
    data_sets: LoopbackHub,
) -> None:
    load_sts("hub", "dev", HubData(sts="owner/sts"))
    data_sets.repositories["datasets/owner/sts"]["older"] = {"sts.py": b"raise SystemExit"}
    with pytest.raises(HubError, match=f"{commit('older')} cannot be .* holds {COMMIT}; name a"):
        load_sts("hub", "dev", HubData(sts="owner/sts@older"))


def test_without_the_hub_a_commit_is_read_that_was_asked_for_and_a_branch_is_told(
    data_sets: LoopbackHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_sts("hub", "dev", HubData(sts="owner/sts"))
    assert "hub data set" not in capsys.readouterr().out
    point_at(NO_HUB, monkeypatch)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", NO_HUB)
    with pytest.raises(HubError, match=f"{commit('older')} cannot be .* holds {COMMIT}"):
        load_sts("hub", "dev", HubData(sts=f"owner/sts@{commit('older')}"))
    assert len(load_sts("hub", "dev", HubData(sts=f"owner/sts@{COMMIT}"))) == 3
    assert "hub data set" not in capsys.readouterr().out
    for name in ("owner/sts", "owner/sts@older"):
        load_sts("hub", "dev", HubData(sts=name))
        said = f"hub data set {name}, split validation: the hub is away; from the cache, {COMMIT}"
        assert said in capsys.readouterr().out


def test_a_hub_data_set_without_the_hub_says_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(NO_HUB, monkeypatch)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(HubError, match=r"nobody/nothing.*source='sample' or a directory of CNSD"):
        list(load_hub_rows("nobody/nothing", None, "dev", ("sentence1",)))
    assert datasets.config.HF_HUB_OFFLINE is False  # the next data set is asked for again


# What the hub makes of shibing624/snli-zh, whose own branch holds a script: parquet on another
# branch, in a folder named after the configuration, with classes as numbers.
SNLI_ZH = [
    ("一个男人在睡觉。", "有人在睡觉。", 0),
    ("一个男人在睡觉。", "他很累。", 1),
    ("一个男人在睡觉。", "他在跑步。", 2),
    ("两个孩子在看书。", "孩子在看书。", 0),
    ("两个孩子在看书。", "孩子在读东西。", 0),
    ("两个孩子在看书。", "孩子在游泳。", 2),
    ("天气很好。", "下雨了。", 2),
    ("一个男人在睡觉。", "他在做梦。", -1),
]


def snli_file(columns: tuple[str, str, str], as_classes: bool) -> bytes:
    first, second, labels = (list(column) for column in zip(*SNLI_ZH, strict=True))
    if as_classes:
        names = ["entailment", "neutral", "contradiction"]
        features = datasets.Features(
            {
                columns[0]: datasets.Value("string"),
                columns[1]: datasets.Value("string"),
                columns[2]: datasets.ClassLabel(names=names),
            }
        )
        table = datasets.Dataset.from_dict(
            dict(zip(columns, (first, second, labels), strict=True)), features=features
        )
        file = io.BytesIO()
        table.to_parquet(file)
        return file.getvalue()
    return parquet(**dict(zip(columns, (first, second, labels), strict=True)))


@pytest.mark.parametrize("as_classes", [True, False])
@pytest.mark.parametrize(
    "columns", [("premise", "hypothesis", "label"), ("sentence1", "sentence2", "label")]
)
def test_triplets_are_built_by_premise_from_the_hubs_own_parquet(
    data_sets: LoopbackHub, columns: tuple[str, str, str], as_classes: bool
) -> None:
    data_sets.repositories["datasets/shibing624/snli-zh"] = {
        "main": {"snli-zh.py": b"raise SystemExit", "train.txt": b"text"},
        "refs/convert/parquet": {"plain_text/train/0000.parquet": snli_file(columns, as_classes)},
    }
    with pytest.raises(HubError, match="scripts are no longer supported"):
        load_triplets("hub", HubData(nli="shibing624/snli-zh"))
    splits = [f"data/{part}-00000-of-00001.parquet" for part in ("validation", "test")]
    data_sets.repositories["datasets/owner/all"] = {"main": dict.fromkeys(splits, pairs_file(1))}
    nli = "shibing624/snli-zh@refs/convert/parquet"
    found = load_triplets("hub", HubData(sts="owner/all", nli=nli))
    assert list(zip(found.anchor, found.positive, found.hard_negative, strict=True)) == [
        ("一个男人在睡觉。", "有人在睡觉。", "他在跑步。"),
        ("两个孩子在看书。", "孩子在看书。", "孩子在游泳。"),
    ]


def test_a_data_set_that_is_no_nli_is_told_the_columns(data_sets: LoopbackHub) -> None:
    data_sets.repositories["datasets/owner/text"]["main"] = {
        "data/train-00000-of-00001.parquet": parquet(text=["甲"])
    }
    with pytest.raises(HubError, match=r"needs the columns anchor, .*; or premise, .*has text"):
        load_triplets("hub", HubData(nli="owner/text"))


# --- a connection that breaks ----------------------------------------------------------------


def test_an_encoder_whose_transfer_broke_midway_is_whole_in_the_end(
    published: LoopbackHub, bert_dir: Path
) -> None:
    published.breaks["model.safetensors"] = 1
    folder, _ = fetch_encoder("owner/bert")
    assert published.breaks["model.safetensors"] == 0
    weights = (folder / "model.safetensors").read_bytes()
    assert weights == (bert_dir / "model.safetensors").read_bytes()


def test_an_encoder_whose_transfer_keeps_breaking_is_told_and_fetched_by_the_next_run(
    published: LoopbackHub, bert_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda _: None)
    published.breaks["model.safetensors"] = 6  # the client tries five times more
    with pytest.raises(HubError, match=r"not all of its files could be had .*run again to go on"):
        fetch_encoder("owner/bert")
    encoder = SentenceEncoder.from_pretrained("owner/bert", "mean", 32, "cpu")
    assert encoder.fingerprint == SentenceEncoder.from_pretrained(bert_dir, "mean", 32).fingerprint


def test_a_data_set_whose_transfer_broke_midway_is_whole_in_the_end(data_sets: LoopbackHub) -> None:
    data_sets.breaks["validation-00000-of-00001.parquet"] = 1
    assert load_sts("hub", "dev", HubData(sts="owner/sts")).scores.tolist() == [1.0, 2.0, 3.0]
    assert data_sets.breaks["validation-00000-of-00001.parquet"] == 0


# --- code of others --------------------------------------------------------------------------


def test_an_encoder_that_needs_code_of_its_own_is_refused(published: LoopbackHub) -> None:
    settings = {"model_type": "mine", "auto_map": {"AutoModel": "modeling.Mine"}}
    main = published.repositories["owner/bert"]["main"]
    main.update({"config.json": json.dumps(settings).encode(), "modeling.py": b"raise SystemExit"})
    with pytest.raises(EncoderError, match="owner/bert cannot be loaded"):
        SentenceEncoder.from_pretrained("owner/bert")
    assert not [path for path in published.asked if path.endswith(".py")]


# --- ids -------------------------------------------------------------------------------------


def test_hub_ids_can_be_named() -> None:
    named = HubData.from_mapping({"sts": "owner/sts", "sts_revision": COMMIT})
    assert (named.sts, named.sts_revision) == ("owner/sts", COMMIT)
