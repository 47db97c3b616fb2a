from dataclasses import replace
from typing import Any, get_args

import pytest

from context.decisions import Allow, Ask, Decision, Deny
from tests.fakes.gateway import evidence, known_tool, proposal
from tool_gateway.gates import (
    ApprovalGate,
    ConstraintsGate,
    HealthGate,
    ResolveGate,
    SchemaGate,
    ScopeGate,
    in_scope,
    matches_any,
)
from tool_gateway.interface import Gate, Health, PinState, Scope, ServerState

GATES: tuple[Gate, ...] = (ResolveGate(), ScopeGate(), HealthGate(), SchemaGate(), ConstraintsGate(), ApprovalGate())


def _code(decision: Decision) -> str:
    assert isinstance(decision, Deny), decision
    return decision.reasons[0].code


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_every_gate_denies_a_call_to_nothing(gate: Gate) -> None:
    assert isinstance(gate.judge(proposal("none"), evidence(None)), Deny)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_every_gate_allows_a_read_of_a_healthy_tool_in_scope(gate: Gate) -> None:
    tool = known_tool()
    assert gate.judge(proposal(tool), evidence(tool)) == Allow()


def test_an_unknown_tool_is_refused_with_the_nearest() -> None:
    decision = ResolveGate().judge(proposal("files__read_fil"), evidence(None, nearest="files__read_file"))
    assert _code(decision) == "unknown_tool"
    assert "files__read_file" in (decision.reasons[0].remedy or "")


@pytest.mark.promise("nothing_hidden_reaches_a_reader")
@pytest.mark.promise("names_are_exact")
@pytest.mark.parametrize(
    "name", ["git\u200b__log", "gіt__log", "GIT__LOG", "git__log\n", "git__log\x1b[2J", "a" * 10_240, "", "../x"]
)
def test_a_name_that_only_looks_like_a_tool_is_refused_short_and_escaped(name: str) -> None:
    decision = ResolveGate().judge(proposal(name), evidence(None))
    sentence = decision.reasons[0].sentence()
    assert _code(decision) == "unknown_tool"
    assert len(sentence) < 200
    assert not any(ord(char) < 32 or char in "\u200b\x7f" for char in sentence)


@pytest.mark.promise("only_tools_in_scope_exist")
def test_out_of_scope_reads_like_not_there() -> None:
    tool = known_tool("git.push", effect="external_write")
    call = proposal(tool)
    for scope in (Scope(agent_tools=("files.*",)), Scope(run_tools=()), Scope(agent_tools=())):
        refused = ScopeGate().judge(call, evidence(tool, scope=scope))
        absent = ResolveGate().judge(call, evidence(None, scope=scope))
        assert refused == absent


@pytest.mark.promise("a_run_only_narrows_scope")
@pytest.mark.parametrize(
    ("agent", "run", "allowed"),
    [
        (("*",), None, True),
        (("git.*",), None, True),
        (("git.git_log",), ("git.*",), True),
        (("git.git_*",), ("git.git_log", "x.*"), True),
        (("files.*",), ("*",), False),
        ((), ("*",), False),
        (("*",), (), False),
        (("*",), ("files.*",), False),
        (("GIT.*",), None, False),
        (("git",), None, False),
        (("git.git_lo",), None, False),
        (("git.git_log.",), None, False),
    ],
)
def test_a_tool_is_in_scope_when_agent_and_run_both_have_it(
    agent: tuple[str, ...], run: tuple[str, ...] | None, allowed: bool
) -> None:
    tool = known_tool("git.git_log")
    scope = Scope(agent_tools=agent, run_tools=run)
    assert in_scope(scope, tool.ref) == allowed
    assert isinstance(ScopeGate().judge(proposal(tool), evidence(tool, scope=scope)), Allow) == allowed


def test_a_hostile_glob_is_matched_quickly() -> None:
    assert not matches_any(["*a" * 60 + "b"], known_tool("a." + "a" * 128).ref)


@pytest.mark.parametrize("state", [state for state in get_args(ServerState) if state != "ready"])
def test_a_server_that_is_not_ready_gets_no_call(state: ServerState) -> None:
    tool = known_tool("git.log")
    decision = HealthGate().judge(proposal(tool), evidence(tool, health=Health(state, detail="exit code 1\x1b[2J")))
    assert _code(decision) == f"server_{state}"
    assert "git" in decision.reasons[0].text
    assert "exit code 1\\x1b[2J" in decision.reasons[0].text


def test_an_unknown_state_gets_no_call() -> None:
    tool = known_tool()
    assert _code(HealthGate().judge(proposal(tool), evidence(tool, health=None))) == "health_unknown"


@pytest.mark.promise("a_changed_tool_is_not_called")
@pytest.mark.promise("no_call_while_tools_are_read_again")
@pytest.mark.parametrize(
    ("pin", "code"),
    [("changed", "pin_changed"), ("unpinned", "not_pinned"), ("vanished", "tool_vanished"), ("relisting", "relisting")],
)
def test_a_tool_that_is_not_as_reviewed_gets_no_call(pin: PinState, code: str) -> None:
    tool = known_tool("git.log")
    decision = HealthGate().judge(proposal(tool), evidence(tool, health=Health("ready", pin=pin)))
    assert _code(decision) == code
    if pin in {"changed", "unpinned"}:
        assert "gatehost mcp accept git" in (decision.reasons[0].remedy or "")


@pytest.mark.promise("no_call_behind_walls_that_differ")
def test_walls_that_differ_get_no_call() -> None:
    tool = known_tool()
    health = Health("ready", walls=("the network is `bridge`, declared is none",))
    decision = HealthGate().judge(proposal(tool), evidence(tool, health=health))
    assert _code(decision) == "walls_differ"
    assert "bridge" in decision.reasons[0].text


@pytest.mark.promise("arguments_fit_the_pinned_schema")
def test_arguments_that_do_not_fit_the_pinned_schema_are_refused_with_what_would() -> None:
    tool = known_tool(
        schema={
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        }
    )
    assert SchemaGate().judge(proposal(tool, {"path": "/a"}), evidence(tool)) == Allow()
    decision = SchemaGate().judge(proposal(tool, {"path": 5, "x": 1}), evidence(tool))
    assert isinstance(decision, Deny)
    assert [(reason.path, reason.code) for reason in decision.reasons] == [
        ("path", "does_not_fit"),
        (None, "does_not_fit"),
    ]
    assert "path: must be string, not integer" in decision.reasons[0].text
    assert "allowed: path" in decision.reasons[1].text


def test_a_tool_with_an_unusable_schema_gets_no_call() -> None:
    for schema in ({"$ref": "http://x/"}, {"pattern": "(?=a)"}, {"type": "nothing"}):
        tool = known_tool(schema=schema)
        assert _code(SchemaGate().judge(proposal(tool), evidence(tool))) == "unusable_schema"


def test_arguments_that_are_missing_are_refused() -> None:
    tool = known_tool()
    call = proposal(tool, malformed="x")
    for gate in (SchemaGate(), ConstraintsGate()):
        assert _code(gate.judge(replace(call, arguments=None), evidence(tool))) == "no_arguments"


@pytest.mark.promise("a_path_stays_within")
def test_every_rule_is_asked_and_every_breach_is_told() -> None:
    tool = known_tool(arguments={"path": {"path_within": "/repo"}, "n": {"maximum": 5}, "ok": {"maximum": 5}})
    call = proposal(tool, {"path": "/repo/x", "n": 9, "ok": 1})
    decision = ConstraintsGate().judge(call, evidence(tool, paths={"/repo/x": "/etc/x"}))
    assert isinstance(decision, Deny)
    assert [reason.path for reason in decision.reasons] == ["path", "n"]
    assert "/etc/x" in decision.reasons[0].text


def test_many_breaches_are_told_shortly() -> None:
    tool = known_tool(arguments={"n[]": {"maximum": 5}})
    decision = ConstraintsGate().judge(proposal(tool, {"n": [9] * 1000}), evidence(tool))
    assert len(decision.reasons) == 10


@pytest.mark.promise("effects_ask")
@pytest.mark.parametrize(
    ("approve", "effect", "rule"),
    [
        ("policy", "read", None),
        ("policy", "write", None),
        ("policy", "destructive", None),
        ("always", "write", "approve:always"),
        ("always", "read", "approve:always"),
        ("always", "destructive", "approve:always"),
        ("never", "read", None),
        ("never", "destructive", None),
    ],
)
def test_who_must_be_asked_follows_from_setting_and_effect(approve: str, effect: Any, rule: str | None) -> None:
    tool = known_tool("git.x", effect=effect, approve=approve)
    decision = ApprovalGate().judge(proposal(tool), evidence(tool))
    if rule is None:
        assert isinstance(decision, Allow)
        return
    assert isinstance(decision, Ask)
    assert decision.rules == (rule,)
    assert effect in decision.reasons[0].text
    granted = ApprovalGate().judge(proposal(tool), evidence(tool, granted=frozenset({rule})))
    assert isinstance(granted, Allow)


@pytest.mark.promise("an_approval_fits_one_call")
def test_a_yes_to_another_rule_does_not_count() -> None:
    tool = known_tool("git.x", effect="write", approve="always")
    for granted in ({"approve:policy"}, {"approve"}, {"*"}, set[str]()):
        assert isinstance(ApprovalGate().judge(proposal(tool), evidence(tool, granted=frozenset(granted))), Ask)


def test_only_named_tools_are_authorised_beforehand() -> None:
    tool = known_tool("git.commit", effect="write", approve="always")
    assert ApprovalGate.preauthorises(Scope(preapproved=("git.*",)), tool)
    assert not ApprovalGate.preauthorises(Scope(), tool)
    assert not ApprovalGate.preauthorises(Scope(preapproved=("git.push", "commit", "Git.*")), tool)
    assert isinstance(ApprovalGate().judge(proposal(tool), evidence(tool, scope=Scope(preapproved=("*",)))), Ask)
