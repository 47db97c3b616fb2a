"""Secrets and personal data: found in what servers return, hidden, and put back only where they came from."""

from tool_gateway.redaction.redactor import (
    Finding,
    Redacted,
    RedactedValue,
    Redactor,
    Restoration,
    Restored,
    Unknown,
    finding_json,
    merge,
)
from tool_gateway.redaction.restoring import foreign, may_restore
from tool_gateway.redaction.settings import RedactionSettings

__all__ = [
    "Finding",
    "Redacted",
    "RedactedValue",
    "RedactionSettings",
    "Redactor",
    "Restoration",
    "Restored",
    "Unknown",
    "finding_json",
    "foreign",
    "may_restore",
    "merge",
]
