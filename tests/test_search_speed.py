"""How fast question recall is: what the tables say of measured rows, and that the page has them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tools import search_speed


def speed(*rows: tuple[int, str, int, float]) -> pd.DataFrame:
    columns = ["n", "kind", "effort", "recall"]
    fixed = {"queries_per_second": 2000.0, "build_seconds": 1.25, "bytes": 3_000_000}
    return pd.DataFrame(rows, columns=columns).assign(**fixed)


def test_the_setting_of_least_effort_that_finds_99_per_cent_is_told() -> None:
    rows = speed((1000, "hnsw", 16, 0.95), (1000, "hnsw", 32, 0.992), (1000, "hnsw", 64, 1.0))
    table = search_speed.speed_table(rows).reset_index()
    assert table.to_numpy().tolist() == [
        ["1,000", "hnsw", "32", "0.9920", "2,000", "1.2", "3"],
    ]


def test_where_none_finds_as_much_the_best_is_told() -> None:
    rows = speed((1000, "ivf", 1, 0.5), (1000, "ivf", 4, 0.8))
    assert search_speed.speed_table(rows)["recall"].to_list() == ["0.8000"]


def test_latency_is_told_in_milliseconds_by_batch_and_step() -> None:
    steps = {"encode": 0.010, "search": 0.002, "both": 0.012}
    rows = [{"batch": 32, "step": s, "median": t, "p95": 2 * t} for s, t in steps.items()]
    table = search_speed.latency_table(pd.DataFrame(rows))
    assert table.loc[32].to_list() == ["10.00 (20.00)", "2.00 (4.00)", "12.00 (24.00)"]


def test_a_cross_encoder_is_told_as_a_multiple_of_vectors() -> None:
    rows = pd.DataFrame(
        {
            "system": ["vectors", "cross-encoder"],
            "questions": 1000,
            "median": [0.002, 1.0],
            "multiplications": [1e6, 5e8],
        }
    )
    table = search_speed.cross_encoder_table(rows)
    assert table.loc["cross-encoder", ["times", "times by arithmetic"]].to_list() == ["500", "500"]


def test_the_page_says_what_the_committed_tables_say(tmp_path: Path) -> None:
    page = tmp_path / "search.md"
    page.write_text(search_speed.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    search_speed.fill_page(search_speed.OUT, page)
    assert page.read_text(encoding="utf-8") == search_speed.PAGE.read_text(encoding="utf-8")


def test_committed_rows_agree_with_exact_search_where_they_should() -> None:
    rows = pd.read_csv(search_speed.OUT / "speed.csv")
    assert set(rows.loc[rows["kind"].isin(["exact", "flat"]), "recall"]) == {1.0}
    assert rows["recall"].between(0, 1).all()


@pytest.mark.parametrize("name", search_speed.TABLES)
def test_every_table_is_on_the_page(name: str) -> None:
    assert f"<!-- {name} -->" in search_speed.PAGE.read_text(encoding="utf-8").splitlines()
