"""What several sources say, in sentences: Markdown, English and Chinese."""

from __future__ import annotations

import pandas as pd

from simcse_core.report.methods import method
from simcse_core.report.set_rows import (
    ALWAYS,
    COUNTED,
    PLAIN,
    gains_of,
    moved,
    policies,
    policy_name,
    recipes,
    rule_name,
)
from simcse_core.report.wording import COMMA, joined, listed, quantity

ENOUGH = 0.9  # of the draws


def tell_gains(rows: pd.DataFrame, *, language: str = "en") -> str:
    """When SimCSE helps, when it harms, and by how much; and whether TF-IDF is ahead of it."""
    parts = []
    for before in ("untrained", COUNTED):
        mine = gains_of(rows, PLAIN, before).dropna(subset=["value"])
        if mine.empty:  # one of both has no value anywhere
            continue
        up, down = moved(mine)
        told = {
            "n": len(mine),
            "up": up,
            "down": down,
            "before": method(before).name(language),
            "least": _one(mine.nsmallest(1, "value").iloc[0], language),
            "most": _one(mine.nlargest(1, "value").iloc[0], language),
        }
        parts.append(_GAINS[before != "untrained"][language].format(**told))
    return joined(parts, language)


def _one(row: pd.Series, language: str) -> str:
    where = COMMA[language].join([str(row["dataset"]), str(row["encoder"])])
    size = quantity(row["after_at"], "n_train", language)
    return _ONE[language].format(value=f"{row['value']:+.3f}", where=where, size=size)


def tell_recipes(rows: pd.DataFrame, *, language: str = "en") -> str:
    """Which recipe holds over sources: a mean above plain training, and nowhere below it."""
    means = {}
    for name in recipes(rows):
        mine = gains_of(rows, name, PLAIN).dropna(subset=["value"])
        if len(mine):
            means[name] = (mine["value"].mean(), *moved(mine))
    if not means:
        return ""
    best = max(means, key=lambda name: means[name][0])
    holds = [name for name in means if _holds(gains_of(rows, name, PLAIN))]
    mean, up, down = means[best]
    told = {"best": method(best).name(language), "mean": f"{mean:+.4f}", "up": up, "down": down}
    told["holds"] = listed([method(name).name(language) for name in holds], language)
    parts = [_BEST_RECIPE, _HOLDS if holds else _NONE_HOLDS]
    return joined([part[language].format(**told) for part in parts], language)


def _holds(rows: pd.DataFrame) -> bool:
    """Whether a recipe is above at every size in the mean, somewhere for sure and nowhere below."""
    up, down = moved(rows)
    return bool((rows.groupby("after_at")["value"].mean() > 0).all() and up and not down)


def tell_rule(rows: pd.DataFrame, *, language: str = "en") -> str:
    """What the rule loses where it was not fixed, beside the best habit."""
    rule = str(rows["rule"].iloc[0])
    fixed = list(dict.fromkeys(rows.loc[rows["fixed"], "dataset"]))
    told = {"rule": rule_name(rule, language), "fixed": listed(fixed, language)}
    judged = rows[~rows["fixed"]]
    if judged.empty:
        return joined([_RULE_ALONE[language].format(**told)], language)
    lost = {policy: _mean_lost(mine) for policy, mine in policies(judged)}
    habits = {policy: value for policy, value in lost.items() if policy.startswith(ALWAYS)}
    best = min(habits, key=habits.__getitem__)
    mine = next(value for policy, value in lost.items() if policy not in habits)
    told |= {
        "judged": listed(list(dict.fromkeys(judged["dataset"])), language),
        "lost": f"{mine:.3f}",
        "best": policy_name(best, rule, language),
        "best_lost": f"{habits[best]:.3f}",
    }
    verdict = _WORKS if mine < habits[best] else _FAILS
    return joined([part[language].format(**told) for part in (_RULE, verdict)], language)


def _mean_lost(rows: pd.DataFrame) -> float:
    return float(rows.groupby("dataset")["regret"].mean().mean())


def tell_labels(rows: pd.DataFrame, *, language: str = "en") -> str:
    """From how many labelled pairs on the choice is right nine times of ten."""
    parts = []
    for source, mine in rows.groupby("dataset", sort=False):
        enough = mine.loc[mine["right"] >= ENOUGH, "pairs"]
        most = mine.nlargest(1, "pairs").iloc[0]
        told = {"source": source, "share": f"{most['right']:.0%}", "most": f"{most['pairs']:.0f}"}
        told["pairs"] = f"{enough.min():.0f}" if len(enough) else ""
        parts.append((_ENOUGH if len(enough) else _NOT_ENOUGH)[language].format(**told))
    return joined([_LABELS[language].format(listed(parts, language))], language)


_ONE = {"en": "{value} ({where}, {size})", "zh": "{value}（{where}，{size}）"}
_GAINS = (
    {
        "en": "Against the {before} encoder, SimCSE is clearly above in {up} and clearly below in "
        "{down} of {n} cases (each a source, encoder, pooling and number of sentences; clearly "
        "means that the interval over pairs leaves out 0). Changes run from {least} to {most}.",
        "zh": "与{before}编码器相比，{n} 种情形（数据集、编码器、池化、句数各取其一）中，"
        "SimCSE 有 {up} 种明显更高、{down} 种明显更低（“明显”指句对区间不含 0），"
        "变化从 {least} 到 {most}。",
    },
    {
        "en": "Against {before} fitted on the same sentences, it is clearly above in {up} and "
        "clearly below in {down} cases, from {least} to {most}.",
        "zh": "与用同样句子拟合的 {before} 相比，有 {up} 种明显更高、{down} 种明显更低，"
        "从 {least} 到 {most}。",
    },
)
_BEST_RECIPE = {
    "en": "Of the recipes, {best} has the highest mean against plain SimCSE: {mean} "
    "(clearly above it in {up} cases and clearly below it in {down}).",
    "zh": "各配方中，{best}相对普通 SimCSE 的平均提升最大：{mean}"
    "（{up} 种情形明显更高、{down} 种明显更低）。",
}
_HOLDS = {
    "en": "Above plain SimCSE on average at every size, and nowhere clearly below it: {holds}.",
    "zh": "在每个句数上平均都高于普通 SimCSE、且没有一处明显更低的是：{holds}。",
}
_NONE_HOLDS = {
    "en": "None is above plain SimCSE on average at every size and nowhere clearly below it, so "
    "plain SimCSE stays the default.",
    "zh": "没有一种配方在每个句数上平均都更高、又没有一处明显更低，所以默认仍用普通 SimCSE。",
}
_RULE = {
    "en": "The rule takes what has {rule}; it was fixed on {fixed}. On {judged}, of which nothing "
    "went into it, it stays {lost} of Spearman below the best method at hand; the fixed choice "
    "that does best there, {best}, stays {best_lost} below.",
    "zh": "规则取{rule}，只在 {fixed} 上确定；在未参与确定的 {judged} 上，"
    "按规则选比手头最好的方法低 {lost}，而那里表现最好的固定选择（{best}）低 {best_lost}。",
}
_RULE_ALONE = {
    "en": "The rule takes what has {rule}. It was fixed on {fixed}, and there is no other source "
    "here to judge it on: name more in `sources`.",
    "zh": "规则取{rule}。它在 {fixed} 上确定，这里没有别的数据集可供检验："
    "请在 `sources` 中再列几个。",
}
_WORKS = {
    "en": "So where nothing is labelled, it pays to follow the rule.",
    "zh": "所以在没有任何标注时，这条规则值得采用。",
}
_FAILS = {
    "en": "So no rule is needed: the fixed choice does as well or better. To choose better than "
    "that takes labels.",
    "zh": "所以不需要规则：固定选择不比它差；要选得更好，只有靠标注。",
}
_LABELS = {
    "en": "Labelled pairs that it takes to choose right nine times out of ten (within 0.01 of the "
    "best): {}.",
    "zh": "要十次有九次选对（与最好者相差不超过 0.01），需要标注的句对数：{}。",
}
_ENOUGH = {"en": "{pairs} on {source}", "zh": "{source} 为 {pairs}"}
_NOT_ENOUGH = {
    "en": "more than {most} on {source} ({share} there)",
    "zh": "{source} 多于 {most}（此时 {share}）",
}

# By the name of the table without the notebook's number.
TELL = {"gains": tell_gains, "rule": tell_rule, "labels": tell_labels}
