"""One server's session: when it counts as started, alive, changed or failed, and how each fault is told."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest

from context.calls import ToolDefinition
from context.errors import ServerError
from context.events import EventType
from context.json_values import JsonObject
from host.servers.session import ServerPlan, ServerSession
from sandboxes.interface import OpenSandbox, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.registry import get
from tests.fakes.gateway import known_tool
from tests.host import kit_server
from tests.host.projects import KIT, hostile
from tool_gateway.interface import KnownTool
from tool_gateway.pins import tool_digest
from tool_gateway.rules import ToolRule

TIMEOUT = 20


class News:
    """What a session tells, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[EventType, JsonObject]] = []

    def __call__(self, kind: EventType, data: JsonObject) -> None:
        self.told.append((kind, data))

    @property
    def states(self) -> list[object]:
        return [data["state"] for kind, data in self.told if kind == "server.state"]


def kit_tool(name: str, *, pin: str | None = None) -> KnownTool:
    """A tool of the kit as it was reviewed."""
    (listed,) = [tool for tool in kit_server.TOOLS if tool["name"] == name]
    definition = ToolDefinition(
        name, listed["description"], listed["inputSchema"], annotations=listed.get("annotations")
    )
    known = known_tool(f"kit.{name}")
    return KnownTool(known.ref, definition, ToolRule(effect="read"), tool_digest(definition) if pin is None else pin)


def plan(folder: Path, command: Sequence[str] = KIT, *, start_timeout: float = 10, **changes: Any) -> ServerPlan:
    def launch() -> AbstractAsyncContextManager[OpenSandbox]:
        spec = SandboxSpec("kit", "run_test", this_process(), Program(tuple(command)))
        return get("unconfined").make(SandboxHome(folder)).open(spec)

    tools = {name: kit_tool(name) for name in ("echo", "look", "change", "fail", "die")}
    return ServerPlan("kit", launch, **{"tools": tools, "start_timeout": start_timeout, **changes})


@asynccontextmanager
async def owned(server: ServerPlan) -> AsyncGenerator[tuple[ServerSession, News], None]:
    """A session that has started or failed."""
    news = News()
    session = ServerSession(server, notify=news)
    with anyio.fail_after(TIMEOUT):
        async with anyio.create_task_group() as group:
            group.start_soon(session.own)
            await session.settled()
            yield session, news
            session.stop()


async def call(session: ServerSession, tool: str, timeout: float = 5, **arguments: Any) -> str:
    result = await session.call(tool, arguments, timeout=timeout, meta={}, on_progress=None)
    return str(result.content[0]["text"])


@pytest.mark.parametrize(("era", "expected"), [("2026-07-28", "2026-07-28"), ("2025-11-25", "2025-11-25"), (None, "")])
async def test_a_server_starts_is_listed_and_answers(tmp_path: Path, era: str | None, expected: str) -> None:
    command = (*KIT, "--era=legacy") if era == "2025-11-25" else KIT
    async with owned(plan(tmp_path, command, era=era)) as (session, news):
        assert session.state == "ready"
        assert session.listing.protocol.startswith(expected)
        assert set(session.listing.tools) == {tool["name"] for tool in kit_server.TOOLS}
        assert (session.health("echo").state, session.health("echo").pin) == ("ready", "pinned")
        assert await call(session, "echo", text="hi") == "hi"
    assert news.states == ["ready", "stopped"]
    assert news.told[0][0] == "sandbox.state"


async def test_a_server_that_speaks_the_older_protocol_only_is_found_out(tmp_path: Path) -> None:
    """Nobody said which era it speaks: it is asked in the newer one first."""
    async with owned(plan(tmp_path, (*KIT, "--era=legacy"))) as (session, _):
        assert (session.state, session.listing.protocol) == ("ready", "2025-11-25")


@pytest.mark.parametrize(
    ("mode", "seconds", "words"),
    [
        ("exit-at-start", 10, ["cannot find my configuration"]),
        ("hang-at-start", 0.5, ["did not start within 0.5 s", "limits.start_timeout"]),
        ("garbage", 0.5, ["did not start within 0.5 s", "no MCP message"]),
    ],
)
async def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, mode: str, seconds: float, words: list[str]
) -> None:
    async with owned(plan(tmp_path, hostile(mode), start_timeout=seconds)) as (session, news):
        assert session.state == "failed"
        for word in words:
            assert word in session.detail
        health = session.health("echo")
        assert (health.state, health.detail) == ("failed", session.detail)
        with pytest.raises(ServerError) as caught:
            await call(session, "echo")
        assert not caught.value.sent
    assert news.states == ["failed"]


async def test_a_program_that_does_not_exist_is_a_failed_server(tmp_path: Path) -> None:
    async with owned(plan(tmp_path, ("/no/such/program",))) as (session, _):
        assert session.state == "failed"
        assert "cannot be executed" in session.detail or "No such file" in session.detail


async def test_a_server_that_dies_in_a_call_ends_it_with_its_last_words(tmp_path: Path) -> None:
    async with owned(plan(tmp_path)) as (session, news):
        with pytest.raises(ServerError) as caught:
            await call(session, "die")
        assert caught.value.sent
        assert "exited with code 5" in caught.value.what
        assert "I was told to die" in caught.value.what
        assert session.state == "failed"
    assert news.states == ["ready", "failed"]


async def test_a_call_that_is_not_answered_in_time_ends_and_the_server_lives(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    async with owned(plan(tmp_path)) as (session, _):
        with pytest.raises(ServerError, match=r"no answer within 0\.2 s") as caught:
            await call(session, "look", timeout=0.2, path=str(tmp_path / "x"), line="a", hold=str(hold))
        assert caught.value.sent
        assert "limits.call_timeout" in str(caught.value)
        assert session.state == "ready"
        hold.unlink()
        assert await call(session, "echo", text="still here") == "still here"


async def test_calls_side_by_side_get_their_own_answers(tmp_path: Path) -> None:
    answers: dict[str, str] = {}

    async with owned(plan(tmp_path)) as (session, _), anyio.create_task_group() as group:

        async def ask(text: str) -> None:
            answers[text] = await call(session, "echo", text=text)

        for number in range(50):
            group.start_soon(ask, f"number {number}")
    assert answers == {text: text for text in answers}
    assert len(answers) == 50


async def test_an_error_of_the_tool_is_an_answer(tmp_path: Path) -> None:
    async with owned(plan(tmp_path)) as (session, _):
        result = await session.call("fail", {}, timeout=5, meta={}, on_progress=None)
        assert (result.is_error, result.content[0]["text"]) == (True, "it went wrong")


@pytest.mark.promise("a_changed_tool_is_not_called")
async def test_pins_compare_what_is_listed_with_what_was_reviewed(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.write_text("gone")
    tools = {"echo": kit_tool("echo"), "look": kit_tool("look", pin="sha256:" + "0" * 64), "die": kit_tool("die")}
    server = plan(tmp_path, (*KIT, f"--changed={changed}"), tools={**tools, "append": kit_tool("append", pin="")})
    async with owned(server) as (session, news):
        pins = {name: session.health(name).pin for name in server.tools}
    assert pins == {"echo": "vanished", "look": "changed", "die": "pinned", "append": "unpinned"}
    told = {data["tool"]: data["pin"] for kind, data in news.told if kind == "pin.changed"}
    assert told == {"echo": "vanished", "look": "changed", "append": "unpinned"}


@pytest.mark.promise("no_call_while_tools_are_read_again")
async def test_after_a_change_nothing_is_sent_before_the_list_was_read(tmp_path: Path) -> None:
    """Not even by a caller that asked for the tool's health before the change was announced."""
    async with owned(plan(tmp_path)) as (session, _):
        await call(session, "change", what="description")
        with anyio.fail_after(5):
            while session.health("echo").pin == "pinned":
                await anyio.sleep(0)
        if session.health("echo").pin == "relisting":
            with pytest.raises(ServerError) as caught:
                await call(session, "echo", text="a")
            assert not caught.value.sent
        await session.settled()
        assert session.health("echo").pin == "changed"
        assert session.health("look").pin == "pinned"


async def test_a_malformed_tool_is_dropped_by_name_and_hides_no_other(tmp_path: Path) -> None:
    async with owned(plan(tmp_path, hostile("malformed-tool"))) as (session, news):
        assert "echo" in session.listing.tools
        assert {"no_schema", "empty_schema", "twice"} <= session.listing.dropped.keys()
    (ready,) = [data for kind, data in news.told if data.get("state") == "ready"]
    assert "no_schema" in str(ready["dropped_tools"])


async def test_a_server_that_nobody_accepted_is_never_healthy(tmp_path: Path) -> None:
    session = ServerSession(plan(tmp_path, unpinned="server kit was never accepted"), notify=News())
    assert session.health("echo").pin == "unpinned"


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may be over while its servers start; each process that was begun must get to somebody who ends it."""
    open_process, opening = anyio.open_process, anyio.Event()
    begun: list[object] = []
    handed_over: list[anyio.abc.Process] = []

    async def told(*arguments: Any, **options: Any) -> anyio.abc.Process:
        begun.append(arguments)
        opening.set()
        process = await open_process(*arguments, **options)
        handed_over.append(process)
        return process

    monkeypatch.setattr("anyio.open_process", told)
    for moment in range(5):
        opening = anyio.Event()
        with anyio.fail_after(TIMEOUT):
            async with anyio.create_task_group() as group:
                group.start_soon(ServerSession(plan(tmp_path, ("/bin/cat",)), notify=News()).own)
                await opening.wait()
                for _ in range(moment):
                    await anyio.sleep(0)
                group.cancel_scope.cancel()
    assert len(handed_over) == len(begun) == 5
    assert all(process.returncode is not None for process in handed_over)
    assert list((tmp_path / "leases").iterdir()) == []


async def test_stopping_a_server_that_ignores_it_leaves_nothing(tmp_path: Path) -> None:
    async with owned(plan(tmp_path, hostile("ignore-term"))) as (session, _):
        assert session.state == "ready"
        assert session.evidence is not None
        pid = session.evidence.facts["pid"]
    assert not Path(f"/proc/{pid}").exists()
