"""Texts whose vectors can be worked out by hand: each names an angle in degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcse_core.applications.search import EncoderStamp

STAMP = EncoderStamp("angles", "0123456789ab")
OTHER_STAMP = EncoderStamp("others", "ba9876543210")


def angles(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of shape (n, 2), so that cosines are those of differences between angles."""
    radians = np.deg2rad([float(text) for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


# Three classes around 0, 90 and 180 degrees, ten texts each.
CLASS_TEXTS = [str(centre + step) for centre in (0, 90, 180) for step in range(-5, 5)]
CLASS_LABELS = [name for name in ("east", "north", "west") for _ in range(10)]
