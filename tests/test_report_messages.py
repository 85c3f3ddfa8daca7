"""Errors, bars and lines in Chinese: every message has words, and keeps what is put into it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcse_core.config import PACKAGE
from simcse_core.errors import DataError, ParameterError, one_line
from simcse_core.parameters import PARAMETERS
from simcse_core.report.messages import in_chinese, speak
from simcse_core.translation import tell, translated

CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Words that English needs and that no name of a parameter, a file or a command is.
ENGLISH = re.compile(r"\b(is|are|was|has|have|had|the|of|not|cannot|needed|got|they|and|give|a)\b")
# Raised for who writes code with the package, whatever a notebook or a command is given.
FOR_CODE = {
    *("__init__", "arguments", "baselines", "cells", "checkpoint", "evaluation", "fitted_encoders"),
    *("loss", "mteb_encoder", "encoding/projection", "tfidf_encoder", "study/kernels"),
    *(f"report/{name}" for name in ("markers", "methods", "plotting", "rows", "tables")),
}
ALSO_FOR_CODE = {
    "encoder.py": "tokenizer: |prefix: |normalize: |token_weights: |projection: |device: ",
    "training.py": "config: |measure_at: ",
    "applications/search.py": "format |7 questions, vectors",
    "encoding/persistence.py": "7 of shape 7, bias 7",
}
PUT_IN = "7"  # stands for whatever is put into a message


def raised(path: Path) -> Iterator[str]:
    """What errors say that a module raises, each with PUT_IN in the places of what is put in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "refuse")):
            yield from map(said, node.args)


def said(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(said(p) if isinstance(p, ast.Constant) else PUT_IN for p in parts)
    return ""


def module(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if module(path) not in FOR_CODE)


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_each_error_of_a_run_has_chinese_words(path):
    not_for_readers = ALSO_FOR_CODE.get(path.relative_to(PACKAGE).as_posix(), "$-")
    messages = [
        m for m in raised(path) if re.search("[a-z]{2}", m) and not re.match(not_for_readers, m)
    ]
    assert [m for m in messages if not is_told(m)] == []


def is_told(message: str) -> bool:
    told = in_chinese(message)
    return bool(CHINESE.search(told)) and not ENGLISH.search(told)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_value_that_a_parameter_cannot_have_is_refused_in_chinese(name):
    one = [None, 3.5, True, "", "\0", "x", -1, 10**9, {"x": 1}, {"seed": 1}, {"dropout": 7}]
    many = [[], ["x", "x"], [1, 1], ["mean", "x"], [0.5, 2], [[1]], [{"pooling": "mean"}]]
    refused = []
    for value in [*one, *many, {"schedule": "x"}, {"learning_rate": 0}, {"batch_size": 2**70}]:
        try:
            PARAMETERS[name](name, value)
        except ParameterError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert [error for error in refused if not is_told(error)] == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "source: '/x/是 我的' is neither 'sample', 'hub' nor a file or a folder",
            "source：'/x/是 我的' 既不是 'sample', 'hub'，也不是文件或目录；请检查路径",
        ),
        (
            "06_your_sentences.ipynb: a b.txt, line 3: one sentence a line expected, but it looks "
            "like JSON; name the file .csv, .tsv or .jsonl if it is that, or write the sentences "
            "alone to a file",
            "06_your_sentences.ipynb：a b.txt 第 3 行：应为一行一句，看起来却像 JSON；如果确实是，"
            "请把文件命名为 .csv、.tsv 或 .jsonl，否则把句子单独写成一个文件",
        ),
        (
            "02_a.ipynb, cell 3: source: BQ has no labelled pairs for dev and test, on which this "
            "is measured; add them, or run 06_your_sentences, which needs text alone; failed: "
            "02-x, 02-y; 3 other computed and kept; executed so far: /out/02_a.ipynb",
            "02_a.ipynb，第 3 个单元格：source：BQ 没有可作 dev and test 的标注句对，而评测要用到；"
            "请补上，或运行只需要文本的 06_your_sentences；失败的有：02-x, 02-y；"
            "另有 3 项已算完并保存；已运行的部分：/out/02_a.ipynb",
        ),
        (
            "02_a.ipynb, cell 3: OSError: [Errno 28] No space left on device; free some space, "
            "then run again: what is finished is kept\nthe cell:\nx: y\n; executed so far: /o.x",
            "02_a.ipynb，第 3 个单元格：OSError: [Errno 28] No space left on device；"
            "请腾出一些空间，再重新运行：已完成的都会保留\n单元格的内容：\nx: y\n；"
            "已运行的部分：/o.x",
        ),
        (
            "output_dir: /x is in use by process 12 on here; wait for it, stop it, or name another "
            "folder",
            "output_dir：/x 正被 here 上的进程 12 使用；请等它结束、停掉它，或换一个目录",
        ),
        (
            "encoder: mine cannot be loaded (its weights lack a.b and 3 more); a folder holds "
            "config.json, model.safetensors and the tokenizer",
            "encoder：mine 无法加载（权重里缺少 a.b 等，另缺 3 个）；目录里要有 config.json、"
            "model.safetensors 和分词器",
        ),
        (
            "argument --cell-timeout: a number of seconds is needed, got 'x'; --help lists the "
            "options",
            "--cell-timeout：应为秒数，实际是 'x'；--help 列出全部选项",
        ),
        (
            "text_column: source few.txt has one sentence a line and no columns, so it has no "
            "effect; leave it out",
            "text_column：不起作用，因为 source few.txt 一行一句，没有列；请去掉",
        ),
        (
            "argument --workers: a whole number from 1 to 9999 is needed, got 'x'; --help lists "
            "the options",
            "--workers：应为 1 到 9999 之间的整数，实际是 'x'；--help 列出全部选项",
        ),
        ("text: 'x' has two labels; keep one row of it", "text：'x' 有两个标签；请只保留一行"),
        ("something: new was said", "something: new was said"),
        ("12/30 cells", "12/30 项"),
        ("", ""),
    ],
)
def test_a_message_keeps_its_names_and_values(english, chinese):
    assert in_chinese(english) == chinese


def test_what_a_process_speaks_is_chosen_once(capsys):
    error = DataError("n_train: 9 NLI triplets wanted, the source has 3")
    error.add_note("failed: 02-x")
    speak("zh")
    assert error._render_traceback_() == [
        "DataError: n_train：需要 9 个 NLI 三元组，数据里只有 3 个",
        "失败的有：02-x",
    ]
    assert str(error) == "n_train: 9 NLI triplets wanted, the source has 3"
    assert translated("sentence") == "句"
    tell("02-x: computed afresh, because code changed")
    assert capsys.readouterr().out == "02-x：重新计算，因为 code 变了\n"
    speak("en")
    assert error._render_traceback_()[0] == f"DataError: {error}"
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        speak("fr")


def test_ours_is_told_to_its_end_however_long_and_of_others_a_piece():
    long = f"source: '/{'x' * 400}' is neither 'sample' nor a file or a folder"
    assert one_line(DataError(long)) == long
    assert in_chinese(one_line(DataError(long))).endswith("也不是文件或目录；请检查路径")
    assert one_line(ValueError(long)) == f"{long[:300]}…"
