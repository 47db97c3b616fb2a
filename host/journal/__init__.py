"""Durable state: runs, messages, calls, approvals and events in one SQLite file, with the record behind it."""

from host.journal.answering import Counted
from host.journal.approvals import approval_json
from host.journal.handle import RunHandle
from host.journal.standing import StandingRow, StandingScope, rule_json
from host.journal.store import Journal

__all__ = ["Counted", "Journal", "RunHandle", "StandingRow", "StandingScope", "approval_json", "rule_json"]
