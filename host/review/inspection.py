"""Servers looked at for review: started behind their walls, asked what they offer, and stopped again.

Decides: which package is looked at (the locked one where it is the one that is written), and what a failed
start is called. Does not decide whether anything found is acceptable (`comparison`, `acceptance`), and calls no
tool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from context.errors import GatehostError, ServerError
from context.events import EventType
from context.ids import new_id
from context.json_values import JsonObject
from host.config.lock_file import Lock
from host.config.servers_file import ServerSettings, ServersFile
from host.servers.plans import Grounds, unaccepted_plan
from host.servers.pool import ServerPool
from host.servers.session import Listing, ServerPlan
from sandboxes.interface import Evidence, Program, SandboxHome, WireCounts
from sandboxes.lifecycle.slots import SlotLimits
from sandboxes.packages import Locked, command_program, parse_source, read_locked, resolve, unpack
from sandboxes.runtime.image import facts


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one server showed of itself, or why it could not be looked at.

    Attributes:
        program: What runs inside its sandbox; None when it could not be prepared.
        listing: None when the server did not get ready.
        seconds: From its launch until its tools were listed, or it failed.
        error: Why there is no listing.
        stderr: The newest part of what it wrote there, raw.
        counts: What the decoder kept from us.
    """

    name: str
    settings: ServerSettings
    package: Locked | None = None
    program: Program | None = None
    listing: Listing | None = None
    evidence: Evidence | None = None
    seconds: float = 0.0
    error: GatehostError | None = None
    stderr: str = ""
    counts: WireCounts = field(default_factory=WireCounts)

    @property
    def fault(self) -> str:
        """Why there is no listing, as a sentence that names the server; empty when there is one."""
        if self.error is None:
            return ""
        text = self.error.sentence()
        return text if text.startswith(f"server {self.name}") else f"server {self.name}: {text}"


async def inspect_servers(
    servers: ServersFile, lock: Lock, home: SandboxHome, names: Sequence[str], *, slots: SlotLimits | None = None
) -> dict[str, Inspection]:
    """Look at several servers side by side; one that fails hides nothing of the others.

    Args:
        slots: Most sandboxes at once; the defaults when None.
    """
    grounds = Grounds(servers, lock, home, new_id("look"), slots=slots)
    found: dict[str, Inspection] = {}

    async def look(name: str) -> None:
        found[name] = await _inspect(grounds, name)

    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(look, name)
    return {name: found[name] for name in names}


async def _inspect(grounds: Grounds, name: str) -> Inspection:
    settings = grounds.servers.servers[name]
    package: Locked | None = None
    try:
        grounds.servers.kind(name)
        package = await _package(grounds, name, settings)
        # Before the server's start, whose time is bounded: a download may take longer than any start.
        program = await _prepare(grounds.home, settings, package)
        plan = unaccepted_plan(grounds, name, package)
    except GatehostError as error:
        return Inspection(name, settings, package=package, error=error)
    return await _start(plan, settings, package, program)


async def _start(plan: ServerPlan, settings: ServerSettings, package: Locked | None, program: Program) -> Inspection:
    pool = ServerPool([plan], notify=_unheard)
    session = pool.sessions[plan.name]
    began = anyio.current_time()
    async with pool.running():
        await session.settled()
        seconds = anyio.current_time() - began
        ready = session.state == "ready"
        stderr, evidence, detail = session.stderr, session.evidence, session.detail
    return Inspection(
        plan.name,
        settings,
        package=package,
        program=program,
        listing=session.listing if ready else None,
        evidence=evidence,
        seconds=seconds,
        error=None if ready else ServerError(detail or "it did not get ready", where=f"server {plan.name}"),
        # One that is stopped in good order may complain about that; one that failed may say why only at its end.
        stderr=stderr if ready else session.stderr,
        counts=session.counts,
    )


async def _package(grounds: Grounds, name: str, settings: ServerSettings) -> Locked | None:
    if settings.package is None:
        return None
    known = grounds.lock.servers.get(name)
    if known is not None and known.package is not None:
        locked = read_locked(known.package, where="its entry in the lock")
        source = parse_source(settings.package)
        if (locked.kind, locked.name, locked.version, locked.extras) == (
            source.kind,
            source.name,
            source.version,
            source.extras,
        ):
            return locked
    return await resolve(settings.package, home=grounds.home, runtime=await facts(grounds.home, settings.sandbox))


async def _prepare(home: SandboxHome, settings: ServerSettings, package: Locked | None) -> Program:
    if package is None:
        return command_program(settings.command or (), args=settings.args)
    runtime = await facts(home, settings.sandbox)
    return await unpack(package, home=home, runtime=runtime, entry=settings.entry, args=settings.args)


def _unheard(kind: EventType, data: JsonObject) -> None:
    """There is no run that could be told."""
