"""Proposed arguments brought into the one form that is judged, digested and sent.

Decides: what is no JSON object of reasonable size, and the canonical form of what is. Does not decide
whether it fits the tool's schema (`gates/schema.py`).

After this step nothing about the value depends on who reads it: RFC 8785 written and parsed back, no
integer that a JavaScript server would round, no text that is no Unicode (docs/threat-model.md rows 37-41).
"""

from dataclasses import replace
from typing import cast

from context.decisions import Deny, Reason
from context.json_values import SAFE_INTEGER, JsonObject, NotCanonical, canonical_bytes, parse_canonical
from context.visible_text import escape_line
from tool_gateway.arguments.paths import written
from tool_gateway.interface import CallProposal

GATE = "form"
MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_BYTES = 1024 * 1024
_EXCERPT = 120


def form(call: CallProposal) -> CallProposal | Deny:
    """`call` with canonical arguments, or the refusal that tells the model what to send instead.

    Arguments that were left out are an empty object.
    """
    if call.malformed is not None:
        return _deny(
            "malformed_arguments",
            f"the arguments were no JSON object but {_excerpt(call.malformed)}",
            "Repeat the call with the arguments as one JSON object",
        )
    if call.arguments is None:
        return replace(call, arguments={})
    fault = _first_fault(call.arguments)
    if fault is not None:
        return Deny((fault,))
    try:
        data = canonical_bytes(call.arguments)
        if len(data) > MAX_BYTES:
            return _deny(
                "arguments_too_large",
                f"the arguments have {len(data):,} bytes; the limit is {MAX_BYTES:,}",
                "Send less in one call",
            )
        canonical = parse_canonical(data)
    except (NotCanonical, ValueError, RecursionError) as exc:
        return _deny("not_canonical", f"the arguments have no canonical form: {escape_line(str(exc), _EXCERPT)}", None)
    return replace(call, arguments=cast("JsonObject", canonical))


def _first_fault(arguments: JsonObject) -> Reason | None:
    """The first value that cannot be sent as it is. Counts as it goes: hostile input costs no more than the limits."""
    level: list[tuple[tuple[str | int, ...], object]] = [((), arguments)]
    values = 0
    for _ in range(MAX_DEPTH):
        below: list[tuple[tuple[str | int, ...], object]] = []
        for path, value in level:
            if isinstance(value, dict):
                held = list(cast("dict[object, object]", value).items())
            elif isinstance(value, list):
                held = list(enumerate(cast("list[object]", value)))
            else:
                fault = _scalar_fault(path, value)
                if fault is not None:
                    return fault
                continue
            values += len(held)
            if values > MAX_VALUES:
                return _reason("arguments_too_large", f"the arguments hold more than {MAX_VALUES:,} values", None)
            for key, item in held:
                if not isinstance(key, str | int) or (isinstance(key, str) and _broken(key)):
                    return _reason("not_unicode", f"a key below {_at(path)} is no Unicode text", "Send valid text")
                below.append(((*path, key), item))
        if not below:
            return None
        level = below
    return _reason(
        "arguments_too_deep", f"the arguments are nested deeper than {MAX_DEPTH} levels", "Send a flatter value"
    )


def _scalar_fault(path: tuple[str | int, ...], value: object) -> Reason | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e21):
        # RFC 8785 writes such a float as an integer, so it is one to whoever reads it next.
        if abs(value) <= SAFE_INTEGER:
            return None
        shown = str(int(value)) if abs(value) < 10**24 else "with more than 24 digits"
        text = f"the integer {shown} at {_at(path)} is beyond ±(2^53-1) and would change in transit"
        return _reason("integer_too_large", text, "Send it as text if the tool takes text", _where(path))
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            text = f"{value} at {_at(path)} is no JSON number"
            return _reason("not_a_number", text, "Send a finite number", _where(path))
        return None
    if isinstance(value, str):
        if _broken(value):
            text = f"the text at {_at(path)} has an unpaired surrogate"
            return _reason("not_unicode", text, "Send valid text", _where(path))
        return None
    return _reason("not_json", f"the value at {_at(path)} is no JSON value", None, _where(path))


def _broken(text: str) -> bool:
    if text.isascii():
        return False
    return any("\ud800" <= char <= "\udfff" for char in text)


def _where(path: tuple[str | int, ...]) -> str | None:
    return written(path) or None


def _at(path: tuple[str | int, ...]) -> str:
    return written(path) or "the top"


def _excerpt(text: str) -> str:
    return f'"{escape_line(text[: _EXCERPT * 2], _EXCERPT)}"' if text.strip() else "empty"


def _reason(code: str, text: str, remedy: str | None, path: str | None = None) -> Reason:
    return Reason(GATE, code, text, path=path, remedy=remedy)


def _deny(code: str, text: str, remedy: str | None) -> Deny:
    return Deny((_reason(code, text, remedy),))
