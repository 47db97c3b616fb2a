"""Who may answer an ask, as `@approvers` writes it: roles, `,` for "or", `+` for "and another person".

Decides: the grammar and what an expression means. Does not decide who has a role, nor who is asked.

`+` binds closer: `finance+finance,owner` is two people of finance, or one owner.
"""

import re

_ROLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST = 16


class BadApprovers(ValueError):
    """The expression means nothing."""


def parse_approvers(text: str) -> tuple[tuple[str, ...], ...]:
    """Alternatives, each the roles of as many different people: `a+b,c` → `(("a", "b"), ("c",))`.

    Raises:
        BadApprovers: an empty or malformed role, or more than 16 of them.
    """
    alternatives = tuple(
        tuple(role.strip(" ") for role in alternative.split("+")) for alternative in text[:2000].split(",")
    )
    roles = [role for alternative in alternatives for role in alternative]
    if len(text) > 2000 or len(roles) > _MOST:
        raise BadApprovers(f"it names more than {_MOST} roles")
    if not all(_ROLE.fullmatch(role) for role in roles):
        raise BadApprovers("a role has 1 to 64 of the characters A-Z, a-z, 0-9, _, . and -")
    return alternatives
