"""What the bounded decoder takes, refuses, and how little it holds while doing so."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.wire.decoder import Answer, Fault, LineDecoder, WireLimits, decode_line

LIMITS = WireLimits(line_bytes=4096)
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def fault(line: bytes, limits: WireLimits = LIMITS) -> Fault:
    found = decode_line(line, limits)
    assert isinstance(found, Fault), found
    return found


def answer_with(value: str) -> bytes:
    return f'{{"jsonrpc":"2.0","id":7,"result":{{"v":{value}}}}}'.encode()


@pytest.mark.parametrize(
    "line",
    [
        PING,
        b'{"jsonrpc":"2.0","method":"notifications/x","params":{}}',
        b'{"jsonrpc":"2.0","id":"a","result":{"x":[1,2.5,null,true,"\\u00e9"]}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"n":9007199254740991,"m":-9007199254740991}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"pair":"\\ud83d\\ude00"}}',
        b" \t" + PING + b"\r",
    ],
)
def test_a_well_formed_message_passes_unchanged(line: bytes) -> None:
    assert decode_line(line, LIMITS) == json.loads(line)


@pytest.mark.parametrize("line", [b"", b"   ", b"\r", b"\t \r"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    assert decode_line(line, LIMITS) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (answer_with("NaN"), "NaN"),
        (answer_with("Infinity"), "Infinity"),
        (answer_with("1e999"), "infinite"),
        (answer_with("9007199254740992"), "9007199254740992"),
        (answer_with("-9007199254740992"), "-9007199254740992"),
        (answer_with("1" * 3000), "beyond"),
        (answer_with("1." + "1" * 2000), "more than 1024 characters"),
        (answer_with('{"a":1,"a":2}'), "twice"),
        (answer_with('"\\ud800"'), "surrogate"),
        (answer_with('"\\uDC00\\uD800"'), "surrogate"),
        (answer_with('"\xff"').replace("\u00ff".encode(), b"\xff"), "UTF-8"),
        (
            answer_with('"\ud800"'.encode("utf-8", "surrogatepass").decode("latin-1")).decode().encode("latin-1"),
            "UTF-8",
        ),
        (answer_with("[" * 80 + "]" * 80), "64 levels"),
        (PING + PING, "more than one"),
        (b"[" + PING + b"]", "batches"),
        (b'{"jsonrpc":"2.0","id":1.0,"result":{}}', "id"),
        (b'{"jsonrpc":"2.0","id":true,"result":{}}', "id"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}', "neither"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","result":{}}', "at once"),
        (b'{"jsonrpc":"2.0","id":1,"result":[]}', "result"),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}}', "error"),
        (b'{"jsonrpc":"2.0","method":"m","params":[1]}', "params"),
        (b'{"jsonrpc":"2.0","method":""}', "method"),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused_by_that_rule(line: bytes, words: str) -> None:
    found = fault(line)
    assert found.message
    assert words in found.reason


@pytest.mark.parametrize(
    "line", [b"Listening on stdio", b"42", b'"text"', b"{}", b'{"log":"x"}', b"\xff\xfe", b"{nope"]
)
def test_output_that_is_no_message_is_told_from_a_broken_message(line: bytes) -> None:
    assert not fault(line).message


def test_depth_is_counted_outside_strings_only() -> None:
    assert not isinstance(decode_line(answer_with(json.dumps('[{"' * 500)), LIMITS), Fault)
    assert not isinstance(decode_line(answer_with("[" * 60 + "]" * 60), LIMITS), Fault)
    many = answer_with("[" + ",".join(["[]"] * 300) + "]")
    assert not isinstance(decode_line(many, LIMITS), Fault)
    assert "levels" in fault(answer_with('["\\\\",' + "[" * 80 + "]" * 80 + "]")).reason


def test_the_number_of_values_is_bounded() -> None:
    limits = WireLimits(values=100)
    assert "100 values" in fault(answer_with("[" + "0," * 200 + "0]"), limits).reason
    assert not isinstance(decode_line(answer_with(json.dumps("," * 500)), limits), Fault)


def test_a_byte_order_mark_is_tolerated_at_the_very_start_only() -> None:
    assert LineDecoder(LIMITS).feed(b"\xef\xbb\xbf" + PING + b"\n") == [json.loads(PING)]
    second = LineDecoder(LIMITS).feed(PING + b"\n\xef\xbb\xbf" + PING + b"\n")
    assert isinstance(second[1], Fault)


def test_the_line_after_a_refused_one_is_read() -> None:
    decoded = LineDecoder(LIMITS).feed(b"x" * 10000 + b"\n" + PING + b"\n")
    assert isinstance(decoded[0], Fault)
    assert decoded[1] == json.loads(PING)


def test_the_limit_is_exact_and_named() -> None:
    exact = answer_with(json.dumps("x" * (4096 - len(answer_with('""')))))
    assert len(exact) == 4096
    assert not isinstance(LineDecoder(LIMITS).feed(exact + b"\n")[0], Fault)
    found = LineDecoder(LIMITS).feed(exact + b" \n")[0]
    assert isinstance(found, Fault)
    assert "longer than 4 KiB" in found.reason
    marked = LineDecoder(LIMITS).feed(b"\xef\xbb\xbf" + exact + b" \n")[0]
    assert isinstance(marked, Fault)


@pytest.mark.parametrize(
    ("front", "back", "meant"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{"t":"', b'"}}', Answer(7)),
        (b'{ "id" : "a-7" , "jsonrpc" : "2.0" , "error" : {"message":"', b'"}}', Answer("a-7")),
        (b'{"result":{"t":"', b'"},"jsonrpc":"2.0","id":7}', Answer(7)),
        (b'{"jsonrpc":"2.0","result":{"t":"', b'"},"id":"x","jsonrpc":"2.0"} ', Answer("x")),
        (b'{"jsonrpc":"2.0","result":{"t":"', b'","id":7}}', Answer(None)),
        (b'{"jsonrpc":"2.0","result":{"t":"', b'"}}', Answer(None)),
        (b'{"jsonrpc":"2.0","id":7,"method":"roots/list","params":{"t":"', b'"}}', None),
        (b'{"method":"x","params":{"t":"', b'"},"id":7}', None),
        (b"rubbish ", b',"id":7}', None),
    ],
)
def test_the_request_that_an_overlong_line_answers_is_read_from_its_ends(
    front: bytes, back: bytes, meant: Answer | None
) -> None:
    line = front + b"x" * 20000 + back
    for step in (len(line) + 1, 4097, 7):
        decoder = LineDecoder(LIMITS)
        pieces = [(line + b"\n")[at : at + step] for at in range(0, len(line) + 1, step)]
        found = [item for piece in pieces for item in decoder.feed(piece)]
        assert [item.answer for item in found if isinstance(item, Fault)] == [meant]


def test_an_overlong_answer_is_reported_before_its_end_has_come() -> None:
    decoder = LineDecoder(LIMITS)
    found = decoder.feed(b'{"jsonrpc":"2.0","id":7,"result":{"t":"' + b"x" * 5000)
    assert isinstance(found[0], Fault)
    assert found[0].answer == Answer(7)
    assert decoder.feed(b"x" * 100000 + b"\n" + PING + b"\n") == [json.loads(PING)]


def test_an_unfinished_last_line_is_told() -> None:
    decoder = LineDecoder(LIMITS)
    assert decoder.feed(answer_with("1")[:-2]) == []
    ended = decoder.end()
    assert ended is not None
    assert ended.answer == Answer(7)
    clean = LineDecoder(LIMITS)
    clean.feed(PING + b"\n")
    assert clean.end() is None


def test_a_50_mb_line_costs_flat_memory_and_little_time() -> None:
    decoder = LineDecoder()
    block = b"x" * 65536
    decoder.feed(b'{"jsonrpc":"2.0","id":7,"result":{"t":"')
    tracemalloc.start()
    began = time.process_time()
    found = [item for _ in range(800) for item in decoder.feed(block)]
    found += decoder.feed(b'"}}\n')
    spent = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1
    assert peak < 16 * 1024**2
    assert spent < 1  # A quadratic reader needs some 25 s; an untraced run of this one some 10 ms.


def test_hostile_lines_of_the_permitted_length_are_refused_in_linear_time() -> None:
    size = 1024**2
    lines = [b"[" * size, b'{"a":' * (size // 5), b'"' * size, b"\\" * size, b'["' * (size // 2), b"[]," * (size // 3)]
    lines += [answer_with("1." + "1" * size), answer_with("1" * size), b"-" * size, b" " * (size - 1) + b"x"]
    for line in lines:
        began = time.process_time()
        assert isinstance(decode_line(line, WireLimits()), Fault)
        assert time.process_time() - began < 2


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PIECES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"\n", b"\r\n", b"\xef\xbb\xbf", PING + b"\n", b"x" * 300, b'{"jsonrpc":"2.0","id":1,"result":{"a":"']
    ),
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={"id": JSON_LIKE, "method": JSON_LIKE, "params": JSON_LIKE, "result": JSON_LIKE, "error": JSON_LIKE},
    ).map(lambda message: json.dumps(message).encode() + b"\n"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.data())
def test_any_bytes_in_any_pieces_give_the_same_and_never_raise(stream: bytes, data: st.DataObject) -> None:
    from mcp_types import jsonrpc_message_adapter

    limits = WireLimits(line_bytes=256, depth=5, values=20)
    whole = LineDecoder(limits)
    expected = [*whole.feed(stream), whole.end()]
    cut, pieces, at = LineDecoder(limits), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, max(1, len(stream) - at)))
        pieces += cut.feed(stream[at : at + step])
        at += step
        assert len(cut._pending) <= 256 + 1024
    assert [*pieces, cut.end()] == expected
    for item in expected:
        if isinstance(item, dict):
            jsonrpc_message_adapter.validate_python(item)


@settings(max_examples=200, deadline=None)
@given(JSON_LIKE)
def test_what_passes_is_what_json_says(value: object) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"v": value}}).encode()
    found = decode_line(line, WireLimits())
    if not isinstance(found, Fault):
        assert found == json.loads(line)
