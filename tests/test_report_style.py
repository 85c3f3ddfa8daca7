from __future__ import annotations

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager
from matplotlib.font_manager import get_font

from simcse_core.report.methods import METHODS
from simcse_core.report.style import (
    BUNDLED_FONT,
    BUNDLED_NAME,
    CJK_FONTS,
    label,
    language,
    set_style,
)
from simcse_core.report.topics import TOPICS
from simcse_core.report.wording import CHINESE, POOLINGS

pytestmark = pytest.mark.usefixtures("english_again")


def install_fonts(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes matplotlib believe that these CJK fonts are there, and no other."""
    fonts = [font for font in font_manager.fontManager.ttflist if font.name not in CJK_FONTS]
    fonts += [font_manager.FontEntry(fname=f"{name}.ttf", name=name) for name in names]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)


@pytest.mark.parametrize("installed", [(), ("SimHei",), ("WenQuanYi Zen Hei", "SimHei")])
def test_chinese_is_written_in_the_bundled_font_and_its_gaps_in_an_installed_one(
    installed: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install_fonts(monkeypatch, *installed)
    assert set_style("zh") == "zh"
    assert mpl.rcParams["font.family"] == [BUNDLED_NAME, *installed[:1], "DejaVu Sans"]
    assert label("Epochs") == "训练轮数"
    assert capsys.readouterr() == ("", "")


def test_english_comes_back_after_chinese() -> None:
    set_style("zh")
    assert set_style("en") == "en"
    assert label("Epochs") == "Epochs"
    assert BUNDLED_NAME not in mpl.rcParams["font.family"]


def test_the_bundled_font_has_every_character_that_charts_are_labelled_in() -> None:
    said = [*CHINESE.values(), *(chinese for _, chinese in POOLINGS.values())]
    said += [row.zh for row in METHODS.values()]
    said += [text["zh"] for topic in TOPICS.values() for text in (topic.title, topic.guide)]
    there = set(get_font(str(BUNDLED_FONT)).get_charmap())
    assert not [c for c in "".join(said) if ord(c) not in there]


def test_no_glyph_is_missing_and_no_font_is_asked_for_in_vain(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    install_fonts(monkeypatch)
    set_style("zh")
    figure = plt.figure()
    figure.suptitle("用几百条句子训练后的 Spearman", fontweight="bold")
    figure.savefig(io.BytesIO())
    assert not [str(w.message) for w in recwarn.list]
    assert not caplog.records


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        set_style("fr")


def test_the_language_of_labels_is_the_one_that_was_set() -> None:
    assert set_style("zh") == language() == "zh"
    assert set_style("en") == language() == "en"


def test_what_a_users_matplotlibrc_sets_does_not_reach_a_chart() -> None:
    set_style("en")
    ours = mpl.rcParams["lines.linestyle"], mpl.rcParams["savefig.transparent"]
    mpl.rcParams.update({"lines.linestyle": ":", "savefig.transparent": True})
    set_style("en")
    assert (mpl.rcParams["lines.linestyle"], mpl.rcParams["savefig.transparent"]) == ours
