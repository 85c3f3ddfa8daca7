"""One bar for a whole study: cells done of all, the time left, and what each process is at."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from simcse_core.progress import progress
from simcse_core.translation import translated
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


def standing(
    costs: Costs, told: Mapping[str, UnderWay], ended: Collection[str], shown: str = ""
) -> Standing:
    """How far a study is, by what has been told of its notebooks.

    Cells that are told of and that were not known beforehand count, and cost nothing.

    Args:
        ended: notebooks that have all their cells.
        shown: the one whose name stands on the bar already.
    """
    kept = computed = 0.0
    n_done = n_all = 0
    now: list[str] = []
    for notebook, own in costs.items():
        state = told.get(notebook, UnderWay())
        names = {*own, *state.kept, *state.done, *state.now}
        new = set(state.done)
        old = (names if notebook in ended else set(state.kept)) - new
        kept += sum(own.get(name, 0.0) for name in old)
        computed += sum(own.get(name, 0.0) for name in new)
        n_done += len(old) + len(new)
        n_all += len(names)
        now += [] if notebook in ended else state.now
    said = [name.removeprefix(f"{shown}-") for name in now]
    return Standing(kept, computed, ", ".join([translated(f"{n_done}/{n_all} cells"), *said]))


class StudyBar:
    """A bar over what all notebooks of a study cost, and who is at what.

    The time left is that of the costs still ahead, at the rate of those computed so far.
    """

    def __init__(self, costs: Costs, bar: tqdm[Any], folder: Path) -> None:
        """Args: ``folder`` is for what notebooks tell of themselves."""
        self._costs, self._bar, self._folder = costs, bar, folder
        self._told: dict[str, UnderWay] = {}
        self._ended: set[str] = set()
        self._shown = ""

    def tell(self, notebook: str, state: UnderWay) -> None:
        """Takes down how far a notebook's cells are; what was computed before stays computed."""
        done = dict.fromkeys([*self._told.get(notebook, UnderWay()).done, *state.done])
        kept = [name for name in state.kept if name not in done]
        self._told[notebook] = UnderWay(kept, list(done), state.now)
        self._show()

    @contextmanager
    def while_running(self, notebook: str) -> Iterator[None]:
        """Shows a notebook as the one that is run, and what it tells of itself meanwhile."""
        path = self._folder / f"{notebook}.json"
        self._shown = notebook
        self._bar.set_description(notebook, refresh=False)

        def look() -> None:
            if path.exists():
                self.tell(notebook, told_study(path))
            else:
                self._show()

        with _named_for_kernels(path), _every(LOOK_SECONDS, look):
            yield
        self._ended.add(notebook)
        self._show()

    def _show(self) -> None:
        far = standing(self._costs, dict(self._told), self._ended, self._shown)
        self._bar.initial, self._bar.n = far.kept, far.kept + far.computed
        self._bar.set_postfix_str(far.said, refresh=False)
        self._bar.update(0)


@contextmanager
def study_bar(costs: Costs) -> Iterator[StudyBar]:
    """The bar of a study, gone when it ends."""
    total = sum(sum(own.values()) for own in costs.values())
    form = _FORM if total else _FORM_WITHOUT_COSTS
    with TemporaryDirectory() as folder, progress(total, "cost", form=form) as bar:
        yield StudyBar(costs, bar, Path(folder))


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
