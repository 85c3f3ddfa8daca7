"""Calls on a dask.distributed cluster that somebody started: how each of them ended.

The same as :mod:`simcse_core.workers` does on one machine; needs the extra ``cluster``.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from simcse_core.errors import one_line
from simcse_core.translation import tell
from simcse_core.workers import (
    TELL_SECONDS,
    Call,
    Outcome,
    Tell,
    WorkerError,
    heard,
    use_threads,
)

# The address of a scheduler, such as tcp://10.0.0.1:8786; what the notebooks take from a study.
SCHEDULER_VARIABLE = "SIMCSE_SCHEDULER"
_CONNECT_SECONDS = 10


def scheduler_address() -> str:
    """Where the scheduler listens that is to hand out the cells; empty if none is."""
    address = os.environ.get(SCHEDULER_VARIABLE, "").strip()
    if address and not is_address(address):
        raise WorkerError(
            f"{SCHEDULER_VARIABLE}: an address such as tcp://10.0.0.1:8786 is needed, got "
            f"{address!r}"
        )
    return address


def is_address(text: str) -> bool:
    """Whether dask can have meant it: a protocol, a host and a port."""
    return bool(re.fullmatch(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}", text))


def run(
    calls: Mapping[str, Call], address: str, threads: int, tell: Tell
) -> Generator[tuple[str, Outcome], None, None]:
    """How each call ended, as they end, on the workers of a cluster, one call a worker at a time.

    Dask calls again what a worker was at that died, elsewhere, and gives a call up that has ended
    several workers (``distributed.scheduler.allowed-failures``): its outcome is a
    :class:`WorkerError`. Whoever stops early closes this iterator: what has not begun is taken
    back, and what is under way goes on to its end and is kept.

    Args:
        calls: by name; can be pickled, and mean the same on every machine of the cluster.
        threads: of each process.
        tell: is called with the names of those under way, every now and then.

    Raises:
        WorkerError: dask is not installed, nobody answers, or workers take several calls at once.
    """
    with _connected(address) as client:
        _check(client, address)
        under_way: dict[Any, str] = {}
        try:
            for name, call in calls.items():
                # No more than there are workers: dask hands a worker its next call while it is at
                # one, and counts its death against both.
                while len(under_way) >= max(1, len(client.nthreads())):
                    yield from _ended(client, under_way, tell)
                under_way[_submit(client, call, threads, name)] = name
            while under_way:
                yield from _ended(client, under_way, tell)
        except OSError as error:
            raise WorkerError(_gone(address, error)) from error
        finally:
            client.cancel(list(under_way))


def _submit(client: Any, call: Call, threads: int, name: str) -> Any:
    with warnings.catch_warnings():
        # Cells hold their sentences; that is what they are for.
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_on_a_worker, call, threads, key=_key(name), pure=False)


def _key(name: str) -> str:
    """Of a task: for people, and of this run alone."""
    return f"{name}-{uuid4().hex}"


def _on_a_worker(call: Call, threads: int) -> Outcome:
    use_threads(threads)
    return heard(call)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise WorkerError(
            f"{SCHEDULER_VARIABLE}: dask.distributed is not installed; "
            "pip install 'simcse-core[cluster]' brings it"
        ) from error
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise WorkerError(_gone(address, error)) from error
    try:
        yield client
    finally:
        client.close()


def _gone(address: str, error: BaseException) -> str:
    return (
        f"{SCHEDULER_VARIABLE}: no scheduler answers at {address} ({one_line(error)}); start one "
        "with: dask scheduler"
    )


def _check(client: Any, address: str) -> None:
    """Raises a WorkerError where two calls would share a process, and its threads and stdout."""
    several = [worker for worker, threads in client.nthreads().items() if threads > 1]
    if several:
        raise WorkerError(
            f"{SCHEDULER_VARIABLE}: the worker {several[0]} takes several cells at once; start "
            f"workers with: dask worker {address} --nworkers <cores> --nthreads 1"
        )
    if not client.nthreads():
        tell(f"{address}: no worker yet; start some with: dask worker {address} --nthreads 1")


def _ended(client: Any, under_way: dict[Any, str], tell: Tell) -> Iterator[tuple[str, Outcome]]:
    """Those that ended within a while, taken out of those under way; there may be none."""
    wait = importlib.import_module("distributed").wait
    busy = {key for keys in client.processing().values() for key in keys}
    tell([name for future, name in under_way.items() if future.key in busy])
    try:
        done = wait(list(under_way), timeout=TELL_SECONDS, return_when="FIRST_COMPLETED").done
    except TimeoutError:
        return
    for future in done:
        yield under_way.pop(future), _outcome(future)


def _outcome(future: Any) -> Outcome:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return Outcome(
            error=WorkerError(
                "the workers that took it ended one after another, often for want of memory; "
                f"dask gave it up ({one_line(error)})"
            )
        )
    return Outcome(error=error if isinstance(error, Exception) else WorkerError(repr(error)))
