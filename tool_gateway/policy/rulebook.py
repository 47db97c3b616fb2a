"""All policies of a project, checked against the schema and, tool by tool, against the tools' own arguments.

Decides: which policies can apply to a question, and with which schema they are evaluated. Does not decide a
question (`cedar.py`).

Cedar gives a context one type per action, and every tool has arguments of its own. So the schema is completed for
each tool with the type that its accepted input schema describes, and each policy is checked once for every tool that
its scope can reach. A policy that looks at no argument is checked once for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import cedarpy
from cedarpy import pst

from context.calls import ToolRef
from tool_gateway.policy.argument_types import Record, arguments_type, looked_at, type_at, type_text
from tool_gateway.policy.catalogue import ToolShape
from tool_gateway.policy.faults import Fault, PolicyFault
from tool_gateway.policy.literals import literal_faults
from tool_gateway.policy.mentions import Mentions
from tool_gateway.policy.numbers import with_decimals
from tool_gateway.policy.question import Action, Resource, ToolResource
from tool_gateway.policy.reach import may_apply
from tool_gateway.policy.reading import Policy
from tool_gateway.policy.schema_text import SchemaText
from tool_gateway.policy.type_faults import check_types, missing_argument


@dataclass(frozen=True, eq=False)
class Unit:
    """What is evaluated for one action on one resource.

    Attributes:
        policies: Those whose scope can match, by id.
        arguments: The part of the arguments at which they look.
        fault: Why it cannot be evaluated: its policies do not fit the tool. Denies.
    """

    policies: Mapping[str, Policy]
    compiled: cedarpy.PolicySet
    schema: cedarpy.Schema
    mentions: Mentions
    arguments: Record
    fault: Fault | None = None

    def without(self, ids: Iterable[str]) -> cedarpy.PolicySet:
        """The same policies but these."""
        left = dict(self.compiled.to_pst().static_policies)
        for name in ids:
            left.pop(name, None)
        return cedarpy.PolicySet.from_pst(pst.PolicySet({}, left, ()))


class Rulebook:
    """Policies and schema that fit each other.

    Args:
        tools: Those whose arguments are known.

    Raises:
        PolicyFault: they do not fit; names file, line and the nearest name.
    """

    def __init__(self, policies: Sequence[Policy], schema: SchemaText, tools: Iterable[ToolShape] = ()) -> None:
        self.policies: Mapping[str, Policy] = {policy.id: policy for policy in policies}
        self.schema = schema
        self.tools: Mapping[ToolRef, ToolShape] = {tool.ref: tool for tool in tools}
        self._full: dict[ToolRef, Record] = {}
        self._schemas: dict[str, cedarpy.Schema] = {"{}": schema.base}
        self._units: dict[tuple[tuple[str, ...], str], Unit] = {}
        faults = [*self._general_faults(), *self._argument_faults()]
        if faults:
            raise PolicyFault(faults)

    def unit(self, action: Action, resource: Resource) -> Unit:
        """What is evaluated for a question. Units are shared where nothing differs."""
        applying = {
            policy.id: policy for policy in self.policies.values() if may_apply(policy.template, action, resource)
        }
        mentions = reduce(Mentions.join, (policy.mentions for policy in applying.values()), Mentions())
        arguments, tool = Record(), None
        if action == "call" and isinstance(resource, ToolResource) and mentions.arguments:
            tool = resource.ref
            arguments = looked_at(self.full_arguments(tool) or Record(), mentions.arguments)
        text = type_text(arguments)
        key = (tuple(applying), repr(arguments))
        found = self._units.get(key)
        if found is None:
            found = self._made(applying, mentions, arguments, self._schema(text), tool)
            self._units[key] = found
        return found

    def full_arguments(self, tool: ToolRef) -> Record | None:
        """The whole type of a tool's arguments; None where its input schema is not known."""
        if tool not in self._full:
            shape = self.tools.get(tool)
            if shape is None or shape.input_schema is None:
                return None
            self._full[tool] = arguments_type(shape.input_schema)
        return self._full[tool]

    def reached(self, policy: Policy) -> list[ToolShape]:
        """The known tools whose calls a policy can be about."""
        return [tool for tool in self.tools.values() if may_apply(policy.template, "call", tool.resource)]

    def _made(
        self,
        applying: Mapping[str, Policy],
        mentions: Mentions,
        arguments: Record,
        schema: cedarpy.Schema,
        tool: ToolRef | None,
    ) -> Unit:
        compiled = _compiled(applying.values(), arguments)
        faults: list[Fault] = []
        if tool is not None:
            looking = {name: policy for name, policy in applying.items() if policy.mentions.arguments}
            full = self.full_arguments(tool) or Record()
            texts = _compiled(looking.values(), arguments)
            faults = check_types(looking, texts, schema, words=self.schema, arguments=full, tool=str(tool))
        return Unit(applying, compiled, schema, mentions, arguments, faults[0] if faults else None)

    def _schema(self, text: str) -> cedarpy.Schema:
        if text not in self._schemas:
            self._schemas[text] = self.schema.with_arguments(text)
        return self._schemas[text]

    def _general_faults(self) -> list[Fault]:
        """What is wrong whatever the tools. A rule that looks at arguments is held against them later."""
        faults = [fault for policy in self.policies.values() for fault in literal_faults(policy)]
        plain = {name: policy for name, policy in self.policies.items() if not policy.mentions.arguments}
        looking = {name: policy for name, policy in self.policies.items() if policy.mentions.arguments}
        empty = Record()
        faults += check_types(
            plain, _compiled(plain.values(), empty), self.schema.base, words=self.schema, arguments=empty
        )
        for name, policy in looking.items():
            if not any(tool.input_schema is not None for tool in self.reached(policy)):
                found = check_types(
                    {name: policy},
                    _compiled([policy], empty),
                    self.schema.base,
                    words=self.schema,
                    arguments=empty,
                )
                faults += [fault for fault in found if "is no argument" not in fault.what]
        return faults

    def _argument_faults(self) -> list[Fault]:
        faults: dict[Fault, None] = {}
        told: set[str] = set()
        for policy in self.policies.values():
            known = [(tool.ref, full) for tool in self.reached(policy) if (full := self.full_arguments(tool.ref))]
            for path, _ in policy.mentions.arguments if known else ():
                # With `has` in front of it a misspelt name would make a rule that never holds, silently.
                if path and all(type_at(full, path) is None for _, full in known):
                    ref, full = known[0]
                    faults[missing_argument(policy, path, full, str(ref) if len(known) == 1 else None)] = None
                    told.add(policy.id)
        for shape in self.tools.values():
            if shape.input_schema is None:
                continue
            fault = self.unit("call", shape.resource).fault
            if fault is not None and fault.policy not in told:
                faults[fault] = None
        return list(faults)


def _compiled(policies: Iterable[Policy], arguments: Record) -> cedarpy.PolicySet:
    trees = {policy.id: with_decimals(policy.template, arguments) for policy in policies}
    return cedarpy.PolicySet.from_pst(pst.PolicySet({}, trees, ()))
