"""JSON values in the one form that is decided on, digested and sent (RFC 8785, JCS).

Decides: what counts as a JSON value, its canonical bytes, and its digest. Does not decide
limits on depth or size of foreign input: that is the decoder's (`sandboxes`) and the form
gate's (`tool_gateway`) business.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import rfc8785
from typing_extensions import TypeAliasType

JsonScalar: TypeAlias = str | int | float | bool | None
if TYPE_CHECKING:
    JsonValue: TypeAlias = "JsonScalar | list[JsonValue] | dict[str, JsonValue]"
else:  # pydantic resolves a recursive alias only when it has a name of its own
    JsonValue = TypeAliasType("JsonValue", "JsonScalar | list[JsonValue] | dict[str, JsonValue]")
JsonObject: TypeAlias = dict[str, JsonValue]

SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON implementation reads back exactly (RFC 7493, I-JSON)."""


class NotCanonical(ValueError):
    """The value has no canonical form.

    Attributes:
        path: Where, as an argument path such as `order.items[2].price`; empty for the whole value.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def canonical_bytes(value: object) -> bytes:
    """The RFC 8785 encoding of `value`.

    Raises:
        NotCanonical: an integer beyond ±(2^53-1), NaN or infinity, an unpaired surrogate, or a
            type that JSON does not have. The message names the place.
    """
    try:
        quick = _QUICK.encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        quick = None  # the exact encoder below refuses it in its own words
    if quick is not None and _written_alike(value):
        return quick
    try:
        return rfc8785.dumps(cast("JsonValue", value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as exc:
        path, reason = _first_fault(value)
        raise NotCanonical(reason or str(exc), path) from exc


def canonicalise(value: object) -> JsonValue:
    """`value` written canonically and parsed back: the value that is judged is the value that is sent.

    Raises:
        NotCanonical: see `canonical_bytes`; also a float such as 1e20, whose canonical form is an integer
            beyond ±(2^53-1).
    """
    return parse_canonical(canonical_bytes(value))


def parse_canonical(data: bytes) -> JsonValue:
    """What `canonical_bytes` wrote, as a value again.

    Raises:
        NotCanonical: see `canonicalise`.
    """
    return cast("JsonValue", json.loads(data, parse_int=_safe_int))


def digest(value: object) -> str:
    """`sha256:` and the hex SHA-256 of the canonical bytes."""
    return digest_bytes(canonical_bytes(value))


def digest_bytes(data: bytes) -> str:
    """`sha256:` and the hex SHA-256 of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


_SCALARS = (str, int, float, type(None))


def leaves(value: object, path: str = "") -> Iterator[tuple[str, JsonScalar]]:
    """Every scalar with its concrete path (`files[0].path`), in document order."""
    if isinstance(value, _SCALARS):  # told first: to ask whether a text is a mapping takes longer
        yield path, cast("JsonScalar", value)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, cast("JsonScalar", value)


_QUICK = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
"""The standard library's compiled encoder: several times as fast as the exact one, which is Python."""

_SAME = frozenset({str, bool, type(None)})
"""Written the same by both, whatever the value."""


def _written_alike(value: object) -> bool:
    """Whether RFC 8785 writes `value`, which `_QUICK` could encode, exactly as `_QUICK` does.

    The two differ in the order of keys beyond the BMP (UTF-16 units against code points), in keys that are no
    texts, in unsafe integers, and in how floats are written that are whole or tiny. Doubt says no.
    """
    level: list[object] = [value]
    for item in level:  # grows as it goes; ends, because what holds itself could not be encoded
        kind = type(item)
        if kind is dict:
            held = cast("dict[object, object]", item)
            for key in held:
                if type(key) is not str or not key.isascii():
                    return False
            if not _SAME.issuperset(map(type, held.values())):
                level.extend(held.values())
        elif kind is list or kind is tuple:
            items = cast("list[object]", item)
            if not _SAME.issuperset(map(type, items)):
                level.extend(items)
        elif kind is int:
            if not -SAFE_INTEGER <= cast("int", item) <= SAFE_INTEGER:
                return False
        elif kind is float:
            number = cast("float", item)
            if number.is_integer() or abs(number) < 1e-4:
                return False
        elif kind not in _SAME:
            return False
    return True


def _safe_int(digits: str) -> int:
    number = int(digits)
    if abs(number) > SAFE_INTEGER:
        raise NotCanonical(f"number {digits} is beyond ±(2^53-1) and would change in transit")
    return number


def _first_fault(value: object) -> tuple[str, str | None]:
    try:
        for path, leaf in leaves(value):
            if isinstance(leaf, bool) or leaf is None:
                continue
            if isinstance(leaf, int) and abs(leaf) > SAFE_INTEGER:
                shown = str(leaf) if leaf.bit_length() < 200 else f"of {leaf.bit_length()} bits"
                return path, f"integer {shown} at {path or 'the top'} is beyond ±(2^53-1) and would change in transit"
            if isinstance(leaf, float) and (leaf != leaf or leaf in (float("inf"), float("-inf"))):
                return path, f"{leaf} at {path or 'the top'} is not a JSON number"
            if isinstance(leaf, str) and any("\ud800" <= char <= "\udfff" for char in leaf):
                return path, f"unpaired surrogate in the text at {path or 'the top'}"
    except RecursionError:
        return "", "nested too deeply"
    return "", None
