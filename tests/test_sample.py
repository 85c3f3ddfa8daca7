"""The bundled sample is what its script writes, and holds what it promises."""

from collections import Counter

import pytest

from tools.sample import grammar as grammars
from tools.sample import make as make_sample


def lines_of(path):
    """Return the lines of a file, checking that each ends in a plain line feed."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    return text[:-1].split("\n")


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


def test_no_sentence_of_the_sts_files(sentences, triplets):
    held_out = set()
    for name in ("sample-sts-dev.txt", "sample-sts-test.txt"):
        path = make_sample.SAMPLE_DIR / name
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                held_out.update(line.split("||")[1:3])
    assert not held_out & set(sentences)
    assert not held_out & {part for t in triplets for part in t}


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
