"""Chinese text cut into words by jieba's packaged dictionary, whatever else lies on the machine.

jieba's own tokenizer reads a cache from the folder for temporary files, where anyone may put one,
and takes what it holds for the dictionary.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import jieba
from jieba import finalseg

jieba.setLogLevel(logging.WARNING)  # its messages would land in every notebook


def cut_words(sentence: str) -> list[str]:
    """The words of a sentence, spaces and punctuation included: together they are the sentence."""
    # What somebody took out of jieba's own dictionary counts for every tokenizer of the process.
    theirs, finalseg.Force_Split_Words = finalseg.Force_Split_Words, set()
    try:
        return _tokenizer().lcut(sentence)
    finally:
        finalseg.Force_Split_Words = theirs


@cache
def _tokenizer() -> jieba.Tokenizer:
    path = Path(jieba.__file__).parent / "dict.txt"
    tokenizer = jieba.Tokenizer(str(path))
    with path.open("rb") as file:
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(file)
    tokenizer.initialized = True  # so that it looks for no cache
    return tokenizer
