"""The name that somebody probably meant.

Decides: which of the valid names is nearest, and how that is said. Does not decide which names are valid.
"""

from collections.abc import Iterable

_LONGEST = 64


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name with the fewest slips (letter added, left out, changed, two swapped); None where there are no names."""
    return min(names, key=lambda name: (distance(word, name), name[:1] != word[:1]), default=None)


def advice(word: str, names: Iterable[str], *, noun: str = "key") -> str:
    """The next step for an unknown name: the nearest one, and all of them where none is really near."""
    known = sorted(set(names))
    near = nearest(word, known)
    if near is None:
        return f"No {noun} is possible there; remove it"
    if distance(word, near) <= max(2, len(near) // 3):
        return f"Did you mean `{near}`?"
    others = ", ".join(f"`{name}`" for name in known if name != near)
    return f"The nearest valid {noun} is `{near}`" + (f"; there are also {others}" if others else "")


def distance(one: str, other: str) -> int:
    """Optimal string alignment distance of the first 64 characters; case, `-` and `_` do not count."""
    first, second = _plain(one), _plain(other)
    before: list[int] = []
    row = list(range(len(second) + 1))
    for index, char in enumerate(first, 1):
        older, before = before, row
        row = [index]
        for place, against in enumerate(second, 1):
            cost = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (char != against))
            if index > 1 and place > 1 and char == second[place - 2] and first[index - 2] == against:
                cost = min(cost, older[place - 2] + 1)
            row.append(cost)
    return row[-1]


def _plain(text: str) -> str:
    return text[:_LONGEST].lower().replace("-", "_")
