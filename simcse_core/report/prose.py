"""Sentences that cite measured numbers, as Markdown, in English and Chinese.

What is best is chosen by its dev score; its test score is reported beside it.
"""

from __future__ import annotations

import pandas as pd

from simcse_core.config import Kind, Pooling
from simcse_core.report.methods import in_order, method
from simcse_core.report.rows import (
    at_last,
    at_point,
    best_on_dev,
    cls_first,
    facet_titles,
    facets,
    of_kind,
    on,
    spearman,
    trained_methods,
)
from simcse_core.report.tables import mean_and_range
from simcse_core.report.wording import (
    COLON,
    COMMA,
    capitalised,
    joined,
    listed,
    pooling_name,
    quantity,
    say,
    spaced,
)

# Sentences up to which a sample counts as small.
FEW = 1000
# Changes that are the same to three digits count as none.
_NO_CHANGE = 0.0005


def tell_baselines(results: pd.DataFrame, *, language: str = "en") -> str:
    """Where methods that need no training stand, and which are best, on the test split."""
    rows = spearman(results)
    rows = rows[rows["value"].notna()]
    untrained = of_kind(rows, Kind.UNTRAINED)
    no_encoder, with_encoder = (
        of_kind(rows[rows["pooling"].isna() == without], Kind.FITTED) for without in (True, False)
    )
    told = [_best_without_encoder(no_encoder, language), _untrained_cls(untrained, language)]
    told.append(_best(untrained, _POOLING[language], language))
    for name in in_order(with_encoder["method"]):
        start = f"{method(name).zh}最好得" if language == "zh" else f"{method(name).en} reaches"
        told.append(_best(with_encoder[with_encoder["method"] == name], start, language))
    told.append(_best(of_kind(rows, Kind.READY_MADE), _READY_MADE[language], language))
    return joined([*told, _SCORES[language]], language)


def tell_curve(results: pd.DataFrame, x: str, *, language: str = "en") -> str:
    """Each trained method at the first, middle, last and best-on-dev point, on the test split.

    A paragraph for each encoder, pooling and trained method. Where training lowered the score, a
    sentence says so.

    Args:
        x: ``n_train`` or ``epoch``.
    """
    found = facets(spearman(results))
    titles = facet_titles(found, language)
    paragraphs = []
    for facet, rows in found.items():
        names = trained_methods(rows)
        for name in names:
            told = [_points(rows, name, x, language), _change(rows, name, x, language)]
            told.append(_choice(rows, name, x, language))
            if name == names[-1]:
                told.append(_others(rows, x, language))
            head = f"**{titles[facet]}**{COLON[language]}" if titles[facet] else ""
            paragraphs.append(head + joined(told, language))
    return "\n\n".join(paragraphs)


def tell_comparison(results: pd.DataFrame, *, language: str = "en") -> str:
    """Before and after of each encoder and pooling, and training with labels, on the test split."""
    rows = at_last(on(spearman(results), "test"))
    ready_made = of_kind(rows, Kind.READY_MADE)
    rows = rows[rows["kind"] != Kind.READY_MADE]
    poolings = cls_first(rows["pooling"].dropna())
    several = len(poolings) > 1
    lines = []
    for pooling in poolings:
        here = rows[rows["pooling"] == pooling]
        for encoder, mine in here.groupby("encoder", sort=False):
            name = f"{COMMA[language]}{pooling_name(pooling, language)}" if several else ""
            lines.append(f"- {encoder}{name}{COLON[language]}{_before_after(mine, language)}")
    for encoder, mine in ready_made.groupby("encoder", sort=False):
        made = method(str(mine["method"].iloc[0])).name(language)
        lines.append(f"- {encoder}{COMMA[language]}{made}{COLON[language]}{_score(mine, language)}")
    return _ON_TEST[language] + "\n\n" + "\n".join(lines)


def tell_answer(rows: pd.DataFrame, *, language: str = "en") -> str:
    """What to do with a few hundred sentences, as these results have it: three sentences.

    They say what training gives at each size, what the fitted method that is best on dev gives at
    the largest size up to :data:`FEW`, and which of the two is ahead there; for each pooling, [CLS]
    first. Ready-made encoders follow, where they stand in the table.

    Args:
        rows: of the table of methods at the same sizes; the first trained method counts.
    """
    parts = facets(rows)
    titles = facet_titles(parts, language)
    told = []
    for facet, mine in parts.items():
        head = f"{titles[facet]}{COLON[language]}" if titles[facet] else ""
        told.append(head + _answer(mine, language))
    return "\n\n".join([*told, *_as_they_are(rows, language)])


def _as_they_are(rows: pd.DataFrame, language: str) -> list[str]:
    """A sentence on ready-made encoders, the best on dev first; none where there are none."""
    dev, test = (of_kind(on(rows, split), Kind.READY_MADE) for split in ("dev", "test"))
    if test.empty:
        return []
    order = dev.groupby("encoder")["mean"].first().sort_values(ascending=False).index
    values = test.groupby("encoder")["mean"].first()
    scores = [f"{name} {values[name]:.3f}" for name in order]
    said = _AS_THEY_ARE[language].format(scores=listed(scores, language))
    return [spaced(said, language)]


def _answer(rows: pd.DataFrame, language: str) -> str:
    dev, test = (on(rows, split) for split in ("dev", "test"))
    studied = trained_methods(rows)[0]
    trained = test[test["method"] == studied]
    curve = dict(zip(trained["n_sentences"], trained["mean"], strict=True))
    few = max((n for n in curve if n <= FEW), default=min(curve))
    fitted = of_kind(dev[dev["n_sentences"] == few], Kind.FITTED)
    best = str(fitted.nlargest(1, "mean")["method"].item())
    at_few = test[test["n_sentences"] == few].set_index("method")["mean"]
    ahead = best if at_few[best] > at_few[studied] else studied
    gains = [
        _AT[language].format(score=score, size=quantity(n, "n_train", language))
        for n, score in curve.items()
    ]
    told = {
        "data": say(rows["dataset"].iloc[0], language),
        "before": of_kind(test, Kind.UNTRAINED)["mean"].iloc[0],
        "trained": method(studied).name(language),
        "gains": listed(gains, language),
        "few": quantity(few, "n_train", language),
        "fitted": method(best).name(language),
        "value": at_few[best],
        "ahead": capitalised(method(ahead).name(language)),
        "by": abs(at_few[best] - at_few[studied]),
    }
    said, verdict = (text[language].format(**told) for text in (_ANSWER, _AHEAD))
    return f"{spaced(said, language)}**{spaced(verdict, language)}**"


_ANSWER = {
    "en": "On {data} (Spearman on test), an untrained encoder scores {before:.3f}; {trained} "
    "brings it to {gains}. Without any training, {fitted}, fitted on {few} and the best such "
    "method on dev, scores {value:.3f}. ",
    "zh": "在{data}上（测试集 Spearman），未训练的编码器得 {before:.3f}；"
    "经{trained}训练后为 {gains}。若不作任何训练，用{few}拟合、"
    "在这类方法中验证集最佳的{fitted}得 {value:.3f}。",
}
_AS_THEY_ARE = {
    "en": "Ready-made encoders, which others trained on far more text and are used as they are: "
    "{scores}.",
    "zh": "现成的编码器由他人用多得多的文本训练，直接使用时：{scores}。",
}
_AHEAD = {"en": "{ahead} is ahead there, by {by:.3f}.", "zh": "此时{ahead}领先 {by:.3f}。"}
_AT = {"en": "{score:.3f} ({size})", "zh": "{score:.3f}（{size}）"}
_SCORES = {
    "en": "All scores are Spearman on test; what is best was chosen by its dev score.",
    "zh": "以上均为测试集上的 Spearman；“最佳”按验证集分数选定。",
}
_POOLING = {
    "en": "the best pooling of an untrained encoder scores",
    "zh": "未训练时最好的池化得",
}
_READY_MADE = {"en": "the best ready-made encoder scores", "zh": "现成编码器中最好的得"}
_ON_TEST = {
    "en": "On test (mean over seeds, lowest and highest seed in brackets):",
    "zh": "测试集上（多种子平均，方括号内为最低与最高的种子）：",
}


def _score(rows: pd.DataFrame, language: str) -> str:
    return mean_and_range(rows, digits=3, language=language)


def _mean(rows: pd.DataFrame) -> float:
    return float(on(rows, "test")["value"].mean())


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """The test rows of what is best on dev, mean over seeds; no row where dev has none."""
    keys = ["encoder", "method", "pooling"]
    means = on(rows, "dev").groupby(keys, sort=False, dropna=False)["value"].mean()
    if means.empty:
        return rows.iloc[:0]
    encoder, name, pooling = means.index[int(means.argmax())]
    same = rows["pooling"].isna() if pd.isna(pooling) else rows["pooling"] == pooling
    return on(rows[(rows["encoder"] == encoder) & (rows["method"] == name) & same], "test")


def _best_without_encoder(rows: pd.DataFrame, language: str) -> str:
    best = _chosen(rows)
    if best.empty:
        return ""
    name, score = method(best["method"].iloc[0]).name(language), _score(best, language)
    if language == "zh":
        return f"不用编码器，最好的是{name}：**{score}**。"
    return f"Without an encoder, {name} does best: **{score}**."


def _untrained_cls(rows: pd.DataFrame, language: str) -> str:
    values = on(rows[rows["pooling"] == Pooling.CLS], "test")["value"]
    if values.empty:
        return ""
    ends = list(dict.fromkeys(f"{end:.3f}" for end in (values.min(), values.max())))
    if language == "zh":
        return f"未训练编码器的 [CLS] 向量得{'至'.join(ends)}。"
    return f"The [CLS] vectors of untrained encoders score {' to '.join(ends)}."


def _best(rows: pd.DataFrame, start: str, language: str) -> str:
    """The best of some rows, with its encoder and pooling."""
    best = _chosen(rows)
    if best.empty:
        return ""
    score, whose = _score(best, language), best["encoder"].iloc[0]
    if not pd.isna(pooling := best["pooling"].iloc[0]):
        whose = f"{whose}{COMMA[language]}{pooling_name(pooling, language)}"
    if language == "zh":
        return f"{start}{score}（{whose}）。"
    return f"{capitalised(start)} {score} ({whose})."


def _points(rows: pd.DataFrame, name: str, x: str, language: str) -> str:
    """The untrained encoder, and a method at the first, middle and last point of its curve."""
    test = on(rows, "test")
    trained = test[test["method"] == name]
    points = sorted(trained[x].unique())
    before = _score(of_kind(test, Kind.UNTRAINED), language)
    places = dict.fromkeys((points[0], points[len(points) // 2], points[-1]))
    seeds = trained["seed"].nunique()
    scores = [
        (_score(at_point(test, name, x, p), language), quantity(p, x, language)) for p in places
    ]
    after = method(name).name(language)
    if language == "zh":
        told = listed([f"{place}时为 {score}" for score, place in scores], language)
        over = f"（{seeds} 个种子平均，方括号内为最低与最高）" if seeds > 1 else "（1 个种子）"
        return f"测试集上，未训练的编码器得 {before}；经{after}训练，{told}{over}。"
    told = listed([f"{score} at {place}" for score, place in scores], language)
    over = f"mean over {seeds} seeds, lowest and highest in brackets" if seeds > 1 else "1 seed"
    return (
        f"On test, the untrained encoder scores {before}. After {after} it scores {told} ({over})."
    )


def _change(rows: pd.DataFrame, name: str, x: str, language: str) -> str:
    """What training changed at the last point, in words where it lowered the score."""
    last = rows.loc[rows["method"] == name, x].max()
    change = _mean(at_point(rows, name, x, last)) - _mean(of_kind(rows, Kind.UNTRAINED))
    if pd.isna(change):
        return ""
    where, size = quantity(last, x, language), f"{abs(change):.3f}"
    after = method(name).name(language)
    if language == "zh":
        if abs(change) < _NO_CHANGE:
            return f"{where}时，{after}没有改变分数。"
        return f"{where}时，{after}使分数{'提高' if change > 0 else '降低'}了 {size}。"
    if abs(change) < _NO_CHANGE:
        return f"At {where}, {after} left the score as it was."
    return f"At {where}, {after} {'raised' if change > 0 else 'lowered'} the score by {size}."


def _choice(rows: pd.DataFrame, name: str, x: str, language: str) -> str:
    """Where dev is best and what test has there; not to train is a choice like any other."""
    best = best_on_dev(rows, name, x)
    if best is None:
        return ""
    score, where = (
        _score(on(at_point(rows, name, x, best), "test"), language),
        quantity(best, x, language),
    )
    if language == "zh":
        if best == 0:
            return (
                "验证集上没有一个训练点胜过未训练的编码器；按验证集选择就是不训练，"
                f"测试集得 {score}。"
            )
        return f"验证集分数在 {where}时最高，测试集在该点得 {score}。"
    if best == 0:
        return (
            "On dev, no point of training beats the untrained encoder; choosing by dev means not "
            f"to train, which scores {score} on test."
        )
    return f"The dev score is highest at {where}, where the test score is {score}."


def _others(rows: pd.DataFrame, x: str, language: str) -> str:
    """What is fitted to as many sentences gives without training, and what labels give."""
    last = of_kind(rows, Kind.TRAINED)[x].max()
    here = on(rows[rows[x] == last], "test")
    gap, stop = ("", "。") if language == "zh" else (" ", ".")
    told = []
    for kind, heads in _OTHERS.items():
        mine = of_kind(here, kind) if x == "n_train" else here.iloc[:0]
        scores = [
            method(name).name(language) + gap + _score(mine[mine["method"] == name], language)
            for name in in_order(mine["method"])
        ]
        if scores:
            head = heads[language].format(quantity(last, x, language))
            told.append(head + listed(scores, language) + stop)
    return joined([*told, _as_made(rows, language)], language)


def _as_made(rows: pd.DataFrame, language: str) -> str:
    """What ready-made encoders score, whatever is trained."""
    made = of_kind(on(rows, "test"), Kind.READY_MADE)
    gap, stop = ("", "。") if language == "zh" else (" ", ".")
    scores = [
        method(name).name(language) + gap + _score(made[made["method"] == name], language)
        for name in in_order(made["method"])
    ]
    head = {"en": "As others trained them: ", "zh": "他人训练好的编码器："}[language]
    return head + listed(scores, language) + stop if scores else ""


_OTHERS = {
    Kind.FITTED: {
        "en": "Fitted to the same {}, without training: ",
        "zh": "用同样 {}拟合而不训练：",
    },
    Kind.LABELLED: {"en": "Trained with labels: ", "zh": "用标注训练："},
}


def _before_after(rows: pd.DataFrame, language: str) -> str:
    """One encoder: untrained, what each trained method made of it, and what labels did."""
    untrained, labelled = of_kind(rows, Kind.UNTRAINED), of_kind(rows, Kind.LABELLED)
    told = [_WORDS[language]["untrained"].format(_score(untrained, language))]
    for name in trained_methods(rows):
        after = rows[rows["method"] == name]
        change = _mean(after) - _mean(untrained)
        words = _WORDS[language][
            "" if not abs(change) >= _NO_CHANGE else "+" if change > 0 else "-"
        ]
        score = _score(after, language)
        told.append(words.format(score, method(name).name(language), f"{change:+.3f}"))
    for name in in_order(labelled["method"]):
        score = _score(labelled[labelled["method"] == name], language)
        told.append(_WORDS[language][""].format(score, method(name).name(language)))
    return spaced(COMMA[language].join(told), language)


# What became of a score: at first, raised, lowered, and where there is no change to tell.
_WORDS = {
    "en": {
        "untrained": "{0} untrained",
        "+": "raised to {0} by {1} ({2})",
        "-": "lowered to {0} by {1} ({2})",
        "": "{0} after {1}",
    },
    "zh": {
        "untrained": "未训练 {0}",
        "+": "经{1}提高到 {0}（{2}）",
        "-": "经{1}降低到 {0}（{2}）",
        "": "{1}之后 {0}",
    },
}
