"""A yes at the terminal, or `--yes` in its place.

Decides: that nobody to ask means no. Does not decide what is asked.
"""

import sys

from context.errors import UsageError
from host.cli.screen import progress


def agreed(question: str, *, yes: bool) -> bool:
    """Whether a person said yes to `question`, or a script did beforehand.

    Raises:
        UsageError: there is no terminal to ask at.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "nobody can be asked: there is no terminal",
            where=question.rstrip("?"),
            next_step="Say yes beforehand with --yes",
        )
    progress(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
