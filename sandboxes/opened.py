"""An open server, as every kind hands it out.

Decides: the shape only, and how an exit code reads. Does not decide how the server runs or ends.
"""

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from context.json_values import JsonObject
from sandboxes.interface import Evidence, WireCounts
from sandboxes.wire.stderr_ring import StderrRing

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage


class Gone:
    """The end of a server: happens once, with one phrase."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.how = ""

    def tell(self, how: str) -> None:
        """The first phrase stays."""
        if not self._event.is_set():
            self.how = how
            self._event.set()

    async def wait(self) -> str:
        await self._event.wait()
        return self.how


class Opened:
    """See `interface.OpenSandbox`."""

    def __init__(
        self,
        *,
        read: "ReadStream[SessionMessage | Exception]",
        write: "WriteStream[SessionMessage]",
        evidence: Evidence,
        counts: WireCounts,
        output_schemas: Mapping[str, JsonObject],
        ring: StderrRing,
        gone: Gone,
    ) -> None:
        self.read = read
        self.write = write
        self._evidence = evidence
        self._counts = counts
        self._output_schemas = output_schemas
        self._ring = ring
        self._gone = gone

    @property
    def evidence(self) -> Evidence:
        return self._evidence

    @property
    def counts(self) -> WireCounts:
        return self._counts

    @property
    def output_schemas(self) -> Mapping[str, JsonObject]:
        return self._output_schemas

    def stderr_tail(self) -> str:
        return self._ring.text()

    async def exited(self) -> str:
        return await self._gone.wait()


def exit_phrase(code: int | None) -> str:
    """`exited with code 1`, `killed by SIGKILL`. A negative code is a signal, as is one above 128 where a shell
    or an init wrote it down."""
    if code is None:
        return "ended"
    number = -code if code < 0 else code - 128 if 128 < code < 128 + signal.NSIG else 0
    if number:
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exited with code {code}"
