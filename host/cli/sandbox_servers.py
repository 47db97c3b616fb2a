"""The declared servers that a `gatehost sandbox` command speaks about, and whether their walls can be raised here.

Decides: which file is meant (the one that `--servers` names, else the project's, if it is trusted), and what is told of
each server in it. Does not decide whether walls stand: it asks what the kinds themselves ask when a server starts.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from context.errors import ConfigError, GatehostError
from context.json_values import JsonObject
from context.visible_text import escape_line
from host.cli.screen import say
from host.config.servers_file import ServersFile
from host.config.workshop import open_workshop
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.slots import SlotLimits

_GROUPED = ("memory", "cpus", "pids")


@dataclass(frozen=True, slots=True)
class Declared:
    """The servers file of one command.

    Attributes:
        servers: None where there is none, or none that may be used.
        named: It was named by `--servers`, so the command is about its servers.
        fault: Why the project's own file is not spoken about; empty when it is, or when there is none.
        slots: The cap on sandboxes, from the settings.
    """

    servers: ServersFile | None = None
    named: bool = False
    fault: str = ""
    slots: SlotLimits = field(default_factory=SlotLimits)

    @property
    def only(self) -> tuple[str, ...] | None:
        """The servers that the command is restricted to; None when it is about all there is."""
        return tuple(self.servers.servers) if self.named and self.servers is not None else None


def find_declared(args: argparse.Namespace) -> Declared:
    """From `--config` and `--servers`, else from the folder.

    Raises:
        ConfigError: a file that was named, or that belongs to it, cannot be used.
    """
    named = args.servers is not None
    try:
        shop = open_workshop(config=args.config, servers=args.servers)
        return Declared(shop.servers, named, slots=shop.settings.slots or SlotLimits())
    except ConfigError as error:
        # Walls can be built, checked and cleared up in any folder, whatever lies in it.
        if named or args.config is not None:
            raise
        return Declared(fault=error.sentence())


def declared_walls(declared: Declared) -> list[tuple[str, str]]:
    """Kind and runtime of each wall that these servers stand behind, once; the runtime is empty but for docker.

    Raises:
        ConfigError: a server names a kind that does not exist.
    """
    found: dict[tuple[str, str], None] = {}
    for name, settings in declared.servers.servers.items() if declared.servers else ():
        assert declared.servers is not None
        kind = declared.servers.kind(name)
        if kind.confines:
            found[kind.name, settings.runtime if kind.name == "docker" else ""] = None
    return list(found)


async def server_rows(
    home: SandboxHome, declared: Declared, *, runtimes: Sequence[str], holds: Mapping[tuple[str, str], Sequence[str]]
) -> list[JsonObject]:
    """One object a server: `server, sandbox, runtime, usable, why_not, confines`.

    Args:
        runtimes: Of the engine; empty when none answers.
        holds: Kind and runtime → the limits that hold there.
    """
    rows: list[JsonObject] = []
    for name, settings in declared.servers.servers.items() if declared.servers else ():
        assert declared.servers is not None
        fault = await _fault(home, declared.servers, name, runtimes=runtimes, holds=holds)
        rows.append(
            {
                "server": name,
                "sandbox": settings.sandbox,
                "runtime": settings.runtime if settings.sandbox == "docker" else None,
                "usable": fault is None,
                "why_not": fault,
                "confines": settings.sandbox != "unconfined",
            }
        )
    return rows


async def _fault(
    home: SandboxHome,
    servers: ServersFile,
    name: str,
    *,
    runtimes: Sequence[str],
    holds: Mapping[tuple[str, str], Sequence[str]],
) -> str | None:
    from sandboxes.runtime.image import image_fault

    settings = servers.servers[name]
    try:
        kind = servers.kind(name)
        servers.sandbox_mounts(name)
    except GatehostError as error:
        return error.sentence()
    fault = await anyio.to_thread.run_sync(kind.unavailable)
    if fault is None and kind.name == "docker":
        fault = await image_fault(home)
        if fault is None and settings.runtime not in runtimes:
            fault = f"the engine has no runtime {escape_line(settings.runtime, 60)}"
    if fault is not None or not kind.confines:
        return fault
    held = holds.get((kind.name, settings.runtime if kind.name == "docker" else ""), _GROUPED)
    missing = [f"limits.{limit}" for limit in _GROUPED if limit in settings.limits.model_fields_set - set(held)]
    return f"{' and '.join(missing)} cannot be enforced there" if missing else None


def show_servers(declared: Declared, rows: Sequence[JsonObject]) -> None:
    """The rows for people."""
    if declared.fault:
        say(f"servers     not looked at: {declared.fault}")
    for row in rows:
        where = ", ".join(escape_line(str(row[key]), 60) for key in ("sandbox", "runtime") if row[key])
        walls = "its walls can be raised" if row["confines"] else "no walls stand around it"
        say(f"server      {row['server']}, {where}: {row['why_not'] or walls}")
