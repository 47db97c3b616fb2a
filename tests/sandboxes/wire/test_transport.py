"""The joint between bytes and the SDK, with scripted servers and the real client."""

import json
import subprocess
import sys
from typing import Any

import anyio
import anyio.abc
import pytest
from mcp import MCPError

from context.errors import ServerError
from sandboxes.interface import Program, SandboxSpec, WireCounts
from sandboxes.wire.conversation import ANSWER_REFUSED
from sandboxes.wire.decoder import WireLimits
from sandboxes.wire.transport import wire
from tests.fakes.sandboxes import HonestServer, Script, ScriptedSandbox, messages, pipe, say, text
from tests.sandboxes.connections import connected, words

ECHO = HonestServer({"echo": lambda arguments: text(str(arguments.get("text")))})


def spec(**more: Any) -> SandboxSpec:
    return SandboxSpec("git", "run_1", "owner", Program(("server",)), **more)


def saying_before(script: Script, *, line: bytes, method: str = "tools/call") -> Script:
    """`script`, with `line` put before the answer to the first message of `method`."""

    async def run(stdin: anyio.abc.ByteReceiveStream, stdout: anyio.abc.ByteSendStream) -> None:
        to_script, heard = pipe()
        async with to_script, heard, anyio.create_task_group() as group:
            group.start_soon(script, heard, stdout)
            async for message in messages(stdin):
                if message.get("method") == method:
                    await stdout.send(line)
                await say(to_script, message)
            group.cancel_scope.cancel()

    return run


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
async def test_both_eras_speak_through_it(mode: str) -> None:
    server = HonestServer({"echo": lambda arguments: text(str(arguments["text"]))})
    with anyio.fail_after(10):
        async with ScriptedSandbox(server).open(spec()) as opened, connected(opened, mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            assert (
                words(await client.call_tool("echo", {"text": "x" * 100_000 + "\u2028é"})) == "x" * 100_000 + "\u2028é"
            )
            assert opened.counts == WireCounts()


async def test_many_calls_at_once_each_get_their_own_answer() -> None:
    async def answer(arguments: Any) -> Any:
        await anyio.sleep(0.001 * (arguments["n"] % 7))
        return text(str(arguments["n"]))

    seen: dict[int, str] = {}
    with anyio.fail_after(10):
        async with (
            ScriptedSandbox(HonestServer({"echo": answer})).open(spec()) as opened,
            connected(opened) as client,
            anyio.create_task_group() as group,
        ):

            async def call(number: int) -> None:
                seen[number] = words(await client.call_tool("echo", {"n": number}))

            for number in range(64):
                group.start_soon(call, number)
    assert seen == {number: str(number) for number in range(64)}


async def test_stray_output_is_counted_and_harms_nobody() -> None:
    noise = b"hello\n\n[]\n42\n\xff\n{}\n"
    with anyio.fail_after(10):
        script = saying_before(ECHO, line=noise)
        async with ScriptedSandbox(script).open(spec()) as opened, connected(opened) as client:
            assert words(await client.call_tool("echo", {"text": "on"})) == "on"
            assert opened.counts.skipped_lines == 4
            assert opened.counts.dropped_messages == 1


async def test_a_line_beyond_the_limit_fails_its_call_at_once_with_server_and_limit() -> None:
    async def huge(arguments: Any) -> Any:
        return text("x" * 5000)

    server = HonestServer({"huge": huge, "echo": lambda _: text("still here")})
    with anyio.fail_after(10):
        async with (
            ScriptedSandbox(server).open(spec(line_bytes=4096)) as opened,
            connected(opened, mode="legacy") as client,
        ):
            await client.list_tools()
            with pytest.raises(MCPError, match=r"git.*4 KiB") as refused:
                await client.call_tool("huge", {})
            assert refused.value.code == ANSWER_REFUSED
            assert words(await client.call_tool("echo", {})) == "still here"


async def test_the_end_of_the_output_ends_every_pending_call() -> None:
    async def dying(stdin: anyio.abc.ByteReceiveStream, stdout: anyio.abc.ByteSendStream) -> None:
        async def until_called() -> None:
            async for message in messages(stdin):
                if message["method"] == "tools/call":
                    return
                await say(to_honest, message)

        to_honest, heard = pipe()
        async with to_honest, heard, anyio.create_task_group() as group:
            group.start_soon(ECHO, heard, stdout)
            await until_called()
            group.cancel_scope.cancel()

    with anyio.fail_after(10):
        async with ScriptedSandbox(dying).open(spec()) as opened, connected(opened) as client:
            with pytest.raises(MCPError, match="Connection closed"):
                await client.call_tool("echo", {})
            assert await opened.exited() == "exited with code 0"


async def test_no_output_schema_reaches_the_sdk_so_a_hostile_pattern_stalls_nothing() -> None:
    hostile: Any = {"type": "object", "properties": {"v": {"type": "string", "pattern": "^(a+)+$"}}}
    value: Any = {"content": [], "structuredContent": {"v": "a" * 60 + "!"}}
    listed: Any = [{"name": "t", "inputSchema": {"type": "object"}, "outputSchema": hostile}]
    server = HonestServer({"t": lambda _: value}, listed=listed)
    with anyio.fail_after(5):
        async with ScriptedSandbox(server).open(spec()) as opened, connected(opened) as client:
            assert (await client.list_tools()).tools[0].output_schema is None
            assert (await client.call_tool("t", {})).structured_content == {"v": "a" * 60 + "!"}
            assert opened.output_schemas == {"t": hostile}


async def test_one_malformed_tool_hides_no_other() -> None:
    listed: Any = [{"name": "echo", "inputSchema": {"type": "object"}}, {"name": "bad", "inputSchema": {}}]
    server = HonestServer({"echo": lambda _: text("ok")}, listed=listed)
    with anyio.fail_after(10):
        async with ScriptedSandbox(server).open(spec()) as opened, connected(opened) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            assert list(opened.counts.dropped_tools) == ["bad"]
            assert words(await client.call_tool("echo", {})) == "ok"


async def test_a_server_that_leaves_its_input_unread_loses_the_connection() -> None:
    to_server, _stdin = pipe()
    _stdout, from_server = pipe()
    limits = WireLimits(write_seconds=0.05)
    with anyio.fail_after(10):
        async with wire(to_server, from_server, server="git", limits=limits) as (read, write):
            from mcp.shared.message import SessionMessage
            from mcp_types import JSONRPCNotification

            notice = SessionMessage(JSONRPCNotification(jsonrpc="2.0", method="x"))
            with pytest.raises(anyio.BrokenResourceError):
                for _ in range(100):
                    await write.send(notice)
            with pytest.raises(anyio.EndOfStream):
                await read.receive()
    for end in (_stdin, _stdout, from_server):
        await end.aclose()


async def test_a_change_notice_held_back_is_delivered_without_further_output() -> None:
    to_server, stdin = pipe()
    stdout, from_server = pipe()
    change = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    with anyio.fail_after(10):
        async with wire(to_server, from_server, server="git", limits=WireLimits(relist_seconds=0.05)) as (read, write):
            from mcp.shared.message import SessionMessage
            from mcp_types import JSONRPCRequest

            await say(stdout, change)
            await read.receive()
            await write.send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/list")))
            await stdin.receive()
            for _ in range(10):
                await say(stdout, change)
            held: Any = await read.receive()
            assert held.message.method == "notifications/tools/list_changed"
            with anyio.move_on_after(0.15):
                pytest.fail(f"one notice is enough: {await read.receive()}")
    for end in (stdin, stdout, from_server):
        await end.aclose()


async def test_no_baggage_of_the_host_leaves() -> None:
    to_server, stdin = pipe()
    stdout, from_server = pipe()
    with anyio.fail_after(10):
        async with wire(to_server, from_server, server="git") as (_, write):
            from mcp.shared.message import SessionMessage
            from mcp_types import JSONRPCRequest

            meta = {"baggage": "user=alice", "traceparent": "00-1-2-01"}
            await write.send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="m", params={"_meta": meta})))
            assert json.loads(await stdin.receive())["params"]["_meta"] == {"traceparent": "00-1-2-01"}
    for end in (stdin, stdout, from_server):
        await end.aclose()


async def test_the_servers_input_ends_with_the_connection() -> None:
    to_server, stdin = pipe()
    stdout, from_server = pipe()
    with anyio.fail_after(10):
        async with wire(to_server, from_server, server="git"):
            pass
        with pytest.raises(anyio.EndOfStream):
            await stdin.receive()
    for end in (stdin, stdout, from_server):
        await end.aclose()


async def test_what_the_body_raises_comes_out_as_it_was() -> None:
    with anyio.fail_after(10):
        with pytest.raises(ServerError, match="mine"):
            async with ScriptedSandbox(ECHO).open(spec()):
                raise ServerError("mine")


def test_mcp_is_not_imported_before_a_server_is_connected() -> None:
    code = "import sandboxes.wire.transport, sandboxes.registry, sys; sandboxes.registry.kinds()\n"
    code += "sys.exit('mcp' in sys.modules or 'docker' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
