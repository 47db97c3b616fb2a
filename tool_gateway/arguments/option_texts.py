"""Texts that a command line would read as an option instead of a value: `--output=/etc/passwd`.

Decides: when a text counts as one. Does not decide where that matters (`no_option`).
"""

import unicodedata

from context.visible_text import is_hidden


def reads_as_option(text: str) -> bool:
    """Whether `text` begins with a dash, after white space, quotes and invisible characters, in any width.

    Servers trim, unquote and normalise before they build a command line: what they would take away is
    looked through.
    """
    for char in text:
        if char.isspace() or is_hidden(char) or unicodedata.combining(char) or char in _QUOTES:
            continue
        return unicodedata.normalize("NFKC", char).startswith("-") or char in _DASHES
    return False


# Dashes that some servers turn into a hyphen-minus when they clean up typography: hyphen to horizontal
# bar, the minus sign, small and full-width forms.
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_QUOTES = frozenset("\"'`\\")
