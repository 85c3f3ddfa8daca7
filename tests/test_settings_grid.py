"""The grid that training settings are chosen by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from simcse_core import SentenceEncoder, TrainConfig, sample_sentences, train_simcse, trained_cells
from simcse_core.data import load_study_data
from simcse_core.evaluation import evaluate_sts
from simcse_core.report.tables import settings_table
from tools import settings_grid
from tools.settings_grid import COLUMNS, best_settings, main

PAGE = "# Protocol\n\n<!-- settings settings_grid.csv -->\nstale\n<!-- end -->\n"


@pytest.fixture
def command(cnsd_dir: Path, encoder_dir: Callable[[str], Path], tmp_path: Path) -> list[str]:
    """A grid of two settings on two tiny encoders of two architectures."""
    return [
        *("--source", str(cnsd_dir), "--seeds", "0", "--sentences", "4", "--more", "6"),
        *("--encoders", str(encoder_dir("bert")), str(encoder_dir("electra"))),
        *("--learning-rate", "1e-3", "1e-2", "--batch-size", "2", "--dropout", "0.1"),
        *("--temperature", "0.05", "--few", "1", "--pooling", "cls", "mean"),
        *("--work", str(tmp_path / "work"), "--out", str(tmp_path / "docs")),
    ]


def test_the_grid_is_measured_on_dev_and_stands_on_its_page(
    command: list[str], cnsd_dir: Path, encoder_dir: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "protocol.md").write_text(PAGE, encoding="utf-8")
    assert main(command) == 0
    rows = pd.read_csv(tmp_path / "docs" / "settings_grid.csv")
    assert list(rows.columns) == COLUMNS
    trained = rows[rows["n_train"] == 4]
    assert len(trained) == 2 * 2 * 2  # protocols, encoders, settings
    # The few best are trained on more.
    assert set(rows["n_train"]) == {0, 4, 6}
    page = (tmp_path / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert "stale" not in page
    assert "| protocol | learning_rate | batch_size | dropout | temperature | 4 sentences |" in page

    data = load_study_data(cnsd_dir)
    encoder = SentenceEncoder.from_pretrained(encoder_dir("bert"), "mean")
    sample = sample_sentences(data.pool.sentences, 4, 0)
    train_simcse(encoder, sample, TrainConfig(batch_size=2, learning_rate=1e-2, dropout=0.1))
    expected = evaluate_sts(encoder.encode, data.dev, 10)["spearman"]
    mine = trained[(trained["encoder"] == "tiny-bert") & (trained["pooling"] == "mean")]
    found = mine.loc[mine["learning_rate"] == 1e-2, "spearman"].item()
    assert found == pytest.approx(expected)


def test_sentences_are_cut_at_the_length_that_is_asked_for(
    command: list[str], cnsd_dir: Path, encoder_dir: Callable[[str], Path], tmp_path: Path
) -> None:
    assert main([*command, "--max-seq-length", "4"]) == 0
    rows = pd.read_csv(tmp_path / "docs" / "settings_grid.csv")
    mine = rows[(rows["encoder"] == "tiny-bert") & (rows["pooling"] == "mean")]
    encoder = SentenceEncoder.from_pretrained(encoder_dir("bert"), "mean", 4)
    expected = evaluate_sts(encoder.encode, load_study_data(cnsd_dir).dev, 10)["spearman"]
    assert mine.loc[mine["n_train"] == 0, "spearman"].item() == pytest.approx(expected)


def test_the_same_command_goes_on_where_it_stopped(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(command) == 0
    first = (tmp_path / "docs" / "settings_grid.csv").read_bytes()

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trained_cells, "train", refuse)
    assert main(command) == 0
    assert (tmp_path / "docs" / "settings_grid.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--sentences", "900"), "sentences: distinct numbers"),
        (("--pooling", "max"), "pooling, item 1: unknown value 'max'"),
        (("--seeds", "-1"), "seeds, item 1"),
        (("--source", "no/such"), "no/such"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_line(
    command: list[str], changed: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *changed]) == 1
    error = capsys.readouterr().err
    assert error.startswith("settings_grid: ")
    assert said in error
    assert error.count("\n") == 1


def measured(protocol: str, rate: float, *scores: float, n: int = 800) -> list[dict[str, object]]:
    fixed = {"protocol": protocol, "pooling": protocol, "n_train": n, "learning_rate": rate}
    fixed |= {"batch_size": 64, "dropout": 0.3, "temperature": 0.05}
    return [
        {**fixed, "encoder": f"e{i % 2}", "seed": i // 2, "spearman": score}
        for i, score in enumerate(scores)
    ]


ROWS = pd.DataFrame(
    [
        *measured("cls", 0.0, 0.30, 0.34, n=0),
        *measured("cls", 1e-4, 0.40, 0.50),
        *measured("cls", 5e-4, 0.60, 0.40),
        *measured("cls", 1e-3, 0.90, float("nan")),  # one run broke down
        *measured("cls", 5e-4, 0.70, 0.72, n=10_000),
        *measured("mean", 0.0, 0.60, 0.60, n=0),
        *measured("mean", 1e-4, 0.70, 0.70),
        *measured("mean", 5e-4, 0.50, 0.60),
    ]
)


def test_the_best_settings_are_those_of_each_protocol_in_the_mean() -> None:
    other = (64, 0.3, 0.05)
    assert best_settings(ROWS, 800, 1) == [(1e-4, *other), (5e-4, *other)] or best_settings(
        ROWS, 800, 1
    ) == [(5e-4, *other), (1e-4, *other)]
    assert len(best_settings(ROWS, 800, 2)) == 2  # a setting of both protocols once


def test_the_table_has_the_untrained_encoders_first_and_the_best_setting_next() -> None:
    table = settings_table(ROWS).reset_index().to_numpy().tolist()
    assert [line[:2] + line[5:] for line in table] == [
        ["[CLS]", "untrained", "0.3200", "0.3200"],
        ["[CLS]", "0.0005", "0.5000", "0.7100"],
        ["[CLS]", "0.0001", "0.4500", ""],
        ["[CLS]", "0.001", "nan", ""],
        ["mean", "untrained", "0.6000", "0.6000"],
        ["mean", "0.0001", "0.7000", ""],
        ["mean", "0.0005", "0.5500", ""],
    ]


def test_the_reports_settings_are_in_the_grid() -> None:
    report = TrainConfig()
    for name, values in settings_grid.GRID.items():
        assert getattr(report, name) in values
