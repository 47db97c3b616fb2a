"""Cuts a file of Cedar into its policies, and finds places in it again.

Decides: where a policy begins and ends, and on which line a word of it stands. Does not decide whether it is Cedar
at all: the engine's parser does, one policy at a time, because it tells no positions.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SKIPPED = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*', re.DOTALL)
"""Texts and comments: no `;` in them ends anything."""

_WORD = re.compile(r"\w+|[^\w\s,\"]")
_MOST_TRIES = 200
_DEEPEST = 50
_MOST_WORDS = 1500


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as it was written.

    Attributes:
        line: Of its first character, from 1.
    """

    file: str
    line: int
    text: str

    def line_of(self, word: str) -> int:
        """The line on which `word` first stands by itself outside comments; the statement's own where it does not."""
        match = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", without_comments(self.text)) if word else None
        return self.line if match is None else self.line + self.text.count("\n", 0, match.start())


def cut(file: str, text: str) -> Iterator[Statement]:
    """The policies of a file, each with its closing `;` if it has one."""
    bare = _SKIPPED.sub(lambda found: _blank(found[0]), text)
    start = 0
    while start < len(text):
        end = bare.find(";", start)
        end = len(text) if end < 0 else end + 1
        # Of what was blanked only comments may be passed over: a text by itself is a fault to be told.
        begin = start + len(without_comments(text[start:end])) - len(without_comments(text[start:end]).lstrip())
        if begin < end:
            yield Statement(file, text.count("\n", 0, begin) + 1, text[begin:end])
        start = end


def too_deep(text: str) -> str | None:
    """Why a text may not reach the engine's parser, which recurses until the process dies; None where it may."""
    depth = 0
    bare = masked(text)
    for char in bare:
        depth += (char in "([{<") - (char in ")]}>")
        if depth > _DEEPEST:
            return f"it is nested deeper than {_DEEPEST} levels"
    return None


def too_long(text: str) -> str | None:
    """The same for one policy, whose operators nest without brackets."""
    if sum(1 for _ in _WORD.finditer(masked(text))) > _MOST_WORDS:
        return f"one policy has more than {_MOST_WORDS} words and signs"
    return too_deep(text)


def without_comments(text: str) -> str:
    """`text` with blanks for comments, so that places stay what they are."""
    return _SKIPPED.sub(lambda found: _blank(found[0]) if found[0].startswith("//") else found[0], text)


def masked(text: str) -> str:
    """`text` with blanks for comments and for texts in quotes."""
    return _SKIPPED.sub(lambda found: _blank(found[0]), text)


def lines_before(text: str, token: str, parse: Callable[[str], object]) -> int:
    """How many lines precede the `token` on which a parser that tells no positions stopped.

    That is its first place up to which the text is already wrong, not only unfinished; 0 where none is found. A
    parser that recovers may still call it unfinished there, and see the fault once something follows.

    Args:
        parse: Raises ValueError: `end of input` for a text that is only unfinished, else naming the token.
    """
    tails = ("",) if token == ";" else ("", " ;")
    for tried, end in enumerate(_ends(text, token)):
        if tried == _MOST_TRIES:
            break
        for tail in tails:
            try:
                parse(text[:end] + tail)
            except ValueError as error:
                if f"unexpected token `{token}`" in str(error):
                    return text.count("\n", 0, end)
    return 0


def _ends(text: str, token: str) -> Iterator[int]:
    """Where `token` ends in `text`, comments left out."""
    bare = without_comments(text) if token.startswith('"') else masked(text)
    edge = r"\b" if re.match(r"\w", token) else ""
    for found in re.finditer(edge + re.escape(token) + edge, bare):
        yield found.end()


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)
