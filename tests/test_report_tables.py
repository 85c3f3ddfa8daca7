from __future__ import annotations

import pandas as pd
import pytest
from report_frames import both, claims, differences, joined, rows, sample, shared

from simcse_core.report.tables import (
    chosen_table,
    claims_table,
    curve_table,
    difference_table,
    last_table,
    mean_and_range,
    published_table,
    sample_table,
    shared_table,
    spearman_table,
    to_markdown,
    verdicts_table,
)

# On dev 400 sentences are best (0.61); on test 1,200 are as good in the mean.
CURVE = joined(
    both([0.3, 0.3], [0.3, 0.3], method="untrained"),
    *(
        both(dev, test, method="unsup-simcse", n_train=n, epoch=1.0)
        for n, dev, test in (
            (50, [0.4, 0.4], [0.4, 0.42]),
            (400, [0.6, 0.62], [0.5, 0.54]),
            (1200, [0.55, 0.6], [0.51, 0.53]),
        )
    ),
)


def protocols(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows under the mean of tokens, which comes first, and under [CLS], 0.1 lower."""
    lower = table.assign(pooling="cls", value=table["value"] - 0.1)
    return pd.concat([table.assign(pooling="mean"), lower], ignore_index=True)


# --- any results -----------------------------------------------------------------------------


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
    assert table.index.tolist() == [
        ("none", "", "TF-IDF (characters)"),
        ("tiny", "[CLS]", "untrained"),
    ]


def test_a_line_that_would_be_a_mean_over_sizes_is_refused_by_the_column_that_is_lacking() -> None:
    with pytest.raises(ValueError, match=r"keys \['encoder'\]: .*means over method, n_train"):
        spearman_table(CURVE, ["encoder"])


def test_the_last_size_of_each_method_has_a_table_of_its_own() -> None:
    table = last_table(CURVE, ["method"])
    assert table["dev"].tolist() == ["0.3000", "0.5750 [0.5500, 0.6000]"]
    assert table.index.tolist() == ["untrained", "unsupervised SimCSE"]


# --- curves ----------------------------------------------------------------------------------


def test_a_curves_table_has_a_line_for_each_point_and_a_column_for_each_method() -> None:
    fitted = rows("test", [0.2, 0.25], method="whitening", n_train=400)
    table = curve_table(joined(CURVE, fitted), "n_train", "test")
    assert table.index.name == "sentences (test)"
    assert table.index.tolist() == ["0", "50", "400", "1,200"]
    assert list(table.columns) == ["untrained", "whitening", "unsupervised SimCSE"]
    assert table.loc["400"].tolist() == [
        "",
        "0.2250 [0.2000, 0.2500]",
        "0.5200 [0.5000, 0.5400]",
    ]
    assert table.loc["0"].tolist() == ["0.3000", "", ""]


def test_a_curve_of_two_poolings_tells_them_apart_with_cls_first() -> None:
    table = curve_table(protocols(CURVE), "n_train", "test")
    assert table.index.names == ["pooling", "sentences (test)"]
    assert table.index.unique("pooling").tolist() == ["[CLS]", "mean"]
    assert table.loc[("[CLS]", "400"), "unsupervised SimCSE"] == "0.4200 [0.4000, 0.4400]"
    assert table.loc[("mean", "400"), "unsupervised SimCSE"] == "0.5200 [0.5000, 0.5400]"


def test_the_last_point_stands_beside_the_best_on_dev() -> None:
    table = chosen_table(CURVE, "n_train")
    assert table.index.name == "unsupervised SimCSE"
    assert table.index.tolist() == [
        "untrained",
        "best on dev: 400 sentences",
        "last: 1,200 sentences",
    ]
    assert table.loc["best on dev: 400 sentences"].tolist() == [
        "0.6100 [0.6000, 0.6200]",
        "0.5200 [0.5000, 0.5400]",
    ]
    assert table.loc["last: 1,200 sentences", "test"] == "0.5200 [0.5100, 0.5300]"


def test_not_to_train_is_chosen_where_training_is_worse_on_dev() -> None:
    table = chosen_table(
        joined(
            both(0.7, 0.3, method="untrained"),
            both(0.6, 0.5, method="unsup-simcse", n_train=50),
        ),
        "n_train",
    )
    assert table.index.tolist() == ["untrained", "best on dev: untrained", "last: 50 sentences"]
    assert table["test"].tolist() == ["0.3000", "0.3000", "0.5000"]


def test_each_trained_method_has_its_best_and_its_last_point() -> None:
    other = both(0.65, 0.6, method="esimcse", n_train=50)
    table = chosen_table(joined(CURVE, other), "n_train")
    assert table.index.tolist() == [
        ("", "untrained"),
        ("unsupervised SimCSE", "best on dev: 400 sentences"),
        ("unsupervised SimCSE", "last: 1,200 sentences"),
        ("ESimCSE", "best on dev: 50 sentences"),
        ("ESimCSE", "last: 50 sentences"),
    ]


# --- tables of derived results ---------------------------------------------------------------


def test_the_table_of_methods_has_a_column_for_each_size() -> None:
    found = sample()
    lacking = (found["method"] == "tfidf-char") & (found["n_sentences"] == 10000)
    table = sample_table(found[~lacking].assign(max=lambda rows: rows["mean"] + 0.01))
    assert list(table.columns) == ["50 sentences", "10,000 sentences"]
    assert table.loc["test"].index.tolist() == [
        "untrained",
        "TF-IDF (characters)",
        "unsupervised SimCSE",
        "supervised SimCSE",
    ]
    assert table.index.unique("split").tolist() == ["dev", "test"]
    assert table.loc[("test", "TF-IDF (characters)")].tolist() == ["0.4500 [0.4500, 0.4600]", "–"]


def test_differences_are_told_at_the_last_point_with_both_intervals() -> None:
    table = difference_table(differences())
    assert table.index.name == "difference (test)"
    assert table.index.tolist() == [
        "unsupervised SimCSE 800 − untrained",
        "unsupervised SimCSE 800 − whitening 800",
        "unsupervised SimCSE 800 − unsupervised SimCSE 50",
    ]
    assert table["mean"].tolist() == ["+0.1000"] * 3
    assert table["over seeds"].tolist() == ["[+0.0500, +0.1500]", "", "[+0.0500, +0.1500]"]
    assert table["over pairs"].tolist() == ["[-0.1000, +0.3000]"] * 3


def test_in_chinese_a_size_stands_apart_from_the_name_before_it() -> None:
    found = differences().replace({"before": {"whitening": "tfidf-char"}})
    lines = difference_table(found, language="zh").index.tolist()
    assert lines[:2] == ["无监督 SimCSE 800 − 未训练", "无监督 SimCSE 800 − TF-IDF（字）800"]


def test_differences_of_two_poolings_say_which() -> None:
    table = difference_table(differences().assign(pooling="cls"))
    assert table["pooling"].tolist() == ["[CLS]"] * 3


def test_sharing_is_told_beside_the_number_of_pairs() -> None:
    table = shared_table(shared())
    assert table.loc[("none", "", "TF-IDF (characters)")].to_dict() == {
        "dev, all 1,458 pairs": "0.5000",
        "dev, the unshared 1,160 pairs": "0.4000",
        "test, all 1,361 pairs": "0.6000",
        "test, the unshared 1,044 pairs": "0.7000",
    }


def test_claims_are_shown_as_they_were_written() -> None:
    table = claims_table(claims())
    assert table.loc["A rise"].to_dict() == {
        "criterion": "at least 0.1",
        "encoder": "tiny",
        "[CLS]: verdict": "supported",
        "mean: verdict": "not supported",
        "[CLS]: effect": "+0.200",
        "[CLS]: over seeds": "[+0.100, +0.300]",
        "[CLS]: over pairs": "[+0.1, +0.3]",
        "mean: effect": "+0.050",
        "mean: over seeds": "[+0.040, +0.060]",
        "mean: over pairs": "[+0.0, +0.1]",
    }


def test_claims_under_one_protocol_have_its_columns_alone() -> None:
    one = claims()
    one[[name for name in one if name.startswith("second_")]] = float("nan")  # as a CSV has it
    assert list(claims_table(one).columns) == [
        *("criterion", "encoder", "[CLS]: verdict"),
        *("[CLS]: effect", "[CLS]: over seeds", "[CLS]: over pairs"),
    ]


def test_an_effect_of_another_encoder_under_the_second_protocol_names_it() -> None:
    table = claims_table(claims().assign(second_encoder=["other", "tiny"]))
    assert table["mean: effect"].tolist() == ["+0.050 (other)", "+0.010"]


def test_what_the_protocol_changes_in_a_verdict_is_told() -> None:
    table = verdicts_table(claims())
    assert list(table.columns) == ["encoder", "[CLS]", "mean", "the same"]
    assert table.loc["A rise"].tolist() == ["tiny", "supported", "not supported", "no"]
    assert table.loc["Flat after"].tolist() == ["tiny", "undecided", "undecided", "yes"]


def test_where_encoders_have_another_best_pooling_each_effect_says_which() -> None:
    table = claims_table(claims().assign(second_pooling=["mean", "best"]))
    assert table["best pooling of each: effect"].tolist() == [
        "+0.050 (mean)",
        "+0.010 (best pooling of each)",
    ]


PUBLISHED = {
    "dev": {"BERT-BASE": 0.4228, "BERT-wwm": 0.4465},
    "test": {"BERT-BASE": 0.3395, "BERT-wwm": 0.3408},
}


def test_the_reports_numbers_stand_beside_those_of_the_encoder_in_their_place() -> None:
    ours = joined(
        both(0.41, 0.33, method="untrained", encoder="bert-base-chinese@8f23c25"),
        both(0.9, 0.9, method="untrained", encoder="bert-base-chinese@8f23c25", pooling="mean"),
        both(0.9, 0.9, method="whitening", encoder="bert-base-chinese@8f23c25"),
        both(0.9, 0.9, method="untrained", encoder="some-bert"),
    )
    assert to_markdown(published_table(PUBLISHED, ours)).splitlines() == [
        "| the report | the report, dev | the report, test | here | here, dev | here, test |",
        "|---|---|---|---|---|---|",
        "| BERT-BASE | 0.4228 | 0.3395 | bert-base-chinese@8f23c25 | 0.4100 | 0.3300 |",
        "| BERT-wwm | 0.4465 | 0.3408 |  |  |  |",
    ]


def test_where_no_encoder_takes_their_place_the_reports_numbers_stand_alone() -> None:
    ours = both(0.8, 0.7, method="untrained", encoder="e5-small-zh")
    assert to_markdown(published_table(PUBLISHED, ours)).splitlines() == [
        "| the report | the report, dev | the report, test |",
        "|---|---|---|",
        "| BERT-BASE | 0.4228 | 0.3395 |",
        "| BERT-wwm | 0.4465 | 0.3408 |",
    ]


# --- Markdown and Chinese --------------------------------------------------------------------


def test_markdown_has_a_header_a_rule_and_a_line_for_each_row() -> None:
    table = pd.DataFrame({"dev": ["0.1"], "test": ["0.2"]}, index=pd.Index([50], name="n_train"))
    assert to_markdown(table).splitlines() == [
        "| n_train | dev | test |",
        "|---|---|---|",
        "| 50 | 0.1 | 0.2 |",
    ]


def test_a_bar_in_a_name_does_not_break_a_line_in_two() -> None:
    table = pd.DataFrame({"dev": ["0.1"]}, index=pd.Index(["a|b"], name="encoder"))
    assert to_markdown(table).splitlines()[2] == r"| a\|b | 0.1 |"


@pytest.mark.parametrize(
    "table",
    [
        spearman_table(CURVE, ["method", "n_train"], language="zh"),
        curve_table(CURVE, "n_train", language="zh"),
        chosen_table(protocols(CURVE), "n_train", language="zh"),
        difference_table(differences(), language="zh"),
        sample_table(sample(), language="zh"),
        shared_table(shared(), language="zh"),
        claims_table(claims(), language="zh"),
        published_table(
            PUBLISHED,
            both(0.41, 0.33, method="untrained", encoder="bert-base-chinese"),
            language="zh",
        ),
    ],
)
def test_every_head_of_a_chinese_table_is_chinese(table: pd.DataFrame) -> None:
    # TF-IDF and SimCSE keep their names, with a Chinese word beside them.
    heads = [str(head) for head in table.reset_index().columns]
    assert [head for head in heads if not any("\u4e00" <= c <= "\u9fff" for c in head)] == []


def test_methods_and_verdicts_have_their_chinese_names() -> None:
    assert sample_table(sample(), language="zh").index[0] == ("验证集", "未训练")
    assert claims_table(claims(), language="zh")["[CLS]：判定"].tolist() == ["支持", "无法判定"]


# --- what is missing -------------------------------------------------------------------------

NAN = float("nan")
WHY = "the loss is nan at step 2; lower learning_rate"


def broken(values: list[float], n: int) -> pd.DataFrame:
    gaps = [WHY if value != value else NAN for value in values]
    return both(values, values, method="unsup-simcse", n_train=n, epoch=1.0, missing=gaps)


def test_a_missing_value_is_told_with_its_reason_and_is_never_chosen() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([0.4], 50), broken([NAN], 400))
    table = chosen_table(curve, "n_train")
    assert table.index.tolist()[1:] == ["best on dev: 50 sentences", "last: 400 sentences"]
    assert table["test"].tolist() == ["0.3000", "0.4000", "missing: the loss is nan at step 2"]
    cells = curve_table(curve, "n_train", "test")["unsupervised SimCSE"]
    assert cells.tolist() == ["", "0.4000", "missing: the loss is nan at step 2"]


def test_where_one_seed_is_missing_the_mean_says_of_how_many_it_is() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([0.4, NAN, 0.6], 50))
    said = chosen_table(curve, "n_train").loc["last: 50 sentences", "test"]
    assert said == "0.5000 [0.4000, 0.6000], 1 of 3 missing: the loss is nan at step 2"


def test_where_all_is_missing_the_tables_are_written_all_the_same() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([NAN], 50), broken([NAN], 400))
    assert chosen_table(curve, "n_train").index[1] == "best on dev: untrained"
    told = spearman_table(curve, ["method", "n_train"])["test"].tolist()
    assert told.count("missing: the loss is nan at step 2") == 2


def test_where_dev_has_no_value_at_all_nothing_is_chosen() -> None:
    curve = joined(rows("test", 0.3, method="untrained"), broken([NAN], 50))
    table = chosen_table(curve, "n_train")
    assert table.index.tolist() == ["untrained", "last: 50 sentences"]


def test_a_value_without_a_reason_is_missing_and_no_row_is_nothing() -> None:
    row = rows("test", [NAN], method="untrained")
    assert mean_and_range(row) == "missing"
    assert mean_and_range(row[:0]) == ""
