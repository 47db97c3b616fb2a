"""The text of a Cedar schema: its words, and the one type in it that differs from tool to tool.

Decides: how a schema that does not parse is explained, and which words a rule can have meant. Does not decide what
the schema declares.
"""

import re
from collections.abc import Iterable
from functools import cached_property

import cedarpy

from context.visible_text import escape_line
from tool_gateway.policy.faults import Fault, PolicyFault, nearest_step
from tool_gateway.policy.statements import lines_before, masked, too_deep, without_comments

_ARGUMENTS = re.compile(r"\btype\s+Arguments\s*=")
_TOKEN = re.compile(r"unexpected token `(.+)`$", re.DOTALL)
_UNKNOWN = re.compile(r"failed to resolve (?:type|types|action)s?: (\S+)")
_CEDAR_TYPES = ("Long", "String", "Bool", "Set", "decimal", "ipaddr", "datetime", "duration")


class SchemaText:
    """One schema, read.

    Raises:
        PolicyFault: it does not parse, or declares no `type Arguments`.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        bound = too_deep(text)
        if bound is not None:
            raise PolicyFault([Fault(file, 0, bound, "Write it flatter")])
        bare = masked(text)
        found = list(_ARGUMENTS.finditer(bare))
        if len(found) != 1:
            step = "Start from the shipped schema: `gatehost policy check --show-schema`"
            raise PolicyFault([Fault(file, 0, "the schema declares no `type Arguments = {};`", step)])
        try:
            self.base = cedarpy.Schema.from_str(text)
        except ValueError as error:
            raise PolicyFault([self._fault(str(error))]) from error
        self._span = (found[0].end(), bare.index(";", found[0].end()))

    def with_arguments(self, kind: str) -> cedarpy.Schema:
        """The schema for a tool whose arguments are of this Cedar type."""
        start, end = self._span
        return cedarpy.Schema.from_str(f"{self.text[:start]} {kind}{self.text[end:]}")

    @cached_property
    def attributes(self) -> frozenset[str]:
        return frozenset(re.findall(r'"?([A-Za-z_]\w*)"?\s*\??\s*:(?!:)', without_comments(self.text)))

    @cached_property
    def entities(self) -> frozenset[str]:
        names = re.findall(r"\bentity\s+([\w\s,]+?)\s*(?:in\b|[{;=]|enum\b|tags\b)", masked(self.text))
        return frozenset(name.strip() for group in names for name in group.split(","))

    @cached_property
    def actions(self) -> frozenset[str]:
        found = re.findall(r'\baction\s+((?:"[^"]*"|\w+)(?:\s*,\s*(?:"[^"]*"|\w+))*)', without_comments(self.text))
        return frozenset(name.strip().strip('"') for group in found for name in group.split(","))

    def _fault(self, message: str) -> Fault:
        token, unknown = _TOKEN.search(message), _UNKNOWN.search(message)
        line, step = 0, "Correct it"
        if token is not None:
            line = 1 + lines_before(self.text, token[1], cedarpy.Schema.from_str)
        elif unknown is not None:
            word = unknown[1].strip(",.`\"'")
            line = _line_of(self.text, word)
            step = nearest_step(word, {*self._declared(), *_CEDAR_TYPES}, otherwise=step)
        elif "end of input" in message:
            line, step = self.text.rstrip().count("\n") + 1, "End each declaration with `;`"
        return Fault(self.file, line, f"it is no Cedar schema: {escape_line(message, 200)}", step)

    def _declared(self) -> Iterable[str]:
        return (*self.entities, *re.findall(r"\btype\s+(\w+)", masked(self.text)))


def _line_of(text: str, word: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", without_comments(text))
    return text.count("\n", 0, found.start()) + 1 if found else 0
