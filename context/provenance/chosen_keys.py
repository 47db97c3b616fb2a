"""The leaves of a call's arguments, and the keys that its caller chose.

Decides: which keys are the tool's own, by its schema; all others carry content like any value. Does not decide
whether a key is allowed (that is the schema gate's).
"""

from collections.abc import Iterator
from typing import cast

from context.json_values import JsonObject, JsonScalar, JsonValue

_MOST_STEPS = 64


def leaves_and_keys(arguments: JsonObject, schema: JsonObject | None) -> Iterator[tuple[str, JsonScalar]]:
    """Every scalar with its path as `json_values.leaves` writes it, and every chosen key, at `path{key}`.

    Args:
        schema: None takes the top-level keys for the tool's, and all others for the caller's.
    """
    waiting: list[tuple[str, JsonValue, list[JsonObject], bool]] = [
        ("", arguments, [] if schema is None else _forms(schema, schema), schema is None)
    ]
    while waiting:
        path, value, forms, is_top = waiting.pop()
        if isinstance(value, dict):
            declared = _declared(forms)
            below: list[tuple[str, JsonValue, list[JsonObject], bool]] = []
            for key, item in value.items():
                where = f"{path}.{key}" if path else key
                if not is_top and key not in declared:
                    below.append((where + "{key}", key, [], False))
                below.append((where, item, _below(forms, key, schema), False))
            waiting += reversed(below)
        elif isinstance(value, list):
            inner = [form for each in forms for form in _forms(each.get("items"), schema)]
            waiting += reversed([(f"{path}[{index}]", item, inner, False) for index, item in enumerate(value)])
        else:
            yield path, value


def _declared(forms: list[JsonObject]) -> set[str]:
    return {key for form in forms if isinstance(names := form.get("properties"), dict) for key in names}


def _below(forms: list[JsonObject], key: str, root: JsonObject | None) -> list[JsonObject]:
    found: list[JsonObject] = []
    for form in forms:
        names = form.get("properties")
        if isinstance(names, dict) and key in names:
            found += _forms(names[key], root)
        else:
            found += _forms(form.get("additionalProperties"), root)
    return found


def _forms(schema: JsonValue, root: JsonObject | None) -> list[JsonObject]:
    """The schema and those that it is made of (`$ref` within the document, `allOf`, `anyOf`, `oneOf`)."""
    found: list[JsonObject] = []
    waiting: list[JsonValue] = [schema]
    seen: set[int] = set()
    while waiting and len(found) < _MOST_STEPS:
        form = waiting.pop()
        if not isinstance(form, dict) or id(form) in seen:
            continue
        seen.add(id(form))
        found.append(form)
        reference = form.get("$ref")
        if isinstance(reference, str) and root is not None:
            waiting.append(_resolved(root, reference))
        for word in ("allOf", "anyOf", "oneOf"):
            parts = form.get(word)
            if isinstance(parts, list):
                waiting += parts
    return found


def _resolved(root: JsonObject, reference: str) -> JsonValue:
    if not reference.startswith("#"):
        return None
    place: JsonValue = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            return None
        place = cast("JsonObject", place)[name]
    return place
