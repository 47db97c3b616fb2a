"""The content rule: free text may be the model's, and may quote what was read, as long as it plants nothing.

Decides: whether a subject, body or message is harmless: no address, link, account, telephone or longer number that
the user's words or a public trusted source do not have, and no other text where the user dictated one. Does not
decide who may receive it: the recipient is judged as a sink of its own (`judgement.py`).

Whatever a reader could follow, dial or pay to counts, also when it is spelled out, spaced out, or written in digits
of another script. What is left is plain lies to somebody whom the user named.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from context.origins import Source
from context.provenance.interface import Sources
from context.visible_text import escape_line, is_hidden
from tool_gateway.provenance.said import Said, words_in
from tool_gateway.provenance.sinks import words_of

_LONGEST = 50_000
_MOST_MARKS = 24
_DIGITS = 5

_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s<>\"'`]+"
    r"|\b(?:mailto|tel|sms|data|javascript|file|skype|bitcoin|ethereum|magnet|callto|facetime|whatsapp)\s?:\s?[^\s<>\"'`]+",
    re.IGNORECASE,
)
_BROKEN_SCHEME = re.compile(r"\bh(?:xx|tt|\*\*)ps?\b", re.IGNORECASE)
# Every alternative starts where a word starts, so that a long text costs linear time.
_ADDRESS = re.compile(r"(?<![^\s@<>\"'(),;:])[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_SPELLED = re.compile(
    r"(?<![\w.+-])[\w.+-]+\s{0,2}[\[({<]?\s?\b(?:at|ät)\b\s?[\])}>]?\s{0,2}[\w-]+(?:\s{0,2}[\[({<]?\s?\b(?:dot|punkt)\b\s?[\])}>]?\s{0,2}[\w-]+)+"
    r"|(?<![\w-])[\w-]+(?:\s{0,2}[\[({<]\s?(?:dot|punkt|\.)\s?[\])}>]\s{0,2}[\w-]+)+"
    r"|(?<![\w-])[\w-]+(?:\sdot\s[\w-]+)+",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@])@[\w][\w.-]{1,63}")
_DOMAIN = re.compile(
    r"(?<![\w.@-])(?:[\w-]{1,63}\.)+([^\W\d_]{2,24})(?::[0-9]{1,5})?(?:/[^\s<>\"'`]*)?(?![\w@])", re.IGNORECASE
)
_IP = re.compile(
    r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])|(?<!\w)(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}(?!\w)", re.I
)
_FILE_ENDINGS = frozenset(
    {
        *("txt", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "tsv", "json", "yaml", "yml", "xml", "png"),
        *("jpg", "jpeg", "gif", "svg", "html", "htm", "log", "ini", "toml", "cfg", "odt", "ods", "ics", "eml", "mp3"),
    }
)
"""Endings of files that are no top-level domains."""
_PLAIN_DATE = re.compile(
    r"(?<![\w.-])(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))"
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?(?![\w-])"
    r"|(?<![\w:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\s?[-–]\s?[0-9]{1,2}:[0-9]{2})?(?![\w:])"
)
_DIGIT_RUN = re.compile(r"[+#]?[0-9](?:[\s().,/\\_–—|-]{0,3}[0-9])*")
_DECIMALS = re.compile(r"[.,][0-9]{1,2}\Z")
_CODE = re.compile(r"(?<![\w+/=-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[^\W\d_])[\w+/=-]{9,}(?![\w+/=-])")
_OPAQUE = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w+/=-])")
_SPOKEN = frozenset(
    {
        *("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    }
)

_CUES: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (
        frozenset({"subject", "title", "headline", "caption", "topic", "summary", "name"}),
        frozenset({"subject", "title", "titled", "headline", "headed", "called", "named", "caption", "betreff"}),
    ),
    (
        frozenset({"body", "text", "message", "content", "contents", "note", "comment", "description", "reply"}),
        frozenset(
            {
                *("body", "text", "message", "content", "contents", "saying", "says", "say", "reads", "reading"),
                *("note", "comment", "description", "write", "tell", "reply", "replying", "words", "text"),
            }
        ),
    ),
)
_LINKING = frozenset(
    {"the", "a", "is", "should", "be", "exactly", "of", "with", "as", "following", "this", "to", "that"}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a free text asks.

    Attributes:
        code: `planted-address` or `dictated-text`.
        because: Half a sentence for people, escaped.
    """

    code: str
    because: str


def content_fault(
    text: str, *, name: str, said: Said, sources: Sources, granted: Callable[[str], bool] = lambda _: False
) -> Fault | None:
    """What speaks against a free text; None where nothing does.

    Args:
        name: The argument's own name.
        granted: Whether a grant lets this very link or address into the text.
    """
    fixed = dictated(name, said)
    if fixed:
        if any(_alike(text, one) for one in fixed):
            return None
        return Fault("dictated-text", "the user dictated another text for it")
    if len(text) > _LONGEST:
        return Fault("planted-address", f"it is longer than the {_LONGEST:,} characters that are looked through")
    found = marks(text)
    if len(found) > _MOST_MARKS:
        return Fault("planted-address", "it has more links, addresses and numbers than are looked up")
    for mark in found:
        if not _is_known(mark, sources) and not granted(mark):
            return Fault(
                "planted-address",
                f"it contains {escape_line(mark, 60)}, which neither the user nor a trusted source named",
            )
    return None


def marks(text: str) -> list[str]:
    """Everything in a text that somebody could follow, dial or pay to, in order of finding."""
    plain = _plain(text)
    found: dict[str, None] = {}
    for pattern in (_SCHEME, _ADDRESS, _SPELLED, _IP, _HANDLE, _BROKEN_SCHEME):
        plain = _taken(pattern, plain, found)
    for match in list(_DOMAIN.finditer(plain)):
        if match[1].lower() not in _FILE_ENDINGS:
            found[match[0].rstrip(".,;:!?)")] = None
    dateless = _PLAIN_DATE.sub(" ; ", plain)
    for pattern in (_CODE, _OPAQUE):
        dateless = _taken(pattern, dateless, found)
    for match in _DIGIT_RUN.finditer(dateless):
        whole = _DECIMALS.sub("", match[0])
        if sum(char.isdigit() for char in whole) >= _DIGITS:
            found[match[0]] = None
    spoken = 0
    for word in words_in(plain):
        spoken = spoken + 1 if word in _SPOKEN else 0
        if spoken == _DIGITS:
            found["a number spelled out in words"] = None
    return list(found)


def dictated(name: str, said: Said) -> tuple[str, ...]:
    """The texts that the user put in quotes for an argument of this name; gaps make one a template instead."""
    words = set(words_of(name)[-1:])
    cues = next((cues for names, cues in _CUES if words & names), frozenset[str]())
    found: list[str] = []
    for quotation in said.quotations:
        before = [word for word in quotation.before if word not in _LINKING]
        if before and before[-1] in cues:
            found.append(quotation.text)
    return tuple(found)


def _taken(pattern: re.Pattern[str], text: str, found: dict[str, None]) -> str:
    """Adds what the pattern finds and leaves a gap there, so that nothing is counted twice."""
    for match in pattern.finditer(text):
        found[match[0].strip().rstrip(".,;:!?)]}")] = None
    return pattern.sub(" ; ", text)


def _plain(text: str) -> str:
    """As a careless reader sees it: no invisible characters, plain forms, digits of any script as ASCII."""
    folded = unicodedata.normalize("NFKC", "".join(char for char in text if not is_hidden(char)))
    if folded.isascii():
        return folded
    return "".join(str(unicodedata.digit(char)) if char.isdigit() and not char.isascii() else char for char in folded)


def _is_known(mark: str, sources: Sources) -> bool:
    return any(sighting.proves and _is_public(sighting.source) for sighting in sources.origin(mark).sightings)


def _is_public(source: Source) -> bool:
    return source.kind != "tool" or not source.label.confidentiality


def _alike(text: str, dictated_text: str) -> bool:
    return " ".join(text.split()).rstrip(".") == " ".join(dictated_text.split()).rstrip(".")
