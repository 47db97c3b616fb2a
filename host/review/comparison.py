"""What changed of a server since it was accepted: its configuration, its package, its own words, its tools.

Decides: which differences count, and how they are told. Does not decide what a pin covers
(`tool_gateway.pins`), nor whether a difference is accepted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from context.calls import ToolDefinition
from context.json_values import JsonObject
from context.visible_text import escape_line
from host.config.lock_file import LockedServer
from host.config.servers_file import ServerSettings, server_digest
from host.review.inspection import Inspection
from host.servers.session import Listing
from sandboxes.packages import parse_source, read_locked
from tool_gateway.pins import compare, diff


@dataclass(frozen=True, slots=True)
class Comparison:
    """One server as accepted against the same server now.

    Attributes:
        never_accepted: There is nothing to compare with.
        configuration: The lock was written for another configuration.
        package: The accepted source and the one that is written now, where they differ.
        instructions: Lines of what it tells models to do, where that differs.
        changed: Tool → lines of its difference.
        added: Listed in the servers file and offered, but not accepted.
        removed: Accepted or listed in the servers file, but not offered any more.
        unlisted: Offered, but not listed in the servers file: they do not exist for anybody.
    """

    never_accepted: bool = False
    configuration: bool = False
    package: tuple[str, str] | None = None
    instructions: tuple[str, ...] = ()
    changed: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs that somebody would have to accept."""
        return not (
            self.never_accepted
            or self.configuration
            or self.package
            or self.instructions
            or self.changed
            or self.added
            or self.removed
        )

    def pin(self, tool: str) -> str:
        """How a tool of the servers file stands: `pinned`, `changed`, `vanished`, `unpinned`."""
        if tool in self.removed:
            return "vanished"
        if self.never_accepted or self.configuration or tool in self.added:
            return "unpinned"
        return "changed" if tool in self.changed else "pinned"

    def lines(self) -> Iterator[str]:
        """Every difference, for a person; all foreign text escaped."""
        if self.never_accepted:
            yield "was never accepted"
        if self.package is not None:
            yield f"package: {self.package[0]} → {self.package[1]}"
        elif self.configuration:
            yield "configuration: the walls, command or package in the servers file changed since it was accepted"
        if self.instructions:
            yield "instructions to models:"
            yield from self.instructions
        for tool, lines in self.changed.items():
            yield f"tool {tool} changed:"
            yield from (f"  {line}" for line in lines)
        yield from (f"tool {tool}: not accepted yet" for tool in self.added)
        yield from (f"tool {escape_line(tool, 128)}: the server does not offer it any more" for tool in self.removed)

    def as_json(self) -> JsonObject:
        return {
            "same": self.same,
            "never_accepted": self.never_accepted,
            "configuration_changed": self.configuration,
            "package": {"accepted": self.package[0], "configured": self.package[1]} if self.package else None,
            "instructions": list(self.instructions),
            "tools": {
                "changed": {tool: list(lines) for tool, lines in self.changed.items()},
                "added": list(self.added),
                "removed": list(self.removed),
                "unlisted": list(self.unlisted),
            },
        }


def compare_server(inspection: Inspection, listing: Listing, locked: LockedServer | None) -> Comparison:
    """A running server against what was accepted of it.

    Raises:
        ConfigError: the lock's package entry is malformed.
    """
    listed = inspection.settings.tools
    offered = {name: tool for name, tool in listing.tools.items() if name in listed}
    unlisted = tuple(sorted(listing.tools.keys() - listed.keys()))
    if locked is None:
        return Comparison(
            never_accepted=True,
            added=tuple(sorted(offered)),
            removed=tuple(sorted(listed.keys() - offered.keys())),
            unlisted=unlisted,
        )
    pinned = {name: tool for name, tool in locked.definitions.items() if name in listed}
    found = compare(pinned, offered)
    return Comparison(
        configuration=locked.server_digest != server_digest(inspection.settings),
        package=_package_change(inspection.settings, locked),
        instructions=_instructions(locked.instructions or "", listing.instructions),
        changed={name: diff(pinned[name], offered[name]) for name in found.changed},
        added=found.added,
        removed=tuple(sorted(listed.keys() - offered.keys())),
        unlisted=unlisted,
    )


def _package_change(settings: ServerSettings, locked: LockedServer) -> tuple[str, str] | None:
    before = "a command"
    if locked.package is not None:
        package = read_locked(locked.package, where="the lock")
        extras = f"[{','.join(package.extras)}]" if package.extras else ""
        mark = "@" if package.kind == "oci" else "=="
        before = f"{package.kind}:{package.name}{extras}{mark}{package.version}"
    now = str(parse_source(settings.package)) if settings.package is not None else "a command"
    return None if before == now else (before, now)


def _instructions(before: str, now: str) -> tuple[str, ...]:
    # A tool's description is text of the same kind, and its difference is told line by line.
    lines = diff(ToolDefinition("instructions", before), ToolDefinition("instructions", now))
    return tuple(lines[1:])
