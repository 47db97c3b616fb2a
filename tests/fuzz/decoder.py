"""Coverage-guided fuzzing of the decoder and the conversation, where atheris is installed:
`python -m tests.fuzz.decoder -max_total_time=60`. Says so and ends well where it is not.

The first byte says how the rest is cut into pieces; nothing may raise, hang, or pass what the rules forbid.
"""

import json
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sandboxes.interface import WireCounts
from sandboxes.wire.conversation import Conversation
from sandboxes.wire.decoder import Fault, LineDecoder, WireLimits

LIMITS = WireLimits(line_bytes=4096, depth=16, values=500)


def one_input(data: bytes) -> None:
    """Feed `data` in pieces; raises AssertionError where a promise is broken."""
    size, stream = (data[0] % 64 + 1 if data else 1), data[1:]
    decoder = LineDecoder(LIMITS)
    conversation = Conversation(
        server="fuzz", counts=WireCounts(), output_schemas={}, limits=LIMITS, clock=iter(range(10**9)).__next__
    )
    conversation.sent(request_id=1, method="tools/list", params=None)
    conversation.sent(request_id=2, method="tools/call", params={"_meta": {"progressToken": 2}})
    answered: set[Any] = set()
    for start in range(0, len(stream), size):
        for item in decoder.feed(stream[start : start + size]):
            passed = conversation.received(item, size=size)
            if passed is None:
                continue
            json.dumps(passed, allow_nan=False).encode()
            if "method" not in passed:
                assert type(passed["id"]) is int, "an answer with an id of another type"
                assert passed["id"] in {1, 2}, "an answer that nobody waits for"
                assert passed["id"] not in answered, "an answer twice"
                answered.add(passed["id"])
            assert not isinstance(item, Fault) or "error" in passed
    decoder.end()


def main() -> None:
    if find_spec("atheris") is None:
        print("no fuzzing: atheris is not installed (pip install atheris)")
        return
    atheris: Any = import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
