"""A line of the record: encoded once, placed later, and still the one canonical form."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from context.json_values import canonical_bytes
from host.record.chain import GENESIS, is_canonical, parse, payload, placed
from tool_gateway.interface import Entry

_keys = st.sampled_from(["n", "prev", "agent", "call_id", "parent_run_id", "session_id", "zone", 'a"n":0,', "é"])
_texts = st.text(max_size=8) | st.sampled_from(['"n":0,', '"prev":""', '{"n":0,"prev":""}', ",", '\\"n":0,'])
_values = st.recursive(
    st.none() | st.integers(-9, 9) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys | _texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    body=st.dictionaries(_keys | _texts, _values, max_size=4),
    ids=st.dictionaries(st.sampled_from(["agent", "call_id", "parent_run_id", "session_id", "turn_id"]), _texts),
    digests=st.dictionaries(_keys, _texts, max_size=2),
)
@example(body={"n": 0, "prev": ""}, ids={"parent_run_id": '"prev":""', "turn_id": '"n":0,"prev":""'}, digests={})
@example(body={}, ids={}, digests={"n": '"n":0,'})
def test_a_placed_line_is_what_encoding_it_whole_would_give(
    body: dict[str, Any], ids: dict[str, str], digests: dict[str, str]
) -> None:
    entry = Entry("ent_1", "decision", "run_1", "2026-01-01T00:00:00.000Z", body, ids)
    line = placed(payload(entry, digests), 17, GENESIS)
    fields: dict[str, Any] = {
        **ids,
        "n": 17,
        "prev": GENESIS,
        "id": "ent_1",
        "type": "decision",
        "ts": "2026-01-01T00:00:00.000Z",
        "run_id": "run_1",
        "body": body,
    }
    if digests:
        fields["contents"] = digests
    assert line == canonical_bytes(fields)
    assert is_canonical(line, parse(line))
