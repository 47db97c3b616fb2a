"""Sizes, spans of time and rates as operators write them.

Decides: their spelling. Does not decide what they bound.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SIZE = re.compile(r"(\d+)\s*([kmgt]?)b?", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SPAN_UNITS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_size(value: Any) -> int:
    """Bytes from `512m`, `1g`, `65536`.

    Raises:
        ValueError: not a size.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no size; write for example 512m")
    return int(match[1]) * _SIZE_UNITS[match[2].lower()]


def parse_span(value: Any) -> float:
    """Seconds from `60s`, `1.5m`, `200ms`, `60`.

    Raises:
        ValueError: not a time span.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no time span; write for example 60s")
    return float(match[1]) * _SPAN_UNITS[match[2]]


Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Span = Annotated[float, BeforeValidator(parse_span), Field(gt=0)]


_RATE = re.compile(r"(\d+)\s*/\s*(\d*(?:\.\d+)?\s*(?:ms|s|m|h|d)|\d+)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `seconds`."""

    count: int
    seconds: float


def parse_rate(value: Any) -> Rate:
    """A rate from `60/m`, `5/s`, `100/10s`.

    Raises:
        ValueError: not a rate.
    """
    if isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) < 1:
        raise ValueError(f"{value!r} is no rate; write for example 60/m")
    span = match[2].strip()
    seconds = parse_span(span if span[0].isdigit() else f"1{span}")
    if seconds <= 0:
        raise ValueError(f"{value!r} is no rate; write for example 60/m")
    return Rate(int(match[1]), seconds)


RateText = Annotated[Rate, BeforeValidator(parse_rate)]
