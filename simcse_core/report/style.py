"""The theme of all charts, and the language that they are labelled in."""

from __future__ import annotations

import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager

from simcse_core.config import ASSETS, check_language
from simcse_core.report.wording import say

BUNDLED_FONT = ASSETS / "fonts" / "NotoSansSC-subset.otf"
BUNDLED_NAME = "Noto Sans SC Study"
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Arial Unicode MS",
    "Droid Sans Fallback",
)


class _Labels:
    """The language that set_style chose."""

    language = "en"


def set_style(language: str = "en") -> str:
    """Sets the theme of all charts; returns the language they will be labelled in.

    The same on every machine: what a user's matplotlibrc sets is set back, and Chinese is written
    in the bundled font; what that lacks comes from one of :data:`CJK_FONTS`, where one is there.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    mpl.rcdefaults()
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        rc={
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
            # Inches: long names of rows stand clear of the picture's edge.
            "figure.constrained_layout.w_pad": 0.12,
        },
    )
    if language == "zh":
        # After set_theme, which resets the font family.
        mpl.rcParams["font.family"] = [_bundled(), *_installed()[:1], "DejaVu Sans"]
    _Labels.language = language
    return language


def _bundled() -> str:
    """The name of the bundled font, of which matplotlib knows from now on."""
    fonts = font_manager.fontManager.ttflist
    if BUNDLED_NAME not in {font.name for font in fonts}:
        for weight in (400, 700):  # titles ask for bold, and are told of each one that is not there
            file = str(BUNDLED_FONT)
            fonts.append(font_manager.FontEntry(fname=file, name=BUNDLED_NAME, weight=weight))
    return BUNDLED_NAME


def _installed() -> list[str]:
    there = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CJK_FONTS if name in there]


def language() -> str:
    """The language that :func:`set_style` chose last."""
    return _Labels.language


def label(text: str) -> str:
    """A chart label in the language that :func:`set_style` chose."""
    return say(text, language())
