"""Events are found whatever the chunks are, and no stream makes the decoder hold more than its limit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sse import SseDecoder, SseEvent, SseFault

LINE = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=20)
EVENT = st.builds(SseEvent, st.lists(LINE, min_size=1, max_size=4).map("\n".join), LINE)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def decoded(*chunks: bytes, event_bytes: int = 1000) -> list[SseEvent]:
    decoder = SseDecoder(event_bytes=event_bytes)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@given(st.lists(EVENT, max_size=6), ENDS, st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_events_are_the_same_however_the_bytes_are_cut(events: list[SseEvent], end: str, cuts: list[int], mark: bool):
    written = "\ufeff" if mark else ""
    for event in events:
        # An event of no field but empty data still counts: `data:` alone is data.
        written += f": a comment{end}" + (f"event: {event.name}{end}" if event.name else "")
        written += "".join(f"data: {line}{end}" for line in event.data.split("\n")) + f"id: 7{end}retry: 1{end}{end}"
    raw = written.encode()
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    chunks = [raw[start:stop] for start, stop in pairwise(places)]
    assert decoded(*chunks, event_bytes=100_000) == events
    assert decoded(*(raw[place : place + 1] for place in range(len(raw))), event_bytes=100_000) == events


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_garbage_gives_events_or_a_fault_and_nothing_else(chunks: list[bytes]):
    try:
        found = decoded(*chunks, event_bytes=64)
    except SseFault:
        return
    assert all(len(event.data.encode()) <= 64 for event in found)


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"data:x\n\n", ["x"]),
        (b"data:  x\n\n", [" x"]),
        (b"data\n\n", [""]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"\n\n\nevent: only a name\n\ndata: x\n\n", ["x"]),
        (b"Data: x\n\ndatum: y\n\n", []),
        (b"data: never finished\n", []),
        (b"<!DOCTYPE html>\n<html>\n\n", []),
    ],
)
def test_fields_are_read_as_the_standard_says(raw: bytes, data: list[str]):
    assert [event.data for event in decoded(raw)] == data


def test_a_return_and_its_newline_may_come_in_two_chunks():
    assert decoded(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n") == [SseEvent("a\nb")]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 2000],
        [b"data: " + b"x" * 2000 + b"\n\n"],
        [b"x" * 100] * 30,
        [b"data: 123456\n"] * 200,
        [b"data\n"] * 500,
        [b"event: " + b"x" * 1500 + b"\n"],
        [b": " + b"x" * 5000],
    ],
)
def test_nothing_is_kept_beyond_the_limit(chunks: list[bytes]):
    with pytest.raises(SseFault, match="longer than 1000 bytes"):
        decoded(*chunks)


def test_comments_without_end_take_no_memory():
    decoder = SseDecoder(event_bytes=1000)
    for _ in range(5000):
        assert list(decoder.feed(b": still here\n\n")) == []


def test_bytes_that_are_no_text_are_a_fault_and_not_replaced():
    with pytest.raises(SseFault, match="UTF-8"):
        decoded(b"data: \xff\xfe\n\n")
