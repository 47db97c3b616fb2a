"""A tool's schema, compiled: does a value fit, and if not, why not.

Decides: whether a value is accepted, in bounded time, and what is said about one that is not. Does not
decide which schemas are usable (`schema_forms.py`), what a check may cost (`schema_costs.py`), nor what
happens to a call that does not fit (`gates/schema.py`).

The decision is `jsonschema-rs`, with linear-time patterns and without any retrieval. The explanation
is `jsonschema`, only ever asked about values that were already refused (`schema_faults.py`).
"""

from typing import TYPE_CHECKING, cast

import jsonschema_rs

from context.json_values import JsonObject
from context.visible_text import escape_line
from tool_gateway.schemas.costs import CostTable, Sizes, cost_table, sizes
from tool_gateway.schemas.forms import MAX_DEPTH, SchemaForm, UnusableSchema, vet

if TYPE_CHECKING:  # `import jsonschema` costs 90 ms; only a refusal needs it.
    from tool_gateway.schemas.faults import Explainer

__all__ = ["STEP_LIMIT", "CompiledSchema", "UnusableSchema", "compile_schema", "compiled"]

STEP_LIMIT = 50_000_000
"""Most steps of one check: about half a second of the compiled engine at worst."""

EXPLAIN_LIMIT = 100_000
"""Most steps that are explained: the explaining engine is some fifty times slower."""

_PATTERN_MEMORY = 1024 * 1024
_REMEMBERED = 512


class CompiledSchema:
    """A vetted schema and its two engines. Made by `compile_schema`."""

    __slots__ = ("_costs", "_decider", "_explainer", "_form")

    def __init__(self, form: SchemaForm, costs: CostTable, decider: jsonschema_rs.Draft202012Validator) -> None:
        self._form = form
        self._costs = costs
        self._decider = decider
        self._explainer: Explainer | None = None

    def accepts(self, value: object) -> bool:
        """Whether `value` (JSON) fits. What cannot be checked in bounded time does not."""
        measured = sizes(value)
        if measured is None or self._costs.steps(measured) > STEP_LIMIT:
            return False
        try:
            return self._decider.is_valid(value)
        except (ValueError, TypeError, OverflowError):  # no JSON: a lone surrogate, a foreign type
            return False

    def explain(self, value: object) -> list[tuple[str, str]]:
        """Why `value` does not fit: (argument path, what would be allowed), at most five, escaped and short.

        Empty exactly when `accepts` says that it fits.
        """
        if self.accepts(value):
            return []
        measured = sizes(value)
        if measured is None:
            return [("", f"is nested deeper than {MAX_DEPTH} levels, the most that is checked")]
        steps = self._costs.steps(measured)
        if steps > STEP_LIMIT:
            return [("", f"could take {steps:,} steps to check; the limit is {STEP_LIMIT:,}. Send less in one call")]
        return self._explained(value, measured) or [("", "does not fit the tool's schema")]

    def _explained(self, value: object, measured: Sizes) -> list[tuple[str, str]]:
        if self._costs.steps(measured) > EXPLAIN_LIMIT:
            return [("", "does not fit the tool's schema, and is too large for the fault to be searched for")]
        if self._explainer is None:
            from tool_gateway.schemas.faults import Explainer

            self._explainer = Explainer(self._form)
        return self._explainer.faults(value)


def compile_schema(schema: JsonObject | bool) -> CompiledSchema:
    """`schema` as a server wrote it, vetted and compiled. Remembers nothing; see `compiled`.

    Raises:
        UnusableSchema: the tool that has it cannot be used; says why.
    """
    form = vet(schema)
    costs = cost_table(form)
    least = costs.steps(Sizes((1,)))
    if least > STEP_LIMIT:
        raise UnusableSchema(f"checking even an empty value could take {least:,} steps; the limit is {STEP_LIMIT:,}")
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_MEMORY, dfa_size_limit=_PATTERN_MEMORY)
    try:
        decider = jsonschema_rs.Draft202012Validator(
            form.document, pattern_options=options, offline=True, validate_formats=False
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError, OverflowError) as exc:
        raise UnusableSchema(f"it is no valid JSON Schema: {_first_line(exc)}") from exc
    return CompiledSchema(form, costs, decider)


_memory: dict[int, tuple[object, CompiledSchema | UnusableSchema]] = {}


def compiled(schema: JsonObject) -> CompiledSchema:
    """As `compile_schema`, remembered for as long as this very object is used (the newest few hundred).

    Raises:
        UnusableSchema: see `compile_schema`.
    """
    known = _memory.get(id(schema))
    # The entry holds the schema itself, so its id cannot have passed to another object.
    if known is not None and known[0] is schema:
        result = known[1]
    else:
        try:
            result = compile_schema(schema)
        except UnusableSchema as exc:
            result = exc
        while len(_memory) >= _REMEMBERED:
            _memory.pop(next(iter(_memory)), None)
        _memory[id(schema)] = (schema, result)
    if isinstance(result, UnusableSchema):
        raise UnusableSchema(*result.args)
    return result


def _first_line(error: Exception) -> str:
    told = cast("str", getattr(error, "message", "")) or str(error)
    return escape_line(told.split("\n", 1)[0], 200)
