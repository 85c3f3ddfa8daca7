"""Parts of a folder or file: told by names, or cut so that no sentence stands in two."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcse_core.data import load_pool, load_sentences, load_sts, load_study_data
from simcse_core.errors import DataError
from simcse_core.reading.columns import Columns
from simcse_core.reading.cut import cut
from simcse_core.reading.found import describe
from simcse_core.reading.parts import TextFiles

PAIRS = "\n".join(f"左{i}\t右{i}\t{i % 2}" for i in range(30))


def folder_of(tmp_path: Path, **files: str) -> Path:
    """Files by name, with _ for the dot."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(content, encoding="utf-8")
    return folder


def pair_lines(*names: str) -> str:
    return "".join(f"{name}甲\t{name}乙\t{i % 2}\n" for i, name in enumerate(names))


def test_a_pipe_or_a_device_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(DataError, match=rf"^source: {path} is neither a file nor a folder"):
            load_study_data(path)
    folder = folder_of(tmp_path, a_txt="天\n地\n")
    os.mkfifo(folder / "b.txt")  # reading it would wait for ever
    assert load_sentences(folder) == ["天", "地"]


# --- by name ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dev", ["dev", "valid", "validation", "my_val_2", "lcqmc_Dev"])
def test_splits_are_recognised_by_words_of_their_names(tmp_path: Path, dev: str) -> None:
    files = {f"{dev}_tsv": pair_lines("一", "二"), "x_test_txt": pair_lines("三", "四")}
    folder = folder_of(tmp_path, **files, training_tsv=pair_lines("五"), more_txt="六\n一甲\n")
    assert load_sts(folder, "dev").first == ["一甲", "二甲"]
    assert load_sts(folder, "test").scores.tolist() == [0.0, 1.0]
    assert load_sts(folder, "train").second == ["五乙"]
    pool = load_pool(folder)
    assert pool.sentences == ["五甲", "五乙", "六"]  # 一甲 is in dev
    assert (pool.n_read, pool.n_in_dev_or_test) == (4, 1)
    assert load_study_data(folder).name == "mine"


NAMED = (
    Columns(text_column="text"),
    Columns(label_column="score"),
    Columns(pair_columns=("a", "b"), label_column="score"),
)


@pytest.mark.parametrize("columns", NAMED)
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("sample", "source 'sample' has columns that are known"),
        ("sample-text", "source 'sample-text' has columns that are known"),
        ("cnsd", "the files of CNSD, whose columns are known"),
        ("mine.txt", "source mine.txt has one sentence a line and no columns"),
        ("mine", "source mine has one sentence a line and no columns"),
    ],
)
def test_columns_that_are_named_without_effect_are_refused(
    tmp_path: Path, cnsd_dir: Path, source: str, why: str, columns: Columns
) -> None:
    folder = folder_of(tmp_path, mine_txt="一\n二\n", more_txt="三\n")
    there: dict[str, Path | str] = {"cnsd": cnsd_dir, "mine": folder}
    path = there.get(source, folder / source if source.endswith("txt") else source)
    with pytest.raises(DataError, match=rf"^(text|pair|label)_columns?: .*{why}.*leave it out"):
        load_study_data(path, columns=columns)


def test_columns_that_one_file_of_a_folder_has_are_named_for_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, mine_txt="一\n二\n", more_csv="a,b\n三,四\n五,六\n")
    assert load_sentences(folder, columns=Columns(text_column="b")) == ["一", "二", "四", "六"]


def test_dev_is_read_alone(tmp_path: Path) -> None:
    broken = "天\t地\t1\n天\t地\n"
    folder = folder_of(tmp_path, dev_tsv=pair_lines("一"), test_tsv=broken, train_tsv=broken)
    assert load_sts(folder, "dev").first == ["一甲"]
    with pytest.raises(DataError, match=r"test\.tsv, line 2"):
        load_sts(folder, "test")


def test_unlabelled_text_beside_pairs_is_the_pool(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, dev_tsv=pair_lines("一"), test_tsv=pair_lines("二"), text_txt="三\n四\n"
    )
    assert load_sentences(folder) == ["三", "四"]


def test_other_files_of_a_folder_are_left_alone(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, mine_txt="一\n二\n", README_md="# mine", x_zip="PK")
    (folder / ".hidden.txt").write_text("三\n", encoding="utf-8")
    (folder / "deeper").mkdir()
    assert load_sentences(folder) == ["一", "二"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"dev_tsv": "天\t地\t1\n", "valid_tsv": "天\t地\t1\n"}, "both say dev"),
        ({"train_dev_tsv": "天\t地\t1\n", "x_txt": "天\n"}, "says dev and train"),
        ({"a_tsv": "天\t地\t1\n", "b_tsv": "天\t地\t1\n"}, "both hold labelled pairs"),
        ({"dev_txt": "天\n", "test_tsv": "天\t地\t1\n", "x_txt": "人\n"}, "no labelled pairs"),
        ({"x_md": "天"}, "no file of text"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        load_study_data(folder_of(tmp_path, **files))


def test_text_alone_is_a_source_without_splits(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("天气好\n下雨\n天气好\n", encoding="utf-8")
    data = load_study_data(path)
    assert (data.name, data.splits(), data.pool.sentences) == ("mine.txt", {}, ["天气好", "下雨"])
    assert data.pool.n_duplicates == 1
    assert data.describe().endswith(
        "mine.txt: text without labels\n2 unique unlabelled sentences (3 read, 1 duplicates and 0 "
        "sentences of dev or test left out)"
    )
    with pytest.raises(DataError, match=r"mine\.txt has no labelled pairs for dev and test.*06_"):
        data.require_pairs()
    with pytest.raises(DataError, match="has no dev part"):
        load_sts(path, "dev")


# --- cut -------------------------------------------------------------------------------------


def test_one_labelled_file_is_cut_into_dev_test_and_pool(tmp_path: Path) -> None:
    path = tmp_path / "lcqmc-dev.txt"
    path.write_text(PAIRS, encoding="utf-8")
    data = load_study_data(path)
    sizes = [len(data.dev), len(data.test), len(data.pool.sentences) // 2]
    assert sizes == [10, 10, 10]
    assert load_sts(path, "dev").first == data.dev.first
    assert load_sentences(path) == data.pool.sentences
    assert "cut into dev (10), test (10), pool (10)" in data.describe()


def test_what_has_a_file_is_not_cut_for(tmp_path: Path) -> None:
    text = folder_of(tmp_path, pairs_tsv=PAIRS, text_txt="一\n")
    data = load_study_data(text)
    assert (len(data.dev), len(data.test), data.pool.sentences) == (15, 15, ["一"])
    (text / "text.txt").unlink()
    (text / "pairs.tsv").rename(text / "dev.tsv")
    (text / "test.tsv").write_text(pair_lines("测", "试"), encoding="utf-8")
    data = load_study_data(text)
    assert (len(data.dev), len(data.test), len(data.pool.sentences)) == (15, 2, 30)


def test_pairs_that_hang_together_cannot_be_cut(tmp_path: Path) -> None:
    path = tmp_path / "star.tsv"
    path.write_text("".join(f"星\t光{i}\t{i % 2}\n" for i in range(9)), encoding="utf-8")
    with pytest.raises(DataError, match="cannot be cut into dev, test, sentences; give"):
        load_study_data(path)


_SENTENCE = st.integers(0, 40).map(lambda i: f"句{i}")


@given(
    st.lists(st.tuples(_SENTENCE, _SENTENCE, st.just(1.0)), min_size=3, max_size=60),
    st.randoms(use_true_random=False),
)
def test_no_sentence_stands_in_two_parts_whatever_the_order(
    rows: list[tuple[str, str, float]], rng: random.Random
) -> None:
    pairs = [(f"line {i}", row) for i, row in enumerate(rows)]
    shuffled = rng.sample(pairs, len(pairs))
    try:
        parts = cut(pairs, ("dev", "test"))
    except DataError:
        with pytest.raises(DataError):
            cut(shuffled, ("dev", "test"))
        return
    sentences = [{s for _, pair in part for s in pair[:2]} for part in parts.values()]
    assert not sentences[0] & sentences[1]
    assert Counter(p for part in parts.values() for p in part) == Counter(pairs)
    again = cut(shuffled, ("dev", "test"))
    assert {name: sorted(part) for name, part in again.items()} == {
        name: sorted(part) for name, part in parts.items()
    }


def test_parts_keep_the_order_of_the_file() -> None:
    pairs = [(f"line {i}", (f"左{i}", f"右{i}", 0.0)) for i in range(50)]
    for part in cut(pairs, ("a", "b", "c")).values():
        assert part == sorted(part, key=lambda pair: int(pair[0].split()[1]))


# --- what is told ----------------------------------------------------------------------------


def test_a_table_says_what_became_of_every_file(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        dev_tsv="s1\ts2\tscore\n天\t地\t0.5\n天\t\t1\n人\t间\t5\n一\t二\t3\n",
        test_tsv="天\t地\t1\n人\t间\t0\n",
        more_txt="一\n\n二\n三\n四\n",
    )
    lines = describe(TextFiles(folder).found()).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "file part columns rows kept dropped labels",
        "dev.tsv dev s1, s2, score 4 3 1 empty 0.5 to 5, 3 values",
        "test.tsv test 1, 2, 3 2 2 - 0 or 1",
        "more.txt pool 1 5 4 1 empty -",
        "dev.tsv begins: 天 / 人 / 一",
        "test.tsv begins: 天 / 人 / 地",
        "more.txt begins: 一 / 二 / 三",
    ]


def test_pairs_of_every_scale_are_as_they_are_written(tmp_path: Path) -> None:
    text = "".join(f"左{i}\t右{i}\t{label}\n" for i, label in enumerate(("-0.25", "0.5", "100")))
    folder = folder_of(tmp_path, dev_tsv=text, test_tsv=text, x_txt="一\n")
    assert load_sts(folder, "dev").scores.tolist() == [-0.25, 0.5, 100.0]


# --- real files ------------------------------------------------------------------------------

REAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real pairs are not there")
@pytest.mark.parametrize(
    ("source", "n_dev", "n_test"),
    [
        ("pairs/lcqmc-dev.txt", 2934, 2934),
        ("pairs/bustm", 160, 1772),
        ("applications/bq", 5001, 10000),
    ],
)
def test_real_pairs_are_read_as_they_lie_there(source: str, n_dev: int, n_test: int) -> None:
    data = load_study_data(REAL / source)
    assert (len(data.dev), len(data.test)) == (n_dev, n_test)
    assert set(data.dev.scores) == set(data.test.scores) == {0.0, 1.0}
    assert not {*data.held_out()} & {*data.pool.sentences}
