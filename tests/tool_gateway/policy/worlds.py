"""Tools, people and questions that the policy tests share."""

from typing import Any

from context.calls import Effect, ToolRef
from context.json_values import JsonObject
from tool_gateway.policy.catalogue import ToolShape
from tool_gateway.policy.question import ModelResource, PolicyQuestion, Principal, ToolResource

ALICE = Principal("default", "alice", frozenset({"developer"}))
TEXT: JsonObject = {"type": "string"}


def shape(
    address: str,
    effect: Effect = "read",
    *groups: str,
    required: tuple[str, ...] = (),
    known: bool = True,
    **properties: Any,
) -> ToolShape:
    """A listed tool; its properties are all its input schema says."""
    server, _, tool = address.partition(".")
    resource = ToolResource(ToolRef(server, tool), effect, None, frozenset(groups))
    schema: JsonObject = {"type": "object", "properties": properties, "required": list(required)}
    return ToolShape(resource, schema if known else None)


PAY = shape(
    "bank.pay",
    "external_write",
    "payouts",
    required=("amount", "to"),
    amount={"type": "number"},
    to=TEXT,
    note={"anyOf": [TEXT, {"type": "null"}]},
    order={"type": "object", "properties": {"total": {"type": "integer"}, "lines": {"type": "array", "items": TEXT}}},
    urgent={"type": "boolean"},
    cc={"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
)
STATUS = shape("git.status", "read", "git", required=("path",), path=TEXT)
DELETE = shape("files.delete", "destructive", required=("path",), path=TEXT)
TOOLS = (PAY, STATUS, DELETE)
CLOUD = ModelResource("big", "openai_chat", "cloud")
LOCAL = ModelResource("small", "openai_chat", "local")


def call(tool: ToolShape, arguments: JsonObject | None = None, **facts: Any) -> PolicyQuestion:
    return PolicyQuestion("call", facts.pop("principal", ALICE), tool.resource, arguments or {}, **facts)


def send(model: ModelResource, *labels: str, **facts: Any) -> PolicyQuestion:
    return PolicyQuestion("send", ALICE, model, labels=frozenset(labels), **facts)
