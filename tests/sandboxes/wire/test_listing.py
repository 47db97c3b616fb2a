"""Which tools of a listing exist for us."""

from typing import Any

import pytest

from sandboxes.wire.listing import RepairedPage, repair_page

GOOD: Any = {"name": "good", "inputSchema": {"type": "object"}}


def repaired(*tools: Any, earlier: frozenset[str] = frozenset()) -> RepairedPage:
    page = repair_page({"tools": list(tools)}, earlier=earlier, limit=100)
    assert isinstance(page, RepairedPage)
    return page


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"name": "x"}, "inputSchema"),
        ({"name": "x", "inputSchema": {}}, "inputSchema"),
        ({"name": "x", "inputSchema": {"type": "array"}}, "inputSchema"),
        ({"name": "x", "inputSchema": {"type": "object", "properties": []}}, "properties"),
        ({"name": "x", "inputSchema": {"type": "object", "required": "a"}}, "required"),
        ({**GOOD, "name": "x", "outputSchema": True}, "outputSchema"),
        ({**GOOD, "name": "x", "annotations": {"readOnlyHint": "true"}}, "readOnlyHint"),
        ({**GOOD, "name": "x", "annotations": {"destructiveHint": 0}}, "destructiveHint"),
        ({**GOOD, "name": "x", "annotations": {"title": 1}}, "title"),
        ({**GOOD, "name": "x", "annotations": []}, "annotations"),
        ({**GOOD, "name": "x", "description": 1}, "description"),
        ({**GOOD, "name": "x", "title": []}, "title"),
        ({**GOOD, "name": "a/b"}, "name"),
        ({**GOOD, "name": "x\n"}, "name"),
        ({**GOOD, "name": "\u0435cho"}, "name"),
        ({**GOOD, "name": "x" * 129}, "name"),
        ({**GOOD, "name": ""}, "name"),
        ({**GOOD, "name": 7}, "name"),
        ("text", "object"),
    ],
)
def test_a_malformed_tool_is_dropped_with_its_reason_and_hides_no_other(broken: Any, why: str) -> None:
    page = repaired(broken, GOOD)
    assert page.result["tools"] == [GOOD]
    assert [why in reason for reason in page.dropped.values()] == [True]
    assert all(name.isprintable() and len(name) <= 128 for name in page.dropped)


def test_of_two_tools_of_one_name_none_is_taken() -> None:
    page = repaired(GOOD, {**GOOD, "name": "twice"}, {**GOOD, "name": "twice", "description": "other"})
    assert page.names == {"good"}
    assert page.dropped == {"twice": "its name is listed twice"}


def test_only_what_a_host_needs_is_kept() -> None:
    page = repaired({**GOOD, "icons": 5, "_meta": "x", "execution": [], "description": None, "annotations": {"x": 1}})
    assert page.result["tools"] == [{**GOOD, "annotations": {"x": 1}}]


def test_the_sdk_takes_every_repaired_page() -> None:
    from mcp_types import ListToolsResult

    page = repaired({**GOOD, "icons": 5, "_meta": "x", "execution": []}, {"name": "b"}, GOOD | {"name": "c"})
    assert [tool.name for tool in ListToolsResult.model_validate(page.result).tools] == ["good", "c"]
