from __future__ import annotations

import re
import unicodedata

import nbformat
import pytest

from simcse_core.evaluation import WHY_MISSING
from simcse_core.report.phrases import in_words
from simcse_core.study.notebooks import NOTEBOOKS
from simcse_core.uses.cells import NOTHING_PROPOSED

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NUMBERED = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_each_line_that_a_notebook_prints_has_chinese_words(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    said = "".join(o.text for o in outputs if o.get("name") == "stdout")
    assert said.strip()
    told = in_words(said, "zh")
    assert [line for line in told.splitlines() if line and not CHINESE.search(line)] == []
    assert in_words(said, "en") == said


@pytest.mark.parametrize("reason", [*WHY_MISSING.values(), NOTHING_PROPOSED])
def test_each_reason_of_a_missing_result_has_chinese_words(reason):
    assert CHINESE.search(in_words(reason, "zh"))
    assert not re.search("[A-Za-z]", in_words(reason, "zh"))


@pytest.mark.parametrize(
    ("line", "chinese"),
    [
        (
            "CNSD STS-B: 1,458 dev pairs, 1,361 test pairs",
            "CNSD STS-B：验证集 1,458 对，测试集 1,361 对",
        ),
        (
            "mine: cls pooling, batch 16, learning rate 1e-05, dropout 0.3, temperature 0.05",
            "mine：[CLS] 池化，批大小 16，学习率 1e-05，dropout 0.3，温度 0.05",
        ),
        (
            "mine: mean is the best pooling untrained, on dev, and named too: one protocol",
            "mine：未训练时验证集上最好的是均值池化，它本来就在评测之列，因此少评测一种",
        ),
        (
            "cut at 64 tokens: 3 of the 1,440 sentences of dev and test; 0.01% of their tokens are "
            "unknown",
            "超过 64 个词元即截断：验证集与测试集的 1,440 个句子中有 3 个；"
            "其中 0.01% 的词元不在词表里",
        ),
        (
            "cut at 8 tokens: 0 of the 660 texts that are measured",
            "超过 8 个词元即截断：参与评测的 660 条文本中有 0 条",
        ),
        (
            "e5: ready-made, mean pooling, prefix 'query: ', 1,000 parameters, 61 MB, MIT",
            "e5：现成编码器，均值池化，前缀 'query: '，1,000 个参数，61 MB，MIT",
        ),
        (
            "e5: ready-made, own pooling, 1,000 parameters, 61 MB, licence not stated",
            "e5：现成编码器，自带池化，1,000 个参数，61 MB，许可证未注明",
        ),
        (
            "12 pairs of dev stand there more than once, 3 of them with two scores",
            "验证集中有 12 对重复出现，其中 3 对的分数不一致",
        ),
        (
            "labels of test take two values: Spearman is at most 0.866 there, and the area under "
            "the ROC curve is told beside it",
            "测试集的标注只有两种取值：Spearman 至多为 0.866，因此同时给出 ROC 曲线下面积",
        ),
        (
            "330 utterances of 22 intents; 100 out of scope, 20 other services",
            "22 个意图的 330 条话语；另有范围外话语 100 条、其他服务 20 条",
        ),
        ("best tfidf-char on test: 0.54", "TF-IDF（字）在测试集上最高：0.54"),
        ("BQ: best untrained on test: 0.54", "BQ：未训练在测试集上最高 0.54"),
        (
            "unsup-simcse, mini-bert, cls: 1 of 2 seeds gain",
            "无监督 SimCSE，mini-bert，[CLS]：2 个种子中 1 个提高",
        ),
        (
            "the loss is nan at step 3 (192 sentences seen, mini (a)); lower learning_rate (now 1) "
            "or raise temperature (now 0.05)",
            "第 3 步的损失为 nan（已训练 192 句，mini (a)）；请调低 learning_rate（现为 1），"
            "或调高 temperature（现为 0.05）",
        ),
        (
            "the loss is inf at step 3 (192 sentences seen, mini)",
            "第 3 步的损失为 inf（已训练 192 句，mini）",
        ),
        ("something new was said", "something new was said"),
    ],
)
def test_a_line_keeps_its_numbers_and_names(line, chinese):
    assert in_words(line, "zh") == chinese


def test_the_table_of_what_was_found_stays_a_table():
    said = (
        "file      part                      columns   rows   kept  dropped              labels\n"
        "mine.tsv  cut into dev (5), pool (9)  s1, s2  1,000  990   8 empty, 2 too long  0 to 5, 6 "
        "values\n"
        "b or.txt  pool                      1         10     10    -                    0 or 1\n"
        "mine.tsv begins: 甲 / 乙\n"
        "rows: 3"
    )
    told = in_words(said, "zh").splitlines()
    assert told[0].split() == ["文件", "用作", "列", "行数", "保留", "去掉", "标注"]
    assert re.split(" {2,}", told[1]) == [
        "mine.tsv",
        "切分为验证集（5）、句子池（9）",
        "s1, s2",
        "1,000",
        "990",
        "空行 8、过长 2",
        "0 至 5，6 种取值",
    ]
    assert re.split(" {2,}", told[2])[0] == "b or.txt"
    assert re.split(" {2,}", told[2])[-1] == "0 或 1"
    assert told[3:] == ["mine.tsv 的开头：甲 / 乙", "行数：3"]
    # Where the fourth column begins on a screen, on which a Chinese character is two wide.
    starts = [
        width_before(line, cell) for line, cell in zip(told, ("行数", "1,000", "10"), strict=False)
    ]
    assert len(set(starts)) == 1


def width_before(line: str, cell: str) -> int:
    before = line[: re.search(rf"(?<=  ){cell}(?=  )", line).start()]
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)


def test_another_language_is_refused():
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        in_words("rows: 3", "fr")
