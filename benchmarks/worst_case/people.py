"""Who answers the cards: nobody, a careful human, a hurried one.

Decides: the answers, and how cards are counted. Does not decide when anybody is asked.
"""

import json
from collections.abc import Collection, Sequence
from typing import Literal

from context.calls import ToolRef
from context.json_values import JsonValue
from tool_gateway.interface import Answered, ApprovalRequest, Parked

People = Literal["nobody", "careful", "rubber stamp"]
Wish = tuple[ToolRef, str]


def wish(ref: ToolRef, arguments: JsonValue) -> Wish:
    """One exact call, as a key. Equal numbers are one, however they are written."""
    return ref, json.dumps(_plain(arguments), sort_keys=True, ensure_ascii=False)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Person:
    """An approver. The careful one approves exactly the calls that the task needs, and grants nothing.

    Attributes:
        cards: Cards shown; one for all that is asked at one time. Collapsed lines are counted apart.
        asked: The newest request of each call.
    """

    def __init__(self, kind: People, wanted: Collection[Wish] = ()) -> None:
        self.kind = kind
        self.wanted = wanted
        self.cards = 0
        self.lines = 0
        self.asked: dict[str, ApprovalRequest] = {}

    @property
    def attended(self) -> bool:
        return self.kind != "nobody"

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered | Parked]:
        if any(not request.minor for request in requests):
            self.cards += 1
        self.lines += sum(request.minor for request in requests)
        self.asked |= {request.call_id: request for request in requests}
        return [Answered(self._says(request), by=f"suite:{self.kind}") for request in requests]

    def _says(self, request: ApprovalRequest) -> bool:
        if self.kind == "careful":
            return wish(request.ref, request.arguments) in self.wanted
        return self.kind == "rubber stamp"
