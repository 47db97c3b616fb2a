"""Hides secrets and personal data in what servers return, and puts them back into what goes to them.

Decides: what in texts and structured values is replaced by a placeholder, what an exception leaves, and what the
arguments of a call become when placeholders in them are filled in again. Does not decide what is a secret (`rules`,
`personal`), nor to which server a value may go back (`restoring`, and policy).

Redacts rather than blocks. Works on decoded values, so that no JSON escape hides anything. A secret that a server cuts
into pieces over several fields, or encrypts, is not found; images and other binary content are not looked into.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from context.decisions import Deny, Reason
from context.json_values import SAFE_INTEGER, JsonObject, JsonValue
from context.visible_text import escape, escape_line
from tool_gateway.redaction.guards import is_password
from tool_gateway.redaction.masking import masked
from tool_gateway.redaction.personal import PersonalRule, personal_rules
from tool_gateway.redaction.placeholders import PLACEHOLDER, Placeholders, quoted, unquoted
from tool_gateway.redaction.rules import SHIPPED, SecretRule
from tool_gateway.redaction.scanner import Group, Scanner, Selection, Span

GATE = "redaction"
MAX_RESTORED = 4 * 1024 * 1024
"""Characters that placeholders of one call may be filled in with."""

_LISTED = 20
_SHORTEST_NUMBER = 10**6
_LONGEST_NUMBER = 20
"""Digits. No card or national id is longer."""
_LONGEST_KEY = 200
_PASSWORD_NAME = re.compile(r"(?:passw(?:or)?d|passphrase|passcode|(?:^|[^a-z])pwd)[0-9]{0,2} = $", re.IGNORECASE)


_Place: TypeAlias = "str | tuple[_Place, str | int]"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that was found in one result. Holds no value.

    Attributes:
        excepted: Left as it was, because the operator says so for this tool (`unredacted`).
        placeholders: What stands there instead, each once, at most 20.
        places: Where: `content[0]`, `structured.user.card`; each once, at most 20.
    """

    kind: str
    group: Group
    count: int
    excepted: bool = False
    placeholders: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text, fit to be kept and shown."""

    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RedactedValue:
    """A structured value, fit to be kept and shown."""

    value: JsonValue
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """One placeholder that was filled in.

    Attributes:
        path: Of the argument, e.g. `to[0].token`.
        servers: Those that returned the value.
        whole: The placeholder was the whole argument, not a part of a longer text.
    """

    path: str
    kind: str
    group: Group
    placeholder: str
    servers: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """One placeholder with no value behind it."""

    path: str
    placeholder: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """A call's arguments with placeholders filled in.

    Attributes:
        arguments: What would be sent. Holds secrets: judge and send it; keep, show and digest the form with
            placeholders instead.
        changed: Something differs from what the model wrote.
        too_large: Filling in was given up; `arguments` is what the model wrote.
    """

    arguments: JsonObject
    restored: tuple[Restored, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    changed: bool = False
    too_large: bool = False


class Redactor:
    """Of one run. Keeps what it hid in memory only.

    Args:
        run_key: At least 16 secret bytes, the same whenever this run goes on, kept away from journal and record: with
            them, and a placeholder, short values could be tried out.
        rules: Secrets; the shipped ones, with the operator's behind them.
        personal: Personal data.
        declared: Hides every form of the secrets that were declared for any server (and of model keys). Those are
            never restored: no model was ever shown a placeholder for them.
        resumed: The run was paused before, so placeholders from then have no values.
    """

    def __init__(
        self,
        run_key: bytes,
        *,
        rules: Sequence[SecretRule] = SHIPPED,
        personal: Sequence[PersonalRule] | None = None,
        declared: Callable[[str], str] | None = None,
        resumed: bool = False,
    ) -> None:
        self._placeholders = Placeholders(run_key)
        self._scanner = Scanner(rules, personal_rules() if personal is None else personal)
        self._declared = declared
        self._resumed = resumed

    @property
    def kinds(self) -> Mapping[str, Group]:
        """Every kind that can be found, and so excepted by name."""
        return self._scanner.groups

    def redact(self, text: str, *, server: str, unredacted: Iterable[str] = (), place: str = "") -> Redacted:
        """`text` that `server` said, with every secret and personal datum replaced.

        Args:
            unredacted: Kinds that are left as they are; they are found and reported all the same.
            place: What findings name as where.
        """
        tally = _Tally()
        return Redacted(self._text(text, _Call(server, frozenset(unredacted), tally), place), tally.findings())

    def redact_value(
        self, value: JsonValue, *, server: str, unredacted: Iterable[str] = (), place: str = ""
    ) -> RedactedValue:
        """As `redact`, for every text, name of a member and long number in `value`, nested at most as deep as a result
        may be. Of a member its name is read too: `{"password": "…"}`."""
        tally = _Tally()
        texts = list(_texts(value))
        selection = self._scanner.select(texts)
        call = _Call(server, frozenset(unredacted), tally, selection)
        if not selection and self._declared is None and not any("[[" in text for text in texts):
            return RedactedValue(value)
        return RedactedValue(self._value(value, call, place), tally.findings())

    def spoken(self, text: str, *, server: str, limit: int, unredacted: Iterable[str] = ()) -> Redacted:
        """`text` of a server as it may stand on one line: hidden characters visible, redacted, and only then cut.

        For error texts, progress and log messages, input requests: whatever is no result.
        """
        done = self.redact(escape(text), server=server, unredacted=unredacted)
        return Redacted(escape_line(done.text, limit), done.findings)

    def restore(self, arguments: JsonObject) -> Restoration:
        """The arguments with each placeholder of this run replaced by its value, and look-alikes unquoted.

        Args:
            arguments: In canonical form (`form`), which bounds how deep they are.
        """
        filling = _Filling(self._placeholders)
        try:
            filled = cast("JsonObject", filling.value(arguments, ""))
        except _TooLarge:
            return Restoration(arguments, too_large=True)
        return Restoration(filled, tuple(filling.restored), tuple(filling.unknown), filling.changed)

    def refusal(self, restoration: Restoration) -> Deny | None:
        """Why the call cannot go on, whatever policy says: a value that is not known (any more), or too much of it."""
        if restoration.too_large:
            text = f"with its placeholders filled in the call has more than {MAX_RESTORED:,} characters"
            return Deny((Reason(GATE, "restored_too_large", text, remedy="Send fewer of them in one call"),))
        reasons = tuple(self._lost(unknown) for unknown in restoration.unknown[:_LISTED])
        return Deny(reasons) if reasons else None

    def masked(self, text: str, arguments: JsonObject) -> str:
        """`text`, which may quote the filled-in call, with the placeholders again instead of the values.

        Args:
            arguments: As the model wrote them, placeholders and all.
        """
        values: dict[str, str] = {}
        for written in _texts(arguments):
            for match in PLACEHOLDER.finditer(written):
                held = self._placeholders.get(match[0])
                if held is not None:
                    values[str(held.value)] = match[0]
        return masked(text, values) if values else text

    def _lost(self, unknown: Unknown) -> Reason:
        if self._resumed:
            text = f"the value behind {unknown.placeholder} was not kept over the pause"
        else:
            text = f"there is no value of this run behind {unknown.placeholder}"
        remedy = "Read it again" if self._resumed else "Read what holds it, and use the placeholder that stands there"
        return Reason(GATE, "placeholder_unknown", text, path=escape_line(unknown.path, 200) or None, remedy=remedy)

    # One text, one value.

    def _text(self, text: str, call: "_Call", place: "_Place", *, context: str = "") -> str:
        if self._declared is not None:
            hidden = self._declared(text)
            if hidden != text:
                call.tally.add("declared", "secret", place)
                text = hidden
        spans = self._spans(context, text, call, leave=call.unredacted)
        if call.unredacted:
            for span in self._spans(context, text, call, leave=self.kinds.keys() - call.unredacted):
                call.tally.add(span.kind, span.group, place, excepted=True)
        if not spans:
            return quoted(text)
        pieces: list[str] = []
        last = 0
        for span in spans:
            start, end = span.start - len(context), span.end - len(context)
            pieces += [quoted(text[last:start]), self._put(text[start:end], span, call, place)]
            last = end
        pieces.append(quoted(text[last:]))
        return "".join(pieces)

    def _spans(self, context: str, text: str, call: "_Call", *, leave: frozenset[str] | set[str]) -> list[Span]:
        """What is hidden in `text`; under a name like `password` all of it, whatever stands there."""
        if (
            "password" in self.kinds
            and "password" not in leave
            and _PASSWORD_NAME.search(context)
            and is_password(text, quoted=True)
        ):
            return [Span(len(context), len(context) + len(text), "password", "secret", 0)]
        return self._scanner.spans(context + text, skip=len(context), leave=frozenset(leave), selection=call.selection)

    def _put(self, value: str | int, span: Span, call: "_Call", place: "_Place") -> str:
        placeholder = self._placeholders.put(value, kind=span.kind, group=span.group, server=call.server)
        call.tally.add(span.kind, span.group, place, placeholder=placeholder)
        return placeholder

    def _value(self, value: JsonValue, call: "_Call", place: "_Place", *, name: str = "") -> JsonValue:
        if isinstance(value, str):
            return self._text(value, call, place, context=_context(name))
        if isinstance(value, list):
            return [self._value(item, call, (place, index), name=name) for index, item in enumerate(value)]
        if isinstance(value, dict):
            # A name that is replaced differs from every other that stands there: so does its placeholder.
            shown: JsonObject = {}
            for key, item in value.items():
                name_shown = self._name(key, call, place)
                shown[name_shown] = self._value(item, call, (place, name_shown), name=key)
            return shown
        if isinstance(value, int) and _is_long(value):
            return self._number(value, call, place, _context(name))
        return value

    def _name(self, name: str, call: "_Call", place: "_Place") -> str:
        known = call.names.get(name)
        if known is None:
            known = self._text(name, call, place)
            if known == name:
                call.names[name] = name  # The same few names stand in every item of a list.
        return known

    def _number(self, value: int, call: "_Call", place: "_Place", context: str) -> JsonValue:
        text = str(value)
        for span in self._spans(context, text, call, leave=call.unredacted):
            return self._put(value if value <= SAFE_INTEGER else text, span, call, place)
        if call.unredacted:
            for span in self._spans(context, text, call, leave=self.kinds.keys() - call.unredacted):
                call.tally.add(span.kind, span.group, place, excepted=True)
        return value


class _Tally:
    """Findings of one result, added up by kind."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bool], tuple[Group, list[int], dict[str, None], dict[str, None]]] = {}

    def add(
        self, kind: str, group: Group, place: "_Place", *, placeholder: str | None = None, excepted: bool = False
    ) -> None:
        entry = self._found.setdefault((kind, excepted), (group, [0], {}, {}))
        entry[1][0] += 1
        if placeholder is not None and len(entry[2]) < _LISTED:
            entry[2][placeholder] = None
        if place and len(entry[3]) < _LISTED:
            entry[3][_written(place)] = None

    def findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(kind, group, count[0], excepted, tuple(placeholders), tuple(places))
            for (kind, excepted), (group, count, placeholders, places) in self._found.items()
        )


@dataclass(frozen=True, slots=True)
class _Call:
    server: str
    unredacted: frozenset[str]
    tally: _Tally
    selection: Selection | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])


class _TooLarge(Exception):
    """The arguments grow beyond what may be sent."""


class _Filling:
    """Walks arguments and fills placeholders in."""

    def __init__(self, placeholders: Placeholders) -> None:
        self._placeholders = placeholders
        self._characters = 0
        self.restored: list[Restored] = []
        self.unknown: list[Unknown] = []
        self.changed = False

    def value(self, value: JsonValue, path: str) -> JsonValue:
        if isinstance(value, str):
            return self._text(value, path) if "[[" in value else value
        if isinstance(value, list):
            return [self.value(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                self._key(key, path): self.value(item, f"{path}.{key}" if path else key) for key, item in value.items()
            }
        return value

    def _key(self, key: str, path: str) -> str:
        return str(self._text(key, f"{path} (a key)" if path else "(a key)")) if "[[" in key else key

    def _text(self, text: str, path: str) -> str | int:
        whole = PLACEHOLDER.fullmatch(text)
        if whole is not None:
            return self._fill(text, path, whole=True)
        pieces: list[str] = []
        last = 0
        for match in PLACEHOLDER.finditer(text):
            pieces += [unquoted(text[last : match.start()]), str(self._fill(match[0], path, whole=False))]
            last = match.end()
        pieces.append(unquoted(text[last:]))
        filled = "".join(pieces)
        self.changed = self.changed or filled != text
        return filled

    def _fill(self, placeholder: str, path: str, *, whole: bool) -> str | int:
        held = self._placeholders.get(placeholder)
        if held is None:
            self.unknown.append(Unknown(path, placeholder))
            return placeholder
        self._characters += len(held.value) if isinstance(held.value, str) else 20
        if self._characters > MAX_RESTORED:
            raise _TooLarge
        self.changed = True
        servers = self._placeholders.sources(held)
        self.restored.append(Restored(path, held.kind, held.group, placeholder, servers, whole))
        return held.value


def merge(*parts: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings of several parts of one result, added up by kind."""
    merged: dict[tuple[str, bool], Finding] = {}
    for finding in (one for part in parts for one in part):
        key = (finding.kind, finding.excepted)
        known = merged.get(key)
        merged[key] = (
            finding
            if known is None
            else Finding(
                finding.kind,
                finding.group,
                known.count + finding.count,
                finding.excepted,
                tuple(dict.fromkeys((*known.placeholders, *finding.placeholders)))[:_LISTED],
                tuple(dict.fromkeys((*known.places, *finding.places)))[:_LISTED],
            )
        )
    return tuple(merged.values())


def finding_json(finding: Finding) -> JsonObject:
    """A finding as it stands in events and entries."""
    return {
        "kind": finding.kind,
        "group": finding.group,
        "count": finding.count,
        "excepted": finding.excepted,
        "placeholders": [*finding.placeholders],
        "places": [*finding.places],
    }


def _texts(value: JsonValue) -> Iterable[str]:
    """Every text that rules would be tried on."""
    pending: list[JsonValue] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            for key, held in item.items():
                yield key
                pending.append(held)
        elif isinstance(item, int) and _is_long(item):
            yield str(item)


def _is_long(number: int) -> bool:
    return _SHORTEST_NUMBER <= number < 10**_LONGEST_NUMBER


def _context(name: str) -> str:
    """How a member's name is read before its value: as an assignment, which rules know."""
    return f"{name} = " if name and len(name) <= _LONGEST_KEY else ""


def _written(place: _Place) -> str:
    """`structured.users[0].card`; only written out where something was found."""
    steps: list[str] = []
    while not isinstance(place, str):
        place, step = place
        steps.append(f"[{step}]" if isinstance(step, int) else f".{escape_line(step, 60)}")
    return (place + "".join(reversed(steps))).removeprefix(".")
