"""The in-memory twin of a sandbox: a script speaks raw bytes where a real server would.

Everything between the bytes and the MCP SDK is the real thing (`sandboxes.wire.transport.wire`), so what a scripted
server gets away with, a real one does too.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc

from context.errors import GatehostError
from context.json_values import JsonObject
from sandboxes.background import beside
from sandboxes.interface import Evidence, SandboxHome, SandboxKind, SandboxSpec, WireCounts
from sandboxes.opened import Gone, Opened
from sandboxes.wire.decoder import WireLimits
from sandboxes.wire.stderr_ring import StderrRing
from sandboxes.wire.transport import wire

Script = Callable[[anyio.abc.ByteReceiveStream, anyio.abc.ByteSendStream], Awaitable[None]]
"""A server's life: reads its stdin, writes its stdout; when it returns, the server has exited."""

STANDING = Evidence("scripted", True, {"walls": "imagined"})


class PipeEnd(anyio.abc.ByteSendStream):
    """The writing end of an in-memory pipe of a few chunks."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def aclose(self) -> None:
        await self._stream.aclose()


class PipeStart(anyio.abc.ByteReceiveStream):
    """Its reading end."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = self._left or await self._stream.receive()
        self._left = data[max_bytes:]
        return data[:max_bytes]

    async def aclose(self) -> None:
        await self._stream.aclose()


def pipe() -> tuple[PipeEnd, PipeStart]:
    """An in-memory byte pipe that blocks its writer when nobody reads."""
    send, receive = anyio.create_memory_object_stream[bytes](4)
    return PipeEnd(send), PipeStart(receive)


class ScriptedSandbox:
    """See `sandboxes.interface.Sandbox`.

    Attributes:
        opened: Every spec that was opened, in order.
        closed: How many of them were closed again.
        left_behind: What `reap` will find, once.
    """

    def __init__(
        self,
        script: "Script | Mapping[str, Script]",
        *,
        evidence: Evidence = STANDING,
        stderr: bytes = b"",
        refuses: GatehostError | None = None,
        left_behind: Sequence[str] = (),
    ) -> None:
        """`script` may differ per server name; `refuses` is raised by `open`."""
        self._script = script
        self._evidence = evidence
        self._stderr = stderr
        self._refuses = refuses
        self.left_behind = list(left_behind)
        self.opened: list[SandboxSpec] = []
        self.closed = 0

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[Opened, None]:
        self.opened.append(spec)
        if self._refuses is not None:
            raise self._refuses
        script = self._script[spec.server] if isinstance(self._script, Mapping) else self._script
        to_server, stdin = pipe()
        stdout, from_server = pipe()
        ring, gone, counts, schemas = StderrRing(), Gone(), WireCounts(), dict[str, JsonObject]()
        ring.add(self._stderr)

        async def live() -> None:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await script(stdin, stdout)
            await stdout.aclose()
            gone.tell("exited with code 0")

        try:
            async with (
                beside(live),
                wire(
                    to_server,
                    from_server,
                    server=spec.server,
                    limits=WireLimits(line_bytes=spec.line_bytes),
                    counts=counts,
                    output_schemas=schemas,
                ) as (read, write),
            ):
                yield Opened(
                    read=read,
                    write=write,
                    evidence=self._evidence,
                    counts=counts,
                    output_schemas=schemas,
                    ring=ring,
                    gone=gone,
                )
        finally:
            self.closed += 1
            gone.tell("closed by its host")
            with anyio.CancelScope(shield=True):
                for end in (to_server, stdin, stdout, from_server):
                    await end.aclose()

    async def reap(self, servers: Collection[str] | None = None) -> list[str]:
        found, self.left_behind = self.left_behind, []
        return found


def scripted_kind(sandbox: ScriptedSandbox, *, name: str = "scripted") -> SandboxKind:
    """The twin as a kind, for code that makes its sandbox from one."""

    def make(home: SandboxHome) -> ScriptedSandbox:
        return sandbox

    return SandboxKind(name=name, confines=True, unavailable=lambda: None, make=make)


Answer = Callable[[JsonObject], "JsonObject | Awaitable[JsonObject]"]
"""Arguments of a call → its result object, or an awaitable of it."""


class HonestServer:
    """A script that speaks proper MCP, both eras.

    Attributes:
        calls: Name and arguments of each call that arrived.
    """

    def __init__(self, tools: Mapping[str, Answer], *, listed: "list[JsonObject] | None" = None) -> None:
        """`listed` replaces the listing; without it every tool takes any object."""
        self._tools = tools
        self.listed: list[JsonObject] = (
            listed if listed is not None else [{"name": name, "inputSchema": {"type": "object"}} for name in tools]
        )
        self.calls: list[tuple[str, JsonObject]] = []

    async def __call__(self, stdin: anyio.abc.ByteReceiveStream, stdout: anyio.abc.ByteSendStream) -> None:
        async with anyio.create_task_group() as group:
            async for message in messages(stdin):
                group.start_soon(self._answer, message, stdout)
            group.cancel_scope.cancel()

    async def _answer(self, message: Any, stdout: anyio.abc.ByteSendStream) -> None:
        if "id" not in message or "method" not in message:
            return
        params: Any = message.get("params") or {}
        info: Any = {"name": "scripted", "version": "1"}
        capabilities: Any = {"tools": {"listChanged": True}}
        extra: Any = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        result: Any = None
        match message["method"]:
            case "initialize":
                result = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info}
            case "server/discover":
                result = {
                    "supportedVersions": ["2026-07-28"],
                    "capabilities": capabilities,
                    "serverInfo": info,
                    **extra,
                }
            case "tools/list":
                result = {"tools": self.listed, **extra}
            case "tools/call":
                self.calls.append((params["name"], params.get("arguments") or {}))
                result = self._tools[params["name"]](params.get("arguments") or {})
                result = {"resultType": "complete", **(result if isinstance(result, dict) else await result)}
            case _:
                pass
        if result is None:
            error = {"code": -32601, "message": "no such method"}
            await say(stdout, {"jsonrpc": "2.0", "id": message["id"], "error": error})
        else:
            await say(stdout, {"jsonrpc": "2.0", "id": message["id"], "result": result})


def text(words: str, *, is_error: bool = False) -> JsonObject:
    """A call's result that is one text."""
    return {"content": [{"type": "text", "text": words}], "isError": is_error}


async def say(stdout: anyio.abc.ByteSendStream, message: object) -> None:
    """One message as one line."""
    await stdout.send(json.dumps(message).encode() + b"\n")


async def messages(stdin: anyio.abc.ByteReceiveStream) -> AsyncGenerator[Any, None]:
    """The host's messages, parsed, until its end."""
    pending = b""
    async for chunk in stdin:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
