"""A project as the policy commands see it: its rules, tools, models, agents and people, from the files alone.

Decides: whom and what a hypothetical question is about. Does not decide the question.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from context.calls import ToolRef
from context.errors import UsageError
from context.json_values import JsonObject
from context.visible_text import escape_line
from host.config.nearest_names import advice
from host.config.policy_files import declared_shapes, load_engine
from host.config.settings_file import location_of
from host.config.workshop import Workshop, open_workshop
from host.identity import who_runs_this
from host.people import find_person
from tool_gateway.policy.catalogue import ToolShape
from tool_gateway.policy.cedar import CedarEngine
from tool_gateway.policy.checks import KnownNames
from tool_gateway.policy.question import ModelResource, Principal, ToolResource
from tool_gateway.rules import ToolRule


@dataclass(frozen=True)
class PolicyProject:
    """See the module."""

    workshop: Workshop

    @cached_property
    def shapes(self) -> tuple[ToolShape, ...]:
        return declared_shapes(self.workshop.servers, self.workshop.lock)

    def engine(self) -> CedarEngine:
        """Raises: ConfigError, naming file, line and the nearest name."""
        return load_engine(self.workshop.settings, tools=self.shapes)

    def names(self) -> KnownNames:
        """What rules can speak about."""
        settings, servers = self.workshop.settings, self.workshop.servers
        people = {role for person in settings.people.values() for role in person.roles}
        labels: set[str] = set()
        for server in servers.servers.values() if servers is not None else ():
            labels.update(server.returns.labels)
            labels.update(label for tool in server.tools.values() if tool.returns for label in tool.returns.labels)
        return KnownNames(
            agents=frozenset(settings.agents),
            models=frozenset(settings.models),
            roles=frozenset(people | {role for agent in settings.agents.values() for role in agent.roles}),
            people=frozenset(people),
            labels=frozenset(labels),
        )

    def principal(self, agent: str | None = None, *, user: str | None = None, roles: Iterable[str] = ()) -> Principal:
        """An agent of the settings acting for a user, with the roles of both and `roles` besides.

        Raises:
            ConfigError: there is no such agent.
        """
        settings = self.workshop.settings
        person = find_person(settings.people, user or settings.identity.user or who_runs_this())
        held = {*settings.agent(agent).roles, *person.roles, *roles}
        return Principal(agent or "default", person.name, frozenset(held))

    def tool(self, address: str) -> tuple[ToolResource, ToolRule]:
        """A listed tool by `server.tool`.

        Raises:
            UsageError: there is none; names the nearest.
        """
        by_name = {str(shape.ref): shape for shape in self.shapes}
        if address not in by_name:
            raise UsageError(
                f"there is no tool `{escape_line(address, 150)}`",
                next_step=advice(address, by_name, noun="tool") if by_name else "Add its server: `gatehost mcp add`",
            )
        return by_name[address].resource, self._rule(by_name[address].ref)

    def model(self, name: str) -> ModelResource:
        """A model of the settings.

        Raises:
            UsageError: there is none; names the nearest.
        """
        models = self.workshop.settings.models
        if name not in models:
            raise UsageError(
                f"there is no model `{escape_line(name, 150)}`",
                next_step=advice(name, models, noun="model")
                if models
                else "Describe it in gatehost.toml: [models.NAME]",
            )
        return ModelResource(name, models[name].adapter, location_of(models[name]))

    def _rule(self, ref: ToolRef) -> ToolRule:
        servers = self.workshop.servers
        assert servers is not None
        return servers.servers[ref.server].tools[ref.tool]


def open_project(args: argparse.Namespace) -> PolicyProject:
    """What `--config` and `--servers` name, or what the folder has; nothing is started, so nothing needs trust.

    Raises:
        ConfigError: a file is missing or malformed.
    """
    return PolicyProject(open_workshop(config=args.config, servers=args.servers, trusted=False))


def rule_rows(engine: CedarEngine, shipped: str) -> Sequence[JsonObject]:
    """The rules in force, in the order of their files.

    Args:
        shipped: The name of the file that ships.
    """
    return [
        {
            "id": policy.id,
            "file": policy.statement.file,
            "line": policy.statement.line,
            "effect": "permit" if policy.permits else "ask" if policy.asks else "deny",
            "approvers": policy.approvers or None,
            "shipped": policy.statement.file == shipped,
        }
        for policy in engine.rulebook.policies.values()
    ]
