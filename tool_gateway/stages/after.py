"""After a model's work: what the answer must have, must not have, and may refer to.

Decides: the faults of an answer, as sentences for the model that is to mend them. Does not decide what happens then
(one regeneration with the faults named, then the run fails), nor whether the answer fits a schema (the host checks
that first).

No sentence repeats what a check forbids: it goes back into the conversation.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from context.json_values import JsonValue
from context.labels import TRUSTED, Label
from context.visible_text import escape_line
from tool_gateway.redaction.scanner import Scanner
from tool_gateway.schemas.patterns import linear_pattern
from tool_gateway.stages.citations import MOST, ReadSource, citations, unread
from tool_gateway.stages.settings import StageSettings

_SHOWN = 120
_TOLD = 20
_FENCE = re.compile(r"^(?:```|~~~)")


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """An answer and what it came from.

    Attributes:
        output: The answer as JSON where a schema asked for it and it fits; `has_output` tells that from null.
        label: Join over everything the model saw.
        sources: Calls of this run that succeeded.
        scanner: Finds secrets and personal data; None where nothing looks for them.
    """

    text: str
    output: JsonValue = None
    has_output: bool = False
    label: Label = TRUSTED
    sources: Sequence[ReadSource] = ()
    scanner: Scanner | None = None


class AnswerCheck(Protocol):
    """One check of an answer. Pure."""

    @property
    def name(self) -> str: ...

    def faults(self, answer: AnswerFacts, settings: StageSettings) -> Iterable[str]: ...


class RequiredElements:
    """Headings, members, texts that the answer must have."""

    name = "required"

    def faults(self, answer: AnswerFacts, settings: StageSettings) -> Iterator[str]:
        for wanted in settings.required:
            shown = escape_line(wanted, _SHOWN)
            if wanted.startswith("/"):
                if not _has_member(answer, wanted):
                    yield f"the answer must be JSON with a value at {shown}"
            elif wanted.startswith("#"):
                if _heading(wanted) not in _headings(answer.text):
                    yield f"the answer must have the heading {shown}"
            elif wanted.startswith("re:"):
                if not linear_pattern(wanted[3:]).found_in(answer.text):
                    yield f"the answer must match the pattern {escape_line(wanted[3:], _SHOWN)}"
            elif wanted not in answer.text:
                yield f"the answer must have the text {shown}"


class CitationsRead:
    """Citations of what the run did not read."""

    name = "citations"

    def faults(self, answer: AnswerFacts, settings: StageSettings) -> Iterator[str]:
        if settings.citations == "none":
            return
        cited = citations(answer.text)
        if not cited and settings.citations == "required":
            yield "the answer must cite what was read: a URL, a file's path, or [call:ID] of a call"
        if max(len(cited.urls), len(cited.paths), len(cited.calls)) >= MOST:
            yield f"the answer has {MOST:,} citations or more, too many to check"
        for missing in unread(cited, answer.sources):
            yield f"the answer cites {escape_line(missing, _SHOWN)}, which was not read in this run"


class ForbiddenContent:
    """Content that policy keeps out of answers: patterns, kinds of secrets and personal data, labels."""

    name = "forbidden"

    def faults(self, answer: AnswerFacts, settings: StageSettings) -> Iterator[str]:
        for number, pattern in enumerate(settings.forbidden, 1):
            if linear_pattern(pattern).found_in(answer.text):
                yield f"the answer holds forbidden content (pattern {number}: {escape_line(pattern, _SHOWN)})"
        if settings.answer_without:
            yield from _held(answer, frozenset(settings.answer_without))
        for word in sorted(answer.label.confidentiality.intersection(settings.answer_labels)):
            yield f"the answer may not come from content labelled {escape_line(word, 64)}"


AFTER: tuple[AnswerCheck, ...] = (RequiredElements(), CitationsRead(), ForbiddenContent())
"""The checks of an answer, in their order."""


def answer_faults(answer: AnswerFacts, settings: StageSettings) -> tuple[str, ...]:
    """What the model must mend, at most 20 sentences; empty for a good answer."""
    faults = [fault for check in AFTER for fault in check.faults(answer, settings)]
    if len(faults) <= _TOLD:
        return tuple(faults)
    return (*faults[:_TOLD], f"there are {len(faults) - _TOLD} more faults")


def _held(answer: AnswerFacts, unwanted: frozenset[str]) -> Iterator[str]:
    if answer.scanner is None:
        yield "the answer cannot be checked for secrets and personal data"
        return
    kinds = dict.fromkeys(
        span.kind for span in answer.scanner.spans(answer.text) if span.kind in unwanted or span.group in unwanted
    )
    for kind in kinds:
        yield f"the answer holds something of the kind {escape_line(kind, 64)}, which it may not"


def _has_member(answer: AnswerFacts, pointer: str) -> bool:
    """RFC 6901; in the checked output, or in a text that is JSON as a whole."""
    value = answer.output
    if not answer.has_output:
        try:
            value = cast("JsonValue", json.loads(answer.text))
        except (ValueError, RecursionError):
            return False
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif (
            isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 10 and int(name) < len(value)
        ):
            value = value[int(name)]
        else:
            return False
    return True


def _headings(text: str) -> set[tuple[int, str]]:
    """ATX headings outside of fenced code (CommonMark 0.31.2, section 4.2)."""
    found: set[tuple[int, str]] = set()
    fenced = False
    for line in text.splitlines():
        stripped = line.strip()
        if _FENCE.match(stripped):
            fenced = not fenced
        elif not fenced and stripped.startswith("#"):
            found.add(_heading(stripped))
    return found


def _heading(line: str) -> tuple[int, str]:
    words = line.lstrip("#")
    return len(line) - len(words), words.strip().rstrip("#").strip().casefold()
