"""All that one turn asks, on one card: each call, each value with its origin, why it asks, and what a no does.

Decides: what a person gets to read before the answer, and that no foreign text can pass for a line of the card:
every line of it that is not ours carries a mark, and hidden characters are escapes (rows 19-24 of the threat model).
Does not decide which keys mean what (`keys`) nor whether a call must be asked for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from context.calls import ToolRef
from context.json_values import JsonValue
from context.visible_text import escape_line, quote
from host.argument_lines import argument_lines, is_cut
from tool_gateway.approvals import in_words
from tool_gateway.arguments.paths import written
from tool_gateway.interface import ApprovalRequest, CardValue
from tool_gateway.provenance.evidence import Grant, SourcePattern

WIDTH = 100
_NARROWEST = 40
_SHOWN = 1000
_PASSAGE = 600
_PLAIN_VALUES = 40
"""Trusted values shown before the card is expanded; the others are always shown."""

_SOURCE = re.compile(r"([a-z0-9_-]+)\.([A-Za-z0-9_.-]{1,128})(?:\[([^=\]]+)=(.*)\])?")
_KEY = "{key}"


def card(
    *requests: ApprovalRequest,
    expanded: bool = False,
    limit: int | None = _SHOWN,
    width: int | None = WIDTH,
    keys: bool = True,
) -> str:
    """The question as text, ending in the keys.

    Args:
        expanded: Show also the calls outside the task, passages of trusted values, and every value whole.
        limit: Characters shown of one value while it is not expanded.
        width: Columns; None does not wrap.
    """
    page = _Page(width)
    several = len(requests) > 1
    if several:
        agents = ", ".join(dict.fromkeys(escape_line(request.agent, 60) for request in requests))
        page.foreign("  ", f"{len(requests)} calls of this turn ask to be approved   (agent: {agents})", words=True)
    for number, request in enumerate(requests, 1):
        if not is_shown(request, expanded=expanded):
            continue
        if several:
            page.gap()
        _describe(page, request, number if several else None, expanded=expanded, limit=None if expanded else limit)
    _collapse(page, [request for request in requests if not is_shown(request, expanded=expanded)])
    page.say("  ", "if denied: the model is told no and goes on; nothing is sent")
    if keys:
        return f"{page.text}\n{prompt(requests, expanded=expanded, width=width)}"
    return page.text


def is_shown(request: ApprovalRequest, *, expanded: bool) -> bool:
    """Whether a card shows this call, rather than counting it."""
    return expanded or not request.minor


def prompt(requests: Sequence[ApprovalRequest], *, expanded: bool = False, width: int | None = WIDTH) -> str:
    """The keys that mean something on this card, and the place to type."""
    shown = [request for request in requests if is_shown(request, expanded=expanded)]
    all_of_them = " all" if len(shown) > 1 else ""
    keys = [f"[y] allow{all_of_them} once", f"[n REASON] deny{all_of_them}"]
    if any(map(may_stand, shown)):
        keys.append("[a] always")
    if any(endorsements(request, by="") for request in shown):
        keys.append("[e] endorse")
    if len(requests) > 1:
        keys.append("[1y 2n REASON] one by one")
    page = _Page(width)
    page.say("  ", "   ".join([*keys, "[v] view all", "[?] help"]))
    return f"{page.text.lstrip(chr(10))}\n  (Enter denies) › "


def may_stand(request: ApprovalRequest) -> bool:
    """Whether a rule for good can be made of a yes: the tool is pinned and no second person is needed."""
    return bool(request.pin) and not any("+" in expression for expression in request.approvers)


def endorsements(request: ApprovalRequest, *, by: str) -> tuple[Grant, ...]:
    """What `e` would grant: for each value that a tool's result has, that this result may decide it.

    Args:
        by: The person, for the grant's reason.
    """
    found: dict[str, Grant] = {}
    for value in request.values:
        source, arrow, target = (value.endorsement or "").rpartition("=>")
        pattern = _pattern(source)
        ref, colon, argument = target.partition(":")
        if value.trusted or not arrow or pattern is None or not colon or ref != str(request.ref):
            continue
        found[value.endorsement or ""] = Grant(
            source=pattern,
            ref=request.ref,
            argument=argument,
            given_by=f"answer:{request.approval_id}",
            because=f"{by} said so when {escape_line(str(request.ref), 200)} was asked for",
        )
    return tuple(found.values())


def _pattern(text: str) -> SourcePattern | None:
    """The results that a grant is about; None for the model, whose words nobody can look up."""
    match = _SOURCE.fullmatch(text)
    return None if match is None else SourcePattern(ToolRef(match[1], match[2]), match[3], match[4])


def _describe(
    page: "_Page", request: ApprovalRequest, number: int | None, *, expanded: bool, limit: int | None
) -> None:
    ref, effect = escape_line(str(request.ref), 200), escape_line(request.effect, 40)
    if number is None:
        page.foreign(
            "  ", f"{ref} asks to be approved   (effect: {effect}, agent: {escape_line(request.agent, 60)})", words=True
        )
    else:
        outside = ", outside the task" if request.minor else ""
        page.foreign(f"  {number}  ", f"{ref}   (effect: {effect}{outside})", words=True)
    left_out = 0
    for place, (line, value) in enumerate(_told_values(request, limit)):
        if not expanded and place >= _PLAIN_VALUES and value is not None and value.trusted:
            left_out += 1
        else:
            _tell_value(page, line, value, expanded=expanded)
    if left_out:
        page.say("    ", f"… and {left_out} more values from trusted places; [v] shows them")
    if not request.values and request.arguments:
        page.say("    ", "where these values come from was not tracked")
    if limit is not None and is_cut(request.arguments, limit):
        page.say("    ", f"`gatehost approvals show {request.approval_id}` shows all of it")
    for reason in request.reasons:
        page.foreign("    ", f"asked because: {escape_line(reason.text, 600)}", words=True)
    page.foreign("    ", f"rules: {', '.join(escape_line(rule, 200) for rule in request.rules)}", words=True)
    page.foreign("    ", f"may answer: {escape_line(in_words(request.approvers), 400)}", words=True)


def _told_values(request: ApprovalRequest, limit: int | None) -> Iterator[tuple[str, CardValue | None]]:
    """Every value of the call itself, with what is known of it. The call is the truth; its origins are beside it."""
    known: dict[str, list[CardValue]] = {}
    for value in request.values:
        known.setdefault(value.path, []).append(value)
    places = _places(request.arguments)
    for line in argument_lines(request.arguments, limit=limit):
        path, leaf = next(places)
        fitting = [value for value in known.get(path, ()) if value.value == leaf and type(value.value) is type(leaf)]
        if fitting:
            known[path].remove(fitting[0])
        yield line, fitting[0] if fitting else None
    for value in request.values:
        # Names that the caller chose, which stand in no line of their own. A value of a known place stands above.
        if value.path.endswith(_KEY) and value in known[value.path]:
            shown = quote(value.value, limit) if isinstance(value.value, str) else "…"
            yield f"the name {shown} in {escape_line(value.path.removesuffix(_KEY), 200)}", value


def _places(value: JsonValue, parts: tuple[str | int, ...] = ()) -> Iterator[tuple[str, JsonValue]]:
    """The place of each line of `argument_lines`, in the same order, written as origins write it."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _places(item, (*parts, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _places(item, (*parts, index))
    elif parts:
        yield written(parts), value


def _tell_value(page: "_Page", line: str, value: CardValue | None, *, expanded: bool) -> None:
    if value is None:
        page.foreign("    ", line)
        return
    origin = escape_line(value.origin, 300)
    note = f" ({escape_line(value.note, 300)})" if value.note and value.origin not in value.note else ""
    if value.trusted:
        together = f"{line}   ← {origin}{note}"
        if page.fits("    ", together):
            page.foreign("    ", together)
        else:
            page.foreign("    ", line)
            page.foreign("        ", f"← {origin}{note}", words=True)
    else:
        page.foreign("    ", line)
        page.foreign("        ", f"⚠ {origin}, not trusted{note}", words=True)
    if value.passage and (expanded or not value.trusted):
        page.quoted("        ", f'"{escape_line(value.passage, _PASSAGE)}"')


def _collapse(page: "_Page", hidden: Sequence[ApprovalRequest]) -> None:
    """Calls outside the task, in one line. A yes does not reach them: nobody has seen them."""
    if not hidden:
        return
    counted = Counter(escape_line(str(request.ref), 80) for request in hidden)
    named = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in counted.most_common(5))
    more = f", and {len(counted) - 5} more tools" if len(counted) > 5 else ""
    calls = "1 call" if len(hidden) == 1 else f"{len(hidden)} calls"
    page.gap()
    page.foreign("  ", f"outside the task, denied unless you view them [v]: {calls} ({named}{more})", words=True)


class _Page:
    """Lines of a fixed width. What goes on in a next line is marked, so that no text can begin a line of its own."""

    def __init__(self, width: int | None) -> None:
        self._width = None if width is None else max(width, _NARROWEST)
        self._lines: list[str] = [""]

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def gap(self) -> None:
        if self._lines[-1]:
            self._lines.append("")

    def fits(self, indent: str, text: str) -> bool:
        return self._width is None or _cells(indent + text) <= self._width

    def say(self, indent: str, text: str) -> None:
        """Our own words."""
        self._lines.extend(line.rstrip() for line in self._cut(text, indent, " " * len(indent), words=True))

    def foreign(self, indent: str, text: str, *, words: bool = False) -> None:
        self._lines.extend(self._cut(text, indent, f"{' ' * len(indent)}  ┆ ", words=words))

    def quoted(self, indent: str, text: str) -> None:
        self._lines.extend(self._cut(text, f"{indent}│ ", f"{indent}│ ", words=True))

    def _cut(self, text: str, first: str, following: str, *, words: bool) -> Iterator[str]:
        prefix = first
        while self._width is not None and _cells(prefix + text) > self._width:
            end = _end(text, self._width - _cells(prefix), words=words)
            yield prefix + text[:end]
            text, prefix = text[end:], following
        yield prefix + text


def _end(text: str, cells: int, *, words: bool) -> int:
    """How many characters fit in a line; behind a blank where whole words are wanted and one is near."""
    used = 0
    for end, char in enumerate(text):
        used += _cells(char)
        if used > cells:
            blank = text.rfind(" ", end - cells // 2, end) if words else -1
            return max(blank + 1 if blank > 0 else end, 1)
    return len(text)


def _cells(text: str) -> int:
    """Columns that a terminal takes for it."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
