"""Identifiers: sortable for rows that people see, W3C for traces.

Decides: their forms. Does not decide uniqueness of foreign ids; those are never used as ours.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """`prefix_` and 20 characters: 9 of milliseconds (sortable until 3084), 11 (55 bits) random."""
    stamp = time.time_ns() // 1_000_000
    number = (stamp << 55) | secrets.randbits(55)
    chars: list[str] = []
    for _ in range(20):
        number, index = divmod(number, 32)
        chars.append(_ALPHABET[index])
    return f"{prefix}_{''.join(reversed(chars))}"


def new_trace_id() -> str:
    """32 hex digits, never all zero (W3C Trace Context, level 1, section 3.2.2.3)."""
    return secrets.token_hex(15) + f"{secrets.randbelow(255) + 1:02x}"


def new_span_id() -> str:
    """16 hex digits, never all zero."""
    return secrets.token_hex(7) + f"{secrets.randbelow(255) + 1:02x}"
