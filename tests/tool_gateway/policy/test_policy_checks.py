"""What `policy check` warns of: rules that are well-formed and still cannot be meant so."""

import pytest

from tests.tool_gateway.policy.worlds import TOOLS, shape
from tool_gateway.policy.cedar import load
from tool_gateway.policy.checks import KnownNames, coverage, unpermitted, warnings_of
from tool_gateway.policy.shipped_set import load_with_shipped, shipped_schema

KNOWN = KnownNames(
    agents=frozenset({"default"}),
    models=frozenset({"small"}),
    roles=frozenset({"finance", "developer"}),
    people=frozenset({"finance"}),
    labels=frozenset({"salary"}),
)
CALL = 'principal, action == Action::"call", resource'


def warnings(text: str) -> list[str]:
    rulebook = load_with_shipped({"own.cedar": text}, tools=TOOLS).rulebook
    return [fault.sentence() for fault in warnings_of(rulebook, KNOWN)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'@id("a")\nforbid ({CALL} == Tool::"bank.pya");',
         "own.cedar:2: policy `a`: there is no tool `bank.pya`. The nearest is `bank.pay`"),
        (f'@id("a") forbid ({CALL} in Server::"bnak");', "no server `bnak`. The nearest is `bank`"),
        (f'@id("a") forbid ({CALL} in ToolGroup::"payout");', "no group of tools `payout`. The nearest is `payouts`"),
        ('@id("a") forbid (principal == Agent::"defualt", action, resource);', "no agent `defualt`"),
        ('@id("a") forbid (principal in Role::"finances", action, resource);', "no role `finances`"),
        ('@id("a") forbid (principal, action == Action::"send", resource == Model::"smal");', "no model `smal`"),
        ('@id("a") forbid (principal, action, resource) when { context.labels.contains("pi") };',
         "no label `pi`. The nearest is `pii`"),
        ('@id("a") forbid (principal, action, resource) unless { context.approved.contains("b") };',
         "no rule that asks `b`"),
        ('@id("a") @effect("ask") @approvers("developer") forbid (principal, action, resource);',
         "nobody has the role `developer`"),
        (f'@id("a") forbid ({CALL} is Tool) when {{ context.tainted && resource is Model }};', "can never apply"),
        (f'@id("a") forbid ({CALL} is Tool) when {{ principal in Server::"bank" }};', "can never apply"),
        (f'@id("a") forbid ({CALL} is Tool) when {{ context.tainted }} unless {{ true }};', "can never apply"),
        (f'@id("a") forbid ({CALL} == Tool::"bank.pay") when {{ context.arguments has cc }};',
         "may have several types"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_matter_is_named(text: str, said: str) -> None:
    found = warnings(text)
    assert any(said in line for line in found), found


def test_good_rules_give_no_warning() -> None:
    assert (
        warnings(f"""
    @id("a") @effect("ask") @approvers("finance,nobody") forbid ({CALL} == Tool::"bank.pay")
    when {{ context.arguments.amount > 5 && context.labels.contains("salary") }};
    @id("b") forbid ({CALL} in ToolGroup::"git") unless {{ context.approved.contains("a") }};
    @id("c") forbid ({CALL}) when {{ context.arguments has path && context.arguments.path like "/etc*" }};
    """)
        == []
    )


def test_tools_that_no_rule_speaks_about_or_permits_are_known() -> None:
    text = f'@id("a") forbid ({CALL} in ToolGroup::"payouts");'
    rulebook = load_with_shipped({"own.cedar": text}, tools=TOOLS).rulebook
    assert coverage(rulebook) == {"bank.pay": ("a",), "git.status": (), "files.delete": ()}
    assert unpermitted(rulebook) == []
    narrow = f'@id("a") permit ({CALL} in Server::"git");'
    alone = load({"own.cedar": narrow}, shipped_schema(), tools=[*TOOLS, shape("x.y")]).rulebook
    assert unpermitted(alone) == ["bank.pay", "files.delete", "x.y"]
