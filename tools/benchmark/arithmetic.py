"""What the benchmark counts by hand: useful operations, and the sentences trained for a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcse_core.config import Pooling, encoder_settings
from simcse_core.study.notebooks import NOTEBOOKS, defaults
from simcse_core.study.profiles import load_profile

SWEEPS = ("02_small_sample", "03_large_data")
EPOCHS = "04_epochs"


def linear_parameters(config: Any) -> int:
    """Weights of the linear layers of all transformer layers, biases and pooler left out.

    L (4 H^2 + 2 H I) with L layers, hidden size H and intermediate size I: query, key, value and
    output of attention, and the two halves of the feed-forward network.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    return config.num_hidden_layers * (4 * hidden**2 + 2 * hidden * inner)


def forward_flops(config: Any, lengths: Sequence[int]) -> int:
    """Operations of one forward over sentences of so many real tokens, a multiply-add as two.

    Linear layers: 2 P a token, P being :func:`linear_parameters`. Attention: 4 L H n for each of a
    sentence's n tokens (scores, and the weighted sum of values). Embedding look-ups, normalisation,
    dropout, the pooler and the loss count as nothing, and so does padding.
    """
    linear = 2 * linear_parameters(config) * sum(lengths)
    square = sum(length**2 for length in lengths)
    return linear + 4 * config.num_hidden_layers * config.hidden_size * square


def training_flops(config: Any, lengths: Sequence[int]) -> int:
    """Operations of training on sentences once: two views, backward twice the forward.

    That is 2 views x (6 P n + 12 L H n^2) for a sentence of n tokens.
    """
    return 2 * 3 * forward_flops(config, lengths)


def sweep_cost(sizes: Sequence[int], batch_size: int) -> dict[str, int]:
    """Sentences trained for a curve over ``sizes``: on one trajectory, and by a run a size.

    A size inside a batch costs the trajectory that last, short batch on a branch (a single sentence
    there is not stepped, for want of a negative).
    """
    branches = [size % batch_size for size in sizes if size != max(sizes)]
    return {
        "ours": max(sizes) + sum(rows for rows in branches if rows > 1),
        "separate runs": sum(sizes),
    }


def grid_cost(profile: str = "mini") -> dict[str, dict[str, float]]:
    """Sentences trained for the report's grid, for one encoder and one seed.

    The grid is the notebooks' defaults under a profile: one epoch on each of a few sizes, one epoch
    on each of many, and 1 to k epochs.

    Returns:
        For each notebook and for all of them: ``ours``; ``separate runs``, which still take the
        curve over epochs from one run; ``ratio`` of the two; and ``a run for every point``.
    """
    given = load_profile(profile)
    parts: dict[str, dict[str, float]] = {}
    for name in (*SWEEPS, EPOCHS):
        values = {**defaults(NOTEBOOKS / f"{name}.ipynb"), **given[name]}
        encoder = values.get("encoder") or values["encoders"][-1]
        batch_size = encoder_settings(encoder, Pooling.CLS).train.batch_size
        if name == EPOCHS:
            n, epochs = values["n_train"], values["num_epochs"]
            once = {"ours": n * epochs, "separate runs": n * epochs}
            parts[name] = {**once, "a run for every point": n * epochs * (epochs + 1) // 2}
        else:
            cost = sweep_cost(values["sizes"], batch_size)
            parts[name] = {**cost, "a run for every point": cost["separate runs"]}
    parts["all"] = {key: sum(part[key] for part in parts.values()) for key in parts[EPOCHS]}
    for part in parts.values():
        part["ratio"] = part["ours"] / part["separate runs"]
    return parts
