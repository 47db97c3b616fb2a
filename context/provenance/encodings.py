"""What a word says once base64 or hex is taken off it.

Decides: the plain text behind one layer of encoding. Such a text explains where a value comes from and never
proves it.
"""

import base64
import binascii
import contextlib
import re
from urllib.parse import unquote

_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_LONGEST = 1 << 18


def decoded(word: str) -> tuple[str, ...]:
    """The readable texts that `word` encodes: by hex, base64 (either alphabet, padded or not) or percent signs."""
    if not 8 <= len(word) <= _LONGEST:
        return ()
    found: list[str] = []
    plain = word.strip().removeprefix("0x")
    if _HEX.fullmatch(plain):
        found += _readable(bytes.fromhex(plain))
    standard = plain.replace("-", "+").replace("_", "/")
    if _BASE64.fullmatch(standard) and len(standard.rstrip("=")) % 4 != 1:
        bare = standard.rstrip("=")
        with contextlib.suppress(binascii.Error, ValueError):
            found += _readable(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    if "%" in word:
        unquoted = unquote(word)
        if unquoted != word and "\ufffd" not in unquoted:
            found.append(unquoted)
    return tuple(found)


def _readable(data: bytes) -> tuple[str, ...]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ()
    printable = sum(char.isprintable() or char in "\n\t" for char in text)
    return (text,) if len(text) >= 3 and printable == len(text) else ()
