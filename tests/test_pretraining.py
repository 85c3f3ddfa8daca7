"""The pretraining tool: filter, masks and repeatability, on made-up text and a tiny model."""

import sys
from pathlib import Path

import jieba
import numpy as np
import pytest
import torch

TOOLS = Path(__file__).parents[1] / "tools"
sys.path.insert(0, str(TOOLS))
mlm_data = pytest.importorskip("mlm_data")
pretrain_mini = pytest.importorskip("pretrain_mini")

SENTENCES = [
    f"{who}{where}{what}。"
    for who in ("一位老师", "小朋友们", "我的邻居", "两名工程师")
    for where in ("在图书馆", "在火车站旁边", "昨天晚上")
    for what in ("讨论新的计划", "喝咖啡", "慢慢地读报纸", "等待朋友", "听见了音乐")
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A tiny model gains nothing from a second thread, and on a busy machine waits for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tokenizer():
    return mlm_data.make_tokenizer(mlm_data.build_vocabulary(SENTENCES, min_count=1), 64)


@pytest.fixture
def corpus(tokenizer, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(SENTENCES), encoding="utf-8")
    return mlm_data.encode_corpus([path], tokenizer, set(), tmp_path / "cache", 62, held_out=False)


# ---------------------------------------------------------------- filter


@pytest.fixture
def sts_file(tmp_path):
    path = tmp_path / "cnsd-sts-dev.txt"
    path.write_text(
        "﻿0001||猫在睡觉。||一只猫睡着了。||4\r\n0002||他在跑步。||她在唱歌。||0\r\n",
        encoding="utf-8",
    )
    return path


def test_filter_drops_both_sentences_of_an_sts_pair_and_keeps_the_rest(sts_file):
    excluded = mlm_data.read_excluded([sts_file])
    lines = ["猫在睡觉。", "狗在睡觉。", "一只猫睡着了。", "", "她在唱歌", "0001"]
    assert list(mlm_data.drop_excluded(lines, excluded)) == ["狗在睡觉。", "0001"]


@pytest.mark.parametrize("variant", ["猫在睡觉", " 猫在睡觉！\n", "猫 在 睡觉．"])
def test_filter_sees_through_spaces_punctuation_and_width(sts_file, variant):
    assert list(mlm_data.drop_excluded([variant], mlm_data.read_excluded([sts_file]))) == []


def test_an_excluded_sentence_reaches_neither_training_nor_held_out_text(
    sts_file, tokenizer, tmp_path
):
    path = tmp_path / "text.txt"
    sentences = [first + second for first in SENTENCES for second in SENTENCES[:10]]
    path.write_text("\n".join([*sentences, "她在唱歌。"]), encoding="utf-8")
    excluded = mlm_data.read_excluded([sts_file])
    parts = [
        mlm_data.encode_corpus([path], tokenizer, excluded, tmp_path / "c", 62, held)
        for held in (False, True)
    ]
    assert sum(map(len, parts)) == len(sentences)


def test_held_out_and_training_lines_are_disjoint():
    lines = [f"第{i}句话" for i in range(5000)]
    held_out = [line for line in lines if mlm_data.is_held_out(line)]
    assert 20 <= len(held_out) <= 90
    assert all(mlm_data.is_held_out(line + "。") for line in held_out), (
        "a near-copy goes to the same side"
    )


# ---------------------------------------------------------------- masking


def test_word_starts_are_those_of_jieba(corpus, tokenizer):
    for line in range(len(corpus)):
        tokens, starts = corpus[line]
        sentence = tokenizer.decode(tokens).replace(" ", "")
        lengths = np.diff(np.append(np.flatnonzero(starts), len(tokens)))
        assert lengths.tolist() == [len(word) for word in jieba.lcut(sentence)]


def test_whole_word_masking_never_splits_a_word(corpus):
    batch = mlm_data.assemble([corpus[i] for i in range(len(corpus))])
    longer_words = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, chosen = mlm_data.mask_tokens(batch["input_ids"], batch["words"], True, 200, rng)
        for row_chosen, row_words in zip(chosen, batch["words"], strict=True):
            for word in np.unique(row_words[row_chosen]):
                assert row_chosen[row_words == word].all()
                longer_words += (row_words == word).sum() > 1
    assert longer_words > 100


def test_character_masking_does_split_words(corpus):
    batch = mlm_data.assemble([corpus[i] for i in range(len(corpus))])
    _, chosen = mlm_data.mask_tokens(
        batch["input_ids"], batch["words"], False, 200, np.random.default_rng(0)
    )
    row, column = np.argwhere(
        chosen[:, 1:-1] & (batch["words"][:, 1:-1] == batch["words"][:, 2:])
    ).T
    assert not chosen[row, column + 2].all()


@pytest.mark.parametrize("whole_words", [False, True])
def test_15_percent_are_chosen_and_treated_80_10_10(whole_words):
    rows, length, vocab_size = 2000, 50, 5000
    ids = np.full((rows, length), 7)
    words = np.tile(np.arange(length) // 2, (rows, 1))
    words[:, 0] = words[:, -1] = -1
    masked, chosen = mlm_data.mask_tokens(
        ids, words, whole_words, vocab_size, np.random.default_rng(0)
    )
    n = rows * (length - 2)

    def near(observed, expected, trials):  # five standard errors; words of two double the variance
        return abs(observed - expected) < 5 * (2 * expected * (1 - expected) / trials) ** 0.5

    assert near(chosen.sum() / n, 0.15, n)
    assert near((masked[chosen] == mlm_data.MASK).mean(), 0.8, chosen.sum())
    assert near((masked[chosen] == 7).mean(), 0.1, chosen.sum())
    random = masked[chosen & (masked != mlm_data.MASK) & (masked != 7)]
    assert near(len(random) / chosen.sum(), 0.1, chosen.sum())
    assert random.min() >= len(mlm_data.SPECIAL)
    assert random.max() < vocab_size
    assert (masked[~chosen] == 7).all()


def test_special_tokens_and_padding_are_never_chosen(corpus):
    batch = mlm_data.assemble([corpus[i] for i in range(len(corpus))])
    for seed in range(20):
        _, chosen = mlm_data.mask_tokens(
            batch["input_ids"], batch["words"], True, 200, np.random.default_rng(seed)
        )
        assert (batch["input_ids"][chosen] >= len(mlm_data.SPECIAL)).all()


# ---------------------------------------------------------------- batches


def test_batches_hold_every_line_once_within_the_token_budget():
    lengths = np.random.default_rng(0).integers(2, 62, 3000)
    batches = list(mlm_data.plan_batches(lengths, 1024, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches)) == list(range(3000))
    padded = [len(b) * (lengths[b].max() + 2) for b in batches]
    assert max(padded) <= 1024
    assert sum(lengths + 2) / sum(padded) > 0.9, "bucketing keeps padding below a tenth"


def test_halves_cut_at_a_word_and_lose_nothing(corpus):
    sentences = [corpus[i] for i in range(len(corpus))]
    parts = mlm_data.halves(sentences)
    for (tokens, _), first, second in zip(
        sentences, parts[: len(sentences)], parts[len(sentences) :], strict=True
    ):
        assert np.concatenate([first[0], second[0]]).tolist() == tokens.tolist()
        assert min(len(first[0]), len(second[0])) > 0
        assert second[1][0] == 1


# ---------------------------------------------------------------- training

TINY = {
    "tokens": 6000,
    "batch_tokens": 256,
    "layers": 1,
    "hidden": 16,
    "heads": 2,
    "halves": 0.5,
    "seed": 3,
}


def weights_after(corpus, tokenizer, work, stop_after_steps=None, **changes):
    recipe = pretrain_mini.Recipe(**(TINY | changes))
    model = pretrain_mini.new_model(recipe, len(tokenizer))
    if recipe.character_vectors:
        pretrain_mini.set_character_vectors(model, corpus, recipe)
    log = pretrain_mini.train(
        model,
        corpus,
        corpus,
        recipe,
        len(tokenizer),
        work,
        checkpoint_every=5,
        evaluate_every=10,
        stop_after_steps=stop_after_steps,
    )
    return model.state_dict(), log


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_one_seed_gives_one_result_and_another_seed_another(corpus, tokenizer, tmp_path):
    first, _ = weights_after(corpus, tokenizer, tmp_path / "a")
    again, _ = weights_after(corpus, tokenizer, tmp_path / "b")
    other, _ = weights_after(corpus, tokenizer, tmp_path / "c", seed=4)
    assert_same(first, again)
    name = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("killed_after", [5, 12])
def test_a_killed_run_resumes_to_bitwise_the_same_weights(
    corpus, tokenizer, tmp_path, killed_after
):
    whole, log = weights_after(corpus, tokenizer, tmp_path / "whole")
    assert min(log["step"] / 16, log["epoch"]) >= 1, (
        "the run must outlast the kill and one pass over the text"
    )
    weights_after(corpus, tokenizer, tmp_path / "killed", stop_after_steps=killed_after)
    resumed, resumed_log = weights_after(corpus, tokenizer, tmp_path / "killed")
    assert_same(whole, resumed)
    assert resumed_log["evaluations"] == log["evaluations"]


def test_a_checkpoint_of_another_recipe_is_refused(corpus, tokenizer, tmp_path):
    weights_after(corpus, tokenizer, tmp_path, stop_after_steps=5)
    with pytest.raises(ValueError, match="batch_tokens"):
        weights_after(corpus, tokenizer, tmp_path, batch_tokens=512)


def test_training_learns(corpus, tokenizer, tmp_path):
    _, log = weights_after(
        corpus, tokenizer, tmp_path, tokens=40_000, hidden=32, learning_rate=1e-2
    )
    assert log["evaluations"][-1]["accuracy"] > log["evaluations"][0]["accuracy"] + 0.2


def test_export_loads_with_transformers_alone_in_float32(corpus, tokenizer, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    model = pretrain_mini.new_model(pretrain_mini.Recipe(**TINY), len(tokenizer)).eval()
    pretrain_mini.export(model, tokenizer, tmp_path / "encoder")
    loaded = AutoModel.from_pretrained(tmp_path / "encoder").eval()
    assert loaded.dtype == torch.float32
    inputs = AutoTokenizer.from_pretrained(tmp_path / "encoder")(
        SENTENCES[:3], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        difference = loaded(**inputs).pooler_output - model.bert(**inputs).pooler_output
    assert difference.abs().max() < 5e-3  # fp16 on disk
    continued = pretrain_mini.continued_model(tmp_path / "encoder")
    assert torch.equal(
        continued.cls.predictions.decoder.weight, continued.bert.embeddings.word_embeddings.weight
    )


def test_wrong_arguments_say_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pretrain_mini.main(
            ["--text", str(tmp_path / "no.txt"), "--work", str(tmp_path), "--out", str(tmp_path)]
        )
    assert "no.txt does not exist" in capsys.readouterr().err
    with pytest.raises(ValueError, match="masking"):
        pretrain_mini.Recipe(masking="sentence")
