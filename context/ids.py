"""Identifiers: sortable for rows that people see, W3C for traces.

Decides: their forms. Does not decide uniqueness of foreign ids; those are never used as ours.
"""

import os
import secrets
import time

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"
_EVERY_BYTE = _ALPHABET * 8
"""Maps each byte to a character, each character from equally many."""


def new_id(prefix: str) -> str:
    """`prefix_` and 20 characters: 9 of milliseconds (sortable until 3084), 11 (55 bits) random."""
    stamp = time.time_ns() // 1_000_000
    chars = bytearray(os.urandom(20))
    for place in range(9):
        chars[8 - place] = stamp >> 5 * place & 31
    return f"{prefix}_{chars.translate(_EVERY_BYTE).decode()}"


def new_trace_id() -> str:
    """32 hex digits, never all zero (W3C Trace Context, level 1, section 3.2.2.3)."""
    return secrets.token_hex(15) + f"{secrets.randbelow(255) + 1:02x}"


def new_span_id() -> str:
    """16 hex digits, never all zero."""
    return secrets.token_hex(7) + f"{secrets.randbelow(255) + 1:02x}"
