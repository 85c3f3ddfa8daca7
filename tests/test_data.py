from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcse_core.config import HubData
from simcse_core.data import (
    NliTriplets,
    fingerprint,
    load_pool,
    load_sentences,
    load_sts,
    load_study_data,
    load_triplets,
    sample_sentences,
    sample_triplets,
)
from simcse_core.duplicates import written_form
from simcse_core.errors import DataError
from simcse_core.sources import open_source

GOOD = "1||天气好||今天好||3\n"
CNSD_FILES = [
    "cnsd-sts-train.txt",
    "cnsd-sts-dev.txt",
    "cnsd-sts-test.txt",
    "cnsd-snli-train.txt",
]


def rewrite(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


# --- reading ---------------------------------------------------------------------------------


def test_pairs_are_read_in_order(cnsd_dir: Path) -> None:
    pairs = load_sts(cnsd_dir, "dev")
    assert pairs.first == ["我今天看书", "老师从来不喝茶", "我喝茶"]
    assert pairs.second == ["我今天喝茶", "老师今天喝茶", "他喝茶"]
    assert pairs.scores.tolist() == [2.0, 1.0, 3.0]
    assert pairs.scores.dtype == np.float64
    assert len(pairs) == 3


def test_triplets_are_premise_entailed_contradicted(cnsd_dir: Path) -> None:
    triplets = load_triplets(cnsd_dir)
    assert triplets.anchor == ["老师刚才在厨房里", "隔壁的孩子"]
    assert triplets.positive == ["老师在厨房", "孩子"]
    assert triplets.hard_negative == ["老师从来不看书", "天气预报"]
    assert len(triplets) == 2


def test_a_source_may_be_text_or_path(cnsd_dir: Path) -> None:
    assert load_sts(str(cnsd_dir), "test").first == load_sts(cnsd_dir, "test").first


def test_pairs_list_each_sentence_once_in_order_of_appearance(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "cnsd-sts-dev.txt", "1||甲||乙||1\n2||丙||甲||2\n")
    assert load_sts(cnsd_dir, "dev").sentences() == ["甲", "丙", "乙"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (GOOD * 2).encode(),
        (GOOD * 2).replace("\n", "\r\n").encode(),
        (GOOD * 2).encode() + b"\n\n  \r\n",
        (GOOD * 2).encode().rstrip(b"\n"),
        " 1 || 天气好 ||今天好||3 \n".encode() * 2,
    ],
    ids=["byte order mark", "CRLF", "trailing blank lines", "no last newline", "spaces"],
)
def test_harmless_differences_between_editors_are_accepted(cnsd_dir: Path, content: bytes) -> None:
    rewrite(cnsd_dir, "cnsd-sts-dev.txt", content)
    pairs = load_sts(cnsd_dir, "dev")
    assert (pairs.first, pairs.second) == (["天气好"] * 2, ["今天好"] * 2)
    assert pairs.scores.tolist() == [3.0, 3.0]


# --- malformed input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("2||天气好||3\n", "expected 4 fields"),
        ("2||天气好||今天好", "expected 4 fields"),  # a truncated last line
        ("2||天气好||今天好||3||4\n", "expected 4 fields"),
        ("天气好\t今天好\t3\n", "expected 4 fields"),
        ("2||||今天好||3\n", "field 2"),
        ("2||天气好|| ||3\n", "field 3"),
        ("||天气好||今天好||3\n", "field 1"),
        ("2||天气好||今天好||6\n", "label"),
        ("2||天气好||今天好||-1\n", "label"),
        ("2||天气好||今天好||3.0\n", "label"),
        ("2||天气好||今天好||nan\n", "label"),
        ("2||天气好||今天好||三\n", "label"),
        ("2||天气好||今天好||３\n", "label"),
        ("2||天\0气||今天好||3\n", "NUL"),
        ("2||天气好||今天好||3\n".encode("gb18030"), "UTF-8"),
        ("\n2||天气好||今天好||3\n", "empty"),
    ],
)
def test_a_bad_line_is_reported_with_file_line_and_cause(
    cnsd_dir: Path, bad: str | bytes, said: str
) -> None:
    bad = bad if isinstance(bad, bytes) else bad.encode()
    path = rewrite(cnsd_dir, "cnsd-sts-dev.txt", GOOD.encode() * 2 + bad)
    with pytest.raises(DataError) as caught:
        load_sts(cnsd_dir, "dev")
    assert f"{path}, line 3: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file_is_reported(cnsd_dir: Path, content: bytes) -> None:
    path = rewrite(cnsd_dir, "cnsd-sts-dev.txt", content)
    with pytest.raises(DataError, match="is empty") as caught:
        load_sts(cnsd_dir, "dev")
    assert str(path) in str(caught.value)


def test_a_bad_triplet_is_reported_with_file_and_line(cnsd_dir: Path) -> None:
    path = rewrite(cnsd_dir, "cnsd-snli-train.txt", "甲||乙||丙\n甲||乙\n")
    with pytest.raises(DataError, match="expected 3 fields") as caught:
        load_triplets(cnsd_dir)
    assert f"{path}, line 2: " in str(caught.value)


def test_only_what_is_asked_for_is_needed(cnsd_dir: Path) -> None:
    for name in (CNSD_FILES[0], *CNSD_FILES[2:]):
        (cnsd_dir / name).unlink()
    assert len(load_sts(cnsd_dir, "dev")) == 3
    for split in ("train", "test"):
        with pytest.raises(DataError, match=f"has no {split} part"):
            load_sts(cnsd_dir, split)
    with pytest.raises(DataError, match="no labelled pairs for test"):
        load_study_data(cnsd_dir).require_pairs()


@pytest.mark.parametrize(
    "name", ["sampl", "no/such/folder", "~nobody-of-that-name/x", "x" * 300, "a/" * 3000 + "a"]
)
def test_a_source_that_is_not_there_names_what_it_could_be(name: str) -> None:
    with pytest.raises(DataError, match=rf"'{name}' is neither 'sample', .*'hub' nor a file"):
        load_sts(name, "dev")


def test_fields_that_cannot_be_told_apart_are_refused(cnsd_dir: Path) -> None:
    path = rewrite(cnsd_dir, "cnsd-sts-dev.txt", GOOD + "2||天气好|||今天好||3\n")
    with pytest.raises(DataError, match=r"field 3 of .* begins or ends with") as caught:
        load_sts(cnsd_dir, "dev")
    assert f"{path}, line 2: " in str(caught.value)


def test_an_unknown_split_names_the_known_ones(cnsd_dir: Path) -> None:
    with pytest.raises(DataError, match=r"split.*'validation'.*train, dev, test"):
        load_sts(cnsd_dir, "validation")


def test_the_bundled_sample_has_no_train_split() -> None:
    with pytest.raises(DataError, match="no train"):
        load_sts("sample", "train")


def test_the_hub_without_an_nli_data_set_says_how_to_name_one() -> None:
    with pytest.raises(DataError, match=r"has no NLI part; .* a data set named in hub: nli"):
        load_triplets("hub", HubData())


# --- the unlabelled pool ---------------------------------------------------------------------


def test_the_pool_is_train_and_nli_without_duplicates_and_held_out_sentences(
    cnsd_dir: Path,
) -> None:
    # Read: 4 sentences of train, 6 of NLI. 隔壁的孩子 is in both; 我喝茶 is in dev.
    pool = load_pool(cnsd_dir)
    assert pool.sentences == [
        "我每个周末都看书",
        "隔壁的孩子",
        "周末都看书",
        "老师刚才在厨房里",
        "老师在厨房",
        "孩子",
        "老师从来不看书",
        "天气预报",
    ]
    assert (pool.n_read, pool.n_duplicates, pool.n_in_dev_or_test) == (10, 1, 1)


def test_a_sentence_of_test_is_held_out_too(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "more.txt", "今天好\n新句子\n")
    pool = load_pool(cnsd_dir, extra=["more.txt"])
    assert "今天好" not in pool.sentences
    assert pool.sentences[-1] == "新句子"
    assert (pool.n_read, pool.n_in_dev_or_test) == (12, 2)


def test_a_file_alone_is_no_list_of_files(cnsd_dir: Path) -> None:
    path = rewrite(cnsd_dir, "more.txt", "新句子\n")
    for extra in ("more.txt", path):
        with pytest.raises(DataError, match="extra_sentences: a list of files is needed"):
            load_pool(cnsd_dir, extra)
    assert load_pool(cnsd_dir, [path]).sentences[-1] == "新句子"


@pytest.mark.parametrize(
    "written", ["今天 好", "今天好。", "“今天好”", "今天好\u3000", "今天好\u200b"]
)
def test_a_sentence_of_test_is_held_out_however_it_is_written(cnsd_dir: Path, written: str) -> None:
    rewrite(cnsd_dir, "more.txt", f"{written}\n新句子\n")
    pool = load_pool(cnsd_dir, extra=["more.txt"])
    assert pool.sentences[-2:] == ["天气预报", "新句子"]
    assert pool.n_in_dev_or_test == 2
    assert "今天好" in pool.left_out


def test_a_sentence_that_only_looks_alike_stays(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "more.txt", "今天好吗\n今天，好人\n")
    assert load_pool(cnsd_dir, ["more.txt"]).sentences[-2:] == ["今天好吗", "今天，好人"]


def test_pairs_that_stand_there_twice_are_told_with_their_scores(cnsd_dir: Path) -> None:
    lines = ["1||甲||乙||1", "2||乙||甲||1", "3||丙||丁||2", "4||丙||丁||3"]
    rewrite(cnsd_dir, "cnsd-sts-dev.txt", "\n".join(lines))
    told = load_study_data(cnsd_dir).describe().splitlines()[3:]
    assert told == ["2 pairs of dev stand there more than once, 1 of them with two scores"]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_labels_that_are_all_the_same_are_refused(cnsd_dir: Path, split: str) -> None:
    rewrite(cnsd_dir, f"cnsd-sts-{split}.txt", "1||甲||乙||3\n2||丙||丁||3\n")
    with pytest.raises(DataError, match=f"all pairs of {split} have the label 3, so that"):
        load_study_data(cnsd_dir)


@pytest.mark.parametrize(
    ("labels", "ceiling"),
    [
        ("0055", "0.894"),  # sqrt(1 - 2 (8 - 2) / (64 - 4)) = sqrt(0.8)
        ("1222", "0.775"),  # sqrt(1 - (27 - 3) / 60) = sqrt(0.6)
    ],
)
def test_labels_of_two_values_are_told_with_the_highest_spearman(
    cnsd_dir: Path, labels: str, ceiling: str
) -> None:
    lines = [f"{i}||第{i}句||别的{i}||{label}\n" for i, label in enumerate(labels)]
    rewrite(cnsd_dir, "cnsd-sts-test.txt", "".join(lines))
    data = load_study_data(cnsd_dir)
    said = f"labels of test take two values: Spearman is at most {ceiling} there, and "
    said += "the area under the ROC curve is told beside it"
    assert data.describe().splitlines()[3:] == [said]
    assert {split: f"{value:.3f}" for split, value in data.ceilings().items()} == {"test": ceiling}


def test_a_duplicate_within_one_file_is_counted_as_left_out(cnsd_dir: Path) -> None:
    # 2 pairs and 2 triplets are 4 + 6 sentences; 甲 stands there three times.
    rewrite(cnsd_dir, "cnsd-sts-train.txt", "1||甲||乙||1\n2||甲||丙||1\n")
    rewrite(cnsd_dir, "cnsd-snli-train.txt", "甲||丁||戊\n己||庚||辛\n")
    pool = load_pool(cnsd_dir)
    assert (pool.n_read, pool.n_duplicates, len(pool.sentences)) == (10, 2, 8)


def test_what_was_left_out_is_told(cnsd_dir: Path) -> None:
    assert load_pool(cnsd_dir).describe() == (
        "8 unique unlabelled sentences (10 read, 1 duplicates and 1 sentences of dev or test "
        "left out)"
    )


def test_load_sentences_gives_the_pools_sentences(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "more.txt", "一\n二\n一\n")
    sentences = load_sentences(cnsd_dir, ["more.txt"])
    assert sentences[-2:] == ["一", "二"]
    assert len(sentences) == len(set(sentences)) == 10


def test_a_sentence_file_that_holds_triplets_is_refused(cnsd_dir: Path) -> None:
    path = rewrite(cnsd_dir, "more.txt", "一句话\n甲||乙||丙\n")
    with pytest.raises(DataError, match="one sentence a line") as caught:
        load_pool(cnsd_dir, ["more.txt"])
    assert f"{path}, line 2: " in str(caught.value)


def test_a_sentence_file_that_is_not_there_is_named(cnsd_dir: Path) -> None:
    with pytest.raises(DataError, match=r"more\.txt"):
        load_pool(cnsd_dir, ["more.txt"])


def test_study_data_tells_what_it_holds(cnsd_dir: Path) -> None:
    data = load_study_data(cnsd_dir)
    assert (len(data.dev), len(data.test), len(data.pool.sentences)) == (3, 3, 8)
    assert data.triplets is not None
    assert data.describe().startswith("cnsd: 3 dev pairs, 3 test pairs\n8 unique")


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("held", ["老师在厨房", "　老师，在厨房！", "LED灯亮了", "ｌｅｄ 灯亮了。"])
def test_a_triplet_that_holds_a_sentence_of_dev_or_test_is_left_out(
    cnsd_dir: Path, held: str, column: int
) -> None:
    for part, other in (("dev", "丑"), ("test", "寅")):
        lines = f"1||老师在厨房||{other}||1\n2||子||led灯亮了||5\n"
        rewrite(cnsd_dir, f"cnsd-sts-{part}.txt", lines)
        row = ["甲", "乙", "丙"]
        row[column] = held
        rewrite(cnsd_dir, "cnsd-snli-train.txt", "||".join(row) + "\n己||庚||辛\n")
        data, alone = load_study_data(cnsd_dir), load_triplets(cnsd_dir)
        assert data.triplets == alone == NliTriplets(["己"], ["庚"], ["辛"])
        assert "\n1 NLI triplets hold a sentence of dev or test and are left out" in data.describe()
        assert {"甲", "乙", "丙"} - {"甲乙丙"[column]} <= set(data.pool.sentences)


def test_where_every_triplet_is_left_out_there_are_none(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "cnsd-snli-train.txt", "孩子在看书||甲||乙\n")
    data = load_study_data(cnsd_dir)
    assert data.triplets == NliTriplets([], [], [])
    assert data.n_triplets_left_out == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cnsd-sts-dev.txt", "||2", "||3"),
        ("cnsd-sts-test.txt", "孩子在看书", "孩子在看报"),
        ("cnsd-sts-train.txt", "周末都看书", "周末都看报"),
        ("cnsd-snli-train.txt", "老师在厨房", "老师在客厅"),
    ],
)
def test_the_fingerprint_changes_with_the_content(
    cnsd_dir: Path, name: str, old: str, new: str
) -> None:
    before = load_study_data(cnsd_dir).fingerprint
    assert load_study_data(cnsd_dir).fingerprint == before
    text = (cnsd_dir / name).read_text(encoding="utf-8")
    rewrite(cnsd_dir, name, text.replace(old, new, 1))
    assert load_study_data(cnsd_dir).fingerprint != before


def test_the_fingerprint_changes_when_triplets_are_paired_otherwise(cnsd_dir: Path) -> None:
    # The same sentences in the same order, so the pool stays; supervised training does not.
    rewrite(cnsd_dir, "cnsd-snli-train.txt", "甲||乙||丙\n甲||丁||乙\n")
    before = load_study_data(cnsd_dir)
    rewrite(cnsd_dir, "cnsd-snli-train.txt", "甲||乙||丙\n甲||丁||丙\n")
    after = load_study_data(cnsd_dir)
    assert after.pool.sentences == before.pool.sentences
    assert after.fingerprint != before.fingerprint


@pytest.mark.parametrize(
    "moved",
    [
        {"dev": [["甲"], ["乙"]], "test": [["丙", "丁"], ["戊", "己"]]},  # a pair from dev to test
        {"dev": [["甲乙"], [""]], "test": [["丙"], ["丁"]]},  # text from one field to the next
        {"dev": [["甲", "丙"], ["乙", "丁"]], "test": [["戊"], ["己"]]},
        {"test": [["甲"], ["乙"]], "dev": [["丙"], ["丁"]]},
        {"dev": [["乙"], ["甲"]], "test": [["丙"], ["丁"]]},
        {"dev": [["甲"], ["乙"]], "test": [["丙"], ["丁\n"]]},
        {"dev": [["甲"], ["乙"]]},
    ],
)
def test_the_fingerprint_sees_what_moves_between_parts_and_fields(
    moved: dict[str, list[list[str]]],
) -> None:
    assert fingerprint(moved) != fingerprint({"dev": [["甲"], ["乙"]], "test": [["丙"], ["丁"]]})
    assert len(fingerprint(moved)) == 12


def test_the_fingerprint_changes_when_the_last_dev_pair_becomes_the_first_of_test(
    cnsd_dir: Path,
) -> None:
    before = load_study_data(cnsd_dir).fingerprint
    dev, test = (cnsd_dir / f"cnsd-sts-{split}.txt" for split in ("dev", "test"))
    *kept, last = dev.read_text(encoding="utf-8").splitlines(keepends=True)
    rewrite(cnsd_dir, test.name, last + test.read_text(encoding="utf-8"))
    rewrite(cnsd_dir, dev.name, "".join(kept))
    assert load_study_data(cnsd_dir).fingerprint != before


@pytest.mark.parametrize(
    ("source", "name", "published"),
    [
        ("sample", "bundled sample (not CNSD)", False),
        ("sample-text", "bundled sample (not CNSD)", False),
        ("hub", "C-MTEB/STSB", True),
    ],
)
def test_a_named_source_has_a_name(source: str, name: str, published: bool) -> None:
    opened = open_source(source)
    assert (opened.name, bool(opened.published)) == (name, published)


def test_a_folder_and_a_file_have_their_own_names_without_a_path(cnsd_dir: Path) -> None:
    rewrite(cnsd_dir, "mine.txt", "天气好\n")
    assert open_source(cnsd_dir).name == "cnsd"
    assert open_source(cnsd_dir / "mine.txt").name == "mine.txt"


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("我|的$x$数据", "我-的-x-数据"),
        ("a\nb\tc", "a-b-c"),
        ("*b* `c` <i>", "-b- -c- -i-"),
        ("字" * 60, "字" * 47 + "…"),
        (" ", "data"),
        ("😀数据", "😀数据"),
        ("_data", "-data"),  # what begins with _ is in no legend
        ("__数据_2", "-_数据_2"),
        ("\u202e数\u200f据\ue000", "-数-据-"),
    ],
)
def test_whatever_a_folder_is_called_its_name_can_stand_in_a_table_and_on_a_chart(
    cnsd_dir: Path, name: str, called: str
) -> None:
    folder = cnsd_dir.rename(cnsd_dir.with_name(name))
    assert load_study_data(folder).name == called
    (folder / "more.txt").write_text("我喝茶\n", encoding="utf-8")
    file = (folder / "more.txt").rename(folder.parent / f"_{name}.txt")
    assert not set(open_source(file).name) & set("|$\n\t*`<>")


def test_another_data_set_on_the_hub_has_no_published_numbers_beside_it() -> None:
    assert not open_source("hub", HubData(sts="owner/other")).published
    assert open_source("hub", HubData(sts="C-MTEB/STSB@abc")).published


REAL = Path(__file__).parents[2] / "shared" / "data" / "cnsd"


@pytest.mark.skipif(not REAL.is_dir(), reason="CNSD is not there; it may not be passed on")
def test_cnsd_is_known_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    for path in REAL.glob("cnsd-s*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = load_study_data(tmp_path)
    assert data.name == "CNSD STS-B"
    assert data.published["test"]["BERT-BASE"] == 0.3395
    lines = (tmp_path / "cnsd-sts-dev.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    rewrite(tmp_path, "cnsd-sts-dev.txt", "".join(lines[:-1]))
    changed = load_study_data(tmp_path)
    assert (changed.name, dict(changed.published)) == (tmp_path.name, {})


@pytest.mark.skipif(not REAL.is_dir(), reason="CNSD is not there; it may not be passed on")
def test_cnsd_holds_so_many_repeated_pairs_and_so_large_a_pool() -> None:
    data = load_study_data(REAL)
    assert len(data.pool.sentences) == 24_303
    assert data.describe().splitlines()[3:] == [
        "59 NLI triplets hold a sentence of dev or test and are left out",
        "5 pairs of dev stand there more than once, 2 of them with two scores",
        "10 pairs of test stand there more than once, 4 of them with two scores",
    ]


# --- sampling --------------------------------------------------------------------------------

POOL = [f"句子{i}" for i in range(200)]


@pytest.mark.parametrize(("small", "large"), [(1, 2), (50, 150), (150, 200)])
def test_a_smaller_sample_is_a_prefix_of_a_larger_one(small: int, large: int) -> None:
    assert sample_sentences(POOL, small, seed=3) == sample_sentences(POOL, large, seed=3)[:small]


def test_a_sample_is_drawn_without_replacement_from_the_whole_pool() -> None:
    assert sorted(sample_sentences(POOL, 200, seed=0)) == sorted(POOL)
    assert sample_sentences(POOL, 200, seed=0) != POOL


def test_another_seed_draws_other_sentences() -> None:
    assert sample_sentences(POOL, 50, seed=0) == sample_sentences(POOL, 50, seed=0)
    assert set(sample_sentences(POOL, 50, seed=0)) != set(sample_sentences(POOL, 50, seed=1))


@pytest.mark.parametrize("n", [201, 0, -1])
def test_a_sample_that_the_pool_cannot_give_names_n_train(n: int) -> None:
    with pytest.raises(DataError, match=rf"n_train: .*200 sentences.*{n}"):
        sample_sentences(POOL, n, seed=0)


def test_sampled_triplets_stay_together_and_are_nested() -> None:
    triplets = NliTriplets(*([f"{part}{i}" for i in range(30)] for part in "apn"))
    few, many = sample_triplets(triplets, 5, seed=1), sample_triplets(triplets, 20, seed=1)
    assert many.anchor[:5] == few.anchor
    assert [a[1:] for a in many.anchor] == [p[1:] for p in many.positive]
    assert [a[1:] for a in many.anchor] == [n[1:] for n in many.hard_negative]


@pytest.mark.parametrize("triplets", [None, NliTriplets(["a"], ["p"], ["n"])])
def test_too_few_triplets_name_n_train(triplets: NliTriplets | None) -> None:
    with pytest.raises(DataError, match="n_train: 2 NLI triplets"):
        sample_triplets(triplets, 2, seed=0)


# --- properties ------------------------------------------------------------------------------


def _storable(text: str) -> bool:
    bar = text.startswith("|") or text.endswith("|")
    return bool(text) and "||" not in text and not bar


# What the format can hold: no NUL, no line end of any kind, no separator, no space at an end.
_CHARACTERS = st.characters(
    exclude_categories=["Cs"],
    exclude_characters='\0\n\r\x0b\x0c\x85\u2028\u2029\ufeff\t{[<,"',
)
_SENTENCE = st.text(_CHARACTERS, min_size=1, max_size=30).map(str.strip).filter(_storable)
_BYTES = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"||", b"|", b"\n", b"\r\n", b"1", b"a", "天".encode(), b"\xe5", b"\0"])
        | st.just(GOOD.encode())
        | st.just(b"\xef\xbb\xbf"),
        max_size=12,
    ).map(b"".join),
)


def in_directory(check: Callable[[Path], None]) -> None:
    """Runs a check in a fresh directory that has all CNSD files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in CNSD_FILES[:3]:
            rewrite(folder, file, "1||发展||测试||1\n")
        rewrite(folder, CNSD_FILES[3], "甲||乙||丙\n")
        check(folder)


@given(st.lists(st.tuples(_SENTENCE, _SENTENCE, st.integers(0, 5)), min_size=1, max_size=5))
def test_pairs_that_were_written_are_read_back(pairs: list[tuple[str, str, int]]) -> None:
    def check(folder: Path) -> None:
        lines = "".join(f"{i}||{a}||{b}||{label}\n" for i, (a, b, label) in enumerate(pairs))
        rewrite(folder, "cnsd-sts-dev.txt", lines)
        read = load_sts(folder, "dev")
        assert list(zip(read.first, read.second, read.scores, strict=True)) == pairs

    in_directory(check)


@given(st.lists(st.tuples(_SENTENCE, _SENTENCE, _SENTENCE), min_size=1, max_size=5))
def test_triplets_that_were_written_are_read_back(triplets: list[tuple[str, str, str]]) -> None:
    def check(folder: Path) -> None:
        rewrite(folder, "cnsd-snli-train.txt", "".join("||".join(t) + "\n" for t in triplets))
        read = load_triplets(folder)
        assert list(zip(read.anchor, read.positive, read.hard_negative, strict=True)) == triplets

    in_directory(check)


@given(st.lists(_SENTENCE, min_size=1, max_size=8, unique=True))
def test_sentences_that_were_written_are_read_back(sentences: list[str]) -> None:
    taken, held = {"发展", "测试", "甲", "乙", "丙"}, {"发展", "测试"}

    def check(folder: Path) -> None:
        rewrite(folder, "more.txt", "\n".join(sentences))
        read = load_sentences(folder, ["more.txt"])
        assert read[3:] == [s for s in sentences if s not in taken and written_form(s) not in held]

    in_directory(check)


def complaint(read: Callable[[Path], object], folder: Path) -> str | None:
    try:
        read(folder)
    except DataError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("cnsd-sts-dev.txt", lambda folder: load_sts(folder, "dev")),
        ("cnsd-snli-train.txt", load_triplets),
        ("more.txt", lambda folder: load_pool(folder, ["more.txt"])),
    ],
)
@given(content=_BYTES)
def test_no_bytes_crash_a_reader_without_naming_the_file(
    name: str, read: Callable[[Path], object], content: bytes
) -> None:
    def check(folder: Path) -> None:
        rewrite(folder, name, content)
        message = complaint(read, folder)
        assert message is None or name in message

    in_directory(check)


# --- what parts share ------------------------------------------------------------------------


def test_pairs_that_share_a_sentence_with_another_part_are_told(cnsd_dir: Path) -> None:
    # 我喝茶 of the third dev pair stands in STS-train.
    data = load_study_data(cnsd_dir)
    assert data.pool.left_out == {"我喝茶"}
    assert {split: shared.tolist() for split, shared in data.shared().items()} == {
        "dev": [False, False, True],
        "test": [False, False, False],
    }
    assert data.describe().splitlines()[2] == (
        "0 sentences stand in both dev and test; 1 dev and 0 test pairs hold a sentence that "
        "stands in another part too"
    )


def test_a_sentence_of_dev_and_test_is_shared_by_both(cnsd_dir: Path) -> None:
    path = cnsd_dir / "cnsd-sts-test.txt"
    path.write_text("0||孩子看书||我今天看书||5\n1||甲||乙||0\n", encoding="utf-8")
    shared = load_study_data(cnsd_dir).shared()
    assert shared["dev"].tolist() == [True, False, True]
    assert shared["test"].tolist() == [True, False]
