"""What a person types at a card, and what it means.

Decides: the keys. Nothing but a plain yes is one: whatever is not understood grants nothing. Does not decide what is
shown (`card`) nor what becomes of an answer (`terminal`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

ChoiceWord = Literal["yes", "no", "always", "endorse"]

_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no"})
_HELP = frozenset({"?", "h", "help"})
_VIEW = frozenset({"v", "view"})
_ONE = re.compile(r"([1-9]\d{0,3})([ynae])", re.IGNORECASE)
_LETTERS: dict[str, ChoiceWord] = {"y": "yes", "n": "no", "a": "always", "e": "endorse"}

HELP = """\
  y            allow what is shown, this once
  n REASON     deny; the model is told the reason
  Enter        deny
  a            allow, and never ask again for this tool with exactly these arguments (a rule; it is shown first)
  a ARG ARG    the same, with only these arguments equal and the others free
  e            allow, and let the named results decide these arguments for the rest of this run (shown first)
  1y 2n REASON one by one, in their order; what is not named is denied; also 1a, 1e
  v            every value whole, every passage, and the calls outside the task
  Rules: `gatehost approvals rules` lists them, `gatehost approvals revoke RULE` ends one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to become of a call.

    Attributes:
        note: The reason of a no.
        same: Of `always`: the arguments that must be equal; none: all of them.
    """

    word: ChoiceWord
    note: str | None = None
    same: tuple[str, ...] = ()


NO = Choice("no")


@dataclass(frozen=True, slots=True)
class ForAll:
    """One choice for every call that is shown."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class ForEach:
    """Number on the card → choice."""

    choices: Mapping[int, Choice]


Typed: TypeAlias = ForAll | ForEach | Literal["help", "view", "unclear"]


def read(typed: str, *, count: int) -> Typed:
    """What one line means on a card of `count` calls."""
    words = typed.split()
    if not words:
        return ForAll(NO)
    key, rest = words[0].lower(), words[1:]
    if key in _NO:
        return ForAll(Choice("no", " ".join(rest) or None))
    if key == "a":
        return ForAll(Choice("always", same=tuple(rest)))
    if not rest:
        if key in _YES:
            return ForAll(Choice("yes"))
        if key == "e":
            return ForAll(Choice("endorse"))
        if key in _HELP:
            return "help"
        if key in _VIEW:
            return "view"
    return _one_by_one(words, count)


def _one_by_one(words: list[str], count: int) -> Typed:
    """`1y 2n too risky`. Numbers must grow, so that a number in a reason seldom counts as an answer."""
    choices: dict[int, Choice] = {}
    number = 0
    for word in words:
        match = _ONE.fullmatch(word)
        if match is not None and int(match[1]) > number:
            number = int(match[1])
            choices[number] = Choice(_LETTERS[match[2].lower()])
            continue
        if number == 0:
            return "unclear"
        known = choices[number]
        match known.word:
            case "no":
                choices[number] = Choice("no", f"{known.note} {word}" if known.note else word)
            case "always":
                choices[number] = Choice("always", same=(*known.same, word))
            case "yes" | "endorse":
                return "unclear"
    return ForEach(choices) if number <= count else "unclear"
