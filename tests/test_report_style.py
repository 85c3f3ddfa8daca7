from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib import font_manager

from simcse_core.report.style import CJK_FONTS, label, language, set_style

pytestmark = pytest.mark.usefixtures("english_again")


def install_fonts(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes matplotlib believe that these CJK fonts are there, and no other."""
    fonts = [font for font in font_manager.fontManager.ttflist if font.name not in CJK_FONTS]
    fonts += [font_manager.FontEntry(fname=f"{name}.ttf", name=name) for name in names]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)


def test_chinese_without_a_cjk_font_says_so_and_falls_back_to_english(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_fonts(monkeypatch)
    assert set_style("zh") == "en"
    said = capsys.readouterr().out
    assert "no CJK font" in said
    assert "labelled in English" in said
    assert label("Epochs") == "Epochs"


@pytest.mark.parametrize("font", ["Noto Sans CJK SC", "WenQuanYi Zen Hei", "SimHei"])
def test_chinese_with_a_cjk_font_uses_it_after_the_theme(
    font: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert font in CJK_FONTS
    install_fonts(monkeypatch, font)
    assert set_style("zh") == "zh"
    assert mpl.rcParams["font.family"][0] == font
    assert label("Epochs") == "训练轮数"
    assert not capsys.readouterr().out


def test_english_comes_back_after_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fonts(monkeypatch, "SimHei")
    set_style("zh")
    assert set_style("en") == "en"
    assert label("Epochs") == "Epochs"
    assert "SimHei" not in mpl.rcParams["font.family"]


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        set_style("fr")


def test_the_language_of_labels_is_the_one_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fonts(monkeypatch, "SimHei")
    assert set_style("zh") == language() == "zh"
    assert set_style("en") == language() == "en"


def test_what_a_users_matplotlibrc_sets_does_not_reach_a_chart() -> None:
    set_style("en")
    ours = mpl.rcParams["lines.linestyle"], mpl.rcParams["savefig.transparent"]
    mpl.rcParams.update({"lines.linestyle": ":", "savefig.transparent": True})
    set_style("en")
    assert (mpl.rcParams["lines.linestyle"], mpl.rcParams["savefig.transparent"]) == ours
