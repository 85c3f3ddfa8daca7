"""Calls in processes of their own, side by side: what each of them gives, says and fails with.

Processes come from loky, which joblib brings. One that dies ends all others of its pool, so what
they were at is called again alone.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from joblib.externals.loky import BrokenProcessPool, get_reusable_executor
from threadpoolctl import threadpool_limits

from simcse_core.errors import PlainError, one_line
from simcse_core.gpus import take_gpu, visible_gpus
from simcse_core.translation import tell, translated

# What the notebooks' processes take from a study; a notebook that runs by itself may be given them.
WORKERS_VARIABLE = "SIMCSE_WORKERS"
THREADS_VARIABLE = "SIMCSE_THREADS"
# Of every result unless another number is asked for: two threads of one process cost more than two
# processes of one thread, and the number decides the last bits.
THREADS = 1
# Resident size of a process that has imported all and computes nothing, measured and rounded up.
PROCESS_BYTES = 600 * 2**20
# What libraries look at when they are loaded; what torch and BLAS have loaded is set besides.
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    "RAYON_NUM_THREADS",  # tokenizers
)
_IDLE_SECONDS = 60  # after which a process without work ends
_ORPHAN_SECONDS = 0.5  # in which a process notices that the one that started it is gone
TELL_SECONDS = 1.0  # between two words on what is under way

Call = Callable[[], Any]
# Is told the names of the calls that are under way.
Tell = Callable[[Sequence[str]], None]


class WorkerError(PlainError, RuntimeError):
    """Processes that died, or a number of them that is none; the message says what to do."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        value: what it returned.
        error: what it raised, if it did.
        said: what it printed, where it was not printed here.
        warned: what it wrote to stderr, progress bars left out.
    """

    value: Any = None
    error: BaseException | None = None
    said: str = ""
    warned: str = ""


def n_workers() -> int:
    """How many processes compute: as asked for, else one a GPU, or a physical core without any."""
    default = torch.cuda.device_count() or psutil.cpu_count(logical=False) or 1
    return _number(WORKERS_VARIABLE, default)


def n_threads() -> int:
    """How many threads each process has: as asked for, else :data:`THREADS`."""
    return _number(THREADS_VARIABLE, THREADS)


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip() or str(default)
    if not re.fullmatch("[0-9]{1,4}", text) or not int(text):
        raise WorkerError(f"{variable}: a whole number from 1 to 9999 is needed, got {text!r}")
    return int(text)


def use_threads(n: int) -> None:
    """Lets this process compute with ``n`` threads: torch, BLAS and OpenMP."""
    torch.set_num_threads(n)
    threadpool_limits(n)


@contextmanager
def on_threads(n: int) -> Iterator[None]:
    """Computes with ``n`` threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def that_fit(wanted: int, bytes_each: int) -> int:
    """How many processes the free memory has room for, one at least; fewer than wanted is told."""
    free = psutil.virtual_memory().available
    fit = max(1, min(wanted, free // bytes_each))
    if fit < wanted:
        tell(
            f"memory: {fit} instead of {wanted} at once, for one may take "
            f"{bytes_each / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free"
        )
    return fit


def run(
    calls: Mapping[str, Call], workers: int, threads: int, tell: Tell
) -> Generator[tuple[str, Outcome], None, None]:
    """How each call ended, as they end: with one worker in this process, else in others.

    What was under way when a process died is called once more, alone, after all others; if its
    process dies again, its outcome is a :class:`WorkerError`. Whoever stops early closes this
    iterator, which ends the processes.

    Args:
        calls: by name; can be pickled.
        threads: of each process, this one included where it computes.
        tell: is called with the names of those under way, every now and then.
    """
    if workers == 1:
        use_threads(threads)
        for name, call in calls.items():
            tell([name])
            yield name, _outcome(call)
        return
    waiting = dict(calls)
    again: list[str] = []
    while waiting:
        again += yield from _until_one_dies(waiting, workers, threads, tell)
    for name in again:
        died = yield from _until_one_dies({name: calls[name]}, 1, threads, tell)
        for cause in died.values():
            yield name, Outcome(error=WorkerError(_died_twice(cause)))


def _died_twice(cause: str) -> str:
    return (
        f"its process ended twice, the second time with no other beside it ({cause}), often for "
        "want of memory"
    )


def _until_one_dies(
    waiting: dict[str, Call], workers: int, threads: int, tell: Tell
) -> Generator[tuple[str, Outcome], None, dict[str, str]]:
    """Takes calls out of ``waiting``, no more at a time than there are processes.

    Returns:
        Those that were under way when a process died, each with the cause.
    """
    executor = _processes(workers, threads)
    running: dict[Future[Outcome], str] = {}
    died: dict[str, str] = {}
    whole = False
    try:
        while running or (waiting and not died):
            while waiting and not died and len(running) < workers:
                name = next(iter(waiting))
                call = waiting.pop(name)
                try:
                    running[executor.submit(heard, call)] = name
                except BrokenProcessPool as broken:
                    died[name] = _cause(broken)
            tell(list(running.values()))
            for future in wait(running, TELL_SECONDS, FIRST_COMPLETED).done:
                name, error = running.pop(future), future.exception()
                if isinstance(error, BrokenProcessPool):
                    died[name] = _cause(error)
                else:
                    yield name, Outcome(error=error) if error else future.result()
        whole = True
    finally:
        if not whole:
            executor.shutdown(wait=True, kill_workers=True)
    return died


def _processes(workers: int, threads: int) -> Any:
    """The pool of the last call, if it is whole and of that size, else a new one."""
    # A process that has grown is replaced by loky between two calls; nobody has to act on that.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    return get_reusable_executor(
        max_workers=workers,
        timeout=_IDLE_SECONDS,
        initializer=_begin,
        initargs=(os.getpid(), threads, visible_gpus()),
        env=dict.fromkeys(_THREAD_VARIABLES, str(threads)),
    )


def _cause(error: BaseException) -> str:
    """How a process ended, as loky says it."""
    codes = re.search(r"exit codes of the workers are \{(.*)\}", str(error))
    return codes.group(1) if codes else one_line(error)


# ---------------------------------------------------------------- in a worker


def _begin(parent: int, threads: int, gpus: list[str]) -> None:
    take_gpu(gpus)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    use_threads(threads)


def _end_with(parent: int) -> None:
    """Ends this process when the one that started it is gone, killed perhaps."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_SECONDS)
    os._exit(1)


def _outcome(call: Call) -> Outcome:
    try:
        return Outcome(call())
    except Exception as error:
        return Outcome(error=error)


def heard(call: Call) -> Outcome:
    """How a call ended, with all that it printed."""
    said, warned = io.StringIO(), _WithoutBars()
    with redirect_stdout(said), redirect_stderr(warned):
        outcome = _outcome(call)
    lines = [line for line in warned.getvalue().splitlines() if line.strip()]
    outcome = replace(outcome, said=said.getvalue().rstrip("\n"), warned="\n".join(lines))
    return replace(outcome, error=_to_send(outcome.error)) if outcome.error else outcome


class _WithoutBars(io.StringIO):
    """Takes what is written, but for a progress bar's ways of writing over itself."""

    def write(self, text: str) -> int:
        return len(text) if text.startswith(("\r", "\x1b")) else super().write(text)


def _to_send(error: BaseException) -> BaseException:
    """The error as it can be read elsewhere, with where it was raised."""
    if not isinstance(error, PlainError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an error of its own making that does not say how it is made
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def tell_once(outcome: Outcome, write: Callable[..., None]) -> None:
    """Passes on what a call printed elsewhere, as ``write(text, file=...)``."""
    if outcome.said:
        write("\n".join(map(translated, outcome.said.splitlines())), file=sys.stdout)
    if outcome.warned:
        write(outcome.warned, file=sys.stderr)
