"""The tools that rules are checked against, as far as a policy needs to know them.

Decides: the shape. Does not decide which tools there are (configuration and lock).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from context.calls import ToolRef
from context.json_values import JsonObject
from tool_gateway.interface import KnownTool
from tool_gateway.policy.question import ToolResource


@dataclass(frozen=True, slots=True)
class ToolShape:
    """One tool.

    Attributes:
        input_schema: As accepted; None where the tool was never accepted, so that nobody knows its arguments.
    """

    resource: ToolResource
    input_schema: JsonObject | None = field(default=None, hash=False)

    @property
    def ref(self) -> ToolRef:
        return self.resource.ref


def tool_resource(tool: KnownTool) -> ToolResource:
    """A listed tool as rules speak about it."""
    return ToolResource(tool.ref, tool.rule.effect, tool.owner, frozenset(tool.rule.groups))


def tool_shapes(tools: Iterable[KnownTool]) -> tuple[ToolShape, ...]:
    """The tools of a run; one without a pin was never accepted."""
    return tuple(ToolShape(tool_resource(tool), tool.definition.input_schema if tool.pin else None) for tool in tools)
