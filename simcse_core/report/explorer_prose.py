"""What the explorer says of typed text and of an encoder along training, in both languages."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import method
from simcse_core.report.rows import of_kind, on, splits
from simcse_core.report.tables import to_markdown
from simcse_core.report.wording import COLON, capitalised, in_brackets, joined, quantity, say

SAME, OTHER = "cosine, same meaning", "cosine, unrelated"
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+\-.!~$&])")

_TROUBLE = {
    "en": {
        "empty": "Nothing to compare yet: type a sentence.",
        "long": "This text has {:,} characters. Type one of at most {:,}: an encoder of sentences "
        "reads no documents.",
        "unknown": "The encoder knows none of these characters. To it, this is the same as any "
        "other text of unknown characters, so a cosine would mean nothing.",
    },
    "zh": {
        "empty": "还没有可比较的内容：请输入一个句子。",
        "long": "这段文字有 {:,} 个字符，最多 {:,} 个：句子编码器不读整篇文章。",
        "unknown": "编码器一个字也不认识。对它来说，这和别的生僻字没有区别，算出的余弦没有意义。",
    },
}
_CUT = {
    "en": "The last {:,} tokens are beyond what the encoder reads.",
    "zh": "末尾 {:,} 个词元超出编码器的长度上限，没有读入。",
}
_UNKNOWN = {
    "en": "**[UNK] {}**: not in the encoder's vocabulary.",
    "zh": "**[UNK] {}**：不在编码器的词表里。",
}
_TOKENS = {"en": "Tokens", "zh": "词元"}
_NOT_COUNTED = {
    "en": "none: no character of one text was counted",
    "zh": "无：其中一句的字都没有统计过",
}
_NO_NEIGHBOURS = {"en": "no character was counted", "zh": "这些字都没有统计过"}


# ---------------------------------------------------------------- typed text


def as_text(text: str) -> str:
    """A typed text that Markdown shows as it is."""
    return _PUNCTUATION.sub(r"\\\1", text)


def tell_trouble(trouble: str, n_characters: int, most: int, language: str = "en") -> str:
    """Why a text cannot be compared."""
    return _TROUBLE[language][trouble].format(n_characters, most)


def tell_tokens(tokens: Sequence[tuple[str, bool]], n_cut: int, language: str = "en") -> str:
    """The tokens of a text, those that are unknown marked.

    Args:
        tokens: what each stands for, and whether it is known.
        n_cut: tokens that are not read.
    """
    shown = [as_text(t) if known else f"**\\[UNK\\] {as_text(t)}**" for t, known in tokens]
    said = [f"{_TOKENS[language]}{COLON[language]}{' · '.join(shown)}"]
    unknown = dict.fromkeys(text for text, known in tokens if not known)
    if unknown:
        said.append(_UNKNOWN[language].format(" ".join(map(as_text, unknown))))
    if n_cut:
        said.append(_CUT[language].format(n_cut))
    return "\n\n".join(said)


def tell_comparison(rows: pd.DataFrame, n_pairs: int, n_alike: int, language: str = "en") -> str:
    """A table of the cosine of two texts by each method, and how to read it.

    Args:
        rows: columns ``method, cosine, below, label``.
        n_pairs: among which a cosine is placed.
        n_alike: whose labels are told.
    """
    labelled = bool(rows["label"].notna().any())
    heads = _HEADS[language]
    table = pd.DataFrame({heads["method"]: [method(m).name(language) for m in rows["method"]]})
    table[heads["cosine"]] = [
        _NOT_COUNTED[language] if pd.isna(value) else f"{value:.3f}" for value in rows["cosine"]
    ]
    place = heads["below" if labelled else "below_random"].format(n_pairs)
    table[place] = ["" if pd.isna(value) else f"{value:.0%}" for value in rows["below"]]
    if labelled:
        told = ["" if pd.isna(value) else f"{value:g}" for value in rows["label"]]
        table[heads["label"].format(n_alike)] = told
    note = heads["note" if labelled else "note_random"]
    return f"{to_markdown(table.set_index(heads['method']))}\n\n{note}"


_HEADS = {
    "en": {
        "method": "method",
        "cosine": "cosine",
        "below": "higher than … of {:,} dev pairs",
        "below_random": "higher than … of {:,} random pairs",
        "label": "human label of the {} dev pairs nearest to it (median)",
        "note": "A cosine alone says little: the same value can be high for one method and low for "
        "another. Its place among the pairs of dev can be compared.",
        "note_random": "A cosine alone says little: the same value can be high for one method and "
        "low for another. Its place among random pairs of your text can be compared.",
    },
    "zh": {
        "method": "方法",
        "cosine": "余弦",
        "below": "高于多少验证集句对（共 {:,} 对）",
        "below_random": "高于多少随机句对（共 {:,} 对）",
        "label": "余弦最接近的 {} 个验证集句对的人工标注（中位数）",
        "note": "单看余弦说明不了多少：同一个值，对一种方法算高，对另一种可能算低。"
        "能比较的是它在验证集句对中的位置。",
        "note_random": "单看余弦说明不了多少：同一个值，对一种方法算高，对另一种可能算低。"
        "能比较的是它在随机句对中的位置。",
    },
}


def tell_neighbours(rows: pd.DataFrame, methods: Sequence[str], language: str = "en") -> str:
    """The nearest sentences by each method side by side, a line for each rank.

    Args:
        rows: columns ``method, rank, sentence, cosine``.
        methods: a column each; one without rows says why.
    """
    columns = {}
    for name in methods:
        mine = rows[rows["method"] == name].sort_values("rank")
        columns[method(name).name(language)] = [
            in_brackets(as_text(s), f"{c:.2f}", language)
            for s, c in zip(mine["sentence"], mine["cosine"], strict=True)
        ] or [_NO_NEIGHBOURS[language]]
    table = pd.DataFrame({name: pd.Series(found, dtype=object) for name, found in columns.items()})
    table.index = pd.Index(range(1, len(table) + 1), name=say("rank", language))
    return to_markdown(table.fillna(""))


# ---------------------------------------------------------------- along training


def checkpoint_table(results: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """A line for each point of training: Spearman, and the mean cosines of pairs of one label."""
    columns = {}
    for split in splits(results) or list(dict.fromkeys(results["split"])):
        for metric in dict.fromkeys(results["metric"]):
            mine = on(results[results["metric"] == metric], split)
            if metric != "alignment" and mine["value"].notna().any():
                head = f"{capitalised(say(metric, language))}{_COMMA[language]}"
                columns[head + say(split, language)] = mine.groupby("n_train")["value"].mean()
    table = pd.DataFrame(columns).sort_index()
    lines = [
        quantity(n, "n_train", language) if n else say("untrained", language) for n in table.index
    ]
    cells = table.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    return cells.set_axis(pd.Index(lines, name=say("seen", language)))


_COMMA = {"en": ", ", "zh": "，"}


def tell_checkpoints(results: pd.DataFrame, *, language: str = "en") -> str:
    """What training changed in the cosines of dev, and whether Spearman rose with it."""
    dev = on(results, "dev")
    last = int(of_kind(results, Kind.TRAINED)["n_train"].max())
    seen = quantity(last, "n_train", language)
    if not (dev["metric"] == SAME).any():
        return _WITHOUT[language].format(seen, *_ends(results, "uniformity", last))
    same, other, order = (_ends(dev, metric, last) for metric in (SAME, OTHER, "spearman"))
    gaps = (same[0] - other[0], same[1] - other[1])
    said = _WITH[language].format(seen, *same, *other, *gaps)
    verdict = _VERDICT[language][gaps[1] > gaps[0], order[1] > order[0]].format(*order)
    return joined([said, verdict], language)


def _ends(rows: pd.DataFrame, metric: str, last: int) -> tuple[float, float]:
    """A value of the untrained encoder, and after the last sentence."""
    values = rows[rows["metric"] == metric].groupby("n_train")["value"].mean()
    return float(values.loc[0]), float(values.loc[last])


_WITH = {
    "en": "After {}, the mean cosine on dev went from {:.3f} to {:.3f} for pairs of the same "
    "meaning and from {:.3f} to {:.3f} for unrelated ones, so the gap between the two kinds "
    "was {:.3f} before and is {:.3f} after.",
    "zh": "训练到{}，验证集上同义句对的平均余弦由{:.3f}变为{:.3f}，无关句对由{:.3f}变为{:.3f}，"
    "两者之差由{:.3f}变为{:.3f}。",
}
_VERDICT = {
    "en": {
        (True, True): "Spearman rose with it, from {:.3f} to {:.3f}.",
        (True, False): "Spearman did **not** rise with it: {:.3f} before, {:.3f} after. Cosines "
        "spread out, and what counts is their order.",
        (False, True): "Spearman rose all the same, from {:.3f} to {:.3f}.",
        (False, False): "Spearman fell too, from {:.3f} to {:.3f}.",
    },
    "zh": {
        (True, True): "Spearman 随之上升，由{:.3f}到{:.3f}。",
        (True, False): "Spearman 却**没有**上升：由{:.3f}到{:.3f}。余弦拉开了，而要紧的是排序。",
        (False, True): "Spearman 仍然上升，由{:.3f}到{:.3f}。",
        (False, False): "Spearman 也下降，由{:.3f}到{:.3f}。",
    },
}
_WITHOUT = {
    "en": "After {}, the vectors of random pairs spread out: uniformity went from {:.3f} to "
    "{:.3f}. Without labelled pairs no number says whether that is better; typing can.",
    "zh": "训练到{}，随机句对的向量散开：均匀性由{:.3f}变为{:.3f}。没有带标注的句对，"
    "就没有数字能说明这是否更好；不妨自己输入几句看看。",
}
