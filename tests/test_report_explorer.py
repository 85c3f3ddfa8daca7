"""What the report says of typed text, and of an encoder along training."""

from __future__ import annotations

import mistune
import numpy as np
import pandas as pd
import pytest
from report_frames import checkpoints, projection

from simcse_core.report.as_html import as_html
from simcse_core.report.explorer_plots import plot_projection
from simcse_core.report.explorer_prose import (
    as_text,
    checkpoint_table,
    tell_checkpoints,
    tell_comparison,
    tell_neighbours,
    tell_tokens,
    tell_trouble,
)

pytestmark = pytest.mark.usefixtures("english_again")


@pytest.mark.parametrize(
    "text", ["a*b*c", "`x`", "[a](b)", "<b>", "1. x", "# x", "$x$", "&lt;", "a_b_c", "~~x~~", "\\*"]
)
def test_a_typed_text_is_shown_as_it_is(text: str) -> None:
    shown = mistune.create_markdown(escape=True, plugins=["strikethrough", "math"])(as_text(text))
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == f"<p>{text}</p>\n"


def test_a_bar_in_a_neighbour_keeps_its_cell() -> None:
    rows = pd.DataFrame({"method": ["untrained"], "rank": [1], "sentence": ["a|b"], "cosine": [1]})
    html = as_html(tell_neighbours(rows, ["untrained"]))
    assert "a|b (1.00)" in html
    assert html.count("<td") == 2


def test_unknown_tokens_are_marked_and_what_is_cut_is_counted() -> None:
    said = tell_tokens([("我", True), ("囧", False)], 3)
    assert "我 · **\\[UNK\\] 囧**" in said
    assert "last 3 tokens" in said
    assert "[UNK]" not in tell_tokens([("我", True)], 0)
    assert "末尾 3 个词元" in tell_tokens([("我", True)], 3, "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_trouble_has_a_message(language: str) -> None:
    said = {tell_trouble(t, 5000, 2000, language) for t in ("empty", "long", "unknown")}
    assert len(said) == 3
    assert "5,000" in tell_trouble("long", 5000, 2000, language)
    assert "2,000" in tell_trouble("long", 5000, 2000, language)


def test_a_comparison_tells_cosine_place_and_label() -> None:
    rows = pd.DataFrame(
        [("untrained", 0.8749, 0.5, 2.5), ("tfidf-char", np.nan, np.nan, np.nan)],
        columns=["method", "cosine", "below", "label"],
    )
    said = tell_comparison(rows, 360, 20)
    assert "| untrained | 0.875 | 50% | 2.5 |" in said
    assert "of 360 dev pairs" in said
    assert "none: no character of one text was counted" in said
    assert "random pairs" in tell_comparison(rows.assign(label=np.nan), 360, 20)
    assert "TF-IDF（字）" in tell_comparison(rows, 360, 20, "zh")


def test_the_table_has_a_line_for_each_point() -> None:
    table = checkpoint_table(checkpoints())
    assert list(table.index) == ["untrained", "50 sentences", "200 sentences"]
    assert list(table["Spearman, dev"]) == ["0.400", "0.450", "0.500"]
    assert table.index.name == "seen"
    chinese = checkpoint_table(checkpoints(), language="zh")
    assert list(chinese.index) == [
        "未训练",
        "50 句",
        "200 句",
    ]


@pytest.mark.parametrize(
    ("spearman", "words"),
    [
        ((0.4, 0.4, 0.5), "Spearman rose with it, from 0.400 to 0.500"),
        ((0.4, 0.5, 0.3), "did **not** rise"),
    ],
)
def test_the_reading_says_whether_the_order_got_better(
    spearman: tuple[float, ...], words: str
) -> None:
    said = tell_checkpoints(checkpoints(spearman))
    assert "from 0.900 to 0.800" in said
    assert "from 0.700 to 0.300" in said
    assert "the gap between the two kinds was 0.200 before and is 0.500 after" in said
    assert words in said


def test_without_labels_the_reading_claims_nothing() -> None:
    said = tell_checkpoints(checkpoints(labelled=False))
    assert "from -1.000 to -2.000" in said
    assert "Spearman" not in said


def test_all_panels_of_the_projection_have_one_frame() -> None:
    together = plot_projection(projection())
    alone = plot_projection(projection(), 50)
    assert len(together.axes) == 3
    assert len(alone.axes) == 1
    limits = {ax.get_xlim() + ax.get_ylim() for ax in [*together.axes, *alone.axes]}
    assert len(limits) == 1
    assert alone.axes[0].get_xlim()[1] == pytest.approx(0.6 * 1.08)  # the farthest is at -0.6


def test_a_pair_is_a_line_between_its_two_sentences() -> None:
    (ax,) = plot_projection(projection(), 0).axes
    same, unrelated = ax.get_lines()
    assert sorted(zip(*same.get_data(), strict=True)) == [(0.1, 0.1), (0.1, 0.2)]
    assert same.get_label() == "same meaning"
    assert same.get_marker() != unrelated.get_marker()
