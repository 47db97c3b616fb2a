"""All that is secret or personal in one text, as spans that do not overlap.

Decides: which rules are tried on a text, and what two findings that touch become: one, from the first character of
either to the last, named by the more telling rule. Does not decide what stands there afterwards (`redactor`).

The text is read twice where that can make a difference: as it stands, and without its disguises (`folding`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tool_gateway.redaction.folding import folded, offsets
from tool_gateway.redaction.personal import CANDIDATES, CANDIDATES_OF_REGION, PersonalRule
from tool_gateway.redaction.rules import Expression, SecretRule, compiled

Group = Literal["secret", "pii"]
Rule: TypeAlias = SecretRule | PersonalRule

SHORTEST = 6
"""Characters; in less no rule finds anything but a password, and that only with its name before it."""


_MOST_WORDS = 200
"""Keywords that one search for any of them is worth while for."""


@dataclass(frozen=True, slots=True)
class Span:
    """One finding: characters `start` to `end` of the text. `rank` orders kinds, the most telling first."""

    start: int
    end: int
    kind: str
    group: Group
    rank: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules that can find something in some texts, with their ranks.

    Attributes:
        gate: Found in every text in which one of them can find anything; None: any text must be tried.
    """

    secrets: tuple[tuple[int, SecretRule], ...]
    personal: tuple[tuple[int, PersonalRule], ...]
    gate: Expression | None

    def __bool__(self) -> bool:
        return bool(self.secrets or self.personal)


class Scanner:
    """The rules of one run, tried on texts.

    Args:
        rules: Secrets, the more telling first.
        personal: Personal data.
    """

    def __init__(self, rules: Sequence[SecretRule], personal: Sequence[PersonalRule]) -> None:
        self._rules = tuple(enumerate(rules))
        self._personal = tuple(enumerate(personal, len(rules)))
        self.groups: dict[str, Group] = {
            **{rule.name: "pii" for rule in personal},
            **{rule.name: "secret" for rule in rules},
        }
        regional = sum(rule.name == "phone" for rule in personal) > 1
        self._candidates = CANDIDATES_OF_REGION if regional else CANDIDATES
        self._any_keyword = self._gate(self._rules, ())

    def select(self, texts: Iterable[str]) -> Selection:
        """The rules that could find something in any of `texts`, told from all of them at once."""
        readings = [text.encode("utf-8", "replace") for text in _readings("\n".join(texts))]
        secrets: tuple[tuple[int, SecretRule], ...] = ()
        # One search instead of one for each keyword: most texts hold none at all.
        if self._any_keyword is None or any(self._any_keyword.search(data) for data in readings):
            lowered = b"\n".join(data.lower() for data in readings)
            secrets = tuple(pair for pair in self._rules if pair[1].applies(lowered))
        care = compiled(self._candidates)
        personal = self._personal if any(care.search(data) for data in readings) else ()
        return Selection(secrets, personal, self._gate(secrets, personal))

    def spans(
        self, text: str, *, skip: int = 0, leave: frozenset[str] = frozenset(), selection: Selection | None = None
    ) -> list[Span]:
        """What is to be hidden in `text`, in order, no two overlapping.

        Args:
            skip: Characters at the start that give context only: nothing in them is reported.
            leave: Kinds that do not count.
            selection: From `select`, when the text was part of what was selected for.
        """
        if len(text) < SHORTEST:
            return []
        chosen = self.select((text,)) if selection is None else selection
        if not chosen:
            return []
        plain, *disguised = _readings(text)
        found = list(self._found(plain, chosen, leave))
        for reading in disguised:
            back: list[int] | None = None
            for span in self._found(reading, chosen, leave):
                back = offsets(text) if back is None else back
                # To where the next character begins: hidden ones in between belong to what was found.
                found.append(Span(back[span.start], _after(back, span.end), span.kind, span.group, span.rank))
        return _merged(found, skip)

    def _gate(
        self, secrets: Sequence[tuple[int, SecretRule]], personal: Sequence[tuple[int, PersonalRule]]
    ) -> Expression | None:
        words = {word for _, rule in secrets for word in rule.keywords}
        if len(words) > _MOST_WORDS or not all(rule.keywords for _, rule in secrets):
            return None
        parts = [f"(?i:{'|'.join(sorted(map(_literal, words)))})"] if words else []
        if personal:
            parts.append(self._candidates)
        return compiled("|".join(parts)) if parts else None

    def _found(self, text: str, chosen: Selection, leave: frozenset[str]) -> Iterable[Span]:
        data = text.encode("utf-8", "replace")
        if chosen.gate is not None and chosen.gate.search(data) is None:
            return
        lowered = data.lower()
        plain = len(data) == len(text)
        rules: list[tuple[int, Rule]] = [pair for pair in chosen.secrets if pair[1].applies(lowered)]
        if chosen.personal and compiled(self._candidates).search(data) is not None:
            rules.extend(chosen.personal)
        for rank, rule in rules:
            if rule.name in leave:
                continue
            group = self.groups[rule.name]
            at = chars = 0
            for start, end in rule.spans(data):
                if end <= start:
                    continue
                if plain:
                    yield Span(start, end, rule.name, group, rank)
                    continue
                # Bytes to characters, counted on from the last match so that many of them stay linear.
                begin = chars + _characters(data, at, start)
                chars = begin + _characters(data, start, end)
                at = end
                yield Span(begin, chars, rule.name, group, rank)


def _readings(text: str) -> tuple[str, ...]:
    """The text, and what it reads as without its disguises where that differs."""
    plain = folded(text)
    return (text,) if plain is text or plain == text else (text, plain)


def _after(back: Sequence[int], end: int) -> int:
    """Where in the original the character behind a finding begins, which ended at `end` of the reading.

    One character may be read as several, and several as none.
    """
    last = back[end - 1]
    while back[end] == last and end + 1 < len(back):
        end += 1
    return back[end]


def _literal(word: str) -> str:
    return "".join(char if char.isalnum() or char == "_" else f"\\x{{{ord(char):x}}}" for char in word)


def _characters(data: bytes, start: int, end: int) -> int:
    return len(data[start:end].decode("utf-8", "ignore"))


def _merged(found: list[Span], skip: int) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, span.end)):
        if span.end <= skip:
            continue
        if span.start < skip:
            span = Span(skip, span.end, span.kind, span.group, span.rank)
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
            continue
        best = min(last, span, key=lambda one: one.rank)
        merged[-1] = Span(last.start, max(last.end, span.end), best.kind, best.group, best.rank)
    return merged
