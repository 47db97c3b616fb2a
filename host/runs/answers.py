"""The final answer against `--schema`: found, parsed, validated.

Decides: where in the answer's text the JSON is, and whether it satisfies the schema. Does not decide
what happens then (one regeneration, then exit 8: `machine`).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue
from tool_gateway.schemas.compiled import CompiledSchema, UnusableSchema, compile_schema

MAX_DEPTH = 64
"""Deepest nesting of an answer, as of a tool's result."""


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """`output` is the value when `faults` is empty; otherwise the faults say what the model must mend."""

    output: JsonValue
    faults: tuple[str, ...] = ()


def load_schema(path: Path) -> JsonObject:
    """The schema in `path`.

    Raises:
        ConfigError: unreadable, no JSON object, or not usable as a schema.
    """
    try:
        value = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=f"--schema {path}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}", where=f"--schema {path}") from error
    if not isinstance(value, dict):
        raise ConfigError("must hold one JSON object, a JSON Schema", where=f"--schema {path}")
    schema = cast("JsonObject", value)
    compile_answer_schema(schema, where=f"--schema {path}")
    return schema


def compile_answer_schema(schema: JsonObject, *, where: str) -> CompiledSchema:
    """Raises: ConfigError when the schema cannot be used."""
    try:
        return compile_schema(schema)
    except UnusableSchema as error:
        raise ConfigError(f"cannot be used: {error}", where=where) from error


def check_answer(text: str, schema: CompiledSchema) -> CheckedAnswer:
    """Parse `text` as JSON (a fenced block counts when it is the only one) and validate it."""
    try:
        value = json.loads(_json_part(text), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return CheckedAnswer(None, (f"the answer is not one JSON document: {error}",))
    if _deeper_than(value, MAX_DEPTH):
        return CheckedAnswer(None, (f"the answer is nested deeper than {MAX_DEPTH} levels",))
    if schema.accepts(value):
        return CheckedAnswer(value)
    return CheckedAnswer(None, tuple(f"{path or 'the answer'}: {message}" for path, message in schema.explain(value)))


def _json_part(text: str) -> str:
    stripped = text.strip()
    blocks = stripped.split("```")
    if len(blocks) != 3:
        return stripped
    # The opening fence may name a language (CommonMark 0.31.2, section 4.5, "info string").
    first, newline, rest = blocks[1].partition("\n")
    return (rest if newline and not first.lstrip().startswith(("{", "[", '"')) else blocks[1]).strip()


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("dict[str, object]", item).values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
        if not below:
            return False
        level = below
    return True
