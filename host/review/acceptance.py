"""Accepting a server: what must hold before, and the lock entry that makes its tools callable.

Decides: that every tool of the servers file is offered and every rule can reach its argument, and that nothing
but the reviewed words is written. Does not decide whether to accept: a person does.
"""

from pathlib import Path

from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.lock_file import Lock, LockedServer, update_lock
from host.config.nearest_names import advice
from host.config.project_files import Project, lock_beside
from host.config.servers_file import ServersFile, server_digest
from host.config.small_files import shown
from host.config.trust import keeping_trust
from host.home import Home
from host.review.inspection import Inspection
from host.review.reachability import unreachable
from host.servers.session import Listing


def misfits(servers: ServersFile, name: str, listing: Listing) -> list[ConfigError]:
    """Why the servers file does not fit what the server offers; empty when it does."""
    faults: list[ConfigError] = []
    for tool in servers.servers[name].tools:
        offered = listing.tools.get(tool)
        where = servers.where(name, "tools", tool)
        if offered is None:
            dropped = listing.dropped.get(tool)
            why = f": the server lists it, but {escape_line(dropped, 200)}" if dropped else ""
            faults.append(
                ConfigError(
                    f"server {name} has no tool `{tool}`{why}",
                    where=where,
                    next_step=advice(tool, listing.tools, noun="tool"),
                )
            )
        else:
            see = f"`gatehost mcp check {name} --json` shows the tool's arguments"
            faults += unreachable(servers, name, tool, offered, next_step=see)
    return faults


def accepted_lock(lock: Lock, inspection: Inspection, listing: Listing) -> Lock:
    """`lock` with this server as it was inspected: of its tools those that the servers file lists."""
    settings = inspection.settings
    return lock.with_server(
        inspection.name,
        server_digest=server_digest(settings),
        package=inspection.package.as_json() if inspection.package else None,
        protocol=listing.protocol or None,
        instructions=listing.instructions or None,
        tools=[tool for name, tool in listing.tools.items() if name in settings.tools],
    )


def is_accepted(locked: LockedServer | None, inspection: Inspection, listing: Listing) -> bool:
    """Whether accepting would change nothing."""
    return locked is not None and locked == accepted_lock(Lock(), inspection, listing).servers[inspection.name]


def write_lock(servers: Path, *, before: Lock, after: Lock) -> None:
    """Replace the lock beside the servers file, unless somebody else changed it meanwhile.

    A server under review may write what is mounted for it, the place of a missing lock included: a lock that is
    not the one which was read is no basis for the next one.

    Raises:
        ConfigError: it changed, or cannot be written.
    """

    def change(now: Lock) -> Lock:
        if now != before:
            raise ConfigError(
                "the lock changed meanwhile, so nothing was accepted",
                where=shown(lock_beside(servers)),
                next_step="Look at it, then run this again",
            )
        return after

    update_lock(lock_beside(servers), change)


def accept(project: Project, home: Home, *, servers: Path, before: Lock, after: Lock) -> None:
    """Write what a person agreed to; a project that was trusted stays trusted.

    Raises:
        ConfigError: see `write_lock`.
    """
    with keeping_trust(project, home):
        write_lock(servers, before=before, after=after)
