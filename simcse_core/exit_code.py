"""How a command line ends: what failed, in a line, and the code that a shell is told."""

from __future__ import annotations

import sys
from collections.abc import Callable

from simcse_core.errors import PlainError
from simcse_core.translation import translated

INTERRUPTED = 130  # what a shell expects after Ctrl-C: 128 and the signal's number
GOES_ON = "interrupted; the same command goes on from here"


def exit_code(
    name: str,
    run: Callable[[], object],
    after_ctrl_c: str = "interrupted",
    also: tuple[type[Exception], ...] = (),
) -> int:
    """Runs what a command line asks for; says in a line why it failed or was broken off.

    An error that its message does not tell in full is a fault of ours and keeps its trace.

    Args:
        name: what the line begins with.
        after_ctrl_c: what the line says of a run that was broken off.
        also: errors whose messages tell all, beside those of the package and of the machine.
    """
    told = (PlainError, OSError, MemoryError)
    try:
        run()
    except told + also as error:
        said = str(error) or type(error).__name__
        print(f"{name}: {translated(said)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: {translated(after_ctrl_c)}", file=sys.stderr)
        return INTERRUPTED
    return 0
