"""Chat Completions over a real HTTP connection: what is sent, what is made of answers, and every fault on the way."""

import json
import logging
import socket
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat_answer import CALL_LIMIT, ChatAnswer, TooManyCalls
from adapters.chat_request import request_body, wire_messages
from adapters.foreign_json import NoJsonObject, read_object
from adapters.http_requests import HttpLimits
from adapters.interface import (
    CallReady,
    Completed,
    ModelEvent,
    ModelSettings,
    OfferedTool,
    Retrying,
    TextDelta,
    Usage,
    View,
)
from adapters.openai_chat import OpenAIChat
from adapters.provider_faults import wait_asked_for
from context.calls import ToolDefinition
from context.errors import ConfigError, ModelError
from context.messages import Image, Message, Part, Role, Text, ToolCall, ToolResult
from tests.wire.openai_chat_server import (
    DONE,
    KEY,
    MODEL,
    ChatServer,
    Hold,
    Proposed,
    Reply,
    byte_by_byte,
    chunk,
    cut_before_anything,
    cut_in_a_call,
    cut_in_the_text,
    error_inside_200,
    error_inside_stream,
    event,
    hundred_megabytes,
    never_ends,
    only_alive,
    out_of_quota,
    page_of_html,
    proposes,
    rate_limited,
    refuses,
    reply,
    says,
    whole_call_without_an_end,
)

LOG = OfferedTool("git__git_log", ToolDefinition("git_log", "Shows the log", {"type": "object", "properties": {}}))
IMAGE = Image("image/png", "iVBORw0KGgo=")
HELLO = View(messages=(Message("m1", "user", (Text("Hello"),)),))


class Waits:
    """Stands in for the clock: waits are noted, none is waited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def message(role: Role, *parts: Part) -> Message:
    return Message(f"m{id(parts)}", role, parts)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@asynccontextmanager
async def model(server: ChatServer, **changes: Any) -> AsyncGenerator[OpenAIChat, None]:
    options = {name: changes.pop(name) for name in ("limits", "sleep") if name in changes}
    options.setdefault("sleep", Waits())
    table = {"name": "small", "adapter": "openai_chat", "model": server.model, "base_url": server.base_url}
    adapter = OpenAIChat(ModelSettings(**{**table, "key": KEY, **changes}), **options)
    try:
        yield adapter
    finally:
        await adapter.aclose()


async def heard(server: ChatServer, view: View = HELLO, **changes: Any) -> list[ModelEvent]:
    with anyio.fail_after(20):
        async with model(server, **changes) as adapter, aclosing(adapter.stream(view)) as events:
            return [event async for event in events]


async def failed(server: ChatServer, view: View = HELLO, **changes: Any) -> tuple[ModelError, list[ModelEvent]]:
    """The error that the stream ends with, and what it said before."""
    before: list[ModelEvent] = []
    with anyio.fail_after(20):
        async with model(server, **changes) as adapter, aclosing(adapter.stream(view)) as events:
            with pytest.raises(ModelError) as caught:
                async for one in events:
                    before.append(one)
    assert str(caught.value).startswith("model small (127.0.0.1:")
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r} {before!r}"
    assert not any(isinstance(one, CallReady | Completed) for one in before)
    return caught.value, before


def text_of(events: Sequence[ModelEvent]) -> str:
    return "".join(one.text for one in events if isinstance(one, TextDelta))


def calls_of(events: Sequence[ModelEvent]) -> list[CallReady]:
    return [one for one in events if isinstance(one, CallReady)]


def retries_of(events: Sequence[ModelEvent]) -> list[Retrying]:
    return [one for one in events if isinstance(one, Retrying)]


# What is sent


async def test_the_request_asks_for_a_stream_with_usage_and_carries_the_key(server: ChatServer):
    server.queue(says("Hi"))
    await heard(server)
    [request] = server.received
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_without_a_key_no_authorisation_is_sent():
    with ChatServer(says("Hi"), key=None) as server:
        await heard(server, key=None)
        assert "authorization" not in server.received[0].headers


def test_tools_schema_and_limit_stand_in_the_body():
    bare = OfferedTool("time__now", ToolDefinition("now"))
    schema: Any = {"type": "object", "properties": {"n": {"type": "integer"}}}
    body: Any = request_body(
        View(HELLO.messages, (LOG, bare), schema=schema, max_output_tokens=900), model="x", limit_key="max_tokens"
    )
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "git__git_log",
                "description": "Shows the log",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
        },
        {
            "type": "function",
            "function": {"name": "time__now", "parameters": {"type": "object", "properties": {}}, "strict": False},
        },
    ]
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": False},
    }
    assert body["max_tokens"] == 900
    assert "parallel_tool_calls" not in body


def test_a_conversation_is_written_in_the_order_that_the_wire_wants():
    view = View(
        system="Rules.",
        messages=(
            message("user", Text("Look: "), IMAGE),
            message(
                "assistant",
                Text("I look."),
                ToolCall("call_a", "p1", "git__git_log", {"path": "ä"}),
                ToolCall("call_b", "p2", "git__git_show", {}),
            ),
            message("tool", ToolResult("call_a", "p1", "git__git_log", (Text("a1b2"), IMAGE))),
            message("tool", ToolResult("call_b", "p2", "git__git_show", (Text("no such commit"),), is_error=True)),
            message("assistant", Text("Done.")),
        ),
    )
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    assert wire_messages(view) == [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": [{"type": "text", "text": "Look: "}, picture]},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "p1", "type": "function", "function": {"name": "git__git_log", "arguments": '{"path": "ä"}'}},
                {"id": "p2", "type": "function", "function": {"name": "git__git_show", "arguments": "{}"}},
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "p1",
            "content": "a1b2\n(1 image of this result: see the message after the results)",
        },
        {"role": "tool", "tool_call_id": "p2", "content": "The call failed: no such commit"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Images that the tool git__git_log returned, as data:"}, picture],
        },
        {"role": "assistant", "content": "Done."},
    ]


def test_repeated_empty_and_unusable_ids_are_echoed_apart_and_matched():
    ids = ["same", "same", "", "x" * 41, "a b", "fine"]
    calls = [ToolCall(f"call_{n}", own, "t", {}) for n, own in enumerate(ids)]
    results = [ToolResult(call.call_id, call.provider_id, "t", (Text(call.call_id),)) for call in calls]
    wire: Any = wire_messages(View(messages=(message("assistant", *calls), message("tool", *results))))
    sent = [call["id"] for call in wire[0]["tool_calls"]]
    assert sent == ["same", "call_1", "call_2", "call_3", "call_4", "fine"]
    assert [(result["tool_call_id"], result["content"]) for result in wire[1:]] == [
        (sent[n], f"call_{n}") for n in range(len(ids))
    ]


def test_a_broken_call_is_echoed_so_that_no_provider_stumbles_over_it():
    wire: Any = wire_messages(
        View(messages=(message("assistant", ToolCall("c1", "p1", "sh ell\n;rm", None, '{"path": ')),))
    )
    [call] = wire[0]["tool_calls"]
    assert call["function"]["name"] == "sh_ell__rm"
    assert json.loads(call["function"]["arguments"]) == {"malformed": '{"path": '}
    assert wire[0]["content"] is None


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.evil.example/v1", "max_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
    ],
)
def test_only_openai_itself_is_sent_the_new_name_of_the_limit(base_url: str, name: str):
    adapter = OpenAIChat(ModelSettings("m", "openai_chat", "x", base_url=base_url))
    assert adapter._limit_key == name  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("ending", ["", "/"])
async def test_a_slash_at_the_end_of_the_address_changes_nothing(server: ChatServer, ending: str):
    server.queue(says("Hi"))
    assert text_of(await heard(server, base_url=server.base_url + ending)) == "Hi"


# What is made of a good answer


async def test_usage_holds_cached_and_reasoning_tokens(server: ChatServer):
    server.queue(says("Hi"))
    assert (await heard(server))[-1] == Completed("end", f"{MODEL}-2026", Usage(120, 30, 100, 7))


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": "3"}, {"prompt_tokens": -1}, {"prompt_tokens": True, "completion_tokens": 2**60}],
)
async def test_usage_that_says_nothing_is_unknown(server: ChatServer, usage: Any):
    server.queue(says("Hi", usage=usage))
    assert (await heard(server))[-1] == Completed("end", f"{MODEL}-2026", None)


async def test_interleaved_pieces_of_parallel_calls_are_put_together_by_index(server: ChatServer):
    calls = [Proposed(f"t{n}", {"text": f"value {n} " * 3}, f"id{n}") for n in range(4)]
    server.queue(proposes(*calls, interleaved=True))
    assert calls_of(await heard(server)) == [
        CallReady(f"id{n}", f"t{n}", {"text": f"value {n} " * 3}) for n in range(4)
    ]


async def test_calls_come_in_the_order_of_their_index(server: ChatServer):
    deltas = [{"index": n, "id": f"id{n}", "function": {"name": f"t{n}", "arguments": "{}"}} for n in (2, 0, 1)]
    server.queue(reply(chunk({"tool_calls": deltas}), chunk({}, "tool_calls"), DONE))
    assert [call.name for call in calls_of(await heard(server))] == ["t0", "t1", "t2"]


def piece(arguments: Any, **fields: Any) -> dict[str, Any]:
    """One delta of a call; `name` goes where the wire has it."""
    name = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**name, "arguments": arguments}}


@pytest.mark.parametrize(
    "deltas",
    [
        [piece('{"n": 1}', id="a", name="t"), piece('{"n": 2}', id="b", name="t")],
        [piece('{"n": 1}', index=0, id="a", name="t"), piece('{"n": 2}', index=0, id="b", name="t")],
        [piece({"n": 1}, index=0, id="a", name="t"), piece({"n": 2}, index=1, id="b", name="t")],
        [
            piece('{"n"', index=0, id="a", name="t"),
            piece(": 1}", index=0, id="a", name="t"),
            piece('{"n": 2}', index=1, id="b", name="t"),
        ],
        [piece('{"n"', id="a", name="t"), piece(": 1}"), piece('{"n": 2}', id="b", name="t")],
    ],
    ids=["no index", "index always 0", "arguments as objects", "name repeated", "no index, in pieces"],
)
async def test_dialects_of_compatible_servers_give_the_same_two_calls(server: ChatServer, deltas: Any):
    server.queue(reply(*(chunk({"tool_calls": [delta]}) for delta in deltas), chunk({}, "tool_calls"), DONE))
    assert calls_of(await heard(server)) == [CallReady("a", "t", {"n": 1}), CallReady("b", "t", {"n": 2})]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [("stop", "end"), ("length", "length"), ("content_filter", "refusal"), ("eos", "end"), ("tool_calls", "end")],
)
async def test_reasons_to_stop_are_translated(server: ChatServer, finish: str, stop: str):
    server.queue(says("Hi", finish=finish))
    end = (await heard(server))[-1]
    assert isinstance(end, Completed)
    assert end.stop == stop


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "function_call"])
async def test_calls_stop_a_turn_whatever_word_the_server_uses(server: ChatServer, finish: str):
    server.queue(proposes(Proposed("t", {}), finish=finish))
    events = await heard(server)
    assert len(calls_of(events)) == 1
    assert isinstance(events[-1], Completed)
    assert events[-1].stop == "calls"


@pytest.mark.parametrize(("finish", "stop"), [("length", "length"), ("content_filter", "refusal")])
async def test_an_answer_that_was_cut_off_proposes_nothing(server: ChatServer, finish: str, stop: str):
    # The second call is cut before its arguments: empty ones would read as a call without any.
    server.queue(proposes(Proposed("a", {}), Proposed("delete_all", written=""), text="I", finish=finish))
    events = await heard(server)
    assert (text_of(events), calls_of(events)) == ("I", [])
    assert isinstance(events[-1], Completed)
    assert events[-1].stop == stop


async def test_a_refusal_is_shown_as_text_and_proposes_nothing(server: ChatServer):
    delta = {"index": 0, "id": "a", "function": {"name": "t", "arguments": "{}"}}
    server.queue(reply(chunk({"refusal": "I will not."}), chunk({"tool_calls": [delta]}), chunk({}, "stop"), DONE))
    events = await heard(server)
    assert (text_of(events), calls_of(events)) == ("I will not.", [])
    assert isinstance(events[-1], Completed)
    assert events[-1].stop == "refusal"


async def test_reasoning_and_whatever_else_is_unknown_is_no_text(server: ChatServer):
    server.queue(
        reply(
            b"event: ping\nid: 3\nretry: 10\ndata: {}\n\n",
            b": comment\r\n\r\n",
            chunk({"role": "assistant", "reasoning_content": "hmm", "audio": {"x": 1}, "new": [1]}),
            chunk({"content": [{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "Hi"}]}, extra=3),
            event({"choices": [{"index": 1, "delta": {"content": "another choice"}}, 7, None]}),
            event({"choices": None, "usage": 3, "error": None}),
            chunk({"content": None, "tool_calls": None}),
            chunk({}, "stop"),
            DONE,
        )
    )
    assert text_of(await heard(server)) == "Hi"


async def test_a_stream_without_an_end_mark_is_good_when_the_answer_ended(server: ChatServer):
    server.queue(reply(chunk({"content": "Hi"}), chunk({}, "stop")))
    assert text_of(await heard(server)) == "Hi"


async def test_bytes_that_come_one_by_one_are_the_same_answer(server: ChatServer):
    server.queue(byte_by_byte("slow ä 🎈"))
    assert text_of(await heard(server)) == "slow ä 🎈"


async def test_halves_of_a_character_in_two_chunks_become_one(server: ChatServer):
    raw = json.dumps("🎈").strip('"')
    deltas = [f'{{"choices":[{{"index":0,"delta":{{"content":"{half}"}}}}]}}' for half in (raw[:6], raw[6:])]
    server.queue(reply(*map(event, deltas), chunk({}, "stop"), DONE))
    assert text_of(await heard(server)) == "🎈"


async def test_turns_share_one_connection(server: ChatServer):
    server.queue(says("one"), says("two"), says("three"))
    async with model(server) as adapter:
        for _ in range(3):
            async with aclosing(adapter.stream(HELLO)) as events:
                assert [one async for one in events]
    assert server.connections == 1


# Faults before anything was said: tried again


@pytest.mark.parametrize(
    "fault",
    [
        rate_limited(),
        refuses(408),
        refuses(409),
        refuses(500),
        refuses(502),
        refuses(503),
        refuses(529, "overloaded"),
        cut_before_anything(),
        reply(),
        reply(chunk({"role": "assistant", "content": ""}), DONE),
        error_inside_stream(503),
        error_inside_stream("rate_limit_exceeded"),
        error_inside_200("upstream is down", 502),
        cut_in_a_call(Proposed("t", {"n": 1})),
        whole_call_without_an_end(Proposed("t", {"n": 1})),
    ],
    ids=lambda fault: f"{fault.status}" if isinstance(fault, Reply) else str(fault),
)
async def test_a_passing_fault_is_tried_again_and_the_answer_is_said_once(server: ChatServer, fault: Reply):
    waits = Waits()
    server.queue(fault, fault, says("Hi"))
    events = await heard(server, sleep=waits)
    assert [(one.attempt, one.delay) for one in retries_of(events)] == [(1, 0.5), (2, 1.0)]
    assert waits.seconds == [0.5, 1.0]
    assert all(one.reason for one in retries_of(events))
    assert (text_of(events), len(server.received)) == ("Hi", 3)


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_retries_are_as_many_as_the_settings_allow(server: ChatServer, retries: int):
    server.queue(*[refuses(503, "overloaded")] * 5)
    error, before = await failed(server, retries=retries)
    assert len(server.received) == retries + 1
    assert len(retries_of(before)) == retries
    assert "503" in error.what
    assert error.retryable


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "86400"}, 60.0),
        ({"retry-after": "9" * 400}, 0.5),
        ({"retry-after": "nan"}, 0.5),
        ({"retry-after": "-5"}, 0.5),
        ({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}, 60.0),
        ({"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 99 Jan 9999999999"}, 0.5),
    ],
)
async def test_the_wait_that_a_provider_asks_for_is_kept_within_bounds(
    server: ChatServer, headers: dict[str, str], delay: float
):
    waits = Waits()
    server.queue(rate_limited(**headers), says("Hi"))
    assert retries_of(await heard(server, sleep=waits))[0].delay == delay
    assert waits.seconds == [delay]


async def test_the_last_error_says_how_long_the_provider_wanted_to_wait(server: ChatServer):
    server.queue(rate_limited(**{"retry-after": "86400"}))
    error, _ = await failed(server, retries=0)
    assert (error.retryable, error.retry_after) == (True, 86400.0)


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=30)))
def test_no_header_makes_a_negative_or_endless_wait(headers: dict[str, str]):
    wait = wait_asked_for(headers)
    assert wait is None or 0 <= wait < float("inf")


async def test_a_server_that_is_not_there_is_named_with_its_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        waits = Waits()
        settings_ = ModelSettings("small", "openai_chat", "x", base_url=f"http://{address}/v1", key=KEY, retries=2)
        adapter = OpenAIChat(settings_, sleep=waits)
        with pytest.raises(ModelError, match=rf"Is a server running at http://{address}, ") as caught:
            [one async for one in adapter.stream(HELLO)]
        await adapter.aclose()
    assert caught.value.retryable
    assert waits.seconds == [0.5, 1.0]
    assert KEY not in str(caught.value)


# Faults that no repetition cures


@pytest.mark.parametrize(
    ("fault", "status", "step"),
    [
        (out_of_quota(), "429 (insufficient_quota)", "no credit"),
        (refuses(402), "402", "no credit"),
        (refuses(403), "403", "Check that `key`"),
        (refuses(400, "bad tool"), "400 (error): bad tool", "check `model` and `base_url`"),
        (refuses(400, "too long", code="context_length_exceeded"), "400", "does not fit the model's window"),
        (refuses(413), "413", "does not fit the model's window"),
        (refuses(307, headers={"location": "http://127.0.0.1:9/"}), "307", "Redirects are not followed"),
        (page_of_html(), "a page of HTML", "usually /v1"),
        (page_of_html(404), "404: a page of HTML", "usually ends in /v1"),
        (error_inside_200(), "bad_thing): model crashed", "check `model`"),
        (error_inside_stream(), "bad_thing): model crashed", "check `model`"),
        (reply(b'{"choices": []}', media_type="application/json"), "in one piece", "Use a server that streams"),
        (reply(b"not json", media_type="application/json"), "200: not json", "check `model`"),
        (reply(b'[{"error": {"message": "wrapped"}}]', status=400, media_type=None), "400: wrapped", "check"),
        (reply(b'{"detail": "from a proxy"}', status=400), "400: from a proxy", "check"),
        (reply(b'{"error": "plain words"}', status=400), "400: plain words", "check"),
        (reply(event("not json")), "is no JSON object", "Check that `base_url`"),
        (reply(event("[1]")), "is no JSON object", "Check that `base_url`"),
        (reply(event("[" * 100_000)), "is no JSON object", "Check that `base_url`"),
        (reply(b"data: \xff\n\n"), "is no UTF-8", ""),
        (reply(b"x", headers={"content-encoding": "gzip"}), "compressed", ""),
    ],
)  # fmt: skip
async def test_a_lasting_fault_is_told_at_once_with_the_next_step(
    server: ChatServer, fault: Reply, status: str, step: str
):
    server.queue(fault, says("never asked for"))
    error, before = await failed(server)
    assert (before, len(server.received), error.retryable) == ([], 1, False)
    assert status in error.what
    assert step in (error.next_step or "")


async def test_a_wrong_key_is_told_without_the_key(server: ChatServer):
    error, _ = await failed(server, key="another-key-4711")
    assert "401 (invalid_api_key)" in error.what
    assert "Check that `key`" in str(error)
    assert "another-key-4711" not in str(error)


async def test_a_missing_key_is_told_as_such(server: ChatServer):
    error, _ = await failed(server, key=None)
    assert "No key is configured" in str(error)


async def test_an_unknown_model_is_named(server: ChatServer):
    error, _ = await failed(server, model="gpt-imaginary")
    assert "404 (model_not_found)" in error.what
    assert "'gpt-imaginary'" in str(error)


async def test_an_overflowing_conversation_is_told_as_such():
    with ChatServer(window=200) as server:
        error, _ = await failed(server, View(messages=(message("user", Text("x" * 300)),)))
    assert "maximum context length" in error.what
    assert "larger one" in str(error)


async def test_an_address_without_v1_is_told_as_such(server: ChatServer):
    error, _ = await failed(server, base_url=server.base_url.removesuffix("/v1"))
    assert "404" in error.what
    assert "/v1" in str(error)


@pytest.mark.parametrize("words", [f"Incorrect key {KEY}, {KEY}!", "\x1b[2J\u202egone", "x" * 100_000])
async def test_what_a_provider_writes_is_cut_escaped_and_rid_of_the_key(server: ChatServer, words: str):
    server.queue(refuses(401, words, code=words))
    error, _ = await failed(server)
    assert len(str(error)) < 1200
    assert KEY not in str(error)
    assert not {"\x1b", "\u202e"} & set(str(error))


async def test_the_key_stands_in_no_log(server: ChatServer, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        server.queue(refuses(500), says("Hi"))
        await heard(server)
        await failed(server, retries=0)
    assert caplog.text
    assert KEY not in caplog.text


# Faults after something was said: final


@pytest.mark.parametrize(
    "fault",
    [
        cut_in_the_text(),
        cut_in_a_call(Proposed("t", {"n": 1}), text="The answer is"),
        error_inside_stream(503, after="The answer is"),
        reply(chunk({"content": "The answer is"}), DONE),
        reply(chunk({"content": "The answer is"})),
        reply(chunk({"content": "The answer is"}), event("garbage")),
    ],
)
async def test_a_stream_that_breaks_after_text_is_not_tried_again(server: ChatServer, fault: Reply):
    server.queue(fault, says("never asked for"))
    error, before = await failed(server)
    assert (text_of(before), len(server.received), error.retryable) == ("The answer is", 1, False)


async def test_a_call_that_was_cut_is_never_handed_out(server: ChatServer):
    server.queue(cut_in_a_call(Proposed("delete_all", {}), text="x"))
    _, before = await failed(server)  # which asserts that no call and no end was said
    assert text_of(before) == "x"


# Bounds


@pytest.mark.parametrize(("one_line", "limit"), [(True, "4194304 bytes"), (False, "33554432 bytes")])
async def test_a_hundred_megabytes_end_at_the_limit(server: ChatServer, one_line: bool, limit: str):
    server.queue(hundred_megabytes(one_line=one_line))
    error, _ = await failed(server)
    assert limit in error.what


async def test_a_stream_that_never_ends_is_ended(server: ChatServer):
    server.queue(never_ends())
    error, before = await failed(server, limits=HttpLimits(total_bytes=200_000))
    assert "longer than 200000 bytes" in error.what
    assert before


async def test_a_stream_that_only_says_that_it_is_alive_is_ended(server: ChatServer):
    server.queue(only_alive())
    error, _ = await failed(server, limits=HttpLimits(total=0.3))
    assert "longer than 0.3 s" in error.what
    assert len(server.received) == 1


async def test_a_silent_server_counts_as_dead(server: ChatServer):
    server.queue(reply(Hold()))
    error, _ = await failed(server, timeout=0.2, retries=0)
    assert "no byte came or went for 0.2 s" in error.what


async def test_an_error_of_any_size_is_read_only_so_far(server: ChatServer):
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    server.queue(Reply(endless, status=500, media_type="text/plain"))
    error, _ = await failed(server, retries=0)
    assert "500" in error.what


async def test_an_error_whose_body_breaks_is_still_told_by_its_status(server: ChatServer):
    server.queue(Reply(lambda: iter([b'{"err', *cut_before_anything().steps()]), status=403))
    error, _ = await failed(server)
    assert "403" in error.what


def test_too_many_calls_are_no_answer():
    answer = ChatAnswer("m")
    with pytest.raises(TooManyCalls):
        for index in range(CALL_LIMIT + 1):
            answer.take({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index}]}}]})


KEYS = ["choices", "delta", "index", "content", "tool_calls", "function", "name", "arguments"]
KEYS += ["id", "usage", "prompt_tokens", "finish_reason", "model", "refusal"]
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


@given(SHAPES)
@settings(max_examples=150)
def test_no_chunk_of_any_shape_breaks_the_reader(value: Any):
    answer = ChatAnswer("m")
    shapes = [
        value,
        {"choices": value},
        {"choices": [{"delta": value}]},
        {"choices": [{"delta": {"tool_calls": value}}]},
    ]
    for shape in shapes:
        try:
            said = answer.take(read_object(json.dumps(shape)))
        except NoJsonObject:
            continue
        said.encode()
    answer.take({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    for call in answer.calls():
        f"{call.provider_id}{call.name}{call.malformed}{json.dumps(call.arguments, ensure_ascii=False)}".encode()
    assert answer.completed().model


# Leaving


async def test_leaving_a_stream_early_closes_its_connection(server: ChatServer):
    server.queue(reply(chunk({"content": "Hi"}), Hold()))
    with anyio.fail_after(10):
        async with model(server) as adapter:
            async with aclosing(adapter.stream(HELLO)) as events:
                assert await anext(events) == TextDelta("Hi")
            assert await anyio.to_thread.run_sync(lambda: server.left_early.wait(5))


async def test_an_answer_that_is_refused_unread_leaves_no_connection_open(server: ChatServer):
    server.queue(reply(b"x", Hold(), headers={"content-encoding": "gzip"}))
    with anyio.fail_after(10):
        async with model(server) as adapter:
            with pytest.raises(ModelError, match="compressed"):
                async with aclosing(adapter.stream(HELLO)) as events:
                    await anext(events)
            assert await anyio.to_thread.run_sync(lambda: server.left_early.wait(5))


async def test_cancelling_a_stream_closes_its_connection(server: ChatServer):
    server.queue(reply(chunk({"content": "Hi"}), Hold()))
    with anyio.fail_after(10):
        async with model(server) as adapter:
            async with anyio.create_task_group() as tasks:

                async def listen() -> None:
                    async with aclosing(adapter.stream(HELLO)) as events:
                        async for _ in events:
                            tasks.start_soon(cancel)

                async def cancel() -> None:
                    tasks.cancel_scope.cancel()

                tasks.start_soon(listen)
            assert await anyio.to_thread.run_sync(lambda: server.left_early.wait(5))


# Settings


@pytest.mark.parametrize(
    ("base_url", "text"),
    [
        (None, "`base_url` is missing"),
        ("", "`base_url` is missing"),
        ("localhost:8000/v1", "no http or https address"),
        ("ftp://127.0.0.1/v1", "no http or https address"),
        ("http://", "no http or https address"),
        ("http://[::1/v1", "no http or https address"),
        ("http://127.0.0.1:99999/v1", "no http or https address"),
        ("https://me:hunter2@api.example.org/v1", "user name or password"),
    ],
)
def test_an_address_that_cannot_be_used_is_an_error_of_the_configuration(base_url: str | None, text: str):
    with pytest.raises(ConfigError, match=text) as caught:
        OpenAIChat(ModelSettings("small", "openai_chat", "x", base_url=base_url))
    assert "model small" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-1\nX-Evil: 1", "sk 1", "sk-ä", "sk-\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str):
    with pytest.raises(ConfigError) as caught:
        OpenAIChat(ModelSettings("small", "openai_chat", "x", base_url="http://127.0.0.1:9/v1", key=key))
    assert "sk" not in str(caught.value)


async def test_the_line_end_of_a_key_file_is_no_part_of_the_key(server: ChatServer):
    server.queue(says("Hi"))
    assert text_of(await heard(server, key=f"{KEY}\n")) == "Hi"


async def test_proxy_settings_that_cannot_be_used_are_told_without_their_secret(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ALL_PROXY", "gopher://me:hunter2@127.0.0.1:1")
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        await heard(server)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_is_meant_for_this_machine_goes_through_no_proxy(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, host: str
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.queue(says("Hi"))
    assert text_of(await heard(server, base_url=server.base_url.replace("127.0.0.1", host), retries=0)) == "Hi"
