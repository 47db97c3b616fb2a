"""Every set of rules that cannot be used says in which file, on which line, and what was probably meant."""

import pytest

from context.errors import ConfigError
from tests.tool_gateway.policy.worlds import TEXT, TOOLS, shape
from tool_gateway.policy.faults import PolicyFault
from tool_gateway.policy.shipped_set import SHIPPED_RULES, load_with_shipped, shipped_schema

CALL = 'principal, action == Action::"call", resource'
PAY = f'{CALL} == Tool::"bank.pay"'


def fault(text: str, schema: str | None = None) -> str:
    with pytest.raises(PolicyFault) as raised:
        load_with_shipped({"policies/own.cedar": text}, schema, tools=TOOLS, schema_name="policies/schema.cedarschema")
    assert isinstance(raised.value, ConfigError)
    assert raised.value.exit_code == 2
    return str(raised.value)


@pytest.mark.promise("without_rules_nothing_starts")
@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        # Not Cedar.
        (f'// a\n@id("a")\nforbid ({CALL})\nwhen {{ context.tainted == }};', 4, "unexpected token `}`"),
        ('@id("a")\npermit (principal, action resource);', 2, "unexpected token `resource`"),
        ('@id("a")\npermit (principal,\naction, resource)', 3, "End the policy with `;`"),
        ('@id("a") permit (principal, action, resource); "', 1, "not Cedar"),
        (f'@id("a")\nforbid ({CALL})\nwhen {{\n context.labels.contain("x") }};', 4, "The nearest is `contains`"),
        (f'@id("a")\nforbid ({CALL})\nwhen {{\n contxt.tainted }};', 4, "The nearest is `context`"),
        ("nonsense;", 1, "not Cedar"),
        # Ids and annotations.
        ("\n\npermit (principal, action, resource);", 3, "without `@id`"),
        ('@ids("a") permit (principal, action, resource);', 1, "is `@ids` meant?"),
        ('@id("a b") permit (principal, action, resource);', 1, "is no id"),
        ('@id("a") permit (principal, action, resource);\n@id("a") permit (principal, action, resource);', 2,
         "own.cedar:1"),
        ('@id("gatehost-permit-call")\nforbid (principal, action, resource);', 1, "rules that ship"),
        ('@id("a")\n@efect("ask")\nforbid (principal, action, resource);', 2, "The nearest is `effect`"),
        ('@id("a") @aprovers("x") @effect("ask") forbid (principal, action, resource);', 1, "nearest is `approvers`"),
        ('@id("a")\n@effect("aks")\nforbid (principal, action, resource);', 2, "The nearest is `ask`"),
        ('@id("a") @effect("ask") permit (principal, action, resource);', 1, "stands on a permit"),
        ('@id("a") @effect("deny") permit (principal, action, resource);', 1, "stands on a permit"),
        ('@id("a") @approvers("x") forbid (principal, action, resource);', 1, '@effect("ask")'),
        ('@id("a") @effect("ask") @approvers("x,,y") forbid (principal, action, resource);', 1, "a role has"),
        ('@id("a") @effect("ask") @approvers("") forbid (principal, action, resource);', 1, "a role has"),
        ('@id("a")\npermit (principal == ?principal, action, resource);', 2, "template (`?principal`)"),
        # Types.
        (f'@id("a")\nforbid ({CALL})\nwhen {{\n context.lables.contains("x") }};', 4, "The nearest is `labels`"),
        ('@id("a")\nforbid (principal, action == Action::"cal", resource);', 2, "The nearest is `call`"),
        ('@id("a")\nforbid (principal, action,\n resource is Tol);', 3, "The nearest is `Tool`"),
        (f'@id("a")\nforbid ({CALL} is Model);', 1, "no action goes with its scope"),
        (f'@id("a")\nforbid ({CALL} is Tool)\nwhen {{ resource.efect == "read" }};', 3, "The nearest is `effect`"),
        (f'@id("a")\nforbid ({CALL} is Tool)\nwhen {{ resource.effect == "raed" }};', 3, "The nearest is `read`"),
        ('@id("a") forbid (principal, action == Action::"send", resource)\nwhen { resource.location == "claud" };', 2,
         "The nearest is `cloud`"),
        (f'@id("a") forbid ({CALL}) when {{ context.budget.turns < 3 }};', 1, "`context.budget has turns && …`"),
        (f'@id("a") forbid ({CALL}) when {{ context.time == "now" }};', 1, "policy `a`"),
        # Arguments, held against the tools' own schemas.
        (f'@id("a")\nforbid ({PAY})\nwhen {{\n context.arguments.amuont > 5 }};', 4, "The nearest is `amount`"),
        (f'@id("a")\nforbid ({PAY})\nwhen {{ context.arguments has amuont && context.arguments.amuont > 5 }};', 3,
         "The nearest is `amount`"),
        (f'@id("a")\nforbid ({PAY})\nwhen {{ context.arguments has order && context.arguments.order has totl }};', 3,
         "The nearest is `total`"),
        (f'@id("a")\nforbid ({CALL})\nwhen {{ context.arguments.amount > 5 }};', 3, "is no argument of"),
        (f'@id("a")\nforbid ({PAY})\nwhen {{ context.arguments.note == "x" }};', 3,
         "`context.arguments has note && …`"),
        (f'@id("a") forbid ({PAY}) when {{ context.arguments.to > 4 }};', 1, "expected Long but saw String"),
        (f'@id("a") forbid ({PAY}) when {{ context.arguments.amount > context.time }};', 1, "is a decimal"),
        (f'@id("a") forbid ({PAY}) when {{ context.arguments.cc == "x" }};', 1, "it may have several types"),
        ('@id("a")\nforbid (principal, action, resource)\nwhen { context.arguments has to };', 3, "Only a call has"),
        # What would bring the parser down.
        (f'@id("a") forbid ({CALL}) when {{ {"(" * 2000}true{")" * 2000} }};', 1, "more than"),
        (f'@id("a") forbid ({CALL}) when {{ {"!(" * 60}true{")" * 60} }};', 1, "nested deeper than 50"),
        (f'@id("a") forbid ({CALL}) when {{ {"true && " * 20000}true }};', 1, "more than"),
        (f'@id("a") forbid ({CALL}) when {{ {"true && " * 300}true }};', 1, "not Cedar"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_told_with_file_line_and_nearest_name(text: str, line: int, said: str) -> None:
    message = fault(text)
    assert message.startswith(f"policies/own.cedar:{line}: "), message
    assert said in message


@pytest.mark.promise("without_rules_nothing_starts")
@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("[Role]", "[Rolle]"), ":7", "The nearest is `Role`"),
        (("entity User;", "entity User"), ":7", "unexpected token"),
        (("  tainted: Bool,\n", ""), "", "does not fit what rules are asked"),
        (('action "send"', 'action "sned"'), "", "does not fit"),
        (("{ user: User }", "{ user: User, team: String }"), "", "does not fit"),
        (("type Arguments = {};", ""), "", "declares no `type Arguments"),
        (("type Budget", "type X = " + "Set<" * 5000 + "Long" + ">" * 5000 + ";\ntype Budget"), "", "nested deeper"),
    ],
)
def test_a_wrong_schema_is_told(change: tuple[str, str], line: str, said: str) -> None:
    message = fault('@id("a") permit (principal, action, resource);', shipped_schema().replace(*change))
    assert message.startswith(f"policies/schema.cedarschema{line}: ") or not line, message
    assert "policies/schema.cedarschema" in message
    assert said in message


def test_a_schema_without_arguments_to_complete_is_refused() -> None:
    text = shipped_schema().replace("type Arguments = {};", "").replace("arguments: Arguments", "arguments: {}")
    assert "type Arguments" in fault('@id("a") permit (principal, action, resource);', text)


def test_all_faults_are_found_at_once() -> None:
    text = (
        '@id("a") forbid (principal, action, resource is Tol);\n@id("b") forbid (principal, action, resource is Modl);'
    )
    with pytest.raises(PolicyFault) as raised:
        load_with_shipped({"b.cedar": text, "a.cedar": "permit (principal, action, resource);"})
    assert [(found.file, found.line) for found in raised.value.faults] == [("a.cedar", 1)]
    with pytest.raises(PolicyFault) as raised:
        load_with_shipped({"b.cedar": text})
    assert [(found.line, found.policy) for found in raised.value.faults] == [(1, "a"), (2, "b")]
    assert "(1 more; `gatehost policy check` lists all)" in str(raised.value)


@pytest.mark.promise("shipped_rules_stay")
def test_no_file_of_a_project_can_stand_in_for_the_shipped_rules() -> None:
    with pytest.raises(PolicyFault):
        load_with_shipped({SHIPPED_RULES: '@id("a") permit (principal, action, resource);'})


def test_hidden_characters_of_a_policy_are_shown_as_escapes() -> None:
    assert "\\u202e" in fault('@id("a\u202e") permit (principal, action, resource);')
    assert "\u202e" not in fault('@id("a") @x\u202e("b") permit (principal, action, resource);')


def test_semicolons_in_texts_and_comments_end_nothing() -> None:
    text = """// first; permit (
    @id("a") @reason("x; // y \\" ;") forbid (principal, action == Action::"call", resource) // ; "
    when { context.labels.contains(";//") };
    // last"""
    own = load_with_shipped({"a.cedar": text}).rulebook.policies["a"]
    assert (own.statement.line, own.reason) == (2, 'x; // y " ;')


def test_a_rule_about_tools_that_are_not_here_is_only_held_against_what_is_known() -> None:
    text = f'@id("a")\nforbid ({CALL} == Tool::"shop.buy") when {{ context.arguments.n > 3 }};'
    assert "a" in load_with_shipped({"a.cedar": text}, tools=TOOLS).rulebook.policies
    unaccepted = shape("shop.buy", known=False, n=TEXT)
    assert "a" in load_with_shipped({"a.cedar": text}, tools=[unaccepted]).rulebook.policies
    assert "The nearest is `tainted`" in fault(text.replace("context.arguments.n > 3", "context.tanted"))
    with pytest.raises(PolicyFault):
        load_with_shipped({"a.cedar": text}, tools=[shape("shop.buy", n=TEXT)])
