"""Which of a package's entry points is the server.

Decides: the one named by `entry`; else the only one; else the one named like the package. Does not guess.
"""

from collections.abc import Sequence

from context.errors import ConfigError
from context.visible_text import escape_line


def choose_entry(wanted: str | None, found: Sequence[str], *, package: str) -> str:
    """The entry point to start.

    Raises:
        ConfigError: `wanted` does not exist, or none stands out; lists those that exist.
    """
    listed = ", ".join(sorted(escape_line(name, 80) for name in found[:40]))
    choice = f'Write `entry = "…"` with one of: {listed}'
    if not found:
        raise ConfigError(
            f"{package} has no entry point",
            next_step="It is a library: name a package that is a server, or use `command = [...]`",
        )
    if wanted is not None:
        if wanted in found:
            return wanted
        raise ConfigError(f"{package} has no entry point {wanted!r}", next_step=choice)
    if len(found) == 1:
        return found[0]
    own = package.rpartition("/")[2]
    for name in found:
        if name.replace("_", "-") == own.replace("_", "-"):
            return name
    raise ConfigError(f"{package} has several entry points", next_step=choice)
