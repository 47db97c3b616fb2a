"""Joins a server's byte streams to the MCP SDK, through the bounded decoder and the conversation's rules.

Decides: how bytes become `SessionMessage`s and back, back-pressure, and how the pair is wound down. Does not
decide which messages pass (`decoder`, `conversation`), nor what becomes of the process behind the streams.

The contract is the SDK's for custom transports: two streams of `SessionMessage`. When the server's output
ends, or its input can no longer be written, the read stream closes, and every pending request of the SDK
fails with `Connection closed` rather than hang.

`import mcp` costs 0.7 s of CPU, so it happens when the first server is connected, not before.
"""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.abc
import anyio.to_thread

from context.json_values import JsonObject
from sandboxes.background import beside
from sandboxes.interface import WireCounts
from sandboxes.secrets.values import SecretValues
from sandboxes.wire.conversation import Conversation
from sandboxes.wire.decoder import Decoded, Fault, LineDecoder, WireLimits, decode_line

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage

logger = logging.getLogger(__name__)

_HEAVY_LINE = 64 * 1024
"""Longer lines are decoded in a thread: a few at the limit would hold the event loop for seconds."""

_FLUSH_SECONDS = 0.2
_GONE = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)


@asynccontextmanager
async def wire(
    stdin: anyio.abc.ByteSendStream,
    stdout: anyio.abc.ByteReceiveStream,
    *,
    server: str,
    limits: WireLimits | None = None,
    counts: WireCounts | None = None,
    output_schemas: dict[str, JsonObject] | None = None,
    secrets: SecretValues | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> "AsyncGenerator[TransportStreams, None]":
    """The MCP transport over a server's stdin and stdout. On exit stdin is closed; stdout is left to its owner.

    Args:
        stdin, stdout: Named from the server's side.
        server: The configured name, for error texts.
        counts, output_schemas: Filled while the connection lives.
        secrets: What no message from the server may show.
        clock: Monotonic seconds, for the rates.
    """
    limits = limits or WireLimits()
    conversation = Conversation(
        server=server,
        counts=counts if counts is not None else WireCounts(),
        output_schemas=output_schemas if output_schemas is not None else {},
        limits=limits,
        clock=clock,
    )
    to_session, read = anyio.create_memory_object_stream["SessionMessage | Exception"](0)
    write, from_session = anyio.create_memory_object_stream["SessionMessage"](0)
    written = anyio.Event()
    reader = _Reader(stdout, to_session, conversation, limits, secrets or SecretValues({}))
    writer = _Writer(stdin, from_session, to_session, conversation, limits, written)
    async with beside(reader.run, writer.run):
        try:
            yield read, write
        finally:
            with anyio.CancelScope(shield=True):
                read.close()
                write.close()
                with anyio.move_on_after(_FLUSH_SECONDS):
                    await written.wait()
                with anyio.move_on_after(_FLUSH_SECONDS), suppress(*_GONE):
                    await stdin.aclose()


class _Reader:
    """Server → SDK. Reads no further while the SDK has not taken what came before."""

    def __init__(
        self,
        stdout: anyio.abc.ByteReceiveStream,
        to_session: "MemoryObjectSendStream[SessionMessage | Exception]",
        conversation: Conversation,
        limits: WireLimits,
        secrets: SecretValues,
    ) -> None:
        self._secrets = secrets
        self._stdout = stdout
        self._to_session = to_session
        self._conversation = conversation
        self._limits = limits
        self._decoder = LineDecoder(limits)

    async def run(self) -> None:
        with self._to_session:
            try:
                while True:
                    await self._read_on()
            except _GONE:
                if (unfinished := self._decoder.end()) is not None:
                    with suppress(*_GONE):
                        await self._pass_on(unfinished, 0)

    async def _read_on(self) -> None:
        chunk = b""
        wait = self._conversation.next_due()
        with anyio.move_on_after(wait) if wait is not None else anyio.CancelScope():
            chunk = await self._stdout.receive()
        before = self._decoder.discarded
        for piece in self._decoder.cut(chunk):
            if isinstance(piece, Fault):
                await self._pass_on(piece, 0)
            elif (decoded := await self._decode(piece)) is not None:
                await self._pass_on(decoded, len(piece))
        if self._decoder.discarded > before:
            self._conversation.discarded(self._decoder.discarded - before)
        for notice in self._conversation.due():
            await self._to_session.send(_session_message(notice))
        if (rest := self._conversation.pause()) > 0:
            await anyio.sleep(rest)

    async def _decode(self, line: bytes) -> Decoded | None:
        if len(line) <= _HEAVY_LINE:
            return self._understand(line)
        return await anyio.to_thread.run_sync(self._understand, line)

    def _understand(self, line: bytes) -> Decoded | None:
        decoded = decode_line(line, self._limits)
        if decoded is None or not self._secrets:
            return decoded
        if isinstance(decoded, Fault):
            return replace(decoded, reason=self._secrets.hide(decoded.reason))
        return self._secrets.hide_in_object(decoded)

    async def _pass_on(self, decoded: Decoded, size: int) -> None:
        message = self._conversation.received(decoded, size=size)
        if message is None:
            return
        try:
            item = _session_message(message)
        except ValueError:  # Our own rules passed it and the SDK's did not: refused, never a crash of the reader.
            self._conversation.received(Fault("a message that the SDK does not take", True), size=size)
        else:
            await self._to_session.send(item)


class _Writer:
    """SDK → server. A server that leaves its input unread for too long has lost the connection."""

    def __init__(
        self,
        stdin: anyio.abc.ByteSendStream,
        from_session: "MemoryObjectReceiveStream[SessionMessage]",
        to_session: "MemoryObjectSendStream[SessionMessage | Exception]",
        conversation: Conversation,
        limits: WireLimits,
        written: anyio.Event,
    ) -> None:
        self._stdin = stdin
        self._from_session = from_session
        self._to_session = to_session
        self._conversation = conversation
        self._limits = limits
        self._written = written

    async def run(self) -> None:
        try:
            with self._from_session:
                async for item in self._from_session:
                    await self._send(item)
        except _GONE as error:
            if isinstance(error, TimeoutError):
                logger.warning("server %s: left its input unread; its connection is closed", self._conversation.server)
            self._to_session.close()
        finally:
            self._written.set()
            with anyio.move_on_after(_FLUSH_SECONDS, shield=True), suppress(*_GONE):
                await self._stdin.aclose()

    async def _send(self, item: "SessionMessage") -> None:
        message = cast("Any", item.message)
        params: JsonObject | None = getattr(message, "params", None)
        _strip_baggage(params)
        # Noted before a byte leaves: the answer may be here before the write returns.
        self._conversation.sent(
            request_id=getattr(message, "id", None), method=getattr(message, "method", None), params=params
        )
        line: str = message.model_dump_json(by_alias=True, exclude_unset=True)
        with anyio.fail_after(self._limits.write_seconds):
            await self._stdin.send(line.encode() + b"\n")


def _strip_baggage(params: JsonObject | None) -> None:
    # The SDK's propagator copies the host's whole OpenTelemetry baggage to every server. Trace ids may go to
    # an untrusted peer, baggage (user names, tenants) may not.
    meta = params.get("_meta") if params else None
    if isinstance(meta, dict):
        meta.pop("baggage", None)


def _session_message(message: JsonObject) -> "SessionMessage":
    from mcp.shared.message import SessionMessage
    from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

    if "method" in message:
        form = JSONRPCRequest if "id" in message else JSONRPCNotification
    else:
        form = JSONRPCResponse if "result" in message else JSONRPCError
    return SessionMessage(form.model_validate(message))
