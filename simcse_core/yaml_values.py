"""YAML as its version 1.2 has it: what looks like a number is one, and a key stands there once."""

from __future__ import annotations

import re
from typing import Any

import yaml

from simcse_core.errors import PlainError

_TAG = "tag:yaml.org,2002:"
# The core schema of YAML 1.2.2, section 10.3.2: 050 is fifty, 1e-5 a number, and 1:30, yes and
# 2024-01-31 are text.
_CORE = {
    "null": r"null|Null|NULL|~|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}


class YamlError(PlainError, ValueError):
    """Text that is not YAML, or says something twice; the message names the place."""


class _Loader(yaml.SafeLoader):
    """Reads only what YAML 1.2 has, and of no key the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: list[object] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                said = f"the key {key!r} stands there twice"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key_node.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep=deep)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text) if text.lstrip("+-").isdecimal() else int(text, 0)


_Loader.yaml_implicit_resolvers = {}  # those of YAML 1.1 are the base's
for _name, _pattern in _CORE.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern})$"), None)
_Loader.add_constructor(f"{_TAG}int", _whole)


def parse_yaml(text: str, where: str) -> Any:
    """The values that a YAML document holds.

    Raises:
        YamlError: the message begins with ``where``, and with the line where it has several.
    """
    try:
        return yaml.load(text, _Loader)
    except Exception as error:  # what is no number raises what int and float raise
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark and "\n" in text.strip() else ""
        said = getattr(error, "problem", None) or str(error).partition("\n")[0] or repr(error)
        raise YamlError(f"{where}{line}: not YAML ({said})") from error
