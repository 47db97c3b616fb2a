"""Where a hidden value may go back to.

Decides: the default, that a value goes only to a server that returned it. Does not decide whether anything more is
allowed: policy does, on the kinds that `foreign` names.
"""

from collections.abc import Sequence

from context.calls import ToolRef
from context.decisions import Allow, Deny, Reason
from tool_gateway.redaction.redactor import GATE, Restored


def foreign(restored: Sequence[Restored], ref: ToolRef) -> tuple[Restored, ...]:
    """The values that did not come from the tool's server."""
    return tuple(one for one in restored if ref.server not in one.servers)


def may_restore(restored: Sequence[Restored], ref: ToolRef, *, allowed: frozenset[str] = frozenset()) -> Allow | Deny:
    """Whether these values may be sent to `ref`.

    Args:
        allowed: Kinds that policy allows to go there, wherever they came from.
    """
    refused = [one for one in foreign(restored, ref) if one.kind not in allowed]
    if refused:
        return Deny(tuple(_reason(one, ref) for one in refused[:20]))
    return Allow(tuple(_filled(one, ref) for one in restored[:20]))


def _reason(one: Restored, ref: ToolRef) -> Reason:
    came = f"came from {_listed(one.servers)}" if one.servers else "came from no one server alone"
    return Reason(
        GATE,
        "placeholder_foreign",
        f"{one.placeholder} {came} and is not given to server {ref.server}",
        path=one.path or None,
        remedy=f"It can go back to {_listed(one.servers)}, or a policy can allow kind {one.kind} here"
        if one.servers
        else f"A policy can allow kind {one.kind} here",
    )


def _filled(one: Restored, ref: ToolRef) -> Reason:
    text = f"{one.placeholder} was filled in for server {ref.server}"
    return Reason(GATE, "placeholder_restored", text, path=one.path or None)


def _listed(servers: Sequence[str]) -> str:
    names = " and ".join(servers[:5])
    return f"server {names}" if len(servers) == 1 else f"servers {names}"
