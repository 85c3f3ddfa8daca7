"""The bundled sample is what its script writes, and holds what it promises."""

import itertools
import re
import unicodedata
from collections import Counter

import pytest

from simcse_core.baselines import fit_on_text
from simcse_core.data import load_sentences, load_sts
from simcse_core.evaluation import evaluate_sts
from tools.sample import grammar as grammars
from tools.sample import make as make_sample

STS_SPLITS = ("dev", "test")
PAIRS_PER_CELL = 5  # of one grade in one field of one split
HALF_WIDTH_PUNCTUATION = re.compile(r"""[\s,;:?!()\[\]{}<>|/"'.~]""")


def lines_of(path):
    """Return the lines of a file, checking that each ends in a plain line feed."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    return text[:-1].split("\n")


def plain(sentence):
    """Return a sentence without what comparing ignores: width, case, punctuation and spaces."""
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LN")


@pytest.fixture(scope="module")
def pairs():
    """The rows ``id, sentence, sentence, label`` of each split."""
    return {
        split: [
            line.split("||")
            for line in lines_of(make_sample.SAMPLE_DIR / f"sample-sts-{split}.txt")
        ]
        for split in STS_SPLITS
    }


@pytest.fixture(scope="module")
def pair_sentences(pairs):
    return [part for rows in pairs.values() for row in rows for part in row[1:3]]


@pytest.fixture(scope="module")
def tfidf_spearman():
    """Spearman's correlation by (TF-IDF method, split), fitted on the unlabelled sentences."""
    pool = load_sentences("sample")
    found = {}
    for method in ("tfidf-char", "tfidf-char-bigram", "tfidf-word"):
        encode = fit_on_text(method, pool)
        for split in STS_SPLITS:
            scores = evaluate_sts(encode, load_sts("sample", split), n_resamples=2)
            found[method, split] = scores["spearman"]
    return found


@pytest.fixture(scope="module")
def sentences():
    return lines_of(make_sample.SENTENCES_FILE)


@pytest.fixture(scope="module")
def triplets():
    return [line.split("||") for line in lines_of(make_sample.TRIPLETS_FILE)]


def test_files_are_what_the_script_writes():
    for path, data in make_sample.make_files().items():
        assert path.read_bytes() == data, path.name


def test_check_accepts_the_files_on_disk():
    assert make_sample.main(["--check"]) == 0


def test_check_refuses_other_files(tmp_path, monkeypatch):
    other = tmp_path / "sample-sentences.txt"
    other.write_text("别的句子\n", encoding="utf-8")
    files = {other: b"", tmp_path / "missing.txt": b""}
    assert make_sample.stale_files(files) == list(files)
    monkeypatch.setattr(make_sample, "make_files", lambda: files)
    monkeypatch.setattr(make_sample, "PROJECT_ROOT", tmp_path)
    assert make_sample.main(["--check"]) == 1


def test_sentences_are_many_and_unique(sentences):
    assert len(sentences) >= 12000
    assert len(set(sentences)) == len(sentences)


def test_triplets_are_a_thousand_and_unique(triplets):
    assert len(triplets) == 1000
    assert len({tuple(t) for t in triplets}) == 1000
    assert all(len(t) == 3 and len(set(t)) == 3 for t in triplets)


def test_sentences_are_well_formed(sentences, triplets):
    for sentence in sentences + [part for t in triplets for part in t]:
        assert 6 <= len(sentence) <= 40, sentence
        assert sentence == sentence.strip()
        assert not set(sentence) & set(" \t|,;:?!()[]{}<>/\"'.~"), sentence


@pytest.mark.parametrize("split", STS_SPLITS)
def test_pairs_are_numbered_within_their_field_and_graded_in_whole_numbers(split, pairs):
    numbers = range(1, 6 * PAIRS_PER_CELL + 1)
    wanted = [f"{field}-{split}-{n:03d}" for field in make_sample.FIELDS for n in numbers]
    assert [row[0] for row in pairs[split]] == wanted
    assert all(len(row) == 4 and re.fullmatch("[0-5]", row[3]) for row in pairs[split])


@pytest.mark.parametrize("split", STS_SPLITS)
def test_every_grade_is_filled_in_every_field(split, pairs):
    found = Counter((row[0].split("-")[0], int(row[3])) for row in pairs[split])
    assert found == dict.fromkeys(itertools.product(make_sample.FIELDS, range(6)), PAIRS_PER_CELL)


def test_paired_sentences_are_well_formed(pair_sentences):
    for sentence in pair_sentences:
        assert 6 <= len(sentence) <= 40, sentence
        assert not HALF_WIDTH_PUNCTUATION.search(sentence), sentence
        assert "\ufffd" not in sentence, sentence


def test_plain_text_ignores_width_case_punctuation_and_spaces():
    assert plain("ＷｉＦｉ 太慢，1：0！😭") == plain("wifi太慢1:0。") == "wifi太慢10"
    assert plain("太慢了") != plain("太慢")


def test_no_paired_sentence_stands_anywhere_else(pair_sentences, sentences, triplets):
    twice = [text for text, n in Counter(map(plain, pair_sentences)).items() if n > 1]
    assert twice == []
    unlabelled = {plain(text) for text in itertools.chain(sentences, *triplets)}
    assert [text for text in pair_sentences if plain(text) in unlabelled] == []


@pytest.mark.parametrize("split", STS_SPLITS)
def test_shared_characters_tell_the_grade_only_in_part(split, tfidf_spearman):
    assert 0.45 <= tfidf_spearman["tfidf-char", split] <= 0.60


def test_the_readme_states_the_measured_figures(tfidf_spearman):
    text = (make_sample.SAMPLE_DIR / "README.md").read_text(encoding="utf-8")
    stated = {
        (method, split): float(figure)
        for method, *figures in re.findall(r"\| `(tfidf-[a-z-]+)` \| ([\d.]+) \| ([\d.]+) \|", text)
        for split, figure in zip(STS_SPLITS, figures, strict=True)
    }
    assert stated == pytest.approx(tfidf_spearman, abs=6e-4)


def test_held_out_sentences_are_dropped(tmp_path):
    wanted = make_sample.make_sentences(set())
    sts = tmp_path / "sts.txt"
    sts.write_text(f"1||{wanted[0]}。||{wanted[5]}||3\n", encoding="utf-8")
    left = make_sample.make_sentences(make_sample.sts_sentences([sts, tmp_path / "none.txt"]))
    assert left == wanted[1:5] + wanted[6:]


@pytest.mark.parametrize("field", make_sample.FIELDS)
def test_each_field_contributes(field, sentences, triplets):
    own = set(make_sample.field_sentences(field)) & set(sentences)
    assert len(own) >= 1000
    lines = {"||".join(t) for t in triplets}
    assert len(lines.intersection(make_sample.field_triplets(field))) >= 60


@pytest.mark.parametrize("field", make_sample.FIELDS)
def test_each_grammar_is_rich(field):
    grammar = grammars.load_field(field)
    assert len(set(grammar["sentences"])) >= 60
    assert len(set(grammar["templates"])) >= 45
    assert len(set(grammar["triplets"])) >= 13
    assert len(grammar["own_lists"]) >= 10
    for name, entries in grammar["own_lists"].items():
        assert 12 <= len(entries) <= 40, name
        assert len(set(entries)) == len(entries), name
        assert len({len(entry) for entry in entries}) == 1, name


@pytest.mark.parametrize("field", make_sample.FIELDS)
def test_each_grammar_uses_its_lists(field):
    grammar = grammars.load_field(field)
    used = Counter(
        name
        for template in grammar["templates"] + grammar["triplets"]
        for name, _ in grammars.slots_of(template)
    )
    assert set(grammar["own_lists"]) <= set(used)
    assert set(used) <= set(grammar["lists"])
    for template in grammar["templates"]:
        choices = grammars.CHOICE.findall(template)
        assert 2 <= len(grammars.slots_of(template)) + len(choices) <= 4, template


def test_fillings_differ_in_more_than_one_slot():
    lists = {"a": [(c,) for c in "甲乙丙丁戊己"], "b": [(c,) for c in "子丑寅卯辰巳"]}
    found = grammars.expand("{a}看见{b}", lists, 25, seed=1)
    assert 2 <= len(found) <= 6
    assert len({text[0] for text in found}) == len({text[-1] for text in found}) == len(found)


def test_two_slots_of_a_list_differ():
    lists = {"a": [("红", "苹果"), ("黄", "香蕉"), ("绿", "黄瓜")]}
    for text in grammars.expand("{a}的{a.b}和{a2}的{a2.b}", lists, 6, seed=1):
        first, second = text.split("和")
        assert first != second
        assert {first, second} <= {"红的苹果", "黄的香蕉", "绿的黄瓜"}


def test_a_filler_is_not_repeated_by_the_template():
    lists = {"room": [("厨房",), ("卧室",)], "who": [("爸爸",), ("妈妈",), ("奶奶",)]}
    for text in grammars.expand("{who}从厨房走进{room}", lists, 6, seed=1):
        assert text.endswith("走进卧室")
