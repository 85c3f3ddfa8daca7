"""The theme of all charts, and the language that they are labelled in."""

from __future__ import annotations

import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager

from simcse_core.config import check_language
from simcse_core.report.wording import say

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

    The same on every machine: what a user's matplotlibrc sets is set back. Chinese needs a CJK
    font; where none of :data:`CJK_FONTS` is there, says so and uses English.

    Raises:
        ValueError: a language other than ``en`` and ``zh``.
    """
    check_language(language)
    mpl.rcdefaults()
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        rc={"axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110},
    )
    if language == "zh":
        installed = {font.name for font in font_manager.fontManager.ttflist}
        found = next((name for name in CJK_FONTS if name in installed), None)
        if found is None:
            print(
                f"language: no CJK font found (looked for {', '.join(CJK_FONTS)}); charts are "
                "labelled in English. Debian: apt install fonts-noto-cjk"
            )
            language = "en"
        else:
            # After set_theme, which resets the font family.
            mpl.rcParams["font.family"] = [found, "DejaVu Sans"]
    _Labels.language = language
    return language


def language() -> str:
    """The language that :func:`set_style` chose last."""
    return _Labels.language


def label(text: str) -> str:
    """A chart label in the language that :func:`set_style` chose."""
    return say(text, language())
