"""XLM-R's Unigram tokenizer from a table of pieces, made of what the tokenizers library has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ready_made.q4_file import Q4Error, Vocabulary
from ready_made.vocabulary import MASK, METASPACE
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

# Noncharacters, which Unicode leaves to programs.
_BETWEEN = "\ufdef"  # keeps characters apart that are normalised together
_PLACES = [chr(code) for code in range(0xFDD0, 0xFDEF)]  # of characters that NFKC is to leave alone


def unigram_tokenizer(
    vocabulary: Vocabulary, normaliser: Mapping[str, str], max_length: int
) -> PreTrainedTokenizerFast:
    """A fast tokenizer with ``<s> A </s>`` around a sentence.

    Adjacent unknown characters are one ``<unk>``, as SentencePiece has them.

    Raises:
        Q4Error: the library's normalisers cannot be put together to the table.
    """
    pieces = vocabulary.pieces
    scored = list(zip(pieces, vocabulary.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(scored, vocabulary.unk, byte_fallback=False))
    tokenizer.normalizer = character_normalizer(normaliser, pieces)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    bos, eos = pieces[vocabulary.bos], pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        bos_token=bos,
        cls_token=bos,
        eos_token=eos,
        sep_token=eos,
        pad_token=pieces[vocabulary.pad],
        unk_token=pieces[vocabulary.unk],
        mask_token=MASK if MASK in pieces else None,
    )


def character_normalizer(table: Mapping[str, str], pieces: Iterable[str]) -> normalizers.Normalizer:
    """NFKC but for the characters that ``table`` treats otherwise, and runs of spaces as one.

    XLM-R has SentencePiece's nmt_nfkc, a map of its own close to NFKC: control characters vanish,
    formatting ones become spaces, and the full-width tilde stays. What NFKC does to characters that
    are in no piece is left to it: they are unknown either way.

    Raises:
        Q4Error: a character does not come out as the table says.
    """
    nfkc = normalizers.NFKC()
    known = sorted({character for piece in pieces for character in piece} - {METASPACE})
    wanted = {c: c for c in known} | dict(table)
    other = {c: wanted[c] for c in _wrong(nfkc, wanted)}
    places = dict(zip([c for c, to in other.items() if c == to], _PLACES, strict=False))
    targets = sorted({to for c, to in other.items() if c != to})
    normalizer = normalizers.Sequence(
        [
            *(
                _replace_all([c for c, to in other.items() if to == target], target)
                for target in targets
            ),
            *(normalizers.Replace(c, place) for c, place in places.items()),
            nfkc,
            *(normalizers.Replace(place, c) for c, place in places.items()),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    if wrong := _wrong(normalizer, wanted):
        raise Q4Error(f"normaliser: U+{ord(wrong[0]):04X} cannot be made into {other[wrong[0]]!r}")
    return normalizer


def _wrong(normalizer: normalizers.Normalizer, wanted: Mapping[str, str]) -> list[str]:
    """The characters that a normaliser does not make into what is wanted."""
    made = normalizer.normalize_str(_BETWEEN.join(wanted)).split(_BETWEEN)
    return [c for (c, to), got in zip(wanted.items(), made, strict=True) if got != to]


def _replace_all(characters: Iterable[str], target: str) -> normalizers.Normalizer:
    codes = "".join(f"\\x{{{ord(character):x}}}" for character in sorted(characters))
    return normalizers.Replace(Regex(f"[{codes}]"), target)
