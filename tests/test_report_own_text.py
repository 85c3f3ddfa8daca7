"""What is told of an encoder that was kept, with labels and without."""

from __future__ import annotations

import pandas as pd
import pytest
from report_frames import own_text, rows

from simcse_core.report.markers import tell
from simcse_core.report.own_text import (
    along,
    beside_table,
    kept_place,
    recommended,
    tell_own_text,
    training_table,
)
from simcse_core.report.plotting import plot_training
from simcse_core.report.records import Records


def test_a_line_for_each_point_says_what_was_measured_and_which_is_kept() -> None:
    table = training_table(own_text())
    assert table.index.tolist() == ["untrained", "50 sentences (kept)", "100 sentences"]
    assert table.loc["50 sentences (kept)"].tolist() == [
        *("1.500", "0.400", "-2.000", "0.600", "0.550")
    ]
    assert table.loc["untrained", "loss"] == ""


def test_the_kept_encoder_stands_beside_the_untrained_one_with_intervals() -> None:
    table = beside_table(own_text())
    assert table.loc["untrained"].tolist() == ["0.500 [0.450, 0.550]"] * 2
    assert table.loc["kept"].tolist() == ["0.600 [0.550, 0.650]", "0.550 [0.500, 0.600]"]


def test_prose_says_in_words_that_training_to_the_end_lowered_the_score() -> None:
    told = tell_own_text(own_text())
    assert "Kept is the encoder after 50 sentences." in told
    assert "**lowered** Spearman from 0.500 to 0.400" in told
    assert "Spearman 下降，由 0.500 到 0.400" in tell_own_text(own_text(), language="zh")


def with_fitted(dev: float, test: float) -> pd.DataFrame:
    fitted = [
        rows(split, value, n_train=100, method="whitening", kind="fitted")
        for split, value in (("dev", dev), ("test", test))
    ]
    return pd.concat([own_text(), *fitted], ignore_index=True)


@pytest.mark.parametrize(("dev", "ahead"), [(0.61, True), (0.6, False), (0.55, False)])
def test_what_is_ahead_on_dev_without_training_is_recommended(dev: float, ahead: bool) -> None:
    frame = with_fitted(dev, 0.9)  # whatever test says
    assert recommended(frame) == (("whitening", dev, 0.6) if ahead else None)
    told = "whitening is ahead of it on dev, 0.610 against 0.600"
    assert (told in tell_own_text(frame)) == ahead
    assert ("白化更好，为 0.610" in tell_own_text(frame, language="zh")) == ahead


def test_without_labels_nothing_is_recommended() -> None:
    assert recommended(own_text(labelled=False)) is None


def test_without_labels_nothing_is_scored_and_that_is_said() -> None:
    frame = own_text(labelled=False)
    assert kept_place(frame) == 50
    assert [name for name, _ in along(frame)] == ["loss", "alignment", "uniformity"]
    assert "no number says whether that is better" in tell_own_text(frame)
    records = Records("06_training", frame, {"dataset": "sample"})
    assert "No labelled pairs" in tell("beside", records, [])


@pytest.mark.parametrize(("labelled", "panels"), [(True, 5), (False, 3)])
def test_a_panel_for_each_thing_measured(labelled: bool, panels: int) -> None:
    figure = plot_training(own_text(labelled))
    assert len(figure.axes) == panels
    for ax in figure.axes:
        assert [50.0, 50.0] in [list(line.get_xdata()) for line in ax.get_lines()]  # kept
