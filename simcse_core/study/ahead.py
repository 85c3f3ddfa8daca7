"""Cells of all notebooks of a study in one queue: while one runs, those of the next are computed.

So processes load libraries once for a study, and none waits for a notebook to start, draw and end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from simcse_core.cells import compute_cells
from simcse_core.study.planned import Planned
from simcse_core.under_way import UnderWay


class _EndedError(Exception):
    """The study ends; what is computed for it too."""


@contextmanager
def computed_ahead(
    planned: Sequence[Planned], directory: Path, tell: Callable[[str, UnderWay], None]
) -> Iterator[Callable[[str], None]]:
    """Computes the cells of notebooks in their order, in a thread that hands them to processes.

    A cell that fails is left to its notebook, which computes it again and says why it cannot.

    Args:
        tell: is called with a notebook's name and how far it is.

    Yields:
        What waits until the cells of a notebook are computed, as far as they can be. At the end,
        and when the study is broken off, what is still being computed ends within seconds.
    """
    done = {own.notebook: threading.Event() for own in planned}
    ended = threading.Event()

    def compute(own: Planned) -> None:
        def watch(state: UnderWay) -> None:
            if ended.is_set():
                raise _EndedError
            tell(own.notebook, state)

        compute_cells(own.cells, directory, own.notebook, own.shared, watch)

    def compute_all() -> None:
        try:
            for own in planned:
                with suppress(Exception):
                    if own.cells and not ended.is_set():
                        compute(own)
                done[own.notebook].set()
        finally:  # nobody waits for what will not come
            for event in done.values():
                event.set()

    def wait(notebook: str) -> None:
        done[notebook].wait()

    thread = threading.Thread(target=compute_all, name="cells", daemon=True)
    thread.start()
    try:
        yield wait
    finally:
        ended.set()
        thread.join()
