"""The project of a `gatehost mcp` command, and the servers that its arguments name.

Decides: what is missing when there is no servers file, and which server was probably meant. Does not decide what
is done with any.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from context.errors import ConfigError, UsageError
from context.visible_text import escape_line
from host.cli.screen import progress
from host.config.nearest_names import advice
from host.config.servers_file import ServersFile
from host.config.workshop import Workshop, open_workshop

if TYPE_CHECKING:
    from host.review.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Bench:
    """A workshop that has a servers file."""

    workshop: Workshop
    servers: ServersFile


def open_bench(args: argparse.Namespace, *, trusted: bool = True) -> Bench:
    """What `--config` and `--servers` name, or what the folder has.

    Args:
        trusted: Refuse a found project that nobody trusts: this command starts what it names.

    Raises:
        ConfigError: there is no servers file, or it cannot be used.
    """
    workshop = open_workshop(config=args.config, servers=args.servers, trusted=trusted)
    if workshop.servers is None:
        raise ConfigError(
            "there is no mcp_servers.toml in this folder or above it",
            where=str(workshop.project.folder),
            next_step="Write one with `gatehost mcp add`, or name it with --servers",
        )
    return Bench(workshop, workshop.servers)


def chosen(names: Sequence[str], servers: ServersFile) -> list[str]:
    """The servers named on the command line, each once; all of the file where none is.

    Raises:
        UsageError: there is no such server; names the nearest.
    """
    for name in names:
        if name not in servers.servers:
            raise unknown_server(name, servers.servers)
    return list(dict.fromkeys(names)) if names else list(servers.servers)


def unknown_server(name: str, known: Iterable[str]) -> UsageError:
    """The error for a server that is nowhere."""
    return UsageError(
        f"there is no server `{escape_line(name, 64)}`",
        where="SERVER",
        next_step=advice(name, known, noun="server") if list(known) else "Add it with `gatehost mcp add`",
    )


def say_failure(inspection: "Inspection") -> int:
    """Tell why a server could not be looked at; the exit code for it."""
    from host.review.told import told_stderr

    progress(f"gatehost: {inspection.fault}")
    for line in told_stderr(inspection):
        progress(line)
    return inspection.error.exit_code if inspection.error is not None else 7
