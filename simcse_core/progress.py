"""A bar for what takes long; where there is neither a terminal nor a notebook, a line a minute."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm
from tqdm.notebook import tqdm as notebook_bar

from simcse_core.translation import translated

SECONDS_PER_LINE = 60


def progress(
    total: float, unit: str, description: str = "", done: float = 0, form: str | None = None
) -> tqdm[Any]:
    """A bar that is gone when it is done; ``update(0)`` shows what was set meanwhile.

    The time left is told by all that was done under this bar, evenly.

    Args:
        done: of the total, before it began.
        form: tqdm's ``bar_format``, where its own does not say it.
    """
    shown: dict[str, Any] = {"total": total, "initial": done, "bar_format": form}
    shown |= {"unit": translated(unit), "desc": translated(description)}
    if sys.stderr.isatty() or issubclass(tqdm, notebook_bar):
        return tqdm(**shown, smoothing=0, miniters=0, leave=False)
    return tqdm(
        **shown,
        smoothing=0,
        miniters=0,
        mininterval=SECONDS_PER_LINE,
        maxinterval=SECONDS_PER_LINE,
        file=_Lines(),
        leave=False,
    )


class _Lines:
    """Writes each state of a bar to stderr as a line of its own."""

    def write(self, text: str) -> None:
        if said := text.strip():
            sys.stderr.write(f"{said}\n")

    def flush(self) -> None:
        sys.stderr.flush()
