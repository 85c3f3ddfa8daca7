"""One bar for a whole study: cells done of all, the time left, and what each process is at."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from simcse_core.progress import progress
from simcse_core.under_way import UNDER_WAY_VARIABLE, UnderWay, told_study

LOOK_SECONDS = 1.0  # between two looks at what a notebook tells
_FORM = "{desc}{percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]"
_FORM_WITHOUT_COSTS = "{desc}[{elapsed}{postfix}]"

# By notebook, what its cells are known to cost, by name.
Costs = Mapping[str, Mapping[str, float]]


class Standing(NamedTuple):
    """How far a study is.

    Attributes:
        kept: cost of what there were results of already.
        computed: cost of what was computed since.
        said: cells done of all, and those under way.
    """

    kept: float
    computed: float
    said: str


def standing(costs: Costs, told: Mapping[str, UnderWay], running: str) -> Standing:
    """How far a study is, by what its notebooks have told.

    Cells that a notebook tells of and that were not known beforehand count, and cost nothing.
    """
    kept = computed = 0.0
    n_done = n_all = 0
    for notebook, own in costs.items():
        state = told.get(notebook, UnderWay())
        names = {*own, *state.kept, *state.done, *state.now}
        new = set(state.done)
        old = set(state.kept) if notebook == running or notebook not in told else names - new
        kept += sum(own.get(name, 0.0) for name in old)
        computed += sum(own.get(name, 0.0) for name in new)
        n_done += len(old) + len(new)
        n_all += len(names)
    now = [name.removeprefix(f"{running}-") for name in told.get(running, UnderWay()).now]
    return Standing(kept, computed, ", ".join([f"{n_done}/{n_all} cells", *now]))


@contextmanager
def study_bar(costs: Costs) -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """A bar, and what shows on it how far a notebook is while it runs.

    The time left is that of the costs still ahead, at the rate of those computed so far.
    """
    total = sum(sum(own.values()) for own in costs.values())
    form = _FORM if total else _FORM_WITHOUT_COSTS
    told: dict[str, UnderWay] = {}
    with TemporaryDirectory() as folder, progress(total, "cost", form=form) as bar:

        @contextmanager
        def while_running(notebook: str) -> Iterator[None]:
            path = Path(folder) / f"{notebook}.json"
            bar.set_description(notebook, refresh=False)

            def look() -> None:
                told[notebook] = told_study(path)
                _show(bar, standing(costs, told, notebook))

            with _named_for_kernels(path), _every(LOOK_SECONDS, look):
                yield
            _show(bar, standing(costs, told, ""))

        yield while_running


def _show(bar: tqdm[Any], far: Standing) -> None:
    bar.initial, bar.n = far.kept, far.kept + far.computed
    bar.set_postfix_str(far.said, refresh=False)
    bar.update(0)


@contextmanager
def _named_for_kernels(path: Path) -> Iterator[None]:
    os.environ[UNDER_WAY_VARIABLE] = str(path)
    try:
        yield
    finally:
        del os.environ[UNDER_WAY_VARIABLE]


@contextmanager
def _every(seconds: float, look: Callable[[], None]) -> Iterator[None]:
    """Calls it again and again from another thread, and once more at the end."""
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(seconds):
            look()

    thread = threading.Thread(target=again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()
