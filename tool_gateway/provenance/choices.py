"""Words that stand for one of a tool's fixed choices: "read only" for `viewer`.

Decides: which choice of a closed list the user's words name, and which choices decide nothing. Does not decide what
follows for a call (`derived.py`).

Two choices that are both named leave it open, unless one of them is said as the tool spells it.
"""

from collections.abc import Sequence

from context.json_values import JsonValue
from tool_gateway.provenance.said import Said, words_in

_CLASSES: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (
        frozenset({"viewer", "view", "read", "reader", "read_only", "readonly", "can_view"}),
        (
            *("read only", "readonly", "read access", "view only", "can view", "viewing", "to view", "to read"),
            *("may read", "nur lesen", "lesen", "ansehen", "leserecht", "lesezugriff", "nur lesend"),
        ),
    ),
    (
        frozenset({"editor", "edit", "write", "writer", "can_edit", "read_write"}),
        (
            *("can edit", "may edit", "to edit", "write access", "editing", "edit access", "edit rights"),
            *("bearbeiten", "schreibrecht", "schreibzugriff", "can change", "may change"),
        ),
    ),
    (
        frozenset({"commenter", "comment", "can_comment"}),
        ("can comment", "may comment", "to comment", "commenting", "kommentieren"),
    ),
    (frozenset({"high", "urgent", "important"}), ("urgent", "urgently", "important", "dringend", "wichtig", "asap")),
    (frozenset({"low"}), ("not urgent", "no hurry", "low", "niedrig", "nicht dringend")),
    (frozenset({"private", "confidential"}), ("private", "confidential", "privately", "privat", "vertraulich")),
    (frozenset({"public"}), ("public", "publicly", "öffentlich")),
    (frozenset({"daily", "day"}), ("daily", "every day", "each day", "täglich", "jeden tag")),
    (frozenset({"weekly", "week"}), ("weekly", "every week", "each week", "wöchentlich", "jede woche")),
    (
        frozenset({"monthly", "month"}),
        ("monthly", "every month", "each month", "a month", "per month", "monatlich", "jeden monat"),
    ),
    (frozenset({"yearly", "annual", "annually", "year"}), ("yearly", "every year", "annually", "jährlich")),
    (frozenset({"one_way", "oneway", "single"}), ("one way", "oneway", "single", "einfache strecke", "hinflug")),
    (
        frozenset({"round_trip", "roundtrip", "return"}),
        ("round trip", "return", "return flight", "and back", "hin und zurück", "hin und rückflug"),
    ),
    (frozenset({"done", "completed", "complete", "resolved"}), ("done", "completed", "finished", "erledigt")),
    (frozenset({"accepted", "accept", "yes"}), ("accept", "accepted", "confirm", "annehmen", "zusagen")),
    (frozenset({"declined", "decline", "no"}), ("decline", "declined", "refuse", "ablehnen", "absagen")),
)
_PROTECTING = frozenset(
    {
        *(
            "verify",
            "check",
            "confirm",
            "safe",
            "secure",
            "private",
            "dry",
            "encrypt",
            "require",
            "protect",
            "validate",
        ),
        *("notify", "refundable", "insured", "insurance", "signed", "backup", "keep", "preserve", "refund", "restrict"),
        *("limit", "mask", "redact", "tracked", "archive", "cancellable", "anonymize", "anonymise"),
    }
)
"""Words of switches that protect: leaving one out decides something."""


def named_choice(value: str, options: Sequence[JsonValue], said: Said) -> bool:
    """Whether the user's words name this choice by another word, and no other of the list by any."""
    phrases = _phrases(value)
    if not any(said.phrase(words_in(phrase)) for phrase in phrases):
        return False
    for other in options:
        if not isinstance(other, str) or other == value:
            continue
        spelled = tuple(words_in(other.replace("_", " ").replace("-", " ")))
        mine = {word for phrase in phrases for word in words_in(phrase)}
        if set(spelled) <= mine and _phrases(other) == phrases:
            return False
        if any(said.phrase(words_in(phrase)) for phrase in _phrases(other)) and _phrases(other) != phrases:
            return False
        if spelled and said.phrase(spelled) and not set(spelled) <= mine:
            return False
    return True


def decides_nothing(value: JsonValue, words: Sequence[str]) -> bool:
    """Whether a mere option is switched off that protects nothing."""
    return value is False and not _PROTECTING & set(words)


def _phrases(value: str) -> tuple[str, ...]:
    plain = value.lower().replace("-", "_").replace(" ", "_")
    return next((phrases for names, phrases in _CLASSES if plain in names), ())
