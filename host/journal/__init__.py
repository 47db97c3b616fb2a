"""Durable state: runs, messages, calls, approvals and events in one SQLite file, with the record behind it."""

from host.journal.approvals import approval_json
from host.journal.handle import RunHandle
from host.journal.store import Journal

__all__ = ["Journal", "RunHandle", "approval_json"]
