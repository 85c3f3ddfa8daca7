"""What is typed after python -m simcse_core.study: nothing of it is ignored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from simcse_core.errors import PlainError
from simcse_core.study.command_line import ArgumentError, parse_arguments


def overrides(*arguments: str) -> dict[str, Any]:
    return parse_arguments(arguments).overrides


def test_without_arguments_it_is_the_quick_profile_and_all_notebooks() -> None:
    options = parse_arguments([])
    assert (options.profile, options.overrides, options.out) == ("quick", {}, "")
    assert (options.only, options.cell_timeout) == ([], 6 * 3600)


def test_every_option_is_read(tmp_path: Path) -> None:
    options = parse_arguments(
        [
            *("--profile", "mini", "--out", "a b", "--only", "01_a, 02_b", "--cell-timeout", "9"),
            *("--source", str(tmp_path), "--seeds", "0, 1 2", "-p", "n_train=5"),
        ]
    )
    assert (options.profile, options.out, options.only) == ("mini", "a b", ["01_a", "02_b"])
    assert options.cell_timeout == 9
    assert options.overrides == {"n_train": 5, "source": str(tmp_path), "seeds": [0, 1, 2]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sizes=[050, 100]", [50, 100]),
        ("training={learning_rate: 1e-5}", {"learning_rate": 1e-5}),
        ("encoder=~/bert", "~/bert"),
        ("encoder='mini-bert'", "mini-bert"),
        ("pooling=''", ""),
        ("source=a=b", "a=b"),
        ("source=a#b", "a#b"),
        ("language= zh ", "zh"),
    ],
)
def test_the_value_of_a_parameter_is_yaml(text: str, value: Any) -> None:
    assert overrides("-p", text) == {text.partition("=")[0]: value}


def test_a_source_is_a_name_of_its_own_or_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert overrides("--source", "sample") == {"source": "sample"}
    assert overrides("--source", "hub") == {"source": "hub"}
    assert overrides("--source", "data") == {"source": str(tmp_path / "data")}
    assert overrides("--source", "~/data") == {"source": str(tmp_path / "home" / "data")}
    for name in ("sample", "hub"):
        (tmp_path / name).mkdir()
        with pytest.raises(ArgumentError, match=rf"--source: '{name}' is .* write \./{name} for"):
            overrides("--source", name)
        assert overrides("--source", f"./{name}") == {"source": str(tmp_path / name)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", ","], "--seeds: expected whole numbers like 0,1,2; got ','"),
        (["--seeds", "a,b"], "--seeds: expected whole numbers"),
        (["--seeds", "0,,1"], "--seeds: expected whole numbers"),
        (["--seeds", "1_0"], "--seeds: expected whole numbers"),
        (["--seeds", "٣"], "--seeds: expected whole numbers"),
        (["--seeds=-1"], "--seeds: expected whole numbers"),
        (["--only", ","], "--only: names of notebooks are needed"),
        (["--only", "01_a,"], "--only: names of notebooks are needed"),
        (["--only", ""], "--only: is empty; leave it out"),
        (["--out", ""], "--out: is empty"),
        (["--profile="], "--profile: is empty"),
        (["--source", ""], "--source: is empty"),
        (["--seeds", "0", "--seeds", "1"], "--seeds: given twice"),
        (["--out", "a", "--out", "a"], "--out: given twice"),
        (["-p", "n_train=1", "-p", "n_train=2"], "--parameter n_train: given twice"),
        (["-p", "seeds=[0]", "--seeds", "1"], "--seeds: given as -p seeds too"),
        (["-p", "source=sample", "--source", "hub"], "--source: given as -p source too"),
        (["-p", "n_train"], "--parameter: expected NAME=VALUE, got 'n_train'"),
        (["-p", "=5"], "--parameter: expected NAME=VALUE"),
        (["-p", "n-train=5"], "--parameter: expected NAME=VALUE"),
        (["-p", "n_train="], "--parameter n_train: has no value"),
        (["-p", "n_train=[3"], "--parameter n_train: not YAML"),
        (["-p", "hub={sts: a, sts: b}"], "--parameter hub: not YAML .the key 'sts' stands there"),
        (["-p", "source=/data/my #1"], "--parameter source: YAML reads '/data/my'; put all of"),
        (["--cell-timeout", "0"], "a number of seconds is needed, got '0'"),
        (["--cell-timeout", "-5"], "--cell-timeout"),
        (["--cell-timeout", "1h"], "a number of seconds is needed"),
        (["--seed", "0"], "unrecognized arguments: --seed 0; --help lists the options"),
        (["mini"], "unrecognized arguments: mini"),
        (["--profile"], "expected one argument"),
        (["--source", "~nobody-of-that-name/x"], "--source: '~nobody-of-that-name/x' is no path"),
        (["--source", "x\udc80"], "--source: .* is no path"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_option_in_a_line(
    arguments: list[str], said: str
) -> None:
    with pytest.raises(PlainError, match=said) as caught:
        parse_arguments(arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "fine"), [("ascii", False), ("utf-8", True), ("gb18030", True)]
)
def test_a_locale_without_chinese_is_refused(
    monkeypatch: pytest.MonkeyPatch, encoding: str, fine: bool
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: encoding)
    if fine:
        assert parse_arguments([])
    else:
        with pytest.raises(ArgumentError, match=r"locale: .* ascii .*; set PYTHONUTF8=1"):
            parse_arguments([])
