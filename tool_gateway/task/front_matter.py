"""The settings that a task may begin with: a TOML block between two lines `+++`.

    +++
    endorse = ["files.read_file[path=bill.txt]=>bank.send_money:amount"]
    tools = ["files.*", "bank.send_money"]
    +++
    Pay the invoice in bill.txt.

Decides: whether a prompt begins with such a block, and its keys. Does not decide what an endorsement says
(`endorsements.py`) nor who may give one: only a prompt that the user wrote is read for a block.
"""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from context.errors import UsageError
from context.visible_text import escape_line

FENCE = "+++"
MOST_CHARACTERS = 64 * 1024
"""Longest block."""

_KEYS = ("endorse", "tools", "approve")
_WHERE = "front matter"
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the block says; each key means what the flag of that name does.

    Attributes:
        tools: None where the block does not narrow the run.
    """

    endorse: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    approve: tuple[str, ...] = ()


def front_matter(text: str) -> tuple[FrontMatter, str]:
    """The block, and the prompt without it. Only the very first line can open one; anything else is plain prompt.

    Raises:
        UsageError: the block is not closed, no TOML, or has a key or a value that means nothing.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[0].rstrip("\r \t") != FENCE:
        return FrontMatter(), text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip("\r \t") == FENCE), None)
    if end is None:
        raise UsageError(
            "the block that the first line opens is never closed",
            where=_WHERE,
            next_step=f"End it with a line {FENCE}, or begin the task with other words",
        )
    block = "\n".join(line.removesuffix("\r") for line in lines[1:end])
    if len(block) > MOST_CHARACTERS:
        raise UsageError(f"the block is longer than {MOST_CHARACTERS:,} characters", where=_WHERE)
    return _read(block), "\n".join(lines[end + 1 :]).lstrip("\r\n")


def _read(block: str) -> FrontMatter:
    try:
        data = cast("dict[str, object]", tomllib.loads(block))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"the block is no TOML: {escape_line(str(error), 200)}", where=_WHERE) from error
    found: dict[str, tuple[str, ...]] = {}
    for key, value in data.items():
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1, cutoff=0)
            raise UsageError(
                f"there is no key `{escape_line(key, _SHOWN)}`",
                where=_WHERE,
                next_step=f"The nearest is `{near[0]}`; there are {', '.join(_KEYS)}" if near else None,
            )
        found[key] = _texts(key, value)
    return FrontMatter(found.get("endorse", ()), found.get("tools"), found.get("approve", ()))


def _texts(key: str, value: object) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) and item for item in items):
        raise UsageError(
            f"`{key}` is no list of texts", where=_WHERE, next_step=f'Write it like {key} = ["…"], one text for each'
        )
    return tuple(cast("list[str]", items))
