from typing import Any

import pytest

from context.decisions import Allow, Ask, Deny
from tests.fakes.gateway import evidence, proposal
from tests.tool_gateway.provenance.world import PAY, READ_FILE, SEND, Run
from tool_gateway.gates.task_scope import RULE, TaskScopeGate
from tool_gateway.interface import KnownTool, Scope
from tool_gateway.provenance.evidence import Means, TaskScope

MAIL_ONLY = TaskScope({SEND.ref: "send"})


def _decide(tool: KnownTool, run: Run, **changes: Any) -> Any:
    return TaskScopeGate().judge(proposal(tool), evidence(tool, provenance=run.knowledge.evidence(), **changes))


def _run(task: TaskScope | None = MAIL_ONLY, **changes: Any) -> Run:
    run = Run("Send it", **changes)
    run.knowledge.task(task)
    return run


@pytest.mark.promise("scope_follows_from_the_task")
def test_an_effect_outside_the_task_is_one_minor_ask() -> None:
    decision = _decide(PAY, _run())
    assert isinstance(decision, Ask)
    assert decision.minor
    assert decision.rules == (RULE,)
    assert "bank.pay" in decision.reasons[0].text


@pytest.mark.parametrize(
    ("tool", "run", "changes"),
    [
        (SEND, _run(), {}),
        (READ_FILE, _run(), {}),
        (PAY, _run(None), {}),
        (PAY, _run(means=Means(task_scope=False)), {}),
        (PAY, _run(mode="off"), {}),
        (PAY, _run(), {"granted": frozenset({RULE})}),
        (PAY, _run(), {"scope": Scope(preapproved=("bank.*",))}),
        (PAY, _run(), {"scope": Scope(run_tools=("bank.pay",))}),
        (PAY, _run().endorse("files.read=>bank.pay:amount"), {}),
    ],
)
def test_what_belongs_to_the_task_or_widens_it_is_allowed(tool: KnownTool, run: Run, changes: Any) -> None:
    assert isinstance(_decide(tool, run, **changes), Allow)


@pytest.mark.promise("scope_follows_from_the_task")
def test_everything_is_no_tool_that_somebody_named() -> None:
    assert isinstance(_decide(PAY, _run(), scope=Scope(run_tools=("*",))), Ask)
    assert isinstance(_decide(PAY, _run(), scope=Scope(run_tools=("*.*",))), Ask)


@pytest.mark.promise("scope_follows_from_the_task")
def test_a_run_of_which_nothing_is_known_has_no_effects() -> None:
    assert isinstance(TaskScopeGate().judge(proposal(PAY), evidence(PAY, provenance=None)), Deny)
    assert isinstance(TaskScopeGate().judge(proposal(READ_FILE), evidence(READ_FILE, provenance=None)), Allow)
    assert isinstance(TaskScopeGate().judge(proposal("x"), evidence(None)), Deny)
