"""Fifty rules as a project writes them: most about one tool, some about a group of them, a few about every call.

Decides: nothing that is measured. Of the tools that they name only those of a benchmark exist.
"""

from collections.abc import Iterable, Iterator

from tool_gateway.interface import KnownTool
from tool_gateway.policy.catalogue import tool_shapes
from tool_gateway.policy.cedar import CedarEngine
from tool_gateway.policy.shipped_set import load_with_shipped

COUNT = 50

_EVERY_CALL = (
    # About every call, so that each call is asked about them.
    ("ask", "resource is Tool", 'context.tainted && context.effect == "external_write" && !context.attended'),
    ("", "resource is Tool", 'context.effect == "destructive" && !(principal in Role::"operator")'),
    ("", "resource is Tool", 'resource has owner && resource.owner == "nobody"'),
    ("ask", "resource is Tool", 'context.effect == "external_write" && (context.weekday > 5 || context.hour < 6)'),
    ("", "resource is Tool", "context.budget has cents && context.budget.cents < 0"),
    # About groups of tools.
    ("", 'resource in ToolGroup::"outbound"', 'context.labels.contains("secret") || context.labels.contains("salary")'),
    ("ask", 'resource in ToolGroup::"payouts"', "context.tainted"),
    ("", 'resource in ToolGroup::"payouts"', 'principal.user != User::"alice"'),
    ("", 'resource in ToolGroup::"production"', 'context.untrusted.contains("host")'),
    ("ask", 'resource in Server::"crm"', 'context.effect != "read"'),
    # About the tool that the gates are measured with, where there is one.
    ("ask", 'resource == Tool::"git.change"', "context.arguments has count && context.arguments.count > 500"),
    ("", 'resource == Tool::"git.change"', 'context.arguments.branch like "release/*"'),
    ("ask", 'resource == Tool::"git.change"', 'context.arguments has mode && context.arguments.mode == "force"'),
)
_OTHERS = (
    "context.arguments has amount && context.arguments.amount > 500",
    'context.arguments has to && context.arguments.to like "*@competitor.example"',
    "context.arguments has limit && context.arguments.limit > 1000",
    'context.arguments has folder && !(context.arguments.folder like "/shared/*")',
)


def engine(tools: Iterable[KnownTool] = ()) -> CedarEngine:
    """The shipped rules and these, checked against `tools`."""
    return load_with_shipped({"bench.cedar": "\n".join(_rules())}, tools=tool_shapes(tools))


def _rules() -> Iterator[str]:
    for number, (effect, scope, condition) in enumerate(_EVERY_CALL):
        yield _rule(number, effect, scope, condition)
    for number in range(len(_EVERY_CALL), COUNT):
        scope = f'resource == Tool::"server{number % 9}.tool{number}"'
        yield _rule(number, "ask" if number % 2 else "", scope, _OTHERS[number % len(_OTHERS)])


def _rule(number: int, effect: str, scope: str, condition: str) -> str:
    note = f'@effect("{effect}") ' if effect else ""
    return f'@id("rule{number}") {note}forbid (principal, action == Action::"call", {scope})\nwhen {{ {condition} }};'
