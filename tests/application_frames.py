"""A small source of texts of services, and rows of the four uses whose summary is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

INTENTS = {
    "看书": [
        "我今天看书",
        "老师今天看书",
        "我每个周末都看书",
        "隔壁的孩子今天看书",
        "我从来不看书",
    ],
    "喝茶": [
        "我今天喝茶",
        "老师今天喝茶",
        "我每个周末都喝茶",
        "隔壁的孩子今天喝茶",
        "我从来不喝茶",
    ],
    "做饭": ["我做红烧肉", "老师做红烧肉", "孩子做红烧肉", "周末做红烧肉", "厨房里做红烧肉"],
    "天气": [
        "我听天气预报",
        "老师听天气预报",
        "孩子听天气预报",
        "周末听天气预报",
        "今天听天气预报",
    ],
}
FAQ = {
    "怎么看书": ["看书怎么看", "书怎么看呢"],
    "怎么喝茶": ["茶怎么喝", "喝茶怎么喝呢"],
    "怎么做肉": ["肉怎么做", "做肉怎么做呢"],
}
OTHERS = ["刚才在厨房里", "隔壁的孩子"]


def write_source(folder: Path) -> Path:
    """A folder laid out as the bundled sample."""
    folder.mkdir(parents=True, exist_ok=True)
    faq = [(question, other) for question, others in FAQ.items() for other in others]
    pd.DataFrame(faq, columns=["question", "rewording"]).to_csv(folder / "faq.csv", index=False)
    rows = [(text, label) for label, texts in INTENTS.items() for text in texts]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(folder / "intents.csv", index=False)
    pd.DataFrame({"text": OTHERS}).to_csv(folder / "out_of_scope.csv", index=False)
    return folder


# By method: kind, encoder, pooling, and its value in each of two seeds.
VALUES = {
    "tfidf-char": ("fitted", "none", None, (0.60, 0.62)),
    "untrained": ("untrained", "tiny", "cls", (0.40, 0.44)),
    "whitening": ("fitted", "tiny", "cls", (0.50, 0.50)),
    "unsup-simcse": ("trained", "tiny", "cls", (0.45, 0.47)),
}
_OF_USE: dict[str, list[dict[str, object]]] = {
    "search": [
        {"way": way, "metric": metric}
        for way in ("vectors", "fused")
        for metric in ("recall@1", "recall@5", "recall@10", "mrr@10")
    ],
    "intents": [
        *(
            {"way": way, "metric": metric, "examples": n}
            for way in ("nearest", "logistic")
            for metric in ("recall@1", "recall@3", "recall@5", "recall@10", "saved@95", "saved@99")
            for n in (1, 3)
        ),
        *({"way": "logistic", "metric": "recall", "examples": 3, "at": n} for n in (1, 2, 3)),
    ],
    "pseudo-labels": [
        *({"way": way, "metric": "accuracy", "examples": 3}
          for way in ("few", "as they are", "confirmed", "corrected")),
        *({"way": "as they are", "metric": m, "examples": 3} for m in ("precision", "coverage")),
        *({"way": "curve", "metric": "precision", "examples": 3, "at": a} for a in (0.5, 1.0)),
    ],
    "out-of-scope": [
        {"way": way, "metric": metric, "unknown": unknown, "at": at, "examples": 3}
        for way in ("softmax", "nearest")
        for metric in ("auroc", "aupr", "fpr@95", "accepted", "in-scope accuracy",
                       "out-of-scope recall")
        for unknown, at in (("held-out intents", 0.25), ("out of scope", None))
    ],
}  # fmt: skip


def use_frame() -> pd.DataFrame:
    """Rows of all uses in which a method has one value a seed, whatever is measured.

    Ways other than the first of a use are 0.1 lower, but for ``fused``, which is 0.05 higher, and
    what is learnt from proposals, which gains 0.02 a step.
    """
    shift = {"nearest": -0.1, "fused": 0.05, "as they are": 0.02, "confirmed": 0.04}
    shift["corrected"] = 0.06
    rows = [
        {
            "encoder": encoder,
            "method": method,
            "kind": kind,
            "pooling": pooling,
            "n_train": 4,
            "seed": seed,
            "dataset": "tiny",
            "use": use,
            "examples": None,
            "unknown": None,
            "at": None,
            **detail,
            "value": values[seed] + shift.get(str(detail["way"]), 0.0),
            "ci_low": values[seed] - 0.02,
            "ci_high": values[seed] + 0.02,
            "missing": None,
        }
        for use, details in _OF_USE.items()
        for detail in details
        for method, (kind, encoder, pooling, values) in VALUES.items()
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows).astype({"examples": float, "at": float})
