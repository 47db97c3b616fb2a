"""What is wrong with a set of policies, said so that its author can mend it.

Decides: that a fault names file, line and the nearest name that would be valid. Does not decide what is a fault
(`reading.py`, `units.py`, `approvers.py`).
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from context.errors import ConfigError
from context.visible_text import escape_line

SCHEMA_NAME = "schema.cedarschema"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        file: As the set's reader named it.
        line: From 1; 0 stands for the whole file.
        what: Without unescaped text of the file.
        policy: The `@id` concerned, where it is known.
    """

    file: str
    line: int
    what: str
    next_step: str
    policy: str | None = None

    @property
    def where(self) -> str:
        return f"{escape_line(self.file, 300)}:{self.line}" if self.line else escape_line(self.file, 300)

    def sentence(self) -> str:
        return f"{self.where}: {self.what}. {self.next_step}"


class PolicyFault(ConfigError):
    """A set of policies that cannot be used, so nothing is judged by it.

    Attributes:
        faults: All that was found, in the order of files and lines.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        ordered = sorted(faults, key=lambda fault: (fault.file, fault.line, fault.what))
        self.faults = tuple(dict.fromkeys(ordered))
        first = self.faults[0]
        more = f" ({len(self.faults) - 1} more; `gatehost policy check` lists all)" if len(self.faults) > 1 else ""
        super().__init__(f"{first.what}{more}", where=first.where, next_step=first.next_step)


def nearest_of(word: str, names: Iterable[str]) -> str | None:
    """The name most like `word`; None where there are none."""
    known = sorted(set(names) - {word})
    plain = {name.lower(): name for name in reversed(known)}
    near = difflib.get_close_matches(word.lower()[:100], plain, n=1, cutoff=0.0)
    return plain[near[0]] if near else None


def nearest_step(word: str, names: Iterable[str], *, otherwise: str) -> str:
    """The next step for an unknown name."""
    near = nearest_of(word, names)
    return f"The nearest is `{escape_line(near, 100)}`" if near is not None else otherwise
