"""What stands in a hidden value's place, and the values behind it: in memory, for one run.

Decides: a placeholder's form, that only ours are read as one, and which servers a value came from. Does not decide
where a value may go back to (`restoring`).

`[[secret:github-token:3f9a1c2b]]`: group, kind, and eight digits of an HMAC of the value under the run's key. The same
value has the same placeholder throughout the run and after a resume; without the key nobody can try out values.

A server that writes such a text itself gains nothing by it: in whatever comes in, `[[secret:` becomes `[['secret:`
(one more `'` each time), and that is undone in what goes out. What a placeholder stands for is told by this table
alone, never by where its text was seen.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from tool_gateway.redaction.scanner import Group

PLACEHOLDER = re.compile(r"\[\[(secret|pii):([a-z0-9][a-z0-9_.-]{0,63}):([0-9a-f]{8,16})\]\]")
KIND = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""Names a kind may have."""

MAX_VALUES = 50_000
MAX_CHARACTERS = 32 * 1024 * 1024
"""Bounds on what is kept for one run. Values beyond them are hidden all the same and cannot be restored."""

MANY = 500
"""Values of one kind from one server. A server that returned more may have listed guesses, to be handed what another
server returned: its word counts only for values that no other server returned."""

_LOOKALIKE = re.compile(r"\[\[('*)(?=(?:secret|pii):)")
_QUOTED = re.compile(r"\[\['('*)(?=(?:secret|pii):)")
_DIGITS = 8
_MORE_DIGITS = 16


def quoted(text: str) -> str:
    """`text` from outside, with everything that begins like a placeholder made to be none."""
    return _LOOKALIKE.sub(r"[['\1", text) if "[[" in text else text


def unquoted(text: str) -> str:
    """The inverse of `quoted`."""
    return _QUOTED.sub(r"[[\1", text) if "[['" in text else text


@dataclass(slots=True)
class Held:
    """One hidden value. `servers` in the order in which they returned it."""

    value: str | int = field(repr=False)
    kind: str
    group: Group
    servers: list[str]


class Placeholders:
    """The table of one run. Never written anywhere.

    Args:
        run_key: Secret bytes that are the same whenever this run goes on.
    """

    def __init__(self, run_key: bytes) -> None:
        if len(run_key) < 16:
            raise ValueError("the run's key must have at least 16 bytes")
        self._key = run_key
        self._held: dict[str, Held] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._characters = 0

    def put(self, value: str | int, *, kind: str, group: Group, server: str) -> str:
        """The placeholder of `value`, which `server` returned."""
        digest = hmac.new(self._key, _spelled(value, kind, group), hashlib.sha256).hexdigest()
        placeholder = f"[[{group}:{kind}:{digest[:_DIGITS]}]]"
        held = self._held.get(placeholder)
        if held is not None and not _same(held.value, value):
            # Two values of 2^32: rather a longer name than the wrong value.
            placeholder = f"[[{group}:{kind}:{digest[:_MORE_DIGITS]}]]"
            held = self._held.get(placeholder)
        if held is None:
            size = len(value) if isinstance(value, str) else 20
            if len(self._held) < MAX_VALUES and self._characters + size <= MAX_CHARACTERS:
                self._characters += size
                self._held[placeholder] = Held(value, kind, group, [server])
                self._count(server, kind)
        elif server not in held.servers:
            held.servers.append(server)
            self._count(server, kind)
        return placeholder

    def get(self, placeholder: str) -> Held | None:
        return self._held.get(placeholder)

    def sources(self, held: Held) -> tuple[str, ...]:
        """The servers whose word counts for where this value came from."""
        if len(held.servers) == 1:
            return tuple(held.servers)
        return tuple(server for server in held.servers if self._counts[server, held.kind] <= MANY)

    def _count(self, server: str, kind: str) -> None:
        self._counts[server, kind] = self._counts.get((server, kind), 0) + 1


def _spelled(value: str | int, kind: str, group: Group) -> bytes:
    type_ = "number" if isinstance(value, int) else "text"
    return f"{group}\0{kind}\0{type_}\0{value}".encode("utf-8", "surrogatepass")


def _same(one: str | int, other: str | int) -> bool:
    return type(one) is type(other) and one == other
