"""What every kind of sandbox must keep. A new kind is tested by existing."""

import json
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError

from context.errors import SandboxError, ServerError
from sandboxes.interface import Mount, OpenSandbox, Program, SandboxHome, SandboxKind, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.registry import kinds
from sandboxes.unconfined import MARK
from sandboxes.wire.conversation import ANSWER_REFUSED
from tests.hostile.programs import hostile_program
from tests.sandboxes.connections import connected, words

OF_OURS = {"HOME", "TMPDIR", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "GIT_CONFIG_NOSYSTEM", "GIT_TERMINAL_PROMPT"}
OF_THE_KIND = {"docker": {"HOSTNAME"}, "bubblewrap": {"PWD"}, "unconfined": {MARK}}
REFUSED_ANSWERS = {
    "two-on-a-line": "more than one message",
    "invalid-utf8": "UTF-8",
    "deep-nesting": "64 levels",
    "nan": "NaN",
    "infinite": "infinite",
    "huge-integer": "9007199254740993",
    "surrogate": "surrogate",
    "duplicate-keys": "twice",
    "long-line": "4 MiB",
    "long-line-id-last": "4 MiB",
    "huge-result": "4 MiB",
}


@dataclass
class Bench:
    """One kind, with what a test needs to open servers in it and to find what is left of them."""

    kind: SandboxKind
    home: SandboxHome
    run_id: str

    def spec(self, mode: str, **more: Any) -> SandboxSpec:
        env = {"CONFORMANCE_RUN": self.run_id, **more.pop("env", {})}
        return SandboxSpec("kit", self.run_id, this_process(), hostile_program(mode), env=env, **more)

    @asynccontextmanager
    async def open(self, mode: str, **more: Any) -> AsyncGenerator[OpenSandbox, None]:
        async with self.kind.make(self.home).open(self.spec(mode, **more)) as opened:
            yield opened

    def alive(self) -> list[str]:
        """Processes of this run, and containers that carry its label."""
        mark = f"CONFORMANCE_RUN={self.run_id}".encode()
        found: list[str] = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(folder.name)
        if self.kind.name == "docker":
            from sandboxes.runtime.engine import connect

            client = connect()
            found += [
                str(item.name)
                for item in client.containers.list(True, filters={"label": f"gatehost.run={self.run_id}"})
            ]
            client.close()
        return found

    async def none_is_left(self) -> None:
        with anyio.fail_after(5):
            while self.alive():
                await anyio.sleep(0.02)


def _kinds(*, confining: bool = False) -> list[Any]:
    marks = {"docker": [pytest.mark.docker], "bubblewrap": [pytest.mark.bubblewrap]}
    return [
        pytest.param(name, marks=marks.get(name, []))
        for name, kind in kinds().items()
        if kind.confines or not confining
    ]


@pytest.fixture
def bench(request: pytest.FixtureRequest, sandbox_home: SandboxHome) -> Bench:
    kind = kinds()[request.param]
    if (fault := kind.unavailable()) is not None:
        pytest.skip(f"{kind.name}: {fault}")
    return Bench(kind, sandbox_home, f"run_{secrets.token_hex(8)}")


every_kind = pytest.mark.parametrize("bench", _kinds(), indirect=True)
every_wall = pytest.mark.parametrize("bench", _kinds(confining=True), indirect=True)


@every_kind
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_honest_server_is_reached_in_both_eras(bench: Bench, mode: str) -> None:
    with anyio.fail_after(20):
        async with bench.open("honest") as opened, connected(opened, mode=mode) as client:
            assert {"echo", "write_file", "slow"} <= {tool.name for tool in (await client.list_tools()).tools}
            long = "é" * 200_000
            assert words(await client.call_tool("echo", {"text": long})) == long
            assert opened.counts.dropped_messages == opened.counts.skipped_lines == 0
    await bench.none_is_left()


@every_kind
async def test_the_evidence_says_what_stands(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("honest") as opened:
            assert opened.evidence.kind == bench.kind.name
            assert opened.evidence.isolated == bench.kind.confines
            assert opened.evidence.differences == ()
            assert opened.evidence.facts
            json.dumps(opened.evidence.as_json())


@every_kind
async def test_a_server_sees_no_variable_and_no_descriptor_of_the_host(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "canary-value")
    with anyio.fail_after(20):
        async with bench.open("honest", env={"TZ": "UTC"}) as opened, connected(opened) as client:
            seen = json.loads(words(await client.call_tool("look", {})))
    assert "canary" not in json.dumps(seen)
    assert set(seen["env"]) - OF_OURS - OF_THE_KIND[bench.kind.name] == {"TZ", "CONFORMANCE_RUN"}
    assert seen["fds"] == [0, 1, 2]


@every_wall
async def test_the_ways_out_are_closed(bench: Bench, tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with bench.open("honest") as opened, connected(opened) as client:
            outcome = json.loads(words(await client.call_tool("try_escape", {})))
            seen = json.loads(words(await client.call_tool("look", {})))
    assert len(outcome) > 15
    assert {name for name, worked in outcome.items() if worked} == set()
    assert (seen["uid"], seen["gid"], seen["host"]) == (65534, 65534, "sandbox")


@every_wall
@pytest.mark.promise("what_is_written_belongs_to_the_folders_owner")
async def test_only_a_writable_mount_can_be_written_and_what_is_written_belongs_to_its_owner(
    bench: Bench, tmp_path: Path
) -> None:
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    open_folder, closed, inner = tmp_path / "open", tmp_path / "closed", tmp_path / "inner"
    for folder in (open_folder, closed, inner):
        folder.mkdir()
        (folder / "there").write_text(folder.name)
        if os.geteuid() == 0:
            os.chown(folder, owner, owner)
    mounts = (Mount(inner, "/data/inner"), Mount(open_folder, "/data", "rw"), Mount(closed, "/closed"))
    (open_folder / "inner").mkdir()
    with anyio.fail_after(20):
        async with bench.open("honest", mounts=mounts) as opened, connected(opened) as client:
            assert opened.evidence.differences == ()

            async def write(path: str) -> str:
                return words(await client.call_tool("write_file", {"path": path, "text": "new"}))

            assert await write("/data/new") == "written"
            assert await write("/tmp/new") == "written"
            for path in ("/closed/new", "/closed/there", "/data/inner/there", "/new", "/hostile/new", "/usr/new"):
                assert (await write(path)).startswith("refused"), path
            for path, content in (("/closed/there", "closed"), ("/data/inner/there", "inner")):
                assert words(await client.call_tool("read_file", {"path": path})) == content
    assert (open_folder / "new").read_text() == "new"
    assert (open_folder / "new").stat().st_uid == owner
    assert sorted(path.name for path in closed.iterdir()) == ["there"]


@every_wall
@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns a folder of root's")
async def test_a_mount_of_root_is_served_as_uid_0_without_any_power(bench: Bench, tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with (
            bench.open("honest", mounts=(Mount(tmp_path, "/data", "rw"),)) as opened,
            connected(opened) as client,
        ):
            outcome = json.loads(words(await client.call_tool("try_escape", {})))
            seen = json.loads(words(await client.call_tool("look", {})))
    assert seen["uid"] == 0
    assert "CONFORMANCE_RUN" in seen["init_env"] or seen["init_env"] == ""
    assert "HOME=/root" not in seen["init_env"]
    assert any("uid 0" in note for note in opened.evidence.notes)
    assert opened.evidence.differences == ()
    assert {name for name, worked in outcome.items() if worked} == set()


@every_kind
async def test_a_server_that_dies_in_a_call_ends_it_at_once(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("die-in-call") as opened, connected(opened) as client:
            began = time.monotonic()
            with pytest.raises(MCPError, match="Connection closed"):
                await client.call_tool("echo", {})
            assert time.monotonic() - began < 5
            assert await opened.exited() == "exited with code 9"


@every_kind
async def test_a_server_that_leaves_at_the_start_says_why(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("exit-at-start") as opened:
            with pytest.raises(Exception):  # noqa: B017 -- whatever the SDK makes of it
                async with connected(opened, mode="legacy"):
                    pass
            assert await opened.exited() == "exited with code 3"
            assert "cannot find my configuration" in opened.stderr_tail()


@every_kind
@pytest.mark.parametrize("mode", ["ignore-term", "orphan-child", "hang-in-call", "stderr-flood"])
async def test_a_server_that_will_not_go_is_gone_soon_with_all_it_started(bench: Bench, mode: str) -> None:
    with anyio.fail_after(20):
        async with bench.open(mode) as opened, connected(opened) as client:
            await client.list_tools()
            with anyio.move_on_after(0.1):
                await client.call_tool("echo", {"text": "x"})
            began = time.monotonic()
        assert time.monotonic() - began < 3
    await bench.none_is_left()


@every_kind
async def test_a_cancelled_host_leaves_nothing(bench: Bench) -> None:
    with anyio.fail_after(20):
        with anyio.move_on_after(1):
            async with bench.open("ignore-term") as opened, connected(opened):
                while not bench.alive():
                    await anyio.sleep(0.01)
                await anyio.sleep_forever()
    await bench.none_is_left()


@every_kind
async def test_an_error_of_the_host_leaves_nothing_and_comes_out_as_it_was(bench: Bench) -> None:
    with anyio.fail_after(20):
        with pytest.raises(ServerError, match="mine"):
            async with bench.open("honest"):
                raise ServerError("mine")
    await bench.none_is_left()


@every_kind
async def test_what_a_killed_host_left_is_reaped(bench: Bench) -> None:
    argv = [sys.executable, "-m", "tests.sandboxes.killed_host"]
    argv += [bench.kind.name, str(bench.home.folder), bench.run_id, "ignore-term"]
    sandbox = bench.kind.make(bench.home)
    with anyio.fail_after(30):
        async with await anyio.open_process(argv, cwd=Path(__file__).parents[2], stderr=None) as host:
            try:
                assert host.stdout is not None
                assert (await host.stdout.receive()).strip() == b"open"
                while not bench.alive():
                    await anyio.sleep(0.01)
                before = await sandbox.reap()
                assert not any("killed" in name for name in before), "a living owner's sandbox was reaped"
                assert bench.alive()
            finally:
                host.send_signal(signal.SIGKILL)
            await host.wait()
        await sandbox.reap()
    await bench.none_is_left()
    assert list(bench.home.folder.glob("leases/*")) == []


@every_kind
@pytest.mark.parametrize("mode", REFUSED_ANSWERS)
async def test_an_answer_that_breaks_the_wire_fails_with_server_and_reason_and_the_next_call_works(
    bench: Bench, mode: str
) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with anyio.fail_after(30):
        async with bench.open(mode) as opened, connected(opened) as client:
            for _ in range(2):
                with pytest.raises(MCPError, match=f"kit.*{REFUSED_ANSWERS[mode]}") as refused:
                    await client.call_tool("echo", {})
                assert refused.value.code == ANSWER_REFUSED
            assert len((await client.list_tools()).tools) == 6
            assert opened.counts.dropped_messages >= 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 64 * 1024


@every_kind
@pytest.mark.parametrize("mode", ["duplicate-ids", "wrong-ids", "bom", "garbage-between", "foreign-progress"])
async def test_what_surrounds_an_honest_answer_is_kept_away(bench: Bench, mode: str) -> None:
    with anyio.fail_after(20):
        async with bench.open(mode) as opened, connected(opened) as client:
            answers = {words(await client.call_tool("echo", {"text": "right"})) for _ in range(3)}
            assert answers <= {"right", "first"}
            if mode != "bom":
                assert opened.counts.dropped_messages + opened.counts.skipped_lines > 0


@every_kind
async def test_an_answer_to_another_id_is_never_delivered(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("only-wrong-id") as opened, connected(opened) as client:
            with pytest.raises(MCPError, match="timed out"):
                await client.call_tool("echo", {}, read_timeout_seconds=0.3)
            assert opened.counts.dropped_messages == 1


@every_kind
async def test_a_malformed_tool_hides_no_other(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("malformed-tool") as opened, connected(opened) as client:
            assert len((await client.list_tools()).tools) == 6
            assert len(opened.counts.dropped_tools) == 8
            assert words(await client.call_tool("echo", {"text": "on"})) == "on"


@every_kind
async def test_a_hostile_output_schema_stalls_nothing(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("hostile-schema") as opened, connected(opened) as client:
            await client.list_tools()
            assert list(opened.output_schemas) == ["echo"]
            began = time.monotonic()
            await client.call_tool("echo", {})
            assert time.monotonic() - began < 2


@every_kind
@pytest.mark.parametrize("mode", ["garbage", "hang-at-start"])
async def test_a_server_that_never_answers_can_be_left(bench: Bench, mode: str) -> None:
    with anyio.fail_after(20):
        async with bench.open(mode) as opened:
            with anyio.move_on_after(1) as waited:
                async with connected(opened, mode="legacy"):
                    pytest.fail("it answered")
            assert waited.cancelled_caught
            assert (opened.counts.skipped_lines > 0) == (mode == "garbage")
    await bench.none_is_left()


@every_kind
async def test_a_flood_of_notifications_slows_only_its_server(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with (
            bench.open("notification-flood") as loud,
            bench.open("honest") as quiet,
            connected(loud) as shouting,
            connected(quiet) as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(shouting.call_tool, "echo", {})
            with anyio.fail_after(10):
                while loud.counts.dropped_messages < 5000:
                    await client.call_tool("echo", {"text": "x"})
            began = time.process_time()
            wall = time.monotonic()
            for _ in range(20):
                await client.call_tool("slow", {"seconds": 0.02})
            assert time.process_time() - began < (time.monotonic() - wall) * 0.9
            group.cancel_scope.cancel()


@every_kind
async def test_stderr_is_kept_bounded_and_its_newest_part_shown(bench: Bench) -> None:
    with anyio.fail_after(20):
        async with bench.open("stderr-flood") as opened, connected(opened) as client:
            assert words(await client.call_tool("echo", {"text": "heard"})) == "heard"
            assert 0 < len(opened.stderr_tail()) <= 64 * 1024


@every_kind
async def test_a_storm_of_list_changes_arrives_as_a_few(bench: Bench) -> None:
    notices: list[str] = []

    async def note(message: Any) -> None:
        notices.append(type(message).__name__)

    with anyio.fail_after(20):
        async with (
            bench.open("list-changed-storm") as opened,
            connected(opened, mode="legacy", message_handler=note) as client,
        ):
            await client.call_tool("echo", {"text": "x"})
            assert 1 <= notices.count("ToolListChangedNotification") <= 3
            assert opened.counts.dropped_messages > 900


@every_kind
async def test_a_program_that_is_not_there_is_a_clear_error(bench: Bench) -> None:
    spec = SandboxSpec("kit", bench.run_id, this_process(), Program(("/no/such/program",)))
    with anyio.fail_after(20):
        try:
            async with bench.kind.make(bench.home).open(spec) as opened:
                # Found out only inside: then the server has left, and its words tell.
                assert "127" in await opened.exited()
                assert "/no/such/program" in opened.stderr_tail()
        except ServerError as error:
            assert "/no/such/program" in str(error)
            assert "kit" in str(error)


@every_kind
@pytest.mark.parametrize("at", ["relative", "/proc/x", "/", "/a/../b"])
async def test_a_place_that_cannot_be_mounted_is_refused(bench: Bench, at: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="mounted"):
        async with bench.open("honest", mounts=(Mount(tmp_path, at),)):
            pass


@every_kind
async def test_a_folder_that_does_not_exist_is_named(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="missing does not exist"):
        async with bench.open("honest", mounts=(Mount(tmp_path / "missing", "/data"),)):
            pass
