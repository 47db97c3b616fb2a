"""Keeps the secrets that a server was given out of everything it says back.

Decides: the forms of a secret that are recognised (as it is, base64 at any alignment, hex, percent-encoded), and what
stands in their place. Does not decide who gets a secret (`files`). No I/O.

It works on decoded values, so that no JSON escape hides anything, and where they enter: nothing above a sandbox
(journal, record, lock, log, screen, model) ever sees the value. A server that cuts a secret into pieces or
encrypts it is not stopped by this; without a network it has nobody to send it to but us.
"""

import base64
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from context.json_values import JsonObject, JsonValue

SHORTEST = 4
"""Characters. A shorter secret would tear holes into ordinary text."""

_SHORTEST_ENCODED = 5
_DEEPEST = 200


class SecretValues:
    """The secrets of one server. `hide…` returns what it was given when there is nothing to hide.

    Args:
        secrets: Name → value.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        forms: dict[str, str] = {}
        for name, value in secrets.items():
            for form in _forms(value):
                forms.setdefault(form, f"[secret {name}]")
        # The longest first: one secret may lie inside another's encoding.
        self._forms = sorted(forms.items(), key=lambda pair: -len(pair[0]))

    def __bool__(self) -> bool:
        return bool(self._forms)

    def hide(self, text: str) -> str:
        """`text` with every known form of a secret replaced."""
        for form, instead in self._forms:
            if form in text:
                text = text.replace(form, instead)
        return text

    def hide_cut(self, text: str) -> str:
        """As `hide`, for the end of a longer text: what it begins with may be the rest of a secret."""
        for form, instead in self._forms:
            for length in range(len(form) - 1, SHORTEST - 1, -1):
                if text.startswith(form[-length:]):
                    return self.hide(instead + text[length:])
        return self.hide(text)

    def hide_in(self, value: JsonValue) -> JsonValue:
        """`value` with every text in it hidden, names of members too, and every number whose digits hold a secret."""
        return self._in(value, 0) if self._forms else value

    def hide_in_object(self, value: JsonObject) -> JsonObject:
        """As `hide_in`."""
        return cast("JsonObject", self.hide_in(value))

    def _in(self, value: JsonValue, depth: int) -> JsonValue:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict) and depth < _DEEPEST:
            return {self.hide(key): self._in(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list) and depth < _DEEPEST:
            return [self._in(item, depth + 1) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = str(value)
            hidden = self.hide(shown)
            return value if hidden == shown else hidden
        return None if isinstance(value, dict | list) else value


def _forms(value: str) -> list[str]:
    data = value.encode()
    forms = [value, quote(value, safe=""), quote(value), data.hex(), data.hex().upper()]
    for shift in range(3):
        # What is before and behind the secret shares the first and the last characters of its encoding.
        encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        first = -(-8 * shift // 6)
        last = (8 * (shift + len(data))) // 6
        core = encoded[first:last]
        forms += [core, core.replace("+", "-").replace("/", "_")]
    return [value, *(form for form in forms if form != value and len(form) >= _SHORTEST_ENCODED)]
