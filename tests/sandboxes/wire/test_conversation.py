"""Which messages of a server reach the SDK, and what becomes of the others."""

from typing import Any

import pytest

from sandboxes.interface import WireCounts
from sandboxes.wire.conversation import ANSWER_REFUSED, Conversation
from sandboxes.wire.decoder import Answer, Fault, WireLimits

LIST_CHANGED: Any = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
MESSAGE: Any = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}


class Talk:
    """A conversation with a clock that is turned by hand."""

    def __init__(self, **limits: Any) -> None:
        self.now = 1000.0
        self.counts = WireCounts()
        self.schemas: dict[str, Any] = {}
        self.conversation = Conversation(
            server="git",
            counts=self.counts,
            output_schemas=self.schemas,
            limits=WireLimits(**limits),
            clock=lambda: self.now,
        )

    def ask(self, request_id: Any = 1, method: str = "tools/call", **params: Any) -> None:
        self.conversation.sent(request_id=request_id, method=method, params=params)

    def hear(self, message: Any) -> Any:
        return self.conversation.received(message)

    def answer(self, request_id: Any = 1, **result: Any) -> Any:
        return self.hear({"jsonrpc": "2.0", "id": request_id, "result": result})

    def handshake(self) -> None:
        self.ask(0, "initialize")
        assert self.answer(0, protocolVersion="2025-11-25")


def test_an_answer_reaches_its_request_once() -> None:
    talk = Talk()
    talk.ask()
    assert talk.answer(v=1)
    assert talk.answer(v=2) is None
    assert talk.counts.dropped_messages == 1
    assert "answered request" in talk.counts.last_fault


@pytest.mark.parametrize(("asked", "given"), [(1, "1"), ("1", 1), (1, 2), ("a", "b")])
def test_an_answer_with_another_id_or_another_type_is_never_delivered(asked: Any, given: Any) -> None:
    talk = Talk()
    talk.ask(asked)
    assert talk.answer(given) is None
    assert talk.counts.dropped_messages == 1
    assert talk.answer(asked)


def test_an_answer_after_cancellation_is_dropped_and_said_to_be_late() -> None:
    talk = Talk()
    talk.ask()
    talk.conversation.sent(request_id=None, method="notifications/cancelled", params={"requestId": 1})
    assert talk.answer() is None
    assert "cancelled request" in talk.counts.last_fault


def test_a_refused_answer_becomes_an_error_that_names_server_and_reason() -> None:
    talk = Talk()
    talk.ask(7)
    error = talk.hear(Fault("a line is longer than 4 MiB, the limit on one message", True, Answer(7)))
    assert error["id"] == 7
    assert error["error"]["code"] == ANSWER_REFUSED
    assert "git" in error["error"]["message"]
    assert "4 MiB" in error["error"]["message"]
    assert talk.answer(7) is None


def test_a_refused_answer_without_an_id_fails_a_request_only_when_one_alone_is_open() -> None:
    talk = Talk()
    talk.ask(1)
    talk.ask(2)
    assert talk.hear(Fault("too long", True, Answer(None))) is None
    assert talk.answer(1)
    assert talk.hear(Fault("too long", True, Answer(None)))["id"] == 2


def test_a_refused_line_that_answers_nothing_open_only_counts() -> None:
    talk = Talk()
    talk.ask(1)
    assert talk.hear(Fault("too long", True, Answer(9))) is None
    assert talk.hear(Fault("too long", True, Answer("1"))) is None
    assert talk.hear(Fault("not JSON", False)) is None
    assert (talk.counts.dropped_messages, talk.counts.skipped_lines) == (2, 1)


def test_progress_passes_only_with_the_token_of_an_open_request() -> None:
    talk = Talk()
    talk.ask(5, _meta={"progressToken": 5})

    def progress(token: Any) -> Any:
        params = {"progressToken": token, "progress": 1}
        return talk.hear({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})

    assert progress(5)
    assert [progress(token) for token in ("5", 6, None, True, 5.0, [5])] == [None] * 6
    talk.answer(5)
    assert progress(5) is None


def test_a_request_of_the_server_waits_for_the_handshake() -> None:
    talk = Talk()
    request = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage"}
    assert talk.hear(request) is None
    talk.handshake()
    assert talk.hear(request)


def test_requests_of_the_server_are_bounded_and_their_ids_not_reused_while_open() -> None:
    talk = Talk(open_requests=2)
    talk.handshake()

    def request(request_id: Any) -> Any:
        return talk.hear({"jsonrpc": "2.0", "id": request_id, "method": "roots/list"})

    assert request(1)
    assert request("1") is None
    assert request(2)
    assert request(3) is None
    talk.conversation.sent(request_id=1, method=None, params=None)
    assert request(3)


def test_a_storm_of_list_changes_is_one_notice_until_the_list_was_read_again() -> None:
    talk = Talk()
    assert [talk.hear(LIST_CHANGED) is not None for _ in range(1000)].count(True) == 1
    talk.now += 10
    talk.ask(2, "tools/list")
    assert talk.hear(LIST_CHANGED)
    assert talk.hear(LIST_CHANGED) is None


def test_a_change_right_after_the_list_was_read_is_held_back_but_never_lost() -> None:
    talk = Talk(relist_seconds=0.2)
    assert talk.hear(LIST_CHANGED)
    talk.ask(2, "tools/list")
    assert talk.hear(LIST_CHANGED) is None
    assert talk.conversation.due() == []
    assert talk.conversation.next_due() == pytest.approx(0.2)
    talk.now += 0.2
    assert talk.conversation.due() == [LIST_CHANGED]
    assert talk.conversation.next_due() is None


def test_another_page_of_a_listing_does_not_count_as_reading_it_again() -> None:
    talk = Talk()
    assert talk.hear(LIST_CHANGED)
    talk.now += 10
    talk.ask(2, "tools/list", cursor="page 2")
    assert talk.hear(LIST_CHANGED) is None


def test_notifications_beyond_the_rate_are_dropped_and_the_rate_recovers() -> None:
    talk = Talk(unasked_per_second=10)
    assert sum(talk.hear(MESSAGE) is not None for _ in range(1000)) == 20
    talk.now += 1
    assert sum(talk.hear(MESSAGE) is not None for _ in range(1000)) == 10
    assert talk.counts.dropped_messages == 1970


def test_a_flood_makes_reading_pause() -> None:
    talk = Talk(noise_per_second=100)
    for _ in range(100):
        talk.hear(Fault("not JSON", False))
    assert talk.conversation.pause() == 0
    for _ in range(200):
        talk.hear(Fault("not JSON", False))
    assert talk.conversation.pause() == pytest.approx(3)
    talk.now += 3.5
    assert talk.conversation.pause() == 0


def test_an_acknowledgement_needs_its_subscription() -> None:
    talk = Talk()

    def acknowledge(request_id: Any) -> Any:
        params = {"_meta": {"io.modelcontextprotocol/subscriptionId": request_id}}
        return talk.hear({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params})

    talk.ask("listen-1", "subscriptions/listen")
    assert acknowledge("listen-2") is None
    assert acknowledge("listen-1")


def test_output_schemas_are_removed_and_kept_aside() -> None:
    talk = Talk()
    talk.ask(1, "tools/list")
    schema = {"type": "object", "properties": {"v": {"pattern": "^(a+)+$"}}}
    listed = talk.answer(tools=[{"name": "t", "inputSchema": {"type": "object"}, "outputSchema": schema}])
    assert listed["result"]["tools"] == [{"name": "t", "inputSchema": {"type": "object"}}]
    assert talk.schemas == {"t": schema}
    talk.ask(2, "tools/list")
    talk.answer(2, tools=[])
    assert talk.schemas == {}


def test_a_name_on_a_later_page_of_the_same_listing_is_dropped() -> None:
    talk = Talk()
    tool = {"name": "t", "inputSchema": {"type": "object"}}
    talk.ask(1, "tools/list")
    talk.answer(1, tools=[tool], nextCursor="2")
    talk.ask(2, "tools/list", cursor="2")
    assert talk.answer(2, tools=[tool, {**tool, "name": "u"}])["result"]["tools"] == [{**tool, "name": "u"}]
    talk.ask(3, "tools/list")
    assert talk.answer(3, tools=[tool])["result"]["tools"] == [tool]


@pytest.mark.parametrize("result", [{}, {"tools": {}}, {"tools": [{}] * 20}, {"tools": [], "nextCursor": 1}])
def test_a_listing_that_is_none_fails_its_caller_at_once(result: Any) -> None:
    talk = Talk(listed_tools=10)
    talk.ask(1, "tools/list")
    assert talk.answer(1, **result)["error"]["code"] == ANSWER_REFUSED


def test_what_is_remembered_is_bounded() -> None:
    talk = Talk()
    for number in range(5000):
        talk.ask(number, "tools/list", cursor=str(number))
        talk.answer(number, tools=[{"name": f"bad {number}"}], nextCursor=f"{number + 1}")
        talk.ask(100000 + number)
    inside = talk.conversation
    assert len(inside._open) <= 1024
    assert len(inside._settled) <= 1024
    assert len(inside._pages) <= 64
    assert len(talk.counts.dropped_tools) <= 256


def test_what_a_server_asks_is_counted_by_method_and_methods_of_its_own_together() -> None:
    talk = Talk()
    talk.handshake()
    for number, method in enumerate(["roots/list", "sampling/createMessage", "roots/list", "ping", "a", "b" * 999]):
        talk.hear({"jsonrpc": "2.0", "id": number, "method": method})
    assert talk.counts.asked == {"roots/list": 2, "sampling/createMessage": 1, "another method": 2}
    assert talk.counts.dropped == {}


def test_what_is_dropped_is_counted_by_kind_without_the_servers_words() -> None:
    talk = Talk()
    talk.handshake()
    talk.ask(1)
    talk.answer(1)
    for given in (1, 1, "secret", "other", 7):
        talk.answer(given)
    talk.ask(2)
    talk.answer("2")
    talk.conversation.sent(request_id=None, method="notifications/cancelled", params={"requestId": 2})
    talk.answer(2)
    talk.hear(Fault("too long", True, None))
    talk.hear(Fault("not JSON", False, None))
    assert talk.counts.dropped == {
        "an answer to an answered request": 2,
        "an answer to an unknown request": 3,
        "an answer with an id of another type": 1,
        "an answer to a cancelled request": 1,
        "a malformed message": 1,
    }
    assert sum(talk.counts.dropped.values()) == talk.counts.dropped_messages
    assert (talk.counts.last_dropped, talk.counts.last_fault) == ("too long", "not JSON")


def test_however_much_is_dropped_the_kinds_are_few() -> None:
    talk = Talk()
    for number in range(2000):
        talk.answer(f"id {number}")
        talk.hear({"jsonrpc": "2.0", "id": f"{number}", "method": f"method {number}"})
        talk.hear({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": number}})
        if number == 1000:
            talk.handshake()
    assert len(talk.counts.dropped) <= 6
    assert talk.counts.asked == {"another method": 2000}
