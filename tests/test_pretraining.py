"""The pretraining tool: text, vocabulary, masks and repeatability, on made-up text."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jieba
import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BertTokenizer

from simcse_core.config import PROJECT_ROOT
from tools.pretraining import (
    batches,
    character_vectors,
    corpus,
    measure,
    model,
    recipe,
    run,
    step,
    text,
)
from tools.pretraining import command_line as cli
from tools.pretraining import vocabulary as vocab
from tools.pretraining.corpus import Corpus, Encoded
from tools.pretraining.export import export

SENTENCES = [
    f"{who}{where}{what}。"
    for who in ("一位老师", "小朋友们", "我的邻居", "两名工程师")
    for where in ("在图书馆", "在火车站旁边", "昨天晚上")
    for what in ("讨论新的计划", "喝咖啡", "慢慢地读报纸", "等待朋友", "听见了音乐")
]
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A tiny model gains nothing from a second thread, and on a busy machine waits for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizer:
    return vocab.make_tokenizer(vocab.build_vocabulary(SENTENCES, min_count=1), 64)


@pytest.fixture
def encode(tokenizer: BertTokenizer, tmp_path: Path) -> Callable[[Sequence[str]], Corpus]:
    """The training part of some sentences."""

    def encode(sentences: Sequence[str]) -> Corpus:
        path = tmp_path / "text.txt"
        path.write_text("\n".join(sentences), encoding="utf-8")
        return corpus.encode_corpus(
            text.Text((path,)), tokenizer, tmp_path / "cache", 62, held_out=False
        )

    return encode


@pytest.fixture
def encoded(encode: Callable[[Sequence[str]], Corpus]) -> Corpus:
    return encode(SENTENCES)


def rows_of(encoded: Corpus) -> list[Encoded]:
    return [encoded[i] for i in range(len(encoded))]


class TestText:
    @pytest.fixture
    def sts_file(self, tmp_path: Path) -> Path:
        path = tmp_path / "cnsd-sts-dev.txt"
        path.write_text(
            "\ufeff0001||猫在睡觉。||一只猫睡着了。||4\r\n0002||他在跑步。||她在唱歌。||0\r\n",
            encoding="utf-8",
        )
        return path

    def test_filter_drops_both_sentences_of_an_sts_pair_and_keeps_the_rest(
        self, sts_file: Path
    ) -> None:
        excluded = text.read_excluded([sts_file])
        lines = ["猫在睡觉。", "狗在睡觉。", "一只猫睡着了。", "", "她在唱歌", "0001"]
        assert list(text.drop_excluded(lines, excluded)) == ["狗在睡觉。", "0001"]

    @pytest.mark.parametrize("variant", ["猫在睡觉", " 猫在睡觉！\n", "猫 在 睡觉．"])
    def test_filter_sees_through_spaces_punctuation_and_width(
        self, sts_file: Path, variant: str
    ) -> None:
        assert list(text.drop_excluded([variant], text.read_excluded([sts_file]))) == []

    def test_an_excluded_sentence_reaches_neither_training_nor_held_out_text(
        self, sts_file: Path, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        path = tmp_path / "text.txt"
        sentences = [first + second for first in SENTENCES for second in SENTENCES[:10]]
        path.write_text("\n".join([*sentences, "她在唱歌。"]), encoding="utf-8")
        without = text.Text((path,), text.read_excluded([sts_file]))
        parts = [
            corpus.encode_corpus(without, tokenizer, tmp_path / "c", 62, held)
            for held in (False, True)
        ]
        assert sum(map(len, parts)) == len(sentences)
        # Once encoded, the text with the sentence is not taken for the text without it.
        both = [
            corpus.encode_corpus(text.Text((path,)), tokenizer, tmp_path / "c", 62, held)
            for held in (False, True)
        ]
        assert sum(map(len, both)) == len(sentences) + 1

    def test_pairs_by_tabs_are_refused_since_they_would_exclude_nothing(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "lcqmc-dev.txt"
        path.write_text("猫在睡觉\n猫在睡觉\t狗在睡觉\t0\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"lcqmc-dev.txt, line 2: holds a tab"):
            text.read_excluded([path])

    def test_a_line_that_is_not_utf8_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "text.txt"
        path.write_bytes("猫在睡觉\n".encode() + "狗在睡觉\n".encode("gb18030"))
        with pytest.raises(ValueError, match=r"text.txt, line 2: not UTF-8"):
            list(text.read_lines(path))

    def test_held_out_and_training_lines_are_disjoint(self) -> None:
        lines = [f"第{i}句话" for i in range(5000)]
        held_out = [line for line in lines if text.is_held_out(line)]
        assert 20 <= len(held_out) <= 90
        assert all(text.is_held_out(line + "。") for line in held_out), (
            "a near-copy goes to the same side"
        )


class TestVocabulary:
    @pytest.mark.parametrize(
        "line",
        [
            "，。！？：；、（）《》【】「」“”‘’…—～％＋－＝＜＞＆＃＠＊／＼｜＾＿｀｛｝［］＄＂＇．",
            ",.!?:;()<>[]{}\"'~%+-=&#@*/\\|^_`$",
            "０１２３４５６７８９ 0123456789 第３章 2024年",
            "ＡＢＣｘｙｚ ABCxyz ＤＮＡ iPhone",
            "😀😂🤣😭😘🥰👍🙏🌹🎉❤💪 哈哈😂😂 👍🏻 ❤️",
            "￥100 ３０℃ 5×3÷2±1 ①②③ →★ 50％",
        ],
    )
    def test_what_chinese_is_typed_with_is_known_however_rare_in_the_text(self, line: str) -> None:
        plain = "".join(c for c in line if "\u4e00" <= c <= "\u9fff")
        made = vocab.make_tokenizer(vocab.build_vocabulary([plain], min_count=1), 64)
        tokens = made.tokenize(line)
        assert vocab.SPECIAL[vocab.UNK] not in tokens, tokens
        # Each character is there: nothing was dropped on the way either.
        spelt = "".join(token.removeprefix("##") for token in tokens)
        kept = line.replace(" ", "").replace("\ufe0f", "").lower()
        assert spelt == kept

    def test_a_question_is_no_exclamation(self, tokenizer: BertTokenizer) -> None:
        rows = tokenizer(["喝咖啡？", "喝咖啡！", "喝咖啡?"])["input_ids"]
        assert len({tuple(row) for row in rows}) == 3

    def test_frequent_characters_and_latin_words_are_counted_as_the_tokenizer_cuts_them(
        self,
    ) -> None:
        made = vocab.build_vocabulary(["罕", *["买GDP股"] * 4, *["Café"] * 8], min_count=2)
        assert {"买", "股"} <= set(made)
        assert "罕" not in made
        assert "cafe" in made  # lower case, without the accent: 8 times, and 4 x 2 are needed
        assert "gdp" not in made

    def test_special_tokens_come_first_and_nothing_comes_twice(self) -> None:
        made = vocab.build_vocabulary(SENTENCES, min_count=1)
        assert made[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        assert len(set(made)) == len(made)

    def test_a_tokenizer_with_other_special_ids_is_refused(self) -> None:
        other = BertTokenizer(vocab={t: i for i, t in enumerate(["a", *vocab.SPECIAL])})
        with pytest.raises(ValueError, match=r"ids 0 to 4, got \[1, 2, 3, 4, 5\]"):
            vocab.check_special_tokens(other)


class TestCorpus:
    def test_word_starts_are_those_of_jieba(
        self, encoded: Corpus, tokenizer: BertTokenizer
    ) -> None:
        for tokens, starts in rows_of(encoded):
            sentence = tokenizer.decode(tokens).replace(" ", "")
            lengths = np.diff(np.append(np.flatnonzero(starts), len(tokens)))
            assert lengths.tolist() == [len(word) for word in jieba.lcut(sentence)]

    def test_a_changed_file_of_the_same_name_and_size_is_encoded_anew(
        self, encode: Callable[[Sequence[str]], Corpus]
    ) -> None:
        first, second = encode(["他在喝咖啡"]), encode(["他在等朋友"])
        assert first[0][0].tolist() != second[0][0].tolist()
        assert first.fingerprint() != second.fingerprint()

    def test_an_encoding_that_breaks_off_leaves_nothing_to_be_taken_for_whole(
        self,
        encode: Callable[[Sequence[str]], Corpus],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        def killed(*_: object) -> np.ndarray:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(corpus, "word_starts", killed)
            with pytest.raises(KeyboardInterrupt):
                encode(SENTENCES)
        assert list((tmp_path / "cache").iterdir()) == []
        assert len(encode(SENTENCES)) == len(SENTENCES)

    def test_long_sentences_are_cut_and_those_of_one_token_left_out(
        self, encode: Callable[[Sequence[str]], Corpus]
    ) -> None:
        assert encode(["好", "好的", "好" * 100]).lengths().tolist() == [2, 62]

    def test_text_without_a_sentence_is_refused(
        self, encode: Callable[[Sequence[str]], Corpus]
    ) -> None:
        with pytest.raises(ValueError, match=r"no training sentence is left in text.txt"):
            encode(["好"])


class TestCharacterVectors:
    def test_counts_by_hand(self) -> None:
        # Two sentences, 0 1 2 and 2 0: neighbours count 1, the next but one a half.
        tokens, offsets = np.array([0, 1, 2, 2, 0]), np.array([0, 3, 5])
        counts = character_vectors.cooccurrence(tokens, offsets, 3).toarray()
        assert counts.tolist() == [[0, 1, 1.5], [1, 0, 1], [1.5, 1, 0]]

    def test_characters_with_the_same_neighbours_start_close_together(self) -> None:
        # 0 and 1 stand before 2, 3 and 4 before 5: never beside each other, but in one company.
        rng = np.random.default_rng(0)
        pairs = [
            (rng.integers(2), 2) if rng.random() < 0.5 else (3 + rng.integers(2), 5)
            for _ in range(500)
        ]
        tokens, offsets = np.ravel(pairs), np.arange(0, 1001, 2)
        counts = character_vectors.cooccurrence(tokens, offsets, 6)
        vectors = character_vectors.character_vectors(counts, 4, std=0.05, seed=0)
        lengths = np.linalg.norm(vectors, axis=1)
        assert lengths == pytest.approx(0.05 * 4**0.5, rel=1e-5)
        cosines = vectors @ vectors.T / np.outer(lengths, lengths)
        assert cosines[0, 1] > 0.9
        assert cosines[3, 4] > 0.9
        assert abs(cosines[0, 3]) < 0.1


class TestMasking:
    def test_whole_word_masking_never_splits_a_word(self, encoded: Corpus) -> None:
        rows = batches.assemble(rows_of(encoded))
        longer_words = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            _, chosen = batches.mask_tokens(rows.input_ids, rows.words, True, 200, rng)
            for row_chosen, row_words in zip(chosen, rows.words, strict=True):
                for word in np.unique(row_words[row_chosen]):
                    assert row_chosen[row_words == word].all()
                    longer_words += (row_words == word).sum() > 1
        assert longer_words > 100

    def test_character_masking_does_split_words(self, encoded: Corpus) -> None:
        rows = batches.assemble(rows_of(encoded))
        rng = np.random.default_rng(0)
        _, chosen = batches.mask_tokens(rows.input_ids, rows.words, False, 200, rng)
        row, column = np.argwhere(chosen[:, 1:-1] & (rows.words[:, 1:-1] == rows.words[:, 2:])).T
        assert not chosen[row, column + 2].all()

    @pytest.mark.parametrize("whole_words", [False, True])
    def test_15_percent_are_chosen_and_treated_80_10_10(self, whole_words: bool) -> None:
        n_rows, length, vocab_size = 2000, 50, 5000
        ids = np.full((n_rows, length), 7)
        words = np.tile(np.arange(length) // 2, (n_rows, 1))
        words[:, 0] = words[:, -1] = -1
        masked, chosen = batches.mask_tokens(
            ids, words, whole_words, vocab_size, np.random.default_rng(0)
        )
        n = n_rows * (length - 2)

        def near(observed: float, expected: float, trials: int) -> bool:
            """Within five standard errors; words of two double the variance."""
            return bool(
                abs(observed - expected) < 5 * (2 * expected * (1 - expected) / trials) ** 0.5
            )

        assert near(chosen.sum() / n, 0.15, n)
        assert near((masked[chosen] == vocab.MASK).mean(), 0.8, chosen.sum())
        assert near((masked[chosen] == 7).mean(), 0.1, chosen.sum())
        random = masked[chosen & (masked != vocab.MASK) & (masked != 7)]
        assert near(len(random) / chosen.sum(), 0.1, chosen.sum())
        assert random.min() >= len(vocab.SPECIAL)
        assert random.max() < vocab_size
        assert (masked[~chosen] == 7).all()

    def test_special_tokens_and_padding_are_never_chosen(self, encoded: Corpus) -> None:
        rows = batches.assemble(rows_of(encoded))
        assert rows.attention_mask.min() == 0  # there is padding
        for seed in range(20):
            rng = np.random.default_rng(seed)
            _, chosen = batches.mask_tokens(rows.input_ids, rows.words, True, 200, rng)
            assert (rows.input_ids[chosen] >= len(vocab.SPECIAL)).all()


class TestBatches:
    def test_batches_hold_every_line_once_within_the_token_budget(self) -> None:
        lengths = np.random.default_rng(0).integers(2, 62, 3000)
        planned = list(batches.plan_batches(lengths, 1024, np.random.default_rng(1)))
        assert sorted(np.concatenate(planned)) == list(range(3000))
        padded = [len(b) * (lengths[b].max() + 2) for b in planned]
        assert max(padded) <= 1024
        assert sum(lengths + 2) / sum(padded) > 0.9, "bucketing keeps padding below a tenth"

    def test_a_batch_has_one_length_and_no_padding(self, encoded: Corpus) -> None:
        plan = batches.plan_batches(encoded.lengths(), 256, np.random.default_rng(0))
        for chosen in plan:
            assert len(set(encoded.lengths()[chosen])) == 1
            for next_sentence in (False, True):
                batch = batches.make_batch(
                    [encoded[i] for i in chosen], True, 200, np.random.default_rng(1), next_sentence
                )
                assert batch.attention_mask is None
                special = 3 if next_sentence else 2
                assert batch.input_ids.shape == (
                    len(chosen),
                    encoded.lengths()[chosen[0]] + special,
                )
                assert batch.n_tokens == batch.input_ids.numel() <= 256

    def test_a_row_longer_than_the_budget_stands_alone(self) -> None:
        planned = list(batches.plan_batches(np.array([50, 50]), 20, np.random.default_rng(0)))
        assert sorted(map(len, planned)) == [1, 1]

    def test_two_segments_by_hand(self) -> None:
        # Words of 1, 2 and 3 tokens: the boundary nearest the middle of 6 is at 3.
        tokens, words = np.arange(10, 16), np.array([1, 1, 0, 1, 0, 0])
        rows = batches.assemble([(tokens[:3], words[:3])], [(tokens[3:], words[3:])])
        assert rows.input_ids.tolist() == [[2, 10, 11, 12, 3, 13, 14, 15, 3]]
        assert rows.token_type_ids.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 1]]
        assert rows.attention_mask.tolist() == [[1] * 9]
        assert rows.words.tolist() == [[-1, 1, 2, 2, -1, 4, 4, 4, -1]]
        rng = np.random.default_rng(0)
        first, second, swapped = batches.two_segments([(tokens, words)], rng)
        assert [part[0].tolist() for part in (*first, *second)] == [[10, 11, 12], [13, 14, 15]]
        assert swapped.tolist() == [0]  # with nobody to swap with

    @pytest.fixture
    def many(self) -> list[Encoded]:
        """2,000 sentences of 8 tokens, all tokens distinct, with words cut at random."""
        rng = np.random.default_rng(5)
        words = (rng.random((2000, 8)) < 0.5).astype(np.uint8)
        words[:, 0] = 1
        return list(zip(np.arange(16_000).reshape(2000, 8), words, strict=True))

    def test_two_segments_cut_at_a_word_and_keep_every_token(self, many: list[Encoded]) -> None:
        first, second, _ = batches.two_segments(many, np.random.default_rng(0))
        everything = np.concatenate([tokens for tokens, _ in (*first, *second)])
        assert sorted(everything) == list(range(16_000))
        for (tokens, words), (first_tokens, _), (second_tokens, _) in zip(
            many, first, second, strict=True
        ):
            cut = len(first_tokens)
            assert 0 < cut < 8
            assert cut + len(second_tokens) == 8
            assert first_tokens.tolist() == tokens[:cut].tolist()
            nearer = [i for i in range(1, 8) if words[i] and abs(i - 4) < abs(cut - 4)]
            assert (words[cut] and not nearer) or not words[1:].any()

    def test_two_segments_swap_half_and_only_among_equal_cuts(self, many: list[Encoded]) -> None:
        first, second, swapped = batches.two_segments(many, np.random.default_rng(0))
        owner_of_first = np.array([tokens[0] // 8 for tokens, _ in first])
        owner_of_second = np.array([tokens[0] // 8 for tokens, _ in second])
        assert owner_of_first.tolist() == list(range(2000))
        assert (swapped == (owner_of_first != owner_of_second)).all()
        assert abs(swapped.mean() - 0.5) < 5 * 0.5 / 2000**0.5
        cuts = np.array([len(tokens) for tokens, _ in first])
        assert (cuts == cuts[owner_of_second]).all()
        assert len(set(cuts)) > 3
        # The second part came whole: its tokens are those after the owner's own cut.
        for cut, owner, (tokens, _) in zip(cuts, owner_of_second, second, strict=True):
            assert tokens.tolist() == list(range(8 * owner + cut, 8 * owner + 8))

    def test_labels_are_the_hidden_tokens_and_what_fills_up_counts_for_nothing(
        self, encoded: Corpus
    ) -> None:
        sentences = [s for s in rows_of(encoded) if len(s[0]) == 13]
        batch = batches.make_batch(sentences, False, 200, np.random.default_rng(0))
        plain = batches.assemble(sentences).input_ids.ravel()
        real = batch.labels != batches.FILLING
        assert 0 < real.sum() < len(batch.labels)
        assert len(batch.labels) % batches.MASKED_MULTIPLE == 0
        assert batch.labels[real].tolist() == plain[batch.positions[real]].tolist()
        rest = np.delete(np.arange(len(plain)), batch.positions[real])
        assert batch.input_ids.ravel()[rest].tolist() == plain[rest].tolist()


TINY: dict[str, Any] = {
    "tokens": 6000,
    "batch_tokens": 256,
    "layers": 1,
    "hidden": 16,
    "heads": 2,
    "next_sentence": 0.5,
    "seed": 3,
}


class Killed(BaseException):
    """What a test stops a run with."""


def train_tiny(
    encoded: Corpus,
    tokenizer: BertTokenizer,
    work: Path,
    killed_at: int | None = None,
    **changes: Any,
) -> tuple[dict[str, Tensor], run.Progress]:
    """Weights and progress of a run; one killed at an evaluation is left as it is."""
    chosen = recipe.Recipe(**(TINY | changes))
    made = model.new_model(chosen, len(tokenizer))
    if chosen.character_vectors:
        model.set_character_vectors(made, encoded, chosen)
    training = run.Run(made, encoded, chosen, work)

    def evaluate() -> dict[str, float]:
        if training.progress.step == killed_at:
            raise Killed
        return step.masked_accuracy(made, encoded, chosen.masking, CPU)

    try:
        run.train(training, evaluate, run.Every(checkpoint=5, evaluation=6))
    except Killed:
        assert killed_at
    return made.state_dict(), training.progress


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


class TestStep:
    def test_the_last_layer_at_the_hidden_tokens_alone_gives_the_losses_and_gradients_of_all(
        self, encoded: Corpus, tokenizer: BertTokenizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(step, "has_bf16", lambda device: False)
        made = model.new_model(recipe.Recipe(**(TINY | {"layers": 2})), len(tokenizer)).eval()
        rows = [row for row in rows_of(encoded) if len(row[0]) == len(encoded[0][0])]
        batch = batches.make_batch(rows, True, len(tokenizer), np.random.default_rng(0))
        assert batch.attention_mask is None
        assert len(batch.positions) < batch.n_tokens
        whole = dataclasses.replace(batch, attention_mask=torch.ones_like(batch.input_ids))
        found = []
        for one in (batch, whole):
            made.zero_grad(set_to_none=True)
            losses = step.compute_losses(made, one)
            losses.masked.backward()
            gradients = {n: p.grad for n, p in made.named_parameters() if p.grad is not None}
            found.append((losses.logits.detach(), gradients))
        torch.testing.assert_close(found[0][0], found[1][0])
        assert found[0][1].keys() == found[1][1].keys()
        for name, gradient in found[0][1].items():
            torch.testing.assert_close(gradient, found[1][1][name], msg=name)


class TestRun:
    def test_one_seed_gives_one_result_and_another_seed_another(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        first, _ = train_tiny(encoded, tokenizer, tmp_path / "a")
        again, _ = train_tiny(encoded, tokenizer, tmp_path / "b")
        other, _ = train_tiny(encoded, tokenizer, tmp_path / "c", seed=4)
        assert_same(first, again)
        name = "bert.embeddings.word_embeddings.weight"
        assert not torch.equal(first[name], other[name])

    @pytest.mark.parametrize("killed_at", [6, 12, 24])
    def test_a_killed_run_resumes_to_bitwise_the_same_weights(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path, killed_at: int
    ) -> None:
        whole, progress = train_tiny(encoded, tokenizer, tmp_path / "whole")
        assert min(progress.step / 25, progress.epoch) >= 1, (
            "the run must outlast the kill and one pass over the text"
        )
        _, at_kill = train_tiny(encoded, tokenizer, tmp_path / "killed", killed_at)
        assert at_kill.step == killed_at
        resumed, resumed_progress = train_tiny(encoded, tokenizer, tmp_path / "killed")
        assert_same(whole, resumed)
        assert resumed_progress.evaluations == progress.evaluations
        assert resumed_progress.tokens == progress.tokens

    def test_a_finished_run_trains_no_further_and_may_be_given_more_tokens(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        finished, progress = train_tiny(encoded, tokenizer, tmp_path)
        again, same = train_tiny(encoded, tokenizer, tmp_path)
        assert_same(finished, again)
        assert same == progress
        _, longer = train_tiny(encoded, tokenizer, tmp_path, tokens=8000, decay=0.1)
        assert longer.step > progress.step

    def test_a_checkpoint_of_another_recipe_is_refused(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        train_tiny(encoded, tokenizer, tmp_path, killed_at=6)
        with pytest.raises(ValueError, match="another batch_tokens"):
            train_tiny(encoded, tokenizer, tmp_path, batch_tokens=512)

    def test_a_checkpoint_of_another_text_is_refused(
        self,
        encoded: Corpus,
        encode: Callable[[Sequence[str]], Corpus],
        tokenizer: BertTokenizer,
        tmp_path: Path,
    ) -> None:
        train_tiny(encoded, tokenizer, tmp_path, killed_at=6)
        with pytest.raises(ValueError, match="another corpus"):
            train_tiny(encode(SENTENCES[:30]), tokenizer, tmp_path)

    def test_a_damaged_checkpoint_is_named_and_nothing_is_begun_afresh(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        train_tiny(encoded, tokenizer, tmp_path, killed_at=6)
        path = tmp_path / run.CHECKPOINT
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(ValueError, match=r"checkpoint.pt cannot be read .* remove it"):
            train_tiny(encoded, tokenizer, tmp_path)

    def test_a_checkpoint_holds_tensors_and_plain_values_alone(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        train_tiny(encoded, tokenizer, tmp_path, killed_at=6)
        saved = torch.load(tmp_path / run.CHECKPOINT, weights_only=True)
        assert saved.keys() == {"model", "optimizer", "rng", "state", "recipe"}
        assert saved["state"]["step"] == 5

    def test_an_early_checkpoint_that_names_no_corpus_is_taken_up(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        whole, _ = train_tiny(encoded, tokenizer, tmp_path / "whole")
        train_tiny(encoded, tokenizer, tmp_path / "early", killed_at=6)
        path = tmp_path / "early" / run.CHECKPOINT
        saved = torch.load(path, weights_only=True)
        del saved["recipe"]["corpus"], saved["recipe"]["vocabulary"]
        torch.save(saved, path)
        assert_same(whole, train_tiny(encoded, tokenizer, tmp_path / "early")[0])

    def test_an_early_checkpoint_that_names_no_dropout_had_none(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        whole, _ = train_tiny(encoded, tokenizer, tmp_path / "whole", dropout=0.0)
        train_tiny(encoded, tokenizer, tmp_path / "early", killed_at=6, dropout=0.0)
        path = tmp_path / "early" / run.CHECKPOINT
        saved = torch.load(path, weights_only=True)
        del saved["recipe"]["dropout"]
        torch.save(saved, path)
        with pytest.raises(ValueError, match="another dropout"):
            train_tiny(encoded, tokenizer, tmp_path / "early", dropout=0.1)
        assert_same(whole, train_tiny(encoded, tokenizer, tmp_path / "early", dropout=0.0)[0])

    def test_the_recipes_dropout_is_in_every_layer_while_it_trains_and_not_while_it_is_measured(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        chosen = recipe.Recipe(**(TINY | {"dropout": 0.4}))
        made = model.new_model(chosen, len(tokenizer))
        run.Run(made, encoded, chosen, tmp_path)
        layers = [layer for layer in made.modules() if isinstance(layer, torch.nn.Dropout)]
        assert layers
        assert all(layer.p == 0.4 and layer.training for layer in layers)
        first, second = (step.masked_accuracy(made, encoded, "word", CPU) for _ in range(2))
        assert first == second  # masks drawn anew would tell them apart
        assert all(layer.training for layer in layers)

    def test_training_learns(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        _, progress = train_tiny(
            encoded, tokenizer, tmp_path, tokens=40_000, hidden=32, learning_rate=1e-2
        )
        first, last = progress.evaluations[0], progress.evaluations[-1]
        assert last["accuracy"] > first["accuracy"] + 0.2
        assert last["loss"] < first["loss"]

    def test_passes_count_the_text(
        self, encoded: Corpus, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        chosen = recipe.Recipe(**TINY)
        training = run.Run(model.new_model(chosen, len(tokenizer)), encoded, chosen, tmp_path)
        n = sum(1 for _ in batches.plan_batches(encoded.lengths(), 256, np.random.default_rng(0)))
        training.progress = run.Progress(epoch=2, batch=n // 2)
        assert training.passes() == pytest.approx(2 + n // 2 / n)


class TestNextSentence:
    """Eight topics of two characters: both halves of a sentence are of one topic."""

    @pytest.fixture
    def topics(self) -> Corpus:
        rng = np.random.default_rng(0)
        topic = rng.integers(8, size=(512, 1))
        tokens = (len(vocab.SPECIAL) + 2 * topic + rng.integers(2, size=(512, 4))).astype(np.uint16)
        words = np.ones(tokens.size, np.uint8)
        return Corpus(tokens.ravel(), words, np.arange(0, tokens.size + 1, 4))

    def test_its_loss_falls_far_below_chance_where_the_text_allows_it(
        self, topics: Corpus, tmp_path: Path
    ) -> None:
        chosen = recipe.Recipe(
            tokens=100_000,
            batch_tokens=7 * 64,  # 64 sentences
            learning_rate=5e-3,
            next_sentence=1.0,
            layers=2,
            hidden=32,
            heads=2,
            character_vectors=False,
        )
        made = model.new_model(chosen, len(vocab.SPECIAL) + 16)
        training = run.Run(made, topics, chosen, tmp_path)
        losses = [float(shown["next"]) for shown in training.steps() if shown]
        assert np.mean(losses[:10]) == pytest.approx(np.log(2), abs=0.05)
        # One swap in eight brings a segment of the same topic: no model gets to 0.
        assert np.mean(losses[-20:]) < 0.45

    def test_without_the_objective_no_batch_has_segments(
        self, topics: Corpus, tmp_path: Path
    ) -> None:
        chosen = recipe.Recipe(**(TINY | {"next_sentence": 0.0, "tokens": 2000}))
        training = run.Run(
            model.new_model(chosen, len(vocab.SPECIAL) + 16), topics, chosen, tmp_path
        )
        assert all("next" not in shown for shown in training.steps())


class TestRecipe:
    def test_learning_rate_rises_stays_and_falls(self) -> None:
        chosen = recipe.Recipe(tokens=1000, learning_rate=1.0, warmup=0.1, decay=0.5)
        rates = [recipe.learning_rate(chosen, seen) for seen in (0, 50, 100, 500, 750, 1000)]
        assert rates == pytest.approx([0.001, 0.501, 1, 1, 0.5, 0])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("masking", "sentence"),
            ("tokens", 0),
            ("batch_tokens", -1),
            ("learning_rate", 0.0),
            ("learning_rate", float("nan")),
            ("warmup", 1.5),
            ("dropout", -0.1),
            ("dropout", 1.0),
            ("next_sentence", -0.5),
            ("hidden", 30),
            ("max_tokens", 3),
            ("seed", -1),
        ],
    )
    def test_a_value_out_of_range_is_named(self, name: str, value: object) -> None:
        with pytest.raises(ValueError, match=name):
            recipe.Recipe(**{name: value})


class TestExport:
    def test_export_loads_with_transformers_alone_in_float32(
        self, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        made = model.new_model(recipe.Recipe(**TINY), len(tokenizer)).eval()
        export(made, tokenizer, tmp_path / "encoder")
        loaded = AutoModel.from_pretrained(tmp_path / "encoder").eval()
        assert loaded.dtype == torch.float32
        inputs = AutoTokenizer.from_pretrained(tmp_path / "encoder")(
            SENTENCES[:3], padding=True, return_tensors="pt"
        )
        with torch.no_grad():
            difference = loaded(**inputs).pooler_output - made.bert(**inputs).pooler_output
        assert difference.abs().max() < 5e-3  # fp16 on disk
        continued = model.continued_model(tmp_path / "encoder")
        assert torch.equal(
            continued.cls.predictions.decoder.weight,
            continued.bert.embeddings.word_embeddings.weight,
        )

    def test_heads_come_back_when_an_encoder_is_continued(
        self, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        made = model.new_model(recipe.Recipe(**TINY), len(tokenizer))
        export(made, tokenizer, tmp_path / "encoder")
        continued = model.continued_model(tmp_path / "encoder")
        for name, weight in made.cls.named_parameters():
            torch.testing.assert_close(
                continued.cls.get_parameter(name), weight, atol=1e-3, rtol=1e-3
            )

    def test_attention_is_plain_in_training_and_the_library_s_choice_in_the_export(
        self, tokenizer: BertTokenizer, tmp_path: Path
    ) -> None:
        made = model.new_model(recipe.Recipe(**TINY), len(tokenizer))
        export(made, tokenizer, tmp_path / "encoder")
        continued = model.continued_model(tmp_path / "encoder")
        used = [m.bert.config._attn_implementation for m in (made, continued)]
        assert used == ["eager", "eager"]
        assert "eager" not in (tmp_path / "encoder" / "config.json").read_text(encoding="utf-8")
        assert AutoModel.from_pretrained(tmp_path / "encoder").config._attn_implementation == "sdpa"

    def test_an_export_that_breaks_off_leaves_the_last_one_whole(
        self, tokenizer: BertTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = model.new_model(recipe.Recipe(**TINY), len(tokenizer))
        export(made, tokenizer, tmp_path / "encoder")
        before = {p.name: p.read_bytes() for p in (tmp_path / "encoder").iterdir()}

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        torch.nn.init.zeros_(made.bert.pooler.dense.weight)
        monkeypatch.setattr(tokenizer, "save_pretrained", killed, raising=False)
        with pytest.raises(KeyboardInterrupt):
            export(made, tokenizer, tmp_path / "encoder")
        assert {p.name: p.read_bytes() for p in (tmp_path / "encoder").iterdir()} == before
        assert [p.name for p in tmp_path.iterdir()] == ["encoder"]


class TestCommandLine:
    @pytest.fixture
    def same_algorithms(self):
        """A run makes torch repeatable for the rest of its process; a test must not."""
        yield
        torch.use_deterministic_algorithms(False)
        torch.set_flush_denormal(False)

    @pytest.mark.usefixtures("same_algorithms")
    def test_from_text_files_to_an_encoder_and_on_from_its_checkpoint(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "base.txt"
        path.write_text("\n".join(a + b for a in SENTENCES for b in SENTENCES), encoding="utf-8")
        (tmp_path / "dev.txt").write_text("1||不在||文中||5\n", encoding="utf-8")
        work, out = tmp_path / "work", tmp_path / "out"

        def pretrain(tokens: str) -> int:
            shape = "--layers 1 --hidden 16 --heads 2 --batch-tokens 512 --masking character"
            files = f"--text {path} --exclude {tmp_path / 'dev.txt'} --work {work} --out {out}"
            return cli.main(f"{files} {shape} --tokens {tokens} --evaluate-every 4".split())

        assert pretrain("4e3") == 0
        log = json.loads((out / "log.json").read_text(encoding="utf-8"))
        assert (work / "log.json").read_bytes() == (out / "log.json").read_bytes()
        assert log["text"] == ["base.txt"]
        assert log["excluded"] == ["dev.txt"]
        assert 4000 <= log["tokens"] < 4512
        assert [e["step"] for e in log["evaluations"]] == [4, 8]
        assert set(log["final"]) == {"character", "word"}
        assert 0 < log["passes"] < 1
        assert log["machine"]["threads"] == 1
        for folder in (out, work / "latest"):
            assert AutoModel.from_pretrained(folder).config.num_hidden_layers == 1

        assert pretrain("6e3") == 0
        longer = json.loads((out / "log.json").read_text(encoding="utf-8"))
        assert longer["evaluations"][:2] == log["evaluations"]
        assert longer["step"] > log["step"]
        capsys.readouterr()
        (work / "checkpoint.pt").write_bytes(b"broken")
        assert pretrain("6e3") == 1
        said = capsys.readouterr().err
        assert "pretraining: " in said
        assert "remove it to begin afresh" in said

    def test_the_page_names_no_option_that_is_not_there(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page = (PROJECT_ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
        for main in (cli.main, measure.main):
            with pytest.raises(SystemExit):
                main(["--help"])
        known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
        named = set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", page))
        assert {"--masking", "--page"} <= named <= known

    def test_wrong_arguments_say_what_is_wrong(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folders = ["--work", str(tmp_path), "--out", str(tmp_path)]
        with pytest.raises(SystemExit):
            cli.main(["--text", str(tmp_path / "no.txt"), *folders])
        assert "no.txt does not exist" in capsys.readouterr().err
        (tmp_path / "text.txt").write_text("一句话\n", encoding="utf-8")
        given = ["--text", str(tmp_path / "text.txt"), *folders]
        assert cli.main([*given, "--masking", "sentence"]) == 1
        assert "masking must be 'character' or 'word'" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            cli.main([*given, "--tokens", "1.5"])
        assert "must be a whole number, got 1.5" in capsys.readouterr().err
