"""What is told of an encoder that was trained on somebody's own sentences, with labels or without.

Points of training have a row of the metric ``kept`` each, 1 where the encoder was kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simcse_core.config import Kind
from simcse_core.report.methods import method
from simcse_core.report.rows import of_kind, on, spearman, splits
from simcse_core.report.wording import capitalised, in_brackets, joined, quantity, say

HELD_OUT = "held-out"
# What is drawn and listed along training, and the split it is measured on.
ALONG = {
    ("loss", HELD_OUT): "loss",
    ("alignment", HELD_OUT): "alignment",
    ("uniformity", HELD_OUT): "uniformity",
    ("spearman", "dev"): "Spearman, dev",
    ("spearman", "test"): "Spearman, test",
    ("roc_auc", "test"): "ROC AUC, test",
}


def place_column(rows: pd.DataFrame) -> str:
    """Over what training is followed: sentences along a single epoch, else epochs."""
    return "epoch" if rows["epoch"].max() > 1 else "n_train"


def along(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What was measured along training, each by its name, the untrained encoder first."""
    trajectory = of_kind(rows, Kind.UNTRAINED, Kind.TRAINED)
    for (metric, split), name in ALONG.items():
        mine = trajectory[(trajectory["metric"] == metric) & (trajectory["split"] == split)]
        if mine["value"].notna().any():
            yield name, mine


def kept_place(rows: pd.DataFrame) -> float:
    """Where on the way the encoder was kept; 0 is untrained."""
    chosen = rows[(rows["metric"] == "kept") & (rows["value"] == 1)]
    return float(chosen[place_column(rows)].iloc[0])


def training_table(results: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """A line for each point of training, the kept one marked, a column for each metric."""
    x, kept = place_column(results), kept_place(results)
    columns = {
        say(name, language): mine.groupby(x)["value"].mean() for name, mine in along(results)
    }
    table = pd.DataFrame(columns).sort_index()
    places = {
        point: quantity(point, x, language) if point else say("untrained", language)
        for point in table.index
    }
    lines = [
        in_brackets(place, say("kept", language), language) if point == kept else place
        for point, place in places.items()
    ]
    cells = table.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    return cells.set_axis(pd.Index(lines, name=say("seen", language)))


def beside_table(results: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Spearman with its interval over pairs: untrained, kept, and what needs no training."""
    rows = spearman(results)
    kept = _at(rows, kept_place(results), place_column(results))
    lines = {"untrained": of_kind(rows, Kind.UNTRAINED)}
    if not kept.empty and kept["kind"].iloc[0] != Kind.UNTRAINED:
        lines["kept"] = kept
    cells = {
        say(name, language): {split: _score(on(mine, split)) for split in splits(rows)}
        for name, mine in lines.items()
    }
    for name, mine in of_kind(rows, Kind.FITTED).groupby("method", sort=False):
        told = {split: _score(on(mine, split)) for split in splits(rows)}
        cells[method(str(name)).name(language)] = told
    table = pd.DataFrame.from_dict(cells, orient="index").rename_axis(say("method", language))
    return table.rename(columns={split: say(split, language) for split in table.columns})


def _at(rows: pd.DataFrame, place: float, x: str) -> pd.DataFrame:
    if place == 0:
        return of_kind(rows, Kind.UNTRAINED)
    trained = of_kind(rows, Kind.TRAINED)
    return trained[trained[x] == place]


def _score(rows: pd.DataFrame) -> str:
    if rows.empty or pd.isna(rows["value"].iloc[0]):
        return ""
    row = rows.iloc[0]
    return f"{row['value']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def recommended(results: pd.DataFrame) -> tuple[str, float, float] | None:
    """What needs no training and is ahead of the kept encoder on dev: its name, both scores.

    None where nothing is ahead, or no labelled pairs say so.
    """
    dev = on(spearman(results), "dev")
    kept = _at(dev, kept_place(results), place_column(results))["value"].mean()
    fitted = of_kind(dev, Kind.FITTED).groupby("method", sort=False)["value"].mean().dropna()
    if fitted.empty or fitted.max() <= kept:
        return None
    return str(fitted.idxmax()), float(fitted.max()), float(kept)


def tell_own_text(results: pd.DataFrame, *, language: str = "en") -> str:
    """Which point was kept and why, what training changed, and what that does not say."""
    x, kept = place_column(results), kept_place(results)
    found = dict(along(results))
    ends = {name: _ends(mine, x, kept) for name, mine in found.items() if name != "loss"}
    said = [_KEPT[language]["trained" if kept else "untrained"].format(quantity(kept, x, language))]
    if kept:
        changed = [
            _CHANGE[language].format(say(name, language), *values) for name, values in ends.items()
        ]
        said.append(capitalised(_JOIN[language].join(changed)) + _STOP[language])
    said.append(_verdict(found, x, language))
    if ahead := recommended(results):
        name, score, own = ahead
        said.append(_AHEAD[language].format(method(name).name(language), score, own, name))
    return joined(said, language)


def _ends(rows: pd.DataFrame, x: str, kept: float) -> tuple[float, float]:
    values = rows.groupby(x)["value"].mean()
    return float(values.loc[0]), float(values.loc[kept])


def _verdict(found: dict[str, pd.DataFrame], x: str, language: str) -> str:
    """Whether training helped, by the last point on test; without labels, who can tell."""
    if "Spearman, test" not in found:
        return _NO_LABELS[language]
    values = found["Spearman, test"].groupby(x)["value"].mean().sort_index()
    change = float(values.iloc[-1] - values.iloc[0])
    key = "raised" if change > 0 else "lowered"
    return _VERDICT[language][key].format(values.iloc[0], values.iloc[-1])


def tell_near_duplicates(n_among: int, n_with: int, *, language: str = "en") -> str:
    """How many of so many sentences have another one of almost the same characters."""
    return _NEAR_DUPLICATES[language].format(n_among, n_with)


_NEAR_DUPLICATES = {
    "en": "Of {:,} sentences, {:,} have another one of almost the same characters. In a batch, "
    "such a pair is pushed apart as if it meant different things.",
    "zh": "{:,} 个句子中，{:,} 个有另一句与它几乎字字相同。在同一批次里，"
    "这样的两句会被当作意思不同而推开。",
}
_KEPT = {
    "en": {
        "trained": "Kept is the encoder after {}.",
        "untrained": "Kept is the untrained encoder: on dev no point of training was better, and "
        "not to train is a choice like any other.",
    },
    "zh": {
        "trained": "保留的是训练到{}的编码器。",
        "untrained": "保留的是未训练的编码器：验证集上没有哪个训练点更好，不训练也是一种选择。",
    },
}
_CHANGE = {"en": "{} went from {:.3f} to {:.3f}", "zh": "{}由{:.3f}变为{:.3f}"}
_JOIN = {"en": ", ", "zh": "，"}
_STOP = {"en": " with it.", "zh": "。"}
_AHEAD = {
    "en": "Without any training, {} is ahead of it on dev, {:.3f} against {:.3f}: that is what to "
    "use, and it is kept in the folder `{}`.",
    "zh": "验证集上，不经训练的{}更好，为{:.3f}，而所保留编码器为{:.3f}：应当使用前者，"
    "已存入目录 `{}`。",
}
_NO_LABELS = {
    "en": "Without labelled pairs no number says whether that is better: alignment and uniformity "
    "tell how vectors lie, not what they mean. The neighbours are what a reader can judge.",
    "zh": "没有带标注的句对，就没有数字能说明这是否更好：对齐性与均匀性只说明向量如何分布，"
    "不说明其含义。可供判断的是近邻。",
}
_VERDICT = {
    "en": {
        "raised": "On test, training to the end raised Spearman from {:.3f} to {:.3f}.",
        "lowered": "On test, training to the end **lowered** Spearman from {:.3f} to {:.3f}.",
    },
    "zh": {
        "raised": "测试集上，训练到最后 Spearman 上升，由{:.3f}到{:.3f}。",
        "lowered": "测试集上，训练到最后 Spearman 下降，由{:.3f}到{:.3f}。",
    },
}
NO_PAIRS = {
    "en": "No labelled pairs came along, so nothing can be scored. A few hundred pairs with a "
    "similarity, in a file beside the text, are enough for that.",
    "zh": "没有带标注的句对，因此无法打分；在文本旁放一个含几百个带相似度句对的文件即可。",
}
