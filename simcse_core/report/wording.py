"""The words of charts, tables and pages in English and Chinese, and how numbers are counted.

English is the key: what has no entry in :data:`CHINESE` is the same in both languages. Names of
results that are no English have an entry in :data:`ENGLISH`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from simcse_core.config import BEST, OWN, Pooling, check_language

CHINESE = {
    # charts
    "Human label": "人工标注",
    "Cosine similarity": "余弦相似度",
    "Spearman": "Spearman 相关系数",
    "Unlabelled training sentences": "无标注训练句数",
    "Unlabelled training sentences (log scale)": "无标注训练句数（对数刻度）",
    "Epochs": "训练轮数",
    "Sentences (log scale)": "句数（对数刻度）",
    "Uniformity (lower is better)": "均匀性（越低越好）",
    "Alignment (lower is better)": "对齐性（越低越好）",
    "dev": "验证集",
    "test": "测试集",
    "one seed": "单个种子",
    "sentences trained on": "训练句数",
    "range over seeds": "种子间范围",
    "95 % interval over pairs": "句对抽样的 95 % 区间",
    "box: quartiles; whiskers: 5 % to 95 %": "箱：四分位；须：5 % 至 95 %",
    "the report": "原报告",
    "flat": "持平",
    "rise": "上升",
    "no value": "没有数值",
    "Tokens": "词元数",
    "Sentences": "句数",
    "read whole": "完整读入",
    "cut at the encoder's limit": "超出上限，被截断",
    "kept": "保留",
    "sentence": "句子",
    "another one": "另一句",
    "cosine": "余弦",
    "before": "训练前",
    "loss": "损失",
    "cosine, same meaning": "同义句对的余弦",
    "cosine, unrelated": "无关句对的余弦",
    "rank": "名次",
    "pool": "句子池",
    "alignment": "对齐性",
    "uniformity": "均匀性",
    "Spearman, dev": "Spearman，验证集",
    "Spearman, test": "Spearman，测试集",
    "ROC AUC, test": "ROC AUC，测试集",
    "First component": "第一主成分",
    "Second component": "第二主成分",
    "same meaning": "同义句对",
    "unrelated": "无关句对",
    "no label": "未标注句对",
    # data
    "bundled sample (not CNSD)": "随附样本（非 CNSD）",
    "bundled sample (hand-written FAQ and intents)": "随附样本（自写的 FAQ 与意图）",
    # tables
    "encoder": "编码器",
    "pooling": "池化",
    "method": "方法",
    "split": "数据划分",
    "sentences": "句数",
    "seen": "已训练",
    "epochs": "轮数",
    "n_train": "训练句数",
    "epoch": "轮数",
    "mean": "平均",
    "difference": "差值",
    "over seeds": "种子间",
    "over pairs": "句对间",
    "mean of encoders": "编码器平均",
    "none": "无",
    "untrained": "未训练",
    "missing": "缺失",
    "chosen": "取点",
    "last": "最后",
    "best on dev": "验证集最佳",
    "protocol": "评测方式",
    "learning_rate": "学习率",
    "batch_size": "批大小",
    "dropout": "dropout 概率",
    "temperature": "温度",
    "claim": "论断",
    "criterion": "标准",
    "effect": "效应",
    "verdict": "判定",
    "not measured": "未评测",
    "supported": "支持",
    "not supported": "不支持",
    "undecided": "无法判定",
    "published": "已发表",
    "prefix": "前缀",
    "parameters": "参数量",
    "licence": "许可证",
    "not stated": "未注明",
    "licence not stated": "许可证未注明",
    "sentences a CPU-second": "每 CPU 秒句数（单线程）",
    # several sources
    "source": "数据集",
    "recipe": "配方",
    "policy": "选法",
    "indicator": "指示量",
    "labelled pairs": "标注句对",
    "SimCSE helps": "SimCSE 有益",
    "at hand": "手头的编码器",
    "take": "选用",
    "below the best": "比最佳低",
    "TF-IDF below it": "TF-IDF 比最佳低",
    "SimCSE changes": "SimCSE 带来的变化",
    "clear gain": "明显提高",
    "clear loss": "明显降低",
    "halves": "后半句的名次倒数",
    "deletion": "删词句原句的名次倒数",
    "spectrum": "有效秩",
    "pairs": "余弦的分散程度",
    "views": "两次 dropout 的距离",
    "with start": "与起点的一致",
    "with TF-IDF": "与 TF-IDF 的一致",
    "between seeds": "各种子之间的一致",
    "one source, encoder and pooling": "一个数据集、编码器与池化",
    "mean of them": "其平均",
    "Spearman, minus plain SimCSE": "Spearman，减去普通 SimCSE",
    "mean over sources": "各数据集平均",
    "rule fixed here": "规则在此确定",
    "Spearman below the best at hand": "比手头最好者低多少 Spearman",
    "nine times out of ten": "十次有九次",
    "Labelled pairs to choose on (log scale)": "用来选择的标注句对（对数刻度）",
    "Draws that choose right": "选对的抽样占比",
    # uses
    "search": "问题检索",
    "intents": "意图预召回",
    "pseudo-labels": "伪标签",
    "out-of-scope": "范围外意图",
    "use": "用途",
    "measured": "指标",
    "examples": "示例",
    "unknown": "范围外文本",
    "over draws": "抽样间",
    "Recall": "召回率",
    "Recall@5, fused": "Recall@5（融合）",
    "Recall@5 over queries": "Recall@5（查询间）",
    "not run at 95 %": "95 % 召回下不运行",
    "not run at 99 %": "99 % 召回下不运行",
    "fused with TF-IDF": "与 TF-IDF 融合",
    "Examples of each intent": "每个意图的示例数",
    "Models not run at 95 % recall": "95 % 召回下不运行的模型",
    "Intents kept": "保留的意图数",
    "proposed": "有建议",
    "right": "正确",
    "accuracy, few": "准确率：少量示例",
    "accuracy": "准确率",
    "few": "少量示例",
    "as they are": "未检查",
    "confirmed": "确认",
    "corrected": "改正",
    "Texts labelled, the surest first": "已标文本占比（从最有把握起）",
    "Labels that are right": "正确标签的占比",
    "Accuracy of the classifier": "分类器准确率",
    "accepted": "接受",
    "in-scope accuracy": "范围内准确率",
    "out-of-scope recall": "范围外召回",
    "held-out intents": "留出的意图",
    "out of scope": "范围外话语",
    "other services": "其他服务",
    "nearest": "最近示例",
    "logistic": "逻辑回归",
    "vectors": "向量",
    "fused": "融合",
    "softmax": "最高概率",
    "energy": "能量",
    "knn": "近邻距离",
    "mahalanobis": "马氏距离",
    "95 % interval over queries": "查询抽样的 95 % 区间",
    "saved@95": "95 % 召回下不运行",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "auroc": "AUROC",
    "fpr@95": "FPR@95",
    "FPR@95 (lower is better)": "FPR@95（越低越好）",
}
POOLINGS = {
    Pooling.CLS: ("[CLS]", "[CLS]"),
    Pooling.POOLER: ("pooler", "pooler"),
    Pooling.MEAN: ("mean", "均值"),
    Pooling.FIRST_LAST_MEAN: ("first-last-mean", "首末层均值"),
    BEST: ("best pooling of each", "各自最佳池化"),
    OWN: ("its own", "自带"),
}
# How the parts of a use are named in English, where that is not their name in the results.
ENGLISH = {
    "halves": "reciprocal rank of a sentence's second half",
    "deletion": "reciprocal rank of a sentence that lost words",
    "spectrum": "effective rank",
    "pairs": "spread of cosines",
    "views": "distance of dropout views",
    "with start": "agreement with the start",
    "with TF-IDF": "agreement with TF-IDF",
    "between seeds": "agreement between seeds",
    "logistic": "logistic regression",
    "nearest": "nearest example",
    "knn": "distance to the fifth neighbour",
    "mahalanobis": "Mahalanobis distance",
    "softmax": "highest probability",
    "saved@95": "models not run at 95 %",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "auroc": "AUROC",
    "fpr@95": "FPR@95",
}
COMMA = {"en": ", ", "zh": "，"}
LIST_COMMA = {"en": ", ", "zh": "、"}
COLON = {"en": ": ", "zh": "："}
_BETWEEN_SCRIPTS = re.compile(
    r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9*+`-])|(?<=[A-Za-z0-9*`\]])(?=[\u4e00-\u9fff])"
)
# Chinese marks have their space in them, and Chinese words have none between them.
_NO_SPACE = re.compile(
    r"(?<=[）。，；：、\u4e00-\u9fff]) +(?=[（）。，；：、\u4e00-\u9fff])"
    r"|(?<=[）。，；：、]) +(?=[\w+−[-])|(?<=[\w\]%]) +(?=[（）。，；：、])"
)
# With a space inside its marks, bold is none.
_BOLD = re.compile(r"\*\* ?(.+?) ?\*\*")
# How a place on a curve is counted: one, several, in Chinese.
_UNITS = {
    "n_train": ("sentence", "sentences", "句"),
    "epoch": ("epoch", "epochs", "轮"),
}


def say(text: str, language: str = "en") -> str:
    """A word or label in a language.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    return (CHINESE if language == "zh" else ENGLISH).get(text, text)


def pooling_name(pooling: str, language: str = "en") -> str:
    """A pooling as people write it: ``cls`` is [CLS]; one that is unknown stays as it is.

    ``best`` stands where each encoder has its own.
    """
    known = {str(member): names for member, names in POOLINGS.items()}
    return known.get(pooling, (pooling, pooling))[language == "zh"]


def quantity(point: float, x: str, language: str = "en") -> str:
    """A place on a curve over ``n_train`` or ``epoch``: 400 sentences, 1 epoch, 400 句."""
    one, several, chinese = _UNITS[x]
    if language == "zh":
        return spaced(f"{point:,.0f}{chinese}")
    return f"{point:,.0f} {one if point == 1 else several}"


def listed(items: Sequence[str], language: str = "en") -> str:
    """a, b and c; a、b 和 c."""
    if len(items) < 2:
        return spaced("".join(items), language)
    last = "和" if language == "zh" else " and "
    return spaced(last.join([LIST_COMMA[language].join(items[:-1]), items[-1]]), language)


def joined(sentences: Iterable[str], language: str = "en") -> str:
    """Sentences one after the other, without those that have nothing to say."""
    gap = "" if language == "zh" else " "
    return spaced(gap.join(filter(None, sentences)), language)


def spaced(text: str, language: str = "zh") -> str:
    """A Chinese text with a space wherever Chinese meets letters or digits, and nowhere else.

    A text in another language stays as it is.
    """
    if language != "zh":
        return text
    return _BOLD.sub(r"**\1**", _BETWEEN_SCRIPTS.sub(" ", _NO_SPACE.sub("", text)))


def in_brackets(text: str, aside: str, language: str = "en") -> str:
    """A text with what is said aside in brackets behind it."""
    return f"{text}（{aside}）" if language == "zh" else f"{text} ({aside})"


def capitalised(text: str) -> str:
    """A text as it begins a sentence."""
    return text[:1].upper() + text[1:]
