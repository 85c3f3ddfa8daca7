"""The processes of the benchmark: each holds one competitor and takes its turns when told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from simcse_core.config import PROJECT_ROOT
from simcse_core.errors import PlainError
from tools.benchmark.task import Task

Row = dict[str, Any]


class BenchmarkError(PlainError, RuntimeError):
    """A benchmark that cannot go on; the message says why."""


class Worker:
    """A process that takes its turns when told to."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (see close)
        paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
        quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._say(json.dumps(asdict(task)))

    def turn(self) -> Row:
        """Has it take a turn; returns its answer."""
        self._say("go")
        return self.answer()

    def answer(self) -> Row:
        """Its next answer.

        Raises:
            BenchmarkError: the process ended; the message holds the last it said.
        """
        assert self.process.stdout
        if line := self.process.stdout.readline():
            return json.loads(line)
        self.errors.seek(0)
        raise BenchmarkError(f"{self.task.name} broke off:\n{self.errors.read()[-2000:]}")

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _say(self, line: str) -> None:
        assert self.process.stdin
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.answer()


@contextmanager
def working(tasks: Sequence[Task]) -> Iterator[list[Worker]]:
    """The processes of some tasks, ended when done with."""
    with ExitStack() as stack:
        workers = []
        for task in tasks:
            workers.append(Worker(task))
            stack.callback(workers[-1].close)
        yield workers
