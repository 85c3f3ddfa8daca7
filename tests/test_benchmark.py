"""The benchmark: its arithmetic by hand, its competitors side by side, and a tiny run of it."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SENTENCES
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from simcse_core import SentenceEncoder, unsup_simcse_loss
from simcse_core.config import PROJECT_ROOT
from tools.benchmark import command_line, measure, ours, plain, processes, report, run
from tools.benchmark.arithmetic import (
    forward_flops,
    grid_cost,
    linear_parameters,
    sweep_cost,
    training_flops,
)
from tools.benchmark.task import CPU_TIME, WALL_TIME, Task, clock, clock_name

FIGURES = PROJECT_ROOT / "figures" / "benchmark"
SHAPE = {
    "hidden_size": 4,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "vocab_size": 30,
}
PAIRS = (SENTENCES[:6], SENTENCES[6:12], (0, 1, 2, 3, 4, 5))


@pytest.fixture
def still_dir(load: Callable[..., SentenceEncoder], tmp_path: Path) -> str:
    """A folder with the tiny BERT without dropout, whose sentences lie well apart."""
    encoder = load()
    torch.nn.init.normal_(encoder.model.embeddings.word_embeddings.weight)
    encoder.set_dropout(0.0)
    encoder.save(tmp_path / "still")
    return str(tmp_path / "still")


def task(model: str, competitor: str = "ours", n: int = 12) -> Task:
    return Task(
        competitor,
        threads=1,
        model=model,
        batch_size=4,
        settings={"learning_rate": 1e-3, "dropout": 0.0, "temperature": 0.05},
        sentences=SENTENCES[:n],
        points=(4, n),
        pairs=PAIRS,
        evaluations=1,
    )


class TestArithmetic:
    def test_linear_parameters_by_hand(self) -> None:
        config = BertConfig(**SHAPE)
        assert linear_parameters(config) == 2 * (4 * 4 * 4 + 2 * 4 * 8)
        model = BertModel(config, add_pooling_layer=False)
        linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
        assert linear_parameters(config) == sum(m.weight.numel() for m in linear)

    def test_flops_by_hand(self) -> None:
        # 256 weights; 3 + 5 tokens; scores and weighted sums: 2 x 2 operations x 4 hidden x 2
        # layers for each of 3 x 3 + 5 x 5 pairs of tokens.
        forward = 2 * 256 * 8 + 4 * 4 * 2 * 34
        assert forward_flops(BertConfig(**SHAPE), [3, 5]) == forward == 5184
        assert training_flops(BertConfig(**SHAPE), [3, 5]) == 2 * 3 * forward

    def test_torch_counts_the_same(self, load: Callable[..., SentenceEncoder]) -> None:
        encoder = load("mean")
        encoder.model.pooler = None
        encoder.model.train()
        rows = encoder.tokenize(SENTENCES[:5])
        with FlopCounterMode(display=False) as counter:
            encoder.embed(rows * 2).sum().backward()
        lengths = [len(row) for row in rows]
        assert counter.get_total_flops() == training_flops(encoder.model.config, lengths)


class TestGrid:
    def test_sweep_by_hand(self) -> None:
        # 50 = 3 x 16 + 2, so the point costs two sentences on a branch; 96 = 6 x 16 costs none.
        assert sweep_cost([50, 96, 100], 16) == {"ours": 102, "separate runs": 246}

    def test_a_branch_of_one_sentence_is_not_stepped(self) -> None:
        assert sweep_cost([17, 32], 16) == {"ours": 32, "separate runs": 49}

    def test_report_by_hand(self) -> None:
        grid = grid_cost()
        # In batches of 16, 50, 150, ..., 750 leave 2 + 6 + 10 + 14 twice on branches and 200
        # leaves 8.
        small = {"ours": 800 + 72, "separate runs": 4_200, "a run for every point": 4_200}
        assert grid["02_small_sample"].items() >= small.items()
        # 5,000, 15,000, ..., 45,000 leave 8 each, 10,000, ..., 40,000 none.
        large = {"ours": 50_040, "separate runs": 275_000, "a run for every point": 275_000}
        assert grid["03_large_data"].items() >= large.items()
        epochs = {"ours": 200_000, "separate runs": 200_000, "a run for every point": 2_100_000}
        assert grid["04_epochs"].items() >= epochs.items()
        everything = {"ours": 250_912, "separate runs": 479_200, "a run for every point": 2_379_200}
        assert grid["all"].items() >= everything.items()
        assert grid["all"]["ratio"] == pytest.approx(250_912 / 479_200)
        assert grid["all"]["ratio"] <= 0.53

    def test_the_page_counts_by_the_settings_that_there_are(self) -> None:
        stored = json.loads((FIGURES / "benchmark.json").read_text(encoding="utf-8"))
        assert stored["grid"] == grid_cost()
        page = command_line.PAGE.read_text(encoding="utf-8")
        assert "| 02_small_sample | 872 | 4,200 | 4,200 | 0.208 |" in page  # 872 / 4,200


class TestCompetitors:
    def test_the_plain_loss_is_ours(self) -> None:
        first, second = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))
        interleaved = torch.stack([first, second], dim=1).flatten(0, 1)
        expected = unsup_simcse_loss(torch.cat([first, second]), 0.05)
        torch.testing.assert_close(plain.interleaved_loss(interleaved, 0.05), expected)

    def test_without_dropout_the_plain_loop_ends_where_ours_does(self, still_dir: str) -> None:
        ends = []
        for competitor in (ours.Ours(task(still_dir)), plain.PlainLoop(task(still_dir))):
            before = competitor.embed(SENTENCES[:6])
            turns: list[int] = []
            competitor.train(lambda: turns.append(1))  # noqa: B023
            assert len(turns) == 2  # at 4 and at 12 sentences
            ends.append((before, competitor.embed(SENTENCES[:6]), competitor.evaluate()))
        (our_start, our_end, our_score), (start, end, score) = ends
        np.testing.assert_allclose(our_start, start, atol=1e-5)
        moved = np.linalg.norm(our_end - our_start)
        assert moved > 0.1
        # AdamW makes whole steps of gradients that are zero but for rounding.
        assert np.linalg.norm(our_end - end) < 0.02 * moved
        assert our_score == pytest.approx(score, abs=0.1)

    def test_sentence_transformers_takes_part(self, still_dir: str) -> None:
        pytest.importorskip("sentence_transformers")
        library = pytest.importorskip("tools.benchmark.library")
        competitor = library.SentenceTransformersTrainer(task(still_dir))
        mine = ours.Ours(task(still_dir))
        np.testing.assert_allclose(
            competitor.embed(SENTENCES[:6]), mine.embed(SENTENCES[:6]), atol=1e-5
        )
        # Ours ranks six decimals of a cosine, and the tiny model's sentences lie close together.
        assert competitor.evaluate() == pytest.approx(mine.evaluate(), abs=0.1)
        turns: list[int] = []
        competitor.train(lambda: turns.append(1))
        assert len(turns) == 2

    def test_sentence_transformers_takes_part_in_bf16_without_a_gpu(self, still_dir: str) -> None:
        pytest.importorskip("sentence_transformers")
        library = pytest.importorskip("tools.benchmark.library")
        competitor = library.SentenceTransformersTrainer(replace(task(still_dir), bf16=True))
        before = competitor.embed(SENTENCES[:6])
        turns: list[int] = []
        competitor.train(lambda: turns.append(1))
        assert len(turns) == 2
        assert np.abs(competitor.embed(SENTENCES[:6]) - before).max() > 1e-3

    @pytest.mark.parametrize("off", [*zip(ours.LEVERS), ours.LEVERS[1:]])
    def test_a_lever_changes_no_vector(self, still_dir: str, off: tuple[str, ...]) -> None:
        encoder = ours.Ours(task(still_dir)).encoder
        levers = ours.Levers(encoder, SENTENCES[:12])
        rows = encoder.tokenize(SENTENCES[:6]) * 2
        expected = encoder.embed(rows)
        with levers.training():
            levers.turn_off(*off)
            torch.testing.assert_close(encoder.embed(rows), expected, atol=1e-5, rtol=1e-5)
        assert ours.packing.PADDED_GROUPS == ours.PADDED_GROUPS
        assert ours.packing.dropout is ours.cheap_dropout
        assert encoder.packing
        assert encoder.embed == levers.embed_rows

    @pytest.mark.parametrize("fused", [True, False])
    def test_an_optimizer_made_while_a_lever_is_off_follows_it(
        self, still_dir: str, fused: bool
    ) -> None:
        levers = ours.Levers(ours.Ours(task(still_dir)).encoder, SENTENCES[:4])
        with levers.training():
            levers.turn_off(*([] if fused else [ours.UNFUSED]))
            optimizer = torch.optim.AdamW([torch.ones(2, requires_grad=True)], fused=True)
            assert optimizer.param_groups[0]["fused"] is fused

    def test_each_lever_is_first_in_one_round_of_as_many(self) -> None:
        orders = [ours.lever_order(i) for i in range(len(ours.LEVERS))]
        assert [order[0] for order in orders] == list(ours.LEVERS)
        assert all(sorted(order) == sorted(ours.LEVERS) for order in orders)

    def test_levers_take_turns_on_one_trajectory(self, still_dir: str) -> None:
        competitor = ours.OursByLevers(task(still_dir, "levers"))
        turned: list[tuple[str, ...]] = []
        competitor.levers.turn_off = lambda *names: turned.append(names)  # type: ignore[method-assign, assignment]
        competitor.train(lambda: None)
        assert turned == [(ours.LEVERS[0],), (ours.LEVERS[1],), ()]  # all on at the end
        (optimizer,) = competitor.levers.optimizers
        assert optimizer.param_groups[0]["fused"]


class TestClock:
    def test_one_thread_is_measured_in_cpu_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert (clock_name(1), clock_name(2)) == (CPU_TIME, WALL_TIME)
        assert (clock(1), clock(2)) == (time.process_time, time.perf_counter)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        assert clock_name(1) == WALL_TIME  # a GPU's work is no CPU time


class TestReport:
    def test_each_row_is_put_against_ours_in_bf16_of_its_panel(self) -> None:
        def row(competitor: str, batch: int, rounds: list[float]) -> dict[str, object]:
            there = {"model": "m", "batch_size": batch, "competitor": competitor}
            rest = {"per_second": 1.0, "times_ours": 1.0, "share_of_peak": 0.5, "peak_memory": 1}
            return {**there, "rounds": rounds, **rest}

        rows = [
            row("ours", 16, [10, 20, 30]),
            row("plain loop", 16, [2, 2, 4]),
            row("ours, bf16", 16, [20, 30, 60]),  # 2, 1.5 and 2 times as fast
            row("ours", 64, [10, 10, 10]),
        ]
        result = {"training": rows, "settings": {"clock": CPU_TIME}}
        table = report.table(result, "training")
        # Plain: 20 / 2, 30 / 2 and 60 / 4; at batch 64 bf16 did not take part.
        assert table["against ours, bf16"].tolist() == ["2.00x", "15.00x", "1.00x", ""]
        assert "sentences a CPU-second" in table
        without = {"training": rows[:2], "settings": {"clock": WALL_TIME}}
        assert "against ours, bf16" not in report.table(without, "training")
        assert "sentences a second" in report.table(without, "training")


class TestRun:
    @pytest.fixture
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ours and the plain loop alone, the library takes its time to be imported; small work."""
        monkeypatch.setattr(run, "QUALITY_SENTENCES", 8)
        monkeypatch.setattr(run, "MATRIX", 256)  # still far faster than the tiny BERT
        chosen = [(measure.OURS, False), ("plain loop", False)]
        for module in (measure, run, command_line):
            monkeypatch.setattr(module, "competitors", lambda bf16: chosen)

    @pytest.mark.usefixtures("few")
    def test_end_to_end(
        self, bert_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page = tmp_path / "page.md"
        page.write_text("before\n<!-- benchmark -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
        out = tmp_path / "out"
        options = {
            "--models": bert_dir,
            "--batch-sizes": 4,
            "--rounds": 2,
            "--seconds": 0.001,
            "--scaling": "10,20",
            "--quality": 2,
            "--threads": 1,
            "--out": out,
            "--markdown": page,
        }
        assert command_line.main([str(word) for pair in options.items() for word in pair]) == 0

        text = (out / "benchmark.json").read_text(encoding="utf-8")
        assert str(tmp_path) not in text
        assert platform.node() not in text
        result = json.loads(text)
        assert [row["competitor"] for row in result["training"]] == ["ours", "plain loop"]
        assert [row["competitor"] for row in result["evaluation"]] == ["ours", "plain loop"]
        assert [row["competitor"] for row in result["levers"]] == list(ours.LEVERS)
        for row in (*result["training"], *result["evaluation"], *result["levers"]):
            assert len(row["rounds"]) == 2
            assert row["per_second"] > 0
            assert 0 < row["share_of_peak"] < 1
        assert result["training"][0]["times_ours"] == 1
        assert result["training"][0]["peak_memory"] > 2**20
        growth = result["scaling"]["points"]
        assert [point["sentences"] for point in growth] == [10, 20]
        assert growth[0]["one trajectory"] < growth[1]["one trajectory"]
        assert result["grid"]["all"]["ratio"] < 1
        assert [(row["seed"], row["levers"]) for row in result["quality"]] == [
            (seed, levers) for seed in (0, 1) for levers in ("all on", "all off")
        ]
        for chart in ("training", "evaluation", "levers", "scaling", "quality"):
            assert (out / f"benchmark_{chart}.png").stat().st_size > 1000

        filled = page.read_text(encoding="utf-8")
        assert filled.startswith("before\n<!-- benchmark -->\n")
        assert filled.endswith("\n<!-- end -->\nafter\n")
        assert "plain loop" in filled
        # Each part says where its figures were taken, and in what.
        parts = [part for part in filled.split("### ")[1:] if not part.startswith("The report")]
        assert len(parts) == 5
        assert all("threads: 1; CPU time" in part for part in parts)
        assert "old" not in filled.split()
        printed = capsys.readouterr().out
        assert "sentence-transformers is not installed" in printed
        assert "### The report's grid" in printed

    def test_too_few_sentences(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command_line.main(["--batch-sizes", "50000"]) == 1
        assert "sentences are needed" in capsys.readouterr().err

    def test_a_process_that_breaks_off_is_named(self, tmp_path: Path) -> None:
        with (
            processes.working([Task("plain loop", 1, str(tmp_path))]) as (worker,),
            pytest.raises(processes.BenchmarkError, match=r"plain loop broke off[\s\S]*Error"),
        ):
            worker.answer()
