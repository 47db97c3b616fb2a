"""A server's own errors are its words, and what it asks and sends amiss is told."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from context.errors import ServerError
from host.servers import session as session_module
from host.servers.keeper import ServerKeeper
from host.servers.kept import KeptServers
from host.servers.session import ServerPlan
from tests.host import told_server
from tests.host.servers.test_server_session import News, call, owned, plan

CLOSED, TIMEOUT = -32000, -32001
LOOK = {"name": "look", "inputSchema": {"type": "object"}}
SAMPLING = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}


def told(folder: Path, **keys: Any) -> ServerPlan:
    first = {"tools": [LOOK], "log": str(folder / "log"), "effects": str(folder / "effects"), **keys}
    (folder / "plan.json").write_text(json.dumps(first))
    command = (sys.executable, "-I", str(Path(told_server.__file__)), str(folder / "plan.json"))
    return plan(folder, command, era="2026-07-28" if keys.get("modern", True) else "2025-11-25")


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("code", [CLOSED, TIMEOUT, -32603])
async def test_an_error_answer_is_the_servers_word_whatever_its_code(tmp_path: Path, code: int, modern: bool) -> None:
    error = {"code": code, "message": "the mailbox is full\x1b[2J"}
    async with owned(told(tmp_path, modern=modern, answers={"look": {"error": error}})) as (session, news):
        for _ in range(2):
            result = await session.call("look", {}, timeout=5, meta={}, on_progress=None)
            assert (result.is_error, result.content) == (True, [{"type": "text", "text": error["message"]}])
        assert session.state == "ready"
    assert news.states == ["ready", "stopped"]


async def test_a_server_that_dies_is_not_taken_for_one_that_answers(tmp_path: Path) -> None:
    async with owned(plan(tmp_path)) as (session, _):
        for sent in (True, False):
            with pytest.raises(ServerError) as caught:
                await call(session, "die")
            assert caught.value.sent is sent


async def test_calls_under_way_when_a_session_is_stopped_are_not_answered(tmp_path: Path) -> None:
    hold, faults = tmp_path / "hold", list[ServerError]()
    hold.touch()

    async with owned(told(tmp_path, holds={"look": str(hold)})) as (session, _), anyio.create_task_group() as group:

        async def look() -> None:
            with pytest.raises(ServerError) as caught:
                await call(session, "look", 20)
            faults.append(caught.value)

        group.start_soon(look)
        with anyio.fail_after(5):
            while "tools/call" not in (tmp_path / "log").read_text():
                await anyio.lowlevel.checkpoint()
        session.stop()
    assert [fault.sent for fault in faults] == [True]


async def test_what_a_server_asks_and_sends_amiss_is_told_when_it_ends(tmp_path: Path) -> None:
    asks = [SAMPLING, SAMPLING, {"method": "roots/list"}, {"method": "secret/AKIA"}, {"method": "ping"}]
    async with owned(told(tmp_path, modern=False, asks=asks)) as (session, news):
        await call(session, "look")
    (end,) = [data for _, data in news.told if data.get("state") == "stopped"]
    assert end["asked"] == {"sampling/createMessage": 2, "roots/list": 1, "another method": 1}
    assert "dropped_messages" not in end


async def test_while_it_lives_it_is_told_at_intervals_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_TELL_SECONDS", 0.02)
    async with owned(told(tmp_path, modern=False, asks=[SAMPLING])) as (session, news):
        await call(session, "look")
        with anyio.fail_after(5):
            while not any("asked" in data for _, data in news.told):
                await anyio.lowlevel.checkpoint()
        assert session.state == "ready"
    assert news.states == ["ready", "ready", "stopped"]
    assert [data.get("asked") for kind, data in news.told if kind == "server.state"] == [
        None,
        {"sampling/createMessage": 1},
        None,
    ]


async def test_who_leaves_a_shared_server_hears_what_it_did_until_then(tmp_path: Path) -> None:
    news = News()
    server = replace(told(tmp_path, modern=False, asks=[SAMPLING]), key="k", stateless=True)
    with anyio.fail_after(10):
        async with KeptServers().running() as kept:
            with kept.shared(server, news) as keeper:
                await call(await keeper.awake(), "look")
            assert keeper.session.state == "ready"
    assert [data.get("asked") for _, data in news.told if "asked" in data] == [{"sampling/createMessage": 1}]


async def test_a_state_that_is_told_again_is_no_new_start_and_no_new_end(tmp_path: Path) -> None:
    news, now = News(), [100.0]
    keeper = ServerKeeper(told(tmp_path), notify=news, clock=lambda: now[0])
    ready = {"server": "kit", "state": "ready"}
    keeper._notify("server.state", ready)
    now[0] = 200.0
    keeper._notify("server.state", {**ready, "asked": {"roots/list": 1}})
    assert keeper._ready_since == 100.0
    for _ in range(20):
        keeper._notify("server.state", {"server": "kit", "state": "failed"})
    assert not keeper._history.refused
    assert len(news.told) == 22
