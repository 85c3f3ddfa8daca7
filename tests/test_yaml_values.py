"""YAML as its version 1.2 has it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simcse_core.yaml_values import YamlError, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[050]", [50]),  # YAML 1.1: 40
        ("[1:30]", ["1:30"]),  # YAML 1.1: 90
        ("1e-5", 1e-5),  # YAML 1.1: text
        ("3E4", 3e4),
        (".5", 0.5),
        ("-0x1F", "-0x1F"),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("2024-01-31", "2024-01-31"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("{a: [1, 2.0], b: {c: x}}", {"a": [1, 2.0], "b": {"c": "x"}}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("{'<<': 1}", {"<<": 1}),
        ("~/data", "~/data"),
        ("我今天喝茶", "我今天喝茶"),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = parse_yaml(text, "it")
    assert (found, type(found)) == (value, type(value))


def test_infinity_and_no_number_are_floats() -> None:
    assert parse_yaml("-.inf", "it") == -math.inf
    assert math.isnan(parse_yaml(".nan", "it"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a: 1, a: 2}", "it: not YAML .the key 'a' stands there twice"),
        ("a: 1\nb:\n  c: 1\n  c: 1", "it, line 4: not YAML .the key 'c' stands there twice"),
        ("{1: a, 0x1: b}", "the key 1 stands there twice"),
        ("[1, 2", "it: not YAML"),
        ("a: b: c", "it: not YAML"),
        ("[" * 5000, "it: not YAML .maximum recursion depth"),
        ("!!python/object:os.system x", "could not determine a constructor"),
        ("!!int x", "it: not YAML"),
        ("!!timestamp x", "it: not YAML"),
        ("a\x00b", "special characters are not allowed"),
        ("x\udc80", "special characters are not allowed"),
        ("{[1]: 2}", "unhashable"),
        ("--- 1\n--- 2", "it, line 2: not YAML"),
        ("*missing", "undefined alias"),
    ],
)
def test_what_is_no_yaml_or_says_something_twice_is_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(YamlError, match=said) as caught:
        parse_yaml(text, "it")
    assert "\n" not in str(caught.value)
