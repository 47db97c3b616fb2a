"""The gates, one file each. Their order is one list in `tool_gateway/gateway.py`."""

from tool_gateway.gates.approval import ApprovalGate
from tool_gateway.gates.constraints import ConstraintsGate
from tool_gateway.gates.health import HealthGate
from tool_gateway.gates.resolve import ResolveGate
from tool_gateway.gates.schema import SchemaGate
from tool_gateway.gates.scope import ScopeGate, in_scope, matches_any

__all__ = [
    "ApprovalGate",
    "ConstraintsGate",
    "HealthGate",
    "ResolveGate",
    "SchemaGate",
    "ScopeGate",
    "in_scope",
    "matches_any",
]
