"""Rows 37 to 54 of the threat table, one test or more each, driven by a server that speaks raw bytes.

A test at the end fails when a row has none. What every kind of sandbox must keep
beyond this is in `test_conformance`; here the kind does not matter, so it is the quickest one.
"""

import re
import resource
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError

from context.calls import ToolDefinition, ToolRef
from sandboxes.interface import OpenSandbox, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.unconfined import MARK, UnconfinedSandbox
from sandboxes.wire.conversation import ANSWER_REFUSED
from tests.hostile import server as hostile_server
from tests.sandboxes.connections import connected, words
from tool_gateway.gates.schema import SchemaGate
from tool_gateway.interface import CallEvidence, CallProposal, Health, KnownTool, Scope
from tool_gateway.rules import ToolRule


@asynccontextmanager
async def talking(
    folder: Path, mode: str, *options: str, client: Any = "auto", seconds: float = 20, **more: Any
) -> AsyncGenerator[tuple[OpenSandbox, Client], None]:
    """A client of the hostile server in one of its modes."""
    argv = (sys.executable, "-I", str(Path(hostile_server.__file__)), mode, *options)
    spec = SandboxSpec("kit", "run_rows", this_process(), Program(argv))
    with anyio.fail_after(seconds):
        async with (
            UnconfinedSandbox(SandboxHome(folder)).open(spec) as opened,
            connected(opened, mode=client, **more) as talk,
        ):
            yield opened, talk


async def refused(talk: Client, why: str) -> None:
    """A call whose answer the decoder refuses, saying why, and after which the next request works."""
    with pytest.raises(MCPError, match=f"kit.*{why}") as fault:
        await talk.call_tool("echo", {})
    assert fault.value.code == ANSWER_REFUSED
    assert len((await talk.list_tools()).tools) == 6


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# Parser.


@pytest.mark.promise("the_wire_is_bounded")
async def test_row_37_a_depth_of_10_000(tmp_path: Path) -> None:
    async with talking(tmp_path, "deep-nesting") as (_, talk):
        await refused(talk, "nests deeper than 64 levels")


@pytest.mark.promise("a_broken_line_fails_one_call")
async def test_row_38_duplicate_keys(tmp_path: Path) -> None:
    async with talking(tmp_path, "duplicate-keys") as (_, talk):
        await refused(talk, "a key twice")


@pytest.mark.promise("the_wire_is_bounded")
@pytest.mark.parametrize(
    ("mode", "why"), [("nan", "NaN"), ("infinite", "infinite"), ("huge-integer", r"9007199254740993.*2\^53-1")]
)
async def test_row_39_numbers_that_are_none(tmp_path: Path, mode: str, why: str) -> None:
    async with talking(tmp_path, mode) as (_, talk):
        await refused(talk, why)


@pytest.mark.promise("a_broken_line_fails_one_call")
async def test_row_40_invalid_utf_8(tmp_path: Path) -> None:
    async with talking(tmp_path, "invalid-utf8") as (_, talk):
        await refused(talk, "not valid UTF-8")


@pytest.mark.promise("a_broken_line_fails_one_call")
async def test_row_41_unpaired_surrogates(tmp_path: Path) -> None:
    async with talking(tmp_path, "surrogate") as (_, talk):
        await refused(talk, "unpaired surrogate")


@pytest.mark.promise("the_wire_is_bounded")
async def test_row_42_a_line_of_200_mb(tmp_path: Path) -> None:
    async with talking(tmp_path, "line-200-mb", seconds=60) as (_, talk):
        before = _peak_kib()
        with pytest.raises(MCPError, match="longer than 4 MiB"):
            await talk.call_tool("echo", {})
        assert len((await talk.list_tools()).tools) == 6
        assert _peak_kib() - before < 32 * 1024


@pytest.mark.promise("a_broken_line_fails_one_call")
async def test_row_43_two_messages_on_a_line_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    async with talking(tmp_path, "two-on-a-line") as (_, talk):
        await refused(talk, "more than one message")
    async with talking(tmp_path, "bom") as (opened, talk):
        assert words(await talk.call_tool("echo", {"text": "right"})) == "right"
        assert opened.counts.dropped_messages == opened.counts.skipped_lines == 0


@pytest.mark.promise("a_schema_check_is_bounded")
async def test_row_44_schema_bombs(tmp_path: Path) -> None:
    """The listing passes, and a call of each such tool is judged in bounded time, by refusal where need be."""
    async with talking(tmp_path, "schema-bombs") as (_, talk):
        listed = {tool.name: tool for tool in (await talk.list_tools()).tools}
        assert {"echo", "cycle", "doubling", "pattern", "far"} <= set(listed)
        for name in ("cycle", "doubling", "pattern", "far"):
            definition = ToolDefinition(name, "", dict(listed[name].input_schema))
            tool = KnownTool(ref=ToolRef("kit", name), definition=definition, rule=ToolRule(effect="read"), pin="x")
            call = CallProposal("c", "r", "a", 1, f"kit__{name}", {"text": "a" * 60 + "!"})
            evidence = CallEvidence(now=0.0, tool=tool, health=Health("ready"), scope=Scope())
            began = time.process_time()
            decision = SchemaGate().judge(call, evidence)
            assert time.process_time() - began < 2, name
            assert decision.word == "deny", name


@pytest.mark.promise("a_schema_check_is_bounded")
async def test_row_44_a_hostile_output_schema_never_reaches_the_sdk(tmp_path: Path) -> None:
    async with talking(tmp_path, "hostile-schema") as (opened, talk):
        await talk.list_tools()
        began = time.process_time()
        await talk.call_tool("echo", {})
        assert time.process_time() - began < 1
        assert list(opened.output_schemas) == ["echo"]


# Protocol.


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_rows_45_and_48_an_unknown_id_and_the_text_of_a_number(tmp_path: Path) -> None:
    async with talking(tmp_path, "wrong-ids") as (opened, talk):
        for _ in range(3):
            assert words(await talk.call_tool("echo", {})) == "right"
        assert opened.counts.dropped_messages == 6
        assert "unknown request" in opened.counts.last_fault


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_row_46_a_duplicate_response(tmp_path: Path) -> None:
    async with talking(tmp_path, "duplicate-ids") as (opened, talk):
        assert [words(await talk.call_tool("echo", {})) for _ in range(3)] == ["first"] * 3
        await talk.list_tools()
        assert opened.counts.dropped_messages >= 6
        assert "answer to an answered request" in opened.counts.last_fault


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_row_47_ids_that_are_used_again(tmp_path: Path) -> None:
    async with talking(tmp_path, "id-reuse") as (opened, talk):
        answers: list[str] = []

        async def ask() -> None:
            answers.append(words(await talk.call_tool("echo", {})))

        for _ in range(3):
            await ask()
        assert answers == ["right"] * 3
        assert opened.counts.dropped_messages >= 10


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_row_47_a_request_of_the_servers_with_an_id_that_is_open(tmp_path: Path) -> None:
    async with talking(tmp_path, "ask-with-one-id", client="legacy") as (opened, talk):
        assert words(await talk.call_tool("echo", {})) == "right"
        assert opened.counts.dropped_messages >= 1
        assert "id that is still open" in opened.counts.last_fault


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_row_48_the_text_1_does_not_answer_the_number_1(tmp_path: Path) -> None:
    async with talking(tmp_path, "only-wrong-id") as (opened, talk):
        with pytest.raises(MCPError, match="timed out"):
            await talk.call_tool("echo", {}, read_timeout_seconds=0.3)
        assert re.search(r'answer to id "\d+", while \d+ was asked', opened.counts.last_fault)


@pytest.mark.promise("no_answer_reaches_another_caller")
async def test_row_49_a_foreign_progress_token(tmp_path: Path) -> None:
    heard: list[Any] = []

    async def on_progress(*progress: Any) -> None:
        heard.append(progress)

    async with talking(tmp_path, "foreign-progress", client="legacy") as (opened, talk):
        await talk.call_tool("echo", {"text": "x"}, progress_callback=on_progress)
        assert opened.counts.dropped_messages >= 3
    assert heard == []


@pytest.mark.promise("nothing_is_asked_before_the_handshake")
async def test_row_50_a_request_before_initialize(tmp_path: Path) -> None:
    asked: list[str] = []

    async def sample(*_: Any) -> Any:
        asked.append("sampling")
        raise AssertionError

    async with talking(tmp_path, "ask-before-handshake", client="legacy", sampling_callback=sample) as (opened, talk):
        assert words(await talk.call_tool("echo", {"text": "x"})) == "x"
        assert opened.counts.dropped_messages == 2
        assert "before the handshake" in opened.counts.last_fault
    assert asked == []


@pytest.mark.promise("a_downgrade_is_recorded")
async def test_row_51_a_version_that_nobody_speaks_connects_to_nothing(tmp_path: Path) -> None:
    try:
        async with talking(tmp_path, "old-protocol", client="legacy"):
            pytest.fail("it was connected to")
    except BaseExceptionGroup as group:  # the SDK nests one fault in several groups
        fault: BaseException = group
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        assert "1999-01-01" in str(fault)


# Process.


@pytest.mark.promise("a_broken_server_ends_its_calls")
async def test_row_52_a_crash_in_a_call_ends_it_at_once(tmp_path: Path) -> None:
    async with talking(tmp_path, "die-in-call") as (opened, talk):
        began = time.monotonic()
        with pytest.raises(MCPError, match="Connection closed"):
            await talk.call_tool("echo", {})
        assert time.monotonic() - began < 5
        assert await opened.exited() == "exited with code 9"


@pytest.mark.promise("a_broken_server_ends_its_calls")
@pytest.mark.parametrize("mode", ["hang-in-call", "byte-per-second"])
async def test_row_52_a_hang_and_a_trickle_end_at_the_deadline_of_their_call_alone(tmp_path: Path, mode: str) -> None:
    async with talking(tmp_path, mode) as (_, talk):
        with pytest.raises(MCPError, match="timed out"):
            await talk.call_tool("echo", {}, read_timeout_seconds=0.3)


@pytest.mark.promise("a_broken_server_ends_its_calls")
@pytest.mark.parametrize("mode", ["stderr-flood", "orphan-child", "ignore-term"])
async def test_row_53_a_server_that_will_not_go_is_gone_with_all_it_started(tmp_path: Path, mode: str) -> None:
    before = _marked()
    async with talking(tmp_path, mode) as (opened, talk):
        assert words(await talk.call_tool("echo", {"text": "heard"})) == "heard"
        assert _marked() - before
        assert len(opened.stderr_tail()) <= 64 * 1024
        began = time.monotonic()
    assert time.monotonic() - began < 4
    with anyio.fail_after(5):
        while _marked() - before:
            await anyio.sleep(0.01)


@pytest.mark.promise("a_flood_costs_its_sender")
async def test_row_54_100_000_notifications(tmp_path: Path) -> None:
    async with talking(tmp_path, "notification-flood") as (opened, talk):
        peak = _peak_kib()
        with anyio.move_on_after(3):
            await talk.call_tool("echo", {})
        assert opened.counts.dropped_messages > 1000
        assert "beyond 100 per second" in opened.counts.last_fault
        assert _peak_kib() - peak < 32 * 1024


def test_every_row_of_the_group_has_its_test() -> None:
    named: set[int] = set()
    for name in globals():
        if match := re.match(r"test_rows?_(\d+)(?:_and_(\d+))?_", name):
            named |= {int(number) for number in match.groups() if number}
    assert named == set(range(37, 55))


def _marked() -> set[str]:
    """Processes of any unconfined server, by the mark that they carry."""
    found: set[str] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if any(part.startswith(f"{MARK}=unconfined-kit".encode()) for part in _environ(folder)):
                    found.add(folder.name)
            except OSError:
                continue
    return found


def _environ(folder: Path) -> list[bytes]:
    return (folder / "environ").read_bytes().split(b"\0")
