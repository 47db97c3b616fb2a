"""What `gatehost mcp add` was told of a new server, as the keys of its entry.

Decides: how the command line's words become keys, relative mounts included. Does not decide whether they are
allowed: the entry is read like any other (`servers_file`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from context.errors import ConfigError, UsageError
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from sandboxes.interface import SandboxHome
from sandboxes.packages.newest import newest_version
from sandboxes.packages.source import EXAMPLES, parse_source


@dataclass(frozen=True, slots=True)
class Draft:
    """The command line of one `add`.

    Attributes:
        source: One package source, or a command with its arguments.
        mounts: `HOST:AT[:ro|rw]`; HOST is relative to `folder`.
        folder: The current one.
    """

    name: str
    source: Sequence[str]
    sandbox: str
    folder: Path
    args: Sequence[str] = ()
    mounts: Sequence[str] = ()
    env: Sequence[str] = ()
    entry: str | None = None

    @property
    def is_command(self) -> bool:
        return len(self.source) > 1 or self.source[0].startswith("/")

    @property
    def package(self) -> str:
        """The package's name; empty for a command."""
        return "" if self.is_command else self.source[0].partition(":")[2].partition("==")[0]

    def walls(self, servers: Path) -> JsonObject:
        """The keys of `[servers.NAME]`, in the order in which they are written.

        Args:
            servers: The servers file that they are for; relative mounts start in its folder.

        Raises:
            UsageError: an option that does not have its form.
        """
        keys: JsonObject = {"command": [*self.source]} if self.is_command else {"package": self.source[0]}
        if self.args:
            keys["args"] = [*self.args]
        if self.entry is not None:
            keys["entry"] = self.entry
        if self.sandbox != "docker":
            keys["sandbox"] = self.sandbox
        if self.mounts:
            keys["mounts"] = [_mount(text, self.folder, servers.parent) for text in self.mounts]
        if self.env:
            keys["env"] = _env(self.env)
        return keys


async def check_source(draft: Draft, *, home: SandboxHome) -> None:
    """See to it that a package's source is one, with its version.

    Raises:
        ConfigError: it is not; names the newest version where only that is missing.
    """
    if draft.is_command:
        return
    text = draft.source[0]
    try:
        parse_source(text)
    except ConfigError as error:
        kind, _, name = text.partition(":")
        newest = await newest_version(kind, name, home=home)
        if newest is not None:
            raise ConfigError(
                f"{escape_line(text, 120)} leaves the version open, so what runs could change at any time",
                where="SOURCE",
                next_step=f"The newest one is {text}=={newest}",
            ) from error
        raise ConfigError(
            error.what,
            where="SOURCE",
            next_step=f"Write for example {', '.join(EXAMPLES.values())}, or -- COMMAND ARGUMENT…",
        ) from error


def _mount(text: str, folder: Path, base: Path) -> JsonObject:
    rest, _, mode = text.rpartition(":")
    if mode not in {"ro", "rw"}:
        rest, mode = text, "ro"
    host, _, at = rest.rpartition(":")
    if not host or not at.startswith("/"):
        raise UsageError(
            f"{escape_line(text, 200)} is no HOST:AT or HOST:AT:rw",
            where="--mount",
            next_step="Write for example --mount .:/repo:ro",
        )
    place = Path(host)
    if not place.is_absolute() and folder.resolve() != base.resolve():
        # Written relative to here, read relative to the file.
        host = os.path.relpath(folder.resolve() / place, base.resolve())
    return {"host": host, "at": at, "mode": mode}


def _env(pairs: Sequence[str]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(
                f"{escape_line(pair.partition('=')[0], 80)} is no NAME=VALUE", where="--env", next_step="Write TZ=UTC"
            )
        found[name] = value
    return found
