"""What to do in practice in each of the four uses, as measured: Markdown, English and Chinese.

What is best here is what has the highest mean over draws on the measured texts; there is no part
of the data to choose it on, so a difference within the spread over draws decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from simcse_core.report.methods import method
from simcse_core.report.tables import mean_and_range
from simcse_core.report.use_rows import (
    best_line,
    changes,
    line_name,
    lines,
    only,
    percent,
    unknown_name,
    unknowns,
    with_encoder,
)
from simcse_core.report.wording import COMMA, in_brackets, joined, listed, pooling_name, say

ENOUGH = 0.95  # recall at which a list of intents counts as long enough
GAIN = 0.02  # of Recall@5, below which more examples are not worth writing
NEAR = 0.01  # a difference of means that decides nothing


def tell_search(rows: pd.DataFrame, *, language: str = "en") -> str:
    """How often the right question is among the first, and whether to fuse."""
    at_5 = only(rows, metric="recall@5")
    alone = only(at_5, way="vectors")
    key, best = best_line(alone)
    fused_key, fused = best_line(only(at_5, way="fused"))
    more = fused["value"].mean() - best["value"].mean()
    at_10 = _line(only(rows, metric="recall@10", way="vectors"), key)
    told = {
        "best": line_name(key, language),
        "five": _score(best, language),
        "ten": _score(at_10, language),
        "fused": line_name(fused_key, language),
        "both": _score(fused, language),
    }
    advice = _FUSE if more > NEAR else _DO_NOT_FUSE
    parts = [_SEARCH, _EFFECT["Recall@5"], advice, _SEARCH_PRACTICE]
    return _told(parts, told | {"change": _changes(alone, language)}, language)


def tell_intents(rows: pd.DataFrame, *, language: str = "en") -> str:
    """Which classifier, how many examples and how many intents to keep."""
    at_5 = only(rows, metric="recall@5")
    n_examples = sorted(at_5["examples"].unique())
    most = only(at_5, examples=n_examples[-1])
    classifier = str(most.groupby("way")["value"].mean().idxmax())
    mine = only(at_5, way=classifier)
    key, best = best_line(only(mine, examples=n_examples[-1]))
    curve = only(_line(rows, key), metric="recall")
    means = curve.groupby("at")["value"].mean()
    enough = means[means >= ENOUGH]
    saved = only(_line(rows, key), metric="saved@95", way=classifier)
    told = {
        "best": line_name(key, language),
        "classifier": say(classifier, language),
        "most": f"{n_examples[-1]:.0f}",
        "five": _score(best, language),
        "worth": f"{_worth(_line(mine, key)):.0f}",
        "few": f"{curve['examples'].iloc[0]:.0f}",
        "keep": f"{(enough.index[0] if len(enough) else means.index[-1]):.0f}",
        "reached": f"{(enough.iloc[0] if len(enough) else means.iloc[-1]):.3f}",
        "saved": percent(only(saved, examples=n_examples[-1])["value"].mean()),
        "least": f"{n_examples[0]:.0f}",
        "change": _changes(only(mine, examples=n_examples[0]), language),
    }
    parts = [_INTENTS, _INTENTS_EFFECT, _INTENTS_PRACTICE]
    return _told(parts, told, language)


def _worth(rows: pd.DataFrame) -> float:
    """The number of examples from which on more of them gain less than :data:`GAIN` a step."""
    means = rows.groupby("examples")["value"].mean()
    small = means.diff().shift(-1) < GAIN
    return float(means.index[int(small.argmax())] if small.any() else means.index[-1])


def tell_pseudo_labels(rows: pd.DataFrame, *, language: str = "en") -> str:
    """What proposals gain a classifier, unchecked and checked."""
    accuracy = only(rows, metric="accuracy")
    key, few = best_line(only(accuracy, way="few"))
    own = _line(rows, key)
    ways = {way: only(own, metric="accuracy", way=way) for way in _WAYS}
    told = {
        "best": line_name(key, language),
        "few": _score(few, language),
        "right": percent(only(own, way="as they are", metric="precision")["value"].mean()),
        "proposed": percent(only(own, way="as they are", metric="coverage")["value"].mean()),
        **{key: _score(ways[way], language) for way, key in _WAYS.items()},
        "change": _changes(only(accuracy, way="few"), language),
    }
    means = {way: part["value"].mean() for way, part in ways.items()}
    unchecked = means["as they are"] - few["value"].mean()
    advice = _AS_THEY_ARE if unchecked > NEAR else _CHECK
    parts = [_PSEUDO_LABELS, _EFFECT["accuracy"], advice]
    parts += [_CORRECT] if means["corrected"] - means["confirmed"] > NEAR else []
    return _told(parts, told, language)


_WAYS = {"as they are": "unchecked", "confirmed": "confirmed", "corrected": "corrected"}


def tell_out_of_scope(rows: pd.DataFrame, *, language: str = "en") -> str:
    """Which score to use, how well it tells unknown text apart, what its threshold lets through.

    That is the score whose threshold accepts most of what is in scope and refuses most of what is
    not, as the mean of both shares; a good order alone is of no use where the threshold is wrong.
    """
    auroc = only(rows, metric="auroc")
    score = _most_balanced(rows)
    mine = only(auroc, way=score)
    key, _ = best_line(mine)
    own = only(_line(rows, key), way=score)
    found = [
        f"{unknown_name(name, share, language)} {_score(part, language)}"
        for name, share, part in unknowns(only(own, metric="auroc"))
    ]
    told = {
        "best": line_name(key, language),
        "score": say(score, language),
        "found": listed(found, language),
        "accepted": percent(only(own, metric="accepted")["value"].mean()),
        "refused": percent(only(own, metric="out-of-scope recall")["value"].mean()),
        "change": _changes(mine, language),
    }
    parts = [_OUT_OF_SCOPE, _EFFECT["AUROC"], _OUT_OF_SCOPE_PRACTICE]
    return _told(parts, told, language)


def _most_balanced(rows: pd.DataFrame) -> str:
    shares = rows[rows["metric"].isin(["accepted", "out-of-scope recall"])]
    return str(shares.groupby("way")["value"].mean().idxmax())


def _line(rows: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    return next(mine for other, mine in lines(rows) if other == key)


def _score(rows: pd.DataFrame, language: str) -> str:
    return mean_and_range(rows, digits=3, language=language)


def _changes(rows: pd.DataFrame, language: str) -> str:
    """What training changed, for each encoder under each pooling, over draws: mean and range."""
    found = []
    for (encoder, pooling), change in changes(with_encoder(rows)).items():
        if change.empty:
            continue
        told = f"{change.mean():+.3f}"
        if len(change) > 1:
            told += f" [{change.min():+.3f}, {change.max():+.3f}]"
        whose = f"{encoder}{COMMA[language]}{pooling_name(pooling, language)}"
        found.append(in_brackets(told, whose, language))
    trained = method("unsup-simcse").name(language)
    return f"{trained}{'：' if language == 'zh' else ': '}{listed(found, language)}"


def _told(parts: list[dict[str, str]], told: dict[str, str], language: str) -> str:
    return joined((part[language].format(**told) for part in parts), language)


_EFFECT = {
    what: {
        "en": f"What unlabelled training changed in {what} against the untrained encoder: "
        "{change}.",
        "zh": f"无标注训练相对未训练编码器使 {what} 的变化：{{change}}。",
    }
    for what in ("Recall@5", "accuracy", "AUROC")
}
_SEARCH = {
    "en": "The right question is among the first five for {five} of the queries, and among ten for "
    "{ten}, by {best}; fused with TF-IDF, the best is {fused} with {both} among five.",
    "zh": "{best}：正确问题在前五之内的查询占 {five}，前十之内占 {ten}；"
    "与 TF-IDF 融合后最好的是{fused}，前五为 {both}。",
}
_FUSE = {
    "en": "**In practice:** rank by vectors and by TF-IDF and fuse the ranks; it costs next to "
    "nothing beside encoding.",
    "zh": "**实践建议**：向量与 TF-IDF 各排一次并融合名次；与编码相比，几乎不增加开销。",
}
_DO_NOT_FUSE = {
    "en": "**In practice:** take the best of the two as it is; fusing the ranks gained nothing "
    "that counts here.",
    "zh": "**实践建议**：直接用两者中较好的一种；此处融合名次没有值得一提的收益。",
}
_SEARCH_PRACTICE = {
    "en": "Show five to ten questions rather than one, keep the vectors with the encoder's "
    "fingerprint, and search exactly up to a million questions.",
    "zh": "给出五到十个候选而不是一个；向量与编码器指纹一同保存；一百万个问题以内用精确检索。",
}
_INTENTS = {
    "en": "With {most} examples of each intent, the right one is among the first five for {five} "
    "of the utterances ({best}, {classifier}); {saved} of the intent models then need not run at "
    "95 % recall.",
    "zh": "每个意图 {most} 条示例时，{five} 的话语其正确意图在前五之内（{best}，{classifier}）；"
    "在 95 % 召回下，{saved} 的意图模型不必运行。",
}
_INTENTS_EFFECT = {
    "en": "What unlabelled training changed in Recall@5 against the untrained encoder, with "
    "{least} of each: {change}.",
    "zh": "每个意图 {least} 条示例时，无标注训练相对未训练编码器使 Recall@5 的变化：{change}。",
}
_INTENTS_PRACTICE = {
    "en": "**In practice:** use {classifier}, label at least {worth} of each intent, and "
    "keep {keep} intents: with {few} examples, recall is {reached} there.",
    "zh": "**实践建议**：用{classifier}，每个意图至少标注 {worth} 条示例，并保留 {keep} 个意图："
    "{few} 条示例时，此处召回为 {reached}。",
}
_PSEUDO_LABELS = {
    "en": "By {best}, {proposed} of the unlabelled texts get a proposal, and {right} of those are "
    "right. A classifier on the few examples reaches {few}; with the proposals unchecked "
    "{unchecked}, with those that a person would confirm {confirmed}, with all of them corrected "
    "{corrected}.",
    "zh": "用{best}，{proposed} 的无标注文本得到建议标签，其中 {right} 是对的。"
    "仅用少量示例的分类器得 {few}；加入未经检查的建议得 {unchecked}，"
    "只加入人会确认的得 {confirmed}，全部改正后加入得 {corrected}。",
}
_AS_THEY_ARE = {
    "en": "**In practice:** proposals help even unchecked, and more when checked.",
    "zh": "**实践建议**：建议标签未经检查也有帮助，检查后更有帮助。",
}
_CHECK = {
    "en": "**In practice:** have a person check the proposals; unchecked they gain nothing that "
    "counts.",
    "zh": "**实践建议**：请人检查建议标签；不检查则没有值得一提的收益。",
}
_CORRECT = {
    "en": "Correct wrong ones rather than drop them: what the classifier gets wrong teaches it "
    "most.",
    "zh": "错误的建议应改正而不是丢弃：分类器弄错的，正是它最该学的。",
}
_OUT_OF_SCOPE = {
    "en": "AUROC of {score} with the best vectors ({best}): {found}. At the "
    "threshold from the examples alone, {accepted} of the in-scope utterances are accepted and "
    "{refused} of the others refused.",
    "zh": "{score}配最好的向量（{best}），AUROC 为：{found}。"
    "仅由示例得出的阈值下，范围内的话语有 {accepted} 被接受，范围外的有 {refused} 被拒绝。",
}
_OUT_OF_SCOPE_PRACTICE = {
    "en": "**In practice:** use {score}, whose threshold balances both best, set the threshold by "
    "the share of own utterances that may be refused, and send what is refused to a person. "
    "The threshold guarantees nothing.",
    "zh": "**实践建议**：用阈值最均衡的{score}，按可以误拒的自有话语比例设定阈值，被拒的转人工。"
    "阈值并不提供任何保证。",
}

# By the name of the table without the notebook's number.
PRACTICE: dict[str, Callable[..., str]] = {
    "search": tell_search,
    "intents": tell_intents,
    "pseudo_labels": tell_pseudo_labels,
    "out_of_scope": tell_out_of_scope,
}
