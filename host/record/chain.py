"""One line of the record: its fields, its canonical bytes, and its link to the line before.

Decides: the form
`{"n","prev","id","type","ts","run_id",<ids>,"body","contents":{name:"hmac-sha256:…"}}`, written as RFC 8785 with
one line feed after it, and that `prev` is the SHA-256 of the previous line's bytes (line feed excluded), zeros
for the first. Does not decide where lines are kept (`log`) nor what entries say (the gateway, the run).

`link` is the only place that hashes a line: a Merkle leaf (RFC 6962, section 2.1) or a signed checkpoint over
`(n, link)` starts from here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from context.json_values import SAFE_INTEGER, JsonObject, NotCanonical, canonical_bytes, digest_bytes
from tool_gateway.interface import Entry

GENESIS = "sha256:" + "0" * 64
"""What the first line links to."""

_OWN_FIELDS = frozenset({"n", "prev", "id", "type", "ts", "run_id", "body", "contents"})


class Malformed(ValueError):
    """The bytes are no line of a record; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A parsed line. `fields` is the whole object."""

    n: int
    prev: str
    entry_id: str
    run_id: str
    fields: JsonObject


def link(line: bytes) -> str:
    """What the next line's `prev` must say of this one."""
    return digest_bytes(line)


def payload(entry: Entry, digests: Mapping[str, str]) -> bytes:
    """The entry's line without its place: what stands before `n`, between `n` and `prev`, and after `prev`.

    The three parts are canonical and parted by line feeds, which canonical JSON cannot contain. So an entry is
    encoded once, and giving it its place costs no second encoding.

    Args:
        digests: Of each of the entry's contents, by name.
    """
    fields: dict[str, Any] = {name: value for name, value in entry.ids.items() if name not in _OWN_FIELDS}
    fields |= {"id": entry.entry_id, "type": entry.type, "ts": entry.ts, "run_id": entry.run_id, "body": entry.body}
    if digests:
        fields["contents"] = dict(digests)
    try:
        return _parts(fields)
    except NotCanonical:
        # A refusal may name an argument that has no canonical form. It must be recorded all the same.
        return _parts(_made_canonical(fields))


def placed(payload: bytes, n: int, prev: str) -> bytes:
    """The payload as the line number `n` behind a line that hashes to `prev`, without its line feed."""
    before, between, after = payload.split(b"\n")
    parts = (before, b'"n":%d' % n, between, b'"prev":"%s"' % prev.encode(), after)
    return b"{" + b",".join(part for part in parts if part) + b"}"


def parse(line: bytes) -> Line:
    """Raises: Malformed."""
    try:
        value: Any = json.loads(line, parse_int=_as_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("is not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("is not a JSON object")
    fields = cast("dict[str, Any]", value)
    n, prev, entry_id, run_id = (fields.get(name) for name in ("n", "prev", "id", "run_id"))
    if isinstance(n, bool) or not isinstance(n, int):
        raise Malformed("has no number `n`")
    if not (isinstance(prev, str) and isinstance(entry_id, str) and isinstance(run_id, str)):
        raise Malformed("lacks `prev`, `id` or `run_id`")
    return Line(n, prev, entry_id, run_id, fields)


def is_canonical(line: bytes, parsed: Line) -> bool:
    """Whether the bytes are the one form that these fields have."""
    try:
        return canonical_bytes(parsed.fields) == line
    except NotCanonical:
        return False


def _as_number(digits: str) -> int | float:
    # RFC 8785 writes a float such as 1e16 without a point; only as a float does it have that form again.
    number = int(digits) if len(digits) <= 17 else float(digits)
    return number if abs(number) <= SAFE_INTEGER else float(number)


def _parts(fields: dict[str, Any]) -> bytes:
    # Encoded once, with stand-ins for the place. Behind `n` stand texts only (`type`, `ts`, ids), and a text has no
    # bare quote, so the last `"n":0,` and the first `"prev":""` behind it are the stand-ins, whatever a body says.
    line = canonical_bytes({**fields, "n": 0, "prev": ""})[1:-1]
    before, _, behind = line.rpartition(b'"n":0,')
    between, _, after = behind.partition(b'"prev":""')
    return b"\n".join(part.strip(b",") for part in (before, between, after))


def _made_canonical(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {_made_canonical(key): _made_canonical(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_made_canonical(item) for item in cast("list[Any]", value)]
    return str(value)
