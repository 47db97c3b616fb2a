"""The sandbox seam: a server specification in, an open MCP transport and evidence of the walls out.

Decides: the shapes and what every sandbox promises. Does not decide how any one keeps it; each
kind is one file that ends in `KIND = SandboxKind(…)`, and one conformance suite runs over all.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from context.json_values import JsonObject, JsonValue

if TYPE_CHECKING:  # `import mcp` costs 0.7 s of CPU; only a running server needs it.
    from mcp.client._transport import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path, absolute and with symlinks resolved, seen at `at` inside the sandbox."""

    host: Path
    at: str
    mode: Literal["ro", "rw"] = "ro"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run inside the sandbox, with the read-only mounts that bring it there.

    Attributes:
        argv: Program and arguments as seen inside.
        image: For `oci:` packages the image to run instead of the runtime image, by digest.
        digests: What was locked: wheel and tarball hashes, image digest.
    """

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    image: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One server to run, with everything that is declared for it.

    Attributes:
        server: The configured name.
        run_id: The run that owns it; stands in the labels.
        owner: The owning process (`context`-free text `boot:pid:start`), so that a later start can tell a dead
            owner from a living one and reap what it left.
        memory: Bytes, swap included.
        tmpfs: Bytes of writable scratch at `/tmp`.
        line_bytes: Longest line accepted from the server.
        env: Plain values; no sandbox hands any variable of the host through.
        disk: Bytes that it may add to its writable mounts; also the size of the largest file it may write.
        secrets: Name → value; readable inside as `/run/secrets/NAME`, and kept out of everything that comes back.
        written: Which of `memory`, `cpus`, `pids`, `disk` the operator wrote down. One of these that cannot be
            enforced is refused; a default that cannot is noted in the evidence.
    """

    server: str
    run_id: str
    owner: str
    program: Program
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    runtime: str = "runc"
    memory: int = 512 * 1024**2
    cpus: float = 1.0
    pids: int = 128
    tmpfs: int = 64 * 1024**2
    disk: int = 1024**3
    line_bytes: int = 4 * 1024**2
    start_timeout: float = 30.0
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    written: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The walls as they stand, read from the live sandbox (`inspect`, `/proc`), never from the code that asks.

    Attributes:
        kind: `docker`, `bubblewrap`, `unconfined`.
        isolated: False only for `unconfined`.
        facts: What was read: user, capabilities, network, mounts, limits, image digest.
        differences: One sentence for each declared wall that does not stand; a call is refused while any exists.
        notes: What a reader must know, e.g. `runs as uid 0 because the rw mount belongs to root`.
    """

    kind: str
    isolated: bool
    facts: Mapping[str, JsonValue]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        return {
            "kind": self.kind,
            "isolated": self.isolated,
            "facts": dict(self.facts),
            "differences": list(self.differences),
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class WireCounts:
    """What the decoder met and kept from the SDK. Counters only grow.

    Attributes:
        skipped_lines: Output lines that were no message.
        dropped_messages: Messages refused: unknown or duplicate response ids, limits exceeded.
        dropped: The same by kind, in our own words: a few dozen keys, whatever the server does.
        last_dropped: The newest reason among them, escaped; it may quote an id or a method.
        asked: Requests of the server's own (sampling, elicitation, roots …) by method, those that were dropped
            included; methods that MCP does not know count together.
        last_fault: The newest reason, escaped.
        dropped_tools: Tool name (escaped) → why it was dropped from a listing.
    """

    skipped_lines: int = 0
    dropped_messages: int = 0
    last_fault: str = ""
    dropped_tools: dict[str, str] = field(default_factory=dict[str, str])
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    last_dropped: str = ""
    asked: dict[str, int] = field(default_factory=dict[str, int])


class OpenSandbox(Protocol):
    """A running server behind its walls.

    Attributes:
        read, write: The MCP transport, already behind the bounded decoder.
    """

    read: "ReadStream[SessionMessage | Exception]"
    write: "WriteStream[SessionMessage]"

    @property
    def evidence(self) -> Evidence: ...

    @property
    def counts(self) -> WireCounts: ...

    @property
    def output_schemas(self) -> Mapping[str, JsonObject]:
        """Tool name → the `outputSchema` that the decoder removed from the newest listing (see `decoder`)."""
        ...

    def stderr_tail(self) -> str:
        """The newest part of what the server wrote to stderr, bounded, raw."""
        ...

    async def exited(self) -> str:
        """Wait until the server is gone; how it went, as one phrase (`exited with code 1`, `out of memory`)."""
        ...


class Sandbox(Protocol):
    """Opens servers. One instance serves many specs."""

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[OpenSandbox]:
        """Start the server and yield its transport; on exit nothing of it is left.

        Raises:
            SandboxError: the sandbox cannot be had or built; says the next step.
            ServerError: the program could not be started inside it.
        """
        ...

    async def reap(self, servers: Collection[str] | None = None) -> list[str]:
        """Remove what dead owners left behind; the names of what was removed.

        Args:
            servers: Only what was left of these; everything when None.
        """
        ...


@dataclass(frozen=True, slots=True)
class SandboxKind:
    """One kind, as `registry` finds it.

    Attributes:
        confines: Whether it puts walls around a server at all.
        unavailable: Why it cannot be used on this machine, with the next step, or None.
        make: The sandbox over its image folder or state folder.
    """

    name: str
    confines: bool
    unavailable: Callable[[], str | None]
    make: "Callable[[SandboxHome], Sandbox]"


@dataclass(frozen=True, slots=True)
class SandboxHome:
    """Where sandboxes keep what outlives a server: unpacked packages, the runtime image's mark, leases."""

    folder: Path
