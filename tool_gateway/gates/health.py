"""The gate on what stands right now: the server, its walls, and the tool as it was reviewed.

Decides: that a call goes only to a running server behind the declared walls, to a tool that is exactly
the accepted one. Does not decide how that is found out (`Directory.health`) or accepted (the lock).
"""

from context.decisions import Allow, Decision, Deny, Reason
from context.visible_text import escape_line
from tool_gateway.interface import CallEvidence, CallProposal, Health, KnownTool

_SHOWN = 400


class HealthGate:
    """Refuses while anything about the server or the tool is not as declared and accepted."""

    name = "health"

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool, health = evidence.tool, evidence.health
        if tool is None or health is None:
            return _deny("health_unknown", "nothing is known about the state of the tool's server", None)
        return _server(tool, health) or _walls(tool, health) or _pin(tool, health) or Allow()


def _server(tool: KnownTool, health: Health) -> Deny | None:
    server = tool.ref.server
    if health.state == "ready":
        return None
    detail = f": {escape_line(health.detail, _SHOWN)}" if health.detail else ""
    if health.state == "failed":
        return _deny("server_failed", f"server {server} failed{detail}", "Other servers are not affected")
    if health.state == "starting":
        return _deny(
            "server_starting", f"server {server} has not started yet{detail}", "The call may be repeated later"
        )
    return _deny("server_stopped", f"server {server} is not running{detail}", None)


def _walls(tool: KnownTool, health: Health) -> Deny | None:
    if not health.walls:
        return None
    listed = "; ".join(escape_line(wall, _SHOWN) for wall in health.walls[:5])
    return _deny(
        "walls_differ",
        f"the sandbox of server {tool.ref.server} is not as declared: {listed}",
        "The operator must look at `gatehost sandbox check`",
    )


def _pin(tool: KnownTool, health: Health) -> Deny | None:
    server = tool.ref.server
    review = f"`gatehost mcp diff {server}` shows it, `gatehost mcp accept {server}` accepts it"
    match health.pin:
        case "pinned":
            return None
        case "changed":
            return _deny("pin_changed", f"{tool.ref} is no longer the tool that was reviewed", review)
        case "unpinned":
            # The server as a whole is not accepted as it is (`detail` says why), or this tool was listed afterwards.
            why, _, remedy = health.detail.partition("; ")
            if why:
                text = f"{tool.ref} cannot be called: {escape_line(why, _SHOWN)}"
                return _deny("not_pinned", text, escape_line(remedy, _SHOWN) or review)
            return _deny("not_pinned", f"{tool.ref} was never reviewed", review)
        case "vanished":
            return _deny("tool_vanished", f"server {server} no longer lists {tool.ref.tool}", review)
        case "relisting":
            text = f"server {server} said that its tools changed, and they were not read again yet"
            return _deny("relisting", text, "The call may be repeated later")


def _deny(code: str, text: str, remedy: str | None) -> Deny:
    return Deny((Reason("health", code, text, remedy=remedy),))
