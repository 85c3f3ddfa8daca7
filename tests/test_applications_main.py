from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from simcse_core import SentenceEncoder
from simcse_core.applications import approximate, data, search
from simcse_core.applications.__main__ import main, stamp_of

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("intents", "-n", 3)``: the exit code and all that was said."""

    def call(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of a user: questions, queries, labelled examples, unlabelled texts."""
    texts, labels = zip(
        *[
            ("我想退货", "退货"), ("退货退款", "退货"), ("怎么退货", "退货"),
            ("我想付款", "付款"), ("付款失败", "付款"), ("怎么付款", "付款"),
        ],
        strict=True,
    )  # fmt: skip
    for name, columns in {
        "questions": {"text": ["今天看书", "我喝茶", "老师今天喝茶"]},
        "queries": {"text": ["我今天喝茶", "看书"]},
        "examples": {"text": texts, "label": labels},
        "texts": {"text": ["能退货吗", "付款付不了", "今天天气好"]},
    }.items():
        pd.DataFrame(columns).to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def built(run: Run, folder: Path, encoder: Path) -> Path:
    index = folder / "faq.index"
    code, said = run(
        "search", "build", "--questions", folder / "questions.csv", "--index", index,
        "--encoder", encoder,
    )  # fmt: skip
    assert (code, "3 questions encoded" in said) == (0, True), said
    return index


def queried(run: Run, folder: Path, encoder: Path, *more: object) -> tuple[int, str]:
    return run(
        "search", "query", "--index", folder / "faq.index", "--queries", folder / "queries.csv",
        "--out", folder / "hits.csv", "--encoder", encoder, *more,
    )  # fmt: skip


@pytest.mark.parametrize("way", [[], ["--fuse"]])
def test_questions_are_kept_and_found(
    run: Run, folder: Path, bert_dir: Path, way: list[str]
) -> None:
    built(run, folder, bert_dir)
    code, said = queried(run, folder, bert_dir, "-k", 2, *way)
    assert code == 0, said
    hits = pd.read_csv(folder / "hits.csv")
    assert list(hits) == ["query", "rank", "question", "score"]
    assert hits["query"].tolist() == ["我今天喝茶"] * 2 + ["看书"] * 2
    assert (hits.groupby("query")["score"].diff().dropna() <= 0).all()


@pytest.mark.skipif(not approximate.INSTALLED, reason="the extra search is missing")
def test_faiss_finds_the_same_and_is_made_again_when_the_questions_change(
    run: Run, folder: Path, bert_dir: Path
) -> None:
    index = built(run, folder, bert_dir)
    queried(run, folder, bert_dir)
    exact = pd.read_csv(folder / "hits.csv")
    assert queried(run, folder, bert_dir, "--faiss", "flat")[0] == 0
    pd.testing.assert_frame_equal(pd.read_csv(folder / "hits.csv"), exact, atol=1e-5)
    kept = (folder / "faq.index.flat").read_bytes()
    pd.DataFrame({"text": ["我喝茶"]}).to_csv(folder / "gone.csv", index=False)
    assert run("search", "remove", "--questions", folder / "gone.csv", "--index", index)[0] == 0
    assert queried(run, folder, bert_dir, "--faiss", "flat")[0] == 0
    assert (folder / "faq.index.flat").read_bytes() != kept
    assert "我喝茶" not in set(pd.read_csv(folder / "hits.csv")["question"])


def test_questions_are_added_and_removed_by_file(run: Run, folder: Path, bert_dir: Path) -> None:
    index = built(run, folder, bert_dir)
    pd.DataFrame({"text": ["他喝茶"]}).to_csv(folder / "more.csv", index=False)
    more = ["--questions", folder / "more.csv", "--index", index]
    code, said = run("search", "add", *more, "--encoder", bert_dir)
    assert (code, "1 questions added, 4 in all" in said) == (0, True)
    code, said = run("search", "add", *more, "--encoder", bert_dir)
    assert (code, "'他喝茶' is there twice" in said) == (1, True)
    code, said = run("search", "remove", *more)
    assert (code, "1 questions removed, 3 left" in said) == (0, True)


def test_an_index_of_another_pooling_is_refused_and_kept(
    run: Run, folder: Path, bert_dir: Path
) -> None:
    index = built(run, folder, bert_dir)
    before = index.read_bytes()
    code, said = queried(run, folder, bert_dir, "--pooling", "mean")
    assert code == 1
    assert "applications: encoder: the index was built with" in said
    assert index.read_bytes() == before
    assert not (folder / "hits.csv").exists()


def test_a_file_that_is_no_index_is_not_written_over(
    run: Run, folder: Path, bert_dir: Path
) -> None:
    other = folder / "notes.txt"
    other.write_text("mine")
    code, said = run(
        "search", "build", "--questions", folder / "questions.csv", "--index", other,
        "--encoder", bert_dir,
    )  # fmt: skip
    assert (code, "is damaged or no index" in said) == (1, True)
    assert other.read_text() == "mine"


def test_a_stamp_changes_with_what_changes_vectors(load: Callable[..., SentenceEncoder]) -> None:
    stamps = [stamp_of(load(pooling, length)) for pooling in ("mean", "cls") for length in (16, 32)]
    assert len({stamp.fingerprint for stamp in stamps}) == 4
    assert stamp_of(load("mean", 16)) == stamps[0]


def use(run: Run, folder: Path, name: str, *more: object) -> tuple[int, str]:
    return run(
        name, "--examples", folder / "examples.csv", "--texts", folder / "texts.csv",
        "--out", folder / "out.csv", "--encoder", "tfidf", *more,
    )  # fmt: skip


def test_intents_come_in_order(run: Run, folder: Path) -> None:
    code, said = use(run, folder, "intents", "-n", 1)
    assert (code, "1 intents for each of 3 utterances" in said) == (0, True)
    out = pd.read_csv(folder / "out.csv")
    assert out["intent"].tolist()[:2] == ["退货", "付款"]


def test_unknown_utterances_are_marked(run: Run, folder: Path) -> None:
    code, said = use(run, folder, "unknown", "--score", "nearest", "--accept", 1)
    assert (code, "1 of 3 utterances belong to no intent" in said) == (0, True)
    assert pd.read_csv(folder / "out.csv")["known"].tolist() == ["yes", "yes", "no"]


def test_proposals_go_to_a_person_and_come_back_as_examples(run: Run, folder: Path) -> None:
    code, said = use(run, folder, "label", "--precision", 0.9)
    assert code == 0, said
    review = pd.read_csv(folder / "out.csv", keep_default_na=False)
    assert set(review["text"]) >= {"能退货吗", "付款付不了"}
    code, said = use(run, folder, "label")
    assert (code, "may hold a person's work" in said) == (1, True)

    review["decision"] = ["yes" if text == "能退货吗" else "no" for text in review["text"]]
    review.to_csv(folder / "out.csv", index=False)
    code, said = run(
        "label", "--examples", folder / "examples.csv", "--reviewed", folder / "out.csv",
        "--out", folder / "more.csv",
    )  # fmt: skip
    assert (code, "1 examples added, 7 in all" in said) == (0, True)
    more = data.read_labelled(folder / "more.csv")
    assert (more.texts[-1], more.labels[-1]) == ("能退货吗", "退货")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-n", 9], "n: must be between 1 and the 2 intents, got 9"),
        (["-n", 0], "n: must be between 1 and the 2 intents, got 0"),
        (["--encoding", "undefined"], "cannot be read as undefined"),
        (["--text-column", "label"], "column 'label' cannot be both text and label"),
        (["--text-column", "words"], "no column 'words'"),
        (["--encoding", "utf-16"], "is not utf-16"),
        (["--out", "none/out.csv"], "its folder is not there or read-only"),
        (["--encoder", "nowhere/model"], "applications: "),
    ],
)
def test_a_fault_is_one_line_and_exit_code_1(
    run: Run, folder: Path, more: list[object], message: str
) -> None:
    code, said = use(run, folder, "intents", *more)
    assert code == 1
    assert message in said
    assert "Traceback" not in said
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(
    ("name", "more", "option"),
    [
        ("intents", ["--pooling", "cls"], "--pooling: it has no effect on tfidf"),
        ("unknown", ["--max-seq-length", 5], "--max-seq-length: it has no effect on tfidf"),
        ("label", ["--pooling", "mean"], "--pooling: it has no effect on tfidf"),
    ],
)
def test_an_option_of_an_encoder_is_refused_where_there_is_none(
    run: Run, folder: Path, name: str, more: list[object], option: str
) -> None:
    code, said = use(run, folder, name, *more)
    assert (code, option in said) == (1, True), said
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(
    "more", [["--precision", 0.5], ["--per-class", 3], ["--encoder", "tfidf"], ["--pooling", "cls"]]
)
def test_an_option_of_proposals_is_refused_where_nothing_is_proposed(
    run: Run, folder: Path, more: list[object]
) -> None:
    columns = {"text": ["甲"], "label": ["退货"], "decision": ["yes"], "proposed": ["退货"]}
    pd.DataFrame(columns).to_csv(folder / "reviewed.csv", index=False)
    code, said = run(
        "label", "--examples", folder / "examples.csv", "--reviewed", folder / "reviewed.csv",
        "--out", folder / "more.csv", *more,
    )  # fmt: skip
    assert (code, f"{more[0]}: it has no effect with --reviewed" in said) == (1, True), said
    assert not (folder / "more.csv").exists()


@pytest.mark.parametrize("n", [0, -1])
def test_no_proposal_at_all_is_not_blamed_on_the_precision(run: Run, folder: Path, n: int) -> None:
    code, said = use(run, folder, "label", "--per-class", n)
    assert (code, f"per_class: a number from 1 up is needed, got {n}" in said) == (1, True), said


@pytest.mark.parametrize("column", ["text", "label"])
def test_one_column_is_not_both_text_and_label(run: Run, folder: Path, column: str) -> None:
    code, said = use(run, folder, "intents", "--text-column", column, "--label-column", column)
    assert (code, f"column '{column}' cannot be both text and label" in said) == (1, True), said


@pytest.mark.parametrize("length", [0, 2, -5, 10**6])
def test_a_length_that_an_encoder_has_not_is_one_line(
    run: Run, folder: Path, bert_dir: Path, length: int
) -> None:
    code, said = run(
        "search", "build", "--questions", folder / "questions.csv", "--index", folder / "i",
        "--encoder", bert_dir, "--max-seq-length", length,
    )  # fmt: skip
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith("applications: max_seq_length: must be between 3 and")


def test_an_index_is_changed_where_a_link_leads(run: Run, folder: Path, bert_dir: Path) -> None:
    index = built(run, folder, bert_dir)
    (folder / "link").symlink_to(index)
    pd.DataFrame({"text": ["他喝茶"]}).to_csv(folder / "more.csv", index=False)
    for step, more, left in (("add", ["--encoder", bert_dir], 4), ("remove", [], 3)):
        code, said = run(
            "search", step, "--questions", folder / "more.csv", "--index", folder / "link", *more
        )
        assert (code, f"{left} " in said) == (0, True), said
        assert (folder / "link").is_symlink()
        assert len(search.load(index)) == left


def test_an_intent_with_one_example_is_named(run: Run, folder: Path) -> None:
    pd.DataFrame({"text": ["a", "b", "c"], "label": ["x", "x", "y"]}).to_csv(
        folder / "examples.csv", index=False
    )
    for name in ("unknown", "label"):
        code, said = use(run, folder, name)
        assert (code, "'y' has 1 example, 2 are needed" in said) == (1, True)


def test_tfidf_alone_cannot_be_kept_as_an_index(run: Run, folder: Path) -> None:
    code, said = run(
        "search", "build", "--questions", folder / "questions.csv", "--index", folder / "i",
        "--encoder", "tfidf",
    )  # fmt: skip
    assert (code, "tfidf has no vectors of its own to keep" in said) == (1, True)


def test_a_fault_is_told_in_the_language_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--examples", str(tmp_path / "没有.csv"), "--texts", "x.csv"]
    out = ["--out", str(tmp_path / "out.csv"), "--language", "zh"]
    assert main(["intents", *files, *out]) == 1
    assert capsys.readouterr().err == f"applications: {tmp_path}/没有.csv：没有这个文件\n"
