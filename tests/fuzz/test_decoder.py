"""The fuzzing harness itself, on random input: quick, and in every run of the tests."""

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.decoder import one_input

PIECES = st.sampled_from(
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}\n',
        b'{"jsonrpc":"2.0","id":"1","result":{}}\n',
        b'{"jsonrpc":"2.0","id":2,"result":{"content":[]}}\n',
        b'{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"x"}}\n',
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2}}\n',
        b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n',
        b'{"jsonrpc":"2.0","id":7,"method":"roots/list"}\n',
        b'{"jsonrpc":"2.0","id":2,"result":' + b"[" * 20,
        b"x" * 5000,
        b"\xff\xfe",
        b"\n",
    ]
)


@given(st.binary(max_size=1), st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=12).map(b"".join))
def test_no_input_breaks_the_decoder_or_the_conversation(cut: bytes, stream: bytes) -> None:
    one_input(cut + stream)
