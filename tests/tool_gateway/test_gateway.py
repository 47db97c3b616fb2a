"""The way of a call, top to bottom: what is asked in which order, what is written before and after it goes out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from context.calls import Effect
from context.decisions import Allow, Decision
from context.errors import JournalError, ServerError
from context.json_values import JsonObject
from tests.fakes.gateway import (
    FakeApprover,
    FakeCaller,
    FakeDirectory,
    FakeJournal,
    Sent,
    UnsafeAllowAll,
    known_tool,
    proposal,
)
from tool_gateway import execution as execution_module
from tool_gateway import gateway as gateway_module
from tool_gateway.approvals import binding
from tool_gateway.gateway import Gateway
from tool_gateway.interface import (
    Answered,
    Approval,
    ApprovalRequest,
    CallChange,
    CallEnd,
    CallEvidence,
    CallProposal,
    Health,
    KnownTool,
    Parked,
    RawResult,
    Scope,
)
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.trail import RunScope

YES = Answered(True, by="terminal:alice")
READ = known_tool("files.read_file")
WRITE = known_tool("files.write_file", effect="write", approve="never")
ASKING = known_tool("files.remove", effect="destructive", approve="always")
SCHEMA: JsonObject = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
EFFECTS: tuple[Effect, ...] = ("read", "write", "external_write", "destructive")


def _ids(value: object) -> str:
    return str(value.ref) if isinstance(value, KnownTool) else str(value)


class World:
    """A gateway between fakes."""

    def __init__(self, *tools: KnownTool, scope: Scope | None = None, answer: Answered | Parked | None = None) -> None:
        self.directory = FakeDirectory(*(tools or (READ, WRITE, ASKING)))
        self.caller = FakeCaller()
        self.approver = FakeApprover(answer)
        self.journal = FakeJournal()
        self.now = 1000.0
        self.scope = scope or Scope()
        self.policy = "policy-1"
        self.knowledge = RunKnowledge("off")

    def gateway(self) -> Gateway:
        run = RunScope("run_1", "default", self.scope, {"agent": "default", "trace_id": "1" * 32}, self.policy, 100.0)
        return Gateway(
            run=run,
            directory=self.directory,
            caller=self.caller,
            approver=self.approver,
            journal=self.journal,
            clock=lambda: self.now,
            knowledge=self.knowledge,
            policy=UnsafeAllowAll(),
        )

    async def carry(self, tool: KnownTool | str, arguments: JsonObject | None = None, **changes: Any) -> CallEnd:
        with anyio.fail_after(5):
            return await self.gateway().carry(proposal(tool, arguments, **changes))

    async def carry_another(self, tool: KnownTool, arguments: JsonObject) -> CallEnd:
        """As if nothing had been carried before."""
        self.journal = FakeJournal()
        return await self.carry(tool, arguments)

    def told(self) -> list[str]:
        return [event.type for event in self.journal.events]

    def states(self) -> list[str]:
        return [
            change.state
            for commit in self.journal.commits
            for change in commit.changes
            if isinstance(change, CallChange)
        ]

    def request(self, tool: KnownTool, *, expires: float = 2000.0, **changes: Any) -> ApprovalRequest:
        bound = binding(
            agent="default",
            run_id="run_1",
            pin=tool.pin,
            policy_version=self.policy,
            ref=tool.ref,
            arguments={},
        )
        request = ApprovalRequest(
            "apr_1", "run_1", "call_1", "default", tool.ref, "destructive", {}, bound, ("approve:always",), (), expires
        )
        return replace(request, **changes)


def codes(end: CallEnd) -> list[str]:
    """Why it ended as it did; what was asked about comes behind that and is looked at on its own."""
    return [reason.code for reason in end.reasons if reason.code != "approval_needed"]


async def test_a_refused_ask_still_tells_what_it_was_about() -> None:
    end = await World(answer=Answered(False, by="nobody")).carry(ASKING)
    assert [reason.code for reason in end.reasons] == ["refused", "approval_needed"]
    assert "always needs approval" in end.result.text


# The order.


async def test_an_allowed_call_is_decided_written_sent_and_settled() -> None:
    world = World()
    end = await world.carry(READ, {"path": "/a"})
    assert (end.decision, end.outcome, end.result.text) == ("allow", "succeeded", "done")
    assert world.states() == ["intended", "succeeded"]
    assert world.told() == ["call.decided", "call.started", "call.completed"]
    assert [entry.type for entry in world.journal.entries] == ["decision", "outcome"]
    (sent,) = world.caller.sent
    assert (sent.ref, sent.arguments, sent.meta["gatehost/call"]) == (READ.ref, {"path": "/a"}, "call_1")


@pytest.mark.promise("only_tools_in_scope_exist")
@pytest.mark.parametrize("name", ["nothing__here", WRITE.ref.model_name])
async def test_a_call_that_may_not_be_made_never_waits_for_a_server(name: str) -> None:
    world = World(scope=Scope(agent_tools=("files.read_file",)))
    end = await world.carry(name)
    assert (end.decision, end.outcome, codes(end)) == ("deny", "denied", ["unknown_tool"])
    assert (world.directory.asked, world.directory.resolved, world.caller.sent) == ([], [], [])
    assert world.told() == ["call.decided", "call.completed"]


async def test_a_broken_form_starts_no_server_either() -> None:
    world = World()
    end = await world.carry(READ, malformed='{"path": ')
    assert codes(end) == ["malformed_arguments"]
    assert "one JSON object" in end.result.text
    assert world.directory.asked == []


async def test_the_earliest_gate_speaks() -> None:
    """A call with every fault at once is refused for the first one; mending each leads to the next."""
    tool = known_tool("files.put", schema=SCHEMA, arguments={"path": {"path_within": ["/repo"]}})
    world = World(tool, scope=Scope(agent_tools=("other.*",)))
    world.directory.healths[tool.ref] = Health("failed", "changed", "it died")
    assert codes(await world.carry_another(tool, {"path": 2**60})) == ["unknown_tool"]
    world.scope = Scope()
    assert codes(await world.carry_another(tool, {"path": 2**60})) == ["integer_too_large"]
    assert codes(await world.carry_another(tool, {"path": 7})) == ["server_failed"]
    world.directory.healths[tool.ref] = Health("ready", "changed")
    assert codes(await world.carry_another(tool, {"path": 7})) == ["pin_changed"]
    world.directory.healths.clear()
    assert codes(await world.carry_another(tool, {"path": 7})) == ["does_not_fit"]
    assert codes(await world.carry_another(tool, {"path": "/etc/passwd"})) == ["path_outside"]
    assert world.caller.sent == []


@pytest.mark.promise("a_crashed_check_denies")
async def test_a_gate_that_crashes_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash:
        name = "crash"

        def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
            raise ZeroDivisionError

    monkeypatch.setattr(gateway_module, "GATES_ON_THE_VALUE", (Crash(),))
    world = World()
    end = await world.carry(READ)
    assert (end.decision, codes(end)) == ("deny", ["gate_failed"])
    assert world.caller.sent == []


# The intent.


@pytest.mark.promise("an_intent_stands_before_a_call")
@pytest.mark.parametrize("effect", EFFECTS)
async def test_the_intent_stands_before_the_request_leaves(effect: Effect) -> None:
    tool = known_tool("files.act", effect=effect, approve="never")
    world = World(tool)
    seen: list[list[str]] = []

    async def look(_: Sent) -> None:
        seen.append(world.states())

    world.caller.before_answer = look
    await world.carry(tool, {"path": "/a"})
    assert seen == [["intended"]]
    (intent,) = [commit for commit in world.journal.commits if "intended" in [c.state for c in commit.changes]]  # type: ignore[union-attr]
    assert intent.durable == (effect != "read")
    assert [event.type for event in intent.events] == ["call.decided", "call.started"]
    assert [entry.type for entry in intent.entries] == ["decision"]


@pytest.mark.promise("an_intent_stands_before_a_call")
@pytest.mark.parametrize("tool", [READ, WRITE, ASKING], ids=_ids)
async def test_nothing_is_sent_when_the_intent_cannot_be_written(tool: KnownTool) -> None:
    world = World(answer=YES)
    world.journal.fail_on_state = "intended"
    with pytest.raises(JournalError):
        await world.carry(tool)
    assert world.caller.sent == []


async def test_a_refusal_that_cannot_be_written_is_an_error() -> None:
    world = World()
    world.journal.fail = JournalError("the disk is full")
    with pytest.raises(JournalError):
        await world.carry("nothing__here")


async def test_each_leg_of_a_call_is_counted() -> None:
    world = World()
    with anyio.fail_after(5):
        await world.gateway().carry(proposal(READ), legs=2)
    assert world.journal.rows["call_1"].legs == 3


# Asking.


async def test_nobody_to_ask_means_no() -> None:
    world = World()
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, codes(end)) == ("ask", "denied", ["refused"])
    assert world.caller.sent == []
    assert world.told() == ["approval.requested", "approval.resolved", "call.decided", "call.completed"]
    assert world.journal.approvals["call_1"].status == "denied"


async def test_the_note_of_a_refusal_is_told_without_hidden_characters() -> None:
    world = World(answer=Answered(False, by="cli:bob", note="not on a Friday\x1b[2J"))
    end = await world.carry(ASKING)
    assert "not on a Friday\\x1b[2J" in end.result.text


@pytest.mark.promise("an_approval_is_used_once")
async def test_a_yes_is_used_in_the_transaction_of_the_intent() -> None:
    world = World(answer=YES)
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, end.approval) == ("ask", "succeeded", "terminal:alice")
    (intent,) = [commit for commit in world.journal.commits if len(commit.changes) == 2 and commit.durable]
    assert [type(change).__name__ for change in intent.changes] == ["CallChange", "ApprovalChange"]
    assert world.journal.approvals["call_1"].status == "used"
    assert [entry.type for entry in world.journal.entries] == ["approval", "approval", "decision", "outcome"]


@pytest.mark.promise("a_wait_is_judged_again")
@pytest.mark.parametrize(
    ("health", "code"),
    [
        (Health("ready", "changed"), "pin_changed"),
        (Health("ready", "relisting"), "relisting"),
        (Health("failed", "pinned", "it died"), "server_failed"),
        (Health("ready", walls=("network: host, declared none",)), "walls_differ"),
    ],
)
async def test_what_changed_while_a_person_thought_refuses(health: Health, code: str) -> None:
    world = World(answer=YES)
    world.approver.meanwhile = lambda: world.directory.healths.update({ASKING.ref: health})
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, codes(end)) == ("ask", "denied", [code])
    assert world.caller.sent == []
    assert world.journal.approvals["call_1"].status == "approved", "the yes was not used"


@pytest.mark.promise("a_wait_is_judged_again")
async def test_a_link_that_moved_while_a_person_thought_refuses() -> None:
    tool = known_tool(
        "files.put", effect="write", approve="always", schema=SCHEMA, arguments={"path": {"path_within": ["/repo"]}}
    )
    world = World(tool, answer=YES)
    world.approver.meanwhile = lambda: world.directory.links.update({"/repo/a": "/etc/a"})
    assert codes(await world.carry(tool, {"path": "/repo/a"})) == ["path_outside"]
    assert world.caller.sent == []


async def test_a_yes_that_came_after_its_time_is_not_used() -> None:
    world = World(answer=YES)

    def later() -> None:
        world.now += 200

    world.approver.meanwhile = later
    assert codes(await world.carry(ASKING)) == ["expired"]
    assert world.caller.sent == []


async def test_the_first_of_two_answers_counts() -> None:
    """Asked at this terminal, denied from another one meanwhile: the yes here comes too late."""
    world = World(answer=YES)

    def deny_elsewhere() -> None:
        known = world.journal.approvals["call_1"]
        world.journal.approvals["call_1"] = replace(known, status="denied", by="cli:bob")

    world.approver.meanwhile = deny_elsewhere
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, codes(end)) == ("ask", "denied", ["refused"])
    assert "cli:bob" in end.result.text
    assert world.caller.sent == []


async def test_a_parked_call_is_not_decided_yet() -> None:
    world = World(answer=Parked())
    end = await world.carry(ASKING)
    assert (end.parked, end.outcome) == (True, None)
    assert world.states() == ["waiting"]
    assert world.told() == ["approval.requested"]


async def test_asks_that_were_authorised_beforehand_ask_nobody() -> None:
    world = World(scope=Scope(preapproved=("files.rem*",)))
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, end.approval) == ("ask", "succeeded", "flag:--approve")
    assert world.approver.asked == []
    assert "approval.resolved" in world.told()


async def test_an_authorisation_beforehand_opens_no_other_gate() -> None:
    tool = known_tool("files.put", effect="write", schema=SCHEMA, arguments={"path": {"path_within": ["/repo"]}})
    world = World(tool, scope=Scope(agent_tools=("other.*",), preapproved=("*",)))
    assert codes(await world.carry_another(tool, {"path": "/etc/passwd"})) == ["unknown_tool"]
    world.scope = Scope(preapproved=("*",))
    assert codes(await world.carry_another(tool, {"path": "/etc/passwd"})) == ["path_outside"]


# An approval that stands already: the run waited and was resumed.


def waiting(world: World, approval: Approval) -> None:
    world.journal.states["call_1"] = "waiting"
    world.journal.approvals["call_1"] = approval


async def test_an_answer_from_elsewhere_is_taken_up() -> None:
    world = World()
    waiting(world, Approval(world.request(ASKING), "approved", "cli:bob"))
    end = await world.carry(ASKING)
    assert (end.outcome, end.approval) == ("succeeded", "cli:bob")
    assert world.approver.asked == []
    (told,) = [event for event in world.journal.events if event.type == "approval.resolved"]
    assert (told.data["granted"], told.data["by"]) == (True, "cli:bob")


async def test_a_denial_from_elsewhere_is_taken_up_with_its_note() -> None:
    world = World(answer=YES)
    waiting(world, Approval(world.request(ASKING), "denied", "cli:bob", "too late"))
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome) == ("ask", "denied")
    assert "cli:bob" in end.result.text and "too late" in end.result.text
    assert world.approver.asked == []


async def test_an_open_question_is_not_asked_twice() -> None:
    world = World(answer=Parked())
    waiting(world, Approval(world.request(ASKING), "pending"))
    assert (await world.carry(ASKING)).parked
    assert (world.journal.commits, [asked.approval_id for asked in world.approver.asked]) == ([], ["apr_1"])


@pytest.mark.parametrize("status", ["pending", "approved"])
async def test_an_approval_past_its_time_is_refused_and_ends_expired(status: Any) -> None:
    world = World(answer=YES)
    waiting(world, Approval(world.request(ASKING, expires=world.now), status, None))
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, codes(end)) == ("ask", "denied", ["expired"])
    assert world.journal.approvals["call_1"].status == "expired"
    assert (world.approver.asked, world.caller.sent) == ([], [])


@pytest.mark.promise("an_approval_fits_one_call")
@pytest.mark.parametrize(
    "change",
    [
        lambda world: setattr(world, "policy", "policy-2"),
        lambda world: world.directory.tools.update(
            {ASKING.ref.model_name: replace(ASKING, pin="sha256:" + "0" * 64)}  # accepted anew meanwhile
        ),
    ],
)
async def test_an_approval_of_something_else_is_asked_again(change: Callable[[World], None]) -> None:
    world = World(answer=Parked())
    waiting(world, Approval(world.request(ASKING), "approved", "cli:bob"))
    change(world)
    assert (await world.carry(ASKING)).parked
    assert [asked.approval_id for asked in world.approver.asked] != ["apr_1"]
    assert world.journal.approvals["call_1"].status == "pending"
    assert world.caller.sent == []


@pytest.mark.promise("an_approval_is_used_once")
async def test_a_call_that_is_made_again_needs_a_yes_of_its_own() -> None:
    """A person said that it did not happen, so it is proposed again; the yes of the first time is spent."""
    world = World(answer=Parked())
    world.journal.approvals["call_1"] = Approval(world.request(ASKING), "used", "cli:bob")
    end = await world.carry(ASKING)
    assert (end.parked, len(world.approver.asked)) == (True, 1)
    assert world.caller.sent == []


async def test_an_ask_that_a_gate_ends_on_resuming_still_counts_as_an_ask() -> None:
    world = World()
    waiting(world, Approval(world.request(ASKING), "approved", "cli:bob"))
    world.directory.healths[ASKING.ref] = Health("ready", "changed")
    end = await world.carry(ASKING)
    assert (end.decision, end.outcome, codes(end)) == ("ask", "denied", ["pin_changed"])


# How it ends.


@pytest.mark.promise("a_lost_answer_is_in_doubt")
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("sent", [True, False])
async def test_a_server_that_fails_leaves_doubt_only_where_something_may_have_happened(
    effect: Effect, sent: bool
) -> None:
    tool = known_tool("files.act", effect=effect, approve="never")
    world = World(tool)
    world.caller.queue.append(ServerError("no answer within 1 s\x1b", sent=sent))
    end = await world.carry(tool)
    doubt = sent and effect != "read"
    assert end.outcome == ("in_doubt" if doubt else "failed")
    assert ("Do not repeat it" in end.result.text) == doubt
    assert "\x1b" not in end.result.text
    assert world.states() == ["intended", end.outcome]


@pytest.mark.promise("a_lost_answer_is_in_doubt")
@pytest.mark.parametrize("tool", [READ, WRITE], ids=_ids)
async def test_a_fault_of_our_own_while_a_request_is_out_leaves_doubt(tool: KnownTool) -> None:
    world = World()

    async def stumble(_: Sent) -> None:
        raise ZeroDivisionError

    world.caller.before_answer = stumble
    end = await world.carry(tool)
    assert end.outcome == ("failed" if tool is READ else "in_doubt")


@pytest.mark.promise("a_lost_answer_is_in_doubt")
@pytest.mark.parametrize(("tool", "outcome"), [(READ, "failed"), (WRITE, "in_doubt"), (ASKING, "in_doubt")], ids=_ids)
async def test_a_cancelled_call_is_settled_before_it_ends(tool: KnownTool, outcome: str) -> None:
    world = World(answer=YES)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:

            async def leave(_: Sent) -> None:
                group.cancel_scope.cancel()
                await anyio.sleep_forever()

            world.caller.before_answer = leave
            group.start_soon(world.gateway().carry, proposal(tool))
    assert world.journal.states["call_1"] == outcome
    (told,) = [event for event in world.journal.events if event.type == "call.completed"]
    assert (told.data["outcome"], told.data["decision"]) == (outcome, "ask" if tool is ASKING else "allow")


async def test_a_call_that_was_cancelled_before_it_left_is_no_doubt() -> None:
    world = World()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            commit = world.journal.commit

            async def leave_after(*changes: Any, **more: Any) -> None:
                await commit(*changes, **more)
                group.cancel_scope.cancel()

            world.journal.commit = leave_after  # type: ignore[method-assign]
            group.start_soon(world.gateway().carry, proposal(WRITE))
    assert world.caller.sent == []
    assert world.journal.states["call_1"] == "failed"


@pytest.mark.promise("a_server_asks_in_vain")
async def test_an_input_request_is_denied_and_names_its_server() -> None:
    world = World()
    world.caller.queue.append(RawResult([], input_required={"requestState": "opaque"}))
    end = await world.carry(WRITE)
    assert (end.outcome, codes(end)) == ("denied", ["input_request_denied"])
    assert "server files" in end.result.text
    assert "opaque" not in end.result.text


async def test_an_error_of_the_tool_is_a_failure_that_the_model_reads() -> None:
    world = World()
    world.caller.queue.append(RawResult([{"type": "text", "text": "no such file\u202e"}], is_error=True))
    end = await world.carry(READ)
    assert (end.outcome, end.result.is_error, end.result.text) == ("failed", True, "no such file\\u202e")


async def test_a_result_beyond_its_limit_is_withheld_and_fails() -> None:
    tool = known_tool("files.read_file", result_bytes=100)
    world = World(tool)
    world.caller.queue.append(RawResult([{"type": "text", "text": "x" * 200}]))
    end = await world.carry(tool)
    assert (end.outcome, codes(end)) == ("failed", ["result_too_large"])
    assert "xxx" not in end.result.text


async def test_structured_content_is_held_against_the_pinned_schema() -> None:
    schema: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tool = known_tool("files.count", output_schema=schema)
    world = World(tool)
    good = RawResult([{"type": "text", "text": "3"}], {"n": 3}, has_structured=True)
    bad = RawResult([{"type": "text", "text": "3"}], {"n": "3"}, has_structured=True)
    world.caller.queue.extend([good, bad])
    first, second = await world.carry_another(tool, {}), await world.carry_another(tool, {})
    assert (first.outcome, first.result.structured) == ("succeeded", {"n": 3})
    assert (second.outcome, codes(second)) == ("failed", ["structured_invalid"])


async def test_a_result_that_cannot_be_processed_fails_and_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(execution_module, "finish", crash)
    world = World()
    end = await world.carry(WRITE)
    assert (end.outcome, codes(end)) == ("failed", ["result_unusable"])
    assert world.states() == ["intended", "failed"]


# What is said about it.


async def test_events_and_entries_carry_the_ids_of_their_call() -> None:
    world = World(answer=YES)
    with anyio.fail_after(5):
        await world.gateway().carry(proposal(ASKING, turn=3), span_id="a" * 16)
    for said in (*world.journal.events, *world.journal.entries):
        assert said.run_id == "run_1"
        assert said.ids["call_id"] == "call_1"
        assert said.ids["turn_id"] == "run_1.3"
        assert (said.ids["span_id"], said.ids["trace_id"]) == ("a" * 16, "1" * 32)


@pytest.mark.promise("no_value_stands_in_the_record")
async def test_entries_hold_arguments_and_results_only_as_contents() -> None:
    world = World(answer=Answered(True, by="x", note="note-31337"))
    world.caller.queue.append(RawResult([{"type": "text", "text": "result-31337"}]))
    await world.carry(ASKING, {"path": "argument-31337"})
    assert world.journal.entries
    for entry in world.journal.entries:
        assert "31337" not in str(entry.body)
    assert {name for entry in world.journal.entries for name in entry.contents} == {"arguments", "note", "result"}


async def test_what_is_judged_is_what_is_sent() -> None:
    """Keys in another order and 1.0 for 1 are the same call; the canonical form goes out."""
    world = World(answer=YES)
    await world.carry(ASKING, {"b": 1.0, "a": "é"})
    (sent,) = world.caller.sent
    assert repr(sent.arguments) == "{'a': 'é', 'b': 1}"
    assert world.journal.approvals["call_1"].request.arguments == sent.arguments


async def test_allow_is_never_said_without_all_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    class Spy:
        def __init__(self, name: str) -> None:
            self.name = name

        def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
            judged.append(self.name)
            return Allow()

    monkeypatch.setattr(gateway_module, "GATES_ON_THE_NAME", (Spy("a"), Spy("b")))
    monkeypatch.setattr(gateway_module, "GATES_ON_THE_VALUE", (Spy("c"), Spy("d")))
    await World().carry(READ)
    assert judged == ["a", "b", "c", "d"]


async def test_an_outcome_keeps_what_was_escaped_as_it_was_sent_and_nothing_else_twice() -> None:
    world = World()
    for said, kept in (("a\x1b[2Kb", {"content": [{"kind": "text", "text": "a\x1b[2Kb"}]}), ("plain", None)):
        world.caller.answer = RawResult([{"type": "text", "text": said}])
        await world.carry_another(READ, {"path": "a"})
        (outcome,) = [entry for entry in world.journal.entries if entry.type == "outcome"]
        assert outcome.contents.get("raw") == kept
        assert "\x1b" not in str(outcome.contents["result"])
        assert "\x1b" not in str(outcome.body)
