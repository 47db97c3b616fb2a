"""A small invented office for these tests: its tools, and a run that reads and then wants to do something."""

import json
from typing import Any

from context.calls import CallResult
from context.decisions import Decision
from context.json_values import JsonObject, JsonValue
from context.labels import TRUSTED, UNTRUSTED, Label
from context.messages import Text
from tests.fakes.gateway import evidence, known_tool, proposal
from tool_gateway.gates.provenance import ProvenanceGate
from tool_gateway.interface import CardValue, KnownTool
from tool_gateway.provenance.card_values import card_values
from tool_gateway.provenance.endorsements import parse_endorsement
from tool_gateway.provenance.evidence import Means, ProvenanceMode
from tool_gateway.provenance.judgement import JudgedLeaf, judge
from tool_gateway.provenance.knowledge import RunKnowledge


def texts(*names: str) -> JsonObject:
    """A schema of text arguments."""
    return schema({name: {"type": "string"} for name in names})


def schema(properties: dict[str, Any]) -> JsonObject:
    return {"type": "object", "properties": properties, "additionalProperties": False}


READ_MAIL = known_tool("mail.read", schema=texts("mail_id"))
READ_FILE = known_tool("files.read", schema=texts("path"))
LIST_FILES = known_tool("files.list", schema=texts("folder"))
FIND_EVENTS = known_tool("calendar.search", schema=texts("query"))
FETCH = known_tool("web.fetch", schema=schema({"url": {"type": "string"}, "page": {"type": "integer"}}))
CONTACTS = known_tool("contacts.find", schema=texts("name"))
SEND = known_tool(
    "mail.send",
    effect="external_write",
    schema=schema(
        {
            "to": {"type": "array", "items": {"type": "string"}},
            "subject": {"type": "string"},
            "body": {"type": "string"},
            "attachment": {"type": "string"},
            "urgent": {"type": "boolean", "default": False},
        }
    ),
)
PAY = known_tool(
    "bank.pay",
    effect="external_write",
    schema=schema(
        {
            "iban": {"type": "string"},
            "amount": {"type": "number"},
            "memo": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "recurring": {"type": "boolean"},
        }
    ),
)
BOOK = known_tool(
    "calendar.create",
    effect="write",
    schema=schema(
        {
            "title": {"type": "string"},
            "start_time": {"type": "string"},
            "end_time": {"type": "string"},
            "participants": {"type": "array", "items": {"type": "string"}},
            "priority": {"type": "string", "enum": ["low", "high", "very_high"]},
            "color": {"type": "string", "const": "blue"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50},
        }
    ),
)
CANCEL = known_tool("calendar.delete", effect="destructive", schema=texts("event_id"))
OPEN_ENDED = known_tool(
    "crm.update",
    effect="write",
    schema=schema({"record": {"type": "object", "additionalProperties": {"type": "string"}}}),
)
TOOLS = (READ_MAIL, READ_FILE, LIST_FILES, FIND_EVENTS, FETCH, CONTACTS, SEND, PAY, BOOK, CANCEL, OPEN_ENDED)


class Run:
    """A run in which the user has spoken. Reading anything untrusted taints it."""

    def __init__(
        self,
        said: str = "",
        *,
        mode: ProvenanceMode = "strict",
        means: Means | None = None,
        own_values: bool = False,
    ) -> None:
        self.knowledge = RunKnowledge(mode, means=means, own_values=own_values)
        if said:
            self.knowledge.user_said(said)
        self._calls = 0

    def read(
        self,
        tool: KnownTool,
        text: str = "",
        *,
        data: JsonValue = None,
        arguments: JsonObject | None = None,
        label: Label = UNTRUSTED,
    ) -> "Run":
        """A result, as text or as structure."""
        self._calls += 1
        shown = text or ("" if data is None else json.dumps(data))
        result = CallResult((Text(shown),), data, label=label)
        self.knowledge.returned(f"call_{self._calls}", tool.ref, arguments or {}, label, result)
        return self

    def trusted(self, tool: KnownTool, text: str = "", *, data: JsonValue = None, secret: bool = False) -> "Run":
        return self.read(tool, text, data=data, label=Label("trusted", frozenset({"pii"})) if secret else TRUSTED)

    def endorse(self, *grants: str) -> "Run":
        for text in grants:
            self.knowledge.grant(parse_endorsement(text, TOOLS))
        return self

    def leaves(self, tool: KnownTool, arguments: JsonObject) -> dict[str, JudgedLeaf]:
        return {one.leaf.path: one for one in judge(tool, arguments, self.knowledge.evidence()).all()}

    def verdict(self, tool: KnownTool, arguments: JsonObject, path: str) -> str:
        return self.leaves(tool, arguments)[path].verdict

    def cause(self, tool: KnownTool, arguments: JsonObject, path: str) -> str | None:
        return self.leaves(tool, arguments)[path].cause

    def decide(self, tool: KnownTool, arguments: JsonObject, **changes: Any) -> Decision:
        known = evidence(tool, provenance=self.knowledge.evidence(), **changes)
        return ProvenanceGate().judge(proposal(tool, arguments), known)

    def card(self, tool: KnownTool, arguments: JsonObject) -> dict[str, CardValue]:
        known = evidence(tool, provenance=self.knowledge.evidence())
        return {value.path: value for value in card_values(proposal(tool, arguments), known)}
