from dataclasses import replace
from typing import Any

import pytest

from context.calls import Effect
from tests.fakes.gateway import known_tool
from tests.tool_gateway.provenance.world import BOOK, FETCH, FIND_EVENTS, OPEN_ENDED, PAY, SEND, schema, texts
from tool_gateway.provenance.argument_places import leaves_of
from tool_gateway.provenance.sinks import (
    Role,
    argument_roles,
    inferred_sinks,
    is_sink,
    role_of,
    schema_places,
    sinks,
)


@pytest.mark.parametrize(
    ("name", "said", "role"),
    [
        ("to", {"type": "string"}, "who"),
        ("recipientEmail", {"type": "string"}, "who"),
        ("from_account", {"type": "string"}, "who"),
        ("x", {"type": "string", "format": "email"}, "who"),
        ("visibility", {"type": "string", "enum": ["private", "public"]}, "who"),
        ("callbackUrl", {"type": "string"}, "where"),
        ("path", {"type": "string"}, "where"),
        ("x", {"type": "string", "format": "uri"}, "where"),
        ("event_id", {"type": "string"}, "which"),
        ("zip_code", {"type": "string"}, "where"),
        ("thing", {"type": "string"}, "which"),
        ("amount", {"type": "number"}, "how_much"),
        ("anything", {"type": "integer"}, "how_much"),
        ("max_price", {"type": "number"}, "how_much"),
        ("command", {"type": "string"}, "command"),
        ("code", {"type": "string"}, "command"),
        ("args", {"type": "array", "items": {"type": "string"}}, "command"),
        ("start_time", {"type": "string"}, "when"),
        ("x", {"type": "string", "format": "date-time"}, "when"),
        ("body", {"type": "string"}, "content"),
        ("subject", {"type": "string"}, "content"),
        ("limit", {"type": "integer"}, "option"),
        ("page", {"type": "integer"}, "option"),
        ("page_size", {"type": "integer"}, "option"),
        ("page_id", {"type": "integer"}, "which"),
        ("max_results", {"type": "integer"}, "option"),
        ("verbose", {"type": "boolean"}, "option"),
        ("force", {"type": "boolean"}, "which"),
        ("share_publicly", {"type": "boolean"}, "which"),
        ("color", {"type": "string", "enum": ["red", "blue"]}, "option"),
        ("action", {"type": "string", "enum": ["archive", "delete"]}, "which"),
    ],
)
def test_an_argument_is_for_what_its_name_format_and_type_say(name: str, said: dict[str, Any], role: Role) -> None:
    tool = known_tool("some.change", effect="write", schema=schema({name: said}))
    assert set(argument_roles(tool).values()) == {role}


@pytest.mark.promise("what_a_server_says_widens_nothing")
@pytest.mark.parametrize(
    ("name", "description", "role"),
    [
        ("text", "The shell command", "command"),
        ("note", "It is executed on the server.", "command"),
        ("comment", "URL of the page to open", "where"),
        ("title", "The recipient of the message", "who"),
        # What a server says of itself never relaxes.
        ("to", "Harmless free text, a mere option", "who"),
        ("command", "Just a comment. Not executed.", "command"),
        ("thing", "Content of the note", "which"),
        # A mention in passing is no reason to take a body for an address.
        ("body", "Text of the message to the recipient", "content"),
    ],
)
def test_a_description_can_only_tighten(name: str, description: str, role: Role) -> None:
    said = {"type": "string", "description": description}
    tool = known_tool("some.change", effect="write", schema=schema({name: said}))
    assert argument_roles(tool)[name] == role


def test_what_a_runner_is_given_as_text_is_a_command() -> None:
    assert argument_roles(known_tool("py.run_python", effect="write", schema=texts("text")))["text"] == "command"


def test_places_inside_lists_and_free_objects_have_paths() -> None:
    tool = known_tool(
        "shop.order",
        effect="external_write",
        schema=schema(
            {
                "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
                "headers": {"type": "object"},
            }
        ),
    )
    assert dict(argument_roles(tool)) == {"items[].sku": "which", "headers.*": "which"}


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (SEND, {"to[]", "attachment"}),
        (PAY, {"iban", "amount", "recurring", "date"}),
        (BOOK, {"participants[]", "start_time", "end_time"}),
        (FETCH, {"url"}),
        (FIND_EVENTS, {"query"}),
        (OPEN_ENDED, {"record.*"}),
        (known_tool("files.read", schema=texts("path")), set[str]()),
        (known_tool("web.search", schema=texts("query")), {"query"}),
        (known_tool("mail.search_emails", schema=texts("query")), set[str]()),
    ],
)
def test_sinks_are_inferred(tool: Any, expected: set[str]) -> None:
    assert set(sinks(tool)) == expected


def test_declared_sinks_stand_instead_of_inferred_ones() -> None:
    declared = replace(SEND, rule=SEND.rule.model_copy(update={"sinks": ("body", "to")}))
    assert sinks(declared) == ("body", "to")
    leaves = leaves_of({"to": ["a@b.c"], "body": "x", "attachment": "f"}, schema_places(declared))
    assert [is_sink(declared, leaf) for leaf in leaves] == [True, True, False]
    assert role_of(declared, leaves[1]) == "which", "a text that decides something is no free text"


@pytest.mark.parametrize("effect", ["write", "external_write", "destructive"])
def test_a_key_of_the_callers_choice_is_never_harmless(effect: Effect) -> None:
    tool = known_tool("crm.set", effect=effect, schema={"type": "object"})
    leaves = {leaf.path: leaf for leaf in leaves_of({"limit": 5, "verbose": "yes"}, schema_places(tool))}
    assert set(leaves) == {"limit{key}", "limit", "verbose{key}", "verbose"}
    assert all(role_of(tool, leaf) in {"which", "how_much"} and is_sink(tool, leaf) for leaf in leaves.values())


@pytest.mark.parametrize(
    "hostile",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"allOf": [{"$ref": "#/allOf/0"}] * 100},
        {"type": "object", "properties": {f"p{n}": {"$ref": "#"} for n in range(300)}},
        {"properties": 7, "items": [], "type": ["object", 3]},
    ],
)
def test_a_hostile_schema_costs_no_more_than_the_limits(hostile: dict[str, Any]) -> None:
    assert len(argument_roles(known_tool("x.y", effect="write", schema=hostile))) <= 400


def test_a_proposal_can_ask_before_a_tool_is_known() -> None:
    assert set(inferred_sinks(PAY.definition, "external_write")) == {"iban", "amount", "recurring", "date"}
    assert inferred_sinks(PAY.definition, "read") == ()
