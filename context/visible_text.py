"""Foreign text made safe to look at: every control and format character becomes a visible escape.

Decides: which characters a person or a model gets to see raw. Does not decide what is kept: the
content store keeps the original bytes.

Covers ANSI and OSC sequences, carriage returns that overwrite a line, bidirectional overrides,
zero-width and invisible tag characters (docs/threat-model.md rows 15, 16, 19-24).
"""

import re
import unicodedata

_KEPT = frozenset("\n\t")
_SHORT = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_PLAIN = re.compile(r"[\n\t\x20-\x7e]*")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Letters and marks that Unicode calls visible yet that draw nothing: Hangul fillers, the braille
# blank, the combining grapheme joiner, variation selectors (a known channel for hidden bytes).
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")


def is_hidden(char: str) -> bool:
    """Whether this character would act on a screen or vanish from it instead of being read."""
    if char in _KEPT:
        return False
    if unicodedata.category(char) in _HIDDEN_CATEGORIES or char in _BLANKS:
        return True
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def escape(text: str) -> str:
    r"""`text` with every hidden character written as `\x1b`, `\u202e` or `\U000e0041`; newline and tab stay."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_written(char) if is_hidden(char) else char for char in text)


def escape_line(text: str, limit: int | None = None) -> str:
    r"""Like `escape`, on one line (`\n`, `\t` written out), cut to `limit` characters with an ellipsis."""
    line = escape(text).replace("\n", "\\n").replace("\t", "\\t")
    if limit is not None and len(line) > limit:
        return line[: max(limit - 1, 0)] + "…"
    return line


def quote(text: str, limit: int | None = None) -> str:
    r"""`text` as it is judged: in double quotes, on one line, so that different texts never look the same.

    A newline is `\n`, a tab `\t`, a backslash `\\`, a quote `\"`, every hidden character and every blank that is no
    plain space `\x1b`, `\u202e` or `\U000e0041`: what a Python string literal means by it, so it can be read back.

    Args:
        limit: Characters of `text` to show. A longer one shows its head and its tail, each in quotes of its own,
            and between them, outside of all quotes, how many are left out.
    """
    if limit is None or len(text) <= limit:
        return f'"{_quoted(text)}"'
    tail = limit // 2
    left_out = len(text) - limit
    ending = f' "{_quoted(text[-tail:])}"' if tail else ""
    return f'"{_quoted(text[: limit - tail])}" … {left_out:,} more characters …{ending}'


def _quoted(text: str) -> str:
    return "".join(_SHORT.get(char) or (_written(char) if _is_unclear(char) else char) for char in text)


def _is_unclear(char: str) -> bool:
    return is_hidden(char) or (char != " " and unicodedata.category(char) == "Zs")


def _written(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
