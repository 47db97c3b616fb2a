"""A server that dies is started again when it is next needed; pins and walls are judged anew."""

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from context.calls import ToolDefinition, ToolRef
from context.errors import ServerError
from context.events import EventType
from context.json_values import JsonObject
from host.servers import session as server_session
from host.servers.keeper import ServerKeeper
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan
from sandboxes.interface import Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.lifecycle.restarts import RestartLimits, Restarts
from sandboxes.unconfined import UnconfinedSandbox
from tests.hostile import server as hostile_server
from tool_gateway.gates.health import HealthGate
from tool_gateway.interface import CallEvidence, CallProposal, KnownTool, Scope
from tool_gateway.pins import tool_digest
from tool_gateway.rules import ToolRule

ECHO = ToolRef("kit", "echo")
AT_ONCE = RestartLimits(first_wait=0.0)


class House:
    """A pool with one server that runs `mode`, which may differ at each start."""

    def __init__(self, folder: Path, *modes: str, start_timeout: float = 10.0, limits: RestartLimits = AT_ONCE) -> None:
        self.news: list[tuple[EventType, JsonObject]] = []
        self.starts = 0
        self._modes = modes
        sandbox = UnconfinedSandbox(SandboxHome(folder))

        def launch() -> Any:
            mode = self._modes[min(self.starts, len(self._modes) - 1)].split()
            self.starts += 1
            argv = (sys.executable, "-I", str(Path(hostile_server.__file__)), *mode)
            return sandbox.open(SandboxSpec("kit", "run_test", this_process(), Program(argv)))

        plan = ServerPlan(name="kit", launch=launch, tools={"echo": _known()}, start_timeout=start_timeout)
        self.pool = ServerPool([plan], notify=lambda kind, data: self.news.append((kind, data)))
        self.keeper = ServerKeeper(plan, notify=self.pool._notify, restarts=Restarts(limits))
        self.pool._keepers["kit"] = self.keeper

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["House", None]:
        with anyio.fail_after(25):
            async with self.pool.running():
                yield self

    async def echo(self, words: str = "on") -> str:
        """What a call through the health gate gives: the answer, or `denied: why`."""
        health = await self.pool.health(ECHO)
        proposal = CallProposal("call_1", "run_test", "default", 1, "kit__echo", {"text": words})
        evidence = CallEvidence(now=0.0, tool=_known(), health=health, scope=Scope())
        decision = HealthGate().judge(proposal, evidence)
        if decision.word != "allow":
            return "denied: " + decision.reasons[0].text
        result = await self.pool.call(ECHO, {"text": words}, timeout=0.5, meta={})
        return str(result.content[0]["text"])

    def kill(self) -> None:
        evidence = self.keeper.session.evidence
        assert evidence is not None
        os.kill(int(str(evidence.facts["pid"])), signal.SIGKILL)

    async def dead(self) -> None:
        while self.keeper.session.state == "ready":
            await anyio.sleep(0.005)

    def of(self, kind: EventType) -> list[JsonObject]:
        return [data for name, data in self.news if name == kind]


def _known() -> KnownTool:
    listed: Any = next(tool for tool in hostile_server.TOOLS if tool["name"] == "echo")
    tool = ToolDefinition("echo", listed["description"], listed["inputSchema"], annotations=listed["annotations"])
    return KnownTool(ref=ECHO, definition=tool, rule=ToolRule(effect="read"), pin=tool_digest(tool))


@pytest.mark.promise("a_restarted_server_is_judged_again")
async def test_a_server_that_died_between_calls_serves_the_next_one_and_each_start_is_told(tmp_path: Path) -> None:
    async with House(tmp_path, "honest").running() as house:
        assert await house.echo("a") == "a"
        house.kill()
        await house.dead()
        assert await house.echo("b") == "b"
        assert house.starts == 2
    states = [(data["state"], data.get("restart")) for data in house.of("server.state")]
    assert states == [("ready", None), ("failed", None), ("starting", 1), ("ready", 1), ("stopped", 1)]
    assert "killed by SIGKILL" in str(house.of("server.state")[2]["after"])
    assert [data.get("restart") for data in house.of("sandbox.state")] == [None, 1]
    assert all(data["kind"] == "unconfined" for data in house.of("sandbox.state"))


@pytest.mark.promise("a_restarted_server_is_judged_again")
async def test_pins_are_compared_again_after_a_restart(tmp_path: Path) -> None:
    async with House(tmp_path, "honest", "hostile-schema").running() as house:
        assert await house.echo("a") == "a"
        house.kill()
        await house.dead()
        assert "no longer the tool that was reviewed" in await house.echo("b")
    assert house.of("pin.changed") == [{"server": "kit", "tool": "echo", "pin": "changed"}]


async def test_a_call_on_its_way_keeps_its_outcome_and_is_not_sent_again(tmp_path: Path) -> None:
    async with House(tmp_path, "die-in-call", "honest").running() as house:
        with pytest.raises(ServerError, match="exited with code 9") as failed:
            await house.echo()
        assert failed.value.sent
        assert house.starts == 1
        assert await house.echo("next") == "next"


async def test_a_server_that_does_not_stay_up_is_refused_for_a_while_with_the_reason(tmp_path: Path) -> None:
    async with House(tmp_path, "exit-at-start").running() as house:
        await house.keeper.session.settled()
        for _ in range(2):
            assert "cannot find my configuration" in await house.echo()
        refused = await house.echo()
        assert "not started again for" in refused
        assert "cannot find my configuration" in refused
        assert house.starts == 3
        assert not house.pool.may_answer("kit")
        await house.echo()
        assert house.starts == 3


async def test_a_start_that_ran_out_of_time_is_not_repeated_by_the_next_call(tmp_path: Path) -> None:
    async with House(tmp_path, "hang-at-start", start_timeout=0.5).running() as house:
        assert "did not start within 0.5 s" in await house.echo()
        assert "not started again for" in await house.echo()
        assert house.starts == 1


async def test_a_call_that_waited_for_a_failed_start_is_refused_and_not_made_to_wait_for_another(
    tmp_path: Path,
) -> None:
    async with House(tmp_path, "exit-at-start", "honest").running() as house:
        assert "cannot find my configuration" in await house.echo()
        assert house.starts == 1
        assert await house.echo("now") == "now"


async def test_calls_at_the_same_time_start_a_dead_server_once(tmp_path: Path) -> None:
    answers: list[str] = []

    async def ask(house: House, words: str) -> None:
        answers.append(await house.echo(words))

    async with House(tmp_path, "honest").running() as house:
        await house.echo()
        house.kill()
        await house.dead()
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(ask, house, str(number))
        assert sorted(answers) == ["0", "1", "2", "3", "4"]
        assert house.starts == 2


async def test_the_wait_before_a_start_is_kept(tmp_path: Path) -> None:
    async with House(tmp_path, "honest", limits=RestartLimits(first_wait=0.3)).running() as house:
        await house.echo()
        house.kill()
        await house.dead()
        began = anyio.current_time()
        await house.echo()
        assert anyio.current_time() - began >= 0.25


@pytest.mark.parametrize("moment", [0.0, 0.05])
async def test_a_cancelled_call_is_no_failure_of_the_server(tmp_path: Path, moment: float) -> None:
    async with House(tmp_path, "hang-in-call").running() as house:
        await house.keeper.session.settled()
        with anyio.move_on_after(moment):
            await house.echo()
        assert house.keeper.session.state == "ready"
        assert (await house.pool.health(ECHO)).state == "ready"
        assert house.starts == 1


async def test_a_server_that_hangs_goes_with_its_sandbox_and_the_next_call_has_a_new_one(tmp_path: Path) -> None:
    """docs/threat-model.md row 52: a hang. The deadline ends the call; the server, which answers nobody, goes."""
    async with House(tmp_path, "stop-after-listing", "honest").running() as house:
        await house.keeper.session.settled()
        with pytest.raises(ServerError, match=r"no answer within 0\.5 s") as failed:
            await house.echo()
        assert failed.value.sent
        await house.dead()
        assert "hangs" in house.keeper.session.detail
        assert await house.echo("new") == "new"


async def test_an_answer_of_a_byte_per_second_does_not_outlast_the_deadline(tmp_path: Path) -> None:
    """docs/threat-model.md row 52."""
    async with House(tmp_path, "byte-per-second").running() as house:
        await house.keeper.session.settled()
        began = anyio.current_time()
        with pytest.raises(ServerError, match=r"no answer within 0\.5 s") as failed:
            await house.echo()
        assert failed.value.sent
        assert anyio.current_time() - began < 8


@pytest.mark.parametrize(("mode", "starts"), [("stop-after-listing --era=legacy", 2), ("honest --era=legacy", 1)])
async def test_a_silent_server_of_the_handshake_era_is_pinged_before_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, starts: int
) -> None:
    monkeypatch.setattr(server_session, "_SILENT_SECONDS", 0.0)
    monkeypatch.setattr(server_session, "_ALIVE_TIMEOUT", 0.3)
    async with House(tmp_path, mode, "honest").running() as house:
        await house.keeper.session.settled()
        assert await house.echo("a") == "a"
        assert house.starts == starts


@pytest.mark.promise("a_downgrade_is_recorded")
async def test_a_server_that_speaks_an_older_protocol_than_accepted_is_told(tmp_path: Path) -> None:
    """docs/threat-model.md row 51."""
    house = House(tmp_path, "honest --era=legacy")
    house.keeper.plan = house.keeper.session.plan
    object.__setattr__(house.keeper.plan, "era", "2026-07-28")
    async with house.running():
        await house.keeper.session.settled()
    ready = house.of("server.state")[0]
    assert (ready["protocol"], ready["accepted_protocol"]) == ("2025-11-25", "2026-07-28")
