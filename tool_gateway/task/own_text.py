"""What of a prompt is the user speaking, and what the user only quotes.

Decides: where quotations begin and end, and the words, values and marks in between. Does not decide what the words
mean (`clauses.py`).

People paste mails, logs and pages into their prompts. What they paste was written by somebody else, so it asks for
nothing: text in quotation marks, code fences, `>` lines, everything after a line of dashes, after mail headers, or
after a line that announces it ("Here is the mail:"). Where marks do not match, as when the quoted text has marks of
its own, the quotation lasts to the last one: too much quoted costs a question, too little a transfer. A quoted word
can still be a name, when it is one file name or stands where a title stands: *the mail "Lease"*.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from context.provenance.interface import ValueKind
from tool_gateway.task.written_values import Written, kinds_of, written_values

MOST_OWN_CHARACTERS = 200_000
"""Of the user's own words. A longer text asks for nothing, so that everything it does is asked about."""

_FENCE = re.compile(r"(?m)^[ \t]{0,8}(`{3,}|~{3,})")
_RULE = re.compile(r"(?m)^[ \t]*(?:-{3,}|_{3,}|={3,}|\*{3,}|-{2,8}[ ]?\w[^\n]{0,60}-{2,8})[ \t]*$")
_HEADER = re.compile(
    r"(?mi)^(?:from|to|cc|bcc|date|sent|subject|reply-to|von|an|betreff|datum|gesendet)[ \t]*:[^\n]*\n"
    r"(?:from|to|cc|bcc|date|sent|subject|reply-to|message-id|von|an|betreff|datum|gesendet)[ \t]*:"
)
_LEAD = re.compile(
    r"(?mi)^(?:[^\n]{0,200}\b)?(?:"
    r"(?:here(?:'s|’s| is| are)|this is|these are|below (?:is|are)|i (?:got|received|have received)|see|"
    r"hier (?:ist|sind)|das ist|folgende[rnms]?|the following|original)\b[^\n]{0,80}\b"
    r"(?:(?:e-?)?mails?|messages?|texts?|contents?|letters?|documents?|pages?|notes?|logs?|output|transcript|chat|invoice|bill|"
    r"nachricht|texte?|inhalt|brief|dokument|seite|rechnung|verlauf)\b[^\n:]{0,80}"
    r"|\b(?:said|says|wrote|writes|reads|replied|schrieb|schreibt|sagte|sagt|lautet)\b[^\n:]{0,60}"
    r"|original message[^\n:]{0,20}"
    r"):"
)
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]{0,40})[^<>\n]{0,200}>")
_QUOTE = re.compile(
    r'"[^"\n]*"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|»[^«\n]*«|‹[^›\n]*›|`[^`\n]*`'
    r"|(?<![\w])'(?=\S)[^'\n]*(?:'(?=\w)[^'\n]*)*'(?!\w)|(?<![\w])‘[^\n’]*(?:’(?=\w)[^\n’]*)*’(?!\w)"
)
_OPEN = re.compile(r'["“„«»`]')
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|[-'’](?=[^\W\d_]))*|\n[ \t]*\n|\n|[^\s\w]|\S")


_CLOSING = '"”“»«`'


@dataclass(frozen=True, slots=True)
class Token:
    """One word, value, quotation or mark of the user's own text.

    Attributes:
        lower: In lower case, without a possessive ending.
        kinds: Of a value, or of a quotation that is one value as a whole.
        possessive: "Anna's".
        start, end: Characters in the prompt.
    """

    kind: Literal["word", "value", "quote", "mark"]
    text: str
    lower: str
    start: int
    end: int
    kinds: frozenset[ValueKind] = frozenset()
    possessive: bool = False


@dataclass(frozen=True, slots=True)
class OwnText:
    """A prompt, read.

    Attributes:
        tokens: Of the user's own words.
        written: Every value in the prompt, quotations included.
        doubtful: Of blocks without a sure end, where words of the user may stand: they can still forbid.
        too_long: There were more own words than are read; there are no tokens then.
    """

    prompt: str
    tokens: tuple[Token, ...]
    doubtful: tuple[Token, ...]
    written: tuple[Written, ...]
    too_long: bool = False

    def words(self, first: int, last: int) -> str:
        """The prompt from one token to another, both included."""
        return self.prompt[self.tokens[first].start : self.tokens[last].end]


def read_text(prompt: str) -> OwnText:
    """`prompt` in tokens, quotations set apart. Takes time linear in its length."""
    written = tuple(written_values(prompt))
    own, doubtful = _spans(prompt)
    if sum(end - start for start, end in own) > MOST_OWN_CHARACTERS:
        return OwnText(prompt, (), (), written, too_long=True)
    values = {value.start: value for value in written}
    tokens: list[Token] = []
    quoted_to = 0
    for start, end in own:
        if end <= quoted_to:
            continue  # a quotation that was opened before a block goes on behind it
        for token in _tokens(prompt, max(start, quoted_to), end, values):
            tokens.append(token)
            if token.kind == "quote" and not token.text:
                last = max(prompt.rfind(mark, token.start + 1) for mark in _CLOSING)
                quoted_to = last + 1 if last >= 0 else len(prompt)
            if token.kind == "quote" and "\n" in prompt[token.start : token.end]:
                doubtful.append((token.start, token.end))
        # A block ends the sentence it interrupts.
        tokens.append(Token("mark", "\n\n", "\n\n", end, end))
    rest = tuple(token for start, end in doubtful for token in _plain(prompt, start, end, values))
    return OwnText(prompt, tuple(tokens), rest, written)


def _spans(prompt: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What is the user's own, and what of the rest has no sure end."""
    end = len(prompt)
    for pattern in (_RULE, _HEADER):
        match = pattern.search(prompt)
        if match is not None:
            end = min(end, match.start())
    lead = _announced(prompt, end)
    if lead is not None:
        end = lead
    blocks: list[tuple[int, int]] = []
    # Over the whole prompt: what ends it may stand inside one of these, before its closing mark.
    fences = list(_FENCE.finditer(prompt))
    if fences:
        last = prompt.find("\n", fences[-1].end())
        blocks.append((fences[0].start(), len(prompt) if len(fences) == 1 or last < 0 else last))
    opened: dict[str, int] = {}
    closed: dict[str, int] = {}
    for match in _TAG.finditer(prompt):
        if match[1]:
            closed[match[2].lower()] = match.end()
        else:
            opened.setdefault(match[2].lower(), match.start())
    blocks += [(start, closed[name]) for name, start in opened.items() if closed.get(name, -1) > start]
    doubtful = [*blocks, (end, len(prompt))]
    blocks.extend((match.start(), match.end()) for match in re.finditer(r"(?m)^[ \t]*>[^\n]*$", prompt[:end]))
    spans: list[tuple[int, int]] = []
    position = 0
    for start, stop in sorted(blocks):
        if start >= end:
            break
        if start > position:
            spans.append((position, start))
        position = max(position, stop)
    if position < end:
        spans.append((position, end))
    return spans, doubtful


def _announced(prompt: str, end: int) -> int | None:
    """Where a text begins that the words before it announce."""
    position = 0
    for line in prompt[:end].split("\n"):
        if ":" in line:
            match = _LEAD.match(line[:400])
            if match is not None:
                return position + match.end()
        position += len(line) + 1
    return None


def _tokens(prompt: str, start: int, end: int, values: dict[int, Written]) -> Iterator[Token]:
    position = start
    while position < end:
        quoted = _QUOTE.search(prompt, position, end)
        opened = _OPEN.search(prompt, position, quoted.start() if quoted else end)
        if opened is not None:
            # Opened and not closed on its line: it lasts to the last mark of the text, or to its end.
            yield from _plain(prompt, position, opened.start(), values)
            last = max(prompt.rfind(mark, opened.end()) for mark in _CLOSING)
            yield Token("quote", "", "", opened.start(), min(end, last + 1) if last >= 0 else end)
            if last < 0 or last >= end:
                return
            position = last + 1
            continue
        yield from _plain(prompt, position, quoted.start() if quoted else end, values)
        if quoted is None:
            return
        inner = quoted[0][1:-1].strip()
        yield Token("quote", inner, inner.lower(), quoted.start(), quoted.end(), kinds_of(inner[:2000]))
        position = quoted.end()


def _plain(prompt: str, start: int, end: int, values: dict[int, Written]) -> Iterator[Token]:
    position = start
    while position < end:
        value = values.get(position)
        if value is not None and value.end <= end:
            yield Token("value", value.text, value.text.lower(), value.start, value.end, value.kinds)
            position = value.end
            continue
        match = _WORD.match(prompt, position, end)
        if match is None:
            position += 1
            continue
        text = match[0]
        if text[0] == "\n":
            yield Token("mark", "\n\n" if text.count("\n") > 1 else "\n", "\n", position, match.end())
        elif text[0].isalpha():
            yield _word(text, position, match.end())
        else:
            yield Token("mark", text, text, position, match.end())
        position = match.end()


def _word(text: str, start: int, end: int) -> Token:
    lower = text.lower().replace("’", "'")
    possessive = lower.endswith("'s") and lower not in {
        "let's",
        "it's",
        "that's",
        "what's",
        "who's",
        "where's",
        "how's",
    }
    return Token("word", text, lower[:-2] if possessive else lower, start, end, frozenset(), possessive)
