"""Values that were filled into a call, taken out again of what is said about it.

Decides: where in a sentence such a value, or its beginning or end, stands. Does not decide which sentences are passed
through here: all that quote arguments after placeholders were filled in.

A sentence may quote a value escaped and cut, so its first and last characters are looked for and followed as far as
they agree.
"""

from collections.abc import Mapping

from context.visible_text import escape_line

_TELLING = 4
"""Characters of a value that may not be told."""


def masked(text: str, values: Mapping[str, str]) -> str:
    """`text` with the values in it, cut ones too, replaced.

    Args:
        values: Value → its placeholder.
    """
    for value in sorted(values, key=len, reverse=True):
        for form in dict.fromkeys((value, escape_line(value))):
            text = _without(text, form, values[value])
    return text


def _without(text: str, value: str, placeholder: str) -> str:
    if not value:
        return text
    text = text.replace(value, placeholder)
    size = min(_TELLING, len(value))
    text = _cut(text, value, placeholder, size)
    # The same from the end, on both turned round.
    return _cut(text[::-1], value[::-1], placeholder[::-1], size)[::-1]


def _cut(text: str, value: str, placeholder: str, size: int) -> str:
    pieces: list[str] = []
    last = 0
    while (start := text.find(value[:size], last)) >= 0:
        end, follows = start + size, size
        while end < len(text) and follows < len(value) and text[end] == value[follows]:
            end, follows = end + 1, follows + 1
        pieces += [text[last:start], placeholder]
        last = end
    return "".join((*pieces, text[last:]))
