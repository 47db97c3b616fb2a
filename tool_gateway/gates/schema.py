"""The gate on form: the arguments fit the input schema that was pinned, never the one listed today.

Decides: that. Does not decide what a schema may contain or cost (`schemas.py`).
"""

from context.decisions import Allow, Decision, Deny, Reason
from tool_gateway.interface import CallEvidence, CallProposal
from tool_gateway.schemas.compiled import UnusableSchema, compiled

_GATE = "schema"


class SchemaGate:
    """Refuses arguments that do not fit, and says what would."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool = evidence.tool
        if tool is None or call.arguments is None:
            return Deny((Reason(_GATE, "no_arguments", "there are no arguments to check"),))
        try:
            schema = compiled(tool.definition.input_schema)
        except UnusableSchema as exc:
            reason = Reason(_GATE, "unusable_schema", f"the input schema of {tool.ref} cannot be used: {exc}")
            return Deny((reason,))
        if schema.accepts(call.arguments):
            return Allow()
        return Deny(
            tuple(
                Reason(_GATE, "does_not_fit", f"{path or 'the arguments'}: {message}", path=path or None)
                for path, message in schema.explain(call.arguments)
            )
        )
