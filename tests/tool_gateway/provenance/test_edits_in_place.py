"""A text that is edited where it was read is passed on to nobody; the same text to somebody else is."""

from context.calls import CallResult, ToolRef
from context.json_values import JsonObject
from context.labels import UNTRUSTED
from context.messages import Text
from tests.fakes.gateway import known_tool
from tool_gateway.provenance.judgement import judge
from tool_gateway.provenance.knowledge import RunKnowledge

TEXTS: JsonObject = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("path", "oldText", "newText", "to", "body")},
}
EDIT = known_tool("files.edit_file", effect="write", schema=TEXTS)
SEND = known_tool("mail.send", effect="external_write", schema=TEXTS)
CODE = (
    "def total(prices): return sum(prices) of the whole cart\ndef discount(cents, rate): return int(cents times rate)"
)
LINE = "def discount(cents, rate): return int(cents times rate)"


def reading(path: str) -> RunKnowledge:
    knowledge = RunKnowledge("strict")
    knowledge.user_said("Mend the rounding in /repo/cart.py and tell anna@example.com about your work")
    result = CallResult((Text(CODE),), label=UNTRUSTED)
    knowledge.returned("call_1", ToolRef("files", "read"), {"path": path}, UNTRUSTED, result)
    return knowledge


def causes(tool, knowledge: RunKnowledge, **arguments: str) -> set[str | None]:
    return {judged.cause for judged in judge(tool, dict(arguments), knowledge.evidence()).asking()}


def test_what_stood_in_a_file_may_be_edited_in_that_file():
    edit = {"path": "/repo/cart.py", "oldText": LINE, "newText": LINE.replace("int", "round")}
    assert causes(EDIT, reading("/repo/cart.py"), **edit) == set()


def test_what_stood_in_another_file_is_passed_on():
    edit = {"path": "/repo/cart.py", "oldText": "x", "newText": LINE}
    assert "passed-on-text" in causes(EDIT, reading("/repo/other.py"), **edit)


def test_what_stood_in_a_file_and_goes_to_a_person_is_passed_on():
    knowledge = reading("/repo/notes.txt")
    assert "passed-on-text" in causes(SEND, knowledge, to="anna@example.com", body=LINE)
