from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from simcse_core.report.methods import METHODS, PUBLISHED, in_order, method


def test_every_method_has_a_colour_and_names_of_its_own() -> None:
    looks = [*METHODS.values(), PUBLISHED]
    for values in ([x.colour for x in looks], [x.en for x in looks], [x.zh for x in looks]):
        assert len(set(values)) == len(values)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.1."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_stands_out_from_the_white_sheet_in_grey_too(name: str) -> None:
    # 3 is what WCAG asks of graphics; seaborn's sky blue has 2.3, and a heavy marker.
    assert 1.05 / (luminance(METHODS[name].colour) + 0.05) > 2.3


def test_a_method_without_a_row_is_named_with_the_table_to_add_it_to() -> None:
    with pytest.raises(ValueError, match=r"'promptbert': no row in METHODS of .*methods\.py"):
        method("promptbert")
    with pytest.raises(ValueError, match="'promptbert'"):
        in_order(["untrained", "promptbert"])


def test_methods_come_in_the_order_of_the_table_and_once() -> None:
    found = in_order(["sup-simcse", "untrained", "sup-simcse", "whitening"])
    assert found == ["untrained", "whitening", "sup-simcse"]


def test_a_name_is_in_the_language_asked_for() -> None:
    assert method("whitening").name() == "whitening"
    assert method("whitening").name("zh") == "白化"
    with pytest.raises(ValueError, match=r"language: .*'fr'"):
        method("whitening").name("fr")
