"""A server's JSON Schema rewritten into one small, closed form that cannot surprise an engine.

Decides: which schemas are usable at all, and their form: only keywords that assert something, only
references to `#` or `#/$defs/N` inside the same document, every pattern of linear time, draft 6 and 7
written as 2020-12. Both engines (`schemas.py`) see this form and nothing else of what the server
wrote, so nothing unvetted can reach them. Does not decide what a check may cost (`schema_costs.py`).

Sources: JSON Schema 2020-12, core and validation; MCP 2026-07-28, basic, "JSON Schema usage": 2020-12
unless `$schema` says otherwise, and a network `$ref` is never followed. `format`, `default` and the
other annotations assert nothing and are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from tool_gateway.schemas.patterns import LinearPattern

MAX_BYTES = 256 * 1024
MAX_VALUES = 20_000
MAX_DEPTH = 64
MAX_SUBSCHEMAS = 5_000
MAX_PATTERNS = 128

_SUPPORTED = {
    "https://json-schema.org/draft/2020-12/schema": "2020-12",
    "http://json-schema.org/draft-07/schema": "draft-07",
    "http://json-schema.org/draft-06/schema": "draft-06",
}

# Applied to the same value.
IN_PLACE_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
IN_PLACE_ONES = frozenset({"not", "if", "then", "else"})
IN_PLACE_MAPS = frozenset({"dependentSchemas"})
# Applied to parts of the value.
CHILD_ONES = frozenset(
    {"items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
)
CHILD_LISTS = frozenset({"prefixItems"})
CHILD_MAPS = frozenset({"properties", "patternProperties"})

_CONSTANTS = frozenset(
    {
        *("type", "enum", "const", "pattern", "required", "dependentRequired", "uniqueItems"),
        *("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"),
        *("maxContains", "minContains"),
    }
)
_LISTS = IN_PLACE_LISTS | CHILD_LISTS
_ONES = IN_PLACE_ONES | CHILD_ONES
_MAPS = IN_PLACE_MAPS | CHILD_MAPS

_NOT_IN_DRAFT_07 = frozenset(
    {
        *("dependentSchemas", "dependentRequired", "unevaluatedItems", "unevaluatedProperties"),
        *("prefixItems", "maxContains", "minContains", "$dynamicRef"),
    }
)
_NOT_IN_DRAFT_06 = _NOT_IN_DRAFT_07 | {"if", "then", "else"}


class UnusableSchema(ValueError):
    """The schema cannot be used safely, so neither can its tool. The text says why, without raw foreign text."""


@dataclass(frozen=True, slots=True)
class SchemaForm:
    """A vetted schema.

    Attributes:
        document: The closed form; a boolean for a schema that is one.
        patterns: Every pattern in it, compiled.
    """

    document: JsonObject | bool
    patterns: Mapping[str, LinearPattern]


def vet(schema: JsonObject | bool) -> SchemaForm:
    """The closed form of `schema`.

    Raises:
        UnusableSchema: too large, malformed, an unknown dialect, a reference out of the document, a
            pattern that RE2 does not take.
    """
    measure(schema)
    return _Vetting(schema).form()


def measure(value: object) -> None:
    """Bounds before anything recursive touches it.

    Raises:
        UnusableSchema: more than `MAX_BYTES`, `MAX_VALUES` or `MAX_DEPTH`.
    """
    level: list[object] = [value]
    values = size = depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise UnusableSchema(f"the schema is nested deeper than {MAX_DEPTH}")
        below: list[object] = []
        for item in level:
            values += 1
            size += 4
            if isinstance(item, str):
                size += len(item.encode("utf-8", "surrogatepass"))
            elif isinstance(item, dict):
                named = cast("dict[str, object]", item)
                size += sum(len(key.encode("utf-8", "surrogatepass")) + 4 for key in named)
                below.extend(named.values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
            elif isinstance(item, int) and item.bit_length() > 1024:
                raise UnusableSchema("the schema holds a number of more than 1024 bits")
        if values > MAX_VALUES or size > MAX_BYTES:
            raise UnusableSchema(
                f"the schema is larger than {MAX_VALUES:,} values or {MAX_BYTES // 1024} KiB, the most that is checked"
            )
        level = below


class _Vetting:
    """One pass over one document; references are followed as they are met, each target once."""

    def __init__(self, root: JsonObject | bool) -> None:
        self._root = root
        self._patterns: dict[str, LinearPattern] = {}
        self._subschemas = 0
        self._numbers: dict[tuple[str, ...], int] = {}
        self._waiting: list[tuple[tuple[str, ...], JsonValue, str]] = []
        self._base = ""
        self._without: frozenset[str] = frozenset()
        self._old = False
        if isinstance(root, dict):
            self._read_head(root)

    def _read_head(self, root: JsonObject) -> None:
        named = root.get("$schema", "https://json-schema.org/draft/2020-12/schema")
        dialect = None
        if isinstance(named, str):
            plain = named.removesuffix("#").replace("https://json-schema.org/draft-0", "http://json-schema.org/draft-0")
            dialect = _SUPPORTED.get(plain.replace("http://json-schema.org/draft/", "https://json-schema.org/draft/"))
        if dialect is None:
            raise UnusableSchema(
                f"its dialect ($schema {_shown(named)}) is not supported; "
                f"supported are {', '.join(_SUPPORTED.values())}"
            )
        self._old = dialect != "2020-12"
        self._without = {"draft-06": _NOT_IN_DRAFT_06, "draft-07": _NOT_IN_DRAFT_07}.get(dialect, frozenset())
        base = root.get("$id")
        if isinstance(base, str):
            self._base = base.split("#")[0]

    def form(self) -> SchemaForm:
        document = self._subschema(self._root, "", top=True)
        definitions: JsonObject = {}
        while self._waiting:
            tokens, target, where = self._waiting.pop()
            definitions[str(self._numbers[tokens])] = self._subschema(target, where, top=False)
        if isinstance(document, dict) and definitions:
            document["$defs"] = definitions
        return SchemaForm(document, self._patterns)

    def _subschema(self, schema: JsonValue, where: str, *, top: bool) -> JsonObject | bool:
        self._subschemas += 1
        if self._subschemas > MAX_SUBSCHEMAS:
            raise UnusableSchema(f"the schema has more than {MAX_SUBSCHEMAS} subschemas once references are followed")
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise UnusableSchema(f"{_at(where)} is no schema: {_shown(schema)}")
        if not top:
            self._refuse_rebasing(schema, where)
        if self._old and "$ref" in schema:  # siblings of $ref mean nothing before 2019-09
            return {"$ref": self._reference(schema["$ref"], where)}
        form: JsonObject = {}
        for keyword, value in schema.items():
            if keyword in self._without:
                continue
            self._keyword(form, keyword, value, where)
        if self._old:
            self._old_items(form, schema, where)
            self._old_dependencies(form, schema, where)
        return form

    def _keyword(self, form: JsonObject, keyword: str, value: JsonValue, where: str) -> None:
        inside = f"{where}/{keyword}"
        if keyword == "items" and self._old:
            return
        if keyword in _ONES:
            form[keyword] = self._subschema(value, inside, top=False)
        elif keyword in _LISTS:
            if not isinstance(value, list):
                raise UnusableSchema(f"{_at(inside)} is no list of schemas")
            form[keyword] = [self._subschema(item, f"{inside}/{index}", top=False) for index, item in enumerate(value)]
        elif keyword in _MAPS:
            if not isinstance(value, dict):
                raise UnusableSchema(f"{_at(inside)} is no map of schemas")
            if keyword == "patternProperties":
                for pattern in value:
                    self._pattern(pattern, inside)
            form[keyword] = {name: self._subschema(item, f"{inside}/{name}", top=False) for name, item in value.items()}
        elif keyword in _CONSTANTS:
            if keyword == "pattern":
                self._pattern(value, inside)
            form[keyword] = value
        elif keyword in {"$ref", "$dynamicRef"}:
            # One document without nested `$id` is one resource, and in one resource a dynamic reference
            # can only mean what a static one means (core, section 8.2.3.2).
            if "$ref" in form:
                raise UnusableSchema(f"{_at(where)} has both $ref and $dynamicRef, which is not supported")
            form["$ref"] = self._reference(value, inside)

    def _old_items(self, form: JsonObject, schema: JsonObject, where: str) -> None:
        items = schema.get("items")
        if items is None:
            return
        if not isinstance(items, list):
            form["items"] = self._subschema(items, f"{where}/items", top=False)
            return
        if items:
            form["prefixItems"] = [
                self._subschema(item, f"{where}/items/{index}", top=False) for index, item in enumerate(items)
            ]
        if "additionalItems" in schema:
            form["items"] = self._subschema(schema["additionalItems"], f"{where}/additionalItems", top=False)

    def _old_dependencies(self, form: JsonObject, schema: JsonObject, where: str) -> None:
        dependencies = schema.get("dependencies")
        if dependencies is None:
            return
        if not isinstance(dependencies, dict):
            raise UnusableSchema(f"{_at(where)} has `dependencies` that are no map")
        schemas: JsonObject = {}
        names: JsonObject = {}
        for name, dependency in dependencies.items():
            if isinstance(dependency, list):
                names[name] = dependency
            else:
                schemas[name] = self._subschema(dependency, f"{where}/dependencies/{name}", top=False)
        if schemas:
            form["dependentSchemas"] = schemas
        if names:
            form["dependentRequired"] = names

    def _refuse_rebasing(self, schema: JsonObject, where: str) -> None:
        named = schema.get("$id")
        if isinstance(named, str) and not (self._old and named.startswith("#")):
            raise UnusableSchema(
                f"{_at(where)} sets $id {_shown(named)}, which would change what every reference below it means"
            )

    def _pattern(self, text: JsonValue, where: str) -> None:
        if not isinstance(text, str):
            raise UnusableSchema(f"{_at(where)} is no text")
        if text in self._patterns:
            return
        if len(self._patterns) >= MAX_PATTERNS:
            raise UnusableSchema(f"the schema has more than {MAX_PATTERNS} patterns")
        try:
            self._patterns[text] = LinearPattern(text)
        except ValueError as exc:
            raise UnusableSchema(f"{_at(where)}: {exc}") from exc

    def _reference(self, written: JsonValue, where: str) -> str:
        if not isinstance(written, str):
            raise UnusableSchema(f"{_at(where)} is no text")
        local = written
        if self._base and (local == self._base or local.startswith(self._base + "#")):
            local = "#" + local[len(self._base) + 1 :]
        if not local.startswith("#"):
            raise UnusableSchema(
                f"{_at(where)} refers out of the document ({_shown(written)}); nothing is fetched for a schema"
            )
        tokens = self._tokens(unquote(local[1:]), written, where)
        if not tokens:
            return "#"
        number = self._numbers.get(tokens)
        if number is None:
            number = self._numbers[tokens] = len(self._numbers)
            self._waiting.append((tokens, self._target(tokens, written, where), "/" + "/".join(tokens)))
        return f"#/$defs/{number}"

    def _tokens(self, fragment: str, written: str, where: str) -> tuple[str, ...]:
        if not fragment:
            return ()
        if fragment.startswith("/"):
            return tuple(step.replace("~1", "/").replace("~0", "~") for step in fragment[1:].split("/"))
        places = _anchored(self._root, fragment, old=self._old)
        if len(places) != 1:
            problem = "does not exist" if not places else "exists more than once"
            raise UnusableSchema(f"{_at(where)} refers to {_shown(written)}, which {problem}")
        return places[0]

    def _target(self, tokens: tuple[str, ...], written: str, where: str) -> JsonValue:
        place: JsonValue = self._root
        for token in tokens:
            if isinstance(place, dict) and token in place:
                place = place[token]
            elif isinstance(place, list) and token.isascii() and token.isdigit() and int(token[:6]) < len(place):
                place = place[int(token[:6])]
            else:
                raise UnusableSchema(f"{_at(where)} refers to {_shown(written)}, which does not exist")
        return place


def _anchored(root: JsonValue, name: str, *, old: bool) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    pending: list[tuple[tuple[str, ...], JsonValue]] = [((), root)]
    while pending:
        tokens, value = pending.pop()
        if isinstance(value, dict):
            if old and value.get("$id") == f"#{name}":
                found.append(tokens)
            if not old and name in (value.get("$anchor"), value.get("$dynamicAnchor")):
                found.append(tokens)
            pending.extend(((*tokens, key), item) for key, item in value.items())
        elif isinstance(value, list):
            pending.extend(((*tokens, str(index)), item) for index, item in enumerate(value))
    return found


def _at(where: str) -> str:
    return escape_line(where, 120) or "the top of the schema"


def _shown(value: object) -> str:
    return escape_line(value if isinstance(value, str) else type(value).__name__, 80)
