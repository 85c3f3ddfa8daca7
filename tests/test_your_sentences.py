"""From somebody's sentences to an encoder in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SENTENCES

from simcse_core import SentenceEncoder, TfidfEncoder, TrainConfig, checkpoint
from simcse_core import your_sentences as own
from simcse_core.checkpoint import Checkpoint
from simcse_core.config import Pooling
from simcse_core.data import load_study_data
from simcse_core.errors import DataError, EncoderError
from simcse_core.experiment import Experiment
from simcse_core.fitted_encoders import FITTED_ENCODERS, whiten
from simcse_core.folders import FolderError
from simcse_core.plans import make_plan
from simcse_core.report.own_text import kept_place, tell_own_text, training_table
from simcse_core.report.rows import spearman
from simcse_core.training import train_simcse

Open = Callable[..., Experiment]


@pytest.fixture
def open_own(tmp_path: Path, bert_dir: Path) -> Open:
    """An experiment on 48 sentences in a file, with labelled pairs beside them if asked for."""

    def opened(
        pairs: bool = False,
        learning_rate: float = 1e-3,
        pooling: str = "mean",
        encoder: Path = bert_dir,
        **changed: object,
    ) -> Experiment:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "text.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
        if pairs:
            for split, start in (("dev", 0), ("test", 12)):
                lines = [
                    f"{a}吗\t{b}吗\t{i % 2}"
                    for i, (a, b) in enumerate(
                        zip(SENTENCES[start:], SENTENCES[start + 1 : start + 12], strict=False)
                    )
                ]
                (folder / f"{split}.tsv").write_text("\n".join(lines), encoding="utf-8")
        plan = make_plan(encoder, pooling, {"batch_size": 8, "learning_rate": learning_rate})
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        run = Experiment("06_your_sentences", load_study_data(folder), [plan], [0], out)
        return replace(run, **changed)

    return opened


def value(rows: pd.DataFrame, metric: str, n: int) -> float:
    found = rows[(rows["metric"] == metric) & (rows["n_train"] == n)]
    return float(found["value"].iloc[0])


def test_the_sentences_are_split_without_overlap(open_own: Open) -> None:
    samples = own.draw(open_own().data, 400, seed=0)
    assert (len(samples.train), len(samples.held_out)) == (44, 4)  # 48, of which a tenth
    assert not {*samples.train} & {*samples.held_out}
    assert own.draw(open_own().data, 10, seed=0).train == samples.train[:10]


def test_too_few_sentences_are_refused(tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("\n".join("一二三四五"), encoding="utf-8")
    with pytest.raises(DataError, match=r"few\.txt has 5 sentences; at least 20"):
        own.draw(load_study_data(tmp_path / "few.txt"), 400, 0)


def test_with_text_alone_the_last_point_is_kept_as_a_plain_run_gives_it(open_own: Open) -> None:
    run = open_own()
    rows = own.train_and_keep(run, 24)
    assert kept_place(rows) == 24
    assert set(rows["metric"]) == {"loss", "alignment", "uniformity", "kept"}
    samples = own.draw(run.data, 24, 0)
    encoder = run.plans[0].load()
    train_simcse(encoder, samples.train, TrainConfig(batch_size=8, learning_rate=1e-3, seed=0))
    kept = SentenceEncoder.from_pretrained(run.output_dir / "encoder")
    np.testing.assert_array_equal(kept.encode(samples.train), encoder.encode(samples.train))
    assert value(rows, "uniformity", 24) < 0


def test_what_was_trained_is_not_trained_again(
    open_own: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = own.train_and_keep(open_own(), 16)
    monkeypatch.setattr(own, "train", None)  # would fail
    pd.testing.assert_frame_equal(own.train_and_keep(open_own(), 16), first)


def test_an_encoder_that_was_changed_is_trained_afresh(
    open_own: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_own()
    own.train_and_keep(run, 16)
    folder = run.output_dir / "encoder"
    kept = SentenceEncoder.from_pretrained(folder)
    run.plans[0].load().save(folder)
    own.train_and_keep(run, 16)
    assert "the encoder beside it is" in capsys.readouterr().out
    assert SentenceEncoder.from_pretrained(folder).fingerprint == kept.fingerprint


def test_with_pairs_the_best_on_dev_is_kept_and_baselines_stand_beside(open_own: Open) -> None:
    run = open_own(pairs=True)
    rows = own.train_and_keep(run, 16)
    dev = spearman(rows[rows["split"] == "dev"])
    curve = dev[dev["kind"].isin(["untrained", "trained"])].set_index("n_train")["value"]
    assert kept_place(rows) == curve.idxmax()
    assert {"tfidf-char", "whitening", "idf-mean"} <= set(rows["method"])
    assert "roc_auc" in set(rows["metric"])
    kept = SentenceEncoder.from_pretrained(run.output_dir / "encoder")
    untrained = run.plans[0].load()
    same = np.array_equal(kept.encode(["我喝茶"]), untrained.encode(["我喝茶"]))
    assert same == (kept_place(rows) == 0)


class Worse:
    """A score on dev that falls with every point."""

    def __init__(self) -> None:
        self.value = 1.0

    def __call__(self, _: object) -> list[dict[str, object]]:
        self.value -= 0.1
        return [
            {"split": s, "metric": "spearman", "value": self.value, "missing": None}
            for s in ("dev", "test")
        ]


def test_where_training_only_harms_the_untrained_encoder_is_kept_and_told(
    open_own: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "measure_spearman", lambda splits: Worse())
    run = open_own(pairs=True)
    rows = own.train_and_keep(run, 16)
    assert kept_place(rows) == 0
    kept = SentenceEncoder.from_pretrained(run.output_dir / "encoder")
    np.testing.assert_array_equal(kept.encode(["我喝茶"]), run.plans[0].load().encode(["我喝茶"]))
    assert "Not trained" in (run.output_dir / "encoder" / "README.md").read_text("utf-8")
    told = tell_own_text(rows)
    assert "Kept is the untrained encoder" in told
    assert "**lowered** Spearman from 0.900 to 0.700" in told


class Scripted:
    """Scores on dev as they are listed, one a point that was measured."""

    def __init__(self, values: list[float]) -> None:
        self.values = list(values)

    def __call__(self, _: object) -> list[dict[str, object]]:
        value = self.values.pop(0)
        return [{"split": "dev", "metric": "spearman", "value": value, "missing": None}]


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, bytes]]:
    """By their scores, the encoders of runs that were left alone, as far as they were run."""
    return {}


BROKEN_OFF_AT = ("save", "point 0", "point 1", "point 2", "best", "record", "step 3")


@pytest.mark.parametrize("scores", [[0.1, 0.9, 0.3], [0.9, 0.1, 0.2], [0.1, 0.2, 0.9], None])
@pytest.mark.parametrize("place", BROKEN_OFF_AT)
def test_what_was_broken_off_goes_on_and_ends_with_the_same_bytes(
    open_own: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: dict[str, dict[str, bytes]],
    place: str,
    scores: list[float] | None,
) -> None:
    monkeypatch.setattr(own, "POINTS", 2)
    monkeypatch.setattr(checkpoint, "PAUSE_PER_SAVE", 0)
    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (0.0,))  # a state at every step
    monkeypatch.setattr(own, "recommended", lambda rows: None)

    def train_and_keep(script: Scripted) -> Path:
        monkeypatch.setattr(own, "measure_spearman", lambda splits: script)
        run = open_own(pairs=scores is not None)
        own.train_and_keep(run, 32)
        return run.output_dir

    if str(scores) not in undisturbed:
        alone = train_and_keep(Scripted(scores or [])).rename(tmp_path / "undisturbed")
        undisturbed[str(scores)] = files(alone / "encoder")
    script, steps = Scripted(scores or []), iter(range(100))
    seen = iter(range(100))
    with monkeypatch.context() as patch:
        if place == "save":
            patch.setattr(SentenceEncoder, "save", interrupted)
        elif place == "record":
            patch.setattr(own, "write_sealed", interrupted)
        elif place == "best" and scores:
            patch.setattr(Checkpoint, "keep", interrupted)
        elif place == "step 3":
            real_step = torch.optim.AdamW.step
            patch.setattr(torch.optim.AdamW, "step", stopping(real_step, steps, 3))
        else:
            at = int(place[-1]) if place.startswith("point") else 0
            patch.setattr(own, "rows_of", stopping(own.rows_of, seen, at))
        with pytest.raises(KeyboardInterrupt):
            train_and_keep(script)
    if place == "best" and scores:
        script = Scripted(scores)  # its first point was scored, and not recorded
    resumed = train_and_keep(script)
    assert files(resumed / "encoder") == undisturbed[str(scores)]
    assert not list((resumed / "cells").glob("*encoder*"))


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def stopping(real: Callable[..., Any], counted: Iterator[int], at: int) -> Callable[..., Any]:
    """The function, but for its call number ``at``, which is interrupted."""

    def call(*args: Any, **named: Any) -> Any:
        if next(counted) == at:
            raise KeyboardInterrupt
        return real(*args, **named)

    return call


def test_weights_of_the_best_point_that_were_damaged_are_trained_afresh(
    open_own: Open, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Scripted([0.9, 0.1, 0.2, 0.9, 0.1, 0.2])
    monkeypatch.setattr(own, "POINTS", 2)
    monkeypatch.setattr(own, "measure_spearman", lambda splits: script)
    monkeypatch.setattr(own, "recommended", lambda rows: None)
    run = open_own(pairs=True)
    with monkeypatch.context() as patch:
        patch.setattr(SentenceEncoder, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            own.train_and_keep(run, 32)
    (state,) = (run.output_dir / "cells").glob("*encoder*/best.pt")
    state.write_bytes(state.read_bytes()[:-1] + b"?")
    rows = own.train_and_keep(run, 32)
    assert "best.pt: damaged" in capsys.readouterr().out
    assert (kept_place(rows), script.values) == (0, [])


@pytest.mark.parametrize("name", ["whitening", "idf-mean", "tfidf-char"])
def test_what_is_ahead_without_training_is_kept_too(
    open_own: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(own, "recommended", lambda rows: (name, 0.9, 0.1))
    run = open_own(pairs=True)
    own.train_and_keep(run, 16)
    folder = run.output_dir / name
    kept: SentenceEncoder | TfidfEncoder
    if name == "tfidf-char":
        kept = TfidfEncoder.load(folder / "tfidf.json")
    else:
        kept = SentenceEncoder.from_pretrained(folder)
    again = FITTED_ENCODERS[name](run.plans[0].load(), own.draw(run.data, 16, 0).train)
    np.testing.assert_array_equal(kept.encode(SENTENCES), again.encode(SENTENCES))
    card = (folder / "README.md").read_text("utf-8")
    assert "Fitted on 16 sentences of mine" in card
    assert not [sentence for sentence in SENTENCES if sentence in card]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(own, "FITTED_ENCODERS", dict.fromkeys(FITTED_ENCODERS))  # would fail
    own.train_and_keep(open_own(pairs=True), 16)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_not_ahead_is_not_kept(open_own: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "recommended", lambda rows: None)
    run = open_own(pairs=True)
    own.train_and_keep(run, 16)
    assert not {path.name for path in run.output_dir.iterdir()} & {*FITTED_ENCODERS}


def test_an_encoder_that_was_fitted_is_not_trained(
    open_own: Open, bert_dir: Path, tmp_path: Path
) -> None:
    fitted = whiten(SentenceEncoder.from_pretrained(bert_dir, "mean"), SENTENCES)
    fitted.save(tmp_path / "whitened")
    with pytest.raises(EncoderError, match="whitened has a projection or weights of tokens"):
        own.train_and_keep(open_own(encoder=tmp_path / "whitened"), 16)


@pytest.mark.parametrize("pooling", Pooling)
def test_sentence_transformers_loads_what_was_kept_with_the_same_vectors(
    open_own: Open, pooling: str
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    run = open_own(pooling=pooling)
    own.train_and_keep(run, 24)
    folder = run.output_dir / "encoder"
    ours = SentenceEncoder.from_pretrained(folder)
    assert ours.pooling == pooling
    model = library.SentenceTransformer(str(folder), device="cpu")
    theirs = model.encode(list(SENTENCES), show_progress_bar=False)
    np.testing.assert_allclose(theirs, ours.encode(SENTENCES), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["encoder", "whitening", "tfidf-char"])
@pytest.mark.parametrize("what", ["file", "link", "full"])
def test_nothing_of_anybody_is_written_over(open_own: Open, what: str, name: str) -> None:
    run = open_own()
    folder = run.output_dir / name
    if what == "file":
        folder.write_text("mine")
    elif what == "link":
        folder.symlink_to(run.output_dir)
    else:
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
    with pytest.raises(FolderError, match="move it away"):
        own.train_and_keep(run, 16)


def test_the_card_says_what_was_done_and_holds_no_sentence(
    open_own: Open,
) -> None:
    run = open_own(pairs=True)
    rows = own.train_and_keep(run, 16)
    card = (run.output_dir / "encoder" / "README.md").read_text("utf-8")
    assert "16 sentences of mine, without labels" in card or "Not trained" in card
    assert "| pooling | mean |" in card
    assert f"| uniformity, held-out | {value(rows, 'uniformity', 0):.3f} |" in card
    assert "spearman, test" in card
    assert not [sentence for sentence in SENTENCES if sentence in card]


def test_the_card_s_code_for_plain_transformers_gives_the_same_vectors(open_own: Open) -> None:
    run = open_own()
    own.train_and_keep(run, 16)
    folder = run.output_dir / "encoder"
    card = (folder / "README.md").read_text("utf-8")
    code = card.split("```python")[-1].split("```")[0].replace("this-folder", str(folder))
    found: dict[str, object] = {}
    exec(code, found)
    ours = SentenceEncoder.from_pretrained(folder).encode(["一句话", "另一句话"])
    np.testing.assert_allclose(np.asarray(found["vectors"]), ours, atol=1e-5)


def test_several_epochs_are_measured_at_the_end_of_each(open_own: Open) -> None:
    rows = own.train_and_keep(open_own(), 16, num_epochs=3)
    assert sorted(set(rows["epoch"])) == [0, 1, 2, 3]
    assert training_table(rows).index.tolist() == [
        "untrained",
        "1 epoch",
        "2 epochs",
        "3 epochs (kept)",
    ]


@pytest.mark.parametrize(
    ("n", "batch", "epochs", "expected"),
    [
        (64, 8, 1, [0, 16, 32, 48, 64]),
        (20, 8, 1, [0, 8, 16, 20]),
        (10, 8, 1, [0, 8, 10]),
        (5, 8, 1, [0, 5]),
        (10, 8, 2, [0, 10, 20]),
    ],
)
def test_points_are_ends_of_batches_or_of_epochs(
    n: int, batch: int, epochs: int, expected: list[int]
) -> None:
    assert own.measure_points(n, batch, epochs) == expected


def test_neighbours_are_shown_before_and_after_and_written_nowhere(open_own: Open) -> None:
    run = open_own()
    own.train_and_keep(run, 16)
    before = {path: path.read_bytes() for path in run.output_dir.rglob("*") if path.is_file()}
    said = own.show_neighbours(run, n=3)
    assert said.splitlines()[0] == "| sentence | before | kept |"
    assert len(said.splitlines()) == 2 + 3
    after = {path: path.read_bytes() for path in run.output_dir.rglob("*") if path.is_file()}
    assert after == before


def test_near_duplicates_are_counted_and_shown(open_own: Open) -> None:
    assert own.show_near_duplicates(open_own()).startswith("Of 48 sentences, ")


def test_what_sentences_look_like_is_told_in_chinese_too(open_own: Open) -> None:
    said = own.show_near_duplicates(open_own(language="zh"))
    assert said.startswith("48 个句子中，")
    head = said.partition("\n\n")[2].partition("\n")[0]
    assert head in ("", "| 句子 | 另一句 | 余弦 |")
