"""A client's bytes as lines: bounded, the same however they are cut, and whose request a refused one was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.serve.lines import ClientLines, Refused, read_message
from sandboxes.wire.decoder import WireLimits

SMALL = WireLimits(line_bytes=64)
LONG = "a" * 5000


@given(st.lists(st.binary(max_size=200).filter(lambda line: b"\n" not in line), max_size=8), st.data())
def test_every_cut_of_a_stream_gives_the_same_lines(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    cutter, found = ClientLines(SMALL), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += cutter.feed(stream[start:end])
    assert found == ClientLines(SMALL).feed(stream)
    assert [line for line in found if isinstance(line, bytes)] == [line for line in lines if len(line) <= 64]


@given(st.binary(max_size=400))
def test_no_bytes_whatever_break_it(line: bytes) -> None:
    found = read_message(line.replace(b"\n", b" "), SMALL)
    assert found is None or isinstance(found, dict | Refused)


def test_it_holds_no_more_than_one_line_of_the_permitted_length() -> None:
    cutter = ClientLines(SMALL)
    for _ in range(100):
        assert cutter.feed(b"x" * 65536) == []
    assert len(cutter._held) + len(cutter._tail) < 4096
    (refused, after) = cutter.feed(b'x\n{"a":1}\n')
    assert isinstance(refused, Refused) and "64 bytes" in refused.reason
    assert after == b'{"a":1}'


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ('{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":"%s"}}', 7),
        ('{"jsonrpc": "2.0", "id": "r-7", "method": "m", "params": {"a": "%s"}}', "r-7"),
        ('{"id":7,"jsonrpc":"2.0","method":"m","params":{"a":"%s"}}', 7),
        ('{"method":"m","params":{"a":"%s"},"jsonrpc":"2.0","id":7}', 7),
        ('{"method":"m","params":{"a":"%s"},"id":-7,"jsonrpc":"2.0"}', -7),
        ('{"method":"m","params":{"a":"%s","id":7}}', None),
        ('{"method":"m","params":{"a":"%s"},"id":7}', None),
        ('{"jsonrpc":"2.0","method":"m","params":{"id":7,"a":"%s"}}', None),
        ('{"jsonrpc":"2.0","id":7.5,"method":"m","params":{"a":"%s"}}', None),
    ],
)
def test_whoever_sent_an_overlong_request_is_told(message: str, asked: int | str | None) -> None:
    """An id further inside is somebody else's: it answers nothing."""
    (refused,) = ClientLines(SMALL).feed((message % LONG).encode() + b"\n")
    assert isinstance(refused, Refused) and refused.id == asked
    again = read_message((message % LONG).encode(), SMALL)
    assert isinstance(again, Refused) and again.id == asked


def test_a_message_is_read_as_it_is() -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"é": [1, 2.5, None]}}
    assert read_message(json.dumps(message).encode() + b"\r", WireLimits()) == message
