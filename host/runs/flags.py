"""What a run was asked for on the command line: kept with the run, so that resuming it needs no flags.

Decides: the flags' names, defaults and stored form. Does not decide what they do.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

from context.json_values import JsonObject, JsonValue

ApprovalsMode = Literal["ask", "deny", "wait"]


@dataclass(frozen=True, slots=True)
class RunFlags:
    """None means: not said; the agent's setting or the default applies.

    Attributes:
        tools, approve: `server.tool` globs.
        endorse: `SOURCE=>SERVER.TOOL:ARG`, each one source for one argument.
        timeout: Seconds for the whole run.
        schema: The content of `--schema`, so that resuming does not depend on the file.
        served: Another host's client proposed the calls (`gatehost serve`).
        config, servers: Absolute paths given with `--config` and `--servers`.
    """

    model: str | None = None
    agent: str | None = None
    tools: tuple[str, ...] | None = None
    approve: tuple[str, ...] = ()
    endorse: tuple[str, ...] = ()
    approvals: ApprovalsMode | None = None
    fail_on_deny: bool = False
    max_turns: int | None = None
    timeout: float | None = None
    schema: JsonObject | None = None
    config: str | None = None
    servers: str | None = None
    served: bool = False

    def as_json(self) -> JsonObject:
        """The stored form: what was said, nothing else."""
        stored: JsonObject = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value != item.default:
                stored[item.name] = cast("JsonValue", list(cast("Any", value)) if isinstance(value, tuple) else value)
        return stored

    @staticmethod
    def from_json(stored: JsonObject) -> "RunFlags":
        known = {item.name for item in fields(RunFlags)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
        }
        return RunFlags(**values)

    def replaced_by(self, newer: "RunFlags") -> "RunFlags":
        """Flags given again replace those that were kept."""
        said: dict[str, Any] = {
            item.name: getattr(newer, item.name) for item in fields(self) if getattr(newer, item.name) != item.default
        }
        return replace(self, **said)
