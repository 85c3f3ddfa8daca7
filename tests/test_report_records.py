from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from report_frames import (
    TABLES,
    TRAIN,
    baselines,
    both,
    claims,
    comparison,
    curve,
    differences,
    quantiles,
    sample,
    shared,
    write,
    write_all,
)

from simcse_core.report.records import Records, caption, read_records
from simcse_core.report.wording import CHINESE
from simcse_core.sources import SAMPLE_NAME
from simcse_core.uses import data as application_data


def records(frame: pd.DataFrame, **stamp: object) -> Records:
    fixed = {"dataset": "sample", "seeds": [0, 1, 2, 3, 4, 5, 6]}
    tiny = [plan("tiny"), plan("tiny", "mean")]
    return Records("table", frame, {**fixed, "plans": tiny, **stamp})


def plan(encoder: str, pooling: str = "cls", **train: object) -> dict[str, object]:
    return {"encoder": encoder, "pooling": pooling, "train": {**TRAIN, **train}}


# --- reading ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def every_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of every table."""
    return write_all(tmp_path_factory.mktemp("results"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_as_it_was_written(name: str, every_table: Path) -> None:
    found = read_records(every_table, name)
    assert found.name == name
    assert list(found.frame.columns) == list(TABLES[name].columns)
    assert len(found.frame) == len(TABLES[name])
    assert found.stamp["dataset"] == "sample"


def test_an_effect_keeps_its_sign_and_its_zeros(tmp_path: Path) -> None:
    write(tmp_path, "05_claims", claims())
    assert read_records(tmp_path, "05_claims").frame["effect"].tolist() == ["+0.200", "+0.010"]


def test_a_name_that_looks_like_a_gap_is_a_name(tmp_path: Path) -> None:
    write(tmp_path, "02_small_sample", curve(encoder="NA"))
    assert set(read_records(tmp_path, "02_small_sample").frame["encoder"]) == {"NA"}


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_table_that_is_not_there_names_the_notebook_that_writes_it(
    suffix: str, tmp_path: Path
) -> None:
    write(tmp_path, "03_differences", TABLES["03_differences"])
    (tmp_path / f"03_differences.{suffix}").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"03_differences\.{suffix} is not there; run .*03_large_data"
    ):
        read_records(tmp_path, "03_differences")


def test_a_table_of_a_notebook_that_is_unknown_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run notebooks/77_\*\.ipynb"):
        read_records(tmp_path, "77_curve")


def test_a_copy_of_a_notebook_is_not_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcse_core.report.records.PROJECT_ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in ("77_curve.ipynb", "77_curve-Copy1.ipynb", "77_Curve.ipynb"):
        (tmp_path / "notebooks" / name).touch()
    with pytest.raises(FileNotFoundError, match=r"run notebooks/77_curve\.ipynb"):
        read_records(tmp_path, "77_curve")


# --- what is no table --------------------------------------------------------------------------

NAME = "02_small_sample"


def cut_column(directory: Path) -> None:
    write(directory, NAME, curve().drop(columns="kind"))


def cut_rows(directory: Path) -> None:
    write(directory, NAME, curve()[:0])


def other_data(directory: Path) -> None:
    write(directory, NAME, curve().assign(dataset="other"))


def no_dataset(directory: Path) -> None:
    write(directory, NAME, curve(), dataset=None)


def by_hand(directory: Path) -> None:
    path = directory / f"{NAME}.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.4", "0.6"), encoding="utf-8")


def empty(directory: Path) -> None:
    (directory / f"{NAME}.csv").write_bytes(b"")


def no_text(directory: Path) -> None:
    (directory / f"{NAME}.csv").write_bytes(b"\x89PNG\xff\xfe")


def cut_stamp(directory: Path) -> None:
    (directory / f"{NAME}.json").write_text('{"dataset": "sam', encoding="utf-8")


def no_stamp(directory: Path) -> None:
    (directory / f"{NAME}.json").write_text("[1, 2]", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (cut_column, "no column 'kind'"),
        (cut_rows, "holds no rows"),
        (other_data, "was measured on other, while its stamp names sample"),
        (no_dataset, "names no dataset"),
        (by_hand, "was changed after it was written"),
        (empty, "damaged"),
        (no_text, "damaged"),
        (cut_stamp, "damaged"),
        (no_stamp, "damaged"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_run_again(
    spoil: Callable[[Path], None], what: str, tmp_path: Path
) -> None:
    write(tmp_path, NAME, TABLES[NAME])
    spoil(tmp_path)
    with pytest.raises(ValueError, match=rf"{NAME}.*{what}.*; run .*{NAME}"):
        read_records(tmp_path, NAME)


# --- captions --------------------------------------------------------------------------------


def test_a_caption_says_data_parts_seeds_and_settings() -> None:
    assert caption(records(curve())).splitlines() == [
        "sample · dev and test · seeds 0, 1",
        "tiny: [CLS] pooling, batch 64, learning rate 0.0005, dropout 0.3, temperature 0.05",
    ]


def test_a_caption_has_the_seeds_of_the_rows_whatever_was_asked_for() -> None:
    assert "dev · seed 0" in caption(records(quantiles()))
    assert "seeds 0, 1\n" in caption(records(curve(), seeds=[7, 8, 9]))


@pytest.mark.parametrize(
    ("counts", "told"),
    [([3, 5], "3 to 5 seeds"), ([3, 3], "3 seeds"), ([1, 1], "1 seed"), ([0, 2], "2 seeds")],
)
def test_a_derived_table_says_how_many_seeds_its_means_are_over(
    counts: list[int], told: str
) -> None:
    table = sample()
    some = table["n_sentences"] == 50
    table.loc[some, "n_seeds"], table.loc[~some, "n_seeds"] = counts
    assert caption(records(table)).splitlines()[0] == f"sample · dev and test · {told}"


@pytest.mark.parametrize("table", [shared(), claims(), differences().assign(n_seeds=0)])
def test_a_table_that_does_not_tell_its_seeds_has_none_in_its_caption(table: pd.DataFrame) -> None:
    assert "seed" not in caption(records(table))


def test_encoders_are_those_in_the_rows_and_share_a_line_if_they_share_their_settings() -> None:
    plans = [plan(name, "mean") for name in ("one", "two", "absent")]
    plans.append(plan("three", "mean", batch_size=16))
    table = pd.concat([curve(encoder=name, pooling="mean") for name in ("one", "two", "three")])
    assert [
        line.partition(",  ")[0] for line in caption(records(table, plans=plans)).splitlines()[1:]
    ] == [
        "one, two: mean pooling, batch 64, learning rate 0.0005, dropout 0.3, temperature 0.05",
        "three: mean pooling, batch 16, learning rate 0.0005, dropout 0.3, temperature 0.05",
    ]


def test_training_settings_are_told_only_where_something_was_trained() -> None:
    assert caption(records(baselines())).splitlines()[1] == "tiny: [CLS] and mean pooling"
    assert "batch 64" in caption(records(comparison()))


@pytest.mark.parametrize(
    ("precision", "ending"),
    [
        ("float32", "temperature 0.05"),
        ("bfloat16", "temperature 0.05, precision bfloat16"),
        ("auto", "temperature 0.05, precision auto"),
    ],
)
def test_a_precision_other_than_float32_is_told(precision: str, ending: str) -> None:
    plans = [plan("tiny", precision=precision)]
    assert caption(records(curve(), plans=plans)).endswith(ending)


def test_every_pooling_of_the_rows_is_told_and_cls_first() -> None:
    table = pd.concat([curve(pooling="mean"), curve()])
    assert "tiny: [CLS] and mean pooling, batch" in caption(records(table))


def test_poolings_of_other_settings_have_lines_of_their_own() -> None:
    table = pd.concat([curve(), curve(pooling="mean")])
    plans = [plan("tiny"), plan("tiny", "mean", learning_rate=1e-4)]
    assert caption(records(table, plans=plans)).splitlines()[1:] == [
        "tiny: [CLS] pooling, batch 64, learning rate 0.0005, dropout 0.3, temperature 0.05",
        "tiny: mean pooling, batch 64, learning rate 0.0001, dropout 0.3, temperature 0.05",
    ]


def test_a_table_without_poolings_of_its_own_tells_those_that_were_planned() -> None:
    assert "tiny: [CLS] and mean pooling, batch 64" in caption(records(claims()))


def test_a_weighted_mean_does_not_give_the_encoder_its_pooling() -> None:
    fitted = both(0.4, 0.4, method="idf-mean", pooling="mean", n_train=20)
    assert "tiny: [CLS] pooling, batch" in caption(records(pd.concat([curve(), fitted])))


def test_a_caption_is_in_chinese_too() -> None:
    assert caption(records(curve()), "zh").splitlines() == [
        "sample · 验证集和测试集 · 种子 0、1",
        "tiny：[CLS] 池化，批大小 64，学习率 0.0005，dropout 0.3，温度 0.05",
    ]
    assert "2 至 5 个种子" in caption(records(sample()), "zh")


def test_a_stamp_is_what_json_gives_back(tmp_path: Path) -> None:
    write(tmp_path, "05_claims", claims(), made_from={"02_differences": "aa" * 32})
    found = read_records(tmp_path, "05_claims").stamp
    written = json.loads((tmp_path / "05_claims.json").read_text(encoding="utf-8"))
    assert found == {key: value for key, value in written.items() if key != "checksum"}


def test_a_caption_says_what_spearman_can_reach_where_labels_take_two_values(
    tmp_path: Path,
) -> None:
    write(tmp_path, "02_small_sample", TABLES["02_small_sample"], ceilings={"test": 0.75**0.5})
    told = caption(read_records(tmp_path, "02_small_sample")).splitlines()
    assert told[-1] == "labels take two values: Spearman is at most 0.866 on test"
    write(tmp_path, "02_small_sample", TABLES["02_small_sample"])
    assert caption(read_records(tmp_path, "02_small_sample")).splitlines() == told[:-1]


def test_the_data_that_comes_along_has_a_chinese_name() -> None:
    frame = curve().assign(dataset=SAMPLE_NAME)
    told = [caption(records(frame, dataset=SAMPLE_NAME), language) for language in ("en", "zh")]
    assert [text.split(" · ")[0] for text in told] == [SAMPLE_NAME, "随附样本（非 CNSD）"]
    assert {SAMPLE_NAME, application_data.SAMPLE_NAME} <= set(CHINESE)
