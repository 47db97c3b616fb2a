from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tool_gateway.schemas.test_schema_agreement import random_document, random_value
from tool_gateway.schemas.costs import cost_table, sizes
from tool_gateway.schemas.forms import UnusableSchema, vet


class _Diligent:
    """An engine that looks at everything, stops at nothing, and counts: no real one does more."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def checks(self, schema: Any, value: Any) -> int:
        count = 1 + sum(self.checks(part, value) for part in self._in_place(schema))
        count += sum(self.checks(part, item) for part, item in self._below(schema, value))
        if isinstance(schema, dict) and {"unevaluatedProperties", "unevaluatedItems"} & schema.keys():
            count += self._marks(schema, value)
        return count

    def _marks(self, schema: Any, value: Any) -> int:
        """Finding out what was evaluated: each part in place is checked again, and then asked what it saw."""
        return 1 + sum(self.checks(part, value) + self._marks(part, value) for part in self._in_place(schema))

    def _in_place(self, schema: Any) -> Iterator[Any]:
        if not isinstance(schema, dict):
            return
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            yield self._document if name == "#" else self._document["$defs"][name]
        for keyword in ("allOf", "anyOf", "oneOf"):
            yield from schema.get(keyword, ())
        for keyword in ("not", "if", "then", "else"):
            if keyword in schema:
                yield schema[keyword]
        yield from schema.get("dependentSchemas", {}).values()

    def _below(self, schema: Any, value: Any) -> Iterator[tuple[Any, Any]]:
        if not isinstance(schema, dict):
            return
        if isinstance(value, dict):
            for name, item in value.items():
                if name in schema.get("properties", {}):
                    yield schema["properties"][name], item
                yield from ((part, item) for part in schema.get("patternProperties", {}).values())
                for keyword in ("additionalProperties", "unevaluatedProperties", "propertyNames"):
                    if keyword in schema:
                        yield schema[keyword], item
        if isinstance(value, list):
            for index, item in enumerate(value):
                if index < len(schema.get("prefixItems", ())):
                    yield schema["prefixItems"][index], item
                for keyword in ("items", "unevaluatedItems", "contains"):
                    if keyword in schema:
                        yield schema[keyword], item


@pytest.mark.promise("a_schema_check_is_bounded")
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**64))
def test_no_engine_can_take_more_steps_than_were_counted_beforehand(seed: int) -> None:
    random = Random(seed)
    try:
        form = vet(random_document(random))
        table = cost_table(form)
    except UnusableSchema:
        return
    for _ in range(4):
        value = random_value(random)
        measured = sizes(value)
        assert measured is not None
        assert table.steps(measured) >= _Diligent(form.document).checks(form.document, value)


@pytest.mark.promise("a_schema_check_is_bounded")
@pytest.mark.parametrize("times", [3, 8, 12])
def test_nested_unevaluated_properties_are_counted_as_often_as_engines_walk_them(times: int) -> None:
    schema: dict[str, Any] = {"properties": {"a": True}, "unevaluatedProperties": False}
    for _ in range(times):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    form = vet(schema)
    measured = sizes({"a": 1})
    assert measured is not None
    assert cost_table(form).steps(measured) >= _Diligent(form.document).checks(form.document, {"a": 1})


def test_long_texts_and_keys_count_by_their_length() -> None:
    short, long = sizes({"a": "b"}), sizes({"a" * 16_000: "b" * 16_000})
    assert short is not None
    assert long is not None
    assert long.levels[0] > short.levels[0] + 900
    assert long.levels[1] > short.levels[1] + 900


def test_a_pattern_counts_by_the_size_of_its_program() -> None:
    plain, heavy = (cost_table(vet({"pattern": pattern})).per_depth[0] for pattern in ("a", "a{500}"))
    assert heavy > plain + 500


def test_a_schema_that_alternates_by_depth_is_counted_at_every_depth() -> None:
    form = vet({"items": {"allOf": [True] * 9, "items": {"$ref": "#"}}})
    table = cost_table(form)
    assert table.per_depth[1] > 9
    assert table.per_depth[3] > 9


def test_what_applies_to_any_property_counts_with_what_applies_to_a_named_one() -> None:
    named: dict[str, Any] = {"properties": {"a": {"allOf": [True] * 9}}}
    alone = cost_table(vet(named)).per_depth[1]
    both = cost_table(vet(named | {"patternProperties": {"x": {"allOf": [True] * 9}}})).per_depth[1]
    assert both == 2 * alone
