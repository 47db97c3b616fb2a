"""Rules of the servers file that could never be kept, because the tool has no such argument.

Decides: the place in the file of each. Does not decide what can be reached (`tool_gateway.arguments.constraints`).
"""

from context.calls import ToolDefinition
from context.errors import ConfigError
from host.config.servers_file import ServersFile
from tool_gateway.arguments.constraints import check_reachable


def unreachable(
    servers: ServersFile, name: str, tool: str, definition: ToolDefinition, *, next_step: str
) -> list[ConfigError]:
    """The faults of one tool's rules, each at the line of its own argument; empty when all is well."""
    rule = servers.servers[name].tools[tool]
    faults: list[ConfigError] = []
    for path, limits in rule.arguments.items():
        one = rule.model_copy(update={"arguments": {path: limits}, "sinks": ()})
        where = servers.where(name, "tools", tool, "arguments", path)
        faults += [ConfigError(fault, where=where, next_step=next_step) for fault in check_reachable(one, definition)]
    sinks = rule.model_copy(update={"arguments": {}})
    where = servers.where(name, "tools", tool, "sinks")
    return faults + [
        ConfigError(fault, where=where, next_step=next_step) for fault in check_reachable(sinks, definition)
    ]
