from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from simcse_core.reading import (
    chosen_table,
    curve_table,
    difference_table,
    read_baselines,
    read_comparison,
    read_curve,
    report_table,
    sample_rows,
    sample_table,
    shared_table,
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


def both(dev: float, test: float | Sequence[float], **columns: object) -> pd.DataFrame:
    return pd.concat([rows("dev", dev, **columns), rows("test", test, **columns)])


BASELINES = joined(
    both(0.6, 0.51, encoder="none", pooling=None, method="tfidf-char"),
    both(0.5, 0.56, encoder="none", pooling=None, method="tfidf-word"),
    both(0.3, 0.31, method="untrained"),
    both(0.4, 0.44, method="untrained", pooling="mean"),
    both(0.2, 0.22, method="untrained", encoder="other"),
    both(0.45, [0.48, 0.5], method="whitening", pooling="mean"),
    both(0.35, [0.7, 0.9], method="whitening", pooling="cls"),
    both(0.4, 0.46, method="idf-mean", pooling="mean"),
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


def test_baselines_are_chosen_on_dev_and_told_on_test() -> None:
    # On test tfidf-word and whitened [CLS] would be best; dev says otherwise.
    said = read_baselines(BASELINES)
    assert "counting alone reaches **0.510** (tfidf-char)" in said
    assert "[CLS] gives 0.220 to 0.310 over the encoders" in said
    assert "and the best pooling, 0.440 (tiny, mean)" in said
    assert "weighted by IDF reach 0.460 (tiny, mean)" in said
    assert "Whitening reaches 0.490 [0.480, 0.500] (tiny, mean)" in said


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
    assert "Choosing the point on dev gives 1 epoch and on test 0.400" in said


def test_a_curve_tells_what_is_fitted_on_as_many_sentences() -> None:
    fitted = [rows("test", v, method="whitening", n_train=n) for n, v in ((50, 0.1), (1200, 0.45))]
    said = read_curve(joined(CURVE, *fitted), "n_train")
    assert said.endswith("Fitted on the same 1,200 sentences, without training: whitening 0.450.")
    assert "the last point gives 0.520 [0.510, 0.530]" in said


def test_a_comparison_has_a_line_for_each_encoder() -> None:
    said = read_comparison(
        joined(
            rows("test", [0.3, 0.3], method="untrained"),
            rows("test", [0.5, 0.6], method="unsup-simcse"),
            rows("test", [0.1, 0.2], method="sup-simcse", n_train=16),
            rows("test", [0.7, 0.7], method="sup-simcse", n_train=300),
            rows("test", 0.2, method="untrained", encoder="other"),
            rows("test", 0.4, method="unsup-simcse", encoder="other"),
        )
    )
    assert said.splitlines()[2:] == [
        "- tiny: 0.300 before, 0.550 [0.500, 0.600] after SimCSE, 0.700 after "
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


def test_a_curves_table_has_a_line_for_each_point_and_a_column_for_each_method() -> None:
    fitted = rows("test", [0.2, 0.25], method="whitening", n_train=400)
    table = curve_table(joined(CURVE, fitted), "n_train", "test")
    assert table.index.name == "sentences (test)"
    assert table.index.tolist() == ["0", "50", "400", "1,200"]
    assert list(table.columns) == ["untrained", "whitening", "unsup-simcse"]
    assert table.loc["400"].tolist() == [
        "",
        "0.2250 [0.2000, 0.2500]",
        "0.5200 [0.5000, 0.5400]",
    ]
    assert table.loc["0"].tolist() == ["0.3000", "", ""]


def test_the_last_step_stands_beside_the_best_on_dev() -> None:
    table = chosen_table(CURVE, "n_train")
    assert table.index.tolist() == [
        "untrained",
        "best on dev: 400 sentences",
        "last step: 1,200 sentences",
    ]
    assert table.loc["best on dev: 400 sentences"].tolist() == [
        "0.6100 [0.6000, 0.6200]",
        "0.5200 [0.5000, 0.5400]",
    ]
    assert table.loc["last step: 1,200 sentences", "test"] == "0.5200 [0.5100, 0.5300]"


def sized(method: str, n: int, value: float | Sequence[float], **columns: object) -> pd.DataFrame:
    fixed = {"method": method, "n_train": n, "dataset": "d", "ci_low": 0.1, "ci_high": 0.9}
    return rows("test", value, **{**fixed, **columns})


SMALL = joined(
    sized("untrained", 0, [0.3, 0.3]),
    sized("unsup-simcse", 50, [0.4, 0.5]),
    sized("unsup-simcse", 200, [0.5, 0.5]),
    sized("tfidf-char", 50, [0.6, 0.8], encoder="none", pooling=None),
)
LARGE = joined(
    sized("untrained", 0, 0.3),
    sized("unsup-simcse", 200, 0.9),
    sized("unsup-simcse", 5000, 0.6),
    sized("unsup-simcse", 9000, 0.9),
)
LABELLED = joined(
    sized("untrained", 0, 0.3),
    sized("unsup-simcse", 200, 0.9),
    sized("unsup-simcse", 9000, [0.7, 0.72]),
    sized("unsup-simcse", 9000, 0.99, encoder="other"),
    sized("sup-simcse", 16, 0.45),  # 48 sentences
    sized("sup-simcse", 3000, 0.8),
    sized("sup-simcse", 3000, 0.99, encoder="other"),
)


def test_methods_are_compared_at_the_nearest_size_measured() -> None:
    found = sample_rows(SMALL, LARGE, LABELLED, [60, 10000]).set_index(["n_sentences", "method"])
    assert found.index.tolist() == [
        (50, "untrained"),
        (50, "unsup-simcse"),
        (50, "tfidf-char"),
        (50, "sup-simcse"),
        (9000, "untrained"),
        (9000, "unsup-simcse"),
        (9000, "sup-simcse"),
    ]
    trained = found.loc[(50, "unsup-simcse")]
    assert trained[["mean", "min", "max", "n_seeds"]].tolist() == [0.45, 0.4, 0.5, 2]
    assert found.loc[(9000, "sup-simcse"), "mean"] == 0.8
    assert trained[["pair_low", "pair_high"]].tolist() == pytest.approx([0.1, 0.9])


def test_what_draws_from_the_small_samples_pool_wins_and_a_size_stands_once() -> None:
    found = sample_rows(SMALL, LARGE, LABELLED, [200, 210, 4000, 10000])
    trained = found[found["method"] == "unsup-simcse"]
    assert trained[["n_sentences", "mean", "n_seeds"]].to_numpy().tolist() == [
        [200, 0.5, 2],
        [5000, 0.6, 1],
        [9000, 0.71, 2],
    ]


def test_the_table_of_methods_has_a_column_for_each_size() -> None:
    table = sample_table(sample_rows(SMALL, LARGE, LABELLED, [50, 200, 10000]))
    assert list(table.columns) == ["50 sentences", "200 sentences", "9,000 sentences"]
    assert table.index.tolist() == [
        ("test", "untrained"),
        ("test", "tfidf-char"),
        ("test", "unsup-simcse"),
        ("test", "sup-simcse"),
    ]
    assert table.loc[("test", "tfidf-char")].tolist() == ["0.7000 [0.6000, 0.8000]", "–", "–"]
    assert table.loc[("test", "sup-simcse")].tolist() == ["0.4500", "–", "0.8000"]


def test_differences_are_told_at_the_last_point_with_both_intervals() -> None:
    ends = {"value": 0.1, "seed_low": 0.05, "seed_high": 0.15, "pair_low": -0.1, "pair_high": 0.3}
    places = [
        ("a", 50, "untrained", 0),
        ("a", 800, "untrained", 0),
        ("a", 800, "b", 800),
        ("a", 800, "a", 50),
        ("a", 800, "a", 400),
    ]
    names = ["after", "after_at", "before", "before_at"]
    frame = pd.DataFrame(places, columns=names).assign(split="test", encoder="tiny", **ends)
    frame.loc[2, ["seed_low", "seed_high"]] = float("nan")
    table = difference_table(pd.concat([frame, frame.assign(split="dev", value=9.0)]))
    assert table.index.tolist() == ["a 800 − untrained", "a 800 − b 800", "a 800 − a 50"]
    assert table["mean"].tolist() == ["+0.1000"] * 3
    assert table["over seeds"].tolist() == ["[+0.0500, +0.1500]", "", "[+0.0500, +0.1500]"]
    assert table["over pairs"].tolist() == ["[-0.1000, +0.3000]"] * 3


def test_sharing_is_told_beside_the_number_of_pairs() -> None:
    frame = pd.DataFrame(
        {
            "encoder": ["none", "none"],
            "pooling": [float("nan")] * 2,
            "method": ["tfidf-char"] * 2,
            "split": ["dev", "test"],
            "all": [0.5, 0.6],
            "kept": [0.4, 0.7],
            "pairs": [1458, 1361],
            "kept_pairs": [1160, 1044],
        }
    )
    table = shared_table(frame)
    assert table.loc[("none", "", "tfidf-char")].to_dict() == {
        "dev, all 1,458 pairs": "0.5000",
        "dev, kept 1,160 pairs": "0.4000",
        "test, all 1,361 pairs": "0.6000",
        "test, kept 1,044 pairs": "0.7000",
    }


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


# --- what is missing -------------------------------------------------------------------------

NAN = float("nan")
WHY = "the loss is nan at step 2; lower learning_rate"


def broken(values: list[float], n: int) -> pd.DataFrame:
    gaps = [WHY if value != value else NAN for value in values]
    return pd.concat(
        rows(split, values, method="unsup-simcse", n_train=n, epoch=1.0, missing=gaps)
        for split in ("dev", "test")
    )


def test_a_missing_value_is_told_with_its_reason_and_is_never_chosen() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([0.4], 50), broken([NAN], 400))
    table = chosen_table(curve, "n_train")
    assert table.index.tolist()[1:] == ["best on dev: 50 sentences", "last step: 400 sentences"]
    assert table["test"].tolist() == ["0.3000", "0.4000", "missing: the loss is nan at step 2"]
    cells = curve_table(curve, "n_train", "test")["unsup-simcse"]
    assert cells.tolist() == ["", "0.4000", "missing: the loss is nan at step 2"]
    assert "missing: the loss is nan at step 2 at 400 sentences" in read_curve(curve, "n_train")


def test_where_one_seed_is_missing_the_mean_says_of_how_many_it_is() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([0.4, NAN, 0.6], 50))
    said = chosen_table(curve, "n_train").loc["last step: 50 sentences", "test"]
    assert said == "0.5000 [0.4000, 0.6000], 1 of 3 missing: the loss is nan at step 2"


def test_where_all_is_missing_the_tables_are_written_all_the_same() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([NAN], 50), broken([NAN], 400))
    assert chosen_table(curve, "n_train").index[1] == "best on dev: 50 sentences"
    assert spearman_table(curve, ["method", "n_train"])["test"].tolist().count("missing") == 2
