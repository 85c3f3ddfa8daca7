"""The report's claims and their criteria in words, where results name them by their English ones.

A claim that is added to :mod:`simcse_core.claims` gets a row in :data:`CLAIMS`, and its criterion
one in :data:`CRITERIA` where none there fits; what has no row stays as results have it.
"""

from __future__ import annotations

import re

from simcse_core.report.methods import METHODS, method_name
from simcse_core.report.wording import spaced

CLAIMS = {
    "Untrained encoders are poor": "未训练的编码器很差",
    "A steep rise below 400 sentences": "400 句以内陡升",
    "Flat after 400 sentences": "400 句之后走平",
    "More data adds little": "更多数据几乎没有提升",
    "More epochs add little": "更多轮数几乎没有提升",
    "SimCSE brings a large gain": "SimCSE 提升很大",
    "Comparable to supervised training": "与有监督训练相当",
    "(ours) SimCSE beats fitting on the same sentences": (
        "（我们的问题）SimCSE 胜过只在同样句子上拟合的方法"
    ),
}
# From a criterion as it is written to a Chinese one with the same numbers.
CRITERIA = {
    r"untrained(?: \[CLS\])? minus TF-IDF, the best of each on dev, at most (\S+)": (
        "未训练减 TF-IDF（各取验证集最佳），至多 {}"
    ),
    r"(\S+) sentences minus untrained at least (\S+)": "{} 句减未训练，至少 {}",
    r"(\S+) minus (\S+) sentences within ±(\S+)": "{} 句减 {} 句，在 ±{} 以内",
    r"(\S+) minus (\S+) epochs within ±(\S+)": "{} 轮减 {} 轮，在 ±{} 以内",
    r"after minus before(?:, mean over encoders,)? at least (\S+)": "训练后减训练前，至少 {}",
    r"unsupervised minus supervised at least (\S+)": "无监督减有监督，至少 {}",
    r"SimCSE minus (.+), the best fitted method on dev, at least (\S+)": (
        "SimCSE 减{}（验证集上最好的拟合方法），至少 {}"
    ),
}
# Where a claim has another criterion under the second protocol, both stand in one cell.
_BETWEEN = " / "


def claim_name(claim: str, language: str = "en") -> str:
    """A claim in a language."""
    return CLAIMS.get(claim, claim) if language == "zh" else claim


def criterion_words(criterion: str, language: str = "en") -> str:
    """A criterion in a language, methods by the names that charts and tables have for them."""
    return _BETWEEN.join(_one(part, language) for part in criterion.split(_BETWEEN))


def _one(criterion: str, language: str) -> str:
    for pattern, chinese in CRITERIA.items():
        if found := re.fullmatch(pattern, criterion):
            if language == "zh":
                return spaced(
                    chinese.format(*(method_name(part, language) for part in found.groups()))
                )
            named = [part for part in found.groups() if part in METHODS]
            return (
                criterion.replace(named[0], method_name(named[0], language)) if named else criterion
            )
    return criterion
