"""People and their roles: what `[people.NAME]` of the settings says of whoever runs this.

Decides: that somebody who is not listed has no role. Does not decide who runs this (`identity`) nor which roles an
approval needs (policies).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class HasRoles(Protocol):
    """One `[people.NAME]` table."""

    @property
    def roles(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the operating system, with the roles that the operator gave them."""

    name: str
    roles: frozenset[str] = field(default_factory=frozenset[str])


def find_person(people: Mapping[str, HasRoles], user: str) -> Person:
    """Names are compared exactly, as the operating system does."""
    listed = people.get(user)
    return Person(user, frozenset(listed.roles) if listed is not None else frozenset())
