"""Labelled premise-hypothesis pairs, as NLI stands on the hub, made into triplets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# How NLI is written in columns: triplets as they are, or pairs with a label.
TRIPLET_COLUMNS = ("anchor", "positive", "negative")
PAIR_COLUMNS = (("premise", "hypothesis", "label"), ("sentence1", "sentence2", "label"))
# SNLI's own numbers and names (Bowman et al., 2015); pairs that its annotators disagreed on have -1
# or a dash.
ENTAILMENT, CONTRADICTION = "entailment", "contradiction"
_LABELS: dict[object, str] = {
    **dict.fromkeys((0, ENTAILMENT), ENTAILMENT),
    **dict.fromkeys((2, CONTRADICTION), CONTRADICTION),
    **dict.fromkeys((1, "neutral", -1, "-", "", None), ""),
}


def triplets_by_premise(
    rows: Iterable[tuple[object, ...]],
) -> Iterator[tuple[str, str, str]]:
    """Premise, a sentence it entails and one it contradicts, for each premise that has both.

    The first entailed sentence goes with the first contradicted one, the second with the second.
    Pairs that are neutral, unlabelled or lack a text are in no triplet.

    Args:
        rows: premise, hypothesis and label.

    Raises:
        ValueError: a label that is none of SNLI's, or no premise has both.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for i, (premise, hypothesis, label) in enumerate(rows, start=1):
        if not isinstance(label, str | int | None) or label not in _LABELS:
            raise ValueError(
                f"row {i}: label must be 0 or {ENTAILMENT}, 1 or neutral, 2 or {CONTRADICTION}, "
                f"or -1 for none, got {label!r}"
            )
        texts = [str(text or "").strip() for text in (premise, hypothesis)]
        if all(texts) and (kind := _LABELS[label]):
            kinds = found.setdefault(texts[0], {ENTAILMENT: [], CONTRADICTION: []})
            kinds[kind].append(texts[1])
    n = 0
    for premise, kinds in found.items():
        for entailed, contradicted in zip(kinds[ENTAILMENT], kinds[CONTRADICTION], strict=False):
            n += 1
            yield premise, entailed, contradicted
    if not n:
        raise ValueError("no premise has both an entailed and a contradicted sentence")
