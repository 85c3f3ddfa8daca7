from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from simcse_core.reading import (
    read_baselines,
    read_comparison,
    read_curve,
    report_table,
    spearman_table,
    to_markdown,
)


def rows(split: str, value: float | Sequence[float], **columns: object) -> pd.DataFrame:
    values = value if isinstance(value, list) else [value]
    fixed = {"metric": "spearman", "encoder": "tiny", "pooling": "cls", "n_train": 0, "epoch": 0.0}
    own = {"split": split, "value": values, "seed": range(len(values))}
    return pd.DataFrame({**fixed, **own, **columns})


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    """The frames together with rows that must not be read: another metric, far off."""
    table = pd.concat(frames, ignore_index=True)
    return pd.concat([table, table.assign(metric="uniformity", value=-7.0)], ignore_index=True)


BASELINES = joined(
    rows("test", 0.51, encoder="none", method="tfidf-char"),
    rows("test", 0.56, encoder="none", method="tfidf-word"),
    rows("dev", 0.99, encoder="none", method="tfidf-word"),
    rows("test", 0.31, method="untrained"),
    rows("test", 0.44, method="untrained", pooling="mean"),
    rows("test", 0.22, method="untrained", encoder="other"),
    rows("test", 0.48, method="whitening", pooling="mean"),
)
CURVE = joined(
    rows("test", [0.3, 0.3], method="untrained"),
    rows("dev", [0.3, 0.3], method="untrained"),
    *(
        rows(split, values, method="unsup-simcse", n_train=n, epoch=1.0)
        for split, n, values in (
            ("test", 50, [0.4, 0.42]),
            ("test", 400, [0.5, 0.54]),
            ("test", 1200, [0.51, 0.53]),
            ("dev", 50, [0.4, 0.4]),
            ("dev", 400, [0.6, 0.62]),
            ("dev", 1200, [0.55, 0.6]),
        )
    ),
)


def test_baselines_are_told_on_test_with_their_best() -> None:
    said = read_baselines(BASELINES)
    assert "counting alone reaches **0.560** (tfidf-word)" in said
    assert "[CLS] gives 0.220 to 0.310 over the encoders" in said
    assert "best pooling of any, mean of tiny, 0.440" in said
    assert "reaches 0.480 (tiny, mean)" in said


def test_a_curve_is_told_at_its_first_middle_and_last_point_on_test() -> None:
    said = read_curve(CURVE, "n_train")
    assert "untrained encoder has 0.300" in said
    assert "0.410 [0.400, 0.420] at 50 sentences" in said
    assert "0.520 [0.500, 0.540] at 400 sentences" in said
    assert "0.520 [0.510, 0.530] at 1,200 sentences" in said
    assert "2 seeds" in said


def test_the_point_is_chosen_on_dev_and_told_on_test() -> None:
    # On dev 400 sentences are best (0.61); on test nothing chooses.
    said = read_curve(CURVE, "n_train")
    assert "Choosing the point on dev gives 400 sentences and on test 0.520 [0.500, 0.540]" in said
    assert "the last point gives 0.520 [0.510, 0.530]" in said


def test_one_seed_is_told_without_a_range() -> None:
    said = read_curve(CURVE[CURVE["seed"] == 0], "n_train")
    assert "Trained, it has 0.400 at 50 sentences, " in said
    assert "1 seed)" in said


def test_a_curve_over_epochs_speaks_of_epochs() -> None:
    epochs = joined(
        rows("test", 0.3, method="untrained"),
        *(
            rows(split, value, method="unsup-simcse", n_train=100, epoch=epoch)
            for split, epoch, value in (
                ("test", 1.0, 0.4),
                ("test", 2.0, 0.5),
                ("dev", 1.0, 0.7),
                ("dev", 2.0, 0.6),
            )
        ),
    )
    said = read_curve(epochs, "epoch")
    assert "0.500 at 2 epochs" in said
    assert "Choosing the point on dev gives 1 epochs and on test 0.400" in said


def test_a_comparison_has_a_line_for_each_encoder() -> None:
    said = read_comparison(
        joined(
            rows("test", [0.3, 0.3], method="untrained"),
            rows("test", [0.5, 0.6], method="unsup-simcse"),
            rows("test", [0.7, 0.7], method="sup-simcse"),
            rows("test", 0.2, method="untrained", encoder="other"),
            rows("test", 0.4, method="unsup-simcse", encoder="other"),
        )
    )
    assert said.splitlines()[2:] == [
        "- tiny: 0.300 before, 0.550 [0.500, 0.600] after SimCSE, 0.700 [0.700, 0.700] after "
        "supervised SimCSE on as many sentences",
        "- other: 0.200 before, 0.400 after SimCSE",
    ]


def test_a_table_has_dev_and_test_with_the_range_over_seeds() -> None:
    table = spearman_table(CURVE, ["n_train"])
    assert list(table.columns) == ["dev", "test"]
    assert table.loc[400].tolist() == ["0.6100 [0.6000, 0.6200]", "0.5200 [0.5000, 0.5400]"]
    assert table.loc[0].tolist() == ["0.3000", "0.3000"]
    assert table.index.tolist() == [0, 50, 400, 1200]


def test_a_method_without_pooling_keeps_its_line_in_the_table() -> None:
    # TF-IDF has no pooling; pandas drops missing keys from a grouping unless told otherwise.
    results = joined(
        rows("test", 0.5, encoder="none", method="tfidf-char", pooling=float("nan")),
        rows("test", 0.3, method="untrained"),
    )
    table = spearman_table(results, ["encoder", "pooling", "method"])
    assert table.index.get_level_values("method").tolist() == ["tfidf-char", "untrained"]


def test_markdown_has_a_header_a_rule_and_a_line_for_each_row() -> None:
    table = pd.DataFrame({"dev": ["0.1"], "test": ["0.2"]}, index=pd.Index([50], name="n_train"))
    assert to_markdown(table).splitlines() == [
        "| n_train | dev | test |",
        "|---|---|---|",
        "| 50 | 0.1 | 0.2 |",
    ]


@pytest.mark.parametrize(("encoder", "line"), [("A", "| A | 0.1000 | 0.3000 |")])
def test_the_reports_numbers_become_a_table(encoder: str, line: str) -> None:
    lines = report_table({"dev": {encoder: 0.1}, "test": {encoder: 0.3}}).splitlines()
    assert lines == ["| encoder, untrained | dev | test |", "|---|---|---|", line]
