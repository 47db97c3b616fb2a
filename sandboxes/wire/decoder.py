"""The bounded decoder in front of the MCP SDK: a server's bytes in, JSON-RPC messages and faults out.

Decides: what counts as one well-formed message, and the limits on its length, depth and number of values.
Does not decide whether a message belongs here: ids, listings and floods are `conversation`'s. Pure and
synchronous; reads and writes nothing.

The SDK's own reader has no limit and is quadratic in the length of a line; this one is linear, and holds at
most one line of the permitted length (docs/threat-model.md rows 37-43).

A refused line may have been somebody's answer. An over-long or malformed line is not parsed, so its id is read
from its first or last kilobyte, and only where the line begins as a response does:
`{"jsonrpc":"2.0","id":7,"result":`, or `{"result":` with `,"id":7}` at the very end. A server that hides the id
elsewhere makes its caller wait for the timeout; one that lies fails a call of its own, which it could anyhow.
An over-long line whose id stands in front is reported as soon as the limit is passed, the others at their end.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import TypeAlias, cast

from context.json_values import SAFE_INTEGER, JsonObject, JsonValue

RequestId: TypeAlias = int | str

_SNIFF = 1024
_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r"
_ID_CHARS = 256
_METHOD_CHARS = 256
_FLOAT_CHARS = 1024

_ID = rb'(-?[0-9]{1,16}|"[A-Za-z0-9_.:/-]{1,128}")'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"'
_RESPONSE_HEAD = re.compile(
    rb"\s*\{\s*(?:" + _VERSION + rb"\s*,\s*)?(?:\"id\"\s*:\s*" + _ID + rb"\s*,\s*)?"
    rb"(?:" + _VERSION + rb'\s*,\s*)?"(?:result|error)"\s*:'
)
_RESPONSE_TAIL = re.compile(rb',\s*"id"\s*:\s*' + _ID + rb"\s*(?:,\s*" + _VERSION + rb"\s*)?\}\s*\Z")
_STRINGS = re.compile(rb'"[^"]*"?')
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Bounds on what one server may say.

    Attributes:
        line_bytes: Longest line, without its newline.
        depth: Deepest nesting of objects and arrays.
        values: Most commas, objects and arrays in one line; a bound on memory, which parsing multiplies.
        unasked_per_second: Notifications and requests passed on per second, with a burst of twice as many.
        noise_per_second: Units of refused output per second (one per line and per 4 KiB of it, or per 64 KiB
            of an over-long line) after which reading pauses, so that a flood costs the server its own time.
        open_requests: Requests of the server that may wait for our answer at once.
        listed_tools: Tools on one page of a listing.
        relist_seconds: Shortest time between two list-changed notices of one kind.
        write_seconds: How long a server may leave its input unread while we send.
    """

    line_bytes: int = 4 * 1024**2
    depth: int = 64
    values: int = 500_000
    unasked_per_second: int = 100
    noise_per_second: int = 4000
    open_requests: int = 16
    listed_tools: int = 2000
    relist_seconds: float = 0.2
    write_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a refused line would have answered. `id` is None where the line is a response whose id was not found."""

    id: RequestId | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that was refused.

    Attributes:
        reason: One phrase; holds no foreign text.
        message: False when the line was no message at all (stray output), True when it was one, or claimed
            to be, and broke a rule.
        answer: Set when the line begins as a response does.
    """

    reason: str
    message: bool
    answer: Answer | None = None


Decoded: TypeAlias = JsonObject | Fault


class LineDecoder:
    """Cuts a byte stream into lines, and decodes them. One per stream; memory is bounded by one line.

    Attributes:
        discarded: Bytes of over-long lines that were thrown away so far.
    """

    def __init__(self, limits: WireLimits | None = None) -> None:
        self._limits = limits or WireLimits()
        self._pending = bytearray()
        self._tail = b""
        self._overlong = False
        self._reported = False
        self._first = True
        self.discarded = 0

    def feed(self, chunk: bytes) -> list[Decoded]:
        """The messages and faults that `chunk` completes, in order, however the stream was cut."""
        found: list[Decoded] = []
        for piece in self.cut(chunk):
            decoded = piece if isinstance(piece, Fault) else decode_line(piece, self._limits)
            if decoded is not None:
                found.append(decoded)
        return found

    def cut(self, chunk: bytes) -> list[bytes | Fault]:
        """Like `feed` without decoding: complete lines, and faults for over-long ones."""
        found: list[bytes | Fault] = []
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._extend(chunk[start:end], found)
            self._finish(found)
            start = end + 1
        if start < len(chunk):
            self._extend(chunk[start:] if start else chunk, found)
        return found

    def end(self) -> Fault | None:
        """Call once after the stream has ended: the fault of an unfinished last line, if there was one."""
        left = bytes(self._pending).strip(_WHITE)
        unfinished = left not in {b"", _BOM} or (self._overlong and not self._reported)
        answer = _sniff(left[:_SNIFF], b"") if unfinished and not self._overlong else None
        self._pending.clear()
        self._overlong = False
        return Fault("the output ended in the middle of a line", answer is not None, answer) if unfinished else None

    def _extend(self, part: bytes, found: list[bytes | Fault]) -> None:
        limit = self._limits.line_bytes + (len(_BOM) if self._first else 0)
        if not self._overlong:
            if len(self._pending) + len(part) <= limit:
                self._pending += part
                return
            head = bytes(self._pending[:_SNIFF]) + part[: max(_SNIFF - len(self._pending), 0)]
            self._tail = (bytes(self._pending[-_SNIFF:]) + part[-_SNIFF:])[-_SNIFF:]
            self._pending = bytearray(head.removeprefix(_BOM) if self._first else head)
            self._overlong = True
            self.discarded += limit
            answer = _sniff(bytes(self._pending), b"")
            if answer is not None and answer.id is not None:
                self._report(answer, found)
        else:
            self._tail = (self._tail + part[-_SNIFF:])[-_SNIFF:]
            self.discarded += len(part)

    def _finish(self, found: list[bytes | Fault]) -> None:
        line = bytes(self._pending)
        if self._first:
            # A byte order mark is tolerated at the very start, where some runtimes write one, and nowhere else.
            line = line.removeprefix(_BOM)
        # The mark's three bytes are not the line's, so the first line is measured again without them.
        if not self._overlong and len(line) > self._limits.line_bytes:
            self._overlong, self._tail = True, line[-_SNIFF:]
        if self._overlong:
            if not self._reported:
                self._report(_sniff(line[:_SNIFF], self._tail), found)
        else:
            found.append(line)
        self._pending.clear()
        self._tail = b""
        self._overlong = self._reported = self._first = False

    def _report(self, answer: Answer | None, found: list[bytes | Fault]) -> None:
        self._reported = True
        found.append(
            Fault(f"a line is longer than {size_text(self._limits.line_bytes)}, the limit on one message", True, answer)
        )


def decode_line(line: bytes, limits: WireLimits) -> Decoded | None:
    """One line without its newline: the message, or why it is refused; None for a blank line.

    Linear in the line's length. The depth is known before anything is parsed.
    """
    line = line.strip(_WHITE)
    if not line:
        return None
    try:
        message = _parse(line, limits)
    except _Refused as refused:
        answer = _sniff(line[:_SNIFF], line[-_SNIFF:])
        return Fault(refused.reason, refused.message or answer is not None, answer)
    return message


def size_text(size: int) -> str:
    """`4 MiB`, `64 KiB`, `1000 bytes`."""
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"


class _Refused(ValueError):
    def __init__(self, reason: str, *, message: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message


def _parse(line: bytes, limits: WireLimits) -> JsonObject:
    if len(line) > limits.line_bytes:
        raise _Refused(f"a line is longer than {size_text(limits.line_bytes)}, the limit on one message")
    _check_shape(line, limits)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused("a line is not valid UTF-8", message=line[:1] == b"{") from error
    try:
        value = cast("JsonValue", _JSON.decode(text))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.startswith("{"):
            raise _Refused("more than one message stands on a line") from error
        raise _Refused("a line is not JSON", message=False) from error
    if isinstance(value, list):
        raise _Refused("a line is an array; batches do not exist in this protocol")
    if not isinstance(value, dict):
        raise _Refused("a line is JSON but no message", message=False)
    if _SURROGATE_ESCAPE.search(line):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise _Refused("a text holds an unpaired surrogate") from error
    _check_envelope(value)
    return value


def _check_shape(line: bytes, limits: WireLimits) -> None:
    opened = line.count(b"{") + line.count(b"[")
    if opened <= limits.depth and opened + line.count(b",") <= limits.values:
        return
    # Escapes go first, so that the quotes left are the ends of strings. A backslash outside a string confuses
    # this count, but it also ends the parser's way at that very place, before anything behind it.
    outside = _STRINGS.sub(b"", line.replace(rb"\\", b"").replace(rb"\"", b""))
    brackets = outside.translate(None, _NOT_BRACKETS)
    if outside.count(b"{") + outside.count(b"[") + outside.count(b",") > limits.values:
        raise _Refused(f"a line holds more than {limits.values} values")
    depth = 0
    for byte in brackets:
        depth += 1 if byte in b"[{" else -1
        if depth > limits.depth:
            raise _Refused(f"a line nests deeper than {limits.depth} levels")


def _check_envelope(message: JsonObject) -> None:
    if message.get("jsonrpc") != "2.0":
        raise _Refused("a line is JSON but not JSON-RPC 2.0", message=False)
    if "id" in message and not _is_id(message["id"]) and not ("error" in message and message["id"] is None):
        raise _Refused("an id is neither a text nor an integer")
    if "method" in message:
        method = message["method"]
        if not isinstance(method, str) or not 0 < len(method) <= _METHOD_CHARS:
            raise _Refused("a method is no text of 1 to 256 characters")
        if "result" in message or "error" in message:
            raise _Refused("a message is a request and a response at once")
        if not isinstance(message.get("params", {}), dict):
            raise _Refused("params is no object")
        return
    if "id" not in message or ("result" in message) == ("error" in message):
        raise _Refused("a message is neither a request, nor a notification, nor a response")
    if "result" in message and not isinstance(message["result"], dict):
        raise _Refused("a result is no object")
    if "error" in message:
        error = message["error"]
        if not isinstance(error, dict) or type(error.get("code")) is not int or type(error.get("message")) is not str:
            raise _Refused("an error lacks its integer code or its message")


def _is_id(value: JsonValue) -> bool:
    return type(value) is int or (isinstance(value, str) and len(value) <= _ID_CHARS)


def _sniff(head: bytes, tail: bytes) -> Answer | None:
    front = _RESPONSE_HEAD.match(head)
    if front is None:
        return None
    back = None if front[1] else _RESPONSE_TAIL.search(tail)
    written = front[1] or (back[1] if back else None)
    if written is None:
        return Answer(None)
    return Answer(written[1:-1].decode("ascii") if written.startswith(b'"') else int(written))


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused("an object has a key twice")
    return made


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > SAFE_INTEGER:
        shown = digits if len(digits) <= 40 else digits[:39] + "…"
        raise _Refused(f"the integer {shown} is beyond ±(2^53-1) and would change in transit")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > _FLOAT_CHARS:
        raise _Refused(f"a number is written with more than {_FLOAT_CHARS} characters")
    number = float(digits)
    if math.isinf(number):
        raise _Refused("a number is too large for a double, which makes it infinite")
    return number


def _constant(name: str) -> float:
    raise _Refused(f"{name} is not a JSON number")


_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)
