"""The only place that prints: answers on stdout, progress on stderr.

Decides: which stream a line goes to, what becomes of a line that its stream does not take, and that JSON shows hidden
characters as its own escapes. Does not decide escaping otherwise; callers pass text that is safe to show
(`context.visible_text`).
"""

import json
import os
import sys
from contextlib import suppress
from typing import TextIO

from context.errors import GatehostError
from context.visible_text import is_hidden


def say(text: str) -> None:
    """An answer: stdout, flushed, so that a reader down a pipe sees it at once.

    A reader that went away has read enough: nothing more is said, and the command keeps its own exit code.

    Raises:
        GatehostError: stdout takes nothing more, e.g. on a full disk.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        _give_up(error)


def say_json(value: object) -> None:
    """One JSON document on stdout, indented for people, stable for scripts. Raises: see `say`."""
    say(_visible(json.dumps(value, indent=2, ensure_ascii=False)))


def say_json_line(value: object) -> None:
    """One JSON document on one line of stdout. Raises: see `say`."""
    say(_visible(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def _visible(document: str) -> str:
    r"""The same document with every hidden character as `\u202e`: it reads back as it was, and acts on no terminal.

    Outside of texts JSON has none; unpaired surrogates, which no stream takes, become their escapes too.
    """
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(
        json.dumps(char)[1:-1] if ord(char) > 0x7F and is_hidden(char) else char for char in document
    ).replace("\x7f", "\\u007f")


def finish() -> None:
    """See to it that all that was printed past `say` (argparse's help) has arrived. Raises: see `say`."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _give_up(error)
    except ValueError:
        pass  # closed by somebody else


def progress(text: str) -> None:
    """News for the person who waits: stderr. Where nobody can hear them, the work goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _to_nowhere(sys.stderr)


def _give_up(error: OSError) -> None:
    _to_nowhere(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        raise GatehostError(
            f"the output cannot be written: {error.strerror or error}",
            where="stdout",
            next_step="Make room, or send the output elsewhere",
        ) from error


def _to_nowhere(stream: TextIO) -> None:
    # What is still buffered would fail once more when the interpreter ends, with a traceback and exit code 120.
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
