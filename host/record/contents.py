"""Contents: values that stand in the record only as salted digests, so that they can be erased.

Decides: how a value becomes bytes, and the digest over them. Does not decide where salt and bytes are kept
(the journal's `contents` table), nor what counts as content (the entry says).

The salt keeps a digest from being guessed: `true`, a city or an amount has few possible values. Each content
has a salt of its own; with salt and bytes deleted the digest says nothing, and the chain still verifies.
"""

import hmac
import json
import os
from dataclasses import dataclass

from context.json_values import JsonValue, NotCanonical, canonical_bytes

_PREFIX = "hmac-sha256:"


@dataclass(frozen=True, slots=True)
class Content:
    """What is kept of one value.

    Attributes:
        salt: 32 random bytes, the HMAC key.
        value: JSON text; `read` gives the value back.
    """

    salt: bytes
    value: bytes

    @property
    def digest(self) -> str:
        return _PREFIX + hmac.digest(self.salt, self.value, "sha256").hex()

    def matches(self, digest: str) -> bool:
        return hmac.compare_digest(self.digest, digest)

    def read(self) -> JsonValue:
        return json.loads(self.value)


def sealed(value: JsonValue) -> Content:
    """`value` with a fresh salt.

    Bytes are RFC 8785 where the value has that form. Arguments that were refused for lacking it (an integer
    beyond ±(2^53-1), an unpaired surrogate) are kept exactly, as plain ASCII JSON.
    """
    try:
        data = canonical_bytes(value)
    except NotCanonical:
        data = _plain(value)
    return Content(os.urandom(32), data)


def _plain(value: JsonValue) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    except (RecursionError, TypeError, ValueError) as error:
        return json.dumps({"omitted": type(error).__name__}).encode()
