"""Standing rules as rows: what was approved for good, by whom, and until when or whose word.

Decides: their stored form, which of them are in force, and how they read in listings. Does not decide which calls a
rule answers for (`tool_gateway.approvals`).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from context.calls import ToolRef
from context.events import utc_text
from context.json_values import JsonObject
from host.journal.json_text import from_text, from_text_or_none, to_text, to_text_or_none
from tool_gateway.approvals import StandingRule

COLUMNS = (
    "rule_id, agent, server, tool, effect, pin, rules, arguments, same, given_by, roles, given_at, expires, origin,"
    " run_id, revoked_at, revoked_by"
)


@dataclass(frozen=True, slots=True)
class StandingScope:
    """How wide a yes for good is to be.

    Attributes:
        same: See `StandingRule`.
        seconds: How long it is to hold; None: until it is revoked.
    """

    same: tuple[str, ...] | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StandingRow:
    """A rule with what became of it.

    Attributes:
        run_id: Of the run whose question it answered first.
    """

    rule: StandingRule
    run_id: str
    revoked_at: float | None = None
    revoked_by: str | None = None

    def status(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.rule.expires is None or now < self.rule.expires else "expired"


def insert(connection: sqlite3.Connection, row: StandingRow) -> None:
    """Inside the transaction of the answer that made it."""
    rule = row.rule
    connection.execute(
        f"INSERT INTO standing_rules ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        (
            rule.rule_id,
            rule.agent,
            rule.ref.server,
            rule.ref.tool,
            rule.effect,
            rule.pin,
            to_text(sorted(rule.rules)),
            to_text(rule.arguments),
            to_text_or_none(None if rule.same is None else list(rule.same)),
            rule.given_by,
            to_text(sorted(rule.roles)),
            rule.given_at,
            rule.expires,
            rule.origin,
            row.run_id,
        ),
    )


def row_from(row: Sequence[Any]) -> StandingRow:
    """A row of `COLUMNS`."""
    same = from_text_or_none(row[8])
    rule = StandingRule(
        rule_id=row[0],
        agent=row[1],
        ref=ToolRef(row[2], row[3]),
        effect=row[4],
        pin=row[5],
        rules=frozenset(from_text(row[6])),
        arguments=from_text(row[7]),
        same=None if same is None else tuple(same),
        given_by=row[9],
        roles=frozenset(from_text(row[10])),
        given_at=row[11],
        expires=row[12],
        origin=row[13],
    )
    return StandingRow(rule, row[14], row[15], row[16])


def rule_json(row: StandingRow, *, now: float) -> JsonObject:
    """The rule as listings and the record show it."""
    rule = row.rule
    return {
        "id": rule.rule_id,
        "agent": rule.agent,
        "server": rule.ref.server,
        "tool": rule.ref.tool,
        "effect": rule.effect,
        "pin": rule.pin,
        "rules": [*sorted(rule.rules)],
        "arguments": rule.arguments,
        "same": None if rule.same is None else [*rule.same],
        "given_by": rule.given_by,
        "roles": [*sorted(rule.roles)],
        "given": utc_text(rule.given_at),
        "expires": None if rule.expires is None else utc_text(rule.expires),
        "origin": rule.origin,
        "status": row.status(now),
        "revoked": None if row.revoked_at is None else utc_text(row.revoked_at),
        "revoked_by": row.revoked_by,
    }
