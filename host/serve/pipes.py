"""This process's stdin and stdout as an MCP connection that nothing else can touch.

Decides: how bytes move, that nothing but protocol reaches the client, and what a client that stops reading can hold up.
Does not decide what a message means (`front`), nor which lines are messages (`lines`).

The SDK's own pair reads lines without a limit, in quadratic time, and drops what it cannot parse, so that whoever sent
it waits for ever.
"""

import fcntl
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeAlias

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from context.errors import UsageError
from host.serve.lines import ClientLines, Refused, read_message
from sandboxes.wire.decoder import WireLimits

Messages: TypeAlias = MemoryObjectReceiveStream[SessionMessage | Exception]
Answers: TypeAlias = MemoryObjectSendStream[SessionMessage]

_CHUNK = 64 * 1024
_PIECE = 4096
"""A pipe that is ready takes this much without blocking (POSIX: PIPE_BUF)."""

_HEAVY_LINE = 64 * 1024
_UNREAD = 64
"""Answers that may wait for a client that does not read, before its requests are left unread as well."""

_FLUSH_SECONDS = 1.0


@contextmanager
def own_descriptors() -> Generator[tuple[int, int]]:
    """Descriptors for the client's bytes and for ours.

    Meanwhile 0 is empty and 1 is stderr: a stray `print`, or what a child writes, must not pass for protocol.

    Raises:
        UsageError: stdin or stdout is closed.
    """
    try:
        source, sink = (fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3) for descriptor in (0, 1))
    except OSError as error:
        raise UsageError(
            "stdin or stdout is closed, so no client can be spoken to",
            where="gatehost serve --stdio",
            next_step="Let the host that shall use the tools start this command",
        ) from error
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.dup2(nothing, 0)
        try:
            os.dup2(2, 1)
        except OSError:
            os.dup2(nothing, 1)
        yield source, sink
    finally:
        os.dup2(source, 0)
        os.dup2(sink, 1)
        for descriptor in (source, sink, nothing):
            os.close(descriptor)


@asynccontextmanager
async def connection(
    source: int, sink: int, *, limits: WireLimits | None = None
) -> AsyncGenerator[tuple[Messages, Answers]]:
    """The pair of streams that an SDK server runs on. They end with the client's input, or when it takes no answer."""
    to_server, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    written = anyio.Event()
    reading = anyio.CancelScope()

    async def read_all() -> None:
        with reading, to_server, refusals:
            await _read(source, ClientLines(limits), to_server, refusals)

    async def write_all() -> None:
        try:
            with from_server:
                async for item in from_server:
                    await _write(sink, item.message.model_dump_json(by_alias=True, exclude_unset=True))
        except OSError:
            reading.cancel()  # nobody hears any more
        finally:
            written.set()

    refusals = write.clone()
    async with anyio.create_task_group() as group:
        group.start_soon(read_all)
        group.start_soon(write_all)
        try:
            yield read, write
        finally:
            reading.cancel()
            read.close()
            write.close()
            with anyio.move_on_after(_FLUSH_SECONDS, shield=True):
                await written.wait()
            group.cancel_scope.cancel()


async def _read(
    source: int, lines: ClientLines, to_server: MemoryObjectSendStream[SessionMessage | Exception], refusals: Answers
) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the server ended first
        while chunk := await _chunk(source):
            for line in lines.feed(chunk):
                found = line if isinstance(line, Refused) else await _understood(line, lines.limits)
                if isinstance(found, Refused):
                    await refusals.send(SessionMessage(_refusal(found)))
                elif found is not None:
                    await to_server.send(found)
                while refusals.statistics().tasks_waiting_send > _UNREAD:  # noqa: ASYNC110 - a full pipe tells nobody
                    await anyio.sleep(0.01)


async def _understood(line: bytes, limits: WireLimits) -> SessionMessage | Refused | None:
    if len(line) <= _HEAVY_LINE:
        found = read_message(line, limits)
    else:
        found = await anyio.to_thread.run_sync(read_message, line, limits)
    if found is None or isinstance(found, Refused):
        return found
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_python(found, by_name=False))
    except ValidationError:
        return Refused(None, "it is no message of this protocol")


def _refusal(refused: Refused) -> JSONRPCError:
    code = INVALID_REQUEST if refused.message else PARSE_ERROR
    return JSONRPCError(
        jsonrpc="2.0",
        id=refused.id,
        error=ErrorData(code=code, message=f"gatehost reads no such line: {refused.reason}"),
    )


async def _chunk(source: int) -> bytes:
    while True:
        await _ready(anyio.wait_readable, source)
        with suppress(BlockingIOError):
            return os.read(source, _CHUNK)


async def _write(sink: int, text: str) -> None:
    rest = memoryview(text.encode() + b"\n")
    while rest:
        await _ready(anyio.wait_writable, sink)
        with suppress(BlockingIOError):
            rest = rest[os.write(sink, rest[:_PIECE]) :]


async def _ready(wait: Callable[[int], Awaitable[None]], descriptor: int) -> None:
    try:
        await wait(descriptor)
    except PermissionError:  # a file, which is always ready, cannot be polled
        await anyio.lowlevel.checkpoint()
