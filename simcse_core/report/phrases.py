"""Sentences that runs and results hold in English, in the language that a reader chose.

What computes says what it does in English, and its words stand in results and their stamps. What
is printed or drawn of them goes through here: a sentence that has no row stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from simcse_core.report.claim_words import claim_name
from simcse_core.report.methods import METHODS, method
from simcse_core.report.wording import LIST_COMMA, pooling_name, say, spaced

_N = r"([\d,]+)"

# What a run is going to be on what, and what its tables must show: from an English line to a
# Chinese one. A group that is named is a list of names, each of which has a Chinese one; one that
# is not there leaves its part of the line out.
LINES: dict[str, str] = {
    # data
    rf"(?P<name>.+): {_N} dev pairs, {_N} test pairs": "{name}：验证集 {1} 对，测试集 {2} 对",
    r"(?P<name>.+): text without labels": "{name}：没有标注的文本",
    rf"{_N} unique unlabelled sentences \({_N} read, {_N} duplicates and {_N} sentences of dev or "
    r"test left out\)": (
        "{0} 个不重复的无标注句子（读入 {1} 个，去掉重复的 {2} 个、验证集或测试集里有的 {3} 个）"
    ),
    rf"{_N} sentences stand in both dev and test; {_N} dev and {_N} test pairs hold a sentence "
    "that stands in another part too": (
        "{0} 个句子在验证集与测试集里都有；句子在别的部分也出现的，验证集有 {1} 对，测试集有 {2} 对"
    ),
    rf"{_N} NLI triplets hold a sentence of dev or test and are left out": (
        "{0} 个 NLI 三元组含有验证集或测试集的句子，已去掉"
    ),
    rf"{_N} pairs of (?P<split>dev|test) stand there more than once, {_N} of them with two "
    "scores": ("{split}中有 {0} 对重复出现，其中 {2} 对的分数不一致"),
    r"labels of (?P<split>dev|test) take two values: Spearman is at most (\S+) there, and the area "
    "under the ROC curve is told beside it": (
        "{split}的标注只有两种取值：Spearman 至多为 {1}，因此同时给出 ROC 曲线下面积"
    ),
    rf"{_N} sentences of the text are set apart for probes": "另留 {0} 个句子，只用于无标注检验",
    rf"(?P<name>.+): {_N} standard questions, {_N} other wordings": (
        "{name}：{1} 个标准问题，{2} 种其他问法"
    ),
    rf"{_N} utterances of {_N} intents": "{1} 个意图的 {0} 条话语",
    rf"{_N} utterances of {_N} intents; (?P<counts>.+)": "{1} 个意图的 {0} 条话语；另有{counts}",
    rf"{_N} of the texts can be drawn as unlabelled ones; what is drawn is never measured": (
        "其中 {0} 条可抽作无标注文本；抽到的不参与评测"
    ),
    r"(.+) begins: (.*)": "{0} 的开头：{1}",
    # encoders
    r"(.+): (?P<pooling>\S+) pooling, batch (\S+), learning rate (\S+), dropout (\S+), "
    r"temperature (\S+)": "{0}：{pooling}池化，批大小 {2}，学习率 {3}，dropout {4}，温度 {5}",
    r"(.+): (?P<pooling>\S+) is the best pooling untrained, on dev": (
        "{0}：未训练时验证集上最好的是{pooling}池化"
    ),
    r"(.+): (?P<pooling>\S+) is the best pooling untrained, on dev, and named too: "
    r"(one|\d+) protocols?": (
        "{0}：未训练时验证集上最好的是{pooling}池化，它本来就在评测之列，因此少评测一种"
    ),
    rf"cut at (\d+) tokens: {_N} of the {_N} sentences of dev and test": (
        "超过 {0} 个词元即截断：验证集与测试集的 {2} 个句子中有 {1} 个"
    ),
    rf"cut at (\d+) tokens: {_N} of the {_N} texts that are measured": (
        "超过 {0} 个词元即截断：参与评测的 {2} 条文本中有 {1} 条"
    ),
    rf"(.+): (\d+) tokens a sentence \((\d+) to (\d+) for nine of ten, at most (\d+)\), {_N} of "
    rf"{_N} sentences cut at (\d+); (\S+) of the tokens are \[UNK\]": (
        "{0}：每句 {1} 个词元（九成在 {2} 到 {3} 之间，最长 {4}），{6} 句中有 {5} 句在 {7} 处截断；"
        "{8} 的词元是 [UNK]"
    ),
    r"(.+): no sentence": "{0}：没有句子",
    rf"(.+): ready-made, (?P<pooling>\S+) pooling, {_N} parameters, (\d+) MB, (?P<known>.+)": (
        "{0}：现成编码器，{pooling}池化，{2} 个参数，{3} MB，{known}"
    ),
    rf"(.+): ready-made, (?P<pooling>\S+) pooling, prefix (.+), {_N} parameters, (\d+) MB, "
    r"(?P<known>.+)": "{0}：现成编码器，{pooling}池化，前缀 {2}，{3} 个参数，{4} MB，{known}",
    r"seeds (\[.*\].*)": "种子 {0}",
    # checked facts
    r"rows: (\d+)": "行数：{0}",
    r"methods: (?P<methods>.+)": "方法：{methods}",
    r"encoders: (?P<names>.+)": "编码器：{names}",
    r"uses: (?P<names>.+)": "用途：{names}",
    r"sentences: (.+)": "句数：{0}",
    r"epochs: (.+)": "轮数：{0}",
    r"seeds: (.+)": "种子：{0}",
    r"best (?P<methods>\S+) on test: (\S+)": "{methods}在测试集上最高：{1}",
    r"(?P<name>.+): best (?P<methods>\S+) on test: (\S+)": "{name}：{methods}在测试集上最高 {2}",
    r"(?P<methods>[\w-]+), (.+), (?P<pooling>\S+): (\d+) of (\d+) seeds gain": (
        "{methods}，{1}，{pooling}：{4} 个种子中 {3} 个提高"
    ),
    r"(?P<name>.+): (?P<methods>[\w-]+), (.+), (?P<pooling>\S+): (\d+) of (\d+) seeds gain": (
        "{name}：{methods}，{2}，{pooling}：{5} 个种子中 {4} 个提高"
    ),
    r"(?P<known>\S+), (?P<names>\S+): not between 0 and 1": "{known}，{names}：不在 0 与 1 之间",
    r"no missing value: True": "没有缺失值：是",
    r"no missing value: False": "没有缺失值：否",
    r"claims judged:": "已判定的论断：",
    r"- (?P<claim>.+)": "- {claim}",
    # why a result is missing
    r"the cosines are constant or not finite, so they have no ranks": (
        "余弦全部相同或不是有限数，无法排序"
    ),
    r"the cosines are not finite": "余弦不是有限数",
    r"all pairs have one label, or the vectors are zero or not finite": (
        "所有句对标注相同，或向量为零、不是有限数"
    ),
    r"fewer than two sentences, or the vectors are zero or not finite": (
        "不足两个句子，或向量为零、不是有限数"
    ),
    r"no label is sure enough to be proposed": "没有一个标签有足够把握可供建议",
    rf"the loss is (\S+) at step (\d+) \({_N} sentences seen, (.+?)\); lower learning_rate \(now "
    r"(\S+)\) or raise temperature \(now (\S+)\)": (
        "第 {1} 步的损失为 {0}（已训练 {2} 句，{3}）；请调低 learning_rate（现为 {4}），"
        "或调高 temperature（现为 {5}）"
    ),
    rf"the loss is (\S+) at step (\d+) \({_N} sentences seen, (.+?)\)": (
        "第 {1} 步的损失为 {0}（已训练 {2} 句，{3}）"
    ),
}
# What may follow one of these lines.
_UNKNOWN = re.compile(r"(.+); (\S+%) of their tokens are unknown")

# The table of what was found in a source: its heads, and what stands in its cells.
_HEADS = {
    "file": "文件",
    "part": "用作",
    "columns": "列",
    "rows": "行数",
    "kept": "保留",
    "dropped": "去掉",
    "labels": "标注",
}
_CELLS = (
    (re.compile(r"\bpool\b"), "句子池"),
    (re.compile(r"\bdev\b"), "验证集"),
    (re.compile(r"\btest\b"), "测试集"),
    (re.compile(r"cut into (.+)"), r"切分为\1"),
    (re.compile(r"([\d,]+) empty"), r"空行 \1"),
    (re.compile(r"([\d,]+) too long"), r"过长 \1"),
    (re.compile(r"(\S+) to (\S+), (\d+) values"), r"\1 至 \2，\3 种取值"),
    (re.compile(r"(\S+) or (\S+)"), r"\1 或 \2"),
    (re.compile(r" \(([^)]*)\)"), r"（\1）"),
    (re.compile(r", "), "、"),
)
# These cells are the user's own words: a file's name, names of columns.
_OWN = ("file", "columns")


def in_words(text: str, language: str = "en") -> str:
    """Lines of a run, or why a result is missing, in a language.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    say("", language)
    if language == "en":
        return text
    lines, said = text.split("\n"), []
    while lines:
        n = _rows_of_table(lines)
        said += _found(lines[:n]) if n else [_line(lines[0])]
        lines = lines[n or 1 :]
    return "\n".join(said)


def _line(line: str) -> str:
    if found := _UNKNOWN.fullmatch(line):
        return f"{_line(found[1])}；其中 {found[2]} 的词元不在词表里"
    for pattern, chinese in LINES.items():
        if found := re.fullmatch(pattern, line):
            named = {name: _NAMES[name](text) for name, text in found.groupdict().items()}
            return spaced(chinese.format(*found.groups(), **named))
    return line


def _method(name: str) -> str:
    return method(name).zh if name in METHODS else name


def _each(names: str, name: Callable[[str], str]) -> str:
    return LIST_COMMA["zh"].join(name(one) for one in names.split(", "))


def _chinese(text: str) -> str:
    return say(text, "zh")


def _counts(text: str) -> str:
    """``100 out of scope, 20 other services``, counted the Chinese way round."""
    parts = [part.partition(" ") for part in text.split(", ")]
    return LIST_COMMA["zh"].join(f"{_chinese(name)} {n} 条" for n, _, name in parts)


_NAMES: Mapping[str, Callable[[str], str]] = {
    "name": _chinese,
    "split": _chinese,
    "names": lambda text: _each(text, _chinese),
    "methods": lambda text: _each(text, _method),
    "pooling": lambda text: pooling_name(text, "zh"),
    "counts": _counts,
    "claim": lambda text: claim_name(text, "zh"),
    "known": lambda text: {"licence not stated": "许可证未注明"}.get(text, _chinese(text)),
}


def _rows_of_table(lines: list[str]) -> int:
    """How many lines from the first on are the table of what was found."""
    if lines[0].split() != list(_HEADS):
        return 0
    rows = [len(re.split(r" {2,}", line)) == len(_HEADS) for line in lines]
    return rows.index(False) if False in rows else len(rows)


def _found(lines: list[str]) -> list[str]:
    """The table in Chinese, its columns below their heads: a Chinese character is two wide."""
    rows = [re.split(r" {2,}", line) for line in lines[1:]]
    cells = [
        [cell if head in _OWN else _cell(cell) for head, cell in zip(_HEADS, row, strict=True)]
        for row in rows
    ]
    table = [list(_HEADS.values()), *cells]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    padded = [
        [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in table
    ]
    return ["  ".join(row).rstrip() for row in padded]


def _cell(text: str) -> str:
    for pattern, chinese in _CELLS:
        text = pattern.sub(chinese, text)
    return text


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
