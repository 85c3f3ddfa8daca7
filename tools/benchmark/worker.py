"""One process of the benchmark: loads one competitor, then takes its turns when told to.

The first line on standard input is the task; after every line that follows comes one turn, answered
by a line of JSON with its seconds and the peak memory of the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import torch

from tools.benchmark.task import Task, clock, device

# Imported where they run, so that no process holds the libraries of another.
COMPETITORS = {
    "ours": ("tools.benchmark.ours", "Ours"),
    "levers": ("tools.benchmark.ours", "OursByLevers"),
    "plain loop": ("tools.benchmark.plain", "PlainLoop"),
    "sentence-transformers": ("tools.benchmark.library", "SentenceTransformersTrainer"),
}
PROBES = 8  # sentences that every competitor embeds first, to show that the weights are the same


@dataclass
class Turns:
    """Waits for the word to go on, and answers when the work until the next answer is done."""

    replies: TextIO
    now: Callable[[], float] = time.perf_counter
    started: float = 0.0

    def reply(self, **content: object) -> None:
        """Answers, waits for the next word and starts the clock; ends where no word will come."""
        print(json.dumps(content), file=self.replies, flush=True)
        if not sys.stdin.readline():
            sys.exit()
        self.started = self.now()

    def pace(self) -> None:
        """Answers with the seconds since the last word and the peak memory up to now."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.reply(seconds=self.now() - self.started, **peak_memory())


def peak_memory() -> dict[str, int]:
    """Peak resident set of this process in bytes, and of the device where there is one."""
    gpu = (
        {"peak_device_memory": torch.cuda.max_memory_allocated()}
        if torch.cuda.is_available()
        else {}
    )
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return {"peak_memory": int(line.split()[1]) * 1024, **gpu}
    except (OSError, StopIteration):
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, **gpu}


def multiply_matrices(turns: Turns, n: int, bf16: bool) -> None:
    """Each turn answers with the best rate of a few products, in operations a second."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    left, right = (torch.randn(n, n, device=device()).to(dtype) for _ in range(2))
    best = 0.0
    while True:
        for _ in range(5):
            started = turns.now()
            left @ right
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            best = max(best, 2 * n**3 / (turns.now() - started))
        turns.reply(flops=best)
        best = 0.0


def main() -> None:
    """Takes the task from standard input and works through it."""
    turns = Turns(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # what libraries print must not stand between the answers
    task = Task(**json.loads(sys.stdin.readline()))
    torch.set_num_threads(task.threads)
    turns.now = clock(task.threads)
    if task.competitor == "matrix product":
        multiply_matrices(turns, task.matrix, task.bf16)
    module, name = COMPETITORS[task.competitor]
    competitor = getattr(importlib.import_module(module), name)(task)
    turns.reply(
        vectors=competitor.embed(task.sentences[: task.batch_size][:PROBES]).tolist(),
        seconds_a_sentence=getattr(competitor, "overhead", 0.0),
    )
    competitor.train(turns.pace)
    for _ in range(task.evaluations):
        competitor.evaluate()
        turns.pace()


if __name__ == "__main__":
    main()
