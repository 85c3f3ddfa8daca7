"""How encoders of others are told and drawn: each by its name, apart from what is studied."""

from __future__ import annotations

import pandas as pd
import pytest
from report_frames import MADE, baselines, both, comparison, curve, ready_made, sample

from simcse_core.report.markers import tell
from simcse_core.report.methods import in_order, method, ready_made_method
from simcse_core.report.plotting import (
    plot_baselines,
    plot_before_after,
    plot_curve,
    plot_geometry,
    plot_sample,
)
from simcse_core.report.prose import tell_comparison, tell_curve
from simcse_core.report.records import Records, caption
from simcse_core.report.tables import (
    curve_table,
    last_table,
    ready_made_table,
    sample_table,
)

pytestmark = pytest.mark.usefixtures("english_again")

NAMES = ["e5 (ready-made)", "bge (ready-made)"]
BESIDE = pd.concat([curve(), ready_made()], ignore_index=True)
OVERVIEW = pd.concat([comparison(), ready_made()], ignore_index=True)
SPEED = both(321.4, 321.4, method="ready-made", encoder="e5").assign(metric="sentences_per_second")
TIMED = pd.concat([ready_made(), SPEED], ignore_index=True)


def records(frame: pd.DataFrame, **stamp: object) -> Records:
    return Records("01_baselines", frame, {"dataset": "sample", "plans": [], **stamp})


def of_sample() -> pd.DataFrame:
    """Encoders of others at each size of the table of methods."""
    made = [
        {"encoder": encoder, "pooling": pooling, "method": "ready-made", "kind": "ready-made"}
        | {"n_sentences": n, "split": split, "mean": mean, "min": mean, "max": mean}
        | {"pair_low": mean - 0.1, "pair_high": mean + 0.1, "n_seeds": 1, "dataset": "sample"}
        for split in ("dev", "test")
        for n in (50, 10000)
        for encoder, pooling, mean in (("e5", "mean", 0.62), ("bge", "cls", 0.72))
    ]
    studied = sample().assign(encoder="tiny", pooling="cls")
    return pd.concat([studied, pd.DataFrame(made)], ignore_index=True)


def test_each_has_its_own_name_marker_and_line() -> None:
    keys = [ready_made_method("ready-made", i, name) for i, name in enumerate(("e5", "a:b"))]
    looks = [method(key) for key in keys]
    assert [look.name() for look in looks] == ["e5 (ready-made)", "a:b (ready-made)"]
    assert [look.name("zh") for look in looks] == ["e5（现成编码器）", "a:b（现成编码器）"]
    assert len({look.marker for look in looks}) == len({look.dash for look in looks}) == 2
    assert {look.colour for look in looks} == {method("ready-made").colour}
    assert in_order([*keys, "untrained"]) == ["untrained", *keys]


def test_on_a_curve_each_is_a_line_of_its_own_at_its_score() -> None:
    figure = plot_curve(BESIDE, "n_train")
    lines = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert [set(lines[name].get_ydata()) for name in NAMES] == [{0.62}, {0.72}]
    styles = [lines[name].get_linestyle() for name in ("untrained", *NAMES)]
    assert len(set(styles)) == 3
    assert set(NAMES) <= {text.get_text() for text in figure.legends[0].get_texts()}


def test_in_the_plane_each_is_a_point() -> None:
    planes = [
        BESIDE.assign(metric=metric, value=BESIDE["value"] + shift)
        for metric, shift in (("alignment", 0.1), ("uniformity", -3.0))
    ]
    figure = plot_geometry(pd.concat([BESIDE, *planes], ignore_index=True))
    points = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert points[NAMES[1]].get_ydata() == pytest.approx([0.82])
    assert points[NAMES[0]].get_xdata() == pytest.approx([-2.38])


def test_at_the_same_sizes_each_is_a_broken_line() -> None:
    figure = plot_sample(of_sample())
    named = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert named["unsupervised SimCSE"].get_linestyle() == "-"
    assert {named[name].get_linestyle() for name in NAMES}.isdisjoint({"-", "None"})
    table = sample_table(of_sample())
    assert table.loc[("test", "bge (ready-made)")].tolist() == ["0.7200", "0.7200"]


def test_of_what_needs_no_training_they_come_last_whatever_their_pooling() -> None:
    figure = plot_baselines(pd.concat([baselines(), ready_made()], ignore_index=True))
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "tiny, [CLS]"
    assert labels[-2:] == ["e5, mean", "bge, [CLS]"]


def test_a_number_of_the_report_never_stands_on_the_line_of_an_encoder_of_others() -> None:
    made = ready_made().replace({"bge": "bert-base-chinese"})
    rows = pd.concat([baselines(), made], ignore_index=True)
    figure = plot_baselines(rows, {"test": {"BERT-BASE": 0.34}})
    (line,) = [x for x in figure.axes[1].get_lines() if "BERT-BASE" in str(x.get_label())]
    assert list(line.get_xdata()) == [0.34, 0.34]  # down, since no encoder is in its place


def test_before_and_after_they_stand_below_those_that_were_trained() -> None:
    figure = plot_before_after(OVERVIEW)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["tiny", "e5", "bge"]
    marks = [line for line in figure.axes[1].get_lines() if line.get_label() == "ready-made"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(0.62, 1), (0.72, 2)]


def test_tables_have_a_column_or_a_line_for_each() -> None:
    table = curve_table(BESIDE, "n_train")
    assert list(table.columns[-2:]) == NAMES
    assert table[NAMES[1]].tolist() == ["0.7200", "", "", ""]
    last = last_table(OVERVIEW, ["encoder", "pooling", "method"])
    assert last.loc[("bge", "[CLS]", "ready-made"), "test"] == "0.7200"


def test_their_table_says_how_each_is_used_and_what_it_costs() -> None:
    table = ready_made_table(MADE, TIMED)
    assert table.loc["e5"].tolist() == [
        *("mean", "`query: `", "32.2 M", "66", "MIT", "321", "0.6100", "0.6200")
    ]
    assert table.loc["bge"].tolist() == [
        *("[CLS]", "", "24.0 M", "96", "not stated", "", "0.7100", "0.7200")
    ]
    chinese = ready_made_table(MADE, TIMED, language="zh")
    heads = [
        "池化",
        "前缀",
        "参数量",
        "MB",
        "许可证",
        "每 CPU 秒句数（单线程）",
        "验证集",
        "测试集",
    ]
    assert list(chinese.columns) == heads
    assert chinese.loc["bge", "许可证"] == "未注明"


def test_without_any_there_is_no_table() -> None:
    assert tell("ready_made", records(baselines()), []) == ""
    assert "| e5 |" in tell("ready_made", records(TIMED, ready_made=MADE), [])


def test_prose_names_each_with_its_score() -> None:
    said = tell_curve(BESIDE, "n_train")
    assert "As others trained them: e5 (ready-made) 0.620 and bge (ready-made) 0.720." in said
    lines = tell_comparison(OVERVIEW).splitlines()
    assert lines[-2:] == ["- e5, ready-made: 0.620", "- bge, ready-made: 0.720"]
    assert lines[2].startswith("- tiny: 0.300 untrained, raised to 0.510")
    chinese = tell_comparison(OVERVIEW, language="zh").splitlines()
    assert chinese[-1] == "- bge，现成编码器：0.720"


def test_a_caption_says_how_each_that_is_drawn_is_used() -> None:
    last = caption(records(ready_made(), ready_made=MADE)).splitlines()[-1]
    assert last == 'ready-made: e5 (mean, "query: ") and bge ([CLS])'
    only = ready_made()[lambda r: r["encoder"] == "bge"]
    chinese = caption(records(only, ready_made=MADE), "zh").splitlines()[-1]
    assert chinese == "现成编码器：bge（[CLS]）"


def test_the_seeds_of_a_caption_are_those_of_what_is_studied() -> None:
    frame = BESIDE.assign(seed=BESIDE["seed"].where(BESIDE["kind"] == "ready-made", 7))
    assert "seed 7" in caption(records(frame, ready_made=MADE)).splitlines()[0]
