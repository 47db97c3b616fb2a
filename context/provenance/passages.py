"""The passage that a person is shown around a value.

Decides: how much, and that the value itself is in it however its surroundings are written. Does not decide what is
hidden (`context.visible_text`).
"""

from context.visible_text import escape_line

LIMIT = 200
_BEFORE = 60
_VALUE = 120


def passage(text: str, start: int, end: int) -> str:
    """At most 200 characters of `text` around `text[start:end]`, on one line, escaped.

    Escapes count: hidden characters in front of the value cannot push it out of sight.
    """
    value = escape_line(text[start : min(end, start + _VALUE)])
    cut_value = end > start + _VALUE or len(value) > _VALUE
    if len(value) > _VALUE:
        value = value[:_VALUE]
    before = _tail(text, start)
    left = LIMIT - len(before) - len(value) - 2
    if cut_value:
        return f"{before}{value}…"
    window = text[end : end + left]
    after = escape_line(window)
    if len(after) <= left and end + len(window) >= len(text):
        return (before + value + after).rstrip()
    return before + value + after[:left].rstrip() + "…"


def _tail(text: str, start: int) -> str:
    shown = ""
    at = start
    while at > 0:
        char = escape_line(text[at - 1])
        if len(shown) + len(char) > _BEFORE:
            return "…" + shown
        shown = char + shown
        at -= 1
    return shown.lstrip()
