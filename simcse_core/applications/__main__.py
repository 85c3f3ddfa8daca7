"""The uses for people with files: CSV in, CSV out.

Texts stand in a column ``text``, class names in a column ``label``; other names of columns can be
given. Files are UTF-8 unless said otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from simcse_core.applications import (
    approximate,
    intents,
    out_of_scope,
    pseudo_labels,
    review,
    search,
)
from simcse_core.applications.data import Labelled, read_labelled
from simcse_core.applications.inputs import Encode, InputError, check_labelled
from simcse_core.applications.search import EncoderStamp, QuestionIndex
from simcse_core.applications.tables import check_target, read_columns, write_table
from simcse_core.applications.tfidf import LexicalIndex
from simcse_core.config import LANGUAGES, Pooling
from simcse_core.encoder import SentenceEncoder
from simcse_core.errors import print_any_name
from simcse_core.exit_code import exit_code
from simcse_core.report.messages import speak
from simcse_core.tfidf_encoder import TfidfEncoder
from simcse_core.translation import tell

TFIDF = "tfidf"
DEFAULT_ENCODER = "mini-bert"
DEFAULT_K = 10
DEFAULT_N = 5


def search_build(options: argparse.Namespace) -> str:
    """Encodes the questions of a CSV file and keeps them as an index."""
    _check_index_target(options.index, options.questions)
    questions = list(dict.fromkeys(_texts(options, options.questions)))
    encode, stamp = _encoder(options)
    search.save(search.build(questions, encode, stamp), options.index)
    return f"{len(questions)} questions encoded with {stamp}: {options.index}"


def search_add(options: argparse.Namespace) -> str:
    """Encodes the questions of a CSV file and adds them to an index."""
    questions = list(dict.fromkeys(_texts(options, options.questions)))
    encode, stamp = _encoder(options)
    with _held(options.index):
        index = search.add(search.load(options.index, stamp), questions, encode, stamp)
        search.save(index, options.index)
    return f"{len(questions)} questions added, {len(index)} in all: {options.index}"


def search_remove(options: argparse.Namespace) -> str:
    """Removes the questions of a CSV file from an index."""
    _refuse_idle(options, OF_ENCODER, "where nothing is encoded")
    questions = _texts(options, options.questions)
    with _held(options.index):
        index = search.remove(search.load(options.index), questions)
        search.save(index, options.index)
    return f"{len(set(questions))} questions removed, {len(index)} left: {options.index}"


def search_query(options: argparse.Namespace) -> str:
    """Writes the nearest questions of every query of a CSV file."""
    check_target(options.out, [options.queries, options.index])
    queries = _texts(options, options.queries)
    encode, stamp = _encoder(options)
    index = search.load(options.index, stamp)
    k = _given(options.k, min(DEFAULT_K, len(index)))
    search.check_k(k, len(index))
    if options.fuse:
        lexical = LexicalIndex(index.questions, progress=True)
        hits = search.query_fused(index, lexical, queries, encode, k, progress=True)
    elif options.faiss:
        hits = approximate.query(_faiss_index(options, index), index, queries, encode, k)
    else:
        hits = search.query(index, queries, encode, k, progress=True)
    write_table(options.out, hits_table(index, queries, hits))
    return f"{k} questions for each of {len(queries)} queries: {options.out}"


def label(options: argparse.Namespace) -> str:
    """Proposes labels for review, or adds what a person has confirmed to the examples."""
    examples = _examples(options)
    if options.reviewed:
        idle = (*OF_ENCODER, "precision", "per_class")
        _refuse_idle(options, idle, "with --reviewed, where nothing is proposed")
        check_target(options.out, [options.examples, options.reviewed])
        classes = check_labelled(examples.texts, examples.labels).classes
        texts, labels = review.read_review(options.reviewed, classes, options.encoding)
        both = Labelled([*examples.texts, *texts], [*examples.labels, *labels])
        check_labelled(both.texts, both.labels)
        write_table(options.out, _labelled_table(options, both))
        return f"{len(texts)} examples added, {len(both.texts)} in all: {options.out}"
    check_target(options.out, [options.examples, options.texts])
    review.check_review_target(options.out)
    texts = _texts(options, options.texts)
    encode = _encode_for(options, [*examples.texts, *texts])
    proposals = pseudo_labels.propose(
        examples.texts,
        examples.labels,
        texts,
        encode,
        precision := _given(options.precision, pseudo_labels.PRECISION),
        _given(options.per_class, pseudo_labels.PER_CLASS),
        progress=True,
    )
    if proposals.table.empty:
        raise InputError(
            f"precision: no text scores enough for {precision}; lower it, or label more examples"
        )
    review.write_review(proposals.table, options.out)
    return (
        f"{len(proposals.table)} of {len(texts)} texts have a proposal (margin of at least "
        f"{proposals.threshold:.3f}): {options.out}; correct label, write yes or no into "
        "decision, and give the file back with --reviewed"
    )


def recall_intents(options: argparse.Namespace) -> str:
    """Writes the likeliest intents of every utterance of a CSV file."""
    check_target(options.out, [options.examples, options.texts])
    examples, texts = _examples(options), _texts(options, options.texts)
    n = _given(options.n, min(DEFAULT_N, len(set(examples.labels))))
    encode = _encode_for(options, [*examples.texts, *texts])
    table = intents.likeliest(examples.texts, examples.labels, texts, encode, n, options.method)
    write_table(options.out, table)
    return f"{n} intents for each of {len(texts)} utterances: {options.out}"


def find_unknown(options: argparse.Namespace) -> str:
    """Writes which utterances of a CSV file belong to no intent."""
    check_target(options.out, [options.examples, options.texts])
    examples, texts = _examples(options), _texts(options, options.texts)
    encode = _encode_for(options, [*examples.texts, *texts])
    table = out_of_scope.detect(
        examples.texts,
        examples.labels,
        texts,
        encode,
        options.score,
        options.accept,
        progress=True,
    )
    table["known"] = np.where(table["known"], "yes", "no")
    write_table(options.out, table)
    n = int((table["known"] == "no").sum())
    return f"{n} of {len(texts)} utterances belong to no intent: {options.out}"


def hits_table(index: QuestionIndex, queries: Sequence[str], hits: search.Hits) -> pd.DataFrame:
    """Hits as rows ``query, rank, question, score``, without places where nothing was found."""
    n, k = hits.rows.shape
    rows = hits.rows.ravel()
    table = pd.DataFrame(
        {
            "query": np.repeat(np.array(queries, dtype=object), k),
            "rank": np.tile(np.arange(1, k + 1), n),
            "question": [index.questions[row] if row >= 0 else "" for row in rows],
            "score": np.round(hits.scores.ravel().astype(float), 6),
        }
    )
    return table[rows >= 0]


def stamp_of(encoder: SentenceEncoder) -> EncoderStamp:
    """An encoder's fingerprint, with its name, pooling and length for people."""
    name = f"{encoder.name}, {encoder.pooling.value}, {encoder.max_seq_length} tokens"
    return EncoderStamp(name, encoder.fingerprint)


def _encoder(options: argparse.Namespace) -> tuple[Encode, EncoderStamp]:
    if options.encoder == TFIDF:
        raise InputError(
            "encoder: tfidf has no vectors of its own to keep; name a neural encoder, and add "
            "--fuse to a query"
        )
    name = _given(options.encoder, DEFAULT_ENCODER)
    encoder = SentenceEncoder.from_pretrained(name, options.pooling, options.max_seq_length)
    return partial(encoder.encode, show_progress_bar=True), stamp_of(encoder)


def _encode_for(options: argparse.Namespace, texts: Sequence[str]) -> Encode:
    if options.encoder != TFIDF:
        return _encoder(options)[0]
    _refuse_idle(options, OF_ENCODER[1:], "on tfidf")
    return TfidfEncoder.fit(texts).encode


# What decides vectors, and has no effect where there are none.
OF_ENCODER = ("encoder", "pooling", "max_seq_length")


def _refuse_idle(options: argparse.Namespace, names: Sequence[str], where: str) -> None:
    """Raises an InputError for an option that was given and that nothing would come of."""
    for name in names:
        if getattr(options, name) is not None:
            option = name.replace("_", "-")
            raise InputError(f"--{option}: it has no effect {where}; leave it out")


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _texts(options: argparse.Namespace, path: Path) -> list[str]:
    return read_columns(path, [options.text_column], options.encoding)[0]


def _examples(options: argparse.Namespace) -> Labelled:
    return read_labelled(
        options.examples, options.text_column, options.label_column, options.encoding
    )


def _labelled_table(options: argparse.Namespace, labelled: Labelled) -> pd.DataFrame:
    return pd.DataFrame(
        {options.text_column: labelled.texts, options.label_column: labelled.labels}
    )


def _check_index_target(path: Path, questions: Path) -> None:
    check_target(path, [questions])
    if path.is_file():
        search.load(path)  # refuses to write over what is no index


def _held(index: Path) -> FileLock:
    """Holds an index, so that of two changes at a time none is lost."""
    if not index.is_file():
        raise InputError(f"index: no file {index}; build it first")
    return FileLock(index.with_name(f".{index.name}.lock"))


def _faiss_index(options: argparse.Namespace, index: QuestionIndex) -> approximate.ApproximateIndex:
    """The faiss index beside an index; made, and kept for the next time, if the index is new."""
    path = options.index.with_name(f"{options.index.name}.{options.faiss}")
    if path.is_file():
        kept = approximate.load(path)
        if kept.checksum == index.checksum:
            return kept
    made = approximate.build(index.vectors, options.faiss, index.checksum, progress=True)
    approximate.save(made, path)
    return made


def parser() -> argparse.ArgumentParser:
    """The command line: a use, its files and its settings."""
    top = argparse.ArgumentParser(prog="python -m simcse_core.applications", description=__doc__)
    uses = top.add_subparsers(required=True, metavar="USE")
    steps = uses.add_parser("search", help="find the nearest questions of a FAQ").add_subparsers(
        required=True, metavar="STEP"
    )
    for name, run in {"build": search_build, "add": search_add, "remove": search_remove}.items():
        step = _command(steps, name, run)
        _path(step, "--questions", "CSV file of questions")
        _index(step)
    step = _command(steps, "query", search_query)
    _index(step)
    _path(step, "--queries", "CSV file of queries")
    _path(step, "--out", "CSV file to write")
    step.add_argument("-k", type=int, help=f"questions for each query; default {DEFAULT_K}")
    way = step.add_mutually_exclusive_group()
    way.add_argument("--fuse", action="store_true", help="fuse with TF-IDF by reciprocal ranks")
    way.add_argument("--faiss", choices=list(approximate.KINDS), help="approximate search")
    for name, add in {"intents": _intents, "label": _label, "unknown": _unknown}.items():
        add(uses, name)
    return top


def _intents(uses: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> None:
    use = _command(uses, name, recall_intents)
    _examples_and_texts(use)
    use.add_argument("-n", type=int, help=f"intents for each utterance; default {DEFAULT_N}")
    use.add_argument("--method", choices=list(intents.METHODS), default="logistic")


def _label(uses: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> None:
    use = _command(uses, name, label)
    _examples_file(use)
    given = use.add_mutually_exclusive_group(required=True)
    given.add_argument("--texts", type=Path, help="CSV file of texts to propose labels for")
    given.add_argument("--reviewed", type=Path, help="proposals that a person has gone through")
    _path(use, "--out", "CSV file to write: proposals, or all examples")
    use.add_argument("--precision", type=float, help=f"default {pseudo_labels.PRECISION}")
    use.add_argument("--per-class", type=int, help=f"default {pseudo_labels.PER_CLASS}")


def _unknown(uses: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> None:
    use = _command(uses, name, find_unknown)
    _examples_and_texts(use)
    use.add_argument("--score", choices=list(out_of_scope.SCORES), default=out_of_scope.SCORE)
    use.add_argument(
        "--accept",
        type=float,
        default=out_of_scope.ACCEPT,
        help="share of in-scope utterances to accept",
    )


def _examples_file(use: argparse.ArgumentParser) -> None:
    _path(use, "--examples", "CSV file of labelled texts")
    use.add_argument("--label-column", default="label", help="default label")


def _examples_and_texts(use: argparse.ArgumentParser) -> None:
    _examples_file(use)
    _path(use, "--texts", "CSV file of utterances")
    _path(use, "--out", "CSV file to write")


def _path(use: argparse.ArgumentParser, name: str, what: str) -> None:
    use.add_argument(name, type=Path, required=True, help=what)


def _index(use: argparse.ArgumentParser) -> None:
    # Where a link leads: the file itself is changed, and held while it is, by whatever name.
    use.add_argument(
        "--index", type=lambda text: Path(text).resolve(), required=True, help="the index file"
    )


def _command(
    uses: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], str],
) -> argparse.ArgumentParser:
    use = uses.add_parser(name, help=run.__doc__, description=run.__doc__)
    use.set_defaults(run=run)
    which = f"bundled name, folder or hub id; tfidf; default {DEFAULT_ENCODER}"
    use.add_argument("--encoder", help=which)
    use.add_argument("--pooling", choices=[p.value for p in Pooling], help="default: the encoder's")
    use.add_argument("--max-seq-length", type=int, help="tokens; default: the encoder's")
    use.add_argument("--text-column", default="text", help="default text")
    use.add_argument("--encoding", default="utf-8", help="of CSV files read; default utf-8")
    use.add_argument("--language", choices=LANGUAGES, default="en", help="of errors and progress")
    return use


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = parser().parse_args(arguments)
    print_any_name()
    speak(options.language)
    return exit_code(
        "applications",
        lambda: tell(options.run(options)),
        after_ctrl_c="interrupted; nothing was written",
    )


if __name__ == "__main__":
    sys.exit(main())
