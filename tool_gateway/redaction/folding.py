r"""A text as it would be read with its disguises taken off, and the way back to the original's characters.

Decides: what counts as a disguise: hidden characters (raw, or written out as `\u200b`), JSON and source-code escapes
(`\"`, `\/`, `\n`, `\u0067`), full-width and other compatibility forms of ASCII, digits of other scripts. Does not
decide what is a secret: rules are run over the original *and* over this reading of it, and what they find here is
replaced there.

The reading is cheap and has no way back; the way back is only computed for a text in which something was found.
"""

import re
import unicodedata

from context.visible_text import is_hidden

_ORDINARY = re.compile(r"[\n\t\x20-\x7e]*")
_ESCAPE = re.compile(r"""\\(?:["'/nrt]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2})""")
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_REMEMBERED = 20_000


class _Plain(dict[int, str]):
    """Code point → what it is read as. Remembers, up to a bound."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        read = _read(char)
        if len(self) < _REMEMBERED:
            self[code] = read
        return read


def folded(text: str) -> str:
    """`text` without disguises; the same object when there are none."""
    plain = text if _ORDINARY.fullmatch(text) else text.translate(_PLAIN)
    if "\\" in plain:
        plain = _ESCAPE.sub(lambda match: _unescaped(match[0]), plain)
    return plain


def offsets(text: str) -> list[int]:
    """For each character of `folded(text)` where in `text` it begins, and last the length of `text`."""
    starts: list[int] = []
    plain: list[str] = []
    for index, char in enumerate(text):
        read = _PLAIN[ord(char)]
        plain.append(read)
        starts.extend([index] * len(read))
    starts.append(len(text))
    whole = "".join(plain)
    if "\\" not in whole:
        return starts
    found: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(whole):
        found.extend(starts[last : match.start()])
        found.extend([starts[match.start()]] * len(_unescaped(match[0])))
        last = match.end()
    found.extend(starts[last:])
    return found


def _unescaped(escape: str) -> str:
    kind = escape[1]
    if kind in _SHORT:
        return _SHORT[kind]
    if kind not in "uUx":
        return kind
    code = int(escape[2:], 16)
    return _PLAIN[code] if code <= 0x10FFFF else escape


def _read(char: str) -> str:
    if is_hidden(char):
        # Its own escape was made of it by whoever shows hidden characters; neither belongs to any secret.
        return "\n" if char in "\x85\u2028\u2029\r" else ""
    if char < "\x80":
        return char
    digit = unicodedata.digit(char, None)
    if digit is not None and unicodedata.category(char) == "Nd":
        return str(digit)
    simple = unicodedata.normalize("NFKC", char)
    return simple if simple.isascii() else char


_PLAIN = _Plain()
