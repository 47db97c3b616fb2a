"""The gates, one file each. Their order is one list in `tool_gateway/gateway.py`."""

from tool_gateway.gates.approval import ApprovalGate
from tool_gateway.gates.composition import CompositionGate
from tool_gateway.gates.constraints import ConstraintsGate
from tool_gateway.gates.health import HealthGate
from tool_gateway.gates.policy import PolicyGate
from tool_gateway.gates.provenance import ProvenanceGate
from tool_gateway.gates.resolve import ResolveGate
from tool_gateway.gates.schema import SchemaGate
from tool_gateway.gates.scope import ScopeGate, in_scope, matches_any
from tool_gateway.gates.task_scope import TaskScopeGate

__all__ = [
    "ApprovalGate",
    "CompositionGate",
    "ConstraintsGate",
    "HealthGate",
    "PolicyGate",
    "ProvenanceGate",
    "ResolveGate",
    "SchemaGate",
    "ScopeGate",
    "TaskScopeGate",
    "in_scope",
    "matches_any",
]
