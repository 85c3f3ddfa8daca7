"""What an error has in common that a user is to read."""

from __future__ import annotations

import sys

from simcse_core.translation import translated


class PlainError(Exception):
    """An error whose message says what is wrong, where, and what to do: one line is all of it.

    A notebook shows that line, where it would show pages of calls for any other error.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of the calls: the message, and notes that were added to it."""
        notes = map(translated, getattr(self, "__notes__", ()))
        return [f"{type(self).__name__}: {translated(str(self))}", *notes]


class DataError(PlainError, ValueError):
    """Data that cannot be used; the message names the file, the line and what to do."""


class ParameterError(PlainError, ValueError):
    """A parameter that cannot be used; the message names it and what it has to be."""


class EncoderError(PlainError, ValueError):
    """An encoder that cannot be loaded or used; the message says why and what to do."""


class StudyError(PlainError, RuntimeError):
    """A study that cannot start or did not finish; the message says what failed and where."""


def print_any_name() -> None:
    """Lets this process print names of files that are in no encoding, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def one_line(error: BaseException, longest: int = 300) -> str:
    """What an error says, without line breaks; its kind if nothing.

    Others' errors may say pages, and are cut to so many characters; ours end with what to do.
    """
    said = " ".join(str(error).split()) or type(error).__name__
    whole = isinstance(error, PlainError) or len(said) <= longest
    return said if whole else f"{said[:longest]}…"
