"""What a client can say to `gatehost serve --stdio`, in both eras, and what it cannot."""

import json
import os
import select
import signal
from typing import Any

import pytest

from tests.host.projects import Project, until
from tests.host.serve.raw_client import ERAS, LEGACY, MODERN, Served, text


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", meta="read", append="write")
    return project


@pytest.mark.parametrize("era", ERAS)
def test_the_tools_in_scope_are_listed_and_called(kit: Project, era: str) -> None:
    with Served(kit, era=era) as served:
        hello = served.hello()
        assert set(hello["capabilities"]) - {"experimental"} == {"tools"}  # type: ignore[arg-type]
        tools = {tool["name"]: tool for tool in served.request("tools/list")["result"]["tools"]}  # type: ignore
        assert set(tools) == {"kit__echo", "kit__meta", "kit__append"}
        assert tools["kit__echo"]["annotations"]["readOnlyHint"] is True
        assert tools["kit__append"]["annotations"]["readOnlyHint"] is False
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"
        assert served.finish() == 0
    (run,) = kit.call("runs", "list", "--json").report
    assert (run["agent"], run["status"]) == ("claude-code", "completed")
    assert kit.verifies()


@pytest.mark.promise("other_hosts_pass_the_same_gates")
@pytest.mark.parametrize("era", ERAS)
def test_nothing_but_tools_exists(kit: Project, era: str) -> None:
    others = [
        *("resources/list", "resources/read", "resources/templates/list", "resources/subscribe", "prompts/list"),
        *("prompts/get", "logging/setLevel", "completion/complete", "sampling/createMessage", "roots/list"),
        *("elicitation/create", "subscriptions/listen", "tasks/list", "gatehost/anything", "tools/list\x1b[2J"),
    ]
    with Served(kit, era=era) as served:
        served.hello()
        for method in others:
            error = served.request(method)["error"]
            assert (error["code"], method, error["message"].isprintable()) == (-32601, method, True)  # type: ignore
        served.notify("notifications/roots/list_changed")
        served.notify("notifications/anything", of=1)
        assert text(served.call("kit__echo", {"text": "still here"})) == "still here"


def test_a_handshake_clients_ping_is_answered(kit: Project) -> None:
    with Served(kit, era=LEGACY) as served:
        served.hello()
        assert served.request("ping")["result"] == {}


def test_a_call_before_the_handshake_is_refused(kit: Project) -> None:
    with Served(kit, era=LEGACY) as served:
        assert "error" in served.answer(served.propose("kit__append", {"path": str(kit.folder / "x"), "line": "a"}))
        served.hello()
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"
    assert not (kit.folder / "x").exists()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"\xff\xfe\x00 {}\n",
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"\xff"}}\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"\n",
        b"[" * 100_000 + b"\n",
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":"' + b"x" * 5000 + b'","method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"n":1e999}}\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"n":NaN}}\n',
        b'{"jsonrpc":"2.0","id":77,"id":78,"method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"t":"\\ud800"}}\n',
        b'[{"jsonrpc":"2.0","id":77,"method":"tools/list"}]\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/list"}{}\n',
        b'{"method":"tools/list"}\n',
        b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"t":"' + b"a" * 5 * 1024**2 + b'"}}\n',
        b'{"method":"tools/call","params":{"t":"' + b"a" * 5 * 1024**2 + b'"},"jsonrpc":"2.0","id":77}\n',
    ],
    ids=lambda line: line[:48].decode("ascii", "replace").replace("[", "("),
)
def test_a_line_that_is_no_message_is_answered_and_harms_nothing(kit: Project, era: str, line: bytes) -> None:
    """Before the handshake as well as after it; whoever waits for the answer gets one."""
    asked = 77 if line.startswith(b"{") and b'"id":77' in line else None
    with Served(kit, era=era) as served:
        served.send(line)
        assert served.answer(asked)["error"]["code"] in {-32700, -32600}  # type: ignore[index,call-overload]
        served.hello()
        served.seen.clear()
        served.send(line)
        assert "error" in served.answer(asked)
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"


def test_messages_survive_any_cut_of_the_stream(kit: Project) -> None:
    with Served(kit, era=LEGACY) as served:
        served.hello()
        lines = b"\r\n  \n" + b"".join(
            served.line("tools/call", {"name": "kit__echo", "arguments": {"text": f"näher {n}"}}, request_id=f"r{n}")
            for n in range(3)
        )
        for byte in lines[:200]:
            served.send(bytes([byte]))
        served.send(lines[200:])
        for n in range(3):
            assert text(served.answer(f"r{n}")["result"]) == f"näher {n}"


def test_an_id_that_is_still_open_is_not_carried_out_again(kit: Project) -> None:
    effects, hold = kit.folder / "effects", kit.folder / "hold"
    hold.touch()
    call = {"name": "kit__append", "arguments": {"path": str(effects), "line": "a", "hold": str(hold)}}
    with Served(kit) as served:
        served.hello()
        for _ in range(2):
            served.ask("tools/call", call, request_id="same")
        assert "still open" in served.answer("same")["error"]["message"]  # type: ignore[index,operator,call-overload]
        served.seen.clear()
        hold.unlink()
        assert text(served.answer("same")["result"]) == "done: a"
    assert effects.read_text() == "a\n"


def test_more_requests_than_are_bearable_are_refused(kit: Project) -> None:
    hold = kit.folder / "hold"
    hold.touch()
    arguments = {"path": str(kit.folder / "effects"), "line": "a", "hold": str(hold)}
    with Served(kit) as served:
        served.hello()
        for _ in range(130):
            served.propose("kit__append", arguments)
        errors = [served.message()["error"]["message"] for _ in range(2)]  # type: ignore[index,call-overload]
        hold.unlink()
        assert all("open already" in str(error) for error in errors)


def test_a_client_that_reads_nothing_holds_up_only_itself(kit: Project) -> None:
    """Its requests stay unread instead of piling up, and a signal still ends it."""
    with Served(kit) as served:
        served.hello()
        lines = b"".join(served.line("tools/list", request_id=f"r{n}") for n in range(5000))
        os.set_blocking(served.to, False)
        sent = 0
        while select.select([], [served.to], [], 0.5)[1] and sent < len(lines):
            sent += os.write(served.to, lines[sent : sent + 4096])
        assert sent < len(lines) // 2
        os.kill(served.pid, signal.SIGTERM)
        until(lambda: not _lives(served.pid))
        assert served.wait() == 0


def _lives(pid: int) -> bool:
    """Whether it has not ended yet; one that has is left for whoever waits for it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def test_a_client_that_says_nothing_leaves_nothing(kit: Project) -> None:
    with Served(kit) as served:
        assert served.finish() == 0
        assert served.seen == []
    assert kit.call("runs", "list", "--json").report == []


def test_a_client_without_a_name_is_served_as_such(kit: Project) -> None:
    with Served(kit, era=MODERN, name="") as served:
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"
    (run,) = kit.call("runs", "list", "--json").report
    assert run["agent"] == "unnamed client"


def test_the_first_name_stands_for_the_whole_session(kit: Project) -> None:
    with Served(kit, name="one") as served:
        served.hello()
        served.name = "two"
        served.call("kit__echo", {"text": "hi"})
    assert [run["agent"] for run in kit.call("runs", "list", "--json").report] == ["one"]


@pytest.mark.promise("other_hosts_pass_the_same_gates")
def test_a_client_cannot_claim_to_be_another_agent_of_the_configuration(kit: Project) -> None:
    config = kit.folder / "gatehost.toml"
    config.write_text('version = 1\n[agents.ops]\ntools = ["kit.echo"]\n', encoding="utf-8")
    for name in ("default", "ops", "cursor\x1b[31m"):
        with Served(kit, "--config", str(config), "--agent", "ops", name=name) as served:
            served.hello()
            assert len(served.request("tools/list")["result"]["tools"]) == 1  # type: ignore[index,call-overload,arg-type]
    agents = {run["agent"] for run in kit.call("runs", "list", "--json").report}
    assert agents == {"client default", "ops", "cursor\\x1b[31m"}


def test_a_clients_trace_context_reaches_no_server(kit: Project) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Served(kit) as served:
        served.hello()
        end = served.answer(served.propose("kit__meta", {}, traceparent=trace, baggage="user=ann", extra="x"))
        meta = json.loads(text(end["result"]))
    assert "gatehost/call" in meta
    assert not {"baggage", "extra"} & set(meta) and "0af7651916cd43dd8448eb211c80319c" not in json.dumps(meta)


@pytest.mark.parametrize("era", ERAS)
def test_a_tool_that_cannot_be_told_does_not_cost_the_client_the_others(project: Project, era: str) -> None:
    tools = [
        {"name": "echo", "inputSchema": {"type": "object"}, "outputSchema": {"type": "array"}},
        {"name": "change", "inputSchema": {"type": "object", "$schema": 5}},
    ]
    project.add("kit", echo="read", change="read", accept=False)
    project.accept("kit", tools)  # type: ignore[arg-type]
    with Served(project, era=era) as served:
        served.hello()
        shown: Any = served.request("tools/list")["result"]
        assert [tool["name"] for tool in shown["tools"]] == ["kit__echo"]
